//! What every stack of a run shares.

use std::path::PathBuf;
use std::time::Duration;

use domain::RecipeName;
use harness::backup::Place;
use harness::engine::Engine;

use super::edge::Front;
use crate::beside::Beside;
use crate::cancel::Cancel;
use crate::exam;
use crate::instance::Overlay;
use crate::log::Log;
use crate::mask::Masker;
use crate::view::Terminal;

/// What every side of a run shares.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) log: Log,
    pub(crate) view: Terminal,
    pub(crate) overlay: Overlay,
    pub(crate) front: Front,
    pub(crate) cancel: Cancel,
    pub(crate) keep: KeepStack,
    pub(crate) follow_logs: FollowLogs,
    pub(crate) masker: Masker,
    /// Labels by which this run's objects are found.
    pub(crate) instance: String,
    /// Where backups go.
    pub(crate) backups: Place,
    pub(crate) recipe: RecipeName,
    pub(crate) subject: exam::Subject,
    pub(crate) author: exam::Author,
    /// The target's work tree, where the recipe's own tests are.
    pub(crate) tree: PathBuf,
    /// This very program, which keeps test programs together.
    pub(crate) program: PathBuf,
    /// `PATH` of test programs.
    pub(crate) path: String,
    /// When the whole run has to be over (CC-044).
    pub(crate) ends: tokio::time::Instant,
    pub(crate) run_limit: Duration,
    pub(crate) tier_limit: Option<Duration>,
    /// What else the machine has to do.
    pub(crate) beside: Beside,
    /// Nodes of the swarm.
    pub(crate) nodes: u64,
}

/// Whether the stack is cleared at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepStack {
    Cleared,
    Kept,
}

/// Whether the containers' logs are shown while they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowLogs {
    Shown,
    Hidden,
}
