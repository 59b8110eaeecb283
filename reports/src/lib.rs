//! Events in, files out: pure functions from the log of a run to what people and machines read.
//!
//! [`read`] turns the text of `events.jsonl` into a [`Log`]; [`fold`] turns events into a [`RunView`]; all
//! else renders views. Nothing here reads a clock, a file or the network, so rendering again gives the same
//! bytes.

mod advice;
mod badge;
mod fold;
mod junit;
mod log;
mod markdown;
mod outcome;
mod page;
mod table;
mod text;
mod view;

pub use advice::{advice, whose};
pub use badge::badge;
pub use fold::fold;
pub use junit::junit;
pub use log::{Garbled, Log, read};
pub use markdown::markdown;
pub use outcome::{FORMAT as OUTCOME_FORMAT, SCHEMA as OUTCOME_SCHEMA, outcome_json};
pub use page::{Logs, index_page, page_path, run_page};
pub use table::{summary, table};
pub use text::{plain, span};
pub use view::{
    BaseVerdict, Cleared, End, ImagesOf, KeptLog, ProbeView, RunView, SideView, StageEnd, StageView, Start,
    State, TierView, Trouble, Warning,
};
