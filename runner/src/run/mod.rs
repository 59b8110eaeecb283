//! One run: a recipe at a release, through the tiers, with its evidence.
//!
//! `prepare` finds out what there is, `domain::plan` decides what to do, `side` does it on one stack,
//! and `judge` turns how it ended into verdicts.

mod acts;
mod backup;
mod build;
mod check;
mod data;
mod edge;
mod exams;
pub(crate) mod images;
mod judge;
mod keep;
pub mod labels;
mod limits;
mod lint;
mod naming;
mod outside;
mod prepare;
mod remember;
mod retained;
mod shared;
mod side;
mod sides;
mod tree;
mod witness;

pub(crate) use build::{Built, Ground, Owner, Ownership, SecretStore, build};
pub(crate) use judge::{Common, drop_folder, open_log, port_leases, preflight, random_bytes, share, tick};
pub use judge::{Manner, Outcome, run};
pub use lint::{LintSubject, canonical_domain, lint_tree};
pub use prepare::{Prepared, Wanted};
pub(crate) use prepare::{brought, prepare};
pub use remember::remember;
pub(crate) use retained::{Retained, Stays, Yield};
pub(crate) use shared::Shared;
pub use shared::{FollowLogs, KeepStack};
pub(crate) use side::{Releases, SideEnd, left_names, run_side};
pub use tree::{Read, Tree};

use std::time::Duration;

use domain::names::Side;

/// Which stack of a run is meant: its side, and which of several bases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) side: Side,
    pub(crate) nth: usize,
}

/// Longest time for fetching a recipe's repository: a large one over a slow line.
pub(crate) const SYNC_LIMIT: Duration = Duration::from_secs(300);
/// Longest time for getting all images of a release.
pub(crate) const PULL_LIMIT: Duration = Duration::from_secs(1800);
/// Longest time for creating or changing a stack: a few dozen calls to a busy engine.
pub(crate) const DEPLOY_LIMIT: Duration = Duration::from_secs(120);
/// Longest time for planting or reading witness files and for comparing images and labels.
pub(crate) const CHECK_LIMIT: Duration = Duration::from_secs(120);
/// Longest time for planting, reading or destroying the overlay's data: its asks have deadlines of their own, which
/// end first.
pub(crate) const DATA_LIMIT: Duration = Duration::from_secs(900);
/// Longest time for a backup or a restore with its hooks: a dump and its loading, and some gigabytes to copy.
pub(crate) const SNAPSHOT_LIMIT: Duration = Duration::from_secs(1500);
/// Longest time for the tests of a tier together, or for readiness: each has a deadline of its own, which ends first.
pub(crate) const TESTS_LIMIT: Duration = Duration::from_secs(1500);
/// Longest time of a tier (CC-044), from its first act that is no pull, where the instance sets none; longer where the
/// overlay's windows are. The run has a wall of its own beside it.
pub(crate) const TIER_LIMIT: Duration = Duration::from_secs(1800);
/// Longest time for clearing a stack away; the engine may take its time with networks.
pub(crate) const CLEAR_LIMIT: Duration = Duration::from_secs(120);
/// How long a kept stack may stay before `simmer gc` takes it away.
pub(crate) const KEEP_FOR: Duration = Duration::from_secs(2 * 3600);

/// Milliseconds, for events.
pub(crate) fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
