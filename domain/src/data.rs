//! What happens to an app's data in a run: planted, backed up, destroyed, brought back; and the words for it.

mod state;

use std::collections::BTreeMap;
use std::fmt;

pub use state::{DataFacts, Migration, Print, Ran, VolumeFacts, data_state, migration_in};

/// Who brought a test or a datum (CC-034).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The floor that every recipe stands on; it always runs.
    Generic,
    Overlay,
    /// The recipe's own `tests/` folder.
    Recipe,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Generic => "generic",
            Self::Overlay => "overlay",
            Self::Recipe => "recipe",
        })
    }
}

/// When a hook of the recipe's labels runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookMoment {
    BeforeBackup,
    AfterBackup,
    BeforeRestore,
    AfterRestore,
}

impl HookMoment {
    /// Returns the label that holds such a hook.
    pub fn label(self) -> &'static str {
        match self {
            Self::BeforeBackup => "backupbot.backup.pre-hook",
            Self::AfterBackup => "backupbot.backup.post-hook",
            Self::BeforeRestore => "backupbot.restore.pre-hook",
            Self::AfterRestore => "backupbot.restore.post-hook",
        }
    }
}

impl fmt::Display for HookMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BeforeBackup => "backup pre",
            Self::AfterBackup => "backup post",
            Self::BeforeRestore => "restore pre",
            Self::AfterRestore => "restore post",
        })
    }
}

/// What should have become, after a restore, of data that was made after the backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterBackup {
    Gone,
    Kept,
}

impl fmt::Display for AfterBackup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gone => "gone",
            Self::Kept => "there",
        })
    }
}

/// What was done with a datum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    Seeded,
    /// Read back and found equal, or not.
    Checked,
    Destroyed,
}

/// One datum at one moment of a run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Datum {
    pub name: String,
    pub source: Source,
    pub deed: Deed,
    /// The stage in which it happened, such as `upgrade` or `restore`.
    pub stage: String,
    pub ok: bool,
    pub says: String,
    pub millis: u64,
}

/// A hook of the recipe that ran in a container (CC-031).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HookRun {
    pub service: String,
    pub moment: HookMoment,
    pub command: String,
    pub exit_code: Option<i64>,
    pub millis: u64,
    /// How often it was tried: more than once where it met a container that was being replaced.
    pub tries: u32,
    /// Its output, in the run's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// A snapshot in a repository of the restic format, made or put back (CC-032).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Snapshot {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Folder or address of the repository.
    pub repository: String,
    /// What it holds, as `<volume>` or `<volume>/<path>`.
    pub paths: Vec<String>,
    pub files: u64,
    pub bytes: u64,
    /// Bytes that the repository had not held before; 0 for a restore.
    pub added: u64,
    pub millis: u64,
}

/// What is known of the data after a failure (CC-081).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataState {
    /// Nothing of the new release touched it.
    Untouched,
    /// The new release wrote to it.
    Migrated,
    Unknown,
}

impl fmt::Display for DataState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Untouched => "untouched",
            Self::Migrated => "migrated",
            Self::Unknown => "unknown",
        })
    }
}

/// Named counts of an app's data: rows, users, files.
pub type Counts = BTreeMap<String, i64>;
