//! Inspections turned into what the domain judges. The reading itself is pure; asking is at the end.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::settle::{
    ContainerSeen, Health, Mode, Observation, ServiceSeen, SpecSeen, TaskSeen, TaskState, Update,
};
use serde_json::{Value, json};

use super::{APPLY_LABEL, Applied, AppliedService, Engine, EngineError, STACK_LABEL, Touched};
use super::{filters, items, nodes, text, time};

/// The answers that one observation is read from.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    pub(super) services: Vec<Value>,
    pub(super) tasks: Vec<Value>,
    /// Containers on the engine's own node.
    pub(super) containers: Vec<Value>,
    /// Asked only where the stack has a global service.
    pub(super) nodes: Vec<Value>,
    /// Of dead containers on the engine's own node, by id.
    pub(super) ends: Ends,
}

/// How containers ended, by id. Kept between looks: a dead container does not change.
pub(super) type Ends = BTreeMap<String, End>;

/// What only a container's own inspection tells of its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    oom: bool,
    started: Option<DateTime<Utc>>,
    /// What the healthcheck said last, where it had failed: a process that leaves with code 0 when it is stopped
    /// for its health looks like one that is done.
    unhealthy: Option<String>,
}

/// Most dead containers that one look inspects; the rest waits for the next.
const ENDS_PER_LOOK: usize = 8;
/// Failed checks that make a container unhealthy where its healthcheck does not say.
const DEFAULT_RETRIES: u64 = 3;
/// Most characters of what a healthcheck said.
const HEALTH_WORDS: usize = 200;

/// Reads the answers against what was applied.
pub(super) fn read(applied: &Applied, answers: &Answers) -> Observation {
    Observation { services: applied.services.iter().map(|s| read_service(s, applied.at, answers)).collect() }
}

fn read_service(ours: &AppliedService, applied_at: DateTime<Utc>, answers: &Answers) -> ServiceSeen {
    let found = answers.services.iter().find(|s| s["ID"].as_str() == Some(&ours.id));
    let Some(service) = found else {
        return ServiceSeen {
            name: ours.name.clone(),
            mode: Mode::Replicated { replicas: 0 },
            spec: SpecSeen::Absent,
            update: Update::None,
            message: String::new(),
            healthcheck: false,
            may_complete: false,
            tasks: Vec::new(),
        };
    };
    let spec = &service["Spec"];
    let template = &spec["TaskTemplate"];
    let mode = read_mode(&spec["Mode"], &template["Placement"], &answers.nodes);
    let mut tasks: Vec<TaskSeen> = answers
        .tasks
        .iter()
        .filter(|t| t["ServiceID"].as_str() == Some(&ours.id))
        .map(|t| read_task(t, service, ours, answers))
        .collect();
    tasks.sort_by_key(|t| t.created);
    let condition = template["RestartPolicy"]["Condition"].as_str();
    let job = matches!(mode, Mode::Job { .. });
    ServiceSeen {
        name: ours.name.clone(),
        mode,
        spec: read_spec(ours, spec),
        update: read_update(ours, applied_at, &service["UpdateStatus"]),
        message: text(&service["UpdateStatus"]["Message"]),
        healthcheck: has_healthcheck(&template["ContainerSpec"]["Healthcheck"], &tasks),
        may_complete: job || matches!(condition, Some("none" | "on-failure")),
        tasks,
    }
}

fn read_mode(mode: &Value, placement: &Value, nodes: &[Value]) -> Mode {
    let count = |v: &Value| v.as_u64();
    if !mode["Global"].is_null() {
        return Mode::Global { nodes: nodes::eligible(nodes, placement) };
    }
    if !mode["GlobalJob"].is_null() {
        return Mode::Job { completions: nodes::eligible(nodes, placement) };
    }
    let job = &mode["ReplicatedJob"];
    if !job.is_null() {
        let completions =
            count(&job["TotalCompletions"]).or_else(|| count(&job["MaxConcurrent"])).unwrap_or(1);
        return Mode::Job { completions };
    }
    Mode::Replicated { replicas: count(&mode["Replicated"]["Replicas"]).unwrap_or(1) }
}

fn read_spec(ours: &AppliedService, spec: &Value) -> SpecSeen {
    if *spec == ours.spec {
        return SpecSeen::Ours;
    }
    let mark = spec["Labels"][APPLY_LABEL].as_str();
    match (&ours.before, mark) {
        (Some(before), Some(mark)) if before == mark && *before != ours.mark => SpecSeen::Previous,
        _ => SpecSeen::Foreign,
    }
}

