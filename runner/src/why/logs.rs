//! From the engine's task logs to what names a cause.

use std::collections::BTreeMap;

use domain::signature::ServiceLog;
use domain::{Cause, StackName};
use harness::engine::TaskLog;

/// Chooses for each service the task whose log tells of a failure: where processes leave, the one that left last (its
/// successor has said little yet); where they stay and do not serve, the newest that said anything. `tasks` come oldest
/// first.
pub fn last_logs(stack: &StackName, tasks: &[TaskLog], cause: &Cause) -> Vec<ServiceLog> {
    let prefix = format!("{stack}_");
    let mut chosen: BTreeMap<&str, (bool, &TaskLog)> = BTreeMap::new();
    for task in tasks.iter().filter(|task| !task.lines.is_empty()) {
        let service = task.service.strip_prefix(&prefix).unwrap_or(&task.service);
        let left = leaves(cause) && matches!(task.state.as_str(), "failed" | "rejected" | "complete");
        match chosen.get(service) {
            Some((true, _)) if !left => {}
            Some(_) | None => {
                chosen.insert(service, (left, task));
            }
        }
    }
    chosen
        .into_iter()
        .map(|(service, (_, task))| ServiceLog { service: service.to_owned(), lines: task.lines.clone() })
        .collect()
}

/// Whether the cause is that a process ended.
fn leaves(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::CrashLoop { .. }
            | Cause::LostAfterSettled { .. }
            | Cause::RolledBack { .. }
            | Cause::MixedStack { .. }
            | Cause::UpdatePaused { .. }
            | Cause::Rejected { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(service: &str, state: &str, line: &str) -> TaskLog {
        TaskLog {
            service: format!("run-1_{service}"),
            task_id: String::new(),
            state: state.into(),
            lines: if line.is_empty() { vec![] } else { vec![line.into()] },
            cut: false,
        }
    }

    fn chosen(cause: &Cause, tasks: &[TaskLog]) -> Vec<(String, String)> {
        let logs = last_logs(&StackName::parse("run-1").unwrap(), tasks, cause);
        logs.into_iter().map(|log| (log.service, log.lines.join("|"))).collect()
    }

    #[test]
    fn of_what_leaves_the_last_that_left_is_read_and_of_what_hangs_the_newest() {
        let tasks = [
            task("app", "failed", "first"),
            task("app", "failed", "second"),
            task("app", "running", "third begins"),
            task("app", "starting", ""),
            task("db", "running", "ready"),
        ];
        let crash = Cause::CrashLoop {
            service: "app".into(),
            exits: 2,
            exit_code: Some(1),
            oom: false,
            says: String::new(),
            last_lines: vec![],
        };
        assert_eq!(chosen(&crash, &tasks), [("app".into(), "second".into()), ("db".into(), "ready".into())]);
        let hangs = Cause::NotSettled { window_seconds: 1, waiting: vec![], last_lines: vec![] };
        assert_eq!(chosen(&hangs, &tasks)[0], ("app".into(), "third begins".into()));
    }
}
