//! What the containers wrote: of every task, dead ones too, and never more than asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptions;
use domain::StackName;
use futures_util::{Stream, StreamExt};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::{Applied, Engine, EngineError, STACK_LABEL, filters, items, text};

/// Lines that a cause carries. Enough for a stack trace's end, few enough for a comment.
pub(super) const LAST_LINES: usize = 20;
/// Longest line of a cause, in characters.
const CAUSE_LINE: usize = 500;
/// Longest time for the log of one task: a log driver that cannot be read answers at once, a node that is gone
/// never does.
const TASK_LIMIT: Duration = Duration::from_secs(10);
/// How often a follower looks for new containers beside the events: an event may be lost.
const FOLLOW_TICK: Duration = Duration::from_secs(2);
/// Lines that may wait for the reader of a follower; a slow terminal then slows the reading, not the container.
const FOLLOW_BACKLOG: usize = 1024;

/// How much of a log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBounds {
    /// The last lines of each task.
    pub lines: usize,
    /// Characters of a line; the rest is cut.
    pub line_length: usize,
    /// Bytes over all tasks.
    pub total: usize,
}

impl Default for LogBounds {
    fn default() -> Self {
        Self { lines: 500, line_length: 4096, total: 4 << 20 }
    }
}

/// The log of one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskLog {
    /// The service's name in the swarm.
    pub service: String,
    pub task_id: String,
    /// In the engine's words: `running`, `failed`, …
    pub state: String,
    pub lines: Vec<String>,
    /// Whether bounds left something out, or may have.
    pub cut: bool,
}

/// One line as it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The service's name in the swarm.
    pub service: String,
    pub task_id: String,
    pub line: String,
}

/// Live output of a stack. Ends when dropped.
#[derive(Debug)]
pub struct Follow {
    lines: mpsc::Receiver<LogLine>,
    feeder: AbortHandle,
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.feeder.abort();
    }
}

impl Follow {
    /// Waits for the next line of any task. `None` only when the engine stays away.
    pub async fn next(&mut self) -> Option<LogLine> {
        self.lines.recv().await
    }
}

impl Engine {
    /// Reads the logs of every task of the stack that still has a container, dead ones too, oldest first.
    /// A log that cannot be read is empty and says so in its only line.
    pub async fn logs(&self, stack: &StackName, bounds: LogBounds) -> Result<Vec<TaskLog>, EngineError> {
        let mut tasks = self.tasks_of(stack).await?;
        tasks.sort_by_key(|t| text(&t["CreatedAt"]));
        let names = self.service_names(stack).await?;
        let mut left = bounds.total;
        let mut logs = Vec::new();
        for task in &tasks {
            if task["Status"]["ContainerStatus"]["ContainerID"].as_str().is_none_or(str::is_empty) {
                continue;
            }
            let bounds = LogBounds { total: left, ..bounds };
            let (lines, cut) = self.task_lines(task, bounds).await;
            left = left.saturating_sub(lines.iter().map(|l| l.len() + 1).sum());
            let id = text(&task["ServiceID"]);
            logs.push(TaskLog {
                service: names.get(&id).cloned().unwrap_or(id),
                task_id: text(&task["ID"]),
                state: text(&task["Status"]["State"]),
                lines,
                cut,
            });
        }
        Ok(logs)
    }

    /// Follows the output of every task of the stack, those to come as well.
    pub fn follow(&self, stack: &StackName) -> Follow {
        let (to, lines) = mpsc::channel(FOLLOW_BACKLOG);
        let (engine, stack) = (self.clone(), stack.clone());
        let feeder = tokio::spawn(async move { engine.feed_lines(&stack, to).await });
        Follow { lines, feeder: feeder.abort_handle() }
    }

