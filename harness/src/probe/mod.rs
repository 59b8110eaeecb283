//! Probes: does the app answer as its users would ask, and if not, which step failed (CC-123, CC-124).
//!
//! A probe is a guest: few tries, growing pauses, one connection at a time. Every step is ours, so that each
//! is known and timed; whatever comes back is bounded in size and time and cleaned before it is shown.

mod ask;
mod fetch;
mod http;
pub mod inside;
mod link;
mod run;
mod schedule;
mod steps;
mod text;
mod tls;

pub use ask::{Ask, ExecFn, Executed, Expect, HeaderRule, HttpAsk, LinesFn, Probe, Reach, Statuses};
pub use fetch::{Fetch, Fetched, fetch};
pub use link::{Connector, Link, Via};
pub use run::{Outcome, run};
pub use schedule::Schedule;
pub use steps::{Attempt, Failure};
pub(crate) use tls::unchecked;
pub use tls::{Certificate, NO_ROUTER_NAME, Trust, TrustError};

/// The header with which the embedded edge says that an answer is its own: `no-router`, `backend` or `busy`.
pub const EDGE_HEADER: &str = "x-simmer-edge";
