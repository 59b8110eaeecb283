//! Events and what they changed, written to the tables.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Canonical, Generation, RecipeName};
use serde::Serialize;
use sqlx::AnyConnection;

use super::{Moments, RowError, bytes, stamp};
use crate::store::fold::{Change, State};
use crate::store::records::{GenerationRecord, Hold, JournalEntry, RunRecord, SweepRecord};
use crate::store::registry::Moment;

/// Adds an event. The caller holds the writers' lock, so that numbers have no gap.
pub(in crate::store) async fn append(
    conn: &mut AnyConnection,
    at: DateTime<Utc>,
    change: &Change,
) -> Result<(), RowError> {
    sqlx::query(
        "INSERT INTO events (seq, at, recipe, run, kind, body) \
         SELECT COALESCE(MAX(seq), 0) + 1, $1, $2, $3, $4, $5 FROM events",
    )
    .bind(stamp(at))
    .bind(change.recipe().map(|recipe| recipe.as_str().to_owned()))
    .bind(change.run().map(|run| run.as_str().to_owned()))
    .bind(change.kind())
    .bind(json(change))
    .execute(conn)
    .await?;
    Ok(())
}

/// Empties the folds. The events stay.
pub(in crate::store) async fn clear(conn: &mut AnyConnection) -> Result<(), RowError> {
    for statement in [
        "DELETE FROM canonicals",
        "DELETE FROM generations",
        "DELETE FROM numbers",
        "DELETE FROM runs",
        "DELETE FROM journal",
        "DELETE FROM holds",
        "DELETE FROM sweeps",
    ] {
        sqlx::query(statement).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Writes what became different, row by row.
pub(in crate::store) async fn write_difference(
    conn: &mut AnyConnection,
    before: &State,
    after: &State,
    moments: &Moments,
) -> Result<(), RowError> {
    // Destructured, so that a new fold cannot be forgotten here.
    let State { canonicals, generations, numbers, runs, journal, holds, sweeps } = after;
    for (recipe, highest) in new(&before.numbers, numbers) {
        put_number(conn, recipe, *highest).await?;
        moments.tell(Moment::RowWritten);
    }
    for (_, row) in new(&before.generations, generations) {
        put_generation(conn, row).await?;
        moments.tell(Moment::RowWritten);
    }
    for (recipe, number) in gone(&before.generations, generations) {
        sqlx::query("DELETE FROM generations WHERE recipe = $1 AND number = $2")
            .bind(recipe.as_str())
            .bind(i64::from(number.0))
            .execute(&mut *conn)
            .await?;
        moments.tell(Moment::RowWritten);
    }
    for (_, row) in new(&before.canonicals, canonicals) {
        put_canonical(conn, row).await?;
        moments.tell(Moment::RowWritten);
    }
    for recipe in gone(&before.canonicals, canonicals) {
        sqlx::query("DELETE FROM canonicals WHERE recipe = $1")
            .bind(recipe.as_str())
            .execute(&mut *conn)
            .await?;
        moments.tell(Moment::RowWritten);
    }
    for (_, row) in new(&before.runs, runs) {
        put_run(conn, row).await?;
        moments.tell(Moment::RowWritten);
    }
    for (_, row) in new(&before.journal, journal) {
        put_journal(conn, row).await?;
        moments.tell(Moment::RowWritten);
    }
    for run in gone(&before.journal, journal) {
        sqlx::query("DELETE FROM journal WHERE run = $1").bind(run.as_str()).execute(&mut *conn).await?;
        moments.tell(Moment::RowWritten);
    }
    for (_, row) in new(&before.holds, holds) {
        put_hold(conn, row).await?;
        moments.tell(Moment::RowWritten);
    }
    for (kind, recipe, owner) in gone(&before.holds, holds) {
        sqlx::query("DELETE FROM holds WHERE kind = $1 AND recipe = $2 AND owner = $3")
            .bind(kind.name())
            .bind(recipe.as_str())
            .bind(owner.as_str())
            .execute(&mut *conn)
            .await?;
        moments.tell(Moment::RowWritten);
    }
    for (_, row) in new(&before.sweeps, sweeps) {
        put_sweep(conn, row).await?;
        moments.tell(Moment::RowWritten);
    }
    Ok(())
}

/// Returns what is new or became different.
fn new<'a, K: Ord, V: PartialEq>(
    before: &'a BTreeMap<K, V>,
    after: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    after.iter().filter(|(key, value)| before.get(key) != Some(value))
}

/// Returns the keys of what is there no more.
fn gone<'a, K: Ord, V>(before: &'a BTreeMap<K, V>, after: &'a BTreeMap<K, V>) -> impl Iterator<Item = &'a K> {
    before.keys().filter(|key| !after.contains_key(key))
}

async fn put_number(
    conn: &mut AnyConnection,
    recipe: &RecipeName,
    highest: Generation,
) -> Result<(), RowError> {
    sqlx::query(
        "INSERT INTO numbers (recipe, highest) VALUES ($1, $2) \
         ON CONFLICT (recipe) DO UPDATE SET highest = excluded.highest",
    )
    .bind(recipe.as_str())
    .bind(i64::from(highest.0))
    .execute(conn)
    .await?;
    Ok(())
}

async fn put_generation(conn: &mut AnyConnection, row: &GenerationRecord) -> Result<(), RowError> {
    // Destructured, so that a new field cannot be forgotten here.
    let GenerationRecord { recipe, number, standing, run, release, made_at, volumes, record } = row;
    sqlx::query(
        "INSERT INTO generations \
         (recipe, number, standing, run, tag, made_at, volumes, fingerprint, bytes, record) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (recipe, number) DO UPDATE SET standing = excluded.standing, run = excluded.run, \
         tag = excluded.tag, made_at = excluded.made_at, volumes = excluded.volumes, \
         fingerprint = excluded.fingerprint, bytes = excluded.bytes, record = excluded.record",
    )
    .bind(recipe.as_str())
    .bind(i64::from(number.0))
    .bind(word(standing))
    .bind(run.as_str())
    .bind(release.as_str())
    .bind(stamp(*made_at))
    .bind(json(volumes))
    .bind(row.fingerprint().map(json))
    .bind(bytes(row))
    .bind(record.as_ref().map(json))
    .execute(conn)
    .await?;
    Ok(())
}

async fn put_canonical(conn: &mut AnyConnection, row: &Canonical) -> Result<(), RowError> {
    sqlx::query(
        "INSERT INTO canonicals (recipe, tag, commit_id, generation, run, at, record) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (recipe) DO UPDATE SET tag = excluded.tag, commit_id = excluded.commit_id, \
         generation = excluded.generation, run = excluded.run, at = excluded.at, record = excluded.record",
    )
    .bind(row.recipe.as_str())
    .bind(row.release.as_str())
    .bind(row.commit.as_str())
    .bind(i64::from(row.generation.0))
    .bind(row.run.as_str())
    .bind(stamp(row.at))
    .bind(json(row))
    .execute(conn)
    .await?;
    Ok(())
}

async fn put_run(conn: &mut AnyConnection, row: &RunRecord) -> Result<(), RowError> {
    let RunRecord {
        id,
        recipe,
        release,
        commit,
        context,
        started,
        ended,
        level,
        verdicts,
        digests,
        harness,
        is_green,
    } = row;
    sqlx::query(
        "INSERT INTO runs (id, recipe, tag, commit_id, context, started, ended, level, verdicts, digests, \
         harness, is_green) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(id.as_str())
    .bind(recipe.as_str())
    .bind(release.as_str())
    .bind(commit.as_str())
    .bind(word(context))
    .bind(stamp(*started))
    .bind(stamp(*ended))
    .bind(i64::from(*level))
    .bind(json(verdicts))
    .bind(json(digests))
    .bind(harness.as_str())
    .bind(i64::from(*is_green))
    .execute(conn)
    .await?;
    Ok(())
}

async fn put_journal(conn: &mut AnyConnection, row: &JournalEntry) -> Result<(), RowError> {
    let JournalEntry { recipe, run, kind, step, since } = row;
    sqlx::query(
        "INSERT INTO journal (run, recipe, kind, step, since) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (run) DO UPDATE SET recipe = excluded.recipe, kind = excluded.kind, \
         step = excluded.step, since = excluded.since",
    )
    .bind(run.as_str())
    .bind(recipe.as_ref().map(|recipe| recipe.as_str().to_owned()))
    .bind(kind.name())
    .bind(step.as_str())
    .bind(stamp(*since))
    .execute(conn)
    .await?;
    Ok(())
}

async fn put_hold(conn: &mut AnyConnection, row: &Hold) -> Result<(), RowError> {
    let Hold { kind, recipe, owner, reason, until } = row;
    sqlx::query(
        "INSERT INTO holds (kind, recipe, owner, reason, until) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (kind, recipe, owner) DO UPDATE SET reason = excluded.reason, until = excluded.until",
    )
    .bind(kind.name())
    .bind(recipe.as_str())
    .bind(owner.as_str())
    .bind(reason.as_str())
    .bind(until.map(stamp))
    .execute(conn)
    .await?;
    Ok(())
}

async fn put_sweep(conn: &mut AnyConnection, row: &SweepRecord) -> Result<(), RowError> {
    let SweepRecord { id, began, ended, rows } = row;
    sqlx::query("INSERT INTO sweeps (id, began, ended, rows) VALUES ($1, $2, $3, $4)")
        .bind(id.as_str())
        .bind(stamp(*began))
        .bind(stamp(*ended))
        .bind(json(rows))
        .execute(conn)
        .await?;
    Ok(())
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("what is kept is plain data")
}

fn word<T: Serialize>(value: &T) -> String {
    let word = serde_json::to_value(value).expect("what is kept is plain data");
    word.as_str().expect("our enums without fields are words").to_owned()
}
