use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::canonical::{Fingerprint, Standing};
use domain::reconcile::Kind as Difference;
use domain::{Canonical, Generation};
use harness::engine::{Kind, Object, STACK_LABEL};

use super::*;
use crate::run::labels;
use crate::store::{GenerationRecord, Hold, HoldKind, JournalEntry, Work};

fn recipe(name: &str) -> RecipeName {
    RecipeName::parse(name).unwrap()
}

fn run(n: u8) -> RunId {
    RunId::from_random([0, 0, 0, n])
}

fn instance() -> (tempfile::TempDir, Instance) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("simmer.toml"), "base_domain = \"ci.test\"\nstate = \"state\"\n")
        .unwrap();
    let instance = Instance::open(folder.path()).unwrap();
    (folder, instance)
}

fn volumes(name: &str, generation: u32) -> BTreeMap<String, String> {
    let of = |own: &str| {
        let plain = format!("warm-{name}_ci_test_{own}");
        (plain.clone(), Generation(generation).volume(&plain))
    };
    [of("data"), of("db")].into()
}

fn canonical(name: &str) -> Canonical {
    Canonical {
        recipe: recipe(name),
        release: "2.0.0+2".into(),
        commit: "0".repeat(40),
        digests: BTreeMap::new(),
        generation: Generation(3),
        volumes: volumes(name, 3),
        run: run(3),
        cold: run(9),
        born: DateTime::UNIX_EPOCH,
        at: DateTime::UNIX_EPOCH,
        advances: 2,
        planted: Vec::new(),
        fingerprint: Fingerprint::default(),
    }
}

fn row(name: &str, generation: u32, standing: Standing) -> GenerationRecord {
    GenerationRecord {
        recipe: recipe(name),
        number: Generation(generation),
        standing,
        run: run(u8::try_from(generation).unwrap()),
        release: "2.0.0+2".into(),
        made_at: DateTime::UNIX_EPOCH,
        volumes: volumes(name, generation),
        record: None,
    }
}

fn object(kind: Kind, name: &str, labels: &[(&str, &str)]) -> Object {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Object { kind, id: name.to_owned(), name: name.to_owned(), labels, created: Some(Utc::now()) }
}

fn of_canonical(kind: Kind, name: &str, of: &str) -> Object {
    let stack = format!("warm-{of}_ci_test");
    let version = format!("coop-cloud.{stack}.version");
    let labels = [
        (labels::INSTANCE, "me"),
        (labels::CANONICAL, of),
        (STACK_LABEL, stack.as_str()),
        (version.as_str(), "1.0.0+1"),
    ];
    object(kind, name, &labels)
}

fn all_volumes(name: &str, generation: u32) -> Vec<Object> {
    volumes(name, generation).values().map(|volume| of_canonical(Kind::Volume, volume, name)).collect()
}

/// Compares as if these runs were alive and nobody attended anything.
fn kinds(
    registry: &RegistryFacts,
    objects: &[Object],
    alive: &[RunId],
    me: Option<&RunId>,
) -> Vec<Difference> {
    let (_folder, instance) = instance();
    let asked =
        Asked { is_alive: &|run| me != Some(run) && alive.contains(run), is_attended: &|_| false, me };
    compare(&gather(registry, objects, &instance, "me", &asked)).iter().map(|d| d.kind).collect()
}

fn whole() -> (RegistryFacts, Vec<Object>) {
    let registry = RegistryFacts {
        canonicals: vec![canonical("gitea")],
        generations: vec![row("gitea", 3, Standing::Committed)],
        ..RegistryFacts::default()
    };
    (registry, all_volumes("gitea", 3))
}

#[test]
fn rows_and_labels_of_a_canonical_at_rest_agree() {
    let (registry, objects) = whole();
    // It is not enrolled in this instance, and nothing else is to be said of it.
    assert_eq!(kinds(&registry, &objects, &[], None), [Difference::Unenrolled]);
}

