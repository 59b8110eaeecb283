//! How many tasks a service should have, and what follows when one ends.

use std::time::Duration;

use serde_json::Value;

use crate::clock::Step;
use crate::services::Mode;
use crate::state::{State, text};
use crate::tasks::{Desired, Slot, Stage, fits};

/// The engine's pause before a task is started again, where the restart policy has none.
const RESTART_DELAY: Duration = Duration::from_secs(5);

impl State {
    /// Writes down the next round of a job; nothing for other services.
    pub(crate) fn start_job(&mut self, service: &str) {
        let at = self.now();
        let Some(service) = self.services.iter_mut().find(|s| s.id == service) else { return };
        match service.mode() {
            Mode::Job { .. } | Mode::GlobalJob => service.job = Some((service.index, at)),
            Mode::Replicated(_) | Mode::Global => {}
        }
    }

    /// Makes the tasks that are missing and ends those that are too many.
    pub(crate) fn fill(&mut self, service: &str) {
        let Some(found) = self.services.iter().find(|s| s.id == service) else { return };
        let (mode, constraints) =
            (found.mode(), found.spec["TaskTemplate"]["Placement"]["Constraints"].clone());
        let round = found.job.as_ref().map(|(index, _)| *index);
        let slots: Vec<Slot> = match mode {
            Mode::Replicated(count) => (1..=count).map(Slot::Nth).collect(),
            Mode::Global | Mode::GlobalJob => self
                .nodes
                .iter()
                .filter(|n| fits(n, &constraints))
                .map(|n| Slot::Node(text(&n["ID"])))
                .collect(),
            Mode::Job { at_once, total } => {
                let of_round = |t: &&crate::tasks::Task| t.service == service && t.job == round;
                let done = self.tasks.iter().filter(of_round).filter(|t| t.stage == Stage::Complete).count();
                let alive =
                    self.tasks.iter().filter(of_round).filter(|t| !t.is_over() && t.is_wanted()).count();
                let room = at_once.saturating_sub(alive as u64);
                let first = self.tasks.iter().filter(of_round).count() as u64;
                let missing = total.saturating_sub(done as u64 + alive as u64).min(room);
                (first..first + missing).map(Slot::Nth).collect()
            }
        };
        let desired = if round.is_some() { Desired::Complete } else { Desired::Running };
        for slot in &slots {
            let held = |t: &&crate::tasks::Task| {
                t.service == service && t.slot == *slot && t.is_wanted() && t.job == round
            };
            if !self.tasks.iter().any(|t| held(&t)) {
                self.new_task(service, slot.clone(), desired);
            }
        }
        if round.is_none() {
            let surplus: Vec<_> = self
                .tasks
                .iter()
                .filter(|t| t.service == service && t.is_wanted() && !slots.contains(&t.slot))
                .map(|t| t.id.clone())
                .collect();
            for id in surplus {
                self.end_task(&id, Desired::Remove);
            }
        }
    }

    /// Hears of every change of a task's state.
    pub(crate) fn task_changed(&mut self, id: &str) {
        let Some(task) = self.tasks.iter().find(|t| t.id == id) else { return };
        let (service, slot, over, wanted) =
            (task.service.clone(), task.slot.clone(), task.is_over(), task.is_wanted());
        if over && wanted {
            self.restart(id);
        }
        if over {
            self.forget_soon(id);
        }
        self.updated_task(&service, &slot, id);
        if over {
            self.trim_history(&service, &slot);
        }
    }

    /// A wanted task ended: another follows, where the restart policy has it so.
    fn restart(&mut self, id: &str) {
        let Some(task) = self.task_mut(id) else { return };
        let (service, slot, stage, spec) =
            (task.service.clone(), task.slot.clone(), task.stage, task.spec.clone());
        let job = task.job;
        task.desired = Desired::Shutdown;
        let Some(held) = self.services.iter().find(|s| s.id == service) else { return };
        if job.is_some() && held.job.as_ref().map(|(index, _)| *index) != job {
            return;
        }
        if job.is_some() && stage == Stage::Complete {
            if let Some(task) = self.task_mut(id) {
                task.desired = Desired::Complete;
            }
            self.fill(&service);
            return;
        }
        let policy = &spec["RestartPolicy"];
        let again = match policy["Condition"].as_str() {
            Some("none") => false,
            Some("on-failure") => stage != Stage::Complete,
            Some(_) | None => true,
        };
        let tried =
            self.tasks.iter().filter(|t| t.service == service && t.slot == slot && t.spec == spec).count();
        let spent = policy["MaxAttempts"].as_u64().is_some_and(|most| most > 0 && tried as u64 > most);
        if !again || spent {
            return;
        }
        if let Some(next) = self.new_task(&service, slot, Desired::Ready) {
            self.clock.after(nanos(&policy["Delay"]).unwrap_or(RESTART_DELAY), Step::Wake { task: next });
        }
    }
}

/// A length as the API writes it.
pub(crate) fn nanos(value: &Value) -> Option<Duration> {
    value.as_u64().map(Duration::from_nanos)
}