fn read_update(ours: &AppliedService, applied_at: DateTime<Utc>, status: &Value) -> Update {
    let update = match status["State"].as_str() {
        Some("updating") => Update::Updating,
        Some("paused") => Update::Paused,
        Some("completed") => Update::Completed,
        Some("rollback_started") => Update::RollbackStarted,
        Some("rollback_paused") => Update::RollbackPaused,
        Some("rollback_completed") => Update::RollbackCompleted,
        Some(_) | None => Update::None,
    };
    // Every change of a spec resets the status, so that one on a service we touched is of our doing. One that we
    // did not touch may carry the end of an old story: a rollback *to* the spec that it holds.
    let old = ours.touched == Touched::Same
        && time(&status["StartedAt"]).is_none_or(|started| started < applied_at);
    match (old, update) {
        (true, Update::RollbackStarted | Update::RollbackPaused | Update::RollbackCompleted) => Update::None,
        (_, update) => update,
    }
}

/// The recipe's own healthcheck; where it has none, the image's shows itself in the container.
fn has_healthcheck(spec: &Value, tasks: &[TaskSeen]) -> bool {
    match items(&spec["Test"]).first().and_then(Value::as_str) {
        Some("NONE") => false,
        Some(_) => true,
        None => tasks.iter().any(|t| t.current && t.container.is_some_and(|c| c.health != Health::None)),
    }
}

fn read_task(task: &Value, service: &Value, ours: &AppliedService, answers: &Answers) -> TaskSeen {
    let id = text(&task["ID"]);
    let status = &task["Status"];
    let end = dead_container(task).and_then(|id| answers.ends.get(id)).cloned().unwrap_or_default();
    let state = match (read_state(status["State"].as_str().unwrap_or_default()), &end.unhealthy) {
        (TaskState::Complete, Some(_)) => TaskState::Failed,
        (state, _) => state,
    };
    let created = time(&task["CreatedAt"]).unwrap_or_default();
    let container = answers
        .containers
        .iter()
        .find(|c| c["Labels"]["com.docker.swarm.task.id"].as_str() == Some(&id))
        .map(read_container);
    let told = match (status["Err"].as_str(), state) {
        (_, TaskState::Failed) if end.unhealthy.is_some() => {
            // In the engine's words, which it forgets where the exit code is 0.
            format!("unhealthy container: {}", end.unhealthy.as_deref().unwrap_or_default())
        }
        (Some(error), _) if !error.is_empty() => error.to_owned(),
        // Such as "preparing", "pending task scheduling": where a task waits, that is what it waits for.
        (_, TaskState::Waiting | TaskState::Rejected) => text(&status["Message"]),
        (
            _,
            TaskState::Starting
            | TaskState::Running
            | TaskState::Complete
            | TaskState::Stopped
            | TaskState::Failed,
        ) => String::new(),
    };
    // A container that was never made has no exit code, though the engine writes 0 there.
    let ran = status["ContainerStatus"]["ContainerID"].as_str().is_some_and(|id| !id.is_empty());
    let ended = matches!(state, TaskState::Complete | TaskState::Failed | TaskState::Stopped);
    TaskSeen {
        current: is_current(task, service, ours, created),
        wanted: matches!(
            task["DesiredState"].as_str(),
            Some("running" | "ready" | "complete" | "accepted" | "assigned")
        ),
        state,
        created,
        started: end.started.unwrap_or(created),
        since: time(&status["Timestamp"]).unwrap_or(created),
        exit_code: if ran && ended { status["ContainerStatus"]["ExitCode"].as_i64() } else { None },
        oom: end.oom,
        says: told,
        container,
        id,
    }
}

/// Whether a task is of the service's present spec. The engine keeps the spec's number of a task to itself, so
/// the templates are compared, as its own updater does: placement aside, since it keeps tasks that still fit.
fn is_current(task: &Value, service: &Value, ours: &AppliedService, created: DateTime<Utc>) -> bool {
    if ours.born_after.is_some_and(|moment| created < moment) {
        return false;
    }
    if let Some(round) = service["JobStatus"]["JobIteration"]["Index"].as_u64() {
        return task["JobIteration"]["Index"].as_u64() == Some(round);
    }
    let plain = |template: &Value| {
        let mut map = template.as_object().cloned().unwrap_or_default();
        // A task has no runtime where its service has `container`, the default.
        map.retain(|key, _| key != "Placement" && key != "Runtime");
        Value::Object(map)
    };
    plain(&task["Spec"]) == plain(&service["Spec"]["TaskTemplate"])
}

/// The container of a task that ended by itself.
fn dead_container(task: &Value) -> Option<&str> {
    let dead = matches!(task["Status"]["State"].as_str(), Some("failed" | "complete"));
    let id = task["Status"]["ContainerStatus"]["ContainerID"].as_str()?;
    (dead && !id.is_empty()).then_some(id)
}

