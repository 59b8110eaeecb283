//! Generations that the retention does not keep: their volumes go, proven, and then their row.

use std::collections::BTreeSet;

use domain::canonical::Standing;
use domain::retention::Kept;
use domain::{Canonical, Generation, RecipeName};
use harness::engine::{Broom, Engine, Keep, Kind, Scope};

use super::DROP_LIMIT;
use crate::run::{labels, left_names};
use crate::store::{GenerationRecord, Store, StoreError};

/// Why a generation stays all the same.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRetired {
    #[error("could not ask the registry")]
    Registry(#[from] StoreError),
    /// The record names it, or one of its volumes: it was asked for wrongly.
    #[error("{generation} is the canonical's own")]
    Present { generation: Generation },
    #[error("still there: {}", left.join(", "))]
    Left { left: Vec<String> },
}

/// Returns the committed generations as the retention sees them.
pub(crate) fn committed(all: &[GenerationRecord]) -> Vec<Kept> {
    let committed = all.iter().filter(|one| one.standing == Standing::Committed);
    committed.filter_map(|one| one.record.as_ref()).map(Kept::of).collect()
}

/// Removes an older generation: given up first, then its volumes by name and by our label, then its row, so that a kill in
/// between leaves a rest that is garbage by its row, and no way back that is broken. The caller holds the canonical's
/// lease, and the record is read here once more: what it names stays.
pub(crate) async fn retire(
    engine: &Engine,
    store: &Store,
    instance: &str,
    recipe: &RecipeName,
    generation: Generation,
    volumes: &BTreeSet<String>,
) -> Result<(), NotRetired> {
    let record = store.canonical(recipe).await?;
    let is_named = |record: &Canonical| {
        record.generation == generation || record.volumes.values().any(|name| volumes.contains(name))
    };
    if record.as_ref().is_none_or(is_named) {
        return Err(NotRetired::Present { generation });
    }
    store.given_up(recipe, generation).await?;
    let scope = Scope::label(labels::INSTANCE, instance)
        .and(labels::CANONICAL, recipe.as_str())
        .only(Kind::Volume, volumes.iter().cloned());
    if let Err(left) = engine.clear(&scope, Broom::AtOnce, Keep::Nothing, DROP_LIMIT).await {
        return Err(NotRetired::Left { left: left_names(&left) });
    }
    store.retired(recipe, generation).await?;
    Ok(())
}
