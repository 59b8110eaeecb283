//! A repository for those who do not block: each call runs aside, holds the lock, and ends when nobody waits for it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::embedded::Embedded;
use super::landing::Landing;
use super::place::{Patience, Place, Program, Use, lock};
use super::restic::Restic;
use super::stop::{Stop, aside};
use super::store::{
    About, Checked, Contents, Entry, Forgotten, Kept, PutBack, ReadData, Saved, SnapshotId, Store,
    StoreError, TreeToSave,
};
use super::tree::open_ours;

/// A repository in the restic format, opened. Cheap to clone.
#[derive(Clone)]
pub struct Repository {
    place: Arc<Place>,
    store: Arc<dyn Store>,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("place", &self.place).finish_non_exhaustive()
    }
}

/// How many snapshots stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Whose: one instance's snapshots, and nobody else's.
    pub instance: String,
    /// How many of each recipe, the newest; at least 1.
    pub keep_last: usize,
}

impl Repository {
    /// Opens the repository that is there.
    pub async fn open(place: &Place) -> Result<Self, StoreError> {
        let place = Arc::new(place.clone());
        run(move |stop| {
            if !place.password_file().exists() {
                return Err(StoreError::Missing { place: place.repository().to_owned() });
            }
            let _lock = lock(&place, Use::Shared, Patience::Wait, stop)?;
            open(&place, stop)
        })
        .await
    }

    /// Opens the repository, and makes it first if there is none. The password is made with it, into a file that only
    /// its owner can read.
    pub async fn open_or_create(place: &Place) -> Result<Self, StoreError> {
        let place = Arc::new(place.clone());
        run(move |stop| {
            place.prepare()?;
            if place.password_file().exists() {
                let _lock = lock(&place, Use::Shared, Patience::Wait, stop)?;
                match open(&place, stop) {
                    Err(StoreError::Missing { .. }) => {}
                    opened => return opened,
                }
            }
            let _lock = lock(&place, Use::Alone, Patience::Wait, stop)?;
            // Somebody else may have made it while we waited.
            place.make_password()?;
            match open(&place, stop) {
                Err(StoreError::Missing { .. }) => create(&place, stop),
                opened => opened,
            }
        })
        .await
    }

    /// Returns where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Lists snapshots, oldest first.
    pub async fn snapshots(&self) -> Result<Vec<Kept>, StoreError> {
        self.with(|store, stop| store.snapshots(stop)).await
    }

    /// Finds a snapshot by its id, by the beginning of its id, or as `latest`.
    pub async fn find(&self, name: &str) -> Result<Kept, StoreError> {
        let mut found = self.snapshots().await?;
        if name != "latest" {
            found.retain(|kept| name.len() >= 4 && kept.id.as_str().starts_with(name));
            if found.len() > 1 {
                let says = format!("`{name}` is the beginning of {} ids", found.len());
                return Err(StoreError::Failed { doing: "choose a snapshot", says });
            }
        }
        found.pop().ok_or_else(|| StoreError::NoSnapshot { id: name.to_owned() })
    }

    /// Lists what a snapshot holds, folders before what is in them.
    pub async fn entries(&self, id: &SnapshotId) -> Result<Vec<Entry>, StoreError> {
        let id = id.clone();
        self.with(move |store, stop| store.entries(&id, stop)).await
    }

    /// Checks that the repository is whole.
    pub async fn check(&self, read: ReadData) -> Result<Checked, StoreError> {
        self.with(move |store, stop| store.check(read, stop)).await
    }

    /// Unpacks a folder of a snapshot into a folder of ours, which is made if it is not there.
    pub async fn unpack(&self, id: &SnapshotId, from: &Path, to: &Path) -> Result<PutBack, StoreError> {
        let (id, from, to) = (id.clone(), from.to_owned(), to.to_owned());
        self.with(move |store, stop| {
            let landing = std::fs::create_dir_all(&to).and_then(|()| Landing::open(&to));
            let landing =
                landing.map_err(|source| StoreError::Landing { path: to.display().to_string(), source })?;
            store.put(&id, &from, &landing, stop)
        })
        .await
    }

    /// Removes what the retention does not keep, and what only that held. `None` when others use the repository now:
    /// the next one does it.
    pub async fn forget(&self, retention: &Retention) -> Result<Option<Forgotten>, StoreError> {
        let (place, store, retention) = (Arc::clone(&self.place), Arc::clone(&self.store), retention.clone());
        run(move |stop| {
            let ids = surplus(&store.snapshots(stop)?, &retention);
            if ids.is_empty() {
                return Ok(Some(Forgotten::default()));
            }
            match lock(&place, Use::Alone, Patience::None, stop)? {
                Some(_lock) => store.forget(&ids, stop).map(Some),
                None => Ok(None),
            }
        })
        .await
    }

