//! Generations on the engine: made of the volumes of an older one, printed, removed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::canonical::Fingerprint;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::copy::{Copied, copy_trees};
use super::error::{GenerationError, TreeError};
use super::files::names_in;
use super::print::print;
use super::room::{Room, room};
use crate::backup::stop::{Stop, aside};
use crate::backup::tree::Held;
use crate::backup::volumes::EngineRoot;
use crate::engine::{Engine, VolumeFacts};

/// How long work that was stopped may take to end: one step of one file, or the disk's own cache.
const ENDING_LIMIT: Duration = Duration::from_secs(30);
/// Volumes that are printed side by side.
const PRINTS: usize = 4;

/// A generation that was made and is on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// By the volume's name without its generation.
    pub volumes: BTreeMap<String, Copied>,
    /// What was found before anything was made.
    pub room: Room,
    pub millis: u64,
}

/// Makes a generation: looks whether there is room, makes the volumes of `to` with their labels, and fills each with
/// what the volume of the same key in `from` holds. Keys are names without the generation. A volume of `to` alone is
/// made empty, as a release needs it that brings a new one; one of `from` alone is an error.
///
/// The volumes' labels are the promise, made before the first byte. After an error, or a kill, what was made is garbage
/// under these labels, for [`drop`] or for reconcile. A target that is there, empty and ours is used; one that holds
/// something is refused: this never removes anything.
pub async fn make(
    engine: &Engine,
    from: &BTreeMap<String, String>,
    to: &BTreeMap<String, String>,
    labels: impl Fn(&str) -> BTreeMap<String, String>,
    reserve_bytes: u64,
    limit: Duration,
) -> Result<Made, GenerationError> {
    let began = Instant::now();
    check(from, to)?;
    let root = EngineRoot::of(engine).map_err(GenerationError::OutOfReach)?;
    let mut sources = Vec::new();
    for (key, volume) in from {
        let facts = facts(engine, volume).await?;
        sources.push((key.clone(), volume.clone(), open(&root, volume, &facts)?, facts));
    }
    let within = |spent: Instant| limit.saturating_sub(spent.elapsed());
    let room = match sources.first() {
        Some((_, volume, _, first)) => {
            let place = volumes_folder(&root, volume, first)?;
            let held: Vec<Held> = sources.iter().map(|(_, _, held, _)| held.clone()).collect();
            bounded("looking for room for a generation", limit, within(began), move |stop| {
                let held: Vec<_> = held.iter().map(|held| &**held).collect();
                room(&held, &place, reserve_bytes, stop)
            })
            .await?
            .map_err(GenerationError::NoRoom)?
        }
        None => Room { needs_bytes: 0, needs_files: 0, free_bytes: 0, free_files: None, reserve_bytes },
    };

    for (key, volume) in to {
        engine.create_volume(volume, &labels(key)).await.map_err(GenerationError::Engine)?;
    }
    let mut keys = Vec::new();
    let mut pairs = Vec::new();
    for (key, volume) in to {
        let target = open(&root, volume, &facts(engine, volume).await?)?;
        let names = names_in(&target).map_err(|error| GenerationError::Tree {
            volume: volume.clone(),
            source: TreeError::at("read", Path::new(""), error),
        })?;
        if !names.is_empty() {
            return Err(GenerationError::TargetHasData { volume: volume.clone() });
        }
        if let Some((_, _, source, _)) = sources.iter().find(|(of, ..)| of == key) {
            keys.push((key.clone(), volume.clone()));
            pairs.push((source.clone(), target));
        }
    }
    let copied = bounded("copying a generation", limit, within(began), move |stop| copy_trees(pairs, stop))
        .await?
        .map_err(|(nth, source)| GenerationError::Tree { volume: keys[nth].1.clone(), source })?;
    let volumes = keys.into_iter().map(|(key, _)| key).zip(copied).collect();
    Ok(Made { volumes, room, millis: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX) })
}

/// Takes the fingerprint of a generation's volumes, by their names without it. Counts are left empty: the overlay took
/// them while the app ran.
pub async fn fingerprint(
    engine: &Engine,
    volumes: &BTreeMap<String, String>,
    limit: Duration,
) -> Result<Fingerprint, GenerationError> {
    let began = Instant::now();
    let root = EngineRoot::of(engine).map_err(GenerationError::OutOfReach)?;
    let mut trees = Vec::new();
    for (key, volume) in volumes {
        let held = open(&root, volume, &facts(engine, volume).await?)?;
        trees.push((key.clone(), volume.clone(), held));
    }
    let prints = stream::iter(trees).map(|(key, volume, held)| async move {
        let left = limit.saturating_sub(began.elapsed());
        let name = "reading a generation for its fingerprint";
        let printed = bounded(name, limit, left, move |stop| print(&held, stop)).await?;
        let print = printed.map_err(|source| GenerationError::Tree { volume, source })?;
        Ok::<_, GenerationError>((key, print))
    });
    let volumes = prints.buffer_unordered(PRINTS).try_collect().await?;
    Ok(Fingerprint { volumes, ..Fingerprint::default() })
}

