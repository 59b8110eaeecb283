//! From an older schema to ours: forward only, in one transaction, and never away from what a newer Simmer wrote.

use chrono::Utc;
use sha2::{Digest as _, Sha256};
use sqlx::{AnyConnection, Connection as _, Row as _};

use super::address::Database;
use super::error::StoreError;
use super::fold::State;
use super::rows::{self, Moments, RowError};

/// One step of the schema. A released one is never edited.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Counts from 1, without a gap.
    pub number: u32,
    pub name: &'static str,
    pub sql: &'static str,
    folds: Folds,
}

/// What becomes of the tables that are folds of the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Folds {
    Kept,
    /// They are emptied and folded from the events once more, by the rules of today.
    MadeAnew,
}

/// All migrations, in order.
pub const MIGRATIONS: [Migration; 2] = [
    Migration { number: 1, name: "base", sql: include_str!("migrations/0001_base.sql"), folds: Folds::Kept },
    Migration {
        number: 2,
        name: "going back",
        sql: include_str!("migrations/0002_going_back.sql"),
        folds: Folds::MadeAnew,
    },
];

/// The table that says what was applied. Older than all migrations, and the same for ever.
pub(super) const TABLE: &str = "CREATE TABLE IF NOT EXISTS migrations (\
    number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, at TEXT NOT NULL)";

impl Migration {
    /// Returns the SHA-256 of its text, in hexadecimal.
    pub fn checksum(&self) -> String {
        Sha256::digest(self.sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Brings a database up to date.
pub(super) async fn migrate(conn: &mut AnyConnection, at: &Database) -> Result<(), StoreError> {
    let failed = |error: sqlx::Error| StoreError::of(at, &error);
    let mut tx = match at {
        Database::Sqlite(_) => conn.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?,
        Database::Postgres(_) => {
            let mut tx = conn.begin().await.map_err(failed)?;
            // Two that open a new database at once: `IF NOT EXISTS` alone does not keep them apart. Any number will do
            // that is ours: "simmer", in ASCII.
            sqlx::query("SELECT 1 FROM (SELECT pg_advisory_xact_lock(126943922676082)) AS taken")
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            tx
        }
    };
    sqlx::query(TABLE).execute(&mut *tx).await.map_err(failed)?;
    let applied = sqlx::query("SELECT number, checksum FROM migrations ORDER BY number")
        .fetch_all(&mut *tx)
        .await
        .map_err(failed)?;
    let mut done = 0;
    for row in applied {
        let number: i64 = row.try_get("number").map_err(failed)?;
        let checksum: String = row.try_get("checksum").map_err(failed)?;
        let Some(known) = MIGRATIONS.iter().find(|one| i64::from(one.number) == number) else {
            let known = MIGRATIONS.last().map_or(0, |newest| newest.number);
            return Err(StoreError::Newer { at: at.to_string(), found: number, known });
        };
        if known.checksum() != checksum {
            return Err(StoreError::Altered { at: at.to_string(), number, name: known.name.to_owned() });
        }
        done = known.number;
    }
    let to_do: Vec<&Migration> = MIGRATIONS.iter().filter(|one| one.number > done).collect();
    for one in &to_do {
        sqlx::raw_sql(one.sql).execute(&mut *tx).await.map_err(failed)?;
        sqlx::query("INSERT INTO migrations (number, name, checksum, at) VALUES ($1, $2, $3, $4)")
            .bind(i64::from(one.number))
            .bind(one.name)
            .bind(one.checksum())
            .bind(rows::stamp(Utc::now()))
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
        tracing::debug!(number = one.number, name = one.name, "migration applied");
    }
    if to_do.iter().any(|one| one.folds == Folds::MadeAnew) {
        make_anew(&mut tx).await.map_err(|error| StoreError::of_row(at, error))?;
    }
    tx.commit().await.map_err(failed)
}

/// Empties the folds and writes what the events tell.
async fn make_anew(conn: &mut AnyConnection) -> Result<(), RowError> {
    let mut state = State::default();
    for (seq, change) in rows::events(conn).await? {
        state.take(&change).map_err(|refused| RowError::Unreadable {
            what: format!("event {seq}"),
            why: refused.to_string(),
        })?;
    }
    rows::clear(conn).await?;
    rows::write_difference(conn, &State::default(), &state, &Moments::default()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_gap_and_a_released_text_is_never_edited() {
        let told: Vec<_> = MIGRATIONS
            .iter()
            .map(|one| format!("{} {} {}", one.number, one.name, &one.checksum()[..16]))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        1 base 51aadb96b1644223
        2 going back d6558743ede6791a
        ");
        assert!(MIGRATIONS.iter().zip(1..).all(|(one, number)| one.number == number));
    }
}
