//! The store: one suite of cases on both databases, and what is true of one of them only.

mod cases;
pub(crate) mod cut;
mod kill;
mod migrated;
mod model;
pub(crate) mod postgres;
mod samples;
mod trouble;

use runner::store::{Database, Store};

/// An empty database of one case.
pub(crate) struct Place {
    pub(crate) database: Database,
    /// For a hand in the tables.
    url: String,
    /// Holds the evidence of runs, and the file where there is one.
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    /// A file of its own.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::parse("sqlite", folder.path()).unwrap();
        let url = format!("sqlite://{}/simmer.db?mode=rwc", folder.path().display());
        Self { database, url, folder }
    }

    /// A database of a server.
    pub(crate) fn postgres(url: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { database: Database::parse(&url, folder.path()).unwrap(), url, folder }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.database).await.unwrap()
    }

    /// Runs statements past the store.
    pub(crate) async fn by_hand(&self, sql: &str) {
        use sqlx::Connection as _;
        sqlx::any::install_default_drivers();
        let mut conn = sqlx::AnyConnection::connect(&self.url).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    }

    /// Returns what a check finds, a line each.
    pub(crate) async fn found(&self, store: &Store) -> Vec<String> {
        let found = store.check(&self.folder.path().join("runs"), |_| false).await.unwrap();
        found.iter().map(|f| format!("{:?} {}: {}", f.wrong, f.what, f.says)).collect()
    }
}

/// Names the cases of the suite: each is a test of its own on SQLite, and part of the list that PostgreSQL goes through.
macro_rules! on_both {
    ($($module:ident :: $case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                super::$module::$case(&super::Place::sqlite()).await;
            })+
        }

        /// All cases by name.
        fn suite() -> Vec<(&'static str, Case)> {
            vec![$((stringify!($case), |place| Box::pin(async move { $module::$case(&place).await }))),+]
        }
    };
}

type Case = fn(Place) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

on_both!(
    cases::a_new_database_knows_nothing,
    cases::cc_101_only_a_green_cold_run_of_that_very_commit_allows_a_promotion,
    cases::law_7_the_first_result_of_a_run_stands,
    cases::a_generations_number_is_never_given_twice,
    cases::law_4_a_commit_is_read_back_as_it_was_written,
    cases::a_commit_needs_a_candidate_of_that_very_run,
    cases::cc_120_the_same_release_again_is_harmless_and_refreshes_the_time,
    cases::what_is_committed_is_neither_dropped_nor_retired_while_the_record_names_it,
    cases::going_back_writes_the_older_record_as_it_was,
    cases::a_dropped_canonical_leaves_generations_that_may_go,
    cases::work_in_flight_is_known_until_it_is_done,
    cases::a_hold_has_owner_reason_and_end,
    cases::the_last_sweep_is_the_one_that_ended_last,
    cases::of_two_that_write_at_once_one_wins_and_no_event_is_lost,
    cases::a_hand_in_the_tables_is_found,
    cases::lost_events_are_found,
    cases::evidence_without_a_row_and_rows_without_evidence_are_found,
    migrated::a_database_of_version_1_is_carried_over_with_its_data,
    migrated::a_database_of_a_newer_simmer_is_refused,
    migrated::a_migration_that_was_edited_is_refused,
    migrated::two_that_open_a_new_database_at_once_both_get_it,
    model::the_tables_are_what_the_events_tell_after_any_sequence_of_changes,
);
