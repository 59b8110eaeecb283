//! The embedded edge: a small HTTPS front that serves what the recipes' Traefik labels ask for.
//!
//! It exists so that the commands work without a Traefik, and it is no Traefik: which labels it does not
//! know is said by [`domain::route::Table::unknown`], and a request that it cannot route says so in its answer.

mod authority;
mod forward;
mod greeting;
mod idle;
mod middleware;
mod page;
mod routes;
mod serve;
mod start;

pub use authority::AuthorityError;
pub use routes::Route;
pub use start::{Edge, EdgeError, Expose, Limits, Options};

/// Makes connections to a task; see [`crate::probe::Connector`].
pub type Backend = crate::probe::Connector;
