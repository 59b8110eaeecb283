//! A container's process: started, checked, asked to end, killed; and what its end means for its task.

use std::time::Duration;

use serde_json::{Value, json};

use super::retries;
use crate::app::{Life, Term};
use crate::clock::Step;
use crate::orchestrate::nanos;
use crate::state::{State, items, text};
use crate::tasks::{Desired, Stage};

/// How long a process takes to leave when it is asked.
const LEAVE: Duration = Duration::from_millis(5);
/// The engine's own values where a spec has none.
const GRACE: Duration = Duration::from_secs(10);
const CHECK_INTERVAL: Duration = Duration::from_secs(30);

/// When the first good check comes, and when the container is called unhealthy, since the start.
fn checks(spec: &Value, life: &Life) -> Option<(Option<Duration>, Option<Duration>)> {
    let check = &spec["Healthcheck"];
    let test = items(&check["Test"]).first().and_then(Value::as_str)?;
    if test == "NONE" {
        return None;
    }
    let length = |key: &str| nanos(&check[key]).filter(|d| !d.is_zero());
    let interval = length("Interval").unwrap_or(CHECK_INTERVAL);
    let patience = length("StartPeriod").unwrap_or_default()
        + interval.saturating_mul(u32::try_from(retries(spec)).unwrap_or(u32::MAX));
    let rounds = |after: Duration| after.as_nanos().div_ceil(interval.as_nanos()).max(1);
    let good = life
        .healthy_after
        .map(|after| interval.saturating_mul(u32::try_from(rounds(after)).unwrap_or(u32::MAX)));
    let good = good.filter(|good| *good <= patience);
    let bad = match (good, life.sickens_after) {
        (None, _) => Some(patience),
        (Some(good), Some(after)) => {
            Some(after.max(good) + interval.saturating_mul(u32::try_from(retries(spec)).unwrap_or(u32::MAX)))
        }
        (Some(_), None) => None,
    };
    Some((good, bad))
}

impl State {
    /// Starts the container of a task. Says whether its health decides when the task runs.
    pub(crate) fn start_task_container(&mut self, task: &str) -> bool {
        let Some(nth) = self.containers.iter().position(|c| c.task == task) else { return false };
        let id = self.containers[nth].id.clone();
        for (network, _) in self.containers[nth].networks.clone() {
            self.join(&network, &id);
        }
        for mount in self.containers[nth].mounts.clone().iter().filter(|m| m["Type"] == "volume") {
            let attributes = json!({
                "container": id, "destination": mount["Destination"], "driver": "local", "propagation": "",
                "read/write": (mount["RW"] == true).to_string(),
            });
            self.event("volume", "mount", &text(&mount["Name"]), attributes);
        }
        let at = self.moment();
        let app = self.apps.get(&self.containers[nth].image).cloned();
        let container = &mut self.containers[nth];
        let life = app.map_or_else(Life::steady, |app| (app.start)(&container.disk));
        container.running = true;
        container.started = Some(at);
        container.start += 1;
        container.log.extend(life.says.iter().cloned());
        let (id, start, checks) = (container.id.clone(), container.start, checks(&container.spec, &life));
        container.health = checks.map(|_| "starting");
        container.life = Some(life.clone());
        let attributes = container.event_attributes();
        if let Some(task) = self.task_mut(task) {
            task.pid = std::process::id();
        }
        self.event("container", "start", &id, attributes);
        if let Some((after, code)) = life.ends {
            self.clock.after(after, Step::End { container: id.clone(), start, code });
        }
        if let Some((good, bad)) = checks {
            if let Some(good) = good {
                self.clock.after(good, Step::Healthy { container: id.clone(), start });
            }
            if let Some(bad) = bad {
                self.clock.after(bad, Step::Unhealthy { container: id, start });
            }
        }
        checks.is_some()
    }

    pub(crate) fn set_health(&mut self, id: &str, start: u64, word: &'static str) {
        let Some(container) =
            self.containers.iter_mut().find(|c| c.id == id && c.start == start && c.running)
        else {
            return;
        };
        container.health = Some(word);
        container.is_sick = word == "unhealthy";
        let (task, attributes, is_sick) =
            (container.task.clone(), container.event_attributes(), container.is_sick);
        self.event("container", &format!("health_status: {word}"), id, attributes);
        if is_sick {
            self.stop_container(id);
        } else if self.tasks.iter().any(|t| t.id == task && t.stage == Stage::Starting) {
            self.set_stage(&task, Stage::Running, "started");
        }
    }

