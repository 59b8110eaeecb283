//! What has to hold after trouble, whatever it was.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::recipe::{NAME, RELEASES};
use super::scenario::Scenario;
use super::world::World;

type Content = BTreeMap<PathBuf, (u32, Vec<u8>)>;

/// How a world was before the trouble.
pub(super) struct Before {
    shown: Option<Value>,
    /// By volume, of all that is committed.
    contents: BTreeMap<String, Content>,
}

/// Whether the command that met the trouble may have changed the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum May {
    /// The record says what it said.
    Nothing,
    /// Or it stands on a new generation of this release, which was committed whole.
    Advance(usize),
    /// Or on an older generation.
    GoBack,
    /// Or on a new generation of the same release, which survived no more advances.
    Keep,
    /// Or there is none any more.
    GiveUp,
}

impl Before {
    pub(super) fn of(world: &World) -> Self {
        let shown = world.shown();
        let contents =
            committed(shown.as_ref()).into_iter().map(|v| (v.clone(), world.content(&v))).collect();
        Self { shown, contents }
    }
}

/// Names the volumes of all committed generations.
fn committed(shown: Option<&Value>) -> BTreeSet<String> {
    let generations = shown.and_then(|shown| shown["generations"].as_array()).into_iter().flatten();
    let committed = generations.filter(|g| g["standing"] == "committed");
    committed
        .flat_map(|g| g["volumes"].as_object().unwrap().values())
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

/// Reconciles, and checks that nothing was lost, that both sides agree, that nothing is left and that work goes on.
pub(super) fn whole(world: &World, before: &Before, scenario: &Scenario) {
    let may = scenario.may;
    (scenario.mend)(world);
    let told = world.simmer(&["reconcile"]);
    assert_eq!(told.exit, Some(0), "reconcile: {}{}", told.stdout, told.stderr);
    let gone = world.simmer(&["gc"]);
    assert_eq!(gone.exit, Some(0), "gc: {}{}", gone.stdout, gone.stderr);
    let runs = std::fs::read_dir(world.path().join("state/runs")).into_iter().flatten().flatten();
    for run in runs {
        let scratch = ["trees", "work"].map(|name| run.path().join(name));
        assert!(!scratch.iter().any(|folder| folder.exists()), "{run:?} keeps its work folders");
    }
    let story = format!("reconcile said: {}", told.stdout);

    let after = world.shown();
    record(before.shown.as_ref(), after.as_ref(), may);
    for volume in committed(after.as_ref()) {
        if let Some(content) = before.contents.get(&volume) {
            assert!(world.content(&volume) == *content, "`{volume}` was changed. {story}");
        }
    }
    agrees(world, &story);
    nothing_left(world, after.as_ref(), &story);

    // The next promotion works: of the first release where there was nothing, or is nothing any more.
    let advances = after.as_ref().map_or(0, |shown| shown["canonical"]["advances"].as_u64().unwrap() + 1);
    let release = if before.shown.is_none() || after.is_none() { RELEASES[0] } else { RELEASES[1] };
    let next = world.simmer(&["promote", NAME, "--ref", release, "--quiet"]);
    assert_eq!(next.exit, Some(0), "the next promotion: {}{}\n{story}", next.stdout, next.stderr);
    let now = world.shown().expect("what was promoted is there");
    assert_eq!(
        (&now["canonical"]["release"], &now["canonical"]["advances"]),
        (&release.into(), &advances.into())
    );
    agrees(world, &story);
    nothing_left(world, Some(&now), &story);
}

/// Compares what the registry said with what it says.
fn record(before: Option<&Value>, after: Option<&Value>, may: May) {
    let canonical = |shown: Option<&Value>| shown.map(|shown| shown["canonical"].clone());
    let (old, new) = (canonical(before), canonical(after));
    if old == new {
        return;
    }
    let text = || format!("the record was {old:#?} and is {new:#?}");
    match (may, &new) {
        (May::Nothing, _) => panic!("{}", text()),
        (May::Advance(nth), Some(record)) => {
            let advances = old.as_ref().map_or(0, |old| old["advances"].as_u64().unwrap() + 1);
            assert_eq!(record["release"], RELEASES[nth], "{}", text());
            assert_eq!(record["advances"], advances, "{}", text());
        }
        (May::GoBack, Some(record)) => {
            let of = |shown: &Value| shown["generations"].as_array().unwrap().clone();
            let known = of(before.unwrap()).into_iter().any(|g| g["record"] == *record);
            assert!(known, "{}", text());
        }
        (May::Keep, Some(record)) => {
            let of = |record: &Value| (record["release"].clone(), record["advances"].clone());
            assert_eq!(old.as_ref().map(of), Some(of(record)), "{}", text());
            assert_ne!(old.as_ref().map(|old| &old["generation"]), Some(&record["generation"]), "{}", text());
        }
        (May::GiveUp, None) => {}
        (May::Advance(_) | May::GoBack | May::Keep, None) | (May::GiveUp, Some(_)) => panic!("{}", text()),
    }
}

/// The registry says what Docker says, and does not contradict itself.
fn agrees(world: &World, story: &str) {
    let look = world.simmer(&["reconcile", "--dry-run"]);
    let said = (look.exit, look.stdout.as_str());
    assert_eq!(said, (Some(0), "the registry and Docker agree\n"), "{}{story}", look.stderr);
    let checked = world.simmer(&["db", "check"]);
    assert_eq!(checked.exit, Some(0), "{}{}{story}", checked.stdout, checked.stderr);
}

/// Everything in the swarm is explained by the record.
fn nothing_left(world: &World, shown: Option<&Value>, story: &str) {
    let mut explained: BTreeSet<String> =
        committed(shown).into_iter().map(|volume| format!("volume {volume}")).collect();
    explained.insert("network proxy".to_owned());
    let secret = "secret warm-app_matrix_test_pw_v1";
    if shown.is_some() {
        explained.insert(secret.to_owned());
    }
    // Containers end in their own time, after the service that had them.
    let began = Instant::now();
    loop {
        let there: BTreeSet<String> = world.fake.objects().into_iter().collect();
        if there == explained {
            return;
        }
        if began.elapsed() > Duration::from_secs(10) {
            let left: Vec<_> = there.difference(&explained).collect();
            let lost: Vec<_> = explained.difference(&there).collect();
            panic!("left {left:?}, lost {lost:?}. {story}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
