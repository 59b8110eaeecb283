//! A work tree of our own for each run, written file by file from tree objects that nobody vouches for.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use git2::{ObjectType, Odb, Oid, Repository};

use super::SourceError;
use super::mirror::disk;
use super::names::refuse_entry;

/// How large a recipe may be. The names of the fields stand in the errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Files and folders together.
    pub entries: usize,
    /// One file, in bytes.
    pub file_bytes: u64,
    /// All files together, in bytes.
    pub total_bytes: u64,
    /// Folders inside folders.
    pub depth: usize,
}

impl Default for Bounds {
    /// Recipes are some dozens of small files; a hundred times that is still no recipe.
    fn default() -> Self {
        Self { entries: 20_000, file_bytes: 64 << 20, total_bytes: 512 << 20, depth: 40 }
    }
}

/// Largest tree object that is read, in bytes: about a hundred thousand entries in one folder.
const TREE_BYTES: u64 = 8 << 20;
/// Longest path, from the root of the tree.
const PATH_BYTES: usize = 3000;
/// Longest target of a symbolic link; the kernel takes no more.
const LINK_BYTES: u64 = 4095;

/// Something in the tree that was not written as an ordinary checkout would.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// A symbolic link out of the tree, or one that might be. Written as a plain file that holds the target.
    LinkOut { path: String, target: String },
    /// Another repository's commit. Not followed, nothing is written.
    Submodule { path: String, commit: String },
    /// Two names that are one on a file system that ignores case. Both are written.
    SameButCase { path: String, other: String },
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LinkOut { path, target } => {
                write!(f, "`{path}` links to `{target}`, out of the tree; it is a plain file here")
            }
            Self::Submodule { path, commit } => {
                write!(f, "`{path}` is a submodule at {commit}; submodules are not followed")
            }
            Self::SameButCase { path, other } => {
                write!(f, "`{path}` and `{other}` are one file where case is ignored")
            }
        }
    }
}

/// The files of one commit, in a folder of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkTree {
    pub path: PathBuf,
    /// 40 hexadecimal digits.
    pub commit: String,
    pub files: usize,
    pub bytes: u64,
    pub notes: Vec<Note>,
}

/// What to write, decided before anything is written.
enum Item {
    Folder(PathBuf),
    File { path: PathBuf, blob: Oid, mode: u32 },
    Link { path: PathBuf, target: Vec<u8> },
}

struct Plan<'a> {
    repository: &'a Repository,
    odb: Odb<'a>,
    commit: &'a str,
    bounds: Bounds,
    items: Vec<Item>,
    bytes: u64,
    files: usize,
    entries: usize,
    notes: Vec<Note>,
}

/// Writes the tree of `commit` into `into`.
pub(super) fn write_out(
    repository: &Repository,
    commit: &str,
    into: &Path,
    bounds: Bounds,
) -> Result<WorkTree, SourceError> {
    let broken = |error: git2::Error| SourceError::Broken {
        mirror: repository.path().to_owned(),
        says: error.message().to_owned(),
    };
    let id = Oid::from_str(commit).map_err(broken)?;
    let root = repository.find_commit(id).map_err(broken)?.tree_id();
    let odb = repository.odb().map_err(broken)?;
    let mut plan = Plan {
        repository,
        odb,
        commit,
        bounds,
        items: Vec::new(),
        bytes: 0,
        files: 0,
        entries: 0,
        notes: Vec::new(),
    };
    plan.folder(root, Path::new(""), 0)?;
    fs::create_dir_all(into).map_err(disk("create", into))?;
    if fs::read_dir(into).map_err(disk("list", into))?.next().is_some() {
        return Err(SourceError::Disk {
            doing: "write into",
            path: into.to_owned(),
            source: std::io::Error::new(std::io::ErrorKind::DirectoryNotEmpty, "the folder is not empty"),
        });
    }
    if let Err(error) = plan.write(into) {
        // Only what was just made is in there; an error of clearing would hide the first one.
        fs::remove_dir_all(into).ok();
        return Err(error);
    }
    Ok(WorkTree {
        path: into.to_owned(),
        commit: commit.to_owned(),
        files: plan.files,
        bytes: plan.bytes,
        notes: plan.notes,
    })
}

