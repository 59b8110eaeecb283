//! Where a repository is, what opens it, and who may use it now.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::local::make_folder;
use super::stop::Stop;
use super::store::StoreError;

/// Longest wait for others: a prune of a large repository takes minutes.
const LOCK_LIMIT: Duration = Duration::from_secs(10 * 60);
/// How often the lock is tried. The kernel has no wait that can be stopped.
const LOCK_PAUSE: Duration = Duration::from_millis(50);
const PASSWORD_BYTES: usize = 24;
/// Longest password that is read from a file.
const PASSWORD_LIMIT: u64 = 4096;

/// Which program reads and writes the repository. Both can do so with what the other made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// The library inside this program.
    #[default]
    Embedded,
    /// The `restic` command line, which has to be installed.
    Restic,
}

/// Where backups are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    folder: PathBuf,
    repository: String,
    program: Program,
}

impl Place {
    /// Means a repository in a folder of ours, beside its password and its lock.
    #[must_use]
    pub fn under(folder: &Path, program: Program) -> Self {
        let repository = folder.join("repository").display().to_string();
        Self { folder: folder.to_owned(), repository, program }
    }

    /// Means a repository elsewhere: a folder, or what restic takes for an address. Password and lock stay in the
    /// folder.
    #[must_use]
    pub fn at(mut self, repository: impl Into<String>) -> Self {
        self.repository = repository.into();
        self
    }

    /// Returns the folder or address of the repository.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    pub fn program(&self) -> Program {
        self.program
    }

    /// Returns the file that holds the password. Only its owner can read it.
    #[must_use]
    pub fn password_file(&self) -> PathBuf {
        self.folder.join("password")
    }

    /// Where things are put for a moment; only its owner sees them.
    pub(super) fn scratch(&self) -> PathBuf {
        self.folder.join("scratch")
    }

    pub(super) fn prepare(&self) -> Result<(), StoreError> {
        make_folder(&self.folder).map_err(|error| failed("make the folder for backups", &error))
    }

    /// Reads the password.
    pub(super) fn password(&self) -> Result<String, StoreError> {
        let mut text = String::new();
        File::open(self.password_file())
            .and_then(|file| file.take(PASSWORD_LIMIT).read_to_string(&mut text))
            .map_err(|error| failed("read the repository's password", &error))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Makes a password unless there is one. The caller holds the exclusive lock.
    pub(super) fn make_password(&self) -> Result<(), StoreError> {
        let path = self.password_file();
        if path.exists() {
            return Ok(());
        }
        let write = || -> io::Result<()> {
            let mut random = [0; PASSWORD_BYTES];
            File::open("/dev/urandom")?.read_exact(&mut random)?;
            let unfinished = path.with_extension("new");
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&unfinished)?;
            writeln!(file, "{}", hex::encode(random))?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(|error| failed("make the repository's password", &error))
    }
}

/// How a repository is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Beside others: reading, and adding snapshots.
    Shared,
    /// Alone: making it, and removing from it.
    Alone,
}

/// How long somebody waits for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    Wait,
    None,
}

/// The right to use the repository, until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Takes the lock; `None` when others have it and there is no patience.
pub(super) fn lock(
    place: &Place,
    how: Use,
    patience: Patience,
    stop: &Stop,
) -> Result<Option<Lock>, StoreError> {
    let path = place.folder.join("lock");
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| failed("open the repository's lock", &error))?;
    let since = Instant::now();
    loop {
        let taken = match how {
            Use::Shared => file.try_lock_shared(),
            Use::Alone => file.try_lock(),
        };
        match taken {
            Ok(()) => return Ok(Some(Lock { _file: file })),
            Err(fs::TryLockError::Error(error)) => return Err(failed("lock the repository", &error)),
            Err(fs::TryLockError::WouldBlock) if patience == Patience::None => return Ok(None),
            Err(fs::TryLockError::WouldBlock) => {}
        }
        if stop.is_raised() {
            return Err(StoreError::Stopped);
        }
        if LOCK_LIMIT < since.elapsed() {
            let says = format!("others have held it for {} s", LOCK_LIMIT.as_secs());
            return Err(StoreError::Failed { doing: "lock the repository", says });
        }
        std::thread::sleep(LOCK_PAUSE);
    }
}

fn failed(doing: &'static str, error: &io::Error) -> StoreError {
    StoreError::Failed { doing, says: error.to_string() }
}
