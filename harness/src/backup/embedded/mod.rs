//! The restic format by `rustic_core`. The only door to it.

mod coming_out;
mod going_in;
pub(super) mod permissions;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustic_core::repofile::{MasterKey, Metadata, Node, NodeType, SnapshotFile};
use rustic_core::{
    BackupOptions, CheckOptions, ConfigOptions, Credentials, IndexedFullStatus, KeyOptions, LimitOption,
    LsOptions, OpenStatus, PruneOptions, Repository, RepositoryBackends, RepositoryOptions, RusticError,
    RusticResult, SnapshotOptions, StringList,
};

use coming_out::{Blobs, item_of, meta_of};
use going_in::Source;
use permissions::mode_from_go;

use super::landing::{Item, ItemKind, Landing};
use super::local::{Folder, Gate, clear_unfinished};
use super::stop::Stop;
use super::store::{
    About, Checked, Contents, Entry, EntryKind, Forgotten, Kept, PutBack, ReadData, Saved, SnapshotId, Store,
    StoreError,
};

/// As restic writes it into its own snapshots; ours say who made them.
const PROGRAM: &str = concat!("simmer ", env!("CARGO_PKG_VERSION"));

/// A repository in a folder, opened.
pub(super) struct Embedded {
    root: PathBuf,
    /// Made of the password once: that takes a third of a second, on purpose.
    key: MasterKey,
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").field("root", &self.root).finish_non_exhaustive()
    }
}

type Open = Repository<OpenStatus>;

impl Embedded {
    /// Opens the repository of a folder.
    pub(super) fn open(root: &Path, password: &str, stop: &Stop) -> Result<Self, StoreError> {
        let repository = fresh(root, &Gate::new(stop.clone()))?;
        if repository.config_id().map_err(|e| failed("look at the repository", &e))?.is_none() {
            return Err(StoreError::Missing { place: root.display().to_string() });
        }
        let open = repository.open(&Credentials::password(password)).map_err(|error| {
            if error.is_incorrect_password() {
                StoreError::Locked { place: root.display().to_string() }
            } else {
                failed("open the repository", &error)
            }
        })?;
        Ok(Self { root: root.to_owned(), key: open.key() })
    }

    /// Makes a repository in a folder. The caller holds the exclusive lock.
    pub(super) fn create(root: &Path, password: &str, stop: &Stop) -> Result<Self, StoreError> {
        let open = fresh(root, &Gate::new(stop.clone()))?
            .init(&Credentials::password(password), &KeyOptions::default(), &ConfigOptions::default())
            .map_err(|error| failed("make the repository", &error))?;
        Ok(Self { root: root.to_owned(), key: open.key() })
    }

    fn at(&self, gate: &Gate) -> Result<Open, StoreError> {
        fresh(&self.root, gate)?
            .open(&Credentials::Masterkey(self.key.clone()))
            .map_err(|error| failed("open the repository", &error))
    }

    fn indexed(&self, gate: &Gate) -> Result<Repository<IndexedFullStatus>, StoreError> {
        self.at(gate)?.to_indexed().map_err(|error| failed("read the index", &error))
    }
}

fn fresh(root: &Path, gate: &Gate) -> Result<Repository<()>, StoreError> {
    let backends = RepositoryBackends::new(Arc::new(Folder::new(root, gate.clone())), None);
    // A cache in somebody's home would be one more thing to clear up, and gains nothing beside a local folder.
    let options = RepositoryOptions::default().no_cache(true);
    Repository::new(&options, &backends).map_err(|error| failed("reach the repository", &error))
}

impl Store for Embedded {
    fn snapshots(&self, stop: &Stop) -> Result<Vec<Kept>, StoreError> {
        let mut found = self
            .at(&Gate::new(stop.clone()))?
            .get_all_snapshots()
            .map_err(|error| failed("list snapshots", &error))?;
        found.sort_by(|a, b| a.time.cmp(&b.time));
        Ok(found.iter().filter_map(kept).collect())
    }

