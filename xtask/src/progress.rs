//! What a person sees while we work: one line a step with its time; on a terminal the running steps live below.
//!
//! All of it goes to stderr: stdout belongs to results.

use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// How often the live line is painted again.
const REPAINT: Duration = Duration::from_millis(150);
/// The live line must not wrap: a wrapped line cannot be painted over.
const LIVE_WIDTH: usize = 100;

/// Writes one line of the story.
pub(crate) fn say(line: &str) {
    let mut err = stderr().lock();
    // Nobody can be told that stderr is gone.
    writeln!(err, "{line}").ok();
}

/// The steps of one command.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: bool,
    running: Mutex<Vec<(String, Instant)>>,
}

/// What came of a step that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done now.
    Done(String),
    /// It was so already.
    Already(String),
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { terminal: stderr().is_terminal(), running: Mutex::default() }
    }

    /// Runs one step and writes its line: what it was, what came of it, how long it took.
    pub(crate) fn step(&self, name: &str, work: impl FnOnce() -> Result<Outcome>) -> Result<()> {
        let started = Instant::now();
        self.running().push((name.to_owned(), started));
        let over = AtomicBool::new(false);
        let result = thread::scope(|scope| {
            let painter = self.terminal.then(|| {
                scope.spawn(|| {
                    while !over.load(Ordering::Acquire) {
                        self.paint();
                        thread::park_timeout(REPAINT);
                    }
                })
            });
            let result = work();
            over.store(true, Ordering::Release);
            if let Some(painter) = painter {
                painter.thread().unpark();
            }
            result
        });
        let took = started.elapsed();
        let mut running = self.running();
        running.retain(|(other, since)| other != name || *since != started);
        let line = match &result {
            Ok(Outcome::Done(what)) => line("+", name, what, took),
            Ok(Outcome::Already(what)) => line("=", name, what, took),
            Err(_) => line("!", name, "failed", took),
        };
        let wipe = if self.terminal { "\r\x1b[K" } else { "" };
        say(&format!("{wipe}{line}"));
        drop(running);
        result.map(|_| ())
    }

    fn paint(&self) {
        let running = self.running();
        if running.is_empty() {
            return;
        }
        let live: Vec<String> = running
            .iter()
            .map(|(name, since)| format!("{name} {:.0}s", since.elapsed().as_secs_f32()))
            .collect();
        let live: String = format!("  … {}", live.join(" · ")).chars().take(LIVE_WIDTH).collect();
        let mut err = stderr().lock();
        write!(err, "\r\x1b[K{live}").ok();
        err.flush().ok();
    }

    fn running(&self) -> MutexGuard<'_, Vec<(String, Instant)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line(mark: &str, name: &str, what: &str, took: Duration) -> String {
    format!("{mark} {name:<34} {:>7}  {what}", seconds(took)).trim_end().to_owned()
}

/// A duration as people read it: `0.04 s`, `12.3 s`.
pub(crate) fn seconds(took: Duration) -> String {
    let s = took.as_secs_f64();
    if s < 1.0 { format!("{s:.2} s") } else { format!("{s:.1} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_mark_name_time_and_outcome() {
        let line = line("+", "engine", "started", Duration::from_millis(1234));
        assert_eq!(line, "+ engine                               1.2 s  started");
    }

    #[test]
    fn a_failed_step_is_over_and_its_error_comes_back() {
        let progress = Progress { terminal: false, running: Mutex::default() };
        let error = progress.step("engine", || anyhow::bail!("no room")).unwrap_err();
        assert_eq!(error.to_string(), "no room");
        assert!(progress.running().is_empty());
    }
}
