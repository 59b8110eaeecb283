//! What overlays ask of a stack, carried out: a stack in memory, a real edge, real programs.

mod data;
mod declared;
mod programs;
mod stage;
