//! Lint from outside: for each rule the smallest recipe that breaks it, and the smallest that holds.
#![expect(clippy::unwrap_used, reason = "a test stops where it stands")]

mod case;
mod coop;
mod files;
mod ours;
mod policy;
mod report;
mod sample;
mod shapes;
mod wild;
