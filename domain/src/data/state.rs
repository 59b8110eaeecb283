//! What a failed upgrade did to the data (CC-081).

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use regex::bytes::Regex;

use super::DataState;
use crate::signature::pattern;

/// What a run knows of the data around a failure. Everything may be unknown; then the answer is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataFacts {
    pub target: Ran,
    /// Every kept volume of the stack. Empty where none could be looked at, or there is none.
    pub volumes: Vec<VolumeFacts>,
    /// What the target's logs say, see [`migration_in`].
    pub migration: Migration,
}

/// Whether a process of the target release ever ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ran {
    /// None of its tasks got as far as a process: no image, refused by the node, never placed.
    Never,
    /// The first of them started then.
    Since(DateTime<Utc>),
    #[default]
    Unknown,
}

/// One kept volume before the upgrade and after the failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeFacts {
    /// The volume's name in the recipe.
    pub name: String,
    /// Taken right before the target was applied.
    pub before: Option<Print>,
    /// Taken after the failure, before anything is cleared.
    pub after: Option<Print>,
    /// When the last process that is not of the target and mounts it ended; `None` where one still runs (a service
    /// that the upgrade did not change, or one that was rolled back) or where nobody knows.
    pub others_gone: Option<DateTime<Utc>>,
}

/// A cheap print of a volume's files: equal prints are equal volumes, as far as a listing can tell.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Print {
    pub files: u64,
    pub bytes: u64,
    /// The newest time of modification of a file or folder; `None` in an empty volume.
    pub newest: Option<DateTime<Utc>>,
}

/// What log lines tell of a migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Migration {
    #[default]
    Untold,
    Began,
}

/// Decides what is known of the data after a failure. It understates: what two facts contradict is unknown.
///
/// A witness or a seeded datum that is still there says nothing here: a migration keeps data and changes their form.
pub fn data_state(facts: &DataFacts) -> DataState {
    let seen = Seen::of(facts);
    match (facts.target, facts.migration, seen) {
        // Nothing of the new release was there to touch anything, whatever the old one still wrote.
        (Ran::Never, Migration::Untold, _) => DataState::Untouched,
        // It says that it migrated and no process of it ran, or no file changed: one of both is wrong.
        (Ran::Never, Migration::Began, _) | (Ran::Since(_) | Ran::Unknown, Migration::Began, Seen::Same) => {
            DataState::Unknown
        }
        (Ran::Since(_) | Ran::Unknown, Migration::Untold, Seen::Same) => DataState::Untouched,
        (_, Migration::Began, Seen::ByTarget | Seen::Changed | Seen::Nothing) => DataState::Migrated,
        (_, Migration::Untold, Seen::ByTarget) => DataState::Migrated,
        // A database writes on its own, and a process that stops writes as well: a change alone names nobody.
        (Ran::Since(_) | Ran::Unknown, Migration::Untold, Seen::Changed | Seen::Nothing) => {
            DataState::Unknown
        }
    }
}

/// What the volumes show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// Every volume was looked at twice and is the same.
    Same,
    /// One was written when only the target could have done it.
    ByTarget,
    /// One is another, and somebody else may have done it.
    Changed,
    /// They were not, or not all, looked at.
    Nothing,
}

impl Seen {
    fn of(facts: &DataFacts) -> Self {
        let mut seen = if facts.volumes.is_empty() { Self::Nothing } else { Self::Same };
        for volume in &facts.volumes {
            let (Some(before), Some(after)) = (&volume.before, &volume.after) else {
                seen = if seen == Self::Changed { seen } else { Self::Nothing };
                continue;
            };
            if before == after {
                continue;
            }
            let alone = match (facts.target, volume.others_gone, after.newest) {
                (Ran::Since(start), Some(gone), Some(newest)) => newest > gone && newest >= start,
                (Ran::Since(_) | Ran::Never | Ran::Unknown, _, _) => false,
            };
            if alone {
                return Self::ByTarget;
            }
            seen = Self::Changed;
        }
        seen
    }
}

