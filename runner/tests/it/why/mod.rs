//! `simmer why` on constructed runs: what a person reads when something broke.

mod answers;
mod repository;
mod runs;
mod script;

use script::{Answer, Instance};
