//! Troubles that a log line names: the line says more than the exit code.

use crate::Fault;

/// A trouble that we know by its words.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Known {
    /// Stable, for counting: `read_only_file_system`; an overlay's own signatures keep their own names.
    pub name: String,
    pub fault: Fault,
    /// What it is, in one sentence without a full stop.
    pub says: String,
    /// What to try.
    pub remedy: String,
}
