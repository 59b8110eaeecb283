//! The runner: command line, run orchestration, state. The binary `simmer`.

pub mod backups;
mod beside;
pub mod cancel;
pub mod canonical;
pub mod cli;
pub mod diff;
pub mod doctor;
pub mod exam;
pub mod exit;
pub mod gc;
pub mod instance;
pub mod journal;
pub mod kill;
pub mod lease;
pub mod log;
pub mod mask;
pub mod overlay;
pub mod reconcile;
pub mod report;
pub mod run;
pub mod serve;
pub mod store;
pub mod sweep;
pub mod traffic;
pub mod view;
pub mod why;
