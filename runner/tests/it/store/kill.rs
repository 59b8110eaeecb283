//! What a kill leaves: an SQLite file, and a process that is killed between the statements of a commit.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use domain::Generation;
use runner::store::{Database, Moment, Store, Took};

use super::Place;
use super::samples::{recipe, record, run, volumes};

/// Tells the child where its state folder is, and at which moment it stops.
const FOLDER: &str = "SIMMER_TEST_STORE_FOLDER";
const STOP_AT: &str = "SIMMER_TEST_STORE_STOP_AT";
const NAME: &str = "store::kill::law_4_a_kill_between_the_statements_of_a_commit_leaves_the_old_record_whole";
/// Lock, event, generation's row, record's row, end of the transaction.
const MOMENTS: [Moment; 5] =
    [Moment::Begun, Moment::EventWritten, Moment::RowWritten, Moment::RowWritten, Moment::Committed];

#[test]
fn law_4_a_kill_between_the_statements_of_a_commit_leaves_the_old_record_whole() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let (Some(folder), Some(stop_at)) = (std::env::var_os(FOLDER), std::env::var_os(STOP_AT)) {
        let stop_at = stop_at.to_str().unwrap().parse().unwrap();
        return runtime.block_on(child(&PathBuf::from(folder), stop_at));
    }
    for (nth, moment) in MOMENTS.into_iter().enumerate() {
        let place = Place::sqlite();
        let (gitea, old, new) =
            (recipe("gitea"), record("gitea", 1, "1.0.0+1"), record("gitea", 2, "1.1.0+1"));
        runtime.block_on(async {
            let store = place.open().await;
            store.promise(&gitea, old.generation, &old.run, &old.release, &old.volumes).await.unwrap();
            store.commit(&old).await.unwrap();
            store.promise(&gitea, Generation(2), &run(2), &new.release, &volumes(2)).await.unwrap();
            store.close().await;
        });

        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(FOLDER, place.folder.path())
            .env(STOP_AT, nth.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines.map(|line| line.unwrap()).find(|line| line.contains("stopped at"));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(told.is_some_and(|told| told.contains(&format!("{moment:?}"))), "{nth}");

        runtime.block_on(async {
            let store = place.open().await;
            let now = store.canonical(&gitea).await.unwrap().unwrap();
            match moment {
                Moment::Begun | Moment::EventWritten | Moment::RowWritten => {
                    assert_eq!(now, old, "killed at moment {nth}");
                    assert_eq!(store.commit(&new).await.unwrap(), Took::Changed);
                }
                Moment::Committed => {
                    assert_eq!(now, new);
                    assert_eq!(store.commit(&new).await.unwrap(), Took::Same);
                }
            }
            assert_eq!(place.found(&store).await, [""; 0]);
        });
    }
}

/// Commits, and stops for ever at one moment of it.
async fn child(folder: &Path, stop_at: usize) {
    let database = Database::parse("sqlite", folder).unwrap();
    let moments = std::sync::atomic::AtomicUsize::new(0);
    let store = Store::open(&database).await.unwrap().watched(move |moment| {
        if moments.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == stop_at {
            let mut out = std::io::stdout().lock();
            writeln!(out, "\nstopped at {moment:?}").unwrap();
            out.flush().unwrap();
            loop {
                std::thread::park();
            }
        }
    });
    store.commit(&record("gitea", 2, "1.1.0+1")).await.unwrap();
}