    async fn feed_lines(&self, stack: &StackName, to: mpsc::Sender<LogLine>) {
        let mut watch = self.watch(&["container"]);
        let mut known = BTreeSet::new();
        let mut readers = JoinSet::new();
        let only = filters(&[("label", vec![format!("{STACK_LABEL}={stack}")])]);
        while !to.is_closed() {
            let query = [("all", "true"), ("filters", only.as_str())];
            let found = self.raw().get("/containers/json", &query, "listing the stack's containers").await;
            for container in found.as_ref().map(items).unwrap_or_default() {
                let id = text(&container["Id"]);
                // A container that was made but not started has no log to follow yet.
                if container["State"].as_str() == Some("created") || !known.insert(id.clone()) {
                    continue;
                }
                let label = |key: &str| text(&container["Labels"][key]);
                let head = (label("com.docker.swarm.service.name"), label("com.docker.swarm.task.id"));
                let (engine, to) = (self.clone(), to.clone());
                readers.spawn(async move {
                    let mut output = Box::pin(engine.container_output(&id, Tail::AllAndFollow));
                    let mut whole = LineMaker::default();
                    while let Some(Ok(part)) = output.next().await {
                        for line in whole.push(&part.into_bytes()) {
                            let line = LogLine { service: head.0.clone(), task_id: head.1.clone(), line };
                            if to.send(line).await.is_err() {
                                return;
                            }
                        }
                    }
                });
            }
            while readers.try_join_next().is_some() {}
            let started =
                watch.next(|p| p.action == "start" && p.attribute(STACK_LABEL) == Some(stack.as_str()));
            drop(tokio::time::timeout(FOLLOW_TICK, started).await);
        }
    }

    /// Returns the last lines of those services, each of the task that tells most: the one that died last, else
    /// the newest.
    pub(super) async fn last_lines(
        &self,
        applied: &Applied,
        services: &BTreeSet<String>,
        count: usize,
    ) -> Vec<String> {
        let Ok(tasks) = self.tasks_of(&applied.stack).await else { return Vec::new() };
        let bounds = LogBounds { lines: count, line_length: CAUSE_LINE, total: count * CAUSE_LINE };
        let mut told = Vec::new();
        for service in applied.services.iter().filter(|s| services.contains(&s.name)) {
            let mut own: Vec<_> =
                tasks.iter().filter(|t| t["ServiceID"].as_str() == Some(&service.id)).collect();
            own.sort_by_key(|t| {
                let dead = matches!(t["Status"]["State"].as_str(), Some("failed" | "rejected" | "complete"));
                (!dead, std::cmp::Reverse(text(&t["Status"]["Timestamp"])))
            });
            for task in own {
                let (lines, _) = self.task_lines(task, bounds).await;
                if !lines.is_empty() {
                    let head = if services.len() > 1 { format!("{}: ", service.name) } else { String::new() };
                    told.extend(lines.into_iter().map(|line| format!("{head}{line}")));
                    break;
                }
            }
        }
        told
    }

    pub(super) async fn tasks_of(&self, stack: &StackName) -> Result<Vec<Value>, EngineError> {
        let only = filters(&[("label", vec![format!("{STACK_LABEL}={stack}")])]);
        let found = self.raw().get("/tasks", &[("filters", &only)], "listing the stack's tasks").await?;
        Ok(items(&found).to_vec())
    }

    /// Names in the swarm by id.
    pub(super) async fn service_names(
        &self,
        stack: &StackName,
    ) -> Result<BTreeMap<String, String>, EngineError> {
        let only = filters(&[("label", vec![format!("{STACK_LABEL}={stack}")])]);
        let found =
            self.raw().get("/services", &[("filters", &only)], "listing the stack's services").await?;
        Ok(items(&found).iter().map(|s| (text(&s["ID"]), text(&s["Spec"]["Name"]))).collect())
    }

    async fn task_lines(&self, task: &Value, bounds: LogBounds) -> (Vec<String>, bool) {
        let Some(container) = container_id(task) else { return (Vec::new(), false) };
        let id = text(&task["ID"]);
        let read = async {
            // One more than wanted, to know whether there was more.
            let tail = Tail::Last(bounds.lines.saturating_add(1));
            match gather(self.container_output(container, tail), bounds).await {
                // On another node: by the manager.
                Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => {
                    gather(self.docker().task_logs(&id, Some(tail.options())), bounds).await
                }
                other => other,
            }
        };
        match tokio::time::timeout(TASK_LIMIT, read).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => (vec![format!("(its log cannot be read: {})", super::Chain(&error))], true),
            Err(_) => (vec![format!("(its log did not come within {} s)", TASK_LIMIT.as_secs())], true),
        }
    }

    fn container_output(
        &self,
        id: &str,
        tail: Tail,
    ) -> impl Stream<Item = Result<LogOutput, bollard::errors::Error>> + use<> {
        self.docker().logs(id, Some(tail.options()))
    }
}

#[derive(Clone, Copy)]
enum Tail {
    Last(usize),
    AllAndFollow,
}

