//! Words and decisions of Simmer: facts in, decisions out. No I/O, no clock, no async.

pub mod canonical;
pub mod cause;
pub mod data;
pub mod event;
pub mod level;
pub mod life;
pub mod load;
pub mod names;
pub mod plan;
pub mod reconcile;
pub mod release;
pub mod retention;
pub mod route;
pub mod settle;
pub mod signature;
pub mod spelling;
pub mod sweep;
pub mod test;
pub mod tier;
pub mod verdict;

pub use canonical::{Canonical, Generation};
pub use cause::{Cause, Fault};
pub use event::{Event, What};
pub use names::{Domain, RecipeName, RunId, StackName};
pub use release::{Release, Version};
pub use tier::Tier;
pub use verdict::Verdict;
