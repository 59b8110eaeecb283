//! Events in, files out: pure functions from the log of a run to what people and machines read.
//!
//! [`read`] turns the text of `events.jsonl` into a [`Log`]; [`fold`] turns events into a [`RunView`]; all
//! else renders views. Nothing here reads a clock, a file or the network, so rendering again gives the same
//! bytes.

mod advice;
mod badge;
mod fold;
mod foreseen;
mod junit;
mod load;
mod log;
mod markdown;
mod outcome;
mod page;
mod promotion;
mod side;
mod sweep;
mod table;
mod tally;
mod text;
mod view;
mod wall;

pub use advice::{advice, whose};
pub use badge::badge;
pub use fold::fold;
pub use foreseen::foreseen;
pub use junit::junit;
pub use log::{Garbled, Log, read};
pub use markdown::markdown;
pub use outcome::{FORMAT as OUTCOME_FORMAT, SCHEMA as OUTCOME_SCHEMA, outcome_json};
pub use page::{Logs, MANIFEST, index_page, page_path, run_page};
pub use promotion::PromotionState;
pub use side::{
    Cleared, Counted, ImagesOf, KeptFile, KeptLog, ProbeView, Share, SideView, SnapshotDeed, SnapshotView,
    StageEnd, StageView, TestView,
};
pub use sweep::{
    SWEEP_FORMAT, SweepEnd, SweepRow, SweepStart, SweepView, plan_table, read_sweep, sweep_json,
    sweep_markdown, sweep_page, sweep_table,
};
pub use table::{summary, table};
pub use tally::Tally;
pub use text::{bytes, count, plain, span};
pub use view::{
    BaseVerdict, End, PromotionEnd, PromotionView, RunView, Start, State, TierView, Trouble, Warning,
    is_inside,
};
pub use wall::Wall;
