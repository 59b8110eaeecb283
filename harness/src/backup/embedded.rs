//! The restic format by `rustic_core`. The only door to it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustic_core::jiff::Timestamp;
use rustic_core::repofile::{MasterKey, Metadata, Node, NodeType, SnapshotFile};
use rustic_core::{
    BackupOptions, BlobId, CheckOptions, ConfigOptions, Credentials, ErrorKind, IndexedFullStatus,
    KeyOptions, LimitOption, LsOptions, OpenStatus, PruneOptions, ReadSource, ReadSourceEntry,
    ReadSourceOpen, Repository, RepositoryBackends, RepositoryOptions, RusticError, RusticResult,
    SnapshotOptions, StringList,
};
use rustix::fs::FileType as Kind;

use super::landing::{Item, ItemKind, Landing, Meta};
use super::local::{Folder, Gate, clear_unfinished};
use super::stop::Stop;
use super::store::{
    About, Checked, Contents, Entry, EntryKind, Forgotten, Kept, LooseFile, PutBack, ReadData, Saved,
    SnapshotId, Store, StoreError, TreeToSave,
};
use super::tree::{Found, Walk};

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

// ---- what goes in

/// Trees and loose files as the archiver wants them: in the order of their paths.
struct Source {
    parts: Vec<Part>,
    gate: Gate,
    /// Plain files found so far.
    files: Arc<AtomicU64>,
}

#[derive(Clone)]
enum Part {
    Tree(TreeToSave),
    Loose(LooseFile),
}

impl Part {
    fn at(&self) -> &Path {
        match self {
            Self::Tree(tree) => &tree.at,
            Self::Loose(file) => &file.at,
        }
    }
}

impl Source {
    fn new(contents: &Contents, gate: &Gate) -> Self {
        let trees = contents.trees.iter().cloned().map(Part::Tree);
        let mut parts: Vec<Part> = trees.chain(contents.loose.iter().cloned().map(Part::Loose)).collect();
        parts.sort_by(|a, b| a.at().cmp(b.at()));
        Self { parts, gate: gate.clone(), files: Arc::default() }
    }

    fn paths(&self) -> Vec<PathBuf> {
        self.parts.iter().map(|part| part.at().to_owned()).collect()
    }
}

impl ReadSource for Source {
    type Open = Opener;
    type Iter = Entries;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Entries {
        let mut parts = self.parts.clone();
        parts.reverse();
        Entries { parts, walks: Vec::new(), gate: self.gate.clone(), files: Arc::clone(&self.files) }
    }
}

struct Entries {
    /// In reverse order.
    parts: Vec<Part>,
    /// Walks of one tree, in reverse order, with the tree's place in the snapshot.
    walks: Vec<(PathBuf, Walk)>,
    gate: Gate,
    files: Arc<AtomicU64>,
}

impl Iterator for Entries {
    type Item = RusticResult<ReadSourceEntry<Opener>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.gate.stop().is_raised() {
                return None;
            }
            if let Some((at, walk)) = self.walks.last_mut() {
                let at = at.clone();
                match walk.next() {
                    None => {
                        self.walks.pop();
                    }
                    Some(Ok(found)) => match entry_of(&at, found, &self.gate) {
                        Ok(entry) => {
                            self.files.fetch_add(u64::from(entry.node.is_file()), Ordering::Relaxed);
                            return Some(Ok(entry));
                        }
                        Err(error) => self.gate.refuse(error),
                    },
                    Some(Err((path, error))) => {
                        self.gate.refuse(format!("`{}`: {error}", at.join(path).display()));
                    }
                }
                continue;
            }
            match self.parts.pop()? {
                Part::Loose(file) => {
                    self.files.fetch_add(1, Ordering::Relaxed);
                    return Some(Ok(loose_entry(file)));
                }
                Part::Tree(tree) => self.begin(&tree),
            }
        }
    }
}

impl Entries {
    fn begin(&mut self, tree: &TreeToSave) {
        let walks: Vec<_> = match tree.only.as_slice() {
            [] => vec![Walk::whole(&tree.folder)],
            only => {
                let mut only = only.to_vec();
                only.sort();
                only.iter().rev().map(|path| Walk::only(&tree.folder, path)).collect()
            }
        };
        for walk in walks {
            match walk {
                Ok(walk) => self.walks.push((tree.at.clone(), walk)),
                Err(error) => self.gate.refuse(format!("`{}`: {error}", tree.at.display())),
            }
        }
    }
}

