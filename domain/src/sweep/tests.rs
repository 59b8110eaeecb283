//! The decision as a table: a script in, the plan out.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;
use crate::canonical::Generation;
use crate::verdict::Depth;
use crate::{Cause, Fault, RecipeName, RunId, Tier};

const HARNESS: &str = "0.1.0";

fn name(text: &str) -> RecipeName {
    RecipeName::parse(text).unwrap()
}

fn run_id() -> RunId {
    RunId::parse("00c0ffee").unwrap()
}

fn told(cause: &Cause) -> Told {
    Told::of(Some(Tier::Install), cause)
}

fn crash() -> Told {
    told(&Cause::BadRecipe { says: "no `app`".into() })
}

fn engine() -> Told {
    told(&Cause::Engine { says: "it did not answer".into() })
}

fn ran(release: &str, word: &str) -> Ran {
    let green = ColdVerdict::Green { depth: Depth::Asserted };
    let advance = |cause: &Cause| PromotionEnd::Failed {
        run: None,
        why: Told::of(Some(Tier::Advance), cause),
        left: Vec::new(),
    };
    let ended = |end| Promotion::Ended { end };
    let (verdict, promotion) = match word {
        "green" => (green, Promotion::NotWanted),
        "promoted" => {
            let end =
                PromotionEnd::Promoted { run: None, generation: Generation(3), level: 6, left: Vec::new() };
            (green, ended(end))
        }
        "lost" => {
            (green, ended(advance(&Cause::DataLost { volume: "data".into(), says: "it is gone".into() })))
        }
        "stuck" => (green, ended(advance(&Cause::Engine { says: "it did not answer".into() }))),
        "stopped" => (green, ended(advance(&Cause::Interrupted))),
        "refused" => (green, ended(PromotionEnd::Refused { why: "it is held".into() })),
        "red" => (ColdVerdict::Red { why: crash() }, Promotion::NotDue),
        "unjudged" => (ColdVerdict::NotJudged { why: engine() }, Promotion::NotDue),
        word => panic!("{word}"),
    };
    Ran {
        why: Why::New,
        release: release.into(),
        commit: "c".into(),
        harness: HARNESS.into(),
        at: DateTime::UNIX_EPOCH,
        millis: 60_000,
        cold: Cold { run: Some(run_id()), level: 5, verdict, left: Vec::new() },
        promotion,
    }
}

/// A line is `recipe what-the-mirror-says what-was-before [more…]`, such as `gitea 1.0.0+1 green@1.0.0+1 took=60,90`.
/// More: `canonical`, `out=reason`, `held`, `held-until-past`, `harness=…`, `moved`.
fn play(script: &str, asked: &Asked) -> SweepPlan {
    let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
    let (mut enrolled, mut newest, mut before) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let recipe = name(words.next().unwrap());
        let mut one = Enrolled { recipe: recipe.clone(), membership: Membership::In, canonical: false };
        let mut known = Before::default();
        let mirror = match words.next().unwrap() {
            "unreachable" => Newest::Unreachable { says: "no route to host".into(), fault: Fault::Platform },
            "none" => Newest::NoRelease,
            tag => Newest::Release { tag: tag.into(), commit: "c".into() },
        };
        newest.insert(recipe.clone(), mirror);
        if let Some((word, release)) = words.next().unwrap_or("-").split_once('@') {
            known.judged = Some(ran(release, word).judged());
        }
        for more in words {
            let judged = known.judged.as_mut();
            match more.split_once('=').unwrap_or((more, "")) {
                ("canonical", _) => one.canonical = true,
                ("out", reason) => one.membership = Membership::Out { reason: reason.into() },
                ("held", _) => known.hold = Some(Hold { reason: "in repair".into(), until: None }),
                ("held-until-past", _) => {
                    let until = Some(now - TimeDelta::seconds(1));
                    known.hold = Some(Hold { reason: "in repair".into(), until });
                }
                ("harness", version) => judged.unwrap().harness = version.into(),
                ("moved", _) => judged.unwrap().commit = "d".into(),
                ("took", seconds) => {
                    let seconds = seconds.split(',').map(|s| Duration::from_secs(s.parse().unwrap()));
                    known.took = seconds.collect();
                }
                other => panic!("{other:?}"),
            }
        }
        enrolled.push(one);
        before.insert(recipe, known);
    }
    plan(&enrolled, &newest, &before, asked, HARNESS, now)
}

