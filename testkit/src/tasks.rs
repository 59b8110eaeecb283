//! Tasks: from `new` to their end, and what the API shows of them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Step;
use crate::filters::Filters;
use crate::route::{Answer, Refusal, Told};
use crate::state::{State, items, text};

/// One move between two states before the start.
const MOVE: Duration = Duration::from_millis(10);
/// From the container's start to the manager's knowledge of it.
const START: Duration = Duration::from_millis(100);
/// From a removed service's task's end to its going from the list.
const FORGET: Duration = Duration::from_millis(50);
/// Dead tasks that are kept of each slot.
const HISTORY: usize = 5;

/// Where a task stands, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    New,
    Pending,
    Assigned,
    Accepted,
    Preparing,
    Ready,
    Starting,
    Running,
    Complete,
    Shutdown,
    Failed,
    Rejected,
}

impl Stage {
    fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Pending => "pending",
            Self::Assigned => "assigned",
            Self::Accepted => "accepted",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Shutdown => "shutdown",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
        }
    }
}

/// What the manager wants of it, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Desired {
    Ready,
    Running,
    /// A job's.
    Complete,
    Shutdown,
    Remove,
}

impl Desired {
    fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Shutdown => "shutdown",
            Self::Remove => "remove",
        }
    }
}

/// Which of its service's tasks it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Nth(u64),
    Node(String),
}

/// A task.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) id: String,
    index: u64,
    created: String,
    updated: String,
    pub(crate) service: String,
    pub(crate) service_name: String,
    /// The service's, at the time.
    labels: Value,
    pub(crate) slot: Slot,
    pub(crate) node: Option<String>,
    pub(crate) spec: Value,
    pub(crate) stage: Stage,
    pub(crate) desired: Desired,
    message: String,
    pub(crate) err: String,
    at: String,
    pub(crate) container: Option<String>,
    pub(crate) pid: u32,
    pub(crate) exit: i64,
    /// Network's id and the address on it.
    pub(crate) networks: Vec<(String, String)>,
    /// When it was seen running, on the virtual clock.
    pub(crate) ran: Option<Duration>,
    pub(crate) job: Option<u64>,
}

impl Task {
    pub(crate) fn is_over(&self) -> bool {
        self.stage >= Stage::Complete
    }

    /// Whether the manager wants it to live.
    pub(crate) fn is_wanted(&self) -> bool {
        self.desired <= Desired::Complete
    }
}

impl State {
    pub(crate) fn list_tasks(&mut self, filters: &Filters) -> Told {
        if let Some(key) =
            filters.unknown(&["desired-state", "id", "label", "name", "node", "service", "_up-to-date"])
        {
            return Err(Refusal::new(
                400,
                format!("{} filter '{key}'", if self.is_old() { "Invalid" } else { "invalid" }),
            ));
        }
        let found = self.tasks.iter().filter(|t| {
            filters.labels(&t.labels)
                && filters.any("id", |id| t.id == id)
                && filters.any("service", |name| t.service == name || t.service_name == name)
                && filters.any("node", |node| t.node.as_deref() == Some(node))
                && filters.any("desired-state", |state| t.desired.word() == state)
        });
        let found: Vec<_> = found.map(|t| self.shown_task(t)).collect();
        Ok(Answer::Json(200, Value::Array(found)))
    }

    pub(crate) fn inspect_task(&mut self, id: &str) -> Told {
        let found = self.tasks.iter().find(|t| t.id == id);
        found
            .map(|t| Answer::Json(200, self.shown_task(t)))
            .ok_or_else(|| Refusal::new(404, format!("task {id} not found")))
    }

