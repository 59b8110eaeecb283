//! A commit whose answer is lost: whether the record changed is not known to the one who wrote it. Nothing is removed on
//! such a word; who looks later sees what holds (law 4).

use runner::store::{Database, Store};

use super::carried::{Carried, Ran};
use crate::store::cut::{Between, Cut, Then};
use crate::store::postgres::Cluster;

const COMPOSE: &str = r#"
services:
  app:
    image: example/app:1
    volumes: ["data:/data"]
    deploy:
      labels:
        - "coop-cloud.${STACK_NAME}.version=RELEASE"
volumes:
  data:
"#;

const FIRST: &str = "warm-app_ci_test_data-g1";
const SECOND: &str = "warm-app_ci_test_data-g2";

struct Lost {
    between: Between,
    world: Carried,
    /// Past the one between.
    store: Store,
    second: Ran,
    // Last, so that it ends last.
    _cluster: Cluster,
}

/// Promotes two releases. The commit of the second is cut.
async fn lose(cut: Cut, then: Then) -> Lost {
    let cluster = Cluster::start();
    let between = Between::of(cluster.folder());
    let url =
        |folder: &std::path::Path| format!("postgres:///postgres?host={}&user=simmer", folder.display());
    let world = Carried::new("app", &format!("database = {:?}\n", url(&between.folder())));
    world.write("overlays/app/overlay.toml", "[health]\nsoak = \"0s\"\n");
    let database = Database::parse(&url(cluster.folder()), world.path()).unwrap();
    let store = Store::open(&database).await.unwrap();
    world.release("1.0.0+1", COMPOSE, &store).await;
    let born = world.promote();
    assert_eq!(born.exit, Some(0), "{}{}", born.stdout, born.stderr);
    assert_eq!(world.volumes(), [FIRST]);
    world.release("1.1.0+1", COMPOSE, &store).await;

    between.cut(cut, then);
    let second = world.promote();

    assert!(between.heal(), "nothing was cut");
    Lost { between, world, store, second, _cluster: cluster }
}

impl Lost {
    async fn stands(&self) -> String {
        let record = self.store.canonicals().await.unwrap().remove(0);
        format!("{} on {}", record.release, record.generation)
    }

    /// Both sides agree, and the next promotion goes through.
    async fn is_well(&self, generation: u32) {
        let looked = self.world.simmer(&["reconcile", "--dry-run"]);
        assert_eq!((looked.exit, looked.stdout.as_str()), (Some(0), "the registry and Docker agree\n"));
        let again = self.world.promote();
        assert_eq!(again.exit, Some(0), "{}{}", again.stdout, again.stderr);
        assert_eq!(self.stands().await, format!("1.1.0+1 on g{generation}"));
        let checked = self.world.simmer(&["db", "check"]);
        assert_eq!(checked.exit, Some(0), "{}", checked.stdout);
    }
}

#[tokio::test]
async fn law_4_a_commit_that_held_and_was_not_answered_keeps_its_generation() {
    let lost = lose(Cut::Answer, Then::Down).await;

    assert_eq!(lost.second.exit, Some(4), "{}{}", lost.second.stdout, lost.second.stderr);
    assert!(lost.second.stdout.contains("whether it was committed is not known"), "{}", lost.second.stdout);
    assert_eq!(lost.world.volumes(), [FIRST, SECOND], "nothing was removed on a word that did not come");
    assert_eq!(lost.stands().await, "1.1.0+1 on g2");
    let repaired = lost.world.simmer(&["reconcile"]);
    assert_eq!(repaired.exit, Some(0), "{}", repaired.stdout);
    assert_eq!(lost.world.volumes(), [FIRST, SECOND]);
    lost.is_well(3).await;
    drop(lost.between);
}

#[tokio::test]
async fn law_4_a_commit_that_did_not_come_to_the_server_is_garbage_once_somebody_has_looked() {
    let lost = lose(Cut::Commit, Then::Down).await;

    assert_eq!(lost.second.exit, Some(4), "{}{}", lost.second.stdout, lost.second.stderr);
    assert_eq!(lost.world.volumes(), [FIRST, SECOND], "it might have been committed");
    assert_eq!(lost.stands().await, "1.0.0+1 on g1");
    let repaired = lost.world.simmer(&["reconcile"]);
    assert_eq!(repaired.exit, Some(0), "{}", repaired.stdout);
    assert!(repaired.stdout.contains("volumes of g2, which was never committed"), "{}", repaired.stdout);
    assert_eq!(lost.world.volumes(), [FIRST]);
    lost.is_well(3).await;
    drop(lost.between);
}

#[tokio::test]
async fn law_4_a_commit_whose_connection_broke_is_read_back_and_told_as_what_it_is() {
    let lost = lose(Cut::Answer, Then::Back).await;

    assert_eq!(lost.second.exit, Some(0), "{}{}", lost.second.stdout, lost.second.stderr);
    assert!(lost.second.stdout.starts_with("promoted: "), "{}", lost.second.stdout);
    assert_eq!(lost.stands().await, "1.1.0+1 on g2");
    lost.is_well(3).await;
    drop(lost.between);
}