fn read_end(container: &Value) -> End {
    let state = &container["State"];
    let health = &state["Health"];
    // Any container that ends is called unhealthy: only the count tells whether its checks had failed before.
    let retries = container["Config"]["Healthcheck"]["Retries"].as_u64().filter(|n| *n > 0);
    let failed = health["Status"].as_str() == Some("unhealthy")
        && health["FailingStreak"].as_u64().unwrap_or(0) >= retries.unwrap_or(DEFAULT_RETRIES);
    let said = || {
        let last = items(&health["Log"]).last().map(|l| text(&l["Output"])).unwrap_or_default();
        last.trim().chars().take(HEALTH_WORDS).collect()
    };
    End {
        oom: state["OOMKilled"].as_bool() == Some(true),
        // The year 1 where it never started.
        started: time(&state["StartedAt"]).filter(|at| at.timestamp() > 0),
        unhealthy: failed.then(said),
    }
}

fn read_state(state: &str) -> TaskState {
    match state {
        "new" | "allocated" | "pending" | "assigned" | "accepted" | "preparing" | "ready" => {
            TaskState::Waiting
        }
        "starting" => TaskState::Starting,
        "running" => TaskState::Running,
        "complete" => TaskState::Complete,
        "failed" => TaskState::Failed,
        "rejected" => TaskState::Rejected,
        // shutdown, orphaned, remove
        _ => TaskState::Stopped,
    }
}

/// A container as it stands in a listing. Its health is there only as words in `Status`: "Up 2 seconds
/// (healthy)" (engines 20.10–28).
fn read_container(container: &Value) -> ContainerSeen {
    let words = container["Status"].as_str().unwrap_or_default();
    ContainerSeen {
        running: container["State"].as_str() == Some("running"),
        health: if words.contains("(unhealthy)") {
            Health::Unhealthy
        } else if words.contains("(healthy)") {
            Health::Healthy
        } else if words.contains("(health: starting)") {
            Health::Starting
        } else {
            Health::None
        },
    }
}

impl Engine {
    /// Asks the engine everything that one observation of the stack needs.
    pub(super) async fn ask(&self, applied: &Applied) -> Result<Answers, EngineError> {
        let doing = "looking at the stack";
        if applied.services.is_empty() {
            // An empty filter would mean every task there is.
            return Ok(Answers::default());
        }
        let of_stack = filters(&[("label", vec![format!("{STACK_LABEL}={}", applied.stack)])]);
        let global = applied
            .services
            .iter()
            .any(|s| !s.spec["Mode"]["Global"].is_null() || !s.spec["Mode"]["GlobalJob"].is_null());
        let raw = self.raw();
        let nodes = async { if global { raw.get("/nodes", &[], doing).await } else { Ok(json!([])) } };
        // Tasks before containers: a task whose container is already gone is seen at the next look, one whose
        // container is newer is what we want.
        let services = raw.get("/services", &[("filters", &of_stack)], doing).await?;
        // By label, not by service: the engine answers 404 when one of the services is gone.
        let tasks = raw.get("/tasks", &[("filters", &of_stack)], doing).await?;
        let containers =
            raw.get("/containers/json", &[("all", "true"), ("filters", &of_stack)], doing).await?;
        let nodes = nodes.await?;
        let list = |v: Value| items(&v).to_vec();
        Ok(Answers {
            services: list(services),
            tasks: list(tasks),
            containers: list(containers),
            nodes: list(nodes),
            ends: Ends::new(),
        })
    }

    /// Looks at the stack once. `ends` remembers what is known of dead containers.
    pub(super) async fn observe(
        &self,
        applied: &Applied,
        ends: &mut Ends,
    ) -> Result<Observation, EngineError> {
        let mut answers = self.ask(applied).await?;
        let here = |id: &&str| answers.containers.iter().any(|c| c["Id"].as_str() == Some(*id));
        let new: Vec<_> = answers
            .tasks
            .iter()
            .filter_map(dead_container)
            .filter(here)
            .filter(|id| !ends.contains_key(*id))
            .take(ENDS_PER_LOOK)
            .map(str::to_owned)
            .collect();
        for id in new {
            let path = format!("/containers/{id}/json");
            let end = match self.raw().get(&path, &[], "inspecting a dead container").await {
                Ok(container) => read_end(&container),
                // Tidied away by the engine: nobody will ever know.
                Err(error) if error.is_absent() => End::default(),
                Err(error) => return Err(error),
            };
            ends.insert(id, end);
        }
        answers.ends.clone_from(ends);
        Ok(read(applied, &answers))
    }
}

#[cfg(test)]
mod tests;
