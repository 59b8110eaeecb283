//! Leases: which run is alive, read from a lock that dies with its owner, never from process text
//! (CC-153, CC-154).
//!
//! A lease is a file under `leases/` that its owner keeps locked (`flock`). The kernel lets go when the
//! owner ends, however it ends. The text inside says who it is, for people.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rustix::fs::{FlockOperation, flock};

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Owner {
    /// The run's id, or the command that takes all recipes.
    pub run: String,
    /// What the run is of. `None` for a command.
    pub recipe: Option<String>,
    pub pid: u32,
    pub since: DateTime<Utc>,
}

impl Owner {
    /// Returns this very process, at work for a run since now.
    pub fn here(run: impl Into<String>, recipe: impl Into<String>) -> Self {
        Self { recipe: Some(recipe.into()), ..Self::command(run) }
    }

    /// Returns this very process, at work as a command that takes all recipes.
    pub fn command(command: impl Into<String>) -> Self {
        Self { run: command.into(), recipe: None, pid: std::process::id(), since: Utc::now() }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { run, recipe, pid, since } = self;
        match recipe {
            Some(recipe) => write!(f, "run {run} of `{recipe}`")?,
            None => write!(f, "`{run}`")?,
        }
        write!(f, " (process {pid}, since {})", since.format("%H:%M:%S"))
    }
}

/// A lease held by this process. Dropping it lets go and removes the file.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    /// Held for its lock.
    _file: File,
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A file that stays behind is unlocked, and so counts as nobody's.
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "lease file stays");
        }
    }
}

/// Why a lease was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("`{name}` is held by {owner}")]
    Held { name: String, owner: String },
    #[error("could not use the lease `{}`", path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

/// The folder of leases of one instance.
#[derive(Clone, Debug)]
pub struct Leases {
    folder: PathBuf,
}

impl Leases {
    /// Takes the instance's state folder.
    pub fn of(state: &Path) -> Self {
        Self { folder: state.join("leases") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.lock"))
    }

    /// Takes a lease, or says who has it. Does not wait.
    pub fn take(&self, name: &str, owner: &Owner) -> Result<Lease, LeaseError> {
        let path = self.path(name);
        let io = |source| LeaseError::Io { path: path.clone(), source };
        std::fs::create_dir_all(&self.folder).map_err(io)?;
        loop {
            let mut file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(io)?;
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(io)?;
                let owner = serde_json::from_str::<Owner>(&text)
                    .map_or_else(|_| "somebody who is just starting".to_owned(), |o| o.to_string());
                return Err(LeaseError::Held { name: name.to_owned(), owner });
            }
            // The former owner may have removed the file between our open and our lock: then we hold the
            // lock of a file that nobody can see any more.
            if !is_same_file(&file, &path) {
                continue;
            }
            file.set_len(0).map_err(io)?;
            file.rewind().map_err(io)?;
            let text = serde_json::to_string(owner).expect("an owner is plain data");
            file.write_all(text.as_bytes()).map_err(io)?;
            return Ok(Lease { path, _file: file });
        }
    }

    /// Returns the names of the leases that somebody alive holds, in their order.
    pub fn held(&self) -> Vec<String> {
        let files = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names =
            files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".lock")?.to_owned()));
        let mut held: Vec<String> = names.filter(|name| self.is_held(name)).collect();
        held.sort();
        held
    }

    /// Returns whether somebody alive holds the lease.
    pub fn is_held(&self, name: &str) -> bool {
        File::open(self.path(name))
            .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
    }
    /// Returns whether its file is there: held, or left by an owner of this folder who was killed. An owner who ended by
    /// himself, or who uses another folder, leaves none.
    pub fn has_file(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Removes the file that a dead owner left; that of a living one stays.
    pub fn forget_dead(&self, name: &str) {
        if self.has_file(name)
            && let Err(error) = self.take(name, &Owner::here("none", "none"))
        {
            tracing::debug!(name, %error, "lease file stays");
        }
    }
}

fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(there)) => ours.ino() == there.ino() && ours.dev() == there.dev(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner { run: "00c0ffee".into(), recipe: Some("gitea".into()), pid: 1, since: DateTime::UNIX_EPOCH }
    }

    #[test]
    fn a_second_taker_is_told_who_the_owner_is() {
        let folder = tempfile::tempdir().unwrap();
        let leases = Leases::of(folder.path());
        let held = leases.take("port-80", &owner()).unwrap();
        assert!(leases.is_held("port-80"));
        insta::assert_snapshot!(
            leases.take("port-80", &owner()).unwrap_err(),
            @"`port-80` is held by run 00c0ffee of `gitea` (process 1, since 00:00:00)"
        );
        drop(held);
        let sweep = Owner { since: DateTime::UNIX_EPOCH, pid: 1, ..Owner::command("simmer sweep") };
        let held = leases.take("port-80", &sweep).unwrap();
        insta::assert_snapshot!(
            leases.take("port-80", &owner()).unwrap_err(),
            @"`port-80` is held by `simmer sweep` (process 1, since 00:00:00)"
        );
        drop(held);
        assert!(!leases.is_held("port-80"));
        leases.take("port-80", &owner()).unwrap();
    }

    #[test]
    fn the_file_of_an_owner_who_died_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let leases = Leases::of(folder.path());
        std::fs::create_dir_all(folder.path().join("leases")).unwrap();
        std::fs::write(folder.path().join("leases/run-1.lock"), "{}").unwrap();
        assert!(!leases.is_held("run-1") && leases.has_file("run-1"));
        leases.forget_dead("run-1");
        assert!(!leases.has_file("run-1"));
        let alive = leases.take("run-1", &owner()).unwrap();
        leases.forget_dead("run-1");
        assert!(leases.is_held("run-1"));
        drop(alive);
    }
}