fn entry_of(at: &Path, found: Found, gate: &Gate) -> Result<ReadSourceEntry<Opener>, String> {
    let path = if found.path.as_os_str().is_empty() { at.to_owned() } else { at.join(&found.path) };
    let wrong = |error: io::Error| format!("`{}`: {error}", path.display());
    let stat = found.stat;
    let xattrs = match found.xattrs() {
        // Removed since: as if it had not been found, but the archiver wants an entry, and opens it in vain.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(wrong)?,
    };
    let kind = match found.kind() {
        Kind::RegularFile => NodeType::File,
        Kind::Directory => NodeType::Dir,
        Kind::Symlink => NodeType::from_link(&found.link_target().map_err(wrong)?),
        Kind::BlockDevice => NodeType::Dev { device: stat.st_rdev },
        Kind::CharacterDevice => NodeType::Chardev { device: stat.st_rdev },
        Kind::Fifo => NodeType::Fifo,
        Kind::Socket => NodeType::Socket,
        Kind::Unknown => return Err(format!("`{}`: of no known kind", path.display())),
    };
    let time =
        |seconds: i64, nanos: u64| Timestamp::new(seconds, i32::try_from(nanos).unwrap_or_default()).ok();
    let is_file = kind == NodeType::File;
    #[expect(
        clippy::unnecessary_cast,
        reason = "the fields differ in width from one architecture to the next"
    )]
    let meta = Metadata {
        mode: Some(mode_to_go(stat.st_mode)),
        mtime: time(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
        atime: time(stat.st_atime as i64, stat.st_atime_nsec as u64),
        ctime: time(stat.st_ctime as i64, stat.st_ctime_nsec as u64),
        uid: Some(stat.st_uid),
        gid: Some(stat.st_gid),
        inode: stat.st_ino as u64,
        device_id: stat.st_dev as u64,
        size: if is_file { u64::try_from(stat.st_size).unwrap_or_default() } else { 0 },
        links: if kind == NodeType::Dir { 0 } else { stat.st_nlink as u64 },
        ..with_xattrs(&xattrs).map_err(|error| format!("`{}`: {error}", path.display()))?
    };
    let size = meta.size;
    let node = Node::new_node(path.file_name().unwrap_or_default(), kind, meta);
    let open =
        is_file.then(|| Opener { what: ToOpen::Found(found), path: path.clone(), size, gate: gate.clone() });
    Ok(ReadSourceEntry { path, node, open })
}

/// The library does not export the type of an attribute; it does read the format's own JSON.
fn with_xattrs(xattrs: &[(String, Vec<u8>)]) -> Result<Metadata, serde_json::Error> {
    use base64::Engine as _;
    if xattrs.is_empty() {
        return Ok(Metadata::default());
    }
    let base64 = base64::engine::general_purpose::STANDARD;
    let attribute =
        |(name, value): &(String, Vec<u8>)| serde_json::json!({"name": name, "value": base64.encode(value)});
    let all: Vec<_> = xattrs.iter().map(attribute).collect();
    serde_json::from_value(serde_json::json!({"extended_attributes": all}))
}

fn loose_entry(file: LooseFile) -> ReadSourceEntry<Opener> {
    let meta = Metadata {
        mode: Some(0o600),
        uid: Some(0),
        gid: Some(0),
        size: file.bytes.len() as u64,
        links: 1,
        mtime: Some(Timestamp::now()),
        ..Metadata::default()
    };
    let (size, path) = (meta.size, file.at);
    let node = Node::new_node(path.file_name().unwrap_or_default(), NodeType::File, meta);
    let what = ToOpen::Loose(file.bytes);
    ReadSourceEntry {
        node,
        open: Some(Opener { what, path: path.clone(), size, gate: Gate::default() }),
        path,
    }
}

/// A file that the archiver opens when it comes to it.
struct Opener {
    what: ToOpen,
    path: PathBuf,
    /// When it was found. A file that grows is read so far.
    size: u64,
    gate: Gate,
}

enum ToOpen {
    Found(Found),
    Loose(Vec<u8>),
}

impl ReadSourceOpen for Opener {
    type Reader = Guarded;

    fn open(self) -> RusticResult<Guarded> {
        let from = match self.what {
            ToOpen::Loose(bytes) => From::Memory(io::Cursor::new(bytes)),
            ToOpen::Found(found) => match found.open() {
                Ok(file) => From::Disk(file.take(self.size)),
                Err(error) => {
                    // An app removes files while it runs; that is no failure to read.
                    if error.kind() != io::ErrorKind::NotFound {
                        self.gate.refuse(format!("`{}`: {error}", self.path.display()));
                    }
                    return Err(RusticError::with_source(
                        ErrorKind::InputOutput,
                        "could not be opened",
                        error,
                    ));
                }
            },
        };
        Ok(Guarded { from, path: self.path, gate: self.gate })
    }
}

enum From {
    Disk(io::Take<File>),
    Memory(io::Cursor<Vec<u8>>),
}

/// A file that is being read, until somebody stops it. The archiver leaves out what it cannot read, with a warning;
/// the gate remembers, and refuses the snapshot.
struct Guarded {
    from: From,
    path: PathBuf,
    gate: Gate,
}

impl Read for Guarded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.gate.stop().is_raised() {
            return Err(io::Error::other("stopped"));
        }
        let read = match &mut self.from {
            From::Disk(file) => file.read(buffer),
            From::Memory(bytes) => bytes.read(buffer),
        };
        read.inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.gate.refuse(format!("`{}`: {error}", self.path.display()));
            }
        })
    }
}

