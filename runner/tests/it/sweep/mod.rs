//! Sweeps over local repositories; the swarm is a script.

mod command;
mod resumed;
mod told;
mod world;
