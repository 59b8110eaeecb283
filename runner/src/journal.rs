//! Names of all steps that are journaled: written down before they are taken, so that after a kill one can read how far
//! it came. They are a promise: they stand in the registry, in logs, and in what reconciling says.
//!
//! What is done on one stack stands in its run's event log, act by act ([`domain::plan::Act::name`]), and not here: the
//! registry keeps its events for ever.

use domain::canonical::Step;
use domain::reconcile::Repair;

use crate::store::Work;

/// Mirrors, release, plan: nothing is in the swarm yet.
pub(crate) const PREPARE: &str = "prepare";
/// All sides of a run, with their acts.
pub(crate) const JUDGE: &str = "judge";
/// The registry is told how the run ended.
pub(crate) const RECORD: &str = "record";
/// The record names an older generation.
pub(crate) const ROLL_BACK: &str = "roll back";
/// What was written is read again.
pub(crate) const READ_BACK: &str = "record read back";
/// The record is given up.
pub(crate) const FORGET: &str = "forget record";
/// What belonged to it is removed.
pub(crate) const REMOVE: &str = "remove";
/// The objects of one dead run are removed.
pub(crate) const REMOVE_RUN: &str = "remove dead run";

/// Returns the names of the steps of one kind of work.
pub fn steps(work: Work) -> Vec<&'static str> {
    match work {
        Work::Run => vec![PREPARE, JUDGE, RECORD],
        Work::Promotion => Step::PROMOTION.map(Step::name).to_vec(),
        Work::Open => Step::OPEN.map(Step::name).to_vec(),
        Work::Close => Step::CLOSE.iter().chain(&Step::KEEP).map(|step| step.name()).collect(),
        Work::Rollback => vec![ROLL_BACK, READ_BACK],
        Work::Drop => vec![FORGET, REMOVE],
        Work::Gc => vec![REMOVE_RUN],
        Work::Reconcile => Repair::NAMES.to_vec(),
        // A sweep has a file of its own, with a line for each row before the next begins.
        Work::Sweep => Vec::new(),
    }
}
