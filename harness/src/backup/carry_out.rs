//! A backup and a restore of a running stack, from the first hook to the last.

use std::path::{Path, PathBuf};
use std::time::Instant;

use compose::recipe::backup::PlannedSecret;
use domain::data::{HookMoment, Snapshot};
use domain::{Cause, StackName};

use super::hooks::{run_hooks, running};
use super::job::{
    BackedUp, Job, OpenVolume, Restored, SoFar, Told, Trouble, add, open_volumes, out_of_reach, paths_of,
    within,
};
use super::landing::Landing;
use super::store::{Contents, LooseFile, PutBack, SnapshotId, TreeToSave};
use super::verify::verify;
use super::volumes::EngineRoot;

/// Where secrets are in a snapshot: `/secrets/<stack>/<name>`.
const SECRETS: &str = "/secrets";
/// Where containers have them.
const IN_CONTAINER: &str = "/run/secrets";

/// Backs a settled stack up as its labels say, and looks at what was stored.
///
/// Hooks that follow run whatever came before: what a hook paused has to go on. Dropping the future ends all that it
/// does on this machine; a hook that runs in a container ends by itself.
pub async fn back_up(job: &Job<'_>, told: &mut (dyn FnMut(Told) + Send)) -> Result<BackedUp, Trouble> {
    let mut so_far =
        SoFar { notes: job.plan.notes.iter().map(ToString::to_string).collect(), ..SoFar::default() };
    if job.plan.volumes.is_empty() {
        let says = match job.plan.labelled.as_slice() {
            [] => "no label of the stack asks for a backup".to_owned(),
            services => format!(
                "`backupbot.backup` stands on {}, and nothing is stored: {}",
                services.iter().map(|s| format!("`{s}`")).collect::<Vec<_>>().join(", "),
                match job.plan.left_out.as_slice() {
                    [] => "the stack has no volume".to_owned(),
                    out => format!(
                        "{} left out",
                        out.iter().map(|o| format!("`{}`", o.key)).collect::<Vec<_>>().join(", ")
                    ),
                }
            ),
        };
        return Err(so_far.trouble(Cause::BackupEmpty { says }));
    }
    let before = run_hooks(job, HookMoment::BeforeBackup, &mut so_far, told).await;
    let stored = match before {
        Ok(()) => store(job, &mut so_far, told).await,
        Err(cause) => Err(cause),
    };
    let after = run_hooks(job, HookMoment::AfterBackup, &mut so_far, told).await;
    let verified = match stored.and(after) {
        Ok(()) => {
            told(Told::Verifying);
            verify(job, &mut so_far).await
        }
        Err(cause) => Err(cause),
    };
    match (verified, so_far) {
        (Ok(verified), SoFar { hooks, snapshot: Some(snapshot), notes }) => {
            Ok(BackedUp { snapshot, hooks, verified, notes })
        }
        (Ok(_), so_far) => Err(so_far.trouble(Cause::Ours { says: "a backup without a snapshot".into() })),
        (Err(cause), so_far) => Err(so_far.trouble(cause)),
    }
}

