//! What an upgrade has to prove: the data is there, the images changed, the label says so.

use std::collections::BTreeMap;

use domain::{Cause, StackName};
use harness::engine::{Kind, Scope, TaskFacts, TaskMount};

use super::build::Built;
use super::side::Shared;

/// A file of ours in a kept volume.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    service: String,
    volume: String,
    path: String,
    content: Vec<u8>,
}

/// What runs: image id or digest of each service, and the stack's version label.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running {
    digests: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
}

const WITNESS: &str = ".simmer-witness";
/// Witness files are one line long; more than this is not ours.
const WITNESS_LIMIT: usize = 4096;

/// Plants a witness file in every kept volume of the stack.
pub(crate) async fn plant(shared: &Shared, stack: &StackName) -> Result<Vec<Witness>, Cause> {
    let mut witnesses: Vec<Witness> = Vec::new();
    let prefix = format!("{stack}_");
    for task in shared.engine.tasks(stack).await.map_err(|e| e.cause())? {
        let Some(container) = running_container(&task) else { continue };
        for mount in shared.engine.mounts(container).await.map_err(|e| e.cause())? {
            // One witness a volume, however many services mount it; a volume without a name is not kept.
            if !mount.writable || !is_kept(&mount) || witnesses.iter().any(|w| w.volume == mount.volume) {
                continue;
            }
            let path = format!("{}/{WITNESS}", mount.destination.trim_end_matches('/'));
            let content = format!("{} {}\n", shared.log.run(), mount.volume).into_bytes();
            shared.engine.put_file(container, &path, &content, 0o644).await.map_err(|e| e.cause())?;
            let service = task.service.strip_prefix(&prefix).unwrap_or(&task.service).to_owned();
            let witness = Witness { service, volume: mount.volume.clone(), path, content };
            // Written is not kept: read it back before anything is built on it.
            read_back(shared, container, &witness).await?;
            witnesses.push(witness);
        }
    }
    Ok(witnesses)
}

/// Reads every witness back.
pub(crate) async fn survived(shared: &Shared, stack: &StackName, witnesses: &[Witness]) -> Result<(), Cause> {
    let tasks = shared.engine.tasks(stack).await.map_err(|e| e.cause())?;
    for witness in witnesses {
        let mut seen = false;
        for container in tasks.iter().filter_map(running_container) {
            let mounts = shared.engine.mounts(container).await.map_err(|e| e.cause())?;
            let Some(mount) = mounts.iter().find(|m| m.volume == witness.volume) else { continue };
            let path = format!("{}/{WITNESS}", mount.destination.trim_end_matches('/'));
            read_back(shared, container, &Witness { path, ..witness.clone() }).await?;
            seen = true;
            break;
        }
        if !seen {
            return Err(Cause::DataLost {
                volume: witness.volume.clone(),
                says: format!("no running service mounts it any more; before, `{}` did", witness.service),
            });
        }
    }
    Ok(())
}

async fn read_back(shared: &Shared, container: &str, witness: &Witness) -> Result<(), Cause> {
    let lost = |says: String| Cause::DataLost { volume: witness.volume.clone(), says };
    let found = shared
        .engine
        .get_file(container, &witness.path, WITNESS_LIMIT)
        .await
        .map_err(|e| e.cause())?
        .ok_or_else(|| lost(format!("the witness file `{}` is gone", witness.path)))?;
    if found == witness.content {
        Ok(())
    } else {
        Err(lost(format!("the witness file `{}` was changed", witness.path)))
    }
}

/// Returns whether a task's process runs, and is meant to.
fn is_up(task: &TaskFacts) -> bool {
    task.is_running && task.desired == "running"
}

/// Returns the container of a task that is up, where we can reach into it.
pub(crate) fn running_container(task: &TaskFacts) -> Option<&str> {
    task.container_id.as_deref().filter(|_| is_up(task) && task.is_local)
}

/// The engine names anonymous volumes with 64 hexadecimal digits; nobody keeps those.
fn is_kept(mount: &TaskMount) -> bool {
    !(mount.volume.len() == 64 && mount.volume.chars().all(|c| c.is_ascii_hexdigit()))
}

/// Reads what runs.
pub(crate) async fn running(shared: &Shared, stack: &StackName) -> Result<Running, Cause> {
    let mut running = Running::default();
    let prefix = format!("{stack}_");
    for task in shared.engine.tasks(stack).await.map_err(|e| e.cause())? {
        if is_up(&task) {
            let digest = task.repo_digests.first().or(task.image_id.as_ref());
            let service = task.service.strip_prefix(&prefix).unwrap_or(&task.service);
            running.digests.insert(service.to_owned(), digest.unwrap_or(&task.image).clone());
        }
    }
    for object in shared.engine.list(&Scope::stack(stack)).await.map_err(|e| e.cause())? {
        if object.kind == Kind::Service {
            running.labels.extend(object.labels);
        }
    }
    Ok(running)
}

/// Decides whether what runs now is another version than before, and the one that was meant (law 1,
/// CC-027).
pub(crate) fn changed(before: Option<&Running>, now: &Running, built: &Built) -> Result<(), Cause> {
    for (key, wanted) in &built.version_labels {
        let found = now.labels.get(key).map_or("nothing", String::as_str);
        if found != wanted {
            return Err(Cause::WrongVersion {
                says: format!("label `{key}` says {found}, selected was {wanted}"),
            });
        }
    }
    let Some(before) = before else { return Ok(()) };
    let same_labels = built.version_labels.iter().all(|(key, wanted)| before.labels.get(key) == Some(wanted));
    if same_labels && !built.version_labels.is_empty() {
        return Err(Cause::UpgradeChangesNothing {
            says: "upgrade changes nothing: the version label is the same before and after".into(),
        });
    }
    let any_changed = now.digests.iter().any(|(service, digest)| before.digests.get(service) != Some(digest));
    if !any_changed {
        let images: Vec<_> =
            now.digests.iter().map(|(service, digest)| format!("`{service}` {}", short(digest))).collect();
        return Err(Cause::UpgradeChangesNothing {
            says: format!(
                "upgrade changes nothing: every service runs the same image as before ({})",
                images.join(", ")
            ),
        });
    }
    Ok(())
}

fn short(digest: &str) -> &str {
    let digest = digest.trim_start_matches("sha256:");
    digest.get(..12).unwrap_or(digest)
}
