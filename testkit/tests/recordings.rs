//! The fake against recordings of real engines.
#![expect(clippy::unwrap_used, reason = "a test stops where it stands")]

use std::path::Path;
use std::time::Duration;

use testkit::recordings::{Recorded, drift, record};
use testkit::{App, ExecAnswer, Fake, Life, Setup};

const IMAGE: &str = "simmer/testbox:1.0";

#[tokio::test]
async fn the_fake_answers_as_engine_20_did() {
    answers_as(Setup::default(), include_str!("../recordings/20.10.json")).await;
}

#[tokio::test]
async fn the_fake_answers_as_engine_26_did() {
    let setup = Setup { api: "1.45", version: "26.1.5", ..Setup::default() };
    answers_as(setup, include_str!("../recordings/26.1.json")).await;
}

async fn answers_as(setup: Setup, recording: &str) {
    let fake = Fake::with(setup);
    let life = Life::steady().healthy_after(Duration::from_secs(1));
    fake.app(IMAGE, App::new(life).exec(|_, _| ExecAnswer::code(0)));
    let host = fake.host();
    let found = record(Path::new(host.strip_prefix("unix://").unwrap()), IMAGE, "fake").await;
    let recorded = Recorded::read(recording);
    let told = drift(&recorded, &found);
    assert!(told.is_empty(), "{} places:\n{}", told.len(), told.join("\n"));
    assert_eq!(fake.objects(), [] as [String; 0]);
}
