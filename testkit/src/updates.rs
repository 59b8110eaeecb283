//! Updates and rollbacks, slot by slot, as the engine's updater goes about them.
//!
//! Kept on purpose: a task that fails after the monitor window leaves the update `completed`; the old spec is back
//! before the rollback is complete; each service is on its own, so that one may roll back while another stays new.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Step;
use crate::orchestrate::nanos;
use crate::services::Mode;
use crate::state::State;
use crate::tasks::{Desired, Slot, Stage};

/// The engine's monitor window where the spec has none.
const MONITOR: Duration = Duration::from_secs(5);

/// An update under way.
#[derive(Debug)]
pub(crate) struct Update {
    is_rollback: bool,
    todo: VecDeque<Slot>,
    active: Vec<Slot>,
    total: usize,
    failed: usize,
    /// The tasks that it made.
    made: Vec<String>,
    last_ran: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnFailure {
    Pause,
    Continue,
    Rollback,
}

struct Config {
    parallelism: usize,
    delay: Duration,
    monitor: Duration,
    start_first: bool,
    on_failure: OnFailure,
    ratio: f64,
}

impl Config {
    fn read(spec: &Value, is_rollback: bool) -> Self {
        let config = &spec[if is_rollback { "RollbackConfig" } else { "UpdateConfig" }];
        Self {
            parallelism: match config["Parallelism"].as_u64() {
                Some(0) => usize::MAX,
                Some(many) => usize::try_from(many).unwrap_or(usize::MAX),
                None => 1,
            },
            delay: nanos(&config["Delay"]).unwrap_or_default(),
            monitor: nanos(&config["Monitor"]).filter(|m| !m.is_zero()).unwrap_or(MONITOR),
            start_first: config["Order"] == "start-first",
            on_failure: match config["FailureAction"].as_str() {
                Some("continue") => OnFailure::Continue,
                Some("rollback") if !is_rollback => OnFailure::Rollback,
                Some(_) | None => OnFailure::Pause,
            },
            ratio: config["MaxFailureRatio"].as_f64().unwrap_or(0.0),
        }
    }
}

impl State {
    /// Takes a service from its previous spec to its present one.
    pub(crate) fn begin_update(&mut self, service: &str, round: u64) {
        let Some(held) = self.services.iter().find(|s| s.id == service && s.round == round) else { return };
        match held.mode() {
            Mode::Job { .. } | Mode::GlobalJob => {
                self.start_job(service);
                let round = self.services.iter().find(|s| s.id == service).and_then(|s| s.job.clone());
                let old: Vec<_> = self
                    .tasks
                    .iter()
                    .filter(|t| t.service == service && t.job != round.as_ref().map(|(index, _)| *index))
                    .map(|t| t.id.clone())
                    .collect();
                for id in old {
                    self.end_task(&id, Desired::Remove);
                }
                self.fill(service);
            }
            Mode::Replicated(_) | Mode::Global => {
                let old: Vec<Slot> = self.dirty(service);
                self.fill(service);
                self.begin_slots(service, old, false);
            }
        }
    }

    /// Slots whose task is of another spec.
    fn dirty(&self, service: &str) -> Vec<Slot> {
        let Some(held) = self.services.iter().find(|s| s.id == service) else { return Vec::new() };
        let ports = held.previous.as_ref().is_some_and(|p| p["EndpointSpec"] != held.spec["EndpointSpec"]);
        let wanted = plain(&held.spec["TaskTemplate"]);
        let dirty = |t: &&crate::tasks::Task| {
            t.service == service && t.is_wanted() && (ports || plain(&t.spec) != wanted)
        };
        let mut slots: Vec<Slot> = Vec::new();
        for task in self.tasks.iter().filter(dirty) {
            if !slots.contains(&task.slot) {
                slots.push(task.slot.clone());
            }
        }
        if let Mode::Replicated(count) = held.mode() {
            slots.retain(|slot| matches!(slot, Slot::Nth(nth) if *nth <= count));
        }
        slots
    }

    fn begin_slots(&mut self, service: &str, slots: Vec<Slot>, is_rollback: bool) {
        if slots.is_empty() && !is_rollback {
            return;
        }
        let now = self.clock.now;
        let Some(held) = self.services.iter_mut().find(|s| s.id == service) else { return };
        let round = held.round;
        held.update = Some(Update {
            is_rollback,
            total: slots.len(),
            todo: slots.into(),
            active: Vec::new(),
            failed: 0,
            made: Vec::new(),
            last_ran: now,
        });
        if !is_rollback {
            self.say(service, "updating", "update in progress");
        }
        self.drive_update(service, round);
    }

    /// Writes the state of an update where the API shows it, with its event.
    fn say(&mut self, service: &str, state: &str, message: &str) {
        let (at, index) = (self.now(), self.next_index());
        let Some(held) = self.services.iter_mut().find(|s| s.id == service) else { return };
        let old = held.status.as_ref().map(|s| s["State"].clone());
        let mut status = held.status.take().unwrap_or_else(|| json!({"State": "", "StartedAt": at}));
        status["State"] = json!(state);
        if matches!(state, "updating" | "rollback_started") {
            status["StartedAt"] = json!(at);
        }
        if matches!(state, "completed" | "rollback_completed") {
            status["CompletedAt"] = json!(at);
        }
        status["Message"] = json!(message);
        held.status = Some(status);
        held.index = index;
        held.updated = at;
        let mut attributes = json!({"name": held.name(), "updatestate.new": state});
        if let Some(old) = old {
            attributes["updatestate.old"] = old;
        }
        self.event("service", "update", service, attributes);
    }

