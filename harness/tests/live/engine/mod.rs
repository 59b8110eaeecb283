//! Tests of `harness::engine`.

mod clearing;
mod failing;
mod inside;
mod names;
mod pulling;
mod restart;
mod stage;
mod well;
