//! Tests of `harness::engine`.

mod stage;
mod well;
