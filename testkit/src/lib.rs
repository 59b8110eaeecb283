//! A fake swarm for tests: a real HTTP server that speaks what our harness uses of the engine's API, keeps state, moves
//! tasks on a virtual clock, and fails where it is told to (DESIGN 3, 6).
//!
//! Used only from `tests/` folders. What it answers is held against recordings of real engines, see `recordings/`.

mod app;
mod archive;
mod clock;
mod containers;
mod data;
mod events;
mod exec;
mod fake;
mod faults;
mod filters;
mod images;
mod networks;
mod orchestrate;
pub mod recordings;
mod route;
mod server;
mod services;
mod shape;
mod state;
mod tasks;
mod updates;
mod volumes;

pub use app::{App, Disk, ExecAnswer, ExecCall, Life, Term};
pub use clock::Pace;
pub use fake::{Fake, Setup};
pub use faults::{Call, Fault, SEED_VARIABLE, seeds};
pub use shape::differences;
