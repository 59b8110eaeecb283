//! One sweep with everything in it, in every form.

use chrono::{DateTime, TimeDelta, Utc};
use domain::canonical::Generation;
use domain::sweep::{
    Asked, Cold, ColdVerdict, Ending, Entry, FORMAT, Glance, Judged, Kind, Line, Planned, Promotion,
    PromotionEnd, Ran, Row, RowEnd, RowState, Skip, SweepId, SweepPlan, SweepVerdict, Task, Told, Why,
};
use domain::verdict::Depth;
use domain::{Fault, RecipeName, RunId, Tier};

use super::*;

fn name(text: &str) -> RecipeName {
    RecipeName::parse(text).unwrap()
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_795_233_600 + seconds)
}

const HOSTILE: &str = "<script>alert(1)</script> | `tick` \u{1b}[31m @everyone";

fn told(tier: Tier, says: &str) -> Told {
    Told { tier: Some(tier), cause: "crash_loop".into(), fault: Fault::Recipe, says: says.into() }
}

fn judged(state: RowState) -> Judged {
    let why = (state == RowState::Red).then(|| told(Tier::Install, "exit 1"));
    let run = Some(RunId::parse("0badcafe").unwrap());
    let (release, commit, harness) = ("1.0.0+1".into(), "c".repeat(40), "0.1.0".into());
    Judged { release, commit, harness, state, why, run, level: 5, generation: None }
}

fn ran(verdict: ColdVerdict, promotion: Promotion, left: &[&str]) -> Ran {
    Ran {
        why: Why::NewRelease { from: "1.0.0+1".into() },
        release: "1.1.0+2".into(),
        commit: "d".repeat(40),
        harness: "0.1.0".into(),
        at: at(10),
        millis: 83_000,
        cold: Cold {
            run: Some(RunId::parse("00c0ffee").unwrap()),
            level: 5,
            verdict,
            left: left.iter().map(|&l| l.to_owned()).collect(),
        },
        promotion,
    }
}

fn lines(ending: Option<Ending>) -> String {
    let green = || ColdVerdict::Green { depth: Depth::Asserted };
    let promoting = RunId::parse("00facade").unwrap();
    let promoted = |run: &RunId| PromotionEnd::Promoted {
        run: Some(run.clone()),
        generation: Generation(3),
        level: 6,
        left: Vec::new(),
    };
    let lost = Told {
        tier: Some(Tier::Advance),
        cause: "data_lost".into(),
        fault: Fault::Recipe,
        says: "data in volume `data` did not survive".into(),
    };
    let failed = PromotionEnd::Failed { run: Some(promoting.clone()), why: lost, left: Vec::new() };
    let rows = [
        ("gitea", ran(green(), Promotion::Ended { end: promoted(&promoting) }, &[])),
        ("verdaccio", ran(green(), Promotion::Ended { end: failed }, &[])),
        (
            "mumble",
            ran(ColdVerdict::Red { why: told(Tier::Upgrade, HOSTILE) }, Promotion::NotDue, &["volume x"]),
        ),
        ("caddy", ran(green(), Promotion::NotWanted, &[])),
    ];
    let run = |recipe: &str| Planned {
        recipe: name(recipe),
        task: Task::Run {
            release: "1.1.0+2".into(),
            commit: "d".repeat(40),
            why: Why::NewRelease { from: "1.0.0+1".into() },
            canonical: recipe != "caddy",
            expected_millis: (recipe != "late").then_some(90_000),
        },
    };
    let skip =
        |recipe: &str, skip, stands| Planned { recipe: name(recipe), task: Task::Skip { skip, stands } };
    let mut plan: Vec<Planned> = rows.iter().map(|(recipe, _)| run(recipe)).collect();
    if ending.is_none() {
        plan.push(run("late"));
    }
    plan.extend([
        skip("calm", Skip::NoNewRelease { release: "1.0.0+1".into() }, Some(judged(RowState::Green))),
        skip("far", Skip::Unreachable { says: HOSTILE.into(), fault: Fault::Platform }, None),
        skip(
            "held",
            Skip::Held { reason: "in repair".into(), until: Some(at(86_400)) },
            Some(judged(RowState::Red)),
        ),
        skip("out", Skip::DeEnrolled { reason: "unmaintained".into() }, None),
        skip("rest", Skip::NotAsked, None),
    ]);
    let glance = |recipe: &str, kind| Glance {
        recipe: name(recipe),
        kind,
        release: Some("1.0.0+1".into()),
        why: None,
    };
    let started = Entry::Started {
        sweep: SweepId::new(at(0), [0xbe, 0xef]),
        harness: "0.1.0".into(),
        asked: Asked { minimum: 2, ..Asked::default() },
        plan: SweepPlan { rows: plan },
        previous: Some(SweepId::new(at(-86_400), [0xfe, 0xed])),
        before: vec![
            glance("gitea", Kind::Green),
            glance("verdaccio", Kind::Green),
            glance("mumble", Kind::Green),
            glance("caddy", Kind::Red),
            glance("calm", Kind::Green),
            glance("held", Kind::Held),
            glance("gone", Kind::Green),
        ],
    };
    let mut entries = vec![started];
    for (recipe, ran) in rows {
        entries.push(Entry::RowEnded { row: Row { recipe: name(recipe), end: RowEnd::Ran { ran } } });
    }
    entries.extend(ending.map(|ending| Entry::Ended { ending, millis: 400_000 }));
    let lines = entries
        .into_iter()
        .zip(0..)
        .map(|(what, n)| serde_json::to_string(&Line { v: FORMAT, at: at(n * 90), what }).unwrap() + "\n");
    lines.collect()
}

