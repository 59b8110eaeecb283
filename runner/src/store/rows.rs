//! The tables: rows to what the rules know, and what they changed back to rows. No rule is written here.

mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use domain::canonical::{Fingerprint, Standing};
use domain::{Canonical, Generation, RecipeName, RunId};
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

pub(super) use write::{append, clear, write_difference};

use super::fold::{Change, State};
use super::records::{GenerationRecord, Hold, HoldKind, JournalEntry, RunRecord, SweepRecord, Work};
use super::registry::Moment;

/// Why rows could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowError {
    #[error("the statement failed")]
    Sql(#[from] sqlx::Error),
    #[error("{what} cannot be read: {why}")]
    Unreadable { what: String, why: String },
}

/// Who is told between the statements of a transaction.
#[derive(Clone, Default)]
pub(super) struct Moments(Option<Arc<dyn Fn(Moment) + Send + Sync>>);

impl Moments {
    pub(super) fn told_to(watch: Arc<dyn Fn(Moment) + Send + Sync>) -> Self {
        Self(Some(watch))
    }

    pub(super) fn tell(&self, moment: Moment) {
        crate::kill::wrote(moment);
        if let Some(watch) = &self.0 {
            watch(moment);
        }
    }
}

impl std::fmt::Debug for Moments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Moments(watched)" } else { "Moments" })
    }
}

/// Which rows are meant: the end of a statement, and its values.
#[derive(Debug, Default)]
pub(super) struct Filter {
    clause: String,
    values: Vec<String>,
}

impl Filter {
    pub(super) fn all() -> Self {
        Self::default()
    }

    /// Takes a clause of our own words; what comes from outside goes into the values.
    pub(super) fn by<const N: usize>(clause: impl Into<String>, values: [&str; N]) -> Self {
        Self { clause: clause.into(), values: values.map(str::to_owned).to_vec() }
    }
}

/// Returns a time as it stands in a column: text that sorts, and loses nothing.
pub(super) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

async fn select(
    conn: &mut AnyConnection,
    columns_of: &'static str,
    filter: &Filter,
) -> Result<Vec<AnyRow>, RowError> {
    let statement = format!("{columns_of} {}", filter.clause);
    let query = filter
        .values
        .iter()
        .fold(sqlx::query(AssertSqlSafe(statement)), |query, value| query.bind(value.clone()));
    Ok(query.fetch_all(conn).await?)
}

/// One row while it is read, with the name by which its trouble is told.
struct Reader<'a> {
    row: &'a AnyRow,
    what: String,
}

impl<'a> Reader<'a> {
    fn new(row: &'a AnyRow, what: impl Into<String>) -> Self {
        Self { row, what: what.into() }
    }

    fn bad(&self, column: &str, why: impl std::fmt::Display) -> RowError {
        RowError::Unreadable { what: self.what.clone(), why: format!("`{column}`: {why}") }
    }

    fn text(&self, column: &str) -> Result<String, RowError> {
        self.row.try_get(column).map_err(|error| self.bad(column, error))
    }

    fn maybe_text(&self, column: &str) -> Result<Option<String>, RowError> {
        self.row.try_get(column).map_err(|error| self.bad(column, error))
    }

    fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T, RowError> {
        let number: i64 = self.row.try_get(column).map_err(|error| self.bad(column, error))?;
        T::try_from(number).map_err(|_| self.bad(column, format!("{number} is out of range")))
    }

    fn time(&self, column: &str) -> Result<DateTime<Utc>, RowError> {
        self.text(column)?.parse().map_err(|error| self.bad(column, error))
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, RowError> {
        serde_json::from_str(&self.text(column)?).map_err(|error| self.bad(column, error))
    }

    fn maybe_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, RowError> {
        let text = self.maybe_text(column)?;
        text.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| self.bad(column, error))
    }

    /// Reads a word of an enum that is stored as serde spells it.
    fn word<T: DeserializeOwned>(&self, column: &str) -> Result<T, RowError> {
        serde_json::from_value(self.text(column)?.into()).map_err(|error| self.bad(column, error))
    }

    fn recipe(&self, column: &str) -> Result<RecipeName, RowError> {
        RecipeName::parse(&self.text(column)?).map_err(|error| self.bad(column, error))
    }

    fn run(&self, column: &str) -> Result<RunId, RowError> {
        RunId::parse(&self.text(column)?).map_err(|error| self.bad(column, error))
    }
}

