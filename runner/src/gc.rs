//! What dead runs left, found by label and removed by label (law 5). What a live owner holds, what is kept
//! on purpose and what is not this instance's stays. So does all that belongs to a canonical, whatever else it carries:
//! that outlives its run, and `simmer reconcile` decides about it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use harness::engine::{Broom, Engine, Keep, Object, Scope};

use crate::lease::Leases;
use crate::run::labels;

/// What is to become of the objects of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Its run is dead: it goes.
    Removed,
    /// Its run is alive.
    InUse,
    /// Deployed with `--keep`, and its time is not over.
    Kept,
    /// Another instance's.
    Foreign,
}

/// The objects of one run, as they were found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Found {
    pub run: String,
    pub recipe: String,
    pub instance: String,
    /// `None` where the label cannot be read.
    pub deadline: Option<DateTime<Utc>>,
    pub fate: Fate,
    /// Kind and name of each.
    pub objects: Vec<String>,
}

/// Whether stacks that were kept on purpose go as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptToo {
    Yes,
    No,
}

/// Sorts what was found into runs and decides the fate of each. What belongs to a canonical is not among it.
pub fn decide(
    objects: &[Object],
    instance: &str,
    is_alive: &dyn Fn(&str) -> bool,
    now: DateTime<Utc>,
    kept_too: KeptToo,
) -> Vec<Found> {
    let mut runs: BTreeMap<(String, String), Vec<&Object>> = BTreeMap::new();
    for object in objects.iter().filter(|object| !object.labels.contains_key(labels::CANONICAL)) {
        let label = |key: &str| object.labels.get(key).cloned();
        if let Some(owner) = label(labels::INSTANCE) {
            runs.entry((owner, label(labels::RUN).unwrap_or_default())).or_default().push(object);
        }
    }
    runs.into_iter()
        .map(|((owner, run), objects)| {
            let any = |key: &str| objects.iter().find_map(|o| o.labels.get(key));
            let deadline = any(labels::DEADLINE)
                .and_then(|text| text.parse::<i64>().ok())
                .and_then(|seconds| DateTime::from_timestamp(seconds, 0));
            let kept = any(labels::KEEP).is_some() && deadline.is_none_or(|end| now < end);
            let fate = if owner != instance {
                Fate::Foreign
            } else if is_alive(&run) {
                Fate::InUse
            } else if kept && kept_too == KeptToo::No {
                Fate::Kept
            } else {
                Fate::Removed
            };
            Found {
                recipe: any(labels::RECIPE).cloned().unwrap_or_default(),
                instance: owner,
                run,
                deadline,
                fate,
                objects: objects.iter().map(|o| o.to_string()).collect(),
            }
        })
        .collect()
}

/// Lists everything in the swarm that carries an instance's label, and decides its fate.
pub async fn find(
    engine: &Engine,
    instance: &str,
    leases: &Leases,
    kept_too: KeptToo,
) -> Result<Vec<Found>, harness::engine::EngineError> {
    let objects = engine.list(&Scope::label(labels::INSTANCE, "").without(labels::CANONICAL)).await?;
    let is_alive = |run: &str| leases.is_held(&format!("run-{run}"));
    Ok(decide(&objects, instance, &is_alive, Utc::now(), kept_too))
}

/// Removes one dead run's objects; returns what would not go.
pub async fn remove(engine: &Engine, found: &Found) -> Vec<String> {
    let scope = broom_of(found);
    match engine.clear(&scope, Broom::AtOnce, Keep::Nothing, crate::run::CLEAR_LIMIT).await {
        Ok(_) => Vec::new(),
        Err(left) => crate::run::left_names(&left),
    }
}

/// Folders of a run that hold nothing worth keeping once it is over: work trees and what tests wrote for themselves.
const SCRATCH: [&str; 2] = ["trees", "work"];

/// Finds the work trees and work folders of runs that are dead, in the folder of all runs. A run that ends removes its own.
pub fn scratch(runs: &Path, leases: &Leases) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(runs).into_iter().flatten().flatten().map(|entry| entry.path());
    // A run takes its lease before it makes its folder.
    let is_dead = |folder: &PathBuf| {
        folder
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|run| !leases.is_held(&format!("run-{run}")))
    };
    let mut found: Vec<PathBuf> = folders
        .filter(is_dead)
        .flat_map(|folder| SCRATCH.map(|name| folder.join(name)))
        .filter(|folder| folder.is_dir())
        .collect();
    found.sort();
    found
}