fn told_plan(plan: &SweepPlan) -> String {
    let mut out = String::new();
    for Planned { recipe, task } in &plan.rows {
        let text = match task {
            Task::Run { release, why, expected_millis, canonical, .. } => {
                let expected = expected_millis.map_or("-".into(), |ms| (ms / 1000).to_string());
                let onto = if *canonical { ", onto its canonical" } else { "" };
                format!("run {release} ({why}) expected {expected}{onto}")
            }
            Task::Skip { skip, stands: None } => format!("skip {skip}"),
            Task::Skip { skip, stands: Some(judged) } => {
                format!("skip {skip} [{} at {}]", judged.state.word(), judged.release)
            }
        };
        out.push_str(&format!("{recipe} {text}\n"));
    }
    out
}

const WORLD: &str = "
    unchanged  1.0.0+1     green@1.0.0+1
    newer      1.1.0+1     green@1.0.0+1     took=60
    first      1.0.0+1     -
    broken     1.0.0+1     red@1.0.0+1       took=600,5,900
    stormy     1.0.0+1     unjudged@1.0.0+1  took=600
    advanced   1.0.0+1     promoted@1.0.0+1  canonical
    hurt       1.0.0+1     lost@1.0.0+1      canonical took=30
    owed       1.0.0+1     green@1.0.0+1     canonical took=20
    moved      1.0.0+1     green@1.0.0+1     moved took=10
    older      1.0.0+1     green@1.0.0+1     harness=0.0.9 took=9
    held       1.1.0+1     red@1.0.0+1       held
    freed      1.1.0+1     red@1.0.0+1       held-until-past took=8
    out        1.1.0+1     green@1.0.0+1     out=unmaintained
    far        unreachable green@1.0.0+1
    bare       none        -
";

