//! Witness files: one of ours in every kept volume, planted, read back, and destroyed where a restore has to bring it
//! back. The floor on which every recipe stands, whatever its overlay brings.

use std::collections::BTreeMap;
use std::time::Instant;

use domain::data::Source;
use domain::test::{TestCase, TestOutcome, Tested};
use domain::{Cause, StackName, Tier};
use futures_util::future::join_all;
use harness::engine::{EngineError, TaskFacts, TaskMount};

use super::millis;
use super::shared::Shared;

/// A file of ours in a kept volume.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    /// The service through which it was planted.
    pub(crate) service: String,
    pub(crate) volume: String,
    /// Where it lies, from the volume's root.
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
}

/// Where a volume can be reached: in a container that runs.
#[derive(Clone, Debug)]
struct Reach {
    service: String,
    container: String,
    destination: String,
    writable: bool,
}

impl Reach {
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.destination.trim_end_matches('/'))
    }
}

/// The file in which a run's own stacks carry their witness.
pub(crate) const WITNESS: &str = ".simmer-witness";
/// Witness files are one line long; more than this is not ours.
const WITNESS_LIMIT: usize = 4096;

/// Where witness files are planted.
#[derive(Clone, Debug)]
pub(crate) enum Places {
    /// At the root of every kept volume.
    Roots,
    /// In these volumes, in a folder from the root (empty: the root). One that is no folder has no place for a witness.
    In(Vec<(String, String)>),
}

/// Lists the stack's tasks, for all that is looked at in one moment.
pub(crate) async fn tasks(shared: &Shared, stack: &StackName) -> Result<Vec<TaskFacts>, Cause> {
    shared.engine.tasks(stack).await.map_err(|error| error.cause())
}

/// Plants a witness file at every place that can be written to. `word` is new at each moment, so that a file of an
/// earlier one is not taken for it; `file` is its name, new where earlier ones have to stay.
pub(crate) async fn plant(
    shared: &Shared,
    stack: &StackName,
    tasks: &[TaskFacts],
    word: &str,
    file: &str,
    places: &Places,
) -> Result<Vec<Witness>, Cause> {
    let reached = reach(shared, stack, tasks).await?;
    let places: Vec<(&str, &str)> = match places {
        Places::Roots => reached.keys().map(|volume| (volume.as_str(), "")).collect(),
        Places::In(places) => places.iter().map(|(v, folder)| (v.as_str(), folder.as_str())).collect(),
    };
    let planted = places.into_iter().filter_map(|(volume, folder)| {
        let at = reached.get(volume).filter(|at| at.writable)?;
        Some(plant_one(shared, at, volume, folder, (word, file)))
    });
    join_all(planted).await.into_iter().filter_map(Result::transpose).collect()
}

async fn plant_one(
    shared: &Shared,
    at: &Reach,
    volume: &str,
    folder: &str,
    (word, file): (&str, &str),
) -> Result<Option<Witness>, Cause> {
    let name = if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") };
    let content = format!("{} {volume} {word}\n", shared.log.run()).into_bytes();
    let witness = Witness { service: at.service.clone(), volume: volume.to_owned(), name, content };
    let path = at.path(&witness.name);
    match shared.engine.put_file(&at.container, &path, &witness.content, 0o644).await {
        Ok(()) => {}
        // The path that a label names may be a file, such as a dump, or may only come with one.
        Err(EngineError::Refused { .. }) if !folder.is_empty() => return Ok(None),
        Err(error) => return Err(error.cause()),
    }
    // Written is not kept: read it back before anything is built on it.
    match found(shared, at, &witness).await? {
        Found::Same => Ok(Some(witness)),
        Found::Gone | Found::Other => Err(Cause::DataLost {
            volume: witness.volume,
            says: format!("the witness file `{path}` could not be read back"),
        }),
    }
}

/// Takes away what the witness files said, and proves it. Their content goes rather than their name: not every
/// container has a program that removes files.
pub(crate) async fn destroy(
    shared: &Shared,
    stack: &StackName,
    tasks: &[TaskFacts],
    all: &[Witness],
) -> Result<(), Cause> {
    let reached = reach(shared, stack, tasks).await?;
    let destroyed = all.iter().map(|witness| {
        let at = reached.get(&witness.volume).cloned();
        async move {
            let at = at.ok_or_else(|| unreached(witness))?;
            put(shared, &at, witness, b"destroyed\n").await?;
            match found(shared, &at, witness).await? {
                Found::Gone | Found::Other => Ok(()),
                Found::Same => Err(Cause::Engine {
                    says: format!("`{}` was overwritten and still says the same", at.path(&witness.name)),
                }),
            }
        }
    });
    join_all(destroyed).await.into_iter().collect()
}