    /// Starts as many slots as may be under way at once; at the end waits for the monitor window.
    pub(crate) fn drive_update(&mut self, service: &str, round: u64) {
        loop {
            let now = self.clock.now;
            let Some(held) = self.services.iter_mut().find(|s| s.id == service && s.round == round) else {
                return;
            };
            let spec = held.spec.clone();
            let Some(update) = &mut held.update else { return };
            let config = Config::read(&spec, update.is_rollback);
            if update.active.len() >= config.parallelism {
                return;
            }
            let Some(slot) = update.todo.pop_front() else {
                if update.active.is_empty() {
                    let passed = now.saturating_sub(update.last_ran);
                    let left = config.monitor.saturating_sub(passed);
                    self.clock.after(left, Step::Watched { service: service.to_owned(), round });
                }
                return;
            };
            update.active.push(slot.clone());
            self.update_slot(service, slot, config.start_first);
        }
    }

    fn update_slot(&mut self, service: &str, slot: Slot, start_first: bool) {
        let old = self.others_in(service, &slot, &[]);
        let desired = if start_first { Desired::Running } else { Desired::Ready };
        let Some(made) = self.new_task(service, slot, desired) else { return };
        if let Some(update) = self.update_mut(service) {
            update.made.push(made.clone());
        }
        if !start_first {
            for id in &old {
                self.end_task(id, Desired::Shutdown);
            }
            if !self.tasks.iter().any(|t| old.contains(&t.id) && !t.is_over()) {
                self.wake(&made);
            }
        }
    }

    /// Tasks of the slot that live or are wanted, without those of this update.
    fn others_in(&self, service: &str, slot: &Slot, made: &[String]) -> Vec<String> {
        let of_slot = self.tasks.iter().filter(|t| t.service == service && t.slot == *slot);
        of_slot
            .filter(|t| (t.is_wanted() || !t.is_over()) && !made.contains(&t.id))
            .map(|t| t.id.clone())
            .collect()
    }

    fn update_mut(&mut self, service: &str) -> Option<&mut Update> {
        self.services.iter_mut().find(|s| s.id == service)?.update.as_mut()
    }

    /// Hears of every change of a task of a service.
    pub(crate) fn updated_task(&mut self, service: &str, slot: &Slot, id: &str) {
        let now = self.clock.now;
        let Some(held) = self.services.iter_mut().find(|s| s.id == service) else { return };
        let (spec, round) = (held.spec.clone(), held.round);
        let Some(update) = &mut held.update else { return };
        let config = Config::read(&spec, update.is_rollback);
        let made = update.made.clone();
        let Some(task) = self.tasks.iter().find(|t| t.id == id) else { return };
        let (stage, ran) = (task.stage, task.ran);
        if !made.contains(&task.id) {
            // An old one is down: its successor may start.
            if stage >= Stage::Complete && update.active.contains(slot) {
                let next =
                    self.tasks.iter().find(|t| made.contains(&t.id) && t.slot == *slot).map(|t| t.id.clone());
                let alive = self
                    .others_in(service, slot, &made)
                    .iter()
                    .any(|o| self.tasks.iter().any(|t| t.id == *o && !t.is_over()));
                if let Some(next) = next.filter(|_| !alive) {
                    self.wake(&next);
                }
            }
            return;
        }
        if stage == Stage::Running {
            update.last_ran = now;
            update.active.retain(|active| active != slot);
            for old in self.others_in(service, slot, &made) {
                self.end_task(&old, Desired::Shutdown);
            }
            self.clock.after(config.delay, Step::Next { service: service.to_owned(), round });
            return;
        }
        if stage >= Stage::Complete && ran.is_none_or(|ran| now.saturating_sub(ran) <= config.monitor) {
            update.active.retain(|active| active != slot);
            update.failed += 1;
            #[expect(clippy::cast_precision_loss, reason = "a handful of tasks")]
            let ratio = update.failed as f64 / update.total.max(1) as f64;
            if ratio > config.ratio && config.on_failure != OnFailure::Continue {
                self.fail_update(service, id, config.on_failure);
            } else {
                self.clock.after(config.delay, Step::Next { service: service.to_owned(), round });
            }
        }
    }

    fn fail_update(&mut self, service: &str, task: &str, then: OnFailure) {
        let Some(held) = self.services.iter_mut().find(|s| s.id == service) else { return };
        let was_rollback = held.update.take().is_some_and(|u| u.is_rollback);
        held.round += 1;
        let why = format!("due to failure or early termination of task {task}");
        match (was_rollback, then, held.previous.take()) {
            (true, _, _) => self.say(service, "rollback_paused", &format!("rollback paused {why}")),
            (false, OnFailure::Rollback, Some(previous)) => {
                // The old spec is back before anything of it runs.
                held.spec = previous;
                self.say(service, "rollback_started", &format!("update rolled back {why}"));
                let slots = self.dirty(service);
                self.fill(service);
                self.begin_slots(service, slots, true);
            }
            (false, _, previous) => {
                held.previous = previous;
                self.say(service, "paused", &format!("update paused {why}"));
            }
        }
    }

    /// The monitor window is over and nothing failed in it.
    pub(crate) fn watched(&mut self, service: &str, round: u64) {
        let Some(held) = self.services.iter_mut().find(|s| s.id == service && s.round == round) else {
            return;
        };
        let idle = held.update.as_ref().is_some_and(|u| u.todo.is_empty() && u.active.is_empty());
        if !idle {
            return;
        }
        match held.update.take().is_some_and(|u| u.is_rollback) {
            true => self.say(service, "rollback_completed", "rollback completed"),
            false => self.say(service, "completed", "update completed"),
        }
    }
}

/// The engine keeps tasks that still fit when only the placement changed.
fn plain(template: &Value) -> Value {
    let mut map = template.as_object().cloned().unwrap_or_default();
    map.retain(|key, _| key != "Placement" && key != "Runtime");
    Value::Object(map)
}
