use proptest::prelude::*;

use super::*;
use crate::retention::{Kept, LEAST, Retention};
use crate::{Generation, StackName};

fn at(hours: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(hours)
}

fn recipe(name: &str) -> RecipeName {
    RecipeName::parse(name).unwrap()
}

fn run() -> RunId {
    RunId::parse("00c0ffee").unwrap()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// A canonical of `gitea` as it should be: generation 3 committed with two volumes and a secret, everything there.
fn whole() -> Facts {
    let volumes = set(["warm-gitea_t_data-g3", "warm-gitea_t_db-g3"]);
    let record = Record {
        release: "2.0.0+2".into(),
        generation: Generation(3),
        volumes: volumes.clone(),
        secrets: Some(set(["warm-gitea_t_pw_v1"])),
        run: run(),
        at: at(10),
        broken: None,
    };
    let gitea = RecipeFacts {
        record: Some(record),
        generations: vec![row(3, Standing::Committed, volumes)],
        ..nothing("gitea")
    };
    let objects = vec![
        volume("warm-gitea_t_data-g3", 3),
        volume("warm-gitea_t_db-g3", 3),
        ours(Thing::Secret, "warm-gitea_t_pw_v1"),
    ];
    Facts { now: at(100), recipes: vec![gitea], objects }
}

/// An enrolled recipe of which nothing is known.
fn nothing(name: &str) -> RecipeFacts {
    RecipeFacts {
        recipe: recipe(name),
        stack: StackName::parse(&format!("warm-{name}_t")).unwrap(),
        enrolled: Enrolled::Yes,
        attended: Attended::No,
        record: None,
        generations: Vec::new(),
        flights: Vec::new(),
        holds: Vec::new(),
    }
}

fn row(generation: u32, standing: Standing, volumes: BTreeSet<String>) -> GenerationRow {
    let generation = Generation(generation);
    let kept = Kept { generation, at: at(20), bytes: 10, planted: Vec::new() };
    let kept = (standing == Standing::Committed).then_some(kept);
    GenerationRow { generation, standing, volumes, run: run(), owner: Owner::Dead, since: at(20), kept }
}

fn ours(thing: Thing, name: &str) -> Object {
    Object {
        thing,
        name: name.into(),
        stack: Some("warm-gitea_t".into()),
        mark: Mark::Ours { recipe: recipe("gitea"), generation: None },
        created: Some(at(30)),
        running: None,
    }
}

fn volume(name: &str, generation: u32) -> Object {
    let mark = Mark::Ours { recipe: recipe("gitea"), generation: Some(Generation(generation)) };
    Object { mark, ..ours(Thing::Volume, name) }
}

fn service(release: &str, health: Health) -> Object {
    let running = Some(Running { release: Some(release.into()), health });
    Object { running, ..ours(Thing::Service, "warm-gitea_t_app") }
}

fn flight(owner: Owner) -> Flight {
    Flight { run: run(), step: "prove".into(), owner, since: at(25) }
}

fn hold(of: HoldOf, until: i64) -> Hold {
    let until = Some(at(until));
    Hold { id: "h1".into(), of, says: "opened by ann, to look".into(), until }
}

fn candidate(facts: &mut Facts, standing: Standing) {
    facts.recipes[0].generations.push(row(4, standing, set(["warm-gitea_t_data-g4"])));
}

/// Changes a canonical that is as it should be, compares, and prints a line for each difference.
fn told(change: impl FnOnce(&mut Facts)) -> String {
    let mut facts = whole();
    change(&mut facts);
    lines(&reconcile(&facts))
}

fn lines(found: &[Difference]) -> String {
    let line = |d: &Difference| {
        let objects =
            if d.objects.is_empty() { String::new() } else { format!(" [{}]", d.objects.join(", ")) };
        format!("{} ({}): {}{objects} <{}> -> {}", d.kind, d.severity, d.says, d.origin, d.repair)
    };
    found.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn record(facts: &mut Facts) -> &mut Record {
    facts.recipes[0].record.as_mut().unwrap()
}

#[test]
fn where_registry_and_docker_agree_nothing_is_told() {
    assert_eq!(told(|_| {}), "");
    assert_eq!(reconcile(&Facts { now: at(0), recipes: vec![nothing("a")], objects: vec![] }), []);
}

#[test]
fn cc_111_cc_186_idle_on_paper_and_running_in_fact_is_taken_down_with_grace() {
    insta::assert_snapshot!(
        told(|facts| facts.objects.extend([
            service("2.0.0+2", Health::Up),
            ours(Thing::Network, "warm-gitea_t_internal"),
        ])),
        @"left deployed (warning): idle at 2.0.0+2 on paper; 1 services run at 2.0.0+2 in fact [service `warm-gitea_t_app`, network `warm-gitea_t_internal`] <unknown> -> undeploy `warm-gitea_t` with grace, keep volumes and secrets"
    );
}

#[test]
fn a_crash_loop_at_another_release_is_told_apart() {
    insta::assert_snapshot!(
        told(|facts| facts.objects.push(service("3.0.0+3", Health::Looping))),
        @"crash loop (warning): idle at 2.0.0+2 on paper; 1 services run at 3.0.0+3, and end again and again [service `warm-gitea_t_app`] <unknown> -> undeploy `warm-gitea_t` with grace, keep volumes and secrets"
    );
    assert!(told(|f| f.objects.push(service("2.0.0+2", Health::Looping))).starts_with("left deployed"));
}

#[test]
fn cc_151_a_dead_promotion_is_cleared_from_its_stack_to_its_journal() {
    insta::assert_snapshot!(
        told(|facts| {
            candidate(facts, Standing::Candidate);
            facts.recipes[0].flights.push(flight(Owner::Dead));
            facts.objects.extend([service("3.0.0+3", Health::Up), volume("warm-gitea_t_data-g4", 4)]);
        }),
        @r"
    orphan stack (warning): 1 services of a promotion that is dead still run at 3.0.0+3 [service `warm-gitea_t_app`] <run 00c0ffee, killed at `prove`> -> undeploy `warm-gitea_t` with grace, keep volumes and secrets
    orphan volumes (warning): 1 volumes of g4, which was never committed [volume `warm-gitea_t_data-g4`] <run 00c0ffee> -> remove 1 volumes of g4 and its row
    killed half-way (note): run 00c0ffee was killed at `prove` <run 00c0ffee> -> close the journal of run 00c0ffee
    "
    );
    assert!(
        told(|f| f.objects.push(ours(Thing::Config, "warm-gitea_t_c_v1"))).starts_with("half undeployed")
    );
}

#[test]
fn a_first_promotion_that_died_leaves_nothing_not_even_its_secrets() {
    insta::assert_snapshot!(
        told(|facts| {
            facts.recipes = vec![nothing("gitea")];
            facts.objects.drain(..2);
            candidate(facts, Standing::Candidate);
            facts.objects.push(volume("warm-gitea_t_data-g4", 4));
        }),
        @r"
    orphan secrets (note): 1 secrets, and nothing of `gitea` was ever committed [secret `warm-gitea_t_pw_v1`] <run 00c0ffee, which is dead> -> remove 1 secrets
    orphan volumes (warning): 1 volumes of g4, which was never committed [volume `warm-gitea_t_data-g4`] <run 00c0ffee> -> remove 1 volumes of g4 and its row
    "
    );
}

#[test]
fn a_registry_that_was_lost_costs_neither_volumes_nor_secrets() {
    insta::assert_snapshot!(
        told(|facts| facts.recipes = vec![nothing("gitea")]),
        @r"
    unknown volume (warning): 2 volumes carry our label, and the registry names them nowhere [volume `warm-gitea_t_data-g3`, volume `warm-gitea_t_db-g3`] <unknown> -> yours to decide: look what is in them; a registry that was lost or put back does this
    orphan secrets (note): 1 secrets, and nothing of `gitea` was ever committed [secret `warm-gitea_t_pw_v1`] <unknown> -> yours to decide: remove them by hand once you know that nothing needs them
    "
    );
    // The same where not even the recipe is known.
    assert_eq!(told(|facts| facts.recipes.clear()), told(|facts| facts.recipes = vec![nothing("gitea")]));
}

#[test]
fn a_record_that_lost_volumes_or_secrets_is_marked_and_nothing_is_made_up() {
    insta::assert_snapshot!(
        told(|facts| { facts.objects.remove(1); }),
        @"missing volume (stops): of g3 at 2.0.0+2 these volumes are missing: `warm-gitea_t_db-g3` <committed by run 00c0ffee> -> mark the canonical as broken"
    );
    insta::assert_snapshot!(
        told(|facts| facts.objects.clear()),
        @r"
    phantom record (stops): the record says 2.0.0+2 on g3, and none of its volumes is there <committed by run 00c0ffee> -> mark the canonical as broken
    secrets missing (stops): these secrets of the canonical are missing: `warm-gitea_t_pw_v1` <committed by run 00c0ffee> -> mark the canonical as broken
    "
    );
    insta::assert_snapshot!(
        told(|facts| {
            facts.objects.remove(1);
            record(facts).broken = Some("told before".into());
        }),
        @"missing volume (stops): of g3 at 2.0.0+2 these volumes are missing: `warm-gitea_t_db-g3` <committed by run 00c0ffee> -> yours to decide: `simmer canonical rollback gitea` or `simmer canonical drop gitea`"
    );
    assert_eq!(
        told(|f| {
            record(f).secrets = None;
            f.objects.pop();
        }),
        "",
        "what is not known is not missed"
    );
    // A recipe without volumes has nothing to lose.
    let bare = told(|facts| {
        record(facts).volumes.clear();
        facts.recipes[0].generations[0].volumes.clear();
        facts.objects.drain(..2);
    });
    assert_eq!(bare, "");
}

#[test]
fn the_mark_of_a_broken_canonical_goes_when_nothing_is_missing_any_more() {
    let marked =
        |facts: &mut Facts| facts.recipes[0].holds.push(Hold { until: None, ..hold(HoldOf::Broken, 0) });
    let still = told(|facts| {
        marked(facts);
        record(facts).broken = Some("told before".into());
        facts.objects.remove(1);
    });
    assert!(still.starts_with("missing volume") && still.lines().count() == 1, "{still}");
    insta::assert_snapshot!(
        told(marked),
        @"ended hold (note): nothing of the canonical is missing any more: opened by ann, to look <opened by ann, to look> -> end the hold"
    );
    let given_up = told(|facts| {
        marked(facts);
        facts.recipes[0] = RecipeFacts { holds: facts.recipes[0].holds.clone(), ..nothing("gitea") };
        facts.objects.clear();
    });
    assert!(given_up.contains("end the hold"), "{given_up}");
}

#[test]
fn a_volume_that_a_stranger_put_in_the_place_of_ours_is_missing_and_told() {
    insta::assert_snapshot!(
        told(|facts| facts.objects[1].mark = Mark::Stranger),
        @r"
    missing volume (stops): of g3 at 2.0.0+2 these volumes are missing: `warm-gitea_t_db-g3` <committed by run 00c0ffee> -> mark the canonical as broken
    foreign object (stops): 1 object has a name of the canonical's stack `warm-gitea_t` and not our label [volume `warm-gitea_t_db-g3`] <not made by this instance> -> yours to decide: see whose they are; if nobody's, remove them by hand, they are never touched here
    "
    );
}

#[test]
fn generations_that_stand_for_nothing_lose_their_rows() {
    assert_eq!(
        told(|facts| candidate(facts, Standing::Candidate)),
        "stale row (note): g4 was promised, and none of its volumes is there <run 00c0ffee> -> drop the row of g4"
    );
    assert_eq!(told(|facts| candidate(facts, Standing::Dropped)), "", "a dropped one is meant to be gone");
    insta::assert_snapshot!(
        told(|facts| {
            facts.recipes[0].generations.push(row(1, Standing::Committed, set(["x-g1", "y-g1"])));
            facts.recipes[0].generations.push(row(2, Standing::Committed, set(["x-g2", "y-g2"])));
            facts.objects.push(volume("x-g2", 2));
        }),
        @r"
    empty generation (warning): g1 was committed once, and none of its volumes is there <run 00c0ffee> -> drop the row of g1
    broken generation (warning): of g2, committed once, these are missing: `y-g2` [volume `x-g2`] <run 00c0ffee> -> yours to decide: one cannot go back to it; retention takes the rest in its time
    "
    );
    let lost = told(|facts| facts.recipes[0].record = None);
    assert!(lost.starts_with("no record (warning): g3 was committed"), "{lost}");
}

#[test]
fn what_was_committed_stays_though_a_dropped_generation_names_it_too() {
    insta::assert_snapshot!(
        told(|facts| {
            let volumes = set(["warm-gitea_t_data-g3", "warm-gitea_t_data-g4"]);
            facts.recipes[0].generations.push(row(4, Standing::Dropped, volumes));
            facts.objects.push(volume("warm-gitea_t_data-g4", 4));
        }),
        @r"
    orphan volumes (warning): 1 volumes of g4, which was dropped [volume `warm-gitea_t_data-g4`] <run 00c0ffee> -> remove 1 volumes of g4 and its row
    contested volume (stops): g4 was dropped, and names volumes of one that stays [volume `warm-gitea_t_data-g3`] <run 00c0ffee> -> yours to decide: the registry contradicts itself: run `simmer db check`
    "
    );
}

#[test]
fn foreign_objects_are_told_by_name_and_by_stack_and_never_touched() {
    let stranger = |thing, name: &str, stack: Option<&str>| Object {
        mark: Mark::Stranger,
        stack: stack.map(str::to_owned),
        ..ours(thing, name)
    };
    insta::assert_snapshot!(
        told(|facts| facts.objects.extend([
            stranger(Thing::Service, "warm-gitea_t_web", Some("warm-gitea_t")),
            stranger(Thing::Secret, "warm-gitea_t_x_v1", None),
            stranger(Thing::Volume, "anything", Some("warm-gitea_t")),
            // Nobody's business of ours.
            stranger(Thing::Service, "warm-gitea_tt_web", Some("warm-gitea_tt")),
            stranger(Thing::Volume, "proxy_warm-gitea_t", None),
        ])),
        @"foreign object (stops): 3 objects have a name of the canonical's stack `warm-gitea_t` and not our label [service `warm-gitea_t_web`, secret `warm-gitea_t_x_v1`, volume `anything`] <not made by this instance> -> yours to decide: see whose they are; if nobody's, remove them by hand, they are never touched here"
    );
}

#[test]
fn cc_125_a_stack_that_is_kept_on_purpose_stays_until_its_end_and_not_longer() {
    let kept = |until: i64| {
        told(|facts| {
            candidate(facts, Standing::Candidate);
            facts.recipes[0].holds.push(hold(HoldOf::Deployed, until));
            facts.objects.extend([service("3.0.0+3", Health::Up), volume("warm-gitea_t_data-g4", 4)]);
        })
    };
    assert_eq!(kept(101), "");
    insta::assert_snapshot!(kept(100), @r"
    past its end (warning): 1 services at 3.0.0+3 were to stay until 1970-01-05 04:00 UTC, and it is later [service `warm-gitea_t_app`] <opened by ann, to look> -> undeploy `warm-gitea_t` with grace, keep volumes and secrets
    orphan volumes (warning): 1 volumes of g4, which was never committed [volume `warm-gitea_t_data-g4`] <run 00c0ffee> -> remove 1 volumes of g4 and its row
    ended hold (note): a hold has ended: opened by ann, to look <opened by ann, to look> -> end the hold
    ");
    // A pin says nothing about what is deployed.
    let pinned = told(|facts| {
        facts.recipes[0].holds.push(hold(HoldOf::Other, 101));
        facts.objects.push(service("2.0.0+2", Health::Up));
    });
    assert!(pinned.starts_with("left deployed"), "{pinned}");
}

#[test]
fn cc_125_what_is_open_on_paper_and_gone_in_fact_is_told_and_its_copy_is_left_to_a_person() {
    let open = |change: fn(&mut Facts)| {
        told(|facts| {
            candidate(facts, Standing::Candidate);
            facts.recipes[0].holds.push(hold(HoldOf::Deployed, 101));
            change(facts);
        })
    };
    insta::assert_snapshot!(
        open(|facts| facts.objects.push(volume("warm-gitea_t_data-g4", 4))),
        @"open on paper (warning): opened by ann, to look; and nothing of it runs [volume `warm-gitea_t_data-g4`] <opened by ann, to look> -> yours to decide: `simmer canonical close gitea`, and open it again"
    );
    insta::assert_snapshot!(
        open(|_| {}),
        @"open on paper (warning): opened by ann, to look; and nothing of it runs <opened by ann, to look> -> end the hold"
    );
    insta::assert_snapshot!(
        open(|facts| {
            facts.objects.push(service("2.0.0+2", Health::Up));
            facts.recipes[0].flights.push(flight(Owner::Dead));
        }),
        @"killed half-way (note): run 00c0ffee was killed at `prove` <run 00c0ffee> -> close the journal of run 00c0ffee"
    );
}

#[test]
fn cc_150_what_a_living_owner_works_on_is_no_difference() {
    let busy = |change: fn(&mut RecipeFacts)| {
        told(|facts| {
            candidate(facts, Standing::Candidate);
            facts.recipes[0].flights.push(flight(Owner::Dead));
            facts.objects.extend([service("3.0.0+3", Health::Up), volume("warm-gitea_t_data-g4", 4)]);
            facts.objects.remove(0);
            change(&mut facts.recipes[0]);
        })
    };
    assert_ne!(busy(|_| {}), "");
    assert_eq!(busy(|gitea| gitea.attended = Attended::Yes), "");
    assert_eq!(busy(|gitea| gitea.flights.push(flight(Owner::Alive))), "");
    assert_eq!(busy(|gitea| gitea.generations[1].owner = Owner::Alive), "");
}

#[test]
fn a_canonical_whose_recipe_left_is_told() {
    insta::assert_snapshot!(
        told(|facts| facts.recipes[0].enrolled = Enrolled::No),
        @"de-enrolled (note): it has a canonical at 2.0.0+2, and is not enrolled any more <committed by run 00c0ffee> -> yours to decide: enrol it again, or `simmer canonical drop gitea`"
    );
}

/// Two older generations that were committed, and are whole.
fn older(facts: &mut Facts) {
    for (generation, name) in [(1, "warm-gitea_t_data-g1"), (2, "warm-gitea_t_data-g2")] {
        facts.recipes[0].generations.push(row(generation, Standing::Committed, set([name])));
        facts.objects.push(volume(name, generation));
    }
}

/// What the retention says, where two generations are kept.
fn kept(change: impl FnOnce(&mut Facts)) -> String {
    let mut facts = whole();
    older(&mut facts);
    change(&mut facts);
    lines(&beyond_keeping(&facts, Retention { keep: LEAST, ..Retention::default() }))
}

#[test]
fn a_generation_that_is_not_kept_goes_also_where_no_promotion_comes_by() {
    insta::assert_snapshot!(
        kept(|_| {}),
        @"past its keeping (note): g1 need not stay: 2 generations are kept [volume `warm-gitea_t_data-g1`] <run 00c0ffee> -> remove 1 volumes of g1 and its row"
    );
    assert_eq!(told(older), "", "it is no difference between the registry and Docker");
    let mut facts = whole();
    older(&mut facts);
    assert_eq!(beyond_keeping(&facts, Retention::default()), [], "three are kept");
}

#[test]
fn no_generation_goes_while_anything_is_unsure() {
    assert_ne!(kept(|_| {}), "");
    assert_eq!(kept(|facts| facts.recipes[0].attended = Attended::Yes), "");
    assert_eq!(kept(|facts| facts.recipes[0].flights.push(flight(Owner::Alive))), "");
    assert_eq!(kept(|facts| facts.recipes[0].holds.push(hold(HoldOf::Deployed, 101))), "");
    assert_eq!(kept(|facts| facts.recipes[0].record = None), "");
    assert_eq!(kept(|facts| record(facts).broken = Some("it lost a volume".into())), "");
    // The record's own generation is not whole: the older ones may be all that is left.
    assert_eq!(kept(|facts| drop(facts.objects.remove(0))), "");
    // Nor is the way back: then the one before it is.
    assert_eq!(kept(|facts| facts.objects.retain(|o| o.name != "warm-gitea_t_data-g2")), "");
    // A row that names a volume of one that stays.
    let shared = |facts: &mut Facts| assert!(record(facts).volumes.insert("warm-gitea_t_data-g1".into()));
    assert_eq!(kept(shared), "");
}

#[test]
fn journals_of_dead_runs_are_closed_and_those_of_the_living_are_not() {
    let journal = |work, owner| Journal { recipe: recipe("gitea"), work, flight: flight(owner) };
    insta::assert_snapshot!(
        lines(&left_open(&[journal("run", Owner::Dead), journal("gc", Owner::Alive), journal("gc", Owner::Dead)])),
        @r"
    killed half-way (note): run 00c0ffee was killed at `prove` <run 00c0ffee> -> close the journal of run 00c0ffee
    killed half-way (note): gc 00c0ffee was killed at `prove` <run 00c0ffee> -> close the journal of run 00c0ffee
    "
    );
}

// ---- hostile facts

fn hostile() -> impl Strategy<Value = Facts> {
    let name = || prop::sample::select(vec!["a", "b"]);
    let volumes = || {
        let one = (name(), 0_u32..4).prop_map(|(recipe, n)| format!("warm-{recipe}_t_d-g{n}"));
        prop::collection::btree_set(one, 0..4)
    };
    let owner = || prop::sample::select(vec![Owner::Alive, Owner::Dead, Owner::Dead, Owner::Dead]);
    let standing = prop::sample::select(vec![Standing::Candidate, Standing::Committed, Standing::Dropped]);
    let rows = prop::collection::vec(
        (0_u32..4, standing, volumes(), owner())
            .prop_map(|(n, standing, volumes, owner)| GenerationRow { owner, ..row(n, standing, volumes) }),
        0..4,
    );
    let record =
        prop::option::of((0_u32..4, volumes(), any::<bool>()).prop_map(|(n, volumes, broken)| Record {
            release: "1.0.0+1".into(),
            generation: Generation(n),
            volumes,
            secrets: Some(set(["warm-a_t_pw_v1"])),
            run: run(),
            at: at(1),
            broken: broken.then(String::new),
        }));
    let flights = prop::collection::vec(owner().prop_map(flight), 0..2);
    let of = prop::sample::select(vec![HoldOf::Deployed, HoldOf::Broken, HoldOf::Other]);
    let holds = prop::collection::vec((of, 99_i64..102).prop_map(|(of, until)| hold(of, until)), 0..2);
    let attended = prop::sample::select(vec![Attended::No, Attended::No, Attended::No, Attended::Yes]);
    let one = (attended, record, rows, flights, holds);
    let recipes = (prop::option::of(one.clone()), one).prop_map(|(a, b)| {
        let of = |name: &str, (attended, record, generations, flights, holds)| RecipeFacts {
            attended,
            record,
            generations,
            flights,
            holds,
            ..nothing(name)
        };
        a.map(|a| of("a", a)).into_iter().chain([of("b", b)]).collect()
    });
    let thing = prop::sample::select(vec![
        Thing::Service,
        Thing::Network,
        Thing::Config,
        Thing::Secret,
        Thing::Volume,
        Thing::Volume,
        Thing::Volume,
    ]);
    let mark = prop::sample::select(vec![Some("a"), Some("b"), Some("c"), None]);
    let object = (thing, name(), 0_u32..4, mark).prop_map(|(thing, of, n, mark)| {
        let own = match thing {
            Thing::Volume => format!("d-g{n}"),
            Thing::Secret => format!("pw_v{n}"),
            Thing::Service | Thing::Network | Thing::Config => format!("{thing}{n}"),
        };
        let mark = mark.map_or(Mark::Stranger, |name| Mark::Ours {
            recipe: recipe(name),
            generation: Some(Generation(n)),
        });
        Object { mark, stack: Some(format!("warm-{of}_t")), ..ours(thing, &format!("warm-{of}_t_{own}")) }
    });
    // A name is one thing's: the engine has no two.
    let objects = prop::collection::vec(object, 0..12).prop_map(|objects| {
        let by_name: BTreeMap<_, _> =
            objects.into_iter().map(|o: Object| ((o.thing, o.name.clone()), o)).collect();
        by_name.into_values().collect()
    });
    (recipes, objects).prop_map(|(recipes, objects)| Facts { now: at(100), recipes, objects })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]
    #[test]
    fn no_repair_names_what_was_committed_what_is_a_strangers_or_what_somebody_works_on(facts in hostile()) {
        let found = reconcile(&facts);
        let find = |name: &str| facts.objects.iter().filter(|o| o.name == name).collect::<Vec<_>>();
        let is_alive = |recipe: &RecipeName| facts.recipes.iter().any(|r| {
            r.recipe == *recipe
                && (r.attended == Attended::Yes
                    || r.flights.iter().any(|f| f.owner == Owner::Alive)
                    || r.generations.iter().any(|g| g.owner == Owner::Alive && g.standing != Standing::Committed))
        });
        for difference in &found {
            for name in difference.repair.removes() {
                prop_assert!(!find(name).is_empty(), "{} is not there", name);
                for object in find(name) {
                    let Mark::Ours { recipe, .. } = &object.mark else {
                        return Err(TestCaseError::fail(format!("{name} is a stranger's")));
                    };
                    prop_assert_eq!(recipe, &difference.recipe);
                    prop_assert!(!is_alive(recipe), "{} is being worked on", name);
                }
                for known in &facts.recipes {
                    let record = known.record.iter().any(|r| r.volumes.contains(name));
                    let row = known.generations.iter()
                        .any(|g| g.standing == Standing::Committed && g.volumes.contains(name));
                    prop_assert!(!record && !row, "{} was committed", name);
                    if is_alive(&known.recipe) {
                        prop_assert!(!known.generations.iter().any(|g| g.volumes.contains(name)), "{} is promised", name);
                    }
                }
            }
            if let Repair::DropRow { generation } = &difference.repair {
                let record = facts.recipes.iter().find(|r| r.recipe == difference.recipe).unwrap().record.as_ref();
                prop_assert!(record.is_none_or(|r| r.generation != *generation));
            }
        }
        let orders: Vec<_> = found.iter().map(|d| d.repair.order()).collect();
        prop_assert!(orders.is_sorted());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]
    #[test]
    fn the_retention_names_neither_the_records_generation_nor_a_strangers_volume(
        facts in hostile(),
        days in prop::option::of(0_u32..2),
    ) {
        let retention = Retention { keep: LEAST, days, bytes: Some(0) };
        for difference in beyond_keeping(&facts, retention) {
            let recipe = facts.recipes.iter().find(|r| r.recipe == difference.recipe).unwrap();
            let record = recipe.record.as_ref().unwrap();
            let Repair::Retire { generation, volumes } = &difference.repair else { unreachable!() };
            prop_assert!(*generation != record.generation && record.volumes.is_disjoint(volumes));
            prop_assert!(!is_busy(recipe));
            let mark = |name: &String| facts.objects.iter().find(|o| o.name == *name).map(|o| o.mark.clone());
            let is_ours = |name| matches!(mark(name), Some(Mark::Ours { recipe, .. }) if recipe == difference.recipe);
            prop_assert!(volumes.iter().all(is_ours));
        }
    }
}

#[test]
fn every_kind_has_a_name_of_its_own() {
    let names: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    assert_eq!(names.len(), 22);
}