    fn save(&self, contents: &Contents, about: &About, stop: &Stop) -> Result<Saved, StoreError> {
        let gate = Gate::new(stop.clone());
        let repository =
            self.at(&gate)?.to_indexed_ids().map_err(|error| failed("read the index", &error))?;
        let mut snapshot = SnapshotOptions::default()
            .host(about.instance.clone())
            // The arguments of our own process are nobody's business.
            .command(PROGRAM.to_owned())
            .to_snapshot()
            .map_err(|error| failed("begin a snapshot", &error))?;
        PROGRAM.clone_into(&mut snapshot.program_version);
        let mut tags = StringList::default();
        about.tags().into_iter().for_each(|tag| tags.add(tag));
        snapshot.set_tags(vec![tags]);
        let source = Source::new(contents, &gate);
        let paths = source.paths();
        let options = BackupOptions::default().no_scan(true);
        let saved = repository.archive(&options, &source, snapshot, &paths);
        if stop.is_raised() {
            return Err(StoreError::Stopped);
        }
        let troubles = gate.troubles();
        if !troubles.is_empty() {
            return Err(StoreError::Unreadable { says: troubles });
        }
        let saved = saved.map_err(|error| failed("write a snapshot", &error))?;
        let summary = saved.summary.clone().unwrap_or_default();
        Ok(Saved {
            id: id_of(&saved).ok_or_else(|| StoreError::Failed {
                doing: "write a snapshot",
                says: "it has no id".into(),
            })?,
            // The library counts links and pipes too.
            files: source.files.load(Ordering::Relaxed),
            bytes: summary.total_bytes_processed,
            added: summary.data_added,
        })
    }

    fn entries(&self, id: &SnapshotId, stop: &Stop) -> Result<Vec<Entry>, StoreError> {
        let repository = self.indexed(&Gate::new(stop.clone()))?;
        let root = root_of(&repository, id)?;
        let found =
            repository.ls(&root, &LsOptions::default()).map_err(|error| failed("list a snapshot", &error))?;
        let entry = |item: RusticResult<(PathBuf, Node)>| {
            let (path, node) = item.map_err(|error| failed("list a snapshot", &error))?;
            Ok(Entry {
                path: Path::new("/").join(path),
                kind: match node.node_type {
                    NodeType::File => EntryKind::File,
                    NodeType::Dir => EntryKind::Folder,
                    NodeType::Symlink { .. } => EntryKind::Link,
                    NodeType::Dev { .. } | NodeType::Chardev { .. } | NodeType::Fifo | NodeType::Socket => {
                        EntryKind::Special
                    }
                },
                bytes: if node.is_file() { node.meta.size } else { 0 },
                mode: mode_from_go(node.meta.mode.unwrap_or_default()),
            })
        };
        found.map(entry).collect()
    }

    fn read(
        &self,
        id: &SnapshotId,
        files: &[PathBuf],
        each: &mut dyn FnMut(&Path, &mut dyn Read),
        stop: &Stop,
    ) -> Result<(), StoreError> {
        let repository = self.indexed(&Gate::new(stop.clone()))?;
        let root = root_of(&repository, id)?;
        let tree = root.subtree.unwrap_or_default();
        for file in files {
            let node = repository
                .node_from_path(tree, file)
                .map_err(|error| failed("find a file in a snapshot", &error))?;
            each(file, &mut Blobs::new(&repository, node));
        }
        Ok(())
    }

    fn put(
        &self,
        id: &SnapshotId,
        from: &Path,
        landing: &Landing,
        stop: &Stop,
    ) -> Result<PutBack, StoreError> {
        let repository = self.indexed(&Gate::new(stop.clone()))?;
        let mut root = root_of(&repository, id)?;
        if from.file_name().is_some() {
            root = repository
                .node_from_path(root.subtree.unwrap_or_default(), from)
                .map_err(|error| failed("find a folder in a snapshot", &error))?;
        }
        if !root.is_dir() {
            let says = format!("`{}` is no folder", from.display());
            return Err(StoreError::Failed { doing: "read a snapshot", says });
        }
        let below =
            repository.ls(&root, &LsOptions::default()).map_err(|error| failed("read a snapshot", &error))?;
        let itself = Item { path: PathBuf::new(), what: ItemKind::Folder, meta: meta_of(&root) };
        let items = below.map(|item| {
            let (path, node) = item.map_err(|error| failed("read a snapshot", &error))?;
            Ok(item_of(&repository, path, node))
        });
        landing.put(std::iter::once(Ok(itself)).chain(items), stop)
    }

