//! What a backup or a restore of a running stack needs, says on the way, and comes back with.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use compose::recipe::BackupPlan;
use compose::recipe::backup::PlannedVolume;
use domain::data::{HookMoment, HookRun, Snapshot};
use domain::{Cause, StackName};
use tokio::time::timeout;

use super::repository::Repository;
use super::store::{About, PutBack, StoreError};
use super::volumes::{EngineRoot, OutOfReach};
use crate::engine::{Chain, Engine};

/// Waits until the stack is settled again. Given by the caller, who knows what was applied and how long it may take.
pub type Settle<'a> =
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Cause>> + Send + 'a>> + Send + Sync + 'a;

/// A running, settled stack, and where its backup goes or comes from.
pub struct Job<'a> {
    pub engine: &'a Engine,
    pub repository: &'a Repository,
    pub plan: &'a BackupPlan,
    /// Kept with the snapshot.
    pub about: About,
    pub settle: &'a Settle<'a>,
    pub limits: Limits,
}

impl std::fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("stack", &self.plan.stack)
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One try of one hook.
    pub hook: Duration,
    /// Reading or writing all files, and looking at what was stored.
    pub files: Duration,
    /// How often a hook is tried that meets a container being replaced.
    pub tries: u32,
}

impl Default for Limits {
    /// Dumps of what a test plants take seconds; the limits are for what hangs.
    fn default() -> Self {
        Self { hook: Duration::from_secs(10 * 60), files: Duration::from_secs(30 * 60), tries: 5 }
    }
}

/// What happens, for those who watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    HookStarted {
        service: String,
        moment: HookMoment,
    },
    /// The container was being replaced: we settle and try again.
    HookMet {
        service: String,
        moment: HookMoment,
        says: String,
    },
    HookRan(HookRun),
    SnapshotStarted,
    SnapshotMade(Snapshot),
    /// What was stored is being looked at.
    Verifying,
    PuttingBack {
        volume: String,
    },
}

/// A hook that ran, with what it printed. Not masked: hooks handle secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct HookRan {
    pub run: HookRun,
    /// stdout, then stderr; bounded.
    pub output: String,
}

impl std::fmt::Debug for HookRan {
    /// Without its output, which may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HookRan").field("run", &self.run).finish_non_exhaustive()
    }
}

/// A backup that was made and looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    pub snapshot: Snapshot,
    pub hooks: Vec<HookRan>,
    /// Dumps that were read to their end, with what they are.
    pub verified: Vec<Verified>,
    /// What a person should know, and what changes nothing.
    pub notes: Vec<String>,
}

/// A file of a snapshot that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// As `<volume>/<path>`.
    pub path: String,
    /// Such as `gzip, holding a dump of PostgreSQL`.
    pub is: String,
    pub bytes: u64,
}

/// A restore that was carried out. What it brought back is for the caller to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub snapshot: Snapshot,
    pub hooks: Vec<HookRan>,
    pub notes: Vec<String>,
}

/// A backup or a restore that went wrong, and what had been done by then.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cause}")]
pub struct Trouble {
    pub cause: Cause,
    pub hooks: Vec<HookRan>,
    /// Made or used before it went wrong.
    pub snapshot: Option<Snapshot>,
    pub notes: Vec<String>,
}

/// What has been done so far.
#[derive(Default)]
pub(super) struct SoFar {
    pub(super) hooks: Vec<HookRan>,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) notes: Vec<String>,
}

impl SoFar {
    pub(super) fn trouble(self, cause: Cause) -> Trouble {
        let Self { hooks, snapshot, notes } = self;
        Trouble { cause, hooks, snapshot, notes }
    }
}

/// A volume, where it is.
#[derive(Debug)]
pub(super) struct OpenVolume<'p> {
    pub(super) planned: &'p PlannedVolume,
    pub(super) folder: super::tree::Held,
    /// Absolute in the snapshot.
    pub(super) at: std::path::PathBuf,
    pub(super) on_disk: std::path::PathBuf,
}

/// Finds and opens the volumes of a plan on this machine.
pub(super) async fn open_volumes<'p>(job: &Job<'p>) -> Result<(EngineRoot, Vec<OpenVolume<'p>>), Cause> {
    let root = EngineRoot::of(job.engine).map_err(|error| out_of_reach(&error))?;
    let mut opened = Vec::new();
    for planned in &job.plan.volumes {
        let facts = job.engine.volume(&planned.name).await.map_err(|error| error.cause())?;
        let Some(facts) = facts else {
            let says = format!(
                "volume `{}` is not on the engine's node: a stack whose volumes are on other nodes cannot be \
                 backed up from here",
                planned.name
            );
            return Err(Cause::Node { says });
        };
        let as_the_engine_says = std::path::Path::new(&facts.mountpoint);
        let folder = root.folder(as_the_engine_says).map_err(|error| out_of_reach(&error))?;
        let on_disk = root.on_disk(as_the_engine_says);
        let at = job.repository.path_in_snapshot(as_the_engine_says, &on_disk);
        opened.push(OpenVolume { planned, folder, at, on_disk });
    }
    Ok((root, opened))
}

pub(super) fn out_of_reach(error: &OutOfReach) -> Cause {
    Cause::Node { says: format!("{}; {}", Chain(error), error.hint()) }
}

/// Ends work with the files when its limit is hit.
pub(super) async fn within<T>(
    limit: Duration,
    name: &str,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Cause> {
    match timeout(limit, work).await {
        Ok(done) => done.map_err(|error| error.cause()),
        Err(_) => Err(Cause::Timeout { limit: name.to_owned(), seconds: limit.as_secs() }),
    }
}

/// Returns what a snapshot of these volumes holds, as a report says it.
pub(super) fn paths_of(plan: &BackupPlan) -> Vec<String> {
    let of = |volume: &PlannedVolume| match volume.paths.as_slice() {
        [] => vec![volume.key.clone()],
        paths => paths.iter().map(|path| format!("{}/{path}", volume.key)).collect(),
    };
    plan.volumes.iter().flat_map(of).collect()
}

/// Adds up what was put back into several volumes.
pub(super) fn add(sum: &mut PutBack, more: PutBack, volume: &str) {
    let PutBack { files, bytes, skipped } = more;
    sum.files += files;
    sum.bytes += bytes;
    sum.skipped.extend(skipped.into_iter().map(|path| format!("{volume}/{path}")));
}

/// The name of a service in the swarm.
pub(super) fn in_swarm(stack: &StackName, service: &str) -> String {
    format!("{stack}_{service}")
}