impl Tail {
    fn options(self) -> LogsOptions {
        let (follow, tail) = match self {
            Self::Last(lines) => (false, lines.to_string()),
            Self::AllAndFollow => (true, "all".to_owned()),
        };
        LogsOptions { follow, stdout: true, stderr: true, tail, ..LogsOptions::default() }
    }
}

fn container_id(task: &Value) -> Option<&str> {
    task["Status"]["ContainerStatus"]["ContainerID"].as_str().filter(|id| !id.is_empty())
}

async fn gather(
    output: impl Stream<Item = Result<LogOutput, bollard::errors::Error>>,
    bounds: LogBounds,
) -> Result<(Vec<String>, bool), bollard::errors::Error> {
    let mut output = std::pin::pin!(output);
    let mut kept = Bounded::new(bounds);
    let mut whole = LineMaker::default();
    while let Some(part) = output.next().await {
        for line in whole.push(&part?.into_bytes()) {
            kept.push(line);
        }
    }
    if let Some(rest) = whole.rest() {
        kept.push(rest);
    }
    Ok(kept.done())
}

/// Makes lines of the parts that a stream comes in.
#[derive(Default)]
struct LineMaker {
    rest: Vec<u8>,
}

/// A line without an end is handed on in pieces of this many bytes.
const PIECE: usize = 64 << 10;

impl LineMaker {
    fn push(&mut self, part: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(part);
        let mut lines = Vec::new();
        while let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            lines.push(clean(&line));
        }
        if self.rest.len() > PIECE {
            lines.push(clean(&std::mem::take(&mut self.rest)));
        }
        lines
    }

    fn rest(&mut self) -> Option<String> {
        (!self.rest.is_empty()).then(|| clean(&std::mem::take(&mut self.rest)))
    }
}

fn clean(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']).to_owned()
}

/// Keeps the last lines within bounds and knows whether something was left out.
struct Bounded {
    bounds: LogBounds,
    lines: std::collections::VecDeque<String>,
    bytes: usize,
    cut: bool,
}

impl Bounded {
    fn new(bounds: LogBounds) -> Self {
        Self { bounds, lines: std::collections::VecDeque::new(), bytes: 0, cut: false }
    }

    fn push(&mut self, mut line: String) {
        if let Some((at, _)) = line.char_indices().nth(self.bounds.line_length) {
            line.truncate(at);
            line.push('…');
            self.cut = true;
        }
        self.bytes += line.len() + 1;
        self.lines.push_back(line);
        while self.lines.len() > self.bounds.lines || self.bytes > self.bounds.total {
            let Some(old) = self.lines.pop_front() else { break };
            self.bytes -= old.len() + 1;
            self.cut = true;
        }
    }

    fn done(self) -> (Vec<String>, bool) {
        (self.lines.into(), self.cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(bounds: LogBounds, parts: &[&str]) -> (Vec<String>, bool) {
        let (mut whole, mut kept) = (LineMaker::default(), Bounded::new(bounds));
        for part in parts {
            for line in whole.push(part.as_bytes()) {
                kept.push(line);
            }
        }
        if let Some(rest) = whole.rest() {
            kept.push(rest);
        }
        kept.done()
    }

    #[test]
    fn lines_are_made_of_parts_and_the_last_needs_no_end() {
        let (lines, cut) = kept(LogBounds::default(), &["one\ntw", "o\r\nthr", "ee"]);
        assert_eq!((lines, cut), (vec!["one".into(), "two".into(), "three".into()], false));
    }

    #[test]
    fn the_last_lines_are_kept_and_the_cut_is_told() {
        let bounds = LogBounds { lines: 2, line_length: 3, total: 100 };
        assert_eq!(kept(bounds, &["a\nb\nc\n"]), (vec!["b".into(), "c".into()], true));
        assert_eq!(kept(bounds, &["äöüß\n"]), (vec!["äöü…".into()], true));
        assert_eq!(kept(bounds, &["a\nb\n"]), (vec!["a".into(), "b".into()], false));
        let bounds = LogBounds { lines: 9, line_length: 9, total: 5 };
        assert_eq!(kept(bounds, &["aa\nbb\ncc\n"]), (vec!["cc".into()], true));
    }

    #[test]
    fn a_line_without_an_end_does_not_fill_the_memory() {
        let mut whole = LineMaker::default();
        let lines = (0..10).flat_map(|_| whole.push(&[b'x'; 32 << 10])).count();
        assert!(lines >= 3, "{lines}");
        assert!(whole.rest.len() <= PIECE);
    }
}