    /// Stores a folder of ours, or paths in it, under its own absolute path.
    pub async fn store_folder(
        &self,
        folder: &Path,
        only: Vec<PathBuf>,
        about: About,
    ) -> Result<Saved, StoreError> {
        let folder = folder.to_owned();
        self.with(move |store, stop| {
            let wrong = |error: std::io::Error| StoreError::Unreadable {
                says: vec![format!("`{}`: {error}", folder.display())],
            };
            let on_disk = folder.canonicalize().map_err(wrong)?;
            let held = open_ours(&on_disk).map_err(wrong)?;
            let tree = TreeToSave { at: on_disk.clone(), folder: held, on_disk, only };
            store.save(&Contents { trees: vec![tree], loose: Vec::new() }, &about, stop)
        })
        .await
    }

    pub(super) async fn save(&self, contents: Contents, about: About) -> Result<Saved, StoreError> {
        self.with(move |store, stop| store.save(&contents, &about, stop)).await
    }

    pub(super) async fn put(
        &self,
        id: &SnapshotId,
        from: PathBuf,
        landing: Landing,
    ) -> Result<PutBack, StoreError> {
        let id = id.clone();
        self.with(move |store, stop| store.put(&id, &from, &landing, stop)).await
    }

    /// Reads files of a snapshot, and returns what was made of each.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        id: &SnapshotId,
        files: Vec<PathBuf>,
        judge: impl Fn(&Path, &mut dyn Read) -> T + Send + 'static,
    ) -> Result<Vec<T>, StoreError> {
        let id = id.clone();
        self.with(move |store, stop| {
            let mut judged = Vec::new();
            store.read(&id, &files, &mut |path, content| judged.push(judge(path, content)), stop)?;
            Ok(judged)
        })
        .await
    }

    /// Returns where in a snapshot a folder of the disk is found.
    pub(super) fn path_in_snapshot(&self, as_the_engine_says: &Path, on_disk: &Path) -> PathBuf {
        match self.place.program() {
            Program::Embedded => as_the_engine_says.to_owned(),
            // The program knows a folder only by the name under which it reads it.
            Program::Restic => on_disk.to_owned(),
        }
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store, &Stop) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (place, store) = (Arc::clone(&self.place), Arc::clone(&self.store));
        run(move |stop| {
            let _lock = lock(&place, Use::Shared, Patience::Wait, stop)?;
            work(store.as_ref(), stop)
        })
        .await
    }
}

fn open(place: &Arc<Place>, stop: &Stop) -> Result<Repository, StoreError> {
    let store: Arc<dyn Store> = match place.program() {
        Program::Embedded => {
            Arc::new(Embedded::open(Path::new(place.repository()), &place.password()?, stop)?)
        }
        Program::Restic => Arc::new(Restic::open(place, stop)?),
    };
    Ok(Repository { place: Arc::clone(place), store })
}

fn create(place: &Arc<Place>, stop: &Stop) -> Result<Repository, StoreError> {
    let store: Arc<dyn Store> = match place.program() {
        Program::Embedded => {
            Arc::new(Embedded::create(Path::new(place.repository()), &place.password()?, stop)?)
        }
        Program::Restic => Arc::new(Restic::create(place, stop)?),
    };
    Ok(Repository { place: Arc::clone(place), store })
}

async fn run<T: Send + 'static>(
    work: impl FnOnce(&Stop) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match aside(work).await {
        Ok(done) => done,
        Err(died) => Err(StoreError::Failed { doing: "work on the repository", says: died.to_string() }),
    }
}

/// Returns what is too many of each recipe. Snapshots of others, and those that name no recipe, stay.
fn surplus(all: &[Kept], retention: &Retention) -> Vec<SnapshotId> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ids = Vec::new();
    for kept in all.iter().rev() {
        if kept.about.instance != retention.instance || kept.about.recipe.is_empty() {
            continue;
        }
        let nth = seen.entry(&kept.about.recipe).or_default();
        *nth += 1;
        if *nth > retention.keep_last.max(1) {
            ids.push(kept.id.clone());
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(nth: u8, instance: &str, recipe: &str) -> Kept {
        Kept {
            id: SnapshotId::parse(&format!("{nth:02x}").repeat(32)).unwrap(),
            time: chrono::DateTime::from_timestamp(i64::from(nth), 0).unwrap(),
            about: About { instance: instance.into(), recipe: recipe.into(), ..About::default() },
            paths: Vec::new(),
            files: None,
            bytes: None,
        }
    }

    #[test]
    fn only_the_oldest_of_a_recipe_and_of_this_instance_go() {
        let all = [
            kept(1, "ci", "gitea"),
            kept(2, "ci", "kinto"),
            kept(3, "other", "gitea"),
            kept(4, "ci", "gitea"),
            kept(5, "ci", ""),
            kept(6, "ci", "gitea"),
        ];
        let gone = |keep_last| {
            let retention = Retention { instance: "ci".into(), keep_last };
            surplus(&all, &retention).iter().map(|id| id.as_str()[..2].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(gone(2), ["01"]);
        assert_eq!(gone(1), ["04", "01"]);
        assert_eq!(gone(0), ["04", "01"], "one always stays");
        assert!(gone(3).is_empty());
    }
}
