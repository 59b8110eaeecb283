//! Reads a folder that somebody hostile may be changing: a volume belongs to the app. No name is followed through a
//! link, and nothing but plain files is opened: opening a device can do things.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};

/// Longest list of names of extended attributes; the kernel's own limit.
const XATTR_NAMES: usize = 64 << 10;

/// A folder that is held open, so that what its name means later does not matter.
pub(crate) type Held = Arc<OwnedFd>;

/// One thing in a tree.
#[derive(Debug)]
pub(super) struct Found {
    /// Relative to the root that was asked for; empty for the root itself.
    pub(super) path: PathBuf,
    pub(super) stat: Stat,
    /// The folder that it is in, and its name there; for the root itself the root and `.`.
    pub(super) parent: Held,
    pub(super) name: OsString,
}

impl Found {
    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// Where a link leads.
    pub(super) fn link_target(&self) -> io::Result<PathBuf> {
        let target = rustix::fs::readlinkat(&self.parent, self.name.as_os_str(), Vec::new())?;
        Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
    }

    /// Extended attributes by name. None where the file system has none.
    pub(super) fn xattrs(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        if self.kind() == FileType::Symlink {
            return Ok(Vec::new());
        }
        let path = in_folder(&self.parent, &self.name);
        read_xattrs(&path)
    }

    pub(super) fn open(&self) -> io::Result<File> {
        open_plain(&self.parent, &self.name)
    }
}

/// Returns a path that leads through the open folder itself, for calls that take paths only. The last name is not
/// followed by those that we use.
pub(crate) fn in_folder(folder: &OwnedFd, name: &OsStr) -> PathBuf {
    use std::os::fd::AsRawFd;
    let mut path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    path.push(name);
    path
}

fn read_xattrs(path: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    use rustix::io::Errno;
    // Most files have none: a small buffer first.
    let mut names = vec![0_u8; 1 << 10];
    let length = match rustix::fs::llistxattr(path, &mut names[..]) {
        Err(Errno::RANGE) => {
            names.resize(XATTR_NAMES, 0);
            rustix::fs::llistxattr(path, &mut names[..])?
        }
        Err(Errno::NOTSUP) => return Ok(Vec::new()),
        other => other?,
    };
    let mut found = Vec::new();
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = OsStr::from_bytes(name);
        let length = match rustix::fs::lgetxattr_query(path, name) {
            Ok(length) => length,
            // Gone since it was listed, or not for us.
            Err(Errno::NODATA | Errno::PERM) => continue,
            Err(error) => return Err(error.into()),
        };
        let mut value = vec![0; length];
        let length = rustix::fs::lgetxattr(path, name, &mut value[..])?;
        value.truncate(length);
        found.push((name.to_string_lossy().into_owned(), value));
    }
    Ok(found)
}

/// Opens a folder of our own, where links in its path are fine.
pub(crate) fn open_ours(folder: &Path) -> io::Result<Held> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(Arc::new(rustix::fs::open(folder, flags, Mode::empty())?))
}

/// Opens a folder below another, never through a link.
pub(super) fn open_folder(parent: impl AsFd, name: &OsStr) -> io::Result<Held> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(Arc::new(rustix::fs::openat(parent, name, flags, Mode::empty())?))
}

/// Opens a file for reading if it is a plain one. It is pinned before it is opened: what had its name a moment ago
/// does not matter.
pub(super) fn open_plain(parent: impl AsFd, name: &OsStr) -> io::Result<File> {
    let pinned = pin(parent, name)?;
    let path = in_folder_itself(&pinned);
    Ok(File::from(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?))
}

/// Holds a plain file without opening it.
pub(super) fn pin(parent: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let pinned = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&pinned)?.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is not a plain file (any more)"));
    }
    Ok(pinned)
}

/// The path of what is held, however it is called by now.
pub(crate) fn in_folder_itself(held: &OwnedFd) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", held.as_raw_fd())
}

/// Walks trees, folders before what is in them, names in order of their bytes.
pub(super) struct Walk {
    stack: Vec<Frame>,
    /// Found on the way to a path that was asked for.
    ready: std::collections::VecDeque<Found>,
}

struct Frame {
    folder: Held,
    path: PathBuf,
    /// In reverse order.
    names: Vec<OsString>,
}

impl Walk {
    /// Walks a folder, itself included.
    pub(super) fn whole(root: &Held) -> io::Result<Self> {
        let mut walk = Self { stack: Vec::new(), ready: [itself(root)?].into() };
        walk.enter(Arc::clone(root), PathBuf::new())?;
        Ok(walk)
    }

    /// Walks to one path below the folder and through it; the folders on the way are found, what else is in them is
    /// not. Finds nothing below the first part that is not there.
    pub(super) fn only(root: &Held, path: &Path) -> io::Result<Self> {
        let mut walk = Self { stack: Vec::new(), ready: std::collections::VecDeque::new() };
        let mut folder = Arc::clone(root);
        let mut so_far = PathBuf::new();
        let mut parts = path.iter().peekable();
        while let Some(name) = parts.next() {
            so_far.push(name);
            let Some(found) = look(&folder, &so_far, name)? else { break };
            let is_folder = found.kind() == FileType::Directory;
            walk.ready.push_back(found);
            if !is_folder {
                break;
            }
            folder = open_folder(&folder, name)?;
            if parts.peek().is_none() {
                walk.enter(Arc::clone(&folder), so_far.clone())?;
            }
        }
        Ok(walk)
    }

    fn enter(&mut self, folder: Held, path: PathBuf) -> io::Result<()> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                names.push(OsString::from_vec(name.to_vec()));
            }
        }
        names.sort_unstable_by(|a, b| b.cmp(a));
        self.stack.push(Frame { folder, path, names });
        Ok(())
    }
}

impl std::fmt::Debug for Walk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk").field("depth", &self.stack.len()).finish_non_exhaustive()
    }
}

impl Iterator for Walk {
    /// What could not be looked at comes with its path.
    type Item = Result<Found, (PathBuf, io::Error)>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(found) = self.ready.pop_front() {
            return Some(Ok(found));
        }
        loop {
            let frame = self.stack.last_mut()?;
            let Some(name) = frame.names.pop() else {
                self.stack.pop();
                continue;
            };
            let path = frame.path.join(&name);
            let folder = Arc::clone(&frame.folder);
            let found = match look(&folder, &path, &name) {
                // Removed since it was listed, as files are while an app runs.
                Ok(None) => continue,
                Ok(Some(found)) => found,
                Err(error) => return Some(Err((path, error))),
            };
            if found.kind() == FileType::Directory {
                match open_folder(&folder, &name).and_then(|below| self.enter(below, path.clone())) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Some(Err((path, error))),
                }
            }
            return Some(Ok(found));
        }
    }
}

fn itself(root: &Held) -> io::Result<Found> {
    Ok(Found {
        path: PathBuf::new(),
        stat: rustix::fs::fstat(root)?,
        parent: Arc::clone(root),
        name: OsString::from("."),
    })
}

fn look(folder: &Held, path: &Path, name: &OsStr) -> io::Result<Option<Found>> {
    match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => {
            Ok(Some(Found { path: path.to_owned(), stat, parent: Arc::clone(folder), name: name.to_owned() }))
        }
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