/// Removes volumes by their names in the swarm, and proves by listing that they are gone. What is not there is fine;
/// what is in use until the limit is an error that says by whom. All are tried before the first error is returned.
pub async fn drop(engine: &Engine, names: &[String], limit: Duration) -> Result<(), GenerationError> {
    let removals = names.iter().map(|name| engine.remove_volume(name, limit));
    let removed = futures_util::future::join_all(removals).await;
    removed.into_iter().collect::<Result<(), _>>().map_err(GenerationError::Removal)?;
    let there = engine.volume_names().await.map_err(GenerationError::Engine)?;
    let volumes: Vec<String> = names.iter().filter(|name| there.contains(*name)).cloned().collect();
    if volumes.is_empty() { Ok(()) } else { Err(GenerationError::Left { volumes }) }
}

fn check(from: &BTreeMap<String, String>, to: &BTreeMap<String, String>) -> Result<(), GenerationError> {
    let asked = |says| Err(GenerationError::Asked { says });
    if let Some(key) = from.keys().find(|key| !to.contains_key(*key)) {
        return asked(format!("volume `{key}` has no target"));
    }
    let mut seen: BTreeSet<&String> = from.values().collect();
    match to.values().find(|name| !seen.insert(name)) {
        Some(name) => asked(format!("volume `{name}` is named twice")),
        None => Ok(()),
    }
}

async fn facts(engine: &Engine, volume: &str) -> Result<VolumeFacts, GenerationError> {
    let found = engine.volume(volume).await.map_err(GenerationError::Engine)?;
    found.ok_or_else(|| GenerationError::Absent { volume: volume.to_owned() })
}

fn open(root: &EngineRoot, volume: &str, facts: &VolumeFacts) -> Result<Held, GenerationError> {
    let why = if facts.driver != "local" {
        Some(format!("its driver is `{}`", facts.driver))
    } else if let Some(option) = facts.options.first() {
        // It is mounted only while a container uses it: the folder would be an empty lie.
        Some(format!("it has the option `{option}`"))
    } else if !Path::new(&facts.mountpoint).is_absolute() {
        Some("the engine does not say where it is".to_owned())
    } else {
        None
    };
    match why {
        Some(why) => Err(GenerationError::NotPlain { volume: volume.to_owned(), why }),
        None => root.folder(Path::new(&facts.mountpoint)).map_err(GenerationError::OutOfReach),
    }
}

/// The folder in which the engine makes its volumes: `<volumes>/<name>/_data`.
fn volumes_folder(root: &EngineRoot, volume: &str, facts: &VolumeFacts) -> Result<Held, GenerationError> {
    let place: Option<PathBuf> = Path::new(&facts.mountpoint).ancestors().nth(2).map(Path::to_owned);
    match place {
        Some(place) => root.folder(&place).map_err(GenerationError::OutOfReach),
        None => Err(GenerationError::NotPlain {
            volume: volume.to_owned(),
            why: format!("it is at `{}`, where no volume of the engine's own is", facts.mountpoint),
        }),
    }
}

/// Runs blocking work aside until its limit; then it is stopped, and waited for, so that nothing is written any more
/// when this returns. Without any time left it is not begun: how far it would get is the scheduler's choice.
async fn bounded<T: Send + 'static>(
    name: &'static str,
    limit: Duration,
    left: Duration,
    work: impl FnOnce(&Stop) -> T + Send + 'static,
) -> Result<T, GenerationError> {
    if left.is_zero() {
        return Err(GenerationError::Limit { name, limit });
    }
    let (ended, has_ended) = oneshot::channel::<()>();
    let work = aside(move |stop| {
        let _ended = ended;
        work(stop)
    });
    match timeout(left, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(broken)) => Err(GenerationError::Ours { says: format!("{name} broke: {broken}") }),
        Err(_) => {
            if let Err(late) = timeout(ENDING_LIMIT, has_ended).await {
                tracing::warn!(%late, name, "stopped work has not ended yet");
            }
            Err(GenerationError::Limit { name, limit })
        }
    }
}
