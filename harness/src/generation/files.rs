//! Opens and lists what is below a folder that is held open, however deep it is and whatever its names are.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::error::TreeError;
use crate::backup::stop::Stop;
use crate::backup::tree::in_folder_itself;

/// Longest path that is handed to the kernel at once; its own limit is 4,096 bytes, the end included.
const PATH_BYTES: usize = 4000;

/// One name in a folder.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) name: CString,
    /// As the listing says; `Unknown` where it does not.
    pub(super) kind: FileType,
    inode: u64,
}

impl Name {
    /// Adds the name to the path of its folder.
    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(OsStr::from_bytes(self.name.to_bytes()))
    }
}

/// Opens a folder below the root; the root itself where the path is empty. Follows no link and enters no other mount.
/// Only the root is held open meanwhile, so that the depth of a tree costs no open files.
pub(super) fn open_below(root: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let open = |from: &OwnedFd, part: &[u8]| {
        rustix::fs::openat2(from, OsStr::from_bytes(part), flags, Mode::empty(), resolve)
    };
    let mut rest = path.as_os_str().as_bytes();
    if rest.is_empty() {
        return Ok(open(root, b".")?);
    }
    let mut held = None;
    while PATH_BYTES < rest.len() {
        // A name has at most 255 bytes, so there is a slash.
        let cut = rest[..PATH_BYTES].iter().rposition(|byte| *byte == b'/').ok_or(Errno::NAMETOOLONG)?;
        held = Some(open(held.as_ref().unwrap_or(root), &rest[..cut])?);
        rest = &rest[cut + 1..];
    }
    Ok(open(held.as_ref().unwrap_or(root), rest)?)
}

/// Lists a folder in the order of inodes, which is the order on most disks.
pub(super) fn names_in(folder: &OwnedFd) -> io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(Name { name: name.to_owned(), kind: entry.file_type(), inode: entry.ino() });
        }
    }
    names.sort_unstable_by_key(|name| name.inode);
    Ok(names)
}

/// Holds what has the name without opening it, and looks at it.
pub(super) fn hold(folder: &OwnedFd, name: &CStr) -> io::Result<(OwnedFd, Stat)> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = rustix::fs::openat(folder, name, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&held)?;
    Ok((held, stat))
}

/// Opens for reading what is held and was seen to be a plain file. Leaves no trace in its times where that is allowed.
pub(super) fn open_held(held: &OwnedFd) -> io::Result<OwnedFd> {
    let path = in_folder_itself(held);
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    match rustix::fs::open(path.as_str(), flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => Ok(rustix::fs::open(path.as_str(), flags, Mode::empty())?),
        other => Ok(other?),
    }
}

pub(super) fn kind_of(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

pub(super) fn length_of(stat: &Stat) -> u64 {
    stat.st_size.try_into().unwrap_or(0)
}

/// Bytes that are allocated on the disk: the kernel counts in units of 512, whatever the file system's blocks are.
pub(super) fn allocated_of(stat: &Stat) -> u64 {
    u64::try_from(stat.st_blocks).unwrap_or(0) * 512
}

/// One thing in a tree.
pub(super) struct Seen<'a> {
    /// Relative to the root; empty for the root itself.
    pub(super) path: &'a Path,
    pub(super) stat: Stat,
    /// The folder that it is in, and its name there; for the root itself the root and `.`.
    pub(super) folder: &'a OwnedFd,
    pub(super) name: &'a CStr,
}

/// Looks at everything in a tree: the root, then folder by folder, all names of a folder in order of their bytes before
/// what is below them. The order depends on names only.
pub(super) fn each<'s>(
    root: &OwnedFd,
    stop: &Stop,
    mut look: impl FnMut(&Seen<'_>) -> Result<(), TreeError> + 's,
) -> Result<(), TreeError> {
    let wrong = |path: &Path, error: io::Error| TreeError::at("read", path, error);
    let stat = rustix::fs::fstat(root).map_err(|error| wrong(Path::new(""), error.into()))?;
    look(&Seen { path: Path::new(""), stat, folder: root, name: c"." })?;
    let mut folders = vec![PathBuf::new()];
    while let Some(path) = folders.pop() {
        let folder = open_below(root, &path).map_err(|error| wrong(&path, error))?;
        let mut names = names_in(&folder).map_err(|error| wrong(&path, error))?;
        names.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let first = folders.len();
        for name in names {
            if stop.is_raised() {
                return Err(TreeError::Stopped);
            }
            let path = name.path(&path);
            let stat = rustix::fs::statat(folder.as_fd(), name.name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|error| wrong(&path, error.into()))?;
            look(&Seen { path: &path, stat, folder: &folder, name: &name.name })?;
            if kind_of(&stat) == FileType::Directory {
                folders.push(path);
            }
        }
        folders[first..].reverse();
    }
    Ok(())
}
