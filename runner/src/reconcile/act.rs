//! Repairs, one by one, each proven by a listing or by the registry's own answer.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::Utc;
use domain::canonical::Standing;
use domain::reconcile::{Difference, Kind, Repair};
use domain::{Generation, RecipeName, RunId, StackName};
use harness::engine::{self, Broom, Keep, Scope};

use super::Room;
use super::facts::{OWNER, read_hold_id};
use crate::canonical::{forget_secrets, retire, secrets_are_kept};
use crate::run::labels;
use crate::store::{Hold, HoldKind, JournalEntry, StoreError, Work};

/// Longest time for an undeploy: databases ask for minutes of grace.
const UNDEPLOY_LIMIT: Duration = Duration::from_secs(360);
/// Longest time for removing volumes or secrets that nothing uses any more.
const REMOVE_LIMIT: Duration = Duration::from_secs(120);

/// A difference, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Done {
    pub difference: Difference,
    pub outcome: Outcome,
}

/// What became of a difference.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was only looked at; there is a repair for it.
    Found,
    /// There is no safe repair: a person decides.
    Told,
    Repaired,
    Failed {
        says: String,
    },
}

impl Done {
    pub(super) fn looked_at(difference: Difference) -> Self {
        let outcome = match difference.repair {
            Repair::Tell { .. } => Outcome::Told,
            Repair::Undeploy { .. }
            | Repair::MarkBroken { .. }
            | Repair::RemoveSecrets { .. }
            | Repair::RemoveCandidate { .. }
            | Repair::DropRow { .. }
            | Repair::CloseFlight { .. }
            | Repair::EndHold { .. }
            | Repair::Retire { .. } => Outcome::Found,
        };
        Self { difference, outcome }
    }

    /// Returns whether the difference still stands. One that is marked as broken is written down, and not mended.
    pub fn is_left(&self) -> bool {
        match self.outcome {
            Outcome::Repaired => matches!(self.difference.repair, Repair::MarkBroken { .. }),
            Outcome::Found | Outcome::Told | Outcome::Failed { .. } => true,
        }
    }
}