/// What a dead run's clearing may touch. A canonical's objects are left out here too: what is cleared goes by labels that
/// are asked for again, and not by what was listed before.
fn broom_of(found: &Found) -> Scope {
    Scope::label(labels::INSTANCE, &found.instance).and(labels::RUN, &found.run).without(labels::CANONICAL)
}

#[cfg(test)]
mod tests {
    use harness::engine::Kind;

    use super::*;

    fn object(name: &str, pairs: &[(&str, &str)]) -> Object {
        let labels = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Object { kind: Kind::Volume, id: name.to_owned(), name: name.to_owned(), labels, created: None }
    }

    const RUN: [(&str, &str); 3] =
        [(labels::INSTANCE, "me"), (labels::RUN, "00c0ffee"), (labels::RECIPE, "gitea")];

    fn of_a_canonical(name: &str) -> Object {
        object(name, &[&RUN[..], &[(labels::CANONICAL, "gitea"), (labels::GENERATION, "3")]].concat())
    }

    #[test]
    fn what_belongs_to_a_canonical_is_not_gcs_even_if_it_carries_a_dead_run() {
        let objects = [object("run-00c0ffeea_data", &RUN), of_a_canonical("warm-gitea_data-g3")];
        let found = decide(&objects, "me", &|_| false, Utc::now(), KeptToo::Yes);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].fate, Fate::Removed);
        assert_eq!(found[0].objects, ["volume `run-00c0ffeea_data`"]);
        // Nothing but the canonical's: then there is no run to clear.
        let canonicals = [of_a_canonical("warm-gitea_data-g3")];
        assert_eq!(decide(&canonicals, "me", &|_| false, Utc::now(), KeptToo::Yes), []);
    }

    #[test]
    fn law_5_work_trees_of_dead_runs_are_scratch_and_those_of_the_living_and_all_evidence_stay() {
        let state = tempfile::tempdir().unwrap();
        let leases = Leases::of(state.path());
        let owner = crate::lease::Owner::here("00000002", "gitea");
        let _alive = leases.take("run-00000002", &owner).unwrap();
        let runs = state.path().join("runs");
        for folder in
            ["00000001/trees/A", "00000001/work", "00000001/logs", "00000002/trees", "00000003/logs"]
        {
            std::fs::create_dir_all(runs.join(folder)).unwrap();
        }
        std::fs::write(runs.join("index.html"), "").unwrap();
        let found = scratch(&runs, &leases);
        assert_eq!(found, [runs.join("00000001/trees"), runs.join("00000001/work")]);
        assert_eq!(scratch(&state.path().join("nowhere"), &leases), [] as [PathBuf; 0]);
    }

    #[test]
    fn the_broom_itself_spares_what_belongs_to_a_canonical() {
        let objects = [object("run-00c0ffeea_data", &RUN)];
        let found = decide(&objects, "me", &|_| false, Utc::now(), KeptToo::No);
        let scope = broom_of(&found[0]);
        assert!(scope.means(&objects[0]));
        assert!(!scope.means(&of_a_canonical("warm-gitea_data-g3")));
    }

    #[test]
    fn the_living_the_kept_and_strangers_stay() {
        let later = (Utc::now() + chrono::TimeDelta::hours(1)).timestamp().to_string();
        let kept = [&RUN[..], &[(labels::KEEP, "true"), (labels::DEADLINE, later.as_str())]].concat();
        let fate = |object: Object, instance: &str, alive: bool, kept_too: KeptToo| {
            decide(&[object], instance, &|_| alive, Utc::now(), kept_too)[0].fate
        };
        assert_eq!(fate(object("a", &RUN), "me", true, KeptToo::Yes), Fate::InUse);
        assert_eq!(fate(object("a", &kept), "me", false, KeptToo::No), Fate::Kept);
        assert_eq!(fate(object("a", &kept), "me", false, KeptToo::Yes), Fate::Removed);
        assert_eq!(fate(object("a", &RUN), "you", false, KeptToo::Yes), Fate::Foreign);
    }
}
