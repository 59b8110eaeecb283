//! What a program for repositories can do, whichever it is. All of it blocks.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use domain::Cause;

use super::landing::Landing;
use super::stop::Stop;
use super::tree::Held;
use crate::engine::Chain;

/// The id of a snapshot: 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct SnapshotId(String);

impl SnapshotId {
    /// Reads a whole id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first eight digits, as people and restic write it.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

impl std::fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// Whose snapshot it is. Kept in the snapshot: the host is the instance, the rest are tags `name=value`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct About {
    pub instance: String,
    pub recipe: String,
    pub stack: String,
    pub run: String,
    pub release: String,
}

impl About {
    pub(super) fn tags(&self) -> Vec<String> {
        let Self { instance: _, recipe, stack, run, release } = self;
        let tags = [("recipe", recipe), ("stack", stack), ("run", run), ("release", release)];
        // A comma would make two tags of one.
        let tag = |(name, value): (&str, &String)| format!("{name}={}", value.replace(',', "_"));
        tags.into_iter().filter(|(_, value)| !value.is_empty()).map(tag).collect()
    }

    pub(super) fn read<'t>(host: &str, tags: impl IntoIterator<Item = &'t str>) -> Self {
        let tags: BTreeMap<&str, &str> = tags.into_iter().filter_map(|tag| tag.split_once('=')).collect();
        let tag = |name: &str| tags.get(name).copied().unwrap_or_default().to_owned();
        Self {
            instance: host.to_owned(),
            recipe: tag("recipe"),
            stack: tag("stack"),
            run: tag("run"),
            release: tag("release"),
        }
    }
}

/// A snapshot as the repository lists it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Kept {
    pub id: SnapshotId,
    pub time: DateTime<Utc>,
    pub about: About,
    /// As the program that made it says.
    pub paths: Vec<String>,
    /// Files in it, and their bytes; `None` where the program that made it did not say.
    pub files: Option<u64>,
    pub bytes: Option<u64>,
}

/// What a snapshot holds at a path.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Entry {
    /// Absolute in the snapshot.
    pub path: PathBuf,
    pub kind: EntryKind,
    /// Bytes; 0 for all but files.
    pub bytes: u64,
    /// Permissions, as `chmod` takes them.
    pub mode: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    File,
    Folder,
    Link,
    /// A device, a pipe or a socket.
    Special,
}

/// What goes into a snapshot.
#[derive(Debug)]
pub(super) struct Contents {
    /// In any order.
    pub(super) trees: Vec<TreeToSave>,
    /// Files that are nowhere on the disk.
    pub(super) loose: Vec<LooseFile>,
}

/// A folder, or paths in it.
#[derive(Clone, Debug)]
pub(super) struct TreeToSave {
    /// Its absolute path in the snapshot.
    pub(super) at: PathBuf,
    pub(super) folder: Held,
    /// Where a program that takes paths finds it.
    pub(super) on_disk: PathBuf,
    /// Relative; none: all.
    pub(super) only: Vec<PathBuf>,
}

/// A small file that is in memory only.
#[derive(Clone)]
pub(super) struct LooseFile {
    /// Its absolute path in the snapshot.
    pub(super) at: PathBuf,
    pub(super) bytes: Vec<u8>,
}

impl std::fmt::Debug for LooseFile {
    /// Without what is in it: it may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LooseFile").field("at", &self.at).finish_non_exhaustive()
    }
}

/// What became of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Saved {
    pub id: SnapshotId,
    pub files: u64,
    pub bytes: u64,
    /// Bytes that the repository had not held before.
    pub added: u64,
}

/// What was put back.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PutBack {
    pub files: u64,
    pub bytes: u64,
    /// Paths that were not put back, with the reason: sockets and devices.
    pub skipped: Vec<String>,
}

/// Whether a check reads all data, or only what tells what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadData {
    Yes,
    No,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Checked {
    /// Empty: the repository is whole.
    pub errors: Vec<String>,
    pub warnings: Vec<String>,
}

/// What came of removing snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Forgotten {
    pub snapshots: Vec<SnapshotId>,
    /// Bytes that the repository gave back.
    pub freed: u64,
}

