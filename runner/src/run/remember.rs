//! What the registry is told of a cold run: which step it takes, and how it ended.

use chrono::Utc;
use domain::{RecipeName, RunId};

use super::judge::Outcome;
use crate::canonical::record_of;
use crate::journal;
use crate::store::{JournalEntry, Store, StoreError, Work};

/// Tells the registry how a run ended: a green one allows a promotion.
pub async fn remember(store: &Store, outcome: &Outcome) -> Result<(), StoreError> {
    let Some(record) = record_of(&outcome.run, &outcome.events) else { return Ok(()) };
    let journal = Journal { store, recipe: &record.recipe, run: outcome.run.clone() };
    journal.takes(journal::RECORD).await;
    let noted = store.run_ended(&record).await;
    journal.done().await;
    noted.map(drop)
}

/// What a cold run does, written down before it is done. A run needs no registry until it is over: one that cannot be
/// written to is for the diary.
pub(super) struct Journal<'a> {
    pub(super) store: &'a Store,
    pub(super) recipe: &'a RecipeName,
    pub(super) run: RunId,
}

impl Journal<'_> {
    pub(super) async fn takes(&self, step: &str) {
        let entry = JournalEntry {
            recipe: Some(self.recipe.clone()),
            run: self.run.clone(),
            kind: Work::Run,
            step: step.to_owned(),
            since: Utc::now(),
        };
        if let Err(error) = self.store.journal(&entry).await {
            tracing::warn!(%error, step, "a step of the run is not journaled");
        }
    }

    pub(super) async fn done(&self) {
        if let Err(error) = self.store.journal_done(&self.run).await {
            tracing::warn!(%error, "the journal still says that the run is under way");
        }
    }
}