    fn check(&self, read: ReadData, stop: &Stop) -> Result<Checked, StoreError> {
        let options = CheckOptions::default().read_data(read == ReadData::Yes);
        let found = self
            .at(&Gate::new(stop.clone()))?
            .check(options)
            .map_err(|error| failed("check the repository", &error))?;
        let mut checked = Checked::default();
        for (level, says) in found.0 {
            // The level's type has no name outside of its crate.
            if format!("{level:?}") == "Error" {
                checked.errors.push(says.to_string());
            } else {
                checked.warnings.push(says.to_string());
            }
        }
        if stop.is_raised() {
            return Err(StoreError::Stopped);
        }
        Ok(checked)
    }

    fn forget(&self, ids: &[SnapshotId], stop: &Stop) -> Result<Forgotten, StoreError> {
        let wrong = |error: Box<RusticError>| failed("remove snapshots", &error);
        let repository = self.at(&Gate::new(stop.clone()))?;
        let parse = |id: &SnapshotId| id.as_str().parse().ok();
        repository.delete_snapshots(&ids.iter().filter_map(parse).collect::<Vec<_>>()).map_err(wrong)?;
        // Nobody else uses it: what nothing refers to goes at once.
        let options = PruneOptions::default()
            .instant_delete(true)
            .max_unused(LimitOption::Percentage(5))
            .max_repack(LimitOption::Unlimited);
        let plan = repository.prune_plan(&options).map_err(wrong)?;
        let size = plan.stats.size_sum();
        let freed = size.remove + size.repackrm + plan.stats.size_unref;
        repository.prune(&options, plan).map_err(wrong)?;
        clear_unfinished(&self.root).map_err(|error| StoreError::Failed {
            doing: "clear the repository up",
            says: error.to_string(),
        })?;
        Ok(Forgotten { snapshots: ids.to_vec(), freed })
    }
}

fn failed(doing: &'static str, error: &RusticError) -> StoreError {
    StoreError::Failed { doing, says: plain(error) }
}

/// Says on one line what the library says on many.
fn plain(error: &RusticError) -> String {
    let mut says = error.display_log();
    let mut below = std::error::Error::source(error);
    while let Some(source) = below {
        says += &format!(": {source}");
        below = source.source();
    }
    says.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn id_of(snapshot: &SnapshotFile) -> Option<SnapshotId> {
    SnapshotId::parse(snapshot.id.into_inner().to_hex().as_str())
}

fn kept(snapshot: &SnapshotFile) -> Option<Kept> {
    Some(Kept {
        id: id_of(snapshot)?,
        time: chrono::DateTime::from_timestamp(
            snapshot.time.timestamp().as_second(),
            u32::try_from(snapshot.time.timestamp().subsec_nanosecond()).unwrap_or_default(),
        )?,
        about: About::read(&snapshot.hostname, snapshot.tags.iter().map(String::as_str)),
        paths: snapshot.paths.iter().cloned().collect(),
        files: snapshot.summary.as_ref().map(|summary| summary.total_files_processed),
        bytes: snapshot.summary.as_ref().map(|summary| summary.total_bytes_processed),
    })
}

fn root_of(repository: &Repository<IndexedFullStatus>, id: &SnapshotId) -> Result<Node, StoreError> {
    let missing = || StoreError::NoSnapshot { id: id.to_string() };
    let found = repository.get_snapshots(&[id.as_str()]).map_err(|_| missing())?;
    let snapshot = found.first().ok_or_else(missing)?;
    let mut root = Node::new_node("".as_ref(), NodeType::Dir, Metadata::default());
    root.subtree = Some(snapshot.tree);
    Ok(root)
}
