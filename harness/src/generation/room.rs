//! Whether a copy has room, asked before anything is made.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::content::Sharing;
use super::error::TreeError;
use super::files::{allocated_of, each, hold, kind_of, open_held};
use crate::backup::stop::Stop;
use crate::backup::tree::open_ours;

/// Room for a copy, with what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that the copy will allocate. What the target can share with its source needs none.
    pub needs_bytes: u64,
    /// Files and folders that it will make.
    pub needs_files: u64,
    /// What the file system has for us.
    pub free_bytes: u64,
    /// `None` where the file system makes them as it needs them.
    pub free_files: Option<u64>,
    /// What has to stay free.
    pub reserve_bytes: u64,
}

/// There is no room for the copy, or it cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum NoRoom {
    #[error(
        "the copy needs {} and {} have to stay free, and the file system has {}",
        size(room.needs_bytes),
        size(room.reserve_bytes),
        size(room.free_bytes)
    )]
    Bytes { room: Room },
    #[error("the copy needs {} files and folders, and the file system has room for {free}", room.needs_files)]
    Files { room: Room, free: u64 },
    /// A source could not be read whole.
    #[error("what the copy needs cannot be told")]
    Unknown(#[source] TreeError),
}

/// Says whether copies of all these trees fit into the target's file system so that the reserve stays free. Counts what
/// is allocated and not what files seem to hold, and nothing where the target shares with a source. Leaves nothing behind.
pub fn room_for(from: &[&Path], target: &Path, reserve_bytes: u64) -> Result<Room, NoRoom> {
    let open =
        |path: &Path| open_ours(path).map_err(|error| NoRoom::Unknown(TreeError::at("opened", path, error)));
    let sources = from.iter().map(|path| open(path)).collect::<Result<Vec<_>, _>>()?;
    let sources: Vec<&OwnedFd> = sources.iter().map(|held| &**held).collect();
    let target = open(target)?;
    room(&sources, &target, reserve_bytes, &Stop::default())
}

pub(super) fn room(
    sources: &[&OwnedFd],
    target: &OwnedFd,
    reserve_bytes: u64,
    stop: &Stop,
) -> Result<Room, NoRoom> {
    let (mut needs_bytes, mut needs_files) = (0, 0);
    for source in sources {
        let (bytes, files) = needs(source, target, stop).map_err(NoRoom::Unknown)?;
        needs_bytes += bytes;
        needs_files += files;
    }
    let free = rustix::fs::fstatvfs(target)
        .map_err(|error| NoRoom::Unknown(TreeError::at("asked for its room", Path::new(""), error.into())))?;
    let room = Room {
        needs_bytes,
        needs_files,
        free_bytes: free.f_bavail.saturating_mul(free.f_frsize),
        free_files: (free.f_files > 0).then_some(free.f_favail),
        reserve_bytes,
    };
    match room.free_files {
        _ if room.free_bytes < needs_bytes.saturating_add(reserve_bytes) => Err(NoRoom::Bytes { room }),
        Some(free) if free < needs_files => Err(NoRoom::Files { room, free }),
        Some(_) | None => Ok(room),
    }
}

/// Counts bytes and files of one tree.
fn needs(source: &OwnedFd, target: &OwnedFd, stop: &Stop) -> Result<(u64, u64), TreeError> {
    let (mut content, mut rest, mut files) = (0, 0, 0);
    let mut shares = None;
    let mut met = HashSet::new();
    each(source, stop, |seen| {
        let stat = &seen.stat;
        if kind_of(stat) != FileType::Directory
            && stat.st_nlink > 1
            && !met.insert((stat.st_dev, stat.st_ino))
        {
            return Ok(());
        }
        files += 1;
        if kind_of(stat) != FileType::RegularFile {
            rest += allocated_of(stat);
            return Ok(());
        }
        content += allocated_of(stat);
        // One file with something in it tells for all.
        if shares.is_none() && allocated_of(stat) > 0 {
            let wrong = |error| TreeError::at("read", seen.path, error);
            let (held, now) = hold(seen.folder, seen.name).map_err(wrong)?;
            if kind_of(&now) == FileType::RegularFile {
                shares = Some(open_held(&held).and_then(|file| can_share(&file, target)).map_err(wrong)?);
            }
        }
        Ok(())
    })?;
    Ok((if shares == Some(true) { rest } else { content + rest }, files))
}

/// Tries it with a file that has no name, and so is gone however this ends.
fn can_share(file: &OwnedFd, target: &OwnedFd) -> std::io::Result<bool> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let unnamed = match rustix::fs::openat(target, c".", flags, Mode::RUSR | Mode::WUSR) {
        Ok(unnamed) => unnamed,
        // Those that have none of these do not share either.
        Err(Errno::NOTSUP | Errno::ISDIR | Errno::NOSYS) => return Ok(false),
        // Then no copy would do either, and that says why.
        Err(error) => return Err(error.into()),
    };
    Sharing::default().share(file, &unnamed)
}

/// A size as people read it.
fn size(bytes: u64) -> String {
    if bytes < 1_000_000 {
        return format!("{bytes} bytes");
    }
    let megabytes = bytes / 1_000_000;
    if megabytes < 10_000 { format!("{megabytes} MB") } else { format!("{} GB", megabytes / 1000) }
}