// ---- what comes out

fn item_of<'a>(repository: &'a Repository<IndexedFullStatus>, path: PathBuf, node: Node) -> Item<'a> {
    let meta = meta_of(&node);
    let what = match &node.node_type {
        NodeType::Dir => ItemKind::Folder,
        NodeType::Symlink { .. } => ItemKind::Link { target: node.node_type.to_link().to_owned() },
        NodeType::Fifo => ItemKind::Pipe,
        NodeType::Socket => ItemKind::Other { says: "a socket" },
        NodeType::Dev { .. } | NodeType::Chardev { .. } => ItemKind::Other { says: "a device" },
        NodeType::File => ItemKind::File {
            same: (node.meta.links > 1).then_some((node.meta.device_id, node.meta.inode)),
            open: Box::new(move || Ok(Box::new(Blobs::new(repository, node)) as Box<dyn Read>)),
        },
    };
    Item { path, what, meta }
}

fn meta_of(node: &Node) -> Meta {
    let meta = &node.meta;
    Meta {
        mode: meta.mode.map(|mode| mode_from_go(mode) & 0o7777),
        owner: meta.uid.zip(meta.gid),
        changed: meta.mtime.map(|time| (time.as_second(), time.subsec_nanosecond().into())),
        xattrs: meta
            .extended_attributes
            .iter()
            .map(|attribute| (attribute.name.clone(), attribute.value.clone().unwrap_or_default()))
            .collect(),
    }
}

/// The content of a file, blob after blob.
struct Blobs<'a> {
    repository: &'a Repository<IndexedFullStatus>,
    ids: std::vec::IntoIter<rustic_core::DataId>,
    now: bytes::Bytes,
}

impl<'a> Blobs<'a> {
    fn new(repository: &'a Repository<IndexedFullStatus>, node: Node) -> Self {
        let ids = node.content.unwrap_or_default().into_iter();
        Self { repository, ids, now: bytes::Bytes::new() }
    }
}

impl Read for Blobs<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.now.is_empty() {
            let Some(id) = self.ids.next() else { return Ok(0) };
            self.now = self
                .repository
                .get_blob_cached(&BlobId::from(*id), rustic_core::repofile::BlobType::Data)
                .map_err(|error| io::Error::other(plain(&error)))?;
        }
        let length = buffer.len().min(self.now.len());
        buffer[..length].copy_from_slice(&self.now.split_to(length));
        Ok(length)
    }
}

// ---- permissions, which the format keeps as Go does

const GO_DIR: u32 = 1 << 31;
const GO_SYMLINK: u32 = 1 << 27;
const GO_DEVICE: u32 = 1 << 26;
const GO_PIPE: u32 = 1 << 25;
const GO_SOCKET: u32 = 1 << 24;
const GO_SETUID: u32 = 1 << 23;
const GO_SETGID: u32 = 1 << 22;
const GO_CHARDEV: u32 = 1 << 21;
const GO_STICKY: u32 = 1 << 20;
/// The three special bits, as the kernel and as Go have them.
const SPECIAL: [(u32, u32); 3] = [(0o4000, GO_SETUID), (0o2000, GO_SETGID), (0o1000, GO_STICKY)];

fn mode_to_go(mode: u32) -> u32 {
    let kind = match Kind::from_raw_mode(mode) {
        Kind::Directory => GO_DIR,
        Kind::Symlink => GO_SYMLINK,
        Kind::BlockDevice => GO_DEVICE,
        Kind::CharacterDevice => GO_DEVICE | GO_CHARDEV,
        Kind::Fifo => GO_PIPE,
        Kind::Socket => GO_SOCKET,
        Kind::RegularFile | Kind::Unknown => 0,
    };
    SPECIAL.iter().filter(|(bit, _)| mode & bit != 0).fold(kind | (mode & 0o777), |go, (_, bit)| go | bit)
}

/// Only permissions and the special bits: what kind of thing it is, is told elsewhere.
pub(super) fn mode_from_go(go: u32) -> u32 {
    SPECIAL.iter().filter(|(_, bit)| go & bit != 0).fold(go & 0o777, |mode, (bit, _)| mode | bit)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn permissions_survive_the_way_of_go() {
        for mode in [0o644, 0o755, 0o4755, 0o2770, 0o1777, 0o7777, 0] {
            assert_eq!(mode_from_go(mode_to_go(mode)), mode, "{mode:o}");
        }
        assert_eq!(mode_to_go(0o100_644), 0o644);
        assert_eq!(mode_to_go(0o040_755), GO_DIR | 0o755);
        assert_eq!(mode_to_go(0o041_777), GO_DIR | GO_STICKY | 0o777);
    }

    #[test]
    fn names_that_are_no_text_are_paths_all_the_same() {
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
        let node = Node::new_node(name, NodeType::File, Metadata::default());
        assert_eq!(node.name(), name);
    }
}
