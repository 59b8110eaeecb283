//! Waiting until a stack is settled, and watching that it stays so. Events say when to look, inspection says what
//! is, `domain::settle` says what it means.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::Cause;
use domain::settle::{
    Awaited, Observation, SettleLimits, Standing, TaskState, Update, judge, judge_soak, suspects,
};
use tokio::time::{Instant, sleep};

use super::logs::LAST_LINES;
use super::observe::Ends;
use super::watch::{Pulse, Watch};
use super::{Applied, Engine, EngineError};

/// After an event the manager hears of it 50 to 400 ms later (dependencies.md, trap 6): look again at these
/// distances.
const BURST: [Duration; 7] = [
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_millis(80),
    Duration::from_millis(160),
    Duration::from_millis(320),
    Duration::from_millis(640),
];
/// For what has no event: pending and rejected tasks, limits that pass.
const TICK: Duration = Duration::from_secs(1);
/// Longest time that an engine may be away before we stop believing that it comes back: a restart with containers
/// that do not stop takes up to 35 s, a loaded node as long again.
const AWAY_LIMIT: Duration = Duration::from_secs(90);
/// How often an engine that is away is asked.
const AWAY_PAUSE: Duration = Duration::from_millis(250);
/// Longest time to fetch the lines that explain a failure. The verdict does not wait for more.
const LINES_LIMIT: Duration = Duration::from_secs(5);
/// How long after an engine came back what ended is its doing: it starts tasks before its own swarm part is up, and
/// rejects them ("cannot create a swarm scoped network when swarm is not active").
const RESTART_SHADOW: TimeDelta = TimeDelta::seconds(10);
/// Longest time in a soak for the engine to say what it makes of an end: a rollback starts within 2 s.
const SOAK_DOUBT: Duration = Duration::from_secs(20);
const EVENTS: &[&str] = &["service", "container"];

/// A stack that is settled.
#[derive(Clone, Debug)]
pub struct Settled {
    /// When, on the engine's clock.
    pub at: DateTime<Utc>,
    /// What was seen then.
    pub seen: Observation,
}

/// A stack that is not going to be settled.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cause}")]
pub struct Trouble {
    /// Why, with the last log lines of those who caused it.
    pub cause: Cause,
    /// What was seen last.
    pub seen: Observation,
}

impl Engine {
    /// Waits until the stack is settled or cannot be any more. `progress` hears each change of what is awaited.
    ///
    /// Never hangs: the window of `limits` ends it, and an engine that stays away for 90 s does.
    #[tracing::instrument(skip_all, fields(stack = %applied.stack))]
    pub async fn settle(
        &self,
        applied: &Applied,
        limits: &SettleLimits,
        progress: &mut (dyn FnMut(&[Awaited]) + Send),
    ) -> Result<Settled, Trouble> {
        // Before the first look, so that nothing falls between.
        let mut watch = self.watch(EVENTS);
        let mut told = Vec::new();
        let mut look = Look::default();
        loop {
            let now = self.now();
            let seen = match self.look(applied, &mut look).await {
                Ok(Some(seen)) => seen,
                Ok(None) if now - applied.at >= limits.window => {
                    let says = format!(
                        "it was away when the settle window of {} s ended",
                        limits.window.num_seconds()
                    );
                    return Err(Trouble { cause: Cause::Engine { says }, seen: look.last });
                }
                Ok(None) => {
                    sleep(AWAY_PAUSE).await;
                    continue;
                }
                Err(cause) => return Err(Trouble { cause, seen: look.last }),
            };
            match judge(&seen, applied.at, self.now(), limits) {
                Standing::Settled => return Ok(Settled { at: self.now(), seen }),
                Standing::Failed(cause) => {
                    let cause = self.explain(cause, applied, &seen).await;
                    return Err(Trouble { cause, seen });
                }
                Standing::Waiting(awaited) => {
                    if awaited != told {
                        progress(&awaited);
                        told = awaited;
                    }
                }
            }
            let left = (limits.window - (self.now() - applied.at)).to_std().unwrap_or_default();
            look.pause(&mut watch, applied, left).await;
        }
    }

