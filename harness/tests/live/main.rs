//! Tests against a real swarm.