async fn store(job: &Job<'_>, so_far: &mut SoFar, told: &mut (dyn FnMut(Told) + Send)) -> Result<(), Cause> {
    let begun = Instant::now();
    told(Told::SnapshotStarted);
    let (_root, volumes) = open_volumes(job).await?;
    let loose = secrets(job, &mut so_far.notes).await?;
    let trees = volumes.iter().map(|OpenVolume { planned, folder, at, on_disk }| TreeToSave {
        at: at.clone(),
        folder: folder.clone(),
        on_disk: on_disk.clone(),
        only: planned.paths.iter().map(Into::into).collect(),
    });
    let contents = Contents { trees: trees.collect(), loose };
    let saved =
        within(job.limits.files, "files of a backup", job.repository.save(contents, job.about.clone()))
            .await?;
    let snapshot = Snapshot {
        id: saved.id.to_string(),
        repository: job.repository.place().repository().to_owned(),
        paths: paths_of(job.plan),
        files: saved.files,
        bytes: saved.bytes,
        added: saved.added,
        millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    told(Told::SnapshotMade(snapshot.clone()));
    so_far.snapshot = Some(snapshot);
    Ok(())
}

/// Reads the stack's secrets from the containers that have them. A service that does not run has nothing to read;
/// that is noted.
async fn secrets(job: &Job<'_>, notes: &mut Vec<String>) -> Result<Vec<LooseFile>, Cause> {
    let mut files: Vec<LooseFile> = Vec::new();
    let stack = &job.plan.stack;
    if job.plan.secrets.is_empty() {
        return Ok(files);
    }
    let tasks = job.engine.tasks(stack).await.map_err(|error| error.cause())?;
    for PlannedSecret { service, name, target } in &job.plan.secrets {
        let at = secret_at(stack, name);
        if files.iter().any(|file| file.at == at) {
            continue;
        }
        let pid = running(&tasks, stack, service).and_then(|task| task.pid);
        // Another service that runs may have it.
        let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()) else { continue };
        // A target may be an absolute path: `join` takes it as it is.
        let path = Path::new(IN_CONTAINER).join(target);
        let read = EngineRoot::of_process(pid).and_then(|root| root.small_file(&path));
        files.push(LooseFile { at, bytes: read.map_err(|error| out_of_reach(&error))? });
    }
    let mut missing: Vec<&str> = Vec::new();
    for PlannedSecret { service, name, .. } in &job.plan.secrets {
        let at = secret_at(stack, name);
        if !missing.contains(&name.as_str()) && !files.iter().any(|file| file.at == at) {
            missing.push(name);
            notes.push(format!("secret `{name}` is not stored: service `{service}` does not run"));
        }
    }
    Ok(files)
}

fn secret_at(stack: &StackName, name: &str) -> PathBuf {
    Path::new(SECRETS).join(stack.as_str()).join(name)
}

/// Puts a snapshot back into the running stack, in place, between the hooks of its labels. Nothing is removed: what is
/// not in the snapshot stays. The caller settles, probes and looks at what came back.
pub async fn restore(
    job: &Job<'_>,
    id: &SnapshotId,
    told: &mut (dyn FnMut(Told) + Send),
) -> Result<Restored, Trouble> {
    let mut so_far = SoFar::default();
    let before = run_hooks(job, HookMoment::BeforeRestore, &mut so_far, told).await;
    let put = match before {
        Ok(()) => put_back(job, id, &mut so_far, told).await,
        Err(cause) => Err(cause),
    };
    let after = run_hooks(job, HookMoment::AfterRestore, &mut so_far, told).await;
    match (put.and(after), so_far) {
        (Ok(()), SoFar { hooks, snapshot: Some(snapshot), notes }) => Ok(Restored { snapshot, hooks, notes }),
        (Ok(()), so_far) => Err(so_far.trouble(Cause::Ours { says: "a restore without a snapshot".into() })),
        (Err(cause), so_far) => Err(so_far.trouble(cause)),
    }
}

async fn put_back(
    job: &Job<'_>,
    id: &SnapshotId,
    so_far: &mut SoFar,
    told: &mut (dyn FnMut(Told) + Send),
) -> Result<(), Cause> {
    let begun = Instant::now();
    let (_root, volumes) = open_volumes(job).await?;
    let mut sum = PutBack::default();
    let mut paths = Vec::new();
    for OpenVolume { planned, folder, at, .. } in volumes {
        told(Told::PuttingBack { volume: planned.key.clone() });
        let landing = Landing::new(folder);
        let put = job.repository.put(id, at, landing);
        let put = within(job.limits.files, "files of a restore", put).await?;
        add(&mut sum, put, &planned.key);
        paths.push(planned.key.clone());
    }
    so_far.notes.extend(sum.skipped.iter().map(|path| format!("not put back: {path}")));
    so_far.snapshot = Some(Snapshot {
        id: id.to_string(),
        repository: job.repository.place().repository().to_owned(),
        paths,
        files: sum.files,
        bytes: sum.bytes,
        added: 0,
        millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    Ok(())
}

/// Removes what the retention does not keep. Trouble is noted, not raised: the backup is made.
pub async fn tidy(repository: &super::Repository, retention: &super::Retention) -> Option<Cause> {
    repository.forget(retention).await.err().map(|error| error.cause())
}
