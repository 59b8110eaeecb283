//! The end of a canonical: the one place where committed data is given up, and only because a person said so.

use chrono::Utc;
use domain::{RecipeName, RunId, StackName};
use harness::engine::{Broom, Engine, Keep, Scope};

use super::{DROP_LIMIT, secrets};
use crate::cli::Trouble;
use crate::exit::Exit;
use crate::instance::Instance;
use crate::journal;
use crate::run::{labels, left_names};
use crate::store::{JournalEntry, Store, Work};

/// Forgets the record, then removes stack, volumes and secrets, as the work of `run`; returns what would not go. The record goes first: what is
/// left after a kill is garbage under our label, and never a record of volumes that are gone.
pub async fn forget(
    instance: &Instance,
    engine: &Engine,
    store: &Store,
    recipe: &RecipeName,
    run: &RunId,
) -> Result<Vec<String>, Trouble> {
    let step = |step: &str| JournalEntry {
        recipe: Some(recipe.clone()),
        run: run.clone(),
        kind: Work::Drop,
        step: step.to_owned(),
        since: Utc::now(),
    };
    let owner = instance
        .id()
        .map_err(|error| Trouble::from_error(Exit::NotJudged, "could not read the instance's id", &error))?;
    let dropped = store.generations(recipe).await.map_err(super::promote::unread)?;
    store.journal(&step(journal::FORGET)).await.map_err(super::promote::unread)?;
    store.drop_canonical(recipe).await.map_err(super::promote::unread)?;
    store.journal(&step(journal::REMOVE)).await.map_err(super::promote::unread)?;
    let scope = Scope::label(labels::CANONICAL, recipe.as_str()).and(labels::INSTANCE, &owner);
    let stack = StackName::of_domain(&instance.settings.allotter.canonical(recipe));
    tracing::info!(%recipe, %stack, "giving a canonical up");
    let mut left = match engine.clear(&scope, Broom::AtOnce, Keep::Nothing, DROP_LIMIT).await {
        Ok(_) => Vec::new(),
        Err(left) => left_names(&left),
    };
    if let Err(error) = secrets::forget(&instance.settings.state, recipe) {
        left.push(error.to_string());
    }
    if left.is_empty() {
        for generation in dropped {
            store.retired(recipe, generation.number).await.map_err(super::promote::unread)?;
        }
    }
    store.journal_done(run).await.map_err(super::promote::unread)?;
    Ok(left)
}
