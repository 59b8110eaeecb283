//! Owner, attributes, permissions and times: what belongs to a thing beside its bytes. Unlike a restore, a copy leaves
//! nothing out: what cannot be kept is an error.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::files::{hold, kind_of};
use crate::backup::tree::{in_folder, in_folder_itself};

/// Longest list of names of extended attributes, and longest value; the kernel's own limits.
const XATTR_BYTES: usize = 64 << 10;
/// Rules for what is made in a folder; our own half-made folders must not have any.
const DEFAULT_ACL: &str = "system.posix_acl_default";

/// Gives an open file or folder what another one has, in the order in which they undo each other least: a change of
/// owner clears special bits and capabilities, and a list of rights moves the group's bits.
pub(super) fn dress(from: &OwnedFd, to: &OwnedFd, stat: &Stat) -> io::Result<()> {
    rustix::fs::fchown(to, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
    let mut names = [0_u8; 1 << 10];
    match rustix::fs::flistxattr(from, &mut names[..]) {
        Ok(0) | Err(Errno::NOTSUP) => {}
        Ok(length) => copy_open_xattrs(from, to, &names[..length])?,
        Err(Errno::RANGE) => {
            let mut names = vec![0; XATTR_BYTES];
            let length = rustix::fs::flistxattr(from, &mut names[..])?;
            copy_open_xattrs(from, to, &names[..length])?;
        }
        Err(error) => return Err(error.into()),
    }
    rustix::fs::fchmod(to, Mode::from_raw_mode(stat.st_mode))?;
    Ok(rustix::fs::futimens(to, &times(stat))?)
}

fn copy_open_xattrs(from: &OwnedFd, to: &OwnedFd, names: &[u8]) -> io::Result<()> {
    let mut value = vec![0; XATTR_BYTES];
    for name in split(names) {
        let length = rustix::fs::fgetxattr(from, name, &mut value[..]).map_err(|error| about(name, error))?;
        rustix::fs::fsetxattr(to, name, &value[..length], XattrFlags::empty())
            .map_err(|error| about(name, error))?;
    }
    Ok(())
}

/// The same for what cannot be opened: links, sockets, pipes and devices. `mode` is not for links, which have none.
pub(super) fn dress_unopened(
    (from, to): (&OwnedFd, &OwnedFd),
    name: &CStr,
    stat: &Stat,
    mode: Option<Mode>,
) -> io::Result<()> {
    let (uid, gid) = (Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)));
    rustix::fs::chownat(to, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
    let name_there = OsStr::from_bytes(name.to_bytes());
    copy_unopened_xattrs(&in_folder(from, name_there), &in_folder(to, name_there))?;
    if let Some(mode) = mode {
        // Through what is held: `chmodat` follows links, and what is there may have changed.
        let (held, made) = hold(to, name)?;
        if kind_of(&made) != kind_of(stat) {
            return Err(Errno::EXIST.into());
        }
        rustix::fs::chmod(in_folder_itself(&held), mode)?;
    }
    Ok(rustix::fs::utimensat(to, name, &times(stat), AtFlags::SYMLINK_NOFOLLOW)?)
}

fn copy_unopened_xattrs(from: &Path, to: &Path) -> io::Result<()> {
    let mut names = vec![0; XATTR_BYTES];
    let length = match rustix::fs::llistxattr(from, &mut names[..]) {
        Err(Errno::NOTSUP) => return Ok(()),
        other => other?,
    };
    let mut value = vec![0; XATTR_BYTES];
    for name in split(&names[..length]) {
        let length = rustix::fs::lgetxattr(from, name, &mut value[..]).map_err(|error| about(name, error))?;
        rustix::fs::lsetxattr(to, name, &value[..length], XattrFlags::empty())
            .map_err(|error| about(name, error))?;
    }
    Ok(())
}

/// Makes an empty folder one that only we see, and in which things are made as we say.
pub(super) fn undress(folder: &OwnedFd) -> io::Result<()> {
    match rustix::fs::fremovexattr(folder, DEFAULT_ACL) {
        Ok(()) | Err(Errno::NODATA | Errno::NOTSUP) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(rustix::fs::fchmod(folder, Mode::RWXU)?)
}

fn split(names: &[u8]) -> impl Iterator<Item = &OsStr> {
    names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(OsStr::from_bytes)
}

/// Names the attribute, and keeps the kind of the error for the hint.
fn about(name: &OsStr, error: Errno) -> io::Error {
    tracing::debug!(attribute = %name.display(), %error, "attribute not kept");
    error.into()
}

fn times(stat: &Stat) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: stat.st_atime, tv_nsec: stat.st_atime_nsec as _ },
        last_modification: Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as _ },
    }
}
