//! The recipe's repository: a bare mirror that is fetched once, then only read (CC-004).
//!
//! git2 reads; the `git` command fetches, because it knows protocols, proxies and keys. Files are written by
//! ourselves from the tree objects: no hook, filter, attribute or configuration of a repository has a say.

mod error;
mod fetch;
mod mirror;
mod names;
mod tree;

pub use error::SourceError;
pub use mirror::{Commit, Mirror, Releases, TagKind, chaos_version};
pub use tree::{Bounds, Note, WorkTree};