    /// Asks a process to end, and kills it when its grace is over.
    pub(crate) fn stop_container(&mut self, id: &str) {
        let Some(container) = self.containers.iter().find(|c| c.id == id) else { return };
        let (task, start, running) = (container.task.clone(), container.start, container.running);
        if !running {
            self.over(&task, container.code, false);
            return;
        }
        let term = container.life.as_ref().map_or(Term::Leaves(143), |life| life.term);
        let grace = nanos(&container.spec["StopGracePeriod"]).unwrap_or(GRACE);
        let mut attributes = container.event_attributes();
        attributes["signal"] = json!("15");
        self.event("container", "kill", id, attributes);
        let container = id.to_owned();
        match term {
            Term::Leaves(code) => self.clock.after(LEAVE, Step::End { container, start, code }),
            Term::Ignores => self.clock.after(grace, Step::Kill { container, start }),
        }
    }

    pub(crate) fn kill_container(&mut self, id: &str, start: Option<u64>) {
        let Some(container) = self.containers.iter().find(|c| c.id == id && c.running) else { return };
        if start.is_some_and(|start| start != container.start) {
            return;
        }
        let mut attributes = container.event_attributes();
        attributes["signal"] = json!("9");
        self.event("container", "kill", id, attributes);
        self.end_container(id, start, 137);
    }

    /// The process is gone.
    pub(crate) fn end_container(&mut self, id: &str, start: Option<u64>, code: i64) {
        let at = self.moment();
        let Some(container) = self.containers.iter_mut().find(|c| c.id == id && c.running) else { return };
        if start.is_some_and(|start| start != container.start) {
            return;
        }
        container.running = false;
        container.finished = Some(at);
        container.code = code;
        container.oom = container.life.as_ref().is_some_and(|l| l.oom) && code == 137;
        let was_sick = container.is_sick;
        // Any container that ends is called unhealthy, whatever its checks said.
        container.health = container.health.map(|_| "unhealthy");
        let (task, mut attributes) = (container.task.clone(), container.event_attributes());
        attributes["exitCode"] = json!(code.to_string());
        let (networks, volumes) =
            (container.networks.clone(), container.volumes().map(str::to_owned).collect::<Vec<_>>());
        let stopped = container.event_attributes();
        self.event("container", "die", id, attributes);
        for (network, _) in networks {
            self.leave(&network, id);
        }
        for volume in volumes {
            self.event("volume", "unmount", &volume, json!({"container": id, "driver": "local"}));
        }
        if self.tasks.iter().any(|t| t.id == task && !t.is_wanted()) {
            self.event("container", "stop", id, stopped);
        }
        self.over(&task, code, was_sick);
    }

    /// What the end of its process means for a task.
    pub(super) fn over(&mut self, task: &str, code: i64, was_sick: bool) {
        let Some(held) = self.task_mut(task) else { return };
        if held.is_over() {
            return;
        }
        held.exit = code;
        held.pid = 0;
        let wanted = held.desired <= Desired::Complete;
        if wanted && code != 0 {
            let why = if was_sick { ": dockerexec: unhealthy container" } else { "" };
            held.err = format!("task: non-zero exit ({code}){why}");
        }
        match (wanted, code) {
            (false, _) => self.set_stage(task, Stage::Shutdown, "shutdown"),
            (true, 0) => self.set_stage(task, Stage::Complete, "finished"),
            (true, _) => self.set_stage(task, Stage::Failed, "started"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_comes_at_a_check_and_patience_ends_it() {
        let second = Duration::from_secs(1);
        let spec =
            json!({"Healthcheck": {"Test": ["CMD", "x"], "Interval": 2_000_000_000_u64, "Retries": 2}});
        let told = |life: Life| checks(&spec, &life).unwrap();
        assert_eq!(told(Life::steady()), (Some(second * 2), None));
        assert_eq!(told(Life::steady().healthy_after(second * 3)), (Some(second * 4), None));
        assert_eq!(told(Life::steady().healthy_after(second * 5)), (None, Some(second * 4)));
        assert_eq!(told(Life::steady().never_healthy()), (None, Some(second * 4)));
        assert_eq!(told(Life::steady().sickens_after(second * 8)), (Some(second * 2), Some(second * 12)));
        assert!(checks(&json!({"Healthcheck": {"Test": ["NONE"]}}), &Life::steady()).is_none());
    }
}
