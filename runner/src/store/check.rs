//! `simmer db check`: what is in the store that should not be so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;

use domain::RunId;
use domain::event::Severity;
use sqlx::{AnyConnection, Row as _};

use super::address::Database;
use super::error::StoreError;
use super::fold::State;
use super::rows::{self, RowError};

/// Kinds of trouble in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// The database finds fault with itself.
    Damaged,
    /// Numbers of events have a gap: some are lost.
    EventsLost,
    /// A row or an event that is not in our words.
    Unreadable,
    /// An event that the rules would not have taken.
    EventOutOfTurn,
    /// A row that is not what the events tell.
    FoldDiffers,
    /// A folder of evidence that nothing in the store names: of a run that was killed, or older than the store.
    EvidenceUnnamed,
    /// A run whose folder of evidence is gone.
    EvidenceGone,
}

impl Wrong {
    /// Says how bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Damaged
            | Self::EventsLost
            | Self::Unreadable
            | Self::EventOutOfTurn
            | Self::FoldDiffers => Severity::Error,
            Self::EvidenceUnnamed | Self::EvidenceGone => Severity::Warning,
        }
    }

    /// Says what to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Damaged => "move the database away and bring back a copy",
            Self::EventsLost => {
                "bring back a copy; without one, compare `simmer canonical list` with the swarm"
            }
            Self::Unreadable => "use the Simmer that wrote it, or a newer one",
            Self::EventOutOfTurn => "report it: only a bug of ours or a hand in the tables does this",
            Self::FoldDiffers => "report it: the events hold, the row does not",
            Self::EvidenceUnnamed => "read it if you want to know how the run ended, then remove the folder",
            Self::EvidenceGone => "nothing is lost but the story of that run",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    pub wrong: Wrong,
    pub severity: Severity,
    /// What it is about, such as `the canonical of "gitea"`.
    pub what: String,
    pub says: String,
    pub remedy: &'static str,
}

impl Finding {
    fn new(wrong: Wrong, what: impl Into<String>, says: impl Into<String>) -> Self {
        Self {
            wrong,
            severity: wrong.severity(),
            what: what.into(),
            says: says.into(),
            remedy: wrong.remedy(),
        }
    }
}

/// Looks at everything, in one transaction.
pub(super) async fn examine(
    conn: &mut AnyConnection,
    database: &Database,
    runs: &Path,
    is_alive: &impl Fn(&RunId) -> bool,
) -> Result<Vec<Finding>, StoreError> {
    let mut found = Vec::new();
    if let Database::Sqlite(_) = database {
        let failed = |error: sqlx::Error| StoreError::of(database, &error);
        for row in sqlx::query("PRAGMA integrity_check").fetch_all(&mut *conn).await.map_err(failed)? {
            let says: String = row.try_get(0).map_err(failed)?;
            if says != "ok" {
                found.push(Finding::new(Wrong::Damaged, "the file", says));
            }
        }
    }
    let mut readable = |error| match error {
        RowError::Unreadable { what, why } => {
            found.push(Finding::new(Wrong::Unreadable, what, why));
            Ok(())
        }
        error @ RowError::Sql(_) => Err(StoreError::of_row(database, error)),
    };
    let events = match rows::events(conn).await {
        Ok(events) => Some(events),
        Err(error) => readable(error).map(|()| None)?,
    };
    let tables = match rows::everything(conn).await {
        Ok(tables) => Some(tables),
        Err(error) => readable(error).map(|()| None)?,
    };
    let mut told = None;
    if let Some(events) = events {
        let mut state = State::default();
        let mut expected = 1;
        for (seq, change) in events {
            if seq != expected {
                let says = format!("event {expected} is missing, the next one is {seq}");
                found.push(Finding::new(Wrong::EventsLost, "the events", says));
            }
            expected = seq + 1;
            if let Err(refused) = state.take(&change) {
                let what = format!("event {seq} ({})", change.kind());
                found.push(Finding::new(Wrong::EventOutOfTurn, what, refused.to_string()));
            }
        }
        told = Some(state);
    }
    if let (Some(told), Some(tables)) = (&told, &tables) {
        found.extend(differences(told, tables));
    }
    if let Some(state) = tables.or(told) {
        found.extend(evidence(&state, runs, is_alive));
    }
    Ok(found)
}

/// Compares what the events tell with what the tables say.
fn differences(told: &State, tables: &State) -> Vec<Finding> {
    // Destructured, so that a new fold cannot be forgotten here.
    let State { canonicals, generations, numbers, runs, journal, holds, sweeps } = told;
    let mut found = Vec::new();
    compare("canonicals", canonicals, &tables.canonicals, &mut found);
    compare("generations", generations, &tables.generations, &mut found);
    compare("numbers", numbers, &tables.numbers, &mut found);
    compare("runs", runs, &tables.runs, &mut found);
    compare("journal", journal, &tables.journal, &mut found);
    compare("holds", holds, &tables.holds, &mut found);
    compare("sweeps", sweeps, &tables.sweeps, &mut found);
    found
}

fn compare<K: Ord + Debug, V: PartialEq>(
    table: &str,
    told: &BTreeMap<K, V>,
    rows: &BTreeMap<K, V>,
    found: &mut Vec<Finding>,
) {
    let keys: BTreeSet<&K> = told.keys().chain(rows.keys()).collect();
    for key in keys {
        let says = match (told.get(key), rows.get(key)) {
            (Some(told), Some(row)) if told == row => continue,
            (Some(_), Some(_)) => "the row is not what the events tell",
            (Some(_), None) => "the events tell of it, and there is no row",
            (None, _) => "there is a row, and no event tells of it",
        };
        found.push(Finding::new(Wrong::FoldDiffers, format!("{table} {key:?}"), says));
    }
}

/// Compares the folders of evidence with what the store names.
fn evidence(state: &State, runs: &Path, is_alive: &impl Fn(&RunId) -> bool) -> Vec<Finding> {
    let folders: BTreeSet<RunId> = std::fs::read_dir(runs)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| RunId::parse(&entry.file_name().to_string_lossy()).ok())
        .collect();
    let mut named: BTreeSet<&RunId> = state.runs.keys().chain(state.journal.keys()).collect();
    named.extend(state.sweeps.keys());
    named.extend(state.generations.values().map(|generation| &generation.run));
    named.extend(state.canonicals.values().flat_map(|record| [&record.run, &record.cold]));
    let mut found = Vec::new();
    for run in folders.iter().filter(|run| !named.contains(run) && !is_alive(run)) {
        let says = format!("nothing in the store names `{}`", runs.join(run.as_str()).display());
        found.push(Finding::new(Wrong::EvidenceUnnamed, format!("run {run}"), says));
    }
    for run in state.runs.values().filter(|run| !folders.contains(&run.id)) {
        let says = format!("`{}` is gone", runs.join(run.id.as_str()).display());
        found.push(Finding::new(Wrong::EvidenceGone, format!("run {} of `{}`", run.id, run.recipe), says));
    }
    found
}
