//! One recipe against one swarm: engine, source, probes, edge, backups.

pub mod backup;
pub mod edge;
pub mod engine;
pub mod generation;
pub mod probe;
pub mod source;
