//! Backup and restore of one stack, as the recipe's labels say: carried out by the harness, told and kept here.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::data::{HookMoment, HookRun, Snapshot};
use domain::settle::SettleLimits;
use domain::{Cause, Tier, What};
use harness::backup::{self, About, HookRan, Job, Limits, Repository, SnapshotId, Told};
use harness::engine::Applied;

use super::shared::Shared;
use super::side::{Did, SideRun, delta, never_deployed};
use super::witness::{self, Places};
use crate::exam::{self, Marker, Scene};
use crate::instance::ask::DatumSpec;
use crate::view::Terminal;

/// Between two writes beside a backup: a busy app, and not a flood.
const BETWEEN_WRITES: Duration = Duration::from_millis(50);

/// The backup that a restore brings back.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    id: SnapshotId,
    repository: Repository,
}

impl SideRun<'_> {
    /// Plants fresh witness files where the backup has to hold them: at the root of a volume that is stored whole, in
    /// every folder of one that is stored in part.
    pub(crate) async fn mark(&mut self) -> Result<Did, Cause> {
        let plan = &self.releases.target.backup;
        let places = plan.volumes.iter().flat_map(|volume| {
            let folders = if volume.paths.is_empty() { vec![String::new()] } else { volume.paths.clone() };
            folders.into_iter().map(|folder| (volume.name.clone(), folder))
        });
        let places = Places::In(places.collect());
        let tasks = witness::tasks(self.shared, self.stack).await?;
        self.witnesses =
            witness::plant(self.shared, self.stack, &tasks, "mark", witness::WITNESS, &places).await?;
        Ok(format!("{} witness files", self.witnesses.len()).into())
    }

    /// Makes the backup; while the app is written to, where the overlay asks for it.
    pub(crate) async fn back_up(&mut self) -> Result<Did, Cause> {
        let (shared, releases) = (self.shared, self.releases);
        let repository = Repository::open_or_create(&shared.backups).await.map_err(|error| error.cause())?;
        let applied = self.applied.clone().ok_or_else(never_deployed)?;
        shared.engine.updates_end(&applied, shared.overlay.health.window).await?;
        let (made, writes) = {
            let settle = || -> Settling<'_> { Box::pin(settle_again(shared, &applied)) };
            let job = Job {
                engine: &shared.engine,
                repository: &repository,
                plan: &releases.target.backup,
                about: self.about(),
                settle: &settle,
                limits: Limits::default(),
            };
            let mut watch = self.watch();
            let backup = backup::back_up(&job, &mut watch);
            if shared.overlay.backup.while_writing {
                let (made, writes) = self.while_writing(backup).await;
                (made, Some(writes))
            } else {
                (backup.await, None)
            }
        };
        match made {
            Ok(made) => {
                self.hooks(made.hooks);
                self.notes(made.notes);
                let mut did = Did::from(told(&made.snapshot));
                for verified in &made.verified {
                    did.detail += &format!(", {} is {}", verified.path, verified.is);
                }
                if let Some(Writes { written, refused }) = writes {
                    did.detail += &format!(", {written} written beside it");
                    did.facts.insert("writes".into(), written.to_string());
                    did.facts.insert("writes_refused".into(), refused.to_string());
                }
                let id = SnapshotId::parse(&made.snapshot.id)
                    .ok_or_else(|| Cause::Ours { says: "a snapshot without a whole id".into() })?;
                self.snapshot_made(made.snapshot);
                self.stored = Some(Stored { id, repository });
                // That the labels hold what the app needs is asserted once its own data is in there.
                if self.ledger.is_planted() {
                    self.assert_for(Tier::Backup);
                }
                Ok(did)
            }
            Err(trouble) => {
                self.hooks(trouble.hooks);
                self.notes(trouble.notes);
                if let Some(snapshot) = trouble.snapshot {
                    self.snapshot_made(snapshot);
                }
                Err(trouble.cause)
            }
        }
    }

    /// Writes to the app for as long as the backup is being made, through the seeds that may be planted more than once.
    async fn while_writing<T>(&self, backup: impl Future<Output = T>) -> (T, Writes) {
        let scene = self.scene(Tier::Backup);
        let specs: Vec<_> =
            self.shared.overlay.data.iter().filter(|spec| spec.after_backup.is_some()).collect();
        if specs.is_empty() {
            let says =
                "`backup.while_writing` has nothing to write: no datum of the overlay has `after_backup`";
            self.tell(What::Warned { says: says.into() });
            return (backup.await, Writes::default());
        }
        let ended = AtomicBool::new(false);
        let backup = async {
            let made = backup.await;
            ended.store(true, Ordering::Relaxed);
            made
        };
        // The write under way when the backup ends is waited for: it went beside it, and has a deadline of its own.
        let (made, writes) = tokio::join!(backup, self.write_until(&ended, &scene, &specs));
        if writes.written == 0 {
            let says =
                format!("nothing was written beside the backup: {} writes were refused", writes.refused);
            self.tell(What::Warned { says });
        }
        (made, writes)
    }

    async fn write_until(&self, ended: &AtomicBool, scene: &Scene, specs: &[&DatumSpec]) -> Writes {
        let mut writes = Writes::default();
        while !ended.load(Ordering::Relaxed) {
            let nth = writes.written + writes.refused;
            let marker = Marker::new(self.shared.log.run(), &format!("writing{nth}"));
            for spec in specs {
                // A hook may have paused the app: that a write is refused in the meantime is no fault.
                match exam::plant(scene, spec, &marker, Tier::Backup.name()).await {
                    Some(done) if done.cause.is_none() => writes.written += 1,
                    Some(_) => writes.refused += 1,
                    None => {}
                }
            }
            tokio::time::sleep(BETWEEN_WRITES).await;
        }
        writes
    }

    /// Puts the backup back under the running stack. What is there again is for the acts after it to see.
    pub(crate) async fn restore(&mut self) -> Result<Did, Cause> {
        let (shared, releases) = (self.shared, self.releases);
        let Stored { id, repository } = self
            .stored
            .clone()
            .ok_or_else(|| Cause::Ours { says: "a plan restores what it did not back up".into() })?;
        let applied = self.applied.clone().ok_or_else(never_deployed)?;
        let restored = {
            let settle = || -> Settling<'_> { Box::pin(settle_again(shared, &applied)) };
            let job = Job {
                engine: &shared.engine,
                repository: &repository,
                plan: &releases.target.backup,
                about: self.about(),
                settle: &settle,
                limits: Limits::default(),
            };
            backup::restore(&job, &id, &mut self.watch()).await
        };
        // The window for settling begins anew: the stack was up before, and hooks may have restarted it.
        if let Some(applied) = &mut self.applied {
            applied.at = shared.engine.now();
        }
        self.hooks_ran = [HookMoment::BeforeRestore, HookMoment::AfterRestore]
            .into_iter()
            .any(|moment| releases.target.backup.hooks_at(moment).next().is_some());
        let (hooks, notes, snapshot, end) = match restored {
            Ok(done) => {
                let detail = told(&done.snapshot);
                (done.hooks, done.notes, Some(done.snapshot), Ok(detail.into()))
            }
            Err(trouble) => (trouble.hooks, trouble.notes, trouble.snapshot, Err(trouble.cause)),
        };
        self.hooks(hooks);
        self.notes(notes);
        if let Some(snapshot) = snapshot {
            self.tell(What::SnapshotRestored { side: self.at.side, nth: self.at.nth, snapshot });
        }
        end
    }

    fn about(&self) -> About {
        About {
            instance: self.shared.instance.clone(),
            recipe: self.shared.recipe.to_string(),
            stack: self.stack.to_string(),
            run: self.shared.log.run().to_string(),
            release: self.releases.target.release.clone(),
        }
    }

    fn snapshot_made(&self, snapshot: Snapshot) {
        self.tell(What::SnapshotMade { side: self.at.side, nth: self.at.nth, snapshot });
    }

    /// Shows on a terminal what a backup is at.
    fn watch(&self) -> impl FnMut(Told) + Send + use<> {
        let (view, at): (Terminal, _) = (self.shared.view.clone(), self.at);
        move |told| {
            let note = match told {
                Told::HookStarted { service, moment } => format!("{moment} hook of {service}"),
                Told::HookMet { service, moment, says } => {
                    format!("{moment} hook of {service} again: {says}")
                }
                Told::HookRan(_) => String::new(),
                Told::SnapshotStarted => "reading the volumes".into(),
                Told::SnapshotMade(_) => "stored".into(),
                Told::Verifying => "looking at what was stored".into(),
                Told::PuttingBack { volume } => format!("putting {volume} back"),
            };
            view.note(at.side, at.nth, note);
        }
    }

    /// Keeps what hooks printed, and tells of them.
    fn hooks(&self, hooks: Vec<HookRan>) {
        for HookRan { run, output } in hooks {
            let moment = match run.moment {
                HookMoment::BeforeBackup => "backup-pre",
                HookMoment::AfterBackup => "backup-post",
                HookMoment::BeforeRestore => "restore-pre",
                HookMoment::AfterRestore => "restore-post",
            };
            let file = format!("hooks/{}{}-{moment}-{}.log", self.at.side, self.at.nth, run.service);
            let file = match self.shared.log.keep(&file, &output) {
                Ok(()) => Some(file),
                Err(error) => {
                    self.tell(What::Warned { says: format!("`{file}` could not be kept: {error}") });
                    None
                }
            };
            let hook = HookRun { file, ..run };
            self.tell(What::HookEnded { side: self.at.side, nth: self.at.nth, hook });
        }
    }

    fn notes(&self, notes: Vec<String>) {
        for says in notes {
            self.tell(What::Warned { says });
        }
    }
}

/// What was written to an app beside its backup.
#[derive(Clone, Copy, Debug, Default)]
struct Writes {
    written: u32,
    refused: u32,
}

type Settling<'a> = Pin<Box<dyn Future<Output = Result<(), Cause>> + Send + 'a>>;

/// Waits for the stack on behalf of a hook that met a container being replaced. The window begins with each call.
async fn settle_again(shared: &Shared, applied: &Applied) -> Result<(), Cause> {
    let applied = Applied { at: shared.engine.now(), ..applied.clone() };
    let window = delta(shared.overlay.health.window);
    let limits = SettleLimits { window, ..SettleLimits::default() };
    let settled = shared.engine.settle(&applied, &limits, &mut |_| {}).await;
    settled.map(drop).map_err(|trouble| trouble.cause)
}

fn told(snapshot: &Snapshot) -> String {
    let Snapshot { id, files, bytes, added, .. } = snapshot;
    let added = if *added > 0 { format!(", {added} new") } else { String::new() };
    format!(
        "{} of {files} files, {bytes} bytes{added}: {}",
        id.get(..8).unwrap_or(id),
        snapshot.paths.join(", ")
    )
}
