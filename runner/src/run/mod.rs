//! One run: a recipe at a release, through the tiers, with its evidence.
//!
//! `prepare` finds out what there is, `domain::plan` decides what to do, `side` does it on one stack,
//! and `judge` turns how it ended into verdicts.

mod build;
mod check;
mod edge;
mod judge;
pub mod labels;
mod lint;
mod outside;
mod prepare;
mod side;
mod tree;

pub use judge::{Manner, Outcome, run};
pub(crate) use judge::{drop_folder, random_bytes};
pub use lint::{LintSubject, lint_tree};
pub(crate) use prepare::prepare;
pub use prepare::{Prepared, Wanted};
pub(crate) use side::left_names;
pub use side::{FollowLogs, KeepStack};
pub use tree::Tree;

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
/// Longest time for clearing a stack away; the engine may take its time with networks.
pub(crate) const CLEAR_LIMIT: Duration = Duration::from_secs(120);
/// How long a kept stack may stay before `simmer gc` takes it away.
pub(crate) const KEEP_FOR: Duration = Duration::from_secs(2 * 3600);
