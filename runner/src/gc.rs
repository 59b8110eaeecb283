//! What dead runs left, found by label and removed by label (law 5). What a live owner holds, what is kept
//! on purpose and what is not this instance's stays.

use std::collections::BTreeMap;

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
#[derive(Clone, Debug, serde::Serialize)]
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

/// Sorts what was found into runs and decides the fate of each.
pub fn decide(
    objects: &[Object],
    instance: &str,
    is_alive: &dyn Fn(&str) -> bool,
    now: DateTime<Utc>,
    kept_too: KeptToo,
) -> Vec<Found> {
    let mut runs: BTreeMap<(String, String), Vec<&Object>> = BTreeMap::new();
    for object in objects {
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
    let objects = engine.list(&Scope::label(labels::INSTANCE, "")).await?;
    let is_alive = |run: &str| leases.is_held(&format!("run-{run}"));
    Ok(decide(&objects, instance, &is_alive, Utc::now(), kept_too))
}

/// Removes one dead run's objects; returns what would not go.
pub async fn remove(engine: &Engine, found: &Found) -> Vec<String> {
    let scope = Scope::label(labels::INSTANCE, &found.instance).and(labels::RUN, &found.run);
    match engine.clear(&scope, Broom::AtOnce, Keep::Nothing, crate::run::CLEAR_LIMIT).await {
        Ok(_) => Vec::new(),
        Err(left) => crate::run::left_names(&left),
    }
}
