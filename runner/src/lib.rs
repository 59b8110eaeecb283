//! The runner: command line, run orchestration, state.