    /// Watches a settled stack for `length` and fails when it is not settled any more (CC-047).
    #[tracing::instrument(skip_all, fields(stack = %applied.stack))]
    pub async fn soak(
        &self,
        applied: &Applied,
        settled_at: DateTime<Utc>,
        length: Duration,
    ) -> Result<(), Cause> {
        let mut watch = self.watch(EVENTS);
        let mut look = Look::default();
        let mut doubt = None;
        let length = TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX);
        loop {
            let Some(seen) = self.look(applied, &mut look).await? else {
                sleep(AWAY_PAUSE).await;
                continue;
            };
            if look.shadow.is_some() {
                // It took the containers with it: nothing that we see now speaks of the stack.
                return Err(Cause::Engine { says: "it restarted while the stack was soaked".into() });
            }
            let now = self.now();
            match judge_soak(&seen, settled_at, now) {
                // The last look comes after the whole length, not before it.
                Standing::Settled if now - settled_at >= length => return Ok(()),
                Standing::Settled => doubt = None,
                Standing::Waiting(awaited) => {
                    if doubt.get_or_insert_with(Instant::now).elapsed() >= SOAK_DOUBT {
                        let Awaited { service, why } = awaited.into_iter().next().unwrap_or_default();
                        let after_seconds = (now - settled_at).num_seconds().unsigned_abs();
                        let cause =
                            Cause::LostAfterSettled { service, after_seconds, says: why, last_lines: vec![] };
                        return Err(self.explain(cause, applied, &seen).await);
                    }
                }
                Standing::Failed(cause) => return Err(self.explain(cause, applied, &seen).await),
            }
            let left = (length - (now - settled_at)).to_std().unwrap_or_default();
            look.pause(&mut watch, applied, left).await;
        }
    }

    /// Waits until the engine watches no update of the stack any more: as long as it does, it takes the end of any task
    /// for the update's failure, also an end that a hook of the recipe asked for.
    pub async fn updates_end(&self, applied: &Applied, limit: Duration) -> Result<(), Cause> {
        let mut watch = self.watch(EVENTS);
        let mut look = Look::default();
        let began = Instant::now();
        loop {
            let left = limit.saturating_sub(began.elapsed());
            match self.look(applied, &mut look).await? {
                None => sleep(AWAY_PAUSE).await,
                Some(seen) => {
                    let watched = seen.services.iter().find(|s| s.update == Update::Updating);
                    let Some(service) = watched else { return Ok(()) };
                    if left.is_zero() {
                        return Err(Cause::NotSettled {
                            window_seconds: limit.as_secs(),
                            waiting: vec![format!("`{}` is still being updated", service.name)],
                            last_lines: Vec::new(),
                        });
                    }
                    look.pause(&mut watch, applied, left).await;
                }
            }
        }
    }

    /// Looks once. `None` while the engine is away; an error once it has been for too long.
    async fn look(&self, applied: &Applied, look: &mut Look) -> Result<Option<Observation>, Cause> {
        match self.observe(applied, &mut look.ends).await {
            Ok(mut seen) => {
                if look.away.take().is_some() {
                    look.shadow = Some(self.now() + RESTART_SHADOW);
                }
                look.forgive(&mut seen);
                look.last.clone_from(&seen);
                Ok(Some(seen))
            }
            Err(error) => {
                let since = *look.away.get_or_insert_with(Instant::now);
                let patient = error.is_away() || matches!(error, EngineError::Deadline { .. });
                if !patient || since.elapsed() >= AWAY_LIMIT {
                    return Err(error.cause());
                }
                tracing::debug!(error = %super::Chain(&error), "the engine is away");
                Ok(None)
            }
        }
    }

    /// Adds to a cause what only the containers know.
    async fn explain(&self, cause: Cause, applied: &Applied, seen: &Observation) -> Cause {
        let services = match cause.service() {
            Some(service) => [service.to_owned()].into(),
            None => suspects(seen),
        };
        let gather = self.last_lines(applied, &services, LAST_LINES);
        match tokio::time::timeout(LINES_LIMIT, gather).await {
            Ok(lines) => cause.with_last_lines(lines),
            Err(_) => {
                tracing::warn!("the last lines did not come within {} s", LINES_LIMIT.as_secs());
                cause
            }
        }
    }
}

/// What one waiting remembers between its looks.
#[derive(Default)]
struct Look {
    away: Option<Instant>,
    last: Observation,
    ends: Ends,
    step: usize,
    /// What ended before this moment ended because the engine did.
    shadow: Option<DateTime<Utc>>,
}

impl Look {
    /// Takes what ended in the shadow of a restart out of the account, as if it were of another spec.
    fn forgive(&self, seen: &mut Observation) {
        let Some(shadow) = self.shadow else { return };
        for service in &mut seen.services {
            for task in service.tasks.iter_mut().filter(|t| t.since < shadow) {
                match task.state {
                    TaskState::Failed | TaskState::Rejected => task.current = false,
                    TaskState::Complete => task.current &= service.may_complete,
                    TaskState::Waiting | TaskState::Starting | TaskState::Running | TaskState::Stopped => {}
                }
            }
        }
    }

    /// Waits for an event of the stack, for the next look of a burst, or for the tick; not longer than `left`.
    async fn pause(&mut self, watch: &mut Watch, applied: &Applied, left: Duration) {
        let pause = BURST.get(self.step).copied().unwrap_or(TICK).min(left.max(BURST[0]));
        self.step += 1;
        tokio::select! {
            () = sleep(pause) => {}
            () = watch.next(|pulse| concerns(pulse, applied)) => self.step = 0,
        }
    }
}

fn concerns(pulse: &Pulse, applied: &Applied) -> bool {
    let service = match pulse.kind.as_str() {
        "service" => Some(pulse.id.as_str()),
        // Each healthcheck is an exec of its own, every second or so: no news.
        "container" if pulse.action.starts_with("exec_") => None,
        "container" => pulse.attribute("com.docker.swarm.service.id"),
        _ => None,
    };
    service.is_some_and(|id| applied.services.iter().any(|s| s.id == id))
}