/// Reads every witness back; returns what a report says of it, and what it means when one is lost.
pub(crate) async fn survived(
    shared: &Shared,
    stack: &StackName,
    tasks: &[TaskFacts],
    all: &[Witness],
    tier: Tier,
) -> Result<(Tested, Option<Cause>), Cause> {
    let began = Instant::now();
    let reached = reach(shared, stack, tasks).await?;
    let read = all.iter().map(|witness| {
        let at = reached.get(&witness.volume).cloned();
        async move {
            let began = Instant::now();
            let lost = match at {
                None => Some(unreached_says(witness)),
                Some(at) => match found(shared, &at, witness).await? {
                    Found::Same => None,
                    Found::Gone => Some(format!("the witness file `{}` is gone", at.path(&witness.name))),
                    Found::Other => {
                        Some(format!("the witness file `{}` was changed", at.path(&witness.name)))
                    }
                },
            };
            Ok::<_, Cause>((witness, lost, millis(began.elapsed())))
        }
    });
    let read: Vec<_> = join_all(read).await.into_iter().collect::<Result<_, _>>()?;
    let first = read.iter().find_map(|(witness, lost, _)| Some((*witness, lost.clone()?)));
    let cause = first.map(|(witness, says)| match tier {
        Tier::Restore => {
            Cause::NotRestored { what: format!("the witness file in volume `{}`", witness.volume), says }
        }
        Tier::Lint | Tier::Install | Tier::Upgrade | Tier::Backup | Tier::Custom | Tier::Advance => {
            Cause::DataLost { volume: witness.volume.clone(), says }
        }
    });
    let prefix = format!("{stack}_");
    let cases: Vec<TestCase> = read
        .into_iter()
        .map(|(witness, lost, millis)| TestCase {
            name: witness.volume.strip_prefix(&prefix).unwrap_or(&witness.volume).to_owned(),
            outcome: lost.map_or(TestOutcome::Passed, |says| TestOutcome::Failed { says }),
            millis,
        })
        .collect();
    let tested = Tested {
        name: "witness files are there".into(),
        tier,
        source: Source::Generic,
        kind: "witness".into(),
        outcome: match &cause {
            Some(cause) => TestOutcome::Failed { says: cause.to_string() },
            None if cases.is_empty() => {
                TestOutcome::Skipped { why: "no volume of the stack can hold one".into() }
            }
            None => TestOutcome::Passed,
        },
        millis: millis(began.elapsed()),
        cases,
        file: None,
    };
    Ok((tested, cause))
}

fn unreached_says(witness: &Witness) -> String {
    format!("no running service mounts it any more; before, `{}` did", witness.service)
}

fn unreached(witness: &Witness) -> Cause {
    Cause::DataLost { volume: witness.volume.clone(), says: unreached_says(witness) }
}

enum Found {
    Same,
    Other,
    Gone,
}

async fn found(shared: &Shared, at: &Reach, witness: &Witness) -> Result<Found, Cause> {
    let path = at.path(&witness.name);
    let read = shared.engine.get_file(&at.container, &path, WITNESS_LIMIT).await.map_err(|e| e.cause())?;
    Ok(match read {
        None => Found::Gone,
        Some(content) if content == witness.content => Found::Same,
        Some(_) => Found::Other,
    })
}

async fn put(shared: &Shared, at: &Reach, witness: &Witness, content: &[u8]) -> Result<(), Cause> {
    let path = at.path(&witness.name);
    shared.engine.put_file(&at.container, &path, content, 0o644).await.map_err(|e| e.cause())
}

/// Finds a running container for each kept volume; one that may write wins.
async fn reach(
    shared: &Shared,
    stack: &StackName,
    tasks: &[TaskFacts],
) -> Result<BTreeMap<String, Reach>, Cause> {
    let prefix = format!("{stack}_");
    let running = tasks.iter().filter_map(|task| Some((task, running_container(task)?)));
    let mounts = join_all(running.map(|(task, container)| async move {
        let mounts = shared.engine.mounts(container).await.map_err(|e| e.cause())?;
        Ok::<_, Cause>((task, container, mounts))
    }))
    .await;
    let mut reached: BTreeMap<String, Reach> = BTreeMap::new();
    for mounted in mounts {
        let (task, container, mounts) = mounted?;
        for mount in mounts.into_iter().filter(is_kept) {
            let better = reached.get(&mount.volume).is_none_or(|known| !known.writable && mount.writable);
            if better {
                let service = task.service.strip_prefix(&prefix).unwrap_or(&task.service).to_owned();
                let TaskMount { volume, destination, writable } = mount;
                let container = container.to_owned();
                reached.insert(volume, Reach { service, container, destination, writable });
            }
        }
    }
    Ok(reached)
}

/// Returns whether a task's process runs, and is meant to.
pub(crate) fn is_up(task: &TaskFacts) -> bool {
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