fn whole() -> SweepView {
    read_sweep(&lines(Some(Ending::Whole)))
}

#[test]
fn the_table_tells_change_first_then_the_urgent_rows() {
    insta::assert_snapshot!(sweep_table(&whole()), @r"
    Changed since 20261120T040000Z-feed:
      mumble: turned red at 1.1.0+2: upgrade: <script>alert(1)</script> | `tick` @everyone
      verdaccio: green cold, and its promotion failed: advance: data in volume `data` did not survive
      far: left out, unreachable: <script>alert(1)</script> | `tick` @everyone
      out: left out, de-enrolled: unmaintained
      gone: not enrolled any more
      caddy: mended, green at 1.1.0+2
      gitea: green at 1.1.0+2, after 1.0.0+1

    recipe     release  verdict                   cold   promotion     level  time   run       evidence
    mumble     1.1.0+2  RED                       red    not due       5      1m23s  00c0ffee  upgrade: <script>alert(1)</script> | `tick` @everyone [recipe]; left behind: volume x
    verdaccio  1.1.0+2  GREEN-BUT-PROMOTE-FAILED  green  failed        5      1m23s  00c0ffee  advance: data in volume `data` did not survive [recipe]
    held       1.0.0+1  skipped                                        5             0badcafe  held until 2026-11-22 04:00 UTC: in repair; stands RED at 1.0.0+1 by simmer 0.1.0: install: exit 1
    far                 skipped                                                                unreachable: <script>alert(1)</script> | `tick` @everyone
    caddy      1.1.0+2  GREEN                     green  not wanted    5      1m23s  00c0ffee  new release, after 1.0.0+1
    gitea      1.1.0+2  GREEN                     green  promoted, g3  6      1m23s  00c0ffee  new release, after 1.0.0+1
    calm       1.0.0+1  skipped                                        5             0badcafe  no-new-release: 1.0.0+1 is the newest; stands GREEN at 1.0.0+1 by simmer 0.1.0
    out                 skipped                                                                de-enrolled: unmaintained
    1 recipe not asked for
    sweep 20261121T040000Z-beef: red: 1 recipe is red; 1 recipe is green, and its promotion failed; 1 recipe is left out and red from before; 1 recipe is unreachable (6m40s)
    ");
}

#[test]
fn the_plan_tells_what_would_be_run_and_for_how_long() {
    let view = read_sweep(&lines(None));
    let start = view.start.unwrap();
    insta::assert_snapshot!(plan_table(&start.plan, &start.asked, 2), @r"
    recipe     release  expected  plan
    gitea      1.1.0+2  1m30s     run: new release, after 1.0.0+1, then onto its canonical
    verdaccio  1.1.0+2  1m30s     run: new release, after 1.0.0+1, then onto its canonical
    mumble     1.1.0+2  1m30s     run: new release, after 1.0.0+1, then onto its canonical
    caddy      1.1.0+2  1m30s     run: new release, after 1.0.0+1
    late       1.1.0+2  unknown   run: new release, after 1.0.0+1, then onto its canonical
    calm       1.0.0+1            skip: no-new-release: 1.0.0+1 is the newest; stands GREEN
    far                           skip: unreachable: <script>alert(1)</script> | `tick` @everyone
    held       1.0.0+1            skip: held until 2026-11-22 04:00 UTC: in repair; stands RED
    out                           skip: de-enrolled: unmaintained
    1 recipe not asked for
    5 recipes to run, 2 at a time, 6m00s of work expected and 1 of unknown length; the minimum is 2
    ");
}

#[test]
fn markdown_holds_text_from_strangers_in_code_only() {
    insta::assert_snapshot!(sweep_markdown(&whole()), @r"
    ### ✗ sweep `20261121T040000Z-beef`: red: 1 recipe is red; 1 recipe is green, and its promotion failed; 1 recipe is left out and red from before; 1 recipe is unreachable

    **Changed since 20261120T040000Z-feed**

    - `mumble` ``turned red at 1.1.0+2: upgrade: <script>alert(1)</script> | `tick` @everyone``
    - `verdaccio` ``green cold, and its promotion failed: advance: data in volume `data` did not survive``
    - `far` ``left out, unreachable: <script>alert(1)</script> | `tick` @everyone``
    - `out` `left out, de-enrolled: unmaintained`
    - `gone` `not enrolled any more`
    - `caddy` `mended, green at 1.1.0+2`
    - `gitea` `green at 1.1.0+2, after 1.0.0+1`

    | recipe | release | verdict | cold | promotion | level | time | |
    |---|---|---|---|---|---|---|---|
    | `mumble` | `1.1.0+2` | RED | red | not due | 5 | 1m23s | ``upgrade: <script>alert(1)</script> \| `tick` @everyone [recipe]; left behind: volume x`` |
    | `verdaccio` | `1.1.0+2` | GREEN-BUT-PROMOTE-FAILED | green | failed | 5 | 1m23s | ``advance: data in volume `data` did not survive [recipe]`` |
    | `held` | `1.0.0+1` | skipped |  |  | 5 |  | `held until 2026-11-22 04:00 UTC: in repair; stands RED at 1.0.0+1 by simmer 0.1.0: install: exit 1` |
    | `far` |  | skipped |  |  |  |  | ``unreachable: <script>alert(1)</script> \| `tick` @everyone`` |
    | `caddy` | `1.1.0+2` | GREEN | green | not wanted | 5 | 1m23s | `new release, after 1.0.0+1` |
    | `gitea` | `1.1.0+2` | GREEN | green | promoted, g3 | 6 | 1m23s | `new release, after 1.0.0+1` |
    | `calm` | `1.0.0+1` | skipped |  |  | 5 |  | `no-new-release: 1.0.0+1 is the newest; stands GREEN at 1.0.0+1 by simmer 0.1.0` |
    | `out` |  | skipped |  |  |  |  | `de-enrolled: unmaintained` |

    1 recipe not asked for
    ");
}

#[test]
fn cc_106_cc_109_cold_and_promotion_are_told_apart_in_every_form() {
    let view = whole();
    let json: serde_json::Value = serde_json::from_str(&sweep_json(&view)).unwrap();
    let row = json["rows"].as_array().unwrap().iter().find(|row| row["recipe"] == "verdaccio").unwrap();
    assert_eq!(row["verdict"], "GREEN-BUT-PROMOTE-FAILED");
    assert_eq!((&row["cold"], &row["promotion"]), (&"green".into(), &"failed".into()));
    assert_eq!((&row["run"], &row["promotion_run"]), (&"00c0ffee".into(), &"00facade".into()));
    assert_eq!(row["cause"]["tier"], "advance");
    assert_eq!(json["verdict"], "red");
    let page = sweep_page(&view);
    assert!(page.contains("cold: green") && page.contains("promotion: failed"));
    assert!(
        page.contains("../../runs/00c0ffee/report.html") && page.contains("../../runs/00facade/report.html")
    );
}

/// Our pages close what they open, apart from the elements that HTML never closes.
fn as_xml(page: &str) -> String {
    let pieces = page.trim_start_matches("<!doctype html>").split_inclusive('>');
    let closed = pieces.map(|piece| {
        let void = ["<meta ", "<link "].iter().any(|tag| piece.trim_start().starts_with(tag));
        if void { piece.replacen('>', "/>", 1) } else { piece.to_owned() }
    });
    closed.collect()
}

#[test]
fn the_page_is_well_formed_has_no_script_and_lets_no_markup_in() {
    for view in [whole(), read_sweep(&lines(None)), read_sweep("")] {
        let page = sweep_page(&view);
        let xml = as_xml(&page);
        let document = roxmltree::Document::parse(&xml).unwrap();
        for node in document.descendants().filter(|node| node.is_element()) {
            assert!(!["script", "img", "iframe", "form"].contains(&node.tag_name().name()));
            for attribute in node.attributes().filter(|a| ["href", "src"].contains(&a.name())) {
                let value = attribute.value();
                assert!(
                    value.starts_with('#') || value.starts_with("../../runs/") || value == "data:,",
                    "{value}"
                );
            }
        }
        assert!(!page.contains('\u{1b}') && !page.contains("<script"));
    }
}

#[test]
fn rendered_again_every_form_has_the_same_bytes() {
    let forms =
        |view: &SweepView| [sweep_page(view), sweep_json(view), sweep_markdown(view), sweep_table(view)];
    assert_eq!(forms(&whole()), forms(&whole()));
}

#[test]
fn a_sweep_without_an_end_is_green_in_no_case_and_names_whom_it_did_not_reach() {
    let view = read_sweep(&lines(None));
    assert!(view.rows().iter().any(|row| row.recipe.as_str() == "late" && row.row.is_none()));
    assert!(sweep_table(&view).contains("NOT REACHED"));
    let text = lines(None).replace("\"red\"", "\"x\"");
    for cut in [0, 1, 40, text.len() / 2, text.len() - 2] {
        let cut = (0..=cut).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let view = read_sweep(&text[..cut]);
        assert!(view.verdict().verdict > SweepVerdict::NothingNew, "{}", view.headline());
        assert!(!sweep_page(&view).is_empty() && !sweep_json(&view).is_empty());
    }
}

#[test]
fn of_two_rows_of_one_recipe_the_later_one_stands() {
    let again = ran(ColdVerdict::Green { depth: Depth::Superficial }, Promotion::NotWanted, &[]);
    let what = Entry::RowEnded { row: Row { recipe: name("mumble"), end: RowEnd::Ran { ran: again } } };
    let mut view = whole();
    view.take(Line { v: FORMAT, at: at(500), what });
    assert_eq!(view.ran[&name("mumble")].state(), RowState::Green);
    assert_eq!(view.left.len(), 1, "what the first row left is still there, as far as anybody knows");
    assert!(view.millis().is_none(), "it goes on");
}
