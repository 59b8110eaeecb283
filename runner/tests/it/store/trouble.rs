//! What goes wrong with a file, and with the settings; and `simmer db check` as a whole.

use std::os::unix::fs::PermissionsExt as _;

use runner::store::{Database, Store, StoreError};

use crate::command_line::simmer;

use super::Place;

#[tokio::test]
async fn a_file_that_is_no_database_is_not_touched() {
    let place = Place::sqlite();
    let file = place.folder.path().join("simmer.db");
    std::fs::write(&file, "a shopping list, and longer than the sixteen bytes of a header\n".repeat(99))
        .unwrap();
    let before = std::fs::read(&file).unwrap();

    let error = Store::open(&place.database).await.unwrap_err();

    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_made_is_told() {
    let place = Place::sqlite();
    std::fs::write(place.folder.path().join("state"), "a file is in the way").unwrap();
    let database = Database::parse("sqlite", &place.folder.path().join("state")).unwrap();

    let error = Store::open(&database).await.unwrap_err();

    assert!(matches!(error, StoreError::Unopened { .. }), "{error:?}");
    assert!(error.to_string().contains("state/simmer.db"), "{error}");
}

#[tokio::test]
async fn the_file_has_a_write_ahead_log() {
    let place = Place::sqlite();
    let store = place.open().await;
    store.next_generation(&super::samples::recipe("gitea")).await.unwrap();

    assert!(place.folder.path().join("simmer.db-wal").exists());
    // Read and write version of the header: 2 is WAL (sqlite.org/fileformat.html).
    assert_eq!(std::fs::read(place.folder.path().join("simmer.db")).unwrap()[18..20], [2, 2]);
}

#[tokio::test]
async fn a_file_that_is_read_only_can_be_read_and_says_so_when_it_is_written() {
    let place = Place::sqlite();
    place.open().await.close().await;
    let file = place.folder.path().join("simmer.db");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o444)).unwrap();
    // Permissions mean nothing to root until it lets go of this. The driver's threads come from this one.
    let us = rustix::thread::capabilities(None).unwrap();
    let mut less = us;
    less.effective.remove(rustix::thread::CapabilitySet::DAC_OVERRIDE);
    rustix::thread::set_capabilities(None, less).unwrap();

    let store = place.open().await;
    let gitea = super::samples::recipe("gitea");
    let read = store.next_generation(&gitea).await;
    let run = super::samples::run(1);
    let told = store.promise(&gitea, domain::Generation(1), &run, "1.0.0+1", &Default::default()).await;

    rustix::thread::set_capabilities(None, us).unwrap();
    assert_eq!(read.unwrap(), domain::Generation(1));
    let error = told.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
}

fn instance(database: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("base_domain = \"ci.test\"\nstate = \"state\"\n{database}\n");
    std::fs::write(folder.path().join("simmer.toml"), text).unwrap();
    folder
}

#[test]
fn db_check_says_that_all_is_whole_and_exits_with_3_where_it_is_not() {
    let folder = instance("");
    let (exit, out, err) = simmer(folder.path(), &["db", "check"]);
    assert_eq!((exit, err.as_str()), (0, ""), "{out}");
    assert!(out.ends_with("state/simmer.db` is whole\n"), "{out}");

    let url = format!("sqlite://{}/state/simmer.db", folder.path().display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let place = Place { url, ..Place::sqlite() };
    runtime.block_on(place.by_hand("INSERT INTO numbers VALUES ('gitea', 4)"));

    let (exit, out, _) = simmer(folder.path(), &["db", "check"]);
    assert_eq!(exit, 3, "{out}");
    assert!(out.contains("ERROR   numbers \"gitea\": there is a row, and no event tells of it"), "{out}");
    assert!(out.ends_with("is NOT whole\n"), "{out}");
    let (exit, out, _) = simmer(folder.path(), &["db", "check", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((exit, &told["found"][0]["wrong"]), (3, &"fold_differs".into()), "{out}");
}

#[test]
fn law_11_no_setting_makes_us_print_the_password_of_the_database() {
    for (database, says) in [
        ("database = \"mysql://me:hunter2hunter2@db/simmer\"", "a database of the kind `mysql` is not known"),
        ("database = \"postgres://me:hunter2hunter2@db.test\"", "the address names no database"),
        // What the toml crate quotes.
        ("databse = \"postgres://me:hunter2hunter2@db.test/simmer\"", "unknown field `databse`"),
        ("database = \"postgres://me:hunter2hunter2@db.test/simmer", "********@db.test"),
    ] {
        let folder = instance(database);
        let (exit, out, err) = simmer(folder.path(), &["db", "check"]);
        assert_eq!(exit, 2, "{database}: {err}");
        assert!(err.contains(says), "{database}: {err}");
        assert!(!format!("{out}{err}").contains("hunter2"), "{database}: {err}");
    }
    // Nobody answers there: the name is reserved (RFC 2606).
    let folder = instance("database = \"postgres://me:hunter2hunter2@db.invalid/simmer\"");
    let (exit, _, err) = simmer(folder.path(), &["db", "check"]);
    assert_eq!(exit, 3, "{err}");
    assert!(err.contains("postgres://me:********@db.invalid/simmer") && !err.contains("hunter2"), "{err}");
    assert!(err.contains("hint: is the server running"), "{err}");
}
