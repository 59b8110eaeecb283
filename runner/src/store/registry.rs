//! The store itself: one way to write, and what the other rooms ask.

use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Canonical, Generation, RecipeName, RunId};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions as _, Connection as _, Row as _, Transaction};

use super::address::{Database, sqlite_url};
use super::check::{Finding, examine};
use super::error::StoreError;
use super::fold::{Change, Took};
use super::migrate::migrate;
use super::records::{GenerationRecord, Hold, HoldKind, JournalEntry, RunRecord, SweepRecord};
use super::rows::{self, Filter, Moments};
use crate::kill;

/// Longest time for reaching a database: a server across a slow line, a TLS handshake included.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Longest time for one change or question: a registry is small, but its disk may be busy with images.
const WORK_LIMIT: Duration = Duration::from_secs(60);
/// Longest time for a check, which reads all there ever was.
const CHECK_LIMIT: Duration = Duration::from_secs(600);
/// Longest time to wait for another writer; below [`WORK_LIMIT`], so that the database itself says who was in the way.
/// Also the text of the pragma and of the settings below.
const WAIT: Duration = Duration::from_secs(20);
/// Writers take turns anyway; readers seldom meet.
const CONNECTIONS: u32 = 4;

/// A point inside of a change: for tests of what a kill leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The writers' lock is held.
    Begun,
    EventWritten,
    /// A row of a fold was written or removed; there may be several.
    RowWritten,
    /// The transaction is over.
    Committed,
}

/// The registry and all that Simmer remembers. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Store {
    database: Arc<Database>,
    pool: AnyPool,
    moments: Moments,
}