pub(super) async fn events(conn: &mut AnyConnection) -> Result<Vec<(i64, Change)>, RowError> {
    let rows = select(conn, "SELECT seq, body FROM events ORDER BY seq", &Filter::all()).await?;
    rows.iter()
        .map(|row| {
            let seq: i64 = row.try_get("seq")?;
            Ok((seq, Reader::new(row, format!("event {seq}")).json("body")?))
        })
        .collect()
}

pub(super) async fn canonicals(
    conn: &mut AnyConnection,
    filter: &Filter,
) -> Result<BTreeMap<RecipeName, Canonical>, RowError> {
    let columns = "SELECT recipe, tag, commit_id, generation, run, at, record FROM canonicals";
    let mut all = BTreeMap::new();
    for row in select(conn, columns, filter).await? {
        let name: String = row.try_get("recipe")?;
        let read = Reader::new(&row, format!("the canonical of `{name}`"));
        let record: Canonical = read.json("record")?;
        let same = record.recipe == read.recipe("recipe")?
            && record.release == read.text("tag")?
            && record.commit == read.text("commit_id")?
            && record.generation.0 == read.number::<u32>("generation")?
            && record.run == read.run("run")?
            && record.at == read.time("at")?;
        if !same {
            return Err(read.bad("record", "it is not what the other columns say"));
        }
        all.insert(record.recipe.clone(), record);
    }
    Ok(all)
}

pub(super) async fn generations(
    conn: &mut AnyConnection,
    filter: &Filter,
) -> Result<BTreeMap<(RecipeName, Generation), GenerationRecord>, RowError> {
    let columns = "SELECT recipe, number, standing, run, tag, made_at, volumes, fingerprint, bytes, record \
                   FROM generations";
    let mut all = BTreeMap::new();
    for row in select(conn, columns, filter).await? {
        let (name, number): (String, i64) = (row.try_get("recipe")?, row.try_get("number")?);
        let read = Reader::new(&row, format!("g{number} of `{name}`"));
        let generation = GenerationRecord {
            recipe: read.recipe("recipe")?,
            number: Generation(read.number("number")?),
            standing: read.word::<Standing>("standing")?,
            run: read.run("run")?,
            release: read.text("tag")?,
            made_at: read.time("made_at")?,
            volumes: read.json("volumes")?,
            record: read.maybe_json("record")?,
        };
        let fingerprint: Option<Fingerprint> = read.maybe_json("fingerprint")?;
        if fingerprint.as_ref() != generation.fingerprint()
            || read.number::<i64>("bytes")? != bytes(&generation)
        {
            return Err(read.bad("record", "it is not what `fingerprint` and `bytes` say"));
        }
        all.insert((generation.recipe.clone(), generation.number), generation);
    }
    Ok(all)
}

fn bytes(generation: &GenerationRecord) -> i64 {
    i64::try_from(generation.bytes()).unwrap_or(i64::MAX)
}

pub(super) async fn numbers(
    conn: &mut AnyConnection,
    filter: &Filter,
) -> Result<BTreeMap<RecipeName, Generation>, RowError> {
    let mut all = BTreeMap::new();
    for row in select(conn, "SELECT recipe, highest FROM numbers", filter).await? {
        let name: String = row.try_get("recipe")?;
        let read = Reader::new(&row, format!("the highest number of `{name}`"));
        all.insert(read.recipe("recipe")?, Generation(read.number("highest")?));
    }
    Ok(all)
}

/// Returns runs in the order that the filter asks for.
pub(super) async fn runs(conn: &mut AnyConnection, filter: &Filter) -> Result<Vec<RunRecord>, RowError> {
    let columns = "SELECT id, recipe, tag, commit_id, context, started, ended, level, verdicts, digests, \
                   harness, is_green FROM runs";
    let mut all = Vec::new();
    for row in select(conn, columns, filter).await? {
        let id: String = row.try_get("id")?;
        let read = Reader::new(&row, format!("run {id}"));
        all.push(RunRecord {
            id: read.run("id")?,
            recipe: read.recipe("recipe")?,
            release: read.text("tag")?,
            commit: read.text("commit_id")?,
            context: read.word("context")?,
            started: read.time("started")?,
            ended: read.time("ended")?,
            level: read.number("level")?,
            verdicts: read.json("verdicts")?,
            digests: read.json("digests")?,
            harness: read.text("harness")?,
            is_green: read.number::<i64>("is_green")? != 0,
        });
    }
    Ok(all)
}

