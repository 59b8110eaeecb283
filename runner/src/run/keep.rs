//! Evidence of a stack that goes: what its tasks wrote.

use std::collections::BTreeMap;

use domain::{StackName, What};
use harness::engine::{LogBounds, TaskLog};

use super::At;
use super::shared::Shared;

/// Keeps the logs of every task, dead ones too, before they go (CC-054), and returns them.
pub(crate) async fn keep_logs(shared: &Shared, at: At, stack: &StackName) -> Vec<TaskLog> {
    let logs = match shared.engine.logs(stack, LogBounds::default()).await {
        Ok(logs) => logs,
        Err(error) => {
            shared.log.tell(What::Warned { says: format!("logs could not be kept: {error}") });
            return Vec::new();
        }
    };
    let mut files: BTreeMap<&str, (String, u64, bool)> = BTreeMap::new();
    for log in &logs {
        let (text, lines, cut) = files.entry(&log.service).or_default();
        text.push_str(&format!("== task {} ({})\n", log.task_id, log.state));
        for line in &log.lines {
            text.push_str(line);
            text.push('\n');
        }
        *lines += log.lines.len() as u64;
        *cut |= log.cut;
    }
    for (service, (text, lines, cut)) in files {
        let file = format!("logs/{}{}-{service}.log", at.side, at.nth);
        let what = match shared.log.keep(&file, &text) {
            Ok(()) => {
                What::LogKept { side: at.side, nth: at.nth, service: service.to_owned(), file, lines, cut }
            }
            Err(error) => What::Warned { says: format!("log `{file}` could not be kept: {error}") },
        };
        shared.log.tell(what);
    }
    logs
}