impl Store {
    /// Opens a database and brings its schema up to date. An SQLite file is made where there is none.
    pub async fn open(database: &Database) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        within(database, CONNECT_LIMIT + WORK_LIMIT, open(database)).await
    }

    /// Returns a store that tells between the statements of each change where it is: for tests of what a kill leaves.
    #[must_use]
    pub fn watched(self, watch: impl Fn(Moment) + Send + Sync + 'static) -> Self {
        Self { moments: Moments::told_to(Arc::new(watch)), ..self }
    }

    /// Says where it is, without a password.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Closes all connections, of all clones.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Notes how a run ended. The same again is harmless; another result for the same run is refused (law 7).
    pub async fn run_ended(&self, run: &RunRecord) -> Result<Took, StoreError> {
        self.take(Change::RunEnded { run: run.clone() }).await
    }

    /// Returns the newest green cold run of that commit: what allows its promotion (CC-101).
    pub async fn green_run(
        &self,
        recipe: &RecipeName,
        commit: &str,
    ) -> Result<Option<RunRecord>, StoreError> {
        let clause = "WHERE recipe = $1 AND commit_id = $2 AND is_green = 1 ORDER BY ended DESC, id";
        let runs = self.runs(Filter::by(clause, [recipe.as_str(), commit])).await?;
        Ok(runs.into_iter().find(RunRecord::is_cold))
    }

    /// Returns a recipe's runs, newest first.
    pub async fn runs_of(&self, recipe: &RecipeName, limit: u32) -> Result<Vec<RunRecord>, StoreError> {
        let clause = format!("WHERE recipe = $1 ORDER BY ended DESC, id LIMIT {limit}");
        self.runs(Filter::by(clause, [recipe.as_str()])).await
    }

    /// Returns the record of a recipe's canonical.
    pub async fn canonical(&self, recipe: &RecipeName) -> Result<Option<Canonical>, StoreError> {
        let filter = Filter::by("WHERE recipe = $1", [recipe.as_str()]);
        let read = self.ask(async |conn| rows::canonicals(conn, &filter).await).await?;
        Ok(read.into_values().next())
    }

    /// Returns the records of all canonicals, by recipe.
    pub async fn canonicals(&self) -> Result<Vec<Canonical>, StoreError> {
        let read = self.ask(async |conn| rows::canonicals(conn, &Filter::all()).await).await?;
        Ok(read.into_values().collect())
    }

    /// Returns one above every number ever promised to the recipe, also to generations that are gone.
    pub async fn next_generation(&self, recipe: &RecipeName) -> Result<Generation, StoreError> {
        let filter = Filter::by("WHERE recipe = $1", [recipe.as_str()]);
        let read = self.ask(async |conn| rows::numbers(conn, &filter).await).await?;
        Ok(Generation(read.get(recipe).map_or(1, |highest| highest.0 + 1)))
    }

    /// Writes down that a promotion is about to make a generation, and the names of its volumes (law 5). Refused for a
    /// number that was given away before.
    pub async fn promise(
        &self,
        recipe: &RecipeName,
        generation: Generation,
        run: &RunId,
        release: &str,
        volumes: &std::collections::BTreeMap<String, String>,
    ) -> Result<Took, StoreError> {
        self.take(Change::Promised {
            recipe: recipe.clone(),
            generation,
            run: run.clone(),
            release: release.to_owned(),
            at: Utc::now(),
            volumes: volumes.clone(),
        })
        .await
    }

    /// Returns a recipe's generations, oldest first: those that are retired are not among them.
    pub async fn generations(&self, recipe: &RecipeName) -> Result<Vec<GenerationRecord>, StoreError> {
        let filter = Filter::by("WHERE recipe = $1", [recipe.as_str()]);
        let read = self.ask(async |conn| rows::generations(conn, &filter).await).await?;
        Ok(read.into_values().collect())
    }

    /// Returns the generations of all recipes, by recipe and number.
    pub async fn all_generations(&self) -> Result<Vec<GenerationRecord>, StoreError> {
        let read = self.ask(async |conn| rows::generations(conn, &Filter::all()).await).await?;
        Ok(read.into_values().collect())
    }

    /// The commit point (law 4): the record, the generation's standing and the event in one transaction. Refused unless
    /// the generation is a candidate, promised by that very run for that release and with those volumes; the same record
    /// again is harmless (CC-120).
    pub async fn commit(&self, record: &Canonical) -> Result<Took, StoreError> {
        self.take(Change::Committed { record: record.clone() }).await
    }

    /// Notes that a candidate failed and that its volumes go. Refused for a committed generation.
    pub async fn dropped(&self, recipe: &RecipeName, generation: Generation) -> Result<Took, StoreError> {
        self.take(Change::Dropped { recipe: recipe.clone(), generation }).await
    }

    /// Notes that a generation which was committed is kept no longer, and that its volumes go: nobody goes back to it from
    /// here on, and what is left of it is garbage. Refused for the one that the record names, and for a candidate.
    pub async fn given_up(&self, recipe: &RecipeName, generation: Generation) -> Result<Took, StoreError> {
        self.take(Change::GivenUp { recipe: recipe.clone(), generation }).await
    }

    /// Notes that a generation's volumes are gone. Refused for the one that the record names, and for a candidate.
    pub async fn retired(&self, recipe: &RecipeName, generation: Generation) -> Result<Took, StoreError> {
        self.take(Change::Retired { recipe: recipe.clone(), generation }).await
    }

    /// Makes the record name a committed generation, as it was written when that was committed.
    pub async fn roll_back(
        &self,
        recipe: &RecipeName,
        to: Generation,
        at: DateTime<Utc>,
        by: &RunId,
    ) -> Result<Took, StoreError> {
        self.take(Change::RolledBack { recipe: recipe.clone(), to, at, by: by.clone() }).await
    }

    /// Forgets a recipe's canonical. All its generations become dropped: their volumes may go.
    pub async fn drop_canonical(&self, recipe: &RecipeName) -> Result<Took, StoreError> {
        self.take(Change::CanonicalDropped { recipe: recipe.clone() }).await
    }

    /// Notes which step of its work a run is about to take.
    pub async fn journal(&self, entry: &JournalEntry) -> Result<Took, StoreError> {
        kill::ended(&entry.run);
        let took = self.take(Change::Journaled { entry: entry.clone() }).await?;
        kill::begins(entry);
        Ok(took)
    }

    /// Notes that a run has nothing in flight any more.
    pub async fn journal_done(&self, run: &RunId) -> Result<Took, StoreError> {
        kill::ended(run);
        self.take(Change::JournalDone { run: run.clone() }).await
    }

    /// Returns all work in flight, or left by those who were killed.
    pub async fn journals(&self) -> Result<Vec<JournalEntry>, StoreError> {
        let read = self.ask(async |conn| rows::journal(conn, &Filter::all()).await).await?;
        Ok(read.into_values().collect())
    }

    /// Holds a recipe back, or changes reason and end of that hold.
    pub async fn hold(&self, hold: &Hold) -> Result<Took, StoreError> {
        self.take(Change::Held { hold: hold.clone() }).await
    }

    /// Lets go of a hold.
    pub async fn release_hold(
        &self,
        kind: HoldKind,
        recipe: &RecipeName,
        owner: &str,
    ) -> Result<Took, StoreError> {
        self.take(Change::HoldReleased { kind, recipe: recipe.clone(), owner: owner.to_owned() }).await
    }

    /// Returns all holds, also those whose time is over: who lets go of them is the caller's to say.
    pub async fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        let read = self.ask(async |conn| rows::holds(conn, &Filter::all()).await).await?;
        Ok(read.into_values().collect())
    }

    /// Notes how a sweep ended.
    pub async fn sweep_ended(&self, sweep: &SweepRecord) -> Result<Took, StoreError> {
        self.take(Change::SweepEnded { sweep: sweep.clone() }).await
    }

    /// Returns the sweep that ended last.
    pub async fn last_sweep(&self) -> Result<Option<SweepRecord>, StoreError> {
        let filter = Filter::by("ORDER BY ended DESC, id LIMIT 1", []);
        let read = self.ask(async |conn| rows::sweeps(conn, &filter).await).await?;
        Ok(read.into_iter().next())
    }

    /// Compares all with all: the database with itself, the folds with the events, the evidence in `runs` (a folder for
    /// each run) with what the store names. `is_alive` says of a run whether it is still going on.
    pub async fn check(
        &self,
        runs: &Path,
        is_alive: impl Fn(&RunId) -> bool,
    ) -> Result<Vec<Finding>, StoreError> {
        let begin = match &*self.database {
            Database::Sqlite(_) => "BEGIN",
            Database::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        within(&self.database, CHECK_LIMIT, async {
            // One view of all tables, whatever is written meanwhile.
            let mut tx = self.pool.begin_with(begin).await.map_err(|error| self.failed(&error))?;
            examine(&mut tx, &self.database, runs, &is_alive).await
        })
        .await
    }

    async fn runs(&self, filter: Filter) -> Result<Vec<RunRecord>, StoreError> {
        self.ask(async |conn| rows::runs(conn, &filter).await).await
    }

    fn failed(&self, error: &sqlx::Error) -> StoreError {
        StoreError::of(&self.database, error)
    }

    /// Asks one question.
    async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut AnyConnection) -> Result<T, rows::RowError>,
    ) -> Result<T, StoreError> {
        within(&self.database, WORK_LIMIT, async {
            let mut conn = self.pool.acquire().await.map_err(|error| self.failed(&error))?;
            question(&mut conn).await.map_err(|error| StoreError::of_row(&self.database, error))
        })
        .await
    }

    /// The one way to write: the rules decide, then the event and what it changed are written in one transaction.
    async fn take(&self, change: Change) -> Result<Took, StoreError> {
        within(&self.database, WORK_LIMIT, async {
            let failed = |error| StoreError::of_row(&self.database, error);
            let mut tx = self.begin().await.map_err(|error| self.failed(&error))?;
            self.moments.tell(Moment::Begun);
            let before = rows::what_concerns(&mut tx, &change).await.map_err(failed)?;
            let mut after = before.clone();
            match after.take(&change)? {
                Took::Same => return Ok(Took::Same),
                Took::Changed => {}
            }
            rows::append(&mut tx, Utc::now(), &change).await.map_err(failed)?;
            self.moments.tell(Moment::EventWritten);
            rows::write_difference(&mut tx, &before, &after, &self.moments).await.map_err(failed)?;
            tx.commit().await.map_err(|error| self.failed(&error))?;
            self.moments.tell(Moment::Committed);
            Ok(Took::Changed)
        })
        .await
    }

    /// Begins a transaction that holds the writers' lock from its first statement: nothing changes between what the rules
    /// see and what is written.
    async fn begin(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        match &*self.database {
            Database::Sqlite(_) => self.pool.begin_with("BEGIN IMMEDIATE").await,
            Database::Postgres(_) => {
                let mut tx = self.pool.begin().await?;
                sqlx::query("LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE").execute(&mut *tx).await?;
                Ok(tx)
            }
        }
    }
}

