//! The whole program against a real swarm, with the samples that `cargo xtask up` makes.
#![expect(clippy::unwrap_used, reason = "a test stops where it stands")]

mod aged;
mod beside;
mod canonical_open;
mod ground;
mod interrupted;
mod killed;
mod left;
mod lineage;
mod refused;
mod samples;
mod shelf;
mod shelf_data;
mod sweep;
mod tiers;
mod warm;
