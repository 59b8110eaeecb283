//! The process that serves, as a person runs it: the clock and the ends of holds make it tidy up.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use runner::store::{Hold, HoldKind};
use rustix::process::{Pid, Signal, kill_process};
use testkit::{Fake, Fault};

use super::world::{World, gitea};

/// Far more than a round takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A process that serves; ended with the test.
struct Server {
    process: Child,
    story: tempfile::NamedTempFile,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn command(folder: &Path, fake: &Fake) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simmer"));
    command.arg("-C").arg(folder).arg("serve").env("DOCKER_HOST", fake.host()).stdin(Stdio::null());
    command
}

impl Server {
    fn of(world: &World, fake: &Fake) -> Self {
        let story = tempfile::NamedTempFile::new().unwrap();
        let process = command(world.path(), fake)
            .stdout(Stdio::null())
            .stderr(story.reopen().unwrap())
            .spawn()
            .unwrap();
        Self { process, story }
    }

    fn told(&self) -> String {
        std::fs::read_to_string(self.story.path()).unwrap()
    }

    fn until(&mut self, what: &str, mut is_so: impl FnMut(&str) -> bool) {
        let began = Instant::now();
        while !is_so(&self.told()) {
            assert!(self.process.try_wait().unwrap().is_none(), "it ended: {}", self.told());
            assert!(began.elapsed() < PATIENCE, "{what}: {}", self.told());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to end, as a service manager does.
    fn ended(mut self) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        let status = self.process.wait().unwrap();
        (status.code(), self.told())
    }
}

#[tokio::test]
async fn cc_111_what_differs_is_repaired_at_the_start_and_again_by_the_clock() {
    let fake = Fake::start();
    let world = World::on(&fake, "[serve]\nreconcile_every = \"1s\"").await;
    world.commit(&fake, 1, 1).await;
    world.promise(&fake, 2).await;
    let mut server = Server::of(&world, &fake);

    server
        .until("the first round", |told| told.contains("1 volumes of g2, which was never committed -> done"));
    world.promise(&fake, 3).await;
    server.until("a later round", |told| told.contains("1 volumes of g3, which was never committed -> done"));

    // One is enough, and the second is told who it is.
    let second = command(world.path(), &fake).output().unwrap();
    let says = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(3), "{says}");
    let pid = format!("process {}", server.process.id());
    assert!(says.contains("another process serves this instance") && says.contains(&pid), "{says}");

    let (exit, told) = server.ended();
    assert_eq!(exit, Some(0), "{told}");
    assert_eq!(fake.objects(), ["volume warm-gitea_ci_test_data-g1"]);
    assert!(!world.leases().has_file("serve"));
}

#[tokio::test]
async fn cc_125_what_is_held_is_let_go_when_its_end_comes_and_not_at_the_next_round() {
    let fake = Fake::start();
    let world = World::on(&fake, "[serve]\nreconcile_every = \"24h\"").await;
    world.commit(&fake, 1, 1).await;
    world.promise(&fake, 2).await;
    let mut server = Server::of(&world, &fake);
    server
        .until("the first round", |told| told.contains("1 volumes of g2, which was never committed -> done"));
    // The next round is tomorrow.
    let hold = Hold {
        kind: HoldKind::Open,
        recipe: gitea(),
        owner: "ann".into(),
        reason: "to look".into(),
        until: Some(Utc::now() + TimeDelta::seconds(2)),
    };
    world.store.hold(&hold).await.unwrap();
    let end = hold.until.unwrap();

    let began = Instant::now();
    while !world.store.holds().await.unwrap().is_empty() {
        assert!(began.elapsed() < PATIENCE, "{}", server.told());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    assert!(Utc::now() > end, "before its end");
    assert_eq!(server.ended().0, Some(0));
}

#[tokio::test]
async fn an_engine_that_is_away_is_told_once_and_waited_for() {
    let fake = Fake::start();
    let world = World::on(&fake, "[serve]\nreconcile_every = \"1s\"").await;
    world.promise(&fake, 1).await;
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&asked);
    fake.judge_calls(move |_| {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Some(Fault::Refuse(500))
    });
    let mut server = Server::of(&world, &fake);
    server.until("it is told", |told| told.contains("waiting, and trying again"));
    let first = asked.load(std::sync::atomic::Ordering::Relaxed);
    server.until("it asks again", |_| asked.load(std::sync::atomic::Ordering::Relaxed) > first);

    fake.heal();

    server.until("it goes on", |told| told.contains("which was never committed -> done"));
    server.until("and says so", |told| told.contains("that is over: going on"));
    let (exit, told) = server.ended();
    assert_eq!(exit, Some(0));
    assert_eq!(told.matches("waiting, and trying again").count(), 1, "{told}");
}

#[tokio::test]
async fn settings_that_become_bad_are_told_and_the_last_good_ones_hold() {
    let fake = Fake::start();
    let world = World::on(&fake, "[serve]\nreconcile_every = \"1s\"").await;
    let mut server = Server::of(&world, &fake);
    server.until("it serves", |told| told.contains("serving"));
    let settings = world.path().join("simmer.toml");
    let good = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, good.replace("reconcile_every = \"1s\"", "reconcile_every = \"1\"")).unwrap();

    server.until("it is told", |told| told.contains("`serve.reconcile_every`: `1` has no unit"));
    world.promise(&fake, 1).await;
    server.until("it works on", |told| told.contains("1 volumes of g1, which was never committed -> done"));

    let (exit, told) = server.ended();
    assert_eq!(exit, Some(0));
    assert_eq!(told.matches("has no unit").count(), 1, "{told}");
    // Nobody begins with such.
    let refused = command(world.path(), &fake).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
}
