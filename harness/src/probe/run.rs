//! A probe on its schedule, from the first try to an answer or to the end of its window.

use std::time::Duration;

use domain::Cause;
use domain::cause::ProbeStep;
use domain::event::Probed;
use tokio::time::Instant;

use super::ask::{Probe, Reach};
use super::schedule::Schedule;
use super::steps::{Attempt, Failure, attempt};
use super::text::plain;

/// Longest text of a result, in characters.
const SAYS: usize = 600;

/// What a probe came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The event.
    pub probed: Probed,
    /// Why it failed; `None` if it did not.
    pub cause: Option<Cause>,
    /// The last try, with the times of its steps, the way it went and the certificate.
    pub last: Attempt,
}

/// Asks until the answer is right, the window closes or the tries are used up. `seen` is told of each try.
///
/// May be dropped at any await; at most one connection is open at any time.
pub async fn run(probe: &Probe, schedule: &Schedule, mut seen: impl FnMut(u32, &Attempt)) -> Outcome {
    let started = Instant::now();
    let end = started + schedule.window;
    let mut tries = 0;
    let last = loop {
        tries += 1;
        // A try may not outlast the window, but the last one gets a fair second.
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
        let made = attempt(probe, schedule.one_try.min(left)).await;
        seen(tries, &made);
        let next = Instant::now() + schedule.pause_after(tries);
        if made.result.is_ok() || schedule.max_tries <= tries || end <= next {
            break made;
        }
        tokio::time::sleep_until(next).await;
    };
    outcome(probe, schedule, last, tries, started.elapsed())
}

fn outcome(probe: &Probe, schedule: &Schedule, last: Attempt, tries: u32, took: Duration) -> Outcome {
    let url = probe.ask.url();
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let way = last.via.as_ref().map(|via| format!(" (via {via})")).unwrap_or_default();
    let (ok, step, says) = match &last.result {
        Ok(says) => (true, last.steps.last().map_or(ProbeStep::App, |(step, _)| *step), says.clone()),
        Err(Failure { step, says }) => (false, *step, says.clone()),
    };
    let says = plain(&format!("{says}{way}"), SAYS);
    let cause = (!ok).then(|| match (&probe.reach, step) {
        // Nobody but us runs the edge: a recipe cannot make it refuse a connection (law 6).
        (Reach::Edge(_), ProbeStep::Tcp) if last.via.is_none() => Cause::Node { says: says.clone() },
        (Reach::Edge(_) | Reach::Dns | Reach::Through(_), step) => Cause::Probe {
            from: probe.from,
            step,
            url: url.clone(),
            says: says.clone(),
            tries,
            window_seconds: schedule.window.as_secs(),
        },
    });
    let probed = Probed { from: probe.from, url, step, ok, says, tries, millis };
    Outcome { probed, cause, last }
}
