//! Databases of other versions.

use domain::{Generation, RecipeName};
use runner::store::{MIGRATIONS, Store, StoreError, Took};

use super::Place;
use super::samples::{minute, recipe, record, run, volumes};

/// A database as version 1 left it: two generations committed, the first of a third was promised and dropped and is
/// gone from the rows. Texts as version 1 wrote them: never edited, old events are read for ever.
const DATA_OF_1: &str = include_str!("version_1.sql");

async fn version_1(place: &Place) {
    let base = MIGRATIONS[0];
    place
        .by_hand(&format!(
            "CREATE TABLE migrations (number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, \
             checksum TEXT NOT NULL, at TEXT NOT NULL); {} \
             INSERT INTO migrations VALUES (1, 'base', '{}', '2026-11-21T12:00:00Z'); {DATA_OF_1}",
            base.sql,
            base.checksum()
        ))
        .await;
}

pub(super) async fn a_database_of_version_1_is_carried_over_with_its_data(place: &Place) {
    version_1(place).await;
    let gitea: RecipeName = recipe("gitea");

    let store = place.open().await;

    assert_eq!(store.canonical(&gitea).await.unwrap(), Some(record("gitea", 2, "1.1.0+1")));
    assert_eq!(store.journals().await.unwrap()[0].step, "copy");
    assert_eq!(store.holds().await.unwrap()[0].until, Some(minute(60)));
    assert_eq!(store.runs_of(&gitea, 9).await.unwrap().len(), 1);
    assert_eq!(store.last_sweep().await.unwrap().unwrap().id, run(0x51));
    // What version 1 did not keep in rows comes out of its events: the numbers that are used up, and the older records.
    assert_eq!(store.next_generation(&gitea).await.unwrap(), Generation(4));
    let generations = store.generations(&gitea).await.unwrap();
    assert_eq!(generations[0].record, Some(record("gitea", 1, "1.0.0+1")));
    let found = place.found(&store).await;
    assert!(found.iter().all(|says| says.starts_with("EvidenceGone")), "{found:#?}");
    // And it goes on from there.
    assert_eq!(store.roll_back(&gitea, Generation(1), minute(9), &run(9)).await.unwrap(), Took::Changed);
    store.promise(&gitea, Generation(4), &run(4), "1.2.0+1", &volumes(4)).await.unwrap();
    store.commit(&record("gitea", 4, "1.2.0+1")).await.unwrap();
    // Opening it once more changes nothing.
    assert_eq!(place.open().await.next_generation(&gitea).await.unwrap(), Generation(5));
}

pub(super) async fn a_database_of_a_newer_simmer_is_refused(place: &Place) {
    place.open().await.close().await;
    place.by_hand("INSERT INTO migrations VALUES (99, 'from the future', 'x', 'y')").await;

    let error = Store::open(&place.database).await.unwrap_err();

    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error:?}");
    let says = error.to_string();
    assert!(says.contains("written by a newer Simmer: it has migration 99, and this one knows 2"), "{says}");
}

pub(super) async fn a_migration_that_was_edited_is_refused(place: &Place) {
    place.open().await.close().await;
    place.by_hand("UPDATE migrations SET checksum = 'x' WHERE number = 1").await;

    let error = Store::open(&place.database).await.unwrap_err();

    assert!(matches!(error, StoreError::Altered { number: 1, .. }), "{error:?}");
}

pub(super) async fn two_that_open_a_new_database_at_once_both_get_it(place: &Place) {
    let mut openers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let database = place.database.clone();
        openers.spawn(async move { Store::open(&database).await });
    }
    for store in openers.join_all().await {
        store.unwrap().next_generation(&recipe("gitea")).await.unwrap();
    }
}
