//! When the node is to blame for a task that never started, and not the recipe.

use super::{ServiceSeen, TaskSeen, end_of};
use crate::Cause;

/// Words by which engines 20.10 to 26.1 say that a node cannot run any task, or none on this network. None of them
/// can be brought about by a spec.
const WORDS: &[&str] = &[
    // An interface that is left of an earlier network holds the number of this one (JOURNAL F-013).
    "network sandbox join failed",
    "error creating vxlan interface",
    // Just started: its swarm part is not up yet.
    "cannot create a swarm scoped network when swarm is not active",
    // The shared network is full.
    "ip addresses may be exhausted",
    "no space left on device",
];

/// Returns the node's trouble where that is why the task ended.
pub(super) fn node_trouble(service: &ServiceSeen, task: &TaskSeen) -> Option<Cause> {
    // What ran and left speaks for itself, whatever it wrote.
    let says = task.says.to_lowercase();
    let told = task.exit_code.is_none() && WORDS.iter().any(|words| says.contains(words));
    told.then(|| Cause::Node { says: format!("no task of `{}` could start: {}", service.name, end_of(task)) })
}
