//! What goes into a repository, as the archiver wants it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustic_core::jiff::Timestamp;
use rustic_core::repofile::{Metadata, Node, NodeType};
use rustic_core::{ErrorKind, ReadSource, ReadSourceEntry, ReadSourceOpen, RusticError, RusticResult};
use rustix::fs::FileType as Kind;

use super::permissions::mode_to_go;
use crate::backup::local::Gate;
use crate::backup::store::{Contents, LooseFile, TreeToSave};
use crate::backup::tree::{Found, Walk};

/// Trees and loose files as the archiver wants them: in the order of their paths.
pub(super) struct Source {
    parts: Vec<Part>,
    gate: Gate,
    /// Plain files found so far.
    pub(super) files: Arc<AtomicU64>,
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
    pub(super) fn new(contents: &Contents, gate: &Gate) -> Self {
        let trees = contents.trees.iter().cloned().map(Part::Tree);
        let mut parts: Vec<Part> = trees.chain(contents.loose.iter().cloned().map(Part::Loose)).collect();
        parts.sort_by(|a, b| a.at().cmp(b.at()));
        Self { parts, gate: gate.clone(), files: Arc::default() }
    }

    pub(super) fn paths(&self) -> Vec<PathBuf> {
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

pub(super) struct Entries {
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
pub(super) struct Opener {
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
pub(super) struct Guarded {
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