pub(super) async fn journal(
    conn: &mut AnyConnection,
    filter: &Filter,
) -> Result<BTreeMap<RunId, JournalEntry>, RowError> {
    let mut all = BTreeMap::new();
    for row in select(conn, "SELECT run, recipe, kind, step, since FROM journal", filter).await? {
        let id: String = row.try_get("run")?;
        let read = Reader::new(&row, format!("the journal of run {id}"));
        let recipe = read.maybe_text("recipe")?.map(|_| read.recipe("recipe")).transpose()?;
        let entry = JournalEntry {
            recipe,
            run: read.run("run")?,
            kind: read.word::<Work>("kind")?,
            step: read.text("step")?,
            since: read.time("since")?,
        };
        all.insert(entry.run.clone(), entry);
    }
    Ok(all)
}

pub(super) async fn holds(
    conn: &mut AnyConnection,
    filter: &Filter,
) -> Result<BTreeMap<(HoldKind, RecipeName, String), Hold>, RowError> {
    let mut all = BTreeMap::new();
    for row in select(conn, "SELECT kind, recipe, owner, reason, until FROM holds", filter).await? {
        let name: String = row.try_get("recipe")?;
        let read = Reader::new(&row, format!("a hold of `{name}`"));
        let hold = Hold {
            kind: read.word("kind")?,
            recipe: read.recipe("recipe")?,
            owner: read.text("owner")?,
            reason: read.text("reason")?,
            until: read.maybe_text("until")?.map(|_| read.time("until")).transpose()?,
        };
        all.insert((hold.kind, hold.recipe.clone(), hold.owner.clone()), hold);
    }
    Ok(all)
}

/// Returns sweeps in the order that the filter asks for.
pub(super) async fn sweeps(conn: &mut AnyConnection, filter: &Filter) -> Result<Vec<SweepRecord>, RowError> {
    let mut all = Vec::new();
    for row in select(conn, "SELECT id, began, ended, rows FROM sweeps", filter).await? {
        let id: String = row.try_get("id")?;
        let read = Reader::new(&row, format!("sweep {id}"));
        all.push(SweepRecord {
            id: read.run("id")?,
            began: read.time("began")?,
            ended: read.time("ended")?,
            rows: read.json("rows")?,
        });
    }
    Ok(all)
}

/// Returns all that the tables say.
pub(super) async fn everything(conn: &mut AnyConnection) -> Result<State, RowError> {
    let all = Filter::all();
    Ok(State {
        canonicals: canonicals(conn, &all).await?,
        generations: generations(conn, &all).await?,
        numbers: numbers(conn, &all).await?,
        runs: runs(conn, &all).await?.into_iter().map(|run| (run.id.clone(), run)).collect(),
        journal: journal(conn, &all).await?,
        holds: holds(conn, &all).await?,
        sweeps: sweeps(conn, &all).await?.into_iter().map(|sweep| (sweep.id.clone(), sweep)).collect(),
    })
}

/// Returns the part of the state that a change looks at: the rules see no more of it, and need no more.
pub(super) async fn what_concerns(conn: &mut AnyConnection, change: &Change) -> Result<State, RowError> {
    let mut state = State::default();
    match change {
        Change::RunEnded { run } => {
            let filter = Filter::by("WHERE id = $1", [run.id.as_str()]);
            state.runs = runs(conn, &filter).await?.into_iter().map(|run| (run.id.clone(), run)).collect();
        }
        Change::Promised { recipe, .. }
        | Change::Committed { record: Canonical { recipe, .. } }
        | Change::Dropped { recipe, .. }
        | Change::GivenUp { recipe, .. }
        | Change::Retired { recipe, .. }
        | Change::RolledBack { recipe, .. }
        | Change::CanonicalDropped { recipe } => {
            let filter = Filter::by("WHERE recipe = $1", [recipe.as_str()]);
            state.canonicals = canonicals(conn, &filter).await?;
            state.generations = generations(conn, &filter).await?;
            state.numbers = numbers(conn, &filter).await?;
        }
        Change::Journaled { entry: JournalEntry { run, .. } } | Change::JournalDone { run } => {
            state.journal = journal(conn, &Filter::by("WHERE run = $1", [run.as_str()])).await?;
        }
        Change::Held { hold: Hold { kind, recipe, owner, .. } }
        | Change::HoldReleased { kind, recipe, owner } => {
            let clause = "WHERE kind = $1 AND recipe = $2 AND owner = $3";
            state.holds = holds(conn, &Filter::by(clause, [kind.name(), recipe.as_str(), owner])).await?;
        }
        Change::SweepEnded { sweep } => {
            let filter = Filter::by("WHERE id = $1", [sweep.id.as_str()]);
            state.sweeps = sweeps(conn, &filter).await?.into_iter().map(|s| (s.id.clone(), s)).collect();
        }
    }
    Ok(state)
}