    fn shown_task(&self, task: &Task) -> Value {
        let mut status = json!({"Timestamp": task.at, "State": task.stage.word(), "Message": task.message});
        if !task.err.is_empty() {
            status["Err"] = json!(task.err);
        }
        if task.node.is_some() && (task.container.is_some() || task.is_over()) {
            status["ContainerStatus"] = json!({
                "ContainerID": task.container.as_deref().unwrap_or_default(), "PID": task.pid, "ExitCode": task.exit,
            });
        }
        status["PortStatus"] = json!({});
        let mut shown = json!({
            "ID": task.id, "Version": {"Index": task.index}, "CreatedAt": task.created, "UpdatedAt": task.updated,
            "Labels": {}, "Spec": task.spec, "ServiceID": task.service,
        });
        if let Slot::Nth(slot) = task.slot {
            shown["Slot"] = json!(slot);
        }
        if let Some(node) = &task.node {
            shown["NodeID"] = json!(node);
        }
        shown["Status"] = status;
        shown["DesiredState"] = json!(task.desired.word());
        if !task.networks.is_empty() {
            let attached = task.networks.iter().map(|(id, address)| {
                let network = self.find_network(id).cloned().unwrap_or_default();
                let mut spec = json!({
                    "Name": network["Name"], "Labels": network["Labels"], "DriverConfiguration": {"Name": "overlay"},
                    "Scope": "swarm",
                });
                for flag in ["Attachable", "Internal"] {
                    if network[flag] == true {
                        spec[flag] = json!(true);
                    }
                }
                json!({
                    "Network": {
                        "ID": id, "Version": {"Index": 1}, "CreatedAt": network["Created"], "UpdatedAt": network["Created"],
                        "Spec": spec,
                        "DriverState": {"Name": "overlay", "Options": network["Options"]},
                        "IPAMOptions": {"Driver": {"Name": "default"}, "Configs": network["IPAM"]["Config"]},
                    },
                    "Addresses": [address],
                })
            });
            shown["NetworksAttachments"] = attached.collect();
        }
        if !self.is_old() {
            shown["Volumes"] = Value::Null;
        }
        if let Some(index) = task.job {
            shown["JobIteration"] = json!({"Index": index});
        }
        shown
    }

