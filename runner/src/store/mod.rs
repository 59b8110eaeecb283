//! What Simmer remembers beyond one run: canonicals, their generations, runs, work in flight, holds, sweeps (DESIGN 9).
//!
//! Events are the truth and are only ever added. The other tables are folds of them, written in the same transaction,
//! so that they can be compared with the events (`simmer db check`) and made anew from them. One schema and the same
//! statements hold on SQLite and on PostgreSQL. The only door to SQL.

mod address;
mod check;
mod error;
mod fold;
mod migrate;
mod records;
mod registry;
mod rows;

pub(crate) use address::hide_passwords;
pub use address::{Address, BadDatabase, Database};
pub use check::{Finding, Wrong};
pub use error::StoreError;
pub use fold::{Change, Refused, State, Took};
pub use migrate::{MIGRATIONS, Migration};
pub use records::{GenerationRecord, Hold, HoldKind, JournalEntry, RunRecord, SweepRecord, Work};
pub use registry::{Moment, Store};
