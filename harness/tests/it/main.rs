//! Tests with real sockets on loopback and real repositories in temporary folders.
#![expect(clippy::unwrap_used, reason = "a test stops where it stands")]

mod backup;
mod edge;
mod engine;
mod fake_swarm;
mod generation;
mod probe;
mod servers;
mod source;