#[test]
fn cc_111_a_canonical_left_deployed_is_found_by_its_label_and_a_strangers_by_its_name() {
    let (registry, mut objects) = whole();
    objects.push(of_canonical(Kind::Service, "warm-gitea_ci_test_app", "gitea"));
    assert!(kinds(&registry, &objects, &[], None).contains(&Difference::LeftDeployed));
    objects.pop();
    // By hand, under our name: no label of ours; and another instance's.
    objects.push(object(Kind::Service, "warm-gitea_ci_test_app", &[(STACK_LABEL, "warm-gitea_ci_test")]));
    assert!(kinds(&registry, &objects, &[], None).contains(&Difference::Foreign));
    objects.pop();
    let theirs = [(labels::INSTANCE, "you"), (labels::CANONICAL, "gitea")];
    objects.push(object(Kind::Service, "warm-gitea_ci_test_app", &theirs));
    assert!(kinds(&registry, &objects, &[], None).contains(&Difference::Foreign));
}

#[test]
fn a_promotion_in_flight_is_left_alone_and_one_that_died_is_not() {
    let (mut registry, mut objects) = whole();
    registry.generations.push(row("gitea", 4, Standing::Candidate));
    registry.journals.push(JournalEntry {
        recipe: Some(recipe("gitea")),
        run: run(4),
        kind: Work::Promotion,
        step: "prove".into(),
        since: DateTime::UNIX_EPOCH,
    });
    objects.extend(all_volumes("gitea", 4));
    objects.push(of_canonical(Kind::Service, "warm-gitea_ci_test_app", "gitea"));
    assert_eq!(kinds(&registry, &objects, &[run(4)], None), []);
    assert_eq!(
        kinds(&registry, &objects, &[], None),
        [
            Difference::OrphanStack,
            Difference::OrphanVolumes,
            Difference::KilledFlight,
            Difference::Unenrolled
        ]
    );
}

#[test]
fn the_one_who_asks_is_no_difference_to_himself() {
    let (mut registry, objects) = whole();
    registry.journals.push(JournalEntry {
        recipe: Some(recipe("gitea")),
        run: run(4),
        kind: Work::Promotion,
        step: "reconcile".into(),
        since: DateTime::UNIX_EPOCH,
    });
    assert_eq!(kinds(&registry, &objects, &[run(4)], Some(&run(4))), [Difference::Unenrolled]);
}

#[test]
fn a_hold_is_found_again_by_the_name_that_it_was_given() {
    let (mut registry, objects) = whole();
    let until = Some(DateTime::UNIX_EPOCH);
    registry.holds.push(Hold {
        kind: HoldKind::Open,
        recipe: recipe("gitea"),
        owner: "ann of ops".into(),
        reason: "a look".into(),
        until,
    });
    assert!(kinds(&registry, &objects, &[], None).contains(&Difference::EndedHold));
    assert_eq!(facts::read_hold_id("open ann of ops"), Some((HoldKind::Open, "ann of ops")));
    assert_eq!(facts::read_hold_id("shut ann"), None);
}

#[test]
fn a_thousand_canonicals_are_compared_well_within_a_second() {
    let names: Vec<String> = (0..1000).map(|n| format!("app{n}")).collect();
    let registry = RegistryFacts {
        canonicals: names.iter().map(|name| canonical(name)).collect(),
        generations: names.iter().flat_map(|n| [2, 3].map(|g| row(n, g, Standing::Committed))).collect(),
        ..RegistryFacts::default()
    };
    let mut objects: Vec<Object> =
        names.iter().flat_map(|n| [all_volumes(n, 2), all_volumes(n, 3)].concat()).collect();
    // Strangers, whose names are looked at as well.
    objects.extend((0..5000).map(|n| object(Kind::Volume, &format!("some_other_stack_{n}_data"), &[])));
    objects.push(of_canonical(Kind::Service, "warm-app7_ci_test_app", "app7"));
    let began = Instant::now();
    let found = kinds(&registry, &objects, &[], None);
    let took = began.elapsed();
    assert_eq!(found.iter().filter(|kind| **kind != Difference::Unenrolled).count(), 1);
    assert!(took < Duration::from_secs(1), "{took:?}");
}
