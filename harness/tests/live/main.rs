//! Tests against a real swarm: the engine that `DOCKER_HOST` names, else the default one. `cargo xtask up` makes
//! it ready. Each test ends with the proof that nothing of it is left.
#![allow(clippy::unwrap_used, reason = "a test stops where it stands")]

mod backup;
mod engine;
mod generation;
mod recordings;
