//! Copies and prints of trees in temporary folders, and volumes on a fake engine. As root, as the tests run, owners and
//! devices are real.

mod copied;
mod engine;
mod printed;

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

fn opened(folder: &Path) -> OwnedFd {
    rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A folder in memory where the machine has one: a copy ends when the disk has it, and with many copies beside a busy
/// neighbour that is long.
fn quick() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}