/// Reads from the target's log whether it began to migrate its data. "Nothing to migrate" is no migration.
pub fn migration_in<'a>(lines: impl IntoIterator<Item = &'a str>) -> Migration {
    static BEGAN: LazyLock<Regex> = LazyLock::new(|| {
        let words = concat!(
            r"(?i)\b(?:running|applying|executing|performing|starting) (?:\w+ ){0,3}?(?:migrations?|schema (?:update|upgrade))\b",
            r"|\bmigrat(?:ing|ed)\b.{0,60}\b(?:database|schema|table|version|config|from|to|data)\b",
            r"|\b(?:upgrad|updat|convert)ing (?:the )?(?:\w+ )?(?:database|schema|tables?|data ?base|data directory)\b",
            r"|\balembic\S* Running upgrade|\bRunning upgrade \w* ?->|^\s*Applying \S+\.{3}|==\s+[\w ]+: migrating",
            r"|\bMigration (?:from )?(?:version )?v?\d\S* (?:to|->)|Upgrading from \S+ to \S+|Upgrading database|Archiving a copy of old config file format",
        );
        pattern(words)
    });
    static NONE: LazyLock<Regex> = LazyLock::new(|| {
        let words = r"(?i)\b(?:no|nothing|without|0|skip\w*|not|already|before|waiting|would|dry.run)\b.{0,40}\b(?:migrat|upgrad|updat)|\bmigrat\w*\b.{0,30}\b(?:skipped|not (?:needed|necessary|required)|disabled)|up.to.date";
        pattern(words)
    });
    let mut lines = lines.into_iter();
    if lines.any(|line| BEGAN.is_match(line.as_bytes()) && !NONE.is_match(line.as_bytes())) {
        Migration::Began
    } else {
        Migration::Untold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn print(files: u64, newest: i64) -> Option<Print> {
        Some(Print { files, bytes: 10 * files, newest: Some(at(newest)) })
    }

    fn volume(before: Option<Print>, after: Option<Print>, others_gone: Option<i64>) -> VolumeFacts {
        VolumeFacts { name: "data".into(), before, after, others_gone: others_gone.map(at) }
    }

    fn state(target: Ran, volumes: Vec<VolumeFacts>, migration: Migration) -> DataState {
        data_state(&DataFacts { target, volumes, migration })
    }

    #[test]
    fn cc_081_a_crash_before_any_write_leaves_the_volume_intact() {
        let same = vec![volume(print(3, 50), print(3, 50), Some(90))];
        assert_eq!(state(Ran::Since(at(100)), same, Migration::Untold), DataState::Untouched);
    }

    #[test]
    fn cc_081_a_target_that_never_ran_touched_nothing_though_the_old_release_went_on_writing() {
        let busy = vec![volume(print(3, 50), print(4, 120), None)];
        assert_eq!(state(Ran::Never, busy, Migration::Untold), DataState::Untouched);
        assert_eq!(state(Ran::Never, vec![], Migration::Untold), DataState::Untouched);
    }

    #[test]
    fn cc_081_what_only_the_target_can_have_written_was_migrated() {
        let changed = vec![volume(print(3, 50), print(4, 120), Some(90))];
        assert_eq!(state(Ran::Since(at(100)), changed, Migration::Untold), DataState::Migrated);
    }

    #[test]
    fn a_database_that_writes_on_its_own_is_no_proof_of_anything() {
        let changed = vec![volume(print(3, 50), print(4, 120), None)];
        assert_eq!(state(Ran::Since(at(100)), changed.clone(), Migration::Untold), DataState::Unknown);
        assert_eq!(state(Ran::Since(at(100)), changed, Migration::Began), DataState::Migrated);
        // The old process wrote its last while it stopped.
        let stopped = vec![volume(print(3, 50), print(4, 90), Some(90))];
        assert_eq!(state(Ran::Since(at(100)), stopped, Migration::Untold), DataState::Unknown);
    }

    #[test]
    fn a_volume_that_nobody_looked_at_twice_is_never_called_untouched() {
        let half = vec![volume(print(3, 50), print(3, 50), Some(90)), volume(print(3, 50), None, Some(90))];
        assert_eq!(state(Ran::Since(at(100)), half, Migration::Untold), DataState::Unknown);
        assert_eq!(state(Ran::Since(at(100)), vec![], Migration::Untold), DataState::Unknown);
        assert_eq!(data_state(&DataFacts::default()), DataState::Unknown);
    }

    #[test]
    fn facts_that_contradict_each_other_decide_nothing() {
        let same = vec![volume(print(3, 50), print(3, 50), Some(90))];
        assert_eq!(state(Ran::Since(at(100)), same.clone(), Migration::Began), DataState::Unknown);
        assert_eq!(state(Ran::Never, same, Migration::Began), DataState::Unknown);
    }

    #[test]
    fn programs_of_many_languages_say_when_they_migrate() {
        for line in [
            "INFO  [alembic.runtime.migration] Running upgrade 1a2b3c -> 4d5e6f, add users",
            "  Applying auth.0001_initial... OK",
            "== 20240101000000 AddThings: migrating ====================================",
            "2024-05-01 10:00:00 Running migrations...",
            "Migration from version 12 to 13",
            "Migrating database schema from 9 to 10",
            "[PDS] performing database migrations",
            "Upgrading database; v2 -> v3",
            "Config file format changed. Archiving a copy of old config file format at: /config/config.xml.v36",
            "Upgrading nextcloud from 27.0.0.8 ...\nUpgrading from 27.0.0 to 28.0.0",
        ] {
            assert_eq!(migration_in([line]), Migration::Began, "{line}");
        }
    }

    #[test]
    fn nothing_to_migrate_is_no_migration() {
        for line in [
            "No migrations to apply.",
            "Database schema is up to date, no migration necessary",
            "Current version of schema is 12: nothing to migrate to",
            "skipping running migrations (RUN_MIGRATIONS=false)",
            "Schema \"public\" is up to date. No migration necessary.",
            "registered migration handler",
            "listening on :8080",
        ] {
            assert_eq!(migration_in([line]), Migration::Untold, "{line}");
        }
    }
}
