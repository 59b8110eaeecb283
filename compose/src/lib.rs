//! Compose files to swarm specs, as the Docker CLI reads them.

pub mod convert;
mod load;
pub mod model;
mod problem;
pub mod recipe;
mod size;
pub mod specs;
mod time;
mod yaml;

pub use load::{Interpolation, LoadInput, Loaded, Source, load};
pub use model::Model;
pub use problem::{Place, Problem, Problems};
