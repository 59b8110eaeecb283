//! Compose files to swarm specs, as the Docker CLI reads them.

pub mod convert;
mod interpolate;
pub mod lint;
mod load;
mod locate;
mod merge;
pub mod model;
mod number;
mod problem;
pub mod recipe;
mod render;
mod schema;
mod short;
mod size;
pub mod specs;
mod support;
mod time;
mod transform;
mod trouble;
mod yaml;

pub use load::{Interpolation, LoadInput, Loaded, Source, load};
pub use model::Model;
pub use problem::{Place, Problem, Problems};
