//! The bytes of one file: shared with the source where the file system can, else copied, holes as holes.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{SeekFrom, Stat};
use rustix::io::Errno;

use super::files::{allocated_of, length_of};
use crate::backup::stop::Stop;

/// Most bytes that are copied between two looks at the flag.
const STEP_BYTES: usize = 8 << 20;
/// What one thread reads at once: it stays in the processor's cache until it is written.
pub(super) const BUFFER_BYTES: usize = 128 << 10;
/// Files from this length on are copied inside of the kernel. Below it one read and one write are faster.
const KERNEL_BYTES: u64 = 1 << 30;

/// How a file's bytes came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// There were none.
    Empty,
    Cloned,
    Copied,
}

/// What is known by now of sharing between two folders.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    /// The file systems said that they never can.
    impossible: AtomicBool,
}

impl Sharing {
    /// Shares all bytes of a file; `false` where this cannot be.
    pub(super) fn share(&self, from: &OwnedFd, to: &OwnedFd) -> io::Result<bool> {
        if self.impossible.load(Ordering::Relaxed) {
            return Ok(false);
        }
        match rustix::fs::ioctl_ficlone(to, from) {
            Ok(()) => Ok(true),
            Err(Errno::NOTSUP | Errno::XDEV | Errno::NOTTY | Errno::NOSYS) => {
                self.impossible.store(true, Ordering::Relaxed);
                Ok(false)
            }
            // This file cannot: its attributes differ from what is made there, or it is in use as swap.
            Err(Errno::INVAL | Errno::TXTBSY) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Fills an empty file with what another holds. `None` when it was stopped.
pub(super) fn fill(
    (from, to): (&OwnedFd, &OwnedFd),
    stat: &Stat,
    sharing: &Sharing,
    buffer: &mut [u8],
    stop: &Stop,
) -> io::Result<Option<Came>> {
    let length = length_of(stat);
    if length == 0 {
        return Ok(Some(Came::Empty));
    }
    if sharing.share(from, to)? {
        return Ok(Some(Came::Cloned));
    }
    let mut copy = Copy { from, to, buffer, stop, in_kernel: KERNEL_BYTES <= length };
    let whole = if allocated_of(stat) < length { copy.islands(length)? } else { copy.range(0, length)? };
    Ok(whole.then_some(Came::Copied))
}

struct Copy<'a> {
    from: &'a OwnedFd,
    to: &'a OwnedFd,
    buffer: &'a mut [u8],
    stop: &'a Stop,
    in_kernel: bool,
}

impl Copy<'_> {
    /// Copies what lies between holes. `false` when it was stopped.
    fn islands(&mut self, length: u64) -> io::Result<bool> {
        let mut at = 0;
        while at < length {
            let begin = match rustix::fs::seek(self.from, SeekFrom::Data(at)) {
                Ok(begin) => begin,
                // Nothing but a hole until the end.
                Err(Errno::NXIO) => break,
                // The file system does not tell.
                Err(Errno::INVAL | Errno::NOTSUP) => return self.range(at, length),
                Err(error) => return Err(error.into()),
            };
            let end = rustix::fs::seek(self.from, SeekFrom::Hole(begin))?.min(length);
            if !self.range(begin, end)? {
                return Ok(false);
            }
            at = end;
        }
        rustix::fs::ftruncate(self.to, length)?;
        Ok(true)
    }

    /// Copies these bytes. `false` when it was stopped. Ends early where the source does: its caller looks whether it
    /// changed.
    fn range(&mut self, begin: u64, end: u64) -> io::Result<bool> {
        let mut at = begin;
        while at < end {
            if self.stop.is_raised() {
                return Ok(false);
            }
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX);
            if self.in_kernel {
                let (mut from, mut to) = (at, at);
                let step = wanted.min(STEP_BYTES);
                match rustix::fs::copy_file_range(self.from, Some(&mut from), self.to, Some(&mut to), step) {
                    Ok(0) => return Ok(true),
                    Ok(done) => at += done as u64,
                    Err(Errno::INTR) => {}
                    Err(Errno::XDEV | Errno::NOSYS | Errno::INVAL | Errno::NOTSUP) => self.in_kernel = false,
                    Err(error) => return Err(error.into()),
                }
                continue;
            }
            let room = wanted.min(self.buffer.len());
            let read = match rustix::io::pread(self.from, &mut self.buffer[..room], at) {
                Ok(0) => return Ok(true),
                Ok(read) => read,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            self.write(at, read)?;
            at += read as u64;
        }
        Ok(true)
    }

    fn write(&self, mut at: u64, length: usize) -> io::Result<()> {
        let mut bytes = &self.buffer[..length];
        while !bytes.is_empty() {
            match rustix::io::pwrite(self.to, bytes, at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    at += written as u64;
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