impl Room<'_> {
    /// Carries out what there is for the recipes whose lease is held. One that fails stops no other.
    pub(super) async fn repair_all(
        &self,
        found: Vec<Difference>,
        mine: &BTreeSet<RecipeName>,
        run: Option<&RunId>,
    ) -> Vec<Done> {
        let mut done = Vec::new();
        for difference in found {
            let mut one = Done::looked_at(difference);
            if one.outcome == Outcome::Found && mine.contains(&one.difference.recipe) {
                one.outcome = match self.journaled(&one.difference, run).await {
                    Ok(()) => Outcome::Repaired,
                    Err(says) => Outcome::Failed { says },
                };
            }
            done.push(one);
        }
        if let Some(run) = run
            && let Err(error) = self.store.journal_done(run).await
        {
            tracing::warn!(%error, "reconcile's own journal stays open");
        }
        done
    }

    async fn journaled(&self, difference: &Difference, run: Option<&RunId>) -> Result<(), String> {
        if let Some(run) = run {
            let entry = JournalEntry {
                recipe: Some(difference.recipe.clone()),
                run: run.clone(),
                kind: Work::Reconcile,
                step: difference.repair.name().to_owned(),
                since: Utc::now(),
            };
            self.store.journal(&entry).await.map_err(|error| chain(&error))?;
        }
        self.repair(difference).await
    }

    async fn repair(&self, difference: &Difference) -> Result<(), String> {
        let recipe = &difference.recipe;
        let registry = |error: StoreError| chain(&error);
        match &difference.repair {
            Repair::Undeploy { stack, names: _ } => {
                let stack = StackName::parse(stack).map_err(|bad| bad.to_string())?;
                let scope = self.ours(recipe).and(engine::STACK_LABEL, stack.as_str());
                self.clear(&scope, Broom::WithGrace, Keep::VolumesAndSecrets, UNDEPLOY_LIMIT).await
            }
            Repair::MarkBroken { why } => {
                let hold = Hold {
                    kind: HoldKind::Quarantine,
                    recipe: recipe.clone(),
                    owner: OWNER.to_owned(),
                    reason: why.clone(),
                    until: None,
                };
                self.store.hold(&hold).await.map(drop).map_err(registry)
            }
            Repair::RemoveSecrets { names } => {
                let scope = self.ours(recipe).only(engine::Kind::Secret, names.iter().cloned());
                self.clear(&scope, Broom::AtOnce, Keep::Nothing, REMOVE_LIMIT).await?;
                self.forget_secrets_of_nothing(recipe).await
            }
            Repair::RemoveCandidate { generation, volumes } => {
                // The row says that its volumes go before they do, and goes itself when they are gone.
                self.store.dropped(recipe, *generation).await.map_err(registry)?;
                let scope = self.ours(recipe).only(engine::Kind::Volume, volumes.iter().cloned());
                self.clear(&scope, Broom::AtOnce, Keep::Nothing, REMOVE_LIMIT).await?;
                self.forget_secrets_of_nothing(recipe).await?;
                self.store.retired(recipe, *generation).await.map(drop).map_err(registry)
            }
            Repair::DropRow { generation } => {
                self.forget_secrets_of_nothing(recipe).await?;
                self.drop_row(recipe, *generation, difference.kind).await.map_err(registry)
            }
            Repair::CloseFlight { run } => {
                self.forget_secrets_of_nothing(recipe).await?;
                self.store.journal_done(run).await.map_err(registry)?;
                self.leases.forget_dead(&format!("run-{run}"));
                Ok(())
            }
            Repair::Retire { generation, volumes } => {
                let gone = retire(self.engine, self.store, &self.id, recipe, *generation, volumes).await;
                gone.map_err(|error| chain(&error))
            }
            Repair::EndHold { id } => {
                let (kind, owner) = read_hold_id(id).ok_or_else(|| format!("`{id}` is no hold"))?;
                self.store.release_hold(kind, recipe, owner).await.map(drop).map_err(registry)
            }
            Repair::Tell { hint } => Err(hint.clone()),
        }
    }

    /// Forgets the kept values of a recipe of which nothing was ever committed, once none of its secrets is in the swarm
    /// any more. Asked before each of the repairs that close what a dead promotion left, the row or the journal that
    /// tells of it: so a kill in between loses nothing, and leaves nothing.
    async fn forget_secrets_of_nothing(&self, recipe: &RecipeName) -> Result<(), String> {
        let state = &self.instance.settings.state;
        if !secrets_are_kept(state, recipe) {
            return Ok(());
        }
        let registry = |error: StoreError| chain(&error);
        let is_committed = self.store.canonical(recipe).await.map_err(registry)?.is_some()
            || self
                .store
                .generations(recipe)
                .await
                .map_err(registry)?
                .iter()
                .any(|generation| generation.standing == Standing::Committed);
        let there = self.engine.list(&self.ours(recipe)).await.map_err(|error| chain(&error))?;
        if is_committed || there.iter().any(|object| object.kind == engine::Kind::Secret) {
            return Ok(());
        }
        forget_secrets(state, recipe).map_err(|error| chain(&error))
    }

    async fn drop_row(
        &self,
        recipe: &RecipeName,
        generation: Generation,
        kind: Kind,
    ) -> Result<(), StoreError> {
        // A candidate is dropped first; the registry refuses that of one that was committed.
        if kind == Kind::StaleRow {
            self.store.dropped(recipe, generation).await?;
        }
        self.store.retired(recipe, generation).await.map(drop)
    }

    /// What carries our label as this recipe's canonical: nothing else is ever removed.
    fn ours(&self, recipe: &RecipeName) -> Scope {
        Scope::label(labels::INSTANCE, &self.id).and(labels::CANONICAL, recipe.as_str())
    }

    async fn clear(&self, scope: &Scope, how: Broom, keep: Keep, limit: Duration) -> Result<(), String> {
        self.engine.clear(scope, how, keep, limit).await.map(drop).map_err(|left| left.to_string())
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    engine::Chain(error).to_string()
}