#[test]
fn what_is_green_and_unchanged_is_left_out_and_all_else_is_run_or_says_why_not() {
    insta::assert_snapshot!(told_plan(&play(WORLD, &Asked::default())), @r"
    first run 1.0.0+1 (never judged before) expected -
    broken run 1.0.0+1 (again: it was RED) expected 600
    stormy run 1.0.0+1 (again: it could not be judged) expected 600
    newer run 1.1.0+1 (new release, after 1.0.0+1) expected 60
    hurt run 1.0.0+1 (again: it was GREEN-BUT-PROMOTE-FAILED) expected 30, onto its canonical
    owed run 1.0.0+1 (green, and not on a canonical yet) expected 20, onto its canonical
    moved run 1.0.0+1 (the tag points to another commit now) expected 10
    older run 1.0.0+1 (simmer 0.0.9 judged it, this is another version) expected 9
    freed run 1.1.0+1 (new release, after 1.0.0+1) expected 8
    advanced skip no-new-release: 1.0.0+1 is the newest [GREEN at 1.0.0+1]
    bare skip no-release: no tag is a release
    far skip unreachable: no route to host [GREEN at 1.0.0+1]
    held skip held: in repair [RED at 1.0.0+1]
    out skip de-enrolled: unmaintained [GREEN at 1.0.0+1]
    unchanged skip no-new-release: 1.0.0+1 is the newest [GREEN at 1.0.0+1]
    ");
}

#[test]
fn force_runs_what_is_green_and_no_hold_and_no_owner_is_overruled() {
    let forced = Asked { force: true, ..Asked::default() };
    let plan = told_plan(&play(WORLD, &forced));
    let kept: Vec<&str> = plan.lines().filter(|line| line.contains(" skip ")).collect();
    insta::assert_snapshot!(kept.join("\n"), @r"
    bare skip no-release: no tag is a release
    far skip unreachable: no route to host [GREEN at 1.0.0+1]
    held skip held: in repair [RED at 1.0.0+1]
    out skip de-enrolled: unmaintained [GREEN at 1.0.0+1]
    ");
    assert!(plan.contains("unchanged run 1.0.0+1 (forced)"), "{plan}");
}

#[test]
fn only_names_what_is_run_and_the_others_keep_their_row() {
    let only = Asked { only: vec![name("broken"), name("unchanged")], ..Asked::default() };
    let plan = play(WORLD, &only);
    assert_eq!(plan.rows.len(), 15);
    let told = told_plan(&plan);
    let kept: Vec<&str> = told.lines().filter(|line| !line.contains("not-asked")).collect();
    insta::assert_snapshot!(kept.join("\n"), @r"
    broken run 1.0.0+1 (again: it was RED) expected 600
    out skip de-enrolled: unmaintained [GREEN at 1.0.0+1]
    unchanged skip no-new-release: 1.0.0+1 is the newest [GREEN at 1.0.0+1]
    ");
}

#[test]
fn the_expected_time_of_a_sweep_names_what_is_unknown() {
    let plan = play(WORLD, &Asked::default());
    let (time, unknown) = plan.expected();
    assert_eq!((time.as_secs(), unknown, plan.runs()), (600 + 600 + 60 + 30 + 20 + 10 + 9 + 8, 1, 9));
}

/// A row from `recipe word@release`, or from `recipe skip [word@release]`.
fn row(line: &str) -> Row {
    let words: Vec<&str> = line.split_whitespace().collect();
    let stands = words.get(2).and_then(|w| w.split_once('@')).map(|(word, at)| ran(at, word).judged());
    let skipped = |skip| RowEnd::Skipped { skip, stands: stands.clone() };
    let end = match words[1] {
        "same" => skipped(Skip::NoNewRelease { release: "1.0.0+1".into() }),
        "held" => skipped(Skip::Held { reason: "in repair".into(), until: None }),
        "out" => skipped(Skip::DeEnrolled { reason: "unmaintained".into() }),
        "far" => {
            let says = "no route to host".into();
            skipped(Skip::Unreachable { says, fault: Fault::Platform })
        }
        "bare" => skipped(Skip::NoRelease),
        "unasked" => skipped(Skip::NotAsked),
        word => {
            let (word, release) = word.split_once('@').unwrap();
            RowEnd::Ran { ran: ran(release, word) }
        }
    };
    Row { recipe: name(words[0]), end }
}

fn rows(script: &str) -> Vec<Row> {
    script.split(';').map(str::trim).filter(|line| !line.is_empty()).map(row).collect()
}

fn comes_to(script: &str, unreached: usize, minimum: usize) -> String {
    let Verdict { verdict, reasons } = judge(&rows(script), unreached, minimum);
    let reasons: Vec<String> = reasons.iter().map(Reason::to_string).collect();
    [vec![verdict.word().to_owned()], reasons].concat().join(", ")
}

#[test]
fn law_1_a_sweep_is_as_red_as_its_worst_row_and_an_empty_one_is_red() {
    let table: Vec<String> = [
        ("", 0, 1),
        ("a out", 0, 1),
        ("a green@1.0.0+1", 0, 1),
        ("a promoted@1.0.0+1; b out", 0, 1),
        ("a same green@1.0.0+1; b same promoted@1.0.0+1", 0, 2),
        ("a green@1.0.0+1; b red@1.0.0+1", 0, 1),
        ("a red@1.0.0+1", 0, 1),
        ("a green@1.0.0+1; b lost@1.0.0+1", 0, 1),
        ("a green@1.0.0+1; b stuck@1.0.0+1", 0, 1),
        ("a green@1.0.0+1; b refused@1.0.0+1", 0, 1),
        ("a green@1.0.0+1; b stopped@1.0.0+1", 0, 1),
        ("a green@1.0.0+1; b unjudged@1.0.0+1", 0, 1),
        ("a green@1.0.0+1; b far green@1.0.0+1", 0, 1),
        ("a green@1.0.0+1; b far red@1.0.0+1", 0, 1),
        ("a green@1.0.0+1; b held red@1.0.0+1", 0, 1),
        ("a green@1.0.0+1; b held green@1.0.0+1", 0, 1),
        ("a green@1.0.0+1; b bare", 0, 1),
        ("a green@1.0.0+1; b out red@1.0.0+1; c unasked red@1.0.0+1", 0, 1),
        ("a green@1.0.0+1", 0, 2),
        ("a far", 0, 1),
        ("a far; b bare", 0, 2),
        ("a green@1.0.0+1", 1, 2),
        ("", 2, 1),
    ]
    .into_iter()
    .map(|(script, unreached, minimum)| {
        format!("{script} |{unreached} of {minimum}| {}", comes_to(script, unreached, minimum))
    })
    .collect();
    insta::assert_snapshot!(table.join("\n"), @r"
     |0 of 1| red, there is no recipe to sweep
    a out |0 of 1| red, there is no recipe to sweep
    a green@1.0.0+1 |0 of 1| green
    a promoted@1.0.0+1; b out |0 of 1| green
    a same green@1.0.0+1; b same promoted@1.0.0+1 |0 of 2| green, nothing new
    a green@1.0.0+1; b red@1.0.0+1 |0 of 1| red, 1 recipe is red
    a red@1.0.0+1 |0 of 1| red, 1 recipe is red
    a green@1.0.0+1; b lost@1.0.0+1 |0 of 1| red, 1 recipe is green, and its promotion failed
    a green@1.0.0+1; b stuck@1.0.0+1 |0 of 1| not judged, 1 recipe is green, and its promotion failed
    a green@1.0.0+1; b refused@1.0.0+1 |0 of 1| not judged, 1 recipe is green, and its promotion failed
    a green@1.0.0+1; b stopped@1.0.0+1 |0 of 1| not judged, 1 recipe could not be judged
    a green@1.0.0+1; b unjudged@1.0.0+1 |0 of 1| not judged, 1 recipe could not be judged
    a green@1.0.0+1; b far green@1.0.0+1 |0 of 1| not judged, 1 recipe is unreachable
    a green@1.0.0+1; b far red@1.0.0+1 |0 of 1| red, 1 recipe is left out and red from before, 1 recipe is unreachable
    a green@1.0.0+1; b held red@1.0.0+1 |0 of 1| red, 1 recipe is left out and red from before
    a green@1.0.0+1; b held green@1.0.0+1 |0 of 1| green
    a green@1.0.0+1; b bare |0 of 1| green
    a green@1.0.0+1; b out red@1.0.0+1; c unasked red@1.0.0+1 |0 of 1| green
    a green@1.0.0+1 |0 of 2| red, 1 recipe judged or known to be green, and the minimum is 2
    a far |0 of 1| not judged, 1 recipe is unreachable, 0 recipes judged or known to be green, and the minimum is 1
    a far; b bare |0 of 2| red, 1 recipe is unreachable, 0 recipes judged or known to be green, and the minimum is 2
    a green@1.0.0+1 |1 of 2| not judged, the sweep did not come to 1 recipe, 1 recipe judged or known to be green, and the minimum is 2
     |2 of 1| not judged, the sweep did not come to 2 recipes, 0 recipes judged or known to be green, and the minimum is 1
    ");
}

#[test]
fn who_names_three_recipes_cannot_have_five_judged() {
    let only =
        |names: &[&str]| Asked { only: names.iter().map(|n| name(n)).collect(), force: false, minimum: 5 };
    assert_eq!([only(&[]).minimum(), only(&["a"]).minimum()], [5, 1]);
}

/// Plays two sweeps and tells what changed.
fn changed(before: &str, after: &str) -> String {
    let glances: Vec<Glance> = rows(before).iter().map(|row| Glance::of(row, None)).collect();
    let rows = rows(after);
    let enrolled: Vec<RecipeName> = rows.iter().map(|row| row.recipe.clone()).collect();
    let lines: Vec<String> = changes(&glances, &rows, &enrolled)
        .iter()
        .map(|(recipe, change)| format!("{recipe} {change} ({})", change.name()))
        .collect();
    lines.join("\n")
}

#[test]
fn the_difference_to_the_last_sweep_names_only_change() {
    insta::assert_snapshot!(changed(
        "a green@1.0.0+1; b red@1.0.0+1; c same green@1.0.0+1; d held; e green@1.0.0+1; f green@1.0.0+1;
         g unjudged@1.0.0+1; h red@1.0.0+1; i promoted@1.0.0+1; k lost@1.0.0+1; l far; m unasked",
        "a red@1.1.0+1; b green@1.0.0+1; c same green@1.0.0+1; d held; e held; g green@1.0.0+1;
         h red@1.1.0+1; i lost@1.1.0+1; k stuck@1.0.0+1; l far; m unasked; n red@1.0.0+1; o green@1.0.0+1",
    ), @r"
    a turned red at 1.1.0+1: install: no `app` (turned_red)
    n new here, RED: install: no `app` (new)
    i green cold, and its promotion failed: advance: data in volume `data` did not survive: it is gone (promotion_broke)
    k broken for another cause than `data_lost`: advance: it did not answer (cause_changed)
    e left out, held: in repair (newly_skipped)
    f not enrolled any more (gone)
    o new here, GREEN (new)
    b mended, green at 1.0.0+1 (mended)
    g judged again, green at 1.0.0+1 (judged_again)
    ");
}

#[test]
fn a_sweep_of_one_recipe_does_not_lose_what_was_known_of_the_others() {
    let last = Glance::of(&row("a red@1.0.0+1"), None);
    assert_eq!(Glance::of(&row("a unasked"), Some(&last)), last);
    assert_eq!(changed("a red@1.0.0+1", "a unasked"), "");
}

#[test]
fn a_red_recipe_that_breaks_elsewhere_says_so() {
    let mut other = ran("1.0.0+1", "red");
    other.cold.verdict =
        ColdVerdict::Red { why: Told::of(Some(Tier::Upgrade), &Cause::BadRecipe { says: "no".into() }) };
    let other = Row { recipe: name("a"), end: RowEnd::Ran { ran: other } };
    let last = Glance::of(&row("a red@1.0.0+1"), None);
    let found = changes(&[last], &[other], &[name("a")]);
    insta::assert_snapshot!(found[0].1, @"broken for another cause than `bad_recipe`: upgrade: no");
}

#[test]
fn lines_of_a_sweep_read_back_as_they_were_written() {
    let plan = play(WORLD, &Asked::default());
    let entries = [
        Entry::Started {
            sweep: SweepId::new(DateTime::UNIX_EPOCH, [1, 2]),
            harness: HARNESS.into(),
            asked: Asked { only: vec![name("a")], force: true, minimum: 3 },
            plan,
            previous: None,
            before: vec![Glance::of(&row("a red@1.0.0+1"), None)],
        },
        Entry::Resumed { harness: HARNESS.into() },
        Entry::Judged { recipe: name("a"), ran: ran("1.0.0+1", "lost") },
        Entry::RowEnded { row: row("a promoted@1.0.0+1") },
        Entry::RowEnded { row: row("a far green@1.0.0+1") },
        Entry::Ended { ending: Ending::Interrupted, millis: 7 },
    ];
    for what in entries {
        let line = Line { v: FORMAT, at: DateTime::UNIX_EPOCH, what };
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line, "{text}");
    }
}

fn any_newest() -> impl Strategy<Value = Newest> {
    prop_oneof![
        Just(Newest::Release { tag: "1.0.0+1".into(), commit: "c".into() }),
        Just(Newest::Release { tag: "1.1.0+1".into(), commit: "d".into() }),
        Just(Newest::NoRelease),
        Just(Newest::Unreachable { says: "x".into(), fault: Fault::Platform }),
    ]
}

fn any_before() -> impl Strategy<Value = Before> {
    let word = prop::sample::select(vec!["green", "promoted", "lost", "stuck", "refused", "red", "unjudged"]);
    let judged = prop::option::of(word).prop_map(|w| w.map(|w| ran("1.0.0+1", w).judged()));
    (judged, prop::collection::vec(0_u64..1000, 0..7), any::<bool>()).prop_map(|(judged, took, held)| {
        Before {
            judged,
            took: took.into_iter().map(Duration::from_secs).collect(),
            hold: held.then(|| Hold { reason: "x".into(), until: None }),
        }
    })
}

type World = (Vec<Enrolled>, BTreeMap<RecipeName, Newest>, BTreeMap<RecipeName, Before>, Asked);

fn any_world() -> impl Strategy<Value = World> {
    let one = (any::<[bool; 4]>(), prop::option::of(any_newest()), any_before());
    (prop::collection::vec(one, 0..12), any::<[bool; 2]>(), 0_usize..5).prop_map(|(all, flags, minimum)| {
        let [force, narrow] = flags;
        let mut world =
            (Vec::new(), BTreeMap::new(), BTreeMap::new(), Asked { force, minimum, only: vec![] });
        for (n, ([out, canonical, asked, known], newest, before)) in all.into_iter().enumerate() {
            let recipe = name(&format!("r{n}"));
            let membership = if out { Membership::Out { reason: "x".into() } } else { Membership::In };
            world.0.push(Enrolled { recipe: recipe.clone(), membership, canonical });
            if let Some(newest) = newest {
                world.1.insert(recipe.clone(), newest);
            }
            if known {
                world.2.insert(recipe.clone(), before);
            }
            if narrow && asked {
                world.3.only.push(recipe);
            }
        }
        world
    })
}

/// The rows that a plan ends in when everything that is run comes out green.
fn all_green(plan: &SweepPlan) -> Vec<Row> {
    let rows = plan.rows.iter().map(|Planned { recipe, task }| {
        let end = match task.clone() {
            Task::Run { release, canonical, .. } => {
                RowEnd::Ran { ran: ran(&release, if canonical { "promoted" } else { "green" }) }
            }
            Task::Skip { skip, stands } => RowEnd::Skipped { skip, stands },
        };
        Row { recipe: recipe.clone(), end }
    });
    rows.collect()
}

proptest! {
    #[test]
    fn every_enrolled_recipe_appears_in_exactly_one_row((enrolled, newest, before, asked) in any_world()) {
        let plan = plan(&enrolled, &newest, &before, &asked, HARNESS, DateTime::UNIX_EPOCH);
        let mut planned: Vec<_> = plan.rows.iter().map(|row| row.recipe.clone()).collect();
        planned.sort();
        let mut names: Vec<_> = enrolled.into_iter().map(|one| one.recipe).collect();
        names.sort();
        prop_assert_eq!(planned, names);
    }

    #[test]
    fn nothing_unreachable_counts_as_green((enrolled, newest, before, asked) in any_world()) {
        let plan = plan(&enrolled, &newest, &before, &asked, HARNESS, DateTime::UNIX_EPOCH);
        let rows = all_green(&plan);
        let lost = |row: &Row| {
            matches!(row.end, RowEnd::Skipped { skip: Skip::Unreachable { .. }, .. })
        };
        prop_assert!(rows.iter().filter(|row| lost(row)).all(|row| row.weight() > Weight::Green));
        let found = judge(&rows, 0, asked.minimum());
        if rows.iter().any(lost) || rows.is_empty() {
            prop_assert!(found.verdict > SweepVerdict::NothingNew, "{found:?}");
        }
        // A green sweep heard of enough recipes, and every one of them is green at what the mirror says now.
        if found.verdict <= SweepVerdict::NothingNew {
            prop_assert!(found.reasons.is_empty());
            let green = rows.iter().filter(|row| row.weight() == Weight::Green).count();
            prop_assert!(green >= asked.minimum().max(1));
        }
    }

    #[test]
    fn only_what_is_green_at_the_newest_release_is_left_out_as_not_new(
        (enrolled, newest, before, asked) in any_world(),
    ) {
        let plan = plan(&enrolled, &newest, &before, &asked, HARNESS, DateTime::UNIX_EPOCH);
        for row in &plan.rows {
            if let Task::Skip { skip: Skip::NoNewRelease { release }, stands } = &row.task {
                let judged = stands.as_ref().unwrap();
                prop_assert!(!asked.force && judged.state == RowState::Green && judged.release == *release);
            }
        }
        // The same world again, after all of it came out green: nothing is new, and nothing changed.
        let rows = all_green(&plan);
        let glances: Vec<Glance> = rows.iter().map(|row| Glance::of(row, None)).collect();
        let names: Vec<RecipeName> = enrolled.iter().map(|one| one.recipe.clone()).collect();
        prop_assert!(changes(&glances, &rows, &names).is_empty());
    }

    #[test]
    fn the_longest_expected_comes_first((enrolled, newest, before, asked) in any_world()) {
        let plan = plan(&enrolled, &newest, &before, &asked, HARNESS, DateTime::UNIX_EPOCH);
        let times: Vec<u64> = plan.rows.iter().filter_map(|row| match &row.task {
            Task::Run { expected_millis, .. } => Some(expected_millis.unwrap_or(u64::MAX)),
            Task::Skip { .. } => None,
        }).collect();
        prop_assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "{times:?}");
    }
}

#[test]
fn a_hold_ends_when_its_time_is_over() {
    let now: DateTime<Utc> = DateTime::UNIX_EPOCH;
    let held = |until| {
        let before = Before { hold: Some(Hold { reason: "x".into(), until }), ..Before::default() };
        let one = Enrolled { recipe: name("a"), membership: Membership::In, canonical: false };
        let newest = BTreeMap::from([(name("a"), Newest::NoRelease)]);
        let before = BTreeMap::from([(name("a"), before)]);
        let plan = plan(&[one], &newest, &before, &Asked::default(), HARNESS, now);
        matches!(&plan.rows[0].task, Task::Skip { skip: Skip::Held { .. }, .. })
    };
    assert!(held(None) && held(Some(now + TimeDelta::seconds(1))) && !held(Some(now)));
}
