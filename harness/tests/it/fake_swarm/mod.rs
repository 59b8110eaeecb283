//! The engine room against the fake swarm of `testkit`: whole stories, fast, and with trouble at every call.

mod stage;
mod stories;
mod trouble;
