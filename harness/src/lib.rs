//! One recipe against one swarm: engine, source, probes, edge.

pub mod source;