impl Plan<'_> {
    fn folder(&mut self, id: Oid, at: &Path, depth: usize) -> Result<(), SourceError> {
        if self.bounds.depth < depth {
            return Err(self.too_large(at, format!("more than {} folders deep", self.bounds.depth), "depth"));
        }
        let size = self.size(id, at, ObjectType::Tree)?;
        if TREE_BYTES < size {
            return Err(self.too_large(at, format!("its list of names has {size} bytes"), "entries"));
        }
        let tree = self.repository.find_tree(id).map_err(|e| self.unreadable(at, &e))?;
        let mut names = BTreeSet::new();
        let mut without_case = std::collections::BTreeMap::new();
        for entry in tree.iter() {
            let name = entry.name_bytes();
            let path = at.join(OsStr::from_bytes(name));
            if let Some(why) = refuse_entry(name) {
                return Err(self.hostile(&at.join(String::from_utf8_lossy(name).as_ref()), why));
            }
            // Twice the same name, first as a link and then as a folder, writes through the link.
            if !names.insert(name.to_vec()) {
                return Err(self.hostile(&path, "the name stands twice in one folder"));
            }
            if PATH_BYTES < path.as_os_str().len() {
                return Err(self.too_large(
                    &path,
                    format!("its path is longer than {PATH_BYTES} bytes"),
                    "depth",
                ));
            }
            let lower = String::from_utf8_lossy(name).to_lowercase();
            if let Some(other) = without_case.insert(lower, path.clone()) {
                self.notes.push(Note::SameButCase { path: show(&path), other: show(&other) });
            }
            self.entries += 1;
            if self.bounds.entries < self.entries {
                let why = format!("more than {} files and folders", self.bounds.entries);
                return Err(self.too_large(&path, why, "entries"));
            }
            self.entry(entry.id(), entry.filemode(), path, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, id: Oid, mode: i32, path: PathBuf, depth: usize) -> Result<(), SourceError> {
        match mode {
            0o040_000 => {
                self.items.push(Item::Folder(path.clone()));
                self.folder(id, &path, depth + 1)
            }
            0o160_000 => {
                self.notes.push(Note::Submodule { path: show(&path), commit: id.to_string() });
                Ok(())
            }
            0o120_000 => self.link(id, path, depth),
            // Old histories hold group-writable files; like git, we know two modes.
            0o100_644 | 0o100_664 | 0o100_755 => {
                let mode = if mode == 0o100_755 { 0o755 } else { 0o644 };
                self.file(id, path, mode)
            }
            mode => Err(self.hostile(&path, &format!("mode {mode:o} is neither file, folder nor link"))),
        }
    }

    fn file(&mut self, blob: Oid, path: PathBuf, mode: u32) -> Result<(), SourceError> {
        let size = self.size(blob, &path, ObjectType::Blob)?;
        if self.bounds.file_bytes < size {
            let why = format!("it has {size} bytes, and one file may have {}", self.bounds.file_bytes);
            return Err(self.too_large(&path, why, "file_bytes"));
        }
        self.bytes = self.bytes.saturating_add(size);
        if self.bounds.total_bytes < self.bytes {
            let why = format!("all files together have more than {} bytes", self.bounds.total_bytes);
            return Err(self.too_large(&path, why, "total_bytes"));
        }
        self.files += 1;
        self.items.push(Item::File { path, blob, mode });
        Ok(())
    }

    fn link(&mut self, blob: Oid, path: PathBuf, depth: usize) -> Result<(), SourceError> {
        let size = self.size(blob, &path, ObjectType::Blob)?;
        if LINK_BYTES < size {
            return Err(self.hostile(&path, "the target of a link is longer than 4095 bytes"));
        }
        let content = self.repository.find_blob(blob).map_err(|e| self.unreadable(&path, &e))?;
        let target = content.content().to_vec();
        if stays_inside(&target, depth) {
            self.files += 1;
            self.items.push(Item::Link { path, target });
            return Ok(());
        }
        self.notes
            .push(Note::LinkOut { path: show(&path), target: show(Path::new(OsStr::from_bytes(&target))) });
        self.file(blob, path, 0o644)
    }

    fn size(&self, id: Oid, path: &Path, wanted: ObjectType) -> Result<u64, SourceError> {
        let (size, kind) = self.odb.read_header(id).map_err(|e| self.unreadable(path, &e))?;
        if kind != wanted {
            return Err(self.hostile(path, &format!("a {wanted} is named and a {kind} is there")));
        }
        Ok(u64::try_from(size).unwrap_or(u64::MAX))
    }

    fn write(&self, into: &Path) -> Result<(), SourceError> {
        for item in &self.items {
            match item {
                Item::Folder(path) => {
                    let path = into.join(path);
                    // Not `create_dir_all`: a folder that is there already is not ours.
                    fs::create_dir(&path).map_err(disk("create", &path))?;
                }
                Item::File { path, blob, mode } => {
                    let content = self.repository.find_blob(*blob).map_err(|e| self.unreadable(path, &e))?;
                    let path = into.join(path);
                    // `create_new` neither follows a link nor opens what is there.
                    let mut file = File::options()
                        .write(true)
                        .create_new(true)
                        .mode(*mode)
                        .open(&path)
                        .map_err(disk("create", &path))?;
                    file.write_all(content.content()).map_err(disk("write", &path))?;
                    // Not left to the umask: containers read these as other users.
                    file.set_permissions(Permissions::from_mode(*mode))
                        .map_err(disk("set mode of", &path))?;
                }
                Item::Link { path, target } => {
                    let path = into.join(path);
                    symlink(OsStr::from_bytes(target), &path).map_err(disk("link", &path))?;
                }
            }
        }
        Ok(())
    }

    fn hostile(&self, path: &Path, why: &str) -> SourceError {
        SourceError::Hostile { commit: self.commit.to_owned(), path: show(path), why: why.to_owned() }
    }

    fn too_large(&self, path: &Path, why: String, limit: &'static str) -> SourceError {
        SourceError::TooLarge { commit: self.commit.to_owned(), path: show(path), why, limit }
    }

    fn unreadable(&self, path: &Path, error: &git2::Error) -> SourceError {
        SourceError::Broken {
            mirror: self.repository.path().to_owned(),
            says: format!("`{}`: {}", show(path), error.message()),
        }
    }
}

/// Returns whether a link in a folder `depth` below the root cannot lead out, whatever the other links are.
///
/// Only leading `..` are allowed: those are counted from a real folder. After a name, a `..` would be
/// counted from wherever that name links to.
fn stays_inside(target: &[u8], depth: usize) -> bool {
    if target.is_empty() || target.starts_with(b"/") || target.contains(&0) {
        return false;
    }
    let (mut up, mut named) = (0, false);
    for part in target.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if named => return false,
            b".." => up += 1,
            _ => named = true,
        }
    }
    up <= depth
}

/// Returns a path for people: no control characters, bounded.
fn show(path: &Path) -> String {
    path.to_string_lossy().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_link_stays_inside_or_is_none() {
        for (target, depth) in [("a", 0), ("./a/b", 0), ("../a", 1), ("../../a", 2), (".", 0), ("..", 1)] {
            assert!(stays_inside(target.as_bytes(), depth), "{target} at {depth}");
        }
        for (target, depth) in
            [("/etc/passwd", 9), ("../a", 0), ("../../a", 1), ("a/../b", 3), ("a/..", 3), ("", 1), ("a\0", 1)]
        {
            assert!(!stays_inside(target.as_bytes(), depth), "{target:?} at {depth}");
        }
    }

    proptest! {
        #[test]
        fn no_link_that_is_kept_leads_above_the_root(target in "[./a]{0,20}", depth in 0_usize..4) {
            if stays_inside(target.as_bytes(), depth) {
                let mut at = i64::try_from(depth).unwrap();
                for part in target.split('/') {
                    match part {
                        "" | "." => {}
                        ".." => at -= 1,
                        _ => at += 1,
                    }
                    prop_assert!(0 <= at);
                }
            }
        }
    }
}
