//! The recordings that `testkit` holds its fake swarm against, held against a real engine: neither may drift.

use std::path::Path;

use harness::engine::Engine;
use testkit::recordings::{Recorded, drift, record};

/// On the node of every engine that `cargo xtask up` made ready.
const IMAGE: &str = "127.0.0.1:5055/simmer/testbox:1.0";
const ENGINE_20: &str = include_str!("../../../testkit/recordings/20.10.json");
const ENGINE_26: &str = include_str!("../../../testkit/recordings/26.1.json");

#[tokio::test]
async fn the_engine_answers_as_it_was_recorded() {
    let engine = Engine::connect(None).await.unwrap();
    let version = engine.facts().await.unwrap().version;
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok()).unwrap();
    // In between lies the renaming of many words; none of ours is there.
    let recording = if major < 23 { ENGINE_20 } else { ENGINE_26 };
    let socket = engine.host().strip_prefix("unix://").unwrap();
    let found = record(Path::new(socket), IMAGE, &std::process::id().to_string()).await;
    let told = drift(&Recorded::read(recording), &found);
    assert!(told.is_empty(), "engine {version}: {} places:\n{}", told.len(), told.join("\n"));
}
