//! The virtual clock: what is due, and when.
//!
//! Only the order and the distances of what happens are virtual. The times that answers carry are this machine's, at
//! the moment when the thing happened: a client never sees a time from its future, and an app that takes eight seconds
//! to sicken looks to it like one that took eight milliseconds.

use std::collections::BTreeMap;
use std::time::Duration;

/// How the virtual clock runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Only when the test says so.
    Driven,
    /// So many seconds to one of ours.
    Times(u32),
}

/// Something that happens by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The task goes on to its next state.
    Move { task: String },
    /// The pause before a task is started again is over.
    Wake { task: String },
    /// The process of this start ends by itself.
    End { container: String, start: u64, code: i64 },
    /// Its first good check.
    Healthy { container: String, start: u64 },
    /// Checks failed often enough.
    Unhealthy { container: String, start: u64 },
    /// Its grace is over.
    Kill { container: String, start: u64 },
    /// A task that is to be removed goes from the list.
    Forget { task: String },
    /// An update begins.
    Begin { service: String, round: u64 },
    /// The update starts its next slots.
    Next { service: String, round: u64 },
    /// The monitor window of an update is over.
    Watched { service: String, round: u64 },
}

/// Virtual time and what is due on it.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// Since the fake started.
    pub(crate) now: Duration,
    /// By time, then in the order in which it was planned.
    due: BTreeMap<(Duration, u64), Step>,
    planned: u64,
}

impl Clock {
    pub(crate) fn after(&mut self, wait: Duration, step: Step) {
        self.planned += 1;
        self.due.insert((self.now.saturating_add(wait), self.planned), step);
    }

    /// Returns when the next thing is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// Takes what is due until `limit` and sets the clock to it.
    pub(crate) fn take(&mut self, limit: Duration) -> Option<Step> {
        let first = self.due.first_entry().filter(|first| first.key().0 <= limit)?;
        let ((at, _), step) = first.remove_entry();
        self.now = self.now.max(at);
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_order_and_sets_the_clock() {
        let mut clock = Clock::default();
        let step = |task: &str| Step::Move { task: task.into() };
        clock.after(Duration::from_secs(2), step("late"));
        clock.after(Duration::from_secs(1), step("a"));
        clock.after(Duration::from_secs(1), step("b"));
        let limit = Duration::from_secs(1);
        assert_eq!(clock.take(limit), Some(step("a")));
        assert_eq!((clock.take(limit), clock.now), (Some(step("b")), limit));
        assert_eq!(clock.take(limit), None);
        assert_eq!(clock.next(), Some(Duration::from_secs(2)));
    }
}