    pub(crate) fn task_mut(&mut self, id: &str) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|t| t.id == id)
    }

    /// Makes a task of the service's present spec.
    pub(crate) fn new_task(&mut self, service: &str, slot: Slot, desired: Desired) -> Option<String> {
        let (id, at, index) = (self.id25(), self.now(), self.next_index());
        let service = self.services.iter().find(|s| s.id == service)?;
        let mut spec = service.spec["TaskTemplate"].clone();
        if let Some(map) = spec.as_object_mut() {
            map.remove("Runtime");
        }
        let node = match &slot {
            Slot::Node(node) => Some(node.clone()),
            Slot::Nth(_) => None,
        };
        let task = Task {
            id: id.clone(),
            index,
            created: at.clone(),
            updated: at.clone(),
            service: service.id.clone(),
            service_name: service.name(),
            labels: service.spec["Labels"].clone(),
            slot,
            node,
            spec,
            stage: Stage::New,
            desired,
            message: "created".into(),
            err: String::new(),
            at,
            container: None,
            pid: 0,
            exit: 0,
            networks: Vec::new(),
            ran: None,
            job: service.job.as_ref().map(|(index, _)| *index),
        };
        self.tasks.push(task);
        self.clock.after(MOVE, Step::Move { task: id.clone() });
        Some(id)
    }

    /// Takes a task to its next state, as long as the manager wants it there.
    pub(crate) fn move_task(&mut self, id: &str) {
        let Some(task) = self.task_mut(id) else { return };
        let (stage, desired, wanted) = (task.stage, task.desired, task.is_wanted());
        if !wanted || task.is_over() {
            return;
        }
        match stage {
            Stage::New => self.go_on(id, Stage::Pending, "pending task scheduling"),
            Stage::Pending => self.assign(id),
            Stage::Assigned => self.go_on(id, Stage::Accepted, "accepted"),
            Stage::Accepted => self.go_on(id, Stage::Preparing, "preparing"),
            Stage::Preparing => match self.make_container(id) {
                Ok(()) => self.go_on(id, Stage::Ready, "prepared"),
                // One that follows a dead one is tried again only when its pause is over.
                Err(_) if desired == Desired::Ready => {}
                Err(says) => {
                    if let Some(task) = self.task_mut(id) {
                        task.err = says;
                    }
                    self.set_stage(id, Stage::Rejected, "preparing");
                }
            },
            Stage::Ready if desired == Desired::Ready => {}
            Stage::Ready => {
                self.set_stage(id, Stage::Starting, "starting");
                let checked = self.start_task_container(id);
                if !checked {
                    self.clock.after(START, Step::Move { task: id.to_owned() });
                }
            }
            Stage::Starting => self.set_stage(id, Stage::Running, "started"),
            Stage::Running | Stage::Complete | Stage::Shutdown | Stage::Failed | Stage::Rejected => {}
        }
    }

    fn go_on(&mut self, id: &str, stage: Stage, message: &str) {
        self.set_stage(id, stage, message);
        self.clock.after(MOVE, Step::Move { task: id.to_owned() });
    }

    fn assign(&mut self, id: &str) {
        let Some(task) = self.tasks.iter().find(|t| t.id == id) else { return };
        let constraints = task.spec["Placement"]["Constraints"].clone();
        let node = match &task.node {
            Some(node) => Some(node.clone()),
            None => self.nodes.iter().find(|n| fits(n, &constraints)).map(|n| text(&n["ID"])),
        };
        let networks: Vec<String> =
            items(&task.spec["Networks"]).iter().map(|n| text(&n["Target"])).collect();
        let Some(node) = node else {
            let count = self.nodes.len();
            if let Some(task) = self.task_mut(id) {
                let nodes = if count == 1 { "node" } else { "nodes" };
                task.err =
                    format!("no suitable node (scheduling constraints not satisfied on {count} {nodes})");
            }
            return;
        };
        let mut attached = Vec::new();
        for network in networks {
            if let Some(nth) = self.networks.iter().position(|n| n["Id"] == network && n["Scope"] == "swarm")
            {
                attached.push((network, format!("10.0.{nth}.{}/24", self.tasks.len() % 250 + 2)));
            }
        }
        if let Some(task) = self.task_mut(id) {
            task.node = Some(node);
            task.networks = attached;
            task.err.clear();
        }
        self.go_on(id, Stage::Assigned, "scheduler assigned task to node");
    }

    /// Writes a state down and tells those who wait for it.
    pub(crate) fn set_stage(&mut self, id: &str, stage: Stage, message: &str) {
        let (at, index, now) = (self.now(), self.next_index(), self.clock.now);
        let Some(task) = self.task_mut(id) else { return };
        task.stage = stage;
        message.clone_into(&mut task.message);
        task.at.clone_from(&at);
        task.updated = at;
        task.index = index;
        if stage == Stage::Running {
            task.ran = Some(now);
        }
        self.task_changed(id);
    }

    /// The pause before a task that follows a dead one is over.
    pub(crate) fn wake(&mut self, id: &str) {
        let Some(task) = self.task_mut(id) else { return };
        if task.desired == Desired::Ready {
            task.desired = if task.job.is_some() { Desired::Complete } else { Desired::Running };
            self.clock.after(MOVE, Step::Move { task: id.to_owned() });
        }
    }

    /// Asks a task to end: `Shutdown` or `Remove`.
    pub(crate) fn end_task(&mut self, id: &str, desired: Desired) {
        let Some(task) = self.task_mut(id) else { return };
        task.desired = task.desired.max(desired);
        let (stage, over, container) = (task.stage, task.is_over(), task.container.clone());
        if over {
            self.forget_soon(id);
            return;
        }
        match container {
            Some(container) if stage >= Stage::Starting => self.stop_container(&container),
            Some(_) | None => self.set_stage(id, Stage::Shutdown, "shutdown"),
        }
    }

    pub(crate) fn remove_tasks_of(&mut self, service: &str) {
        let ids: Vec<_> = self.tasks.iter().filter(|t| t.service == service).map(|t| t.id.clone()).collect();
        for id in ids {
            self.end_task(&id, Desired::Remove);
        }
    }

    pub(crate) fn forget_soon(&mut self, id: &str) {
        if self.tasks.iter().any(|t| t.id == id && t.is_over() && t.desired == Desired::Remove) {
            self.clock.after(FORGET, Step::Forget { task: id.to_owned() });
        }
    }

    /// Takes a task from the list, with its container.
    pub(crate) fn forget(&mut self, id: &str) {
        let Some(nth) = self.tasks.iter().position(|t| t.id == id) else { return };
        let task = self.tasks.remove(nth);
        if let Some(container) = task.container {
            self.drop_container(&container);
        }
    }

    /// Keeps no more than the last dead tasks of a slot.
    pub(crate) fn trim_history(&mut self, service: &str, slot: &Slot) {
        let dead: Vec<_> = self
            .tasks
            .iter()
            .filter(|t| t.service == service && t.slot == *slot && t.is_over())
            .map(|t| t.id.clone())
            .collect();
        for id in dead.iter().take(dead.len().saturating_sub(HISTORY)) {
            self.forget(id);
        }
    }
}

/// Whether a node may have a task: `key == value` and `key != value`.
pub(crate) fn fits(node: &Value, constraints: &Value) -> bool {
    if node["Status"]["State"] != "ready" || node["Spec"]["Availability"] != "active" {
        return false;
    }
    items(constraints).iter().filter_map(Value::as_str).all(|constraint| {
        let (key, value, equal) = match (constraint.split_once("=="), constraint.split_once("!=")) {
            (Some((key, value)), _) => (key.trim(), value.trim(), true),
            (None, Some((key, value))) => (key.trim(), value.trim(), false),
            (None, None) => return true,
        };
        let has = match key {
            "node.id" => &node["ID"],
            "node.role" => &node["Spec"]["Role"],
            "node.hostname" => &node["Description"]["Hostname"],
            _ => &node["Spec"]["Labels"][key.strip_prefix("node.labels.").unwrap_or(key)],
        };
        (has.as_str().unwrap_or_default() == value) == equal
    })
}