async fn within<T>(
    database: &Database,
    limit: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(StoreError::Slow { at: database.to_string(), seconds: limit.as_secs() }))
}

async fn open(database: &Database) -> Result<Store, StoreError> {
    let failed = |error: sqlx::Error| StoreError::of(database, &error);
    let url = match database {
        Database::Sqlite(path) => sqlite_url(
            &ready(path)
                .map_err(|error| StoreError::Unopened { at: database.to_string(), why: error.to_string() })?,
        ),
        Database::Postgres(address) => address.with_password().to_owned(),
    };
    let options = AnyConnectOptions::from_str(&url).map_err(failed)?.disable_statement_logging();
    // One connection by itself first: a pool tries again until its time is over, and then does not say why.
    let unanswered = |_| StoreError::Unreachable {
        at: database.to_string(),
        why: format!("no answer within {} seconds", CONNECT_LIMIT.as_secs()),
    };
    let mut first =
        tokio::time::timeout(CONNECT_LIMIT, options.connect()).await.map_err(unanswered)?.map_err(failed)?;
    settle(&mut first, database).await.map_err(failed)?;
    if let Database::Sqlite(_) = database {
        write_ahead(&mut first).await.map_err(failed)?;
    }
    migrate(&mut first, database).await?;
    first.close().await.map_err(failed)?;
    let database = Arc::new(database.clone());
    let of_pool = Arc::clone(&database);
    let pool = AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(CONNECT_LIMIT + WAIT)
        .after_connect(move |conn, _| {
            let database = Arc::clone(&of_pool);
            Box::pin(async move { settle(conn, &database).await })
        })
        .connect_lazy_with(options);
    Ok(Store { database, pool, moments: Moments::default() })
}

