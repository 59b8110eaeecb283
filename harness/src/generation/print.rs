//! What a tree holds, told by listing all of it and reading some of it.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use domain::canonical::VolumePrint;
use rustix::fs::FileType;
use sha2::{Digest, Sha256};

use super::error::TreeError;
use super::files::{Seen, each, hold, kind_of, length_of, open_held};
use crate::backup::stop::Stop;
use crate::backup::tree::open_ours;

/// Files up to this length are read whole: configurations, keys, small databases.
const WHOLE_BYTES: u64 = 64 << 10;
/// What is read of a longer file at its beginning, in its middle and at its end: headers of databases and their newest
/// pages are there.
const PART_BYTES: u64 = 4 << 10;
/// Most that is read of one tree. The listing goes on after it; what is read depends on names and lengths only.
const READ_BYTES: u64 = 512 << 20;

/// Takes the print of a folder's tree: SHA-256 over each path with its kind, mode, owner and length, where links lead,
/// and a sample of the contents (files up to 64 KiB whole, of longer ones 4 KiB at the beginning, in the middle and at
/// the end, at most 512 MiB in all). Times, attributes and which names are one file are not in it.
pub fn print_tree(path: &Path, stop: &Stop) -> Result<VolumePrint, TreeError> {
    let root = open_ours(path).map_err(|error| TreeError::at("opened", path, error))?;
    print(&root, stop)
}

pub(super) fn print(root: &OwnedFd, stop: &Stop) -> Result<VolumePrint, TreeError> {
    let mut sum = Sum { hash: Sha256::new(), left: READ_BYTES, buffer: Vec::new() };
    let (mut files, mut bytes) = (0, 0);
    each(root, stop, |seen| {
        let kind = kind_of(&seen.stat);
        if kind != FileType::Directory {
            files += 1;
        }
        if kind == FileType::RegularFile {
            bytes += length_of(&seen.stat);
        }
        sum.add(seen).map_err(|error| TreeError::at("read", seen.path, error))
    })?;
    Ok(VolumePrint { files, bytes, hash: hex::encode(sum.hash.finalize()) })
}

struct Sum {
    hash: Sha256,
    /// Bytes that may still be read.
    left: u64,
    buffer: Vec<u8>,
}

impl Sum {
    fn add(&mut self, seen: &Seen<'_>) -> std::io::Result<()> {
        let Seen { path, stat, folder, name } = seen;
        let kind = kind_of(stat);
        self.text(path.as_os_str().as_bytes());
        self.number(stat.st_mode.into());
        self.number(stat.st_uid.into());
        self.number(stat.st_gid.into());
        match kind {
            FileType::RegularFile => {
                let length = length_of(stat);
                self.number(length);
                if length > 0 && self.left > 0 {
                    let (held, now) = hold(folder, name)?;
                    if kind_of(&now) == FileType::RegularFile {
                        self.sample(&open_held(&held)?, length)?;
                    }
                }
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(folder, *name, Vec::new())?;
                self.text(target.as_bytes());
            }
            FileType::CharacterDevice | FileType::BlockDevice => self.number(stat.st_rdev),
            // The length of a folder is the file system's own affair.
            FileType::Directory | FileType::Fifo | FileType::Socket | FileType::Unknown => {}
        }
        Ok(())
    }

    fn number(&mut self, number: u64) {
        self.hash.update(number.to_le_bytes());
    }

    /// With its length, so that two texts never look like one other.
    fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        self.hash.update(text);
    }

    fn sample(&mut self, file: &OwnedFd, length: u64) -> std::io::Result<()> {
        if length <= WHOLE_BYTES && length <= self.left {
            return self.read(file, 0, length);
        }
        for at in [0, length / 2, length.saturating_sub(PART_BYTES)] {
            self.read(file, at, PART_BYTES)?;
        }
        Ok(())
    }

    fn read(&mut self, file: &OwnedFd, at: u64, wanted: u64) -> std::io::Result<()> {
        self.left = self.left.saturating_sub(wanted);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(wanted, 0);
        let mut have = 0;
        while have < wanted {
            match rustix::io::pread(file, &mut buffer[have..], at + have as u64) {
                Ok(0) => break,
                Ok(read) => have += read,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.text(&buffer[..have]);
        self.buffer = buffer;
        Ok(())
    }
}