/// A repository could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is not there, or is not a repository.
    #[error("there is no repository at `{place}`")]
    Missing { place: String },
    /// The password does not open it.
    #[error("the password does not open the repository at `{place}`")]
    Locked { place: String },
    /// There is no snapshot of the name.
    #[error("there is no snapshot `{id}` in the repository")]
    NoSnapshot { id: String },
    /// Files of the app could not be read, so that no snapshot was made.
    #[error("not everything could be read: {}", says.join("; "))]
    Unreadable { says: Vec<String> },
    /// Files could not be put where they belong.
    #[error("could not put `{path}` back")]
    Landing { path: String, source: std::io::Error },
    /// Reading or writing failed, or what is there is not whole.
    #[error("could not {doing}: {says}")]
    Failed { doing: &'static str, says: String },
    /// Nobody waits for it any more.
    #[error("stopped")]
    Stopped,
}

impl StoreError {
    /// Returns the cause that a verdict carries for it, with what a person can do.
    #[must_use]
    pub fn cause(&self) -> Cause {
        let says = match self.hint() {
            Some(hint) => format!("{}; {hint}", Chain(self)),
            None => Chain(self).to_string(),
        };
        match self {
            Self::Stopped => Cause::Interrupted,
            Self::Unreadable { .. } => Cause::Node { says },
            Self::Landing { path, source } => {
                use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
                if matches!(source.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem) {
                    Cause::Node { says }
                } else {
                    Cause::NotRestored { what: format!("`{path}`"), says }
                }
            }
            Self::Missing { .. } | Self::Locked { .. } | Self::NoSnapshot { .. } | Self::Failed { .. } => {
                Cause::Repository { says }
            }
        }
    }

    /// Returns what a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Missing { .. } => Some("a run that backs something up makes it"),
            Self::Locked { .. } => {
                Some("put the password's file back beside it, or give the repository another place")
            }
            Self::NoSnapshot { .. } => Some("`simmer backups list` names them"),
            Self::Failed { .. } => Some("`simmer backups check --read-data` finds what is broken"),
            Self::Unreadable { .. } | Self::Landing { .. } | Self::Stopped => None,
        }
    }
}

/// A program for repositories of the restic format.
pub(super) trait Store: Send + Sync {
    /// Lists snapshots, oldest first.
    fn snapshots(&self, stop: &Stop) -> Result<Vec<Kept>, StoreError>;

    fn save(&self, contents: &Contents, about: &About, stop: &Stop) -> Result<Saved, StoreError>;

    /// Lists what a snapshot holds, folders before what is in them.
    fn entries(&self, id: &SnapshotId, stop: &Stop) -> Result<Vec<Entry>, StoreError>;

    /// Hands over the content of files, in the order given.
    fn read(
        &self,
        id: &SnapshotId,
        files: &[PathBuf],
        each: &mut dyn FnMut(&Path, &mut dyn Read),
        stop: &Stop,
    ) -> Result<(), StoreError>;

    /// Puts what is in a folder of the snapshot into a folder of ours.
    fn put(
        &self,
        id: &SnapshotId,
        from: &Path,
        landing: &Landing,
        stop: &Stop,
    ) -> Result<PutBack, StoreError>;

    fn check(&self, read: ReadData, stop: &Stop) -> Result<Checked, StoreError>;

    /// Removes snapshots and what only they held. The caller holds the exclusive lock.
    fn forget(&self, ids: &[SnapshotId], stop: &Stop) -> Result<Forgotten, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_snapshot_is_about_survives_its_tags() {
        let about = About {
            instance: "ci".into(),
            recipe: "gitea".into(),
            stack: "run-1".into(),
            run: "1".into(),
            release: "1.0.0+2,3".into(),
        };
        let tags = about.tags();
        let read = About::read("ci", tags.iter().map(String::as_str));
        assert_eq!(read, About { release: "1.0.0+2_3".into(), ..about });
        assert_eq!(About::read("ci", ["theirs"]), About { instance: "ci".into(), ..About::default() });
    }

    #[test]
    fn only_a_whole_id_is_one() {
        assert!(SnapshotId::parse(&"0a".repeat(32)).is_some());
        for bad in ["", "latest", &"0A".repeat(32), &"0a".repeat(31), "--help"] {
            assert_eq!(SnapshotId::parse(bad), None);
        }
    }
}
