//! The registry against Docker: read both once, decide (`domain::reconcile`), repair one by one (DESIGN 7).
//!
//! Looking takes no lock. Before anything is repaired the leases of the canonicals concerned are taken and both sides are
//! read again: what somebody alive works on is no difference, and what was begun in between is seen.

mod act;
mod facts;

pub use act::{Done, Outcome};
pub use facts::{Asked, RegistryFacts, gather};

use std::collections::{BTreeMap, BTreeSet};

use domain::reconcile::{Difference, Repair, beyond_keeping, left_open, reconcile as compare, sort};
use domain::{RecipeName, RunId};
use harness::engine::{Engine, EngineError};

use crate::canonical::lease_name;
use crate::instance::Instance;
use crate::lease::{Lease, LeaseError, Leases, Owner};
use crate::run::random_bytes;
use crate::store::{Database, Store, StoreError};

/// Whether anything is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Look,
    Repair,
}

/// What is to be reconciled.
#[derive(Clone, Debug)]
pub struct Order {
    /// Only this recipe's canonical; all where there is none.
    pub only: Option<RecipeName>,
    pub mode: Mode,
    /// The run that asks and holds the lease of `only` itself: its own work in flight is no difference, and its journal
    /// says already what it does.
    pub me: Option<RunId>,
}

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error("could not list what is in the swarm")]
    Engine(#[from] EngineError),
    #[error("could not read the registry")]
    Store(#[from] StoreError),
    #[error("could not use the leases")]
    Lease(#[from] LeaseError),
    #[error("could not read the instance's id")]
    Instance(#[source] std::io::Error),
    #[error("there are no random bytes")]
    Random,
}

/// Compares the registry with Docker and, where that is asked, carries the repairs out, each proven. What comes back is
/// every difference, in the order of the repairs, with what became of it.
pub async fn reconcile(
    engine: &Engine,
    store: &Store,
    leases: &Leases,
    instance: &Instance,
    order: &Order,
) -> Result<Vec<Done>, ReconcileError> {
    let id = instance.id().map_err(ReconcileError::Instance)?;
    let room = Room { engine, store, leases, instance, id, order };
    let mut mine: BTreeSet<RecipeName> = BTreeSet::new();
    if order.me.is_some() {
        mine.extend(order.only.clone());
    }
    let found = room.look(&mine).await?;
    match order.mode {
        Mode::Look => return Ok(found.into_iter().map(Done::looked_at).collect()),
        Mode::Repair if found.iter().all(|d| matches!(d.repair, Repair::Tell { .. })) => {
            return Ok(found.into_iter().map(Done::looked_at).collect());
        }
        Mode::Repair => {}
    }
    if order.me.is_some() {
        return Ok(room.repair_all(found, &mine, None).await);
    }
    let run = RunId::from_random(random_bytes().map_err(|_| ReconcileError::Random)?);
    let owner = Owner::here(
        run.to_string(),
        order.only.as_ref().map_or_else(|| "reconcile".to_owned(), ToString::to_string),
    );
    let _alive = leases.take(&format!("run-{run}"), &owner)?;
    let held = room.take_leases(&found, &owner)?;
    mine.extend(held.keys().cloned());
    let found = room.look(&mine).await?;
    Ok(room.repair_all(found, &mine, Some(&run)).await)
}

/// What reconciling works with.
struct Room<'a> {
    engine: &'a Engine,
    store: &'a Store,
    leases: &'a Leases,
    instance: &'a Instance,
    /// The instance's id.
    id: String,
    order: &'a Order,
}

impl Room<'_> {
    /// Reads both sides and compares. `mine` are recipes whose lease the caller holds.
    async fn look(&self, mine: &BTreeSet<RecipeName>) -> Result<Vec<Difference>, ReconcileError> {
        // The registry first: what is promised and made in between is then nobody's yet, and never lost.
        let registry = RegistryFacts::read(self.store).await?;
        let objects = self.engine.inventory().await?;
        let is_alive =
            |run: &RunId| self.order.me.as_ref() != Some(run) && self.leases.is_held(&format!("run-{run}"));
        let is_attended =
            |recipe: &RecipeName| !mine.contains(recipe) && self.leases.is_held(&lease_name(recipe));
        let mut facts = gather(
            &registry,
            &objects,
            self.instance,
            &self.id,
            &Asked { is_alive: &is_alive, is_attended: &is_attended, me: self.order.me.as_ref() },
        );
        facts::look_at_services(self.engine, &mut facts).await?;
        let mut found = compare(&facts);
        found.extend(beyond_keeping(&facts, self.instance.settings.retention));
        let has_died = |run: &RunId| self.has_died(run);
        found.extend(left_open(&facts::other_journals(&registry, self.order.me.as_ref(), &has_died)));
        sort(&mut found);
        if let Some(only) = &self.order.only {
            found.retain(|difference| difference.recipe == *only);
        }
        Ok(found)
    }

    /// Returns whether a run was of this instance, and is dead. A registry that several share names runs of others too,
    /// whose leases are in other folders: of ours who were killed the lease's file is left.
    fn has_died(&self, run: &RunId) -> bool {
        let lease = format!("run-{run}");
        let is_ours = match &self.instance.settings.database {
            Database::Sqlite(_) => true,
            Database::Postgres(_) => self.leases.has_file(&lease),
        };
        is_ours && !self.leases.is_held(&lease)
    }

    /// Takes the leases of all canonicals that something is to be done about. One that somebody else holds is left out:
    /// the second look will not name it.
    fn take_leases(
        &self,
        found: &[Difference],
        owner: &Owner,
    ) -> Result<BTreeMap<RecipeName, Lease>, ReconcileError> {
        let mut held = BTreeMap::new();
        for difference in found.iter().filter(|d| !matches!(d.repair, Repair::Tell { .. })) {
            if held.contains_key(&difference.recipe) {
                continue;
            }
            match self.leases.take(&lease_name(&difference.recipe), owner) {
                Ok(lease) => {
                    held.insert(difference.recipe.clone(), lease);
                }
                Err(LeaseError::Held { name, owner }) => {
                    tracing::info!(%name, %owner, "somebody works on it, left alone");
                }
                Err(error @ LeaseError::Io { .. }) => return Err(error.into()),
            }
        }
        Ok(held)
    }
}

#[cfg(test)]
mod tests;
