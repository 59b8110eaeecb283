//! One `xtask` at a time changes the machine. The second waits and says for whom.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::progress::say;

/// Longer than the slowest `up`: all images from nothing on two busy cores.
const LIMIT: Duration = Duration::from_secs(30 * 60);
const LOOK: Duration = Duration::from_millis(100);

/// Holds the lock until it is dropped. The engine frees it as well when the process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Returns the lock for a child to hold as well: it is free when both have let go.
    pub(crate) fn share(&self) -> Result<File> {
        self.file.try_clone().context("could not share the lock")
    }
}

/// Takes the lock at `path` for `purpose`, waiting for its holder. Errors: after half an hour, with the holder's name.
pub(crate) fn take(path: &Path, purpose: &str) -> Result<Lock> {
    take_within(path, purpose, LIMIT)
}

fn take_within(path: &Path, purpose: &str, limit: Duration) -> Result<Lock> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("could not open the lock `{}`", path.display()))?;
    let started = Instant::now();
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("could not lock `{}`", path.display()));
            }
        }
        let holder = fs::read_to_string(holder_of(path)).unwrap_or_else(|_| "another `xtask`".to_owned());
        if limit < started.elapsed() {
            bail!(
                "{holder} still holds `{}` after {} s: wait for it, or end it",
                path.display(),
                limit.as_secs()
            );
        }
        if !told {
            say(&format!("waiting for {holder}"));
            told = true;
        }
        thread::sleep(LOOK);
    }
    // Beside the lock and not in it: a reader must never meet a half-written name.
    fs::write(holder_of(path), format!("`xtask {purpose}` (pid {})", std::process::id()))
        .with_context(|| format!("could not write the holder of `{}`", path.display()))?;
    Ok(Lock { file })
}

fn holder_of(path: &Path) -> PathBuf {
    path.with_extension("holder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_told_who_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("xtask.lock");
        let held = take_within(&path, "up", Duration::ZERO).unwrap();
        let error = take_within(&path, "down", Duration::ZERO).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("`xtask up` (pid {}) still holds", std::process::id())),
            "{error}"
        );
        drop(held);
        take_within(&path, "down", Duration::ZERO).unwrap();
    }
}