/// Returns the file's true path, with its folder made.
fn ready(path: &Path) -> std::io::Result<std::path::PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    std::fs::create_dir_all(folder)?;
    Ok(folder.canonicalize()?.join(name))
}

/// Sets what holds for each connection.
async fn settle(conn: &mut AnyConnection, database: &Database) -> Result<(), sqlx::Error> {
    let statements = match database {
        // FULL: a commit that was reported is on the disk, also after the power went.
        Database::Sqlite(_) => {
            "PRAGMA busy_timeout = 20000; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"
        }
        // A client that is gone without a word lets go of its locks.
        Database::Postgres(_) => {
            "SET lock_timeout = 20000; SET statement_timeout = 60000; \
             SET idle_in_transaction_session_timeout = 60000; SET synchronous_commit = on; \
             SET client_min_messages = warning"
        }
    };
    sqlx::raw_sql(statements).execute(conn).await?;
    Ok(())
}

/// Switches the file to a write-ahead log, once in its life. SQLite does not wait for others here, so we do.
async fn write_ahead(conn: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let started = tokio::time::Instant::now();
    loop {
        match sqlx::query("PRAGMA journal_mode = WAL").fetch_one(&mut *conn).await {
            Ok(row) => {
                let mode: String = row.try_get(0)?;
                if mode != "wal" {
                    tracing::warn!(mode, "the file system takes no write-ahead log");
                }
                return Ok(());
            }
            Err(sqlx::Error::Database(told))
                if told.code().as_deref() == Some("5") && started.elapsed() < WAIT =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(error),
        }
    }
}
