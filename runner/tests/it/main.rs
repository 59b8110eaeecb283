//! The whole program without a swarm: arguments, config, compose files, engines that cannot be used.
#![expect(clippy::unwrap_used, reason = "a test stops where it stands")]

mod command_line;
mod engines;
mod exam;
mod hygiene;
mod kill_matrix;
mod overlay;
mod store;
mod sweep;
mod why;
