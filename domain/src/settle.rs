//! Settled or not: judged by us from what the engine shows, never by sleeping (DESIGN 4).
//!
//! The harness turns inspections into an [`Observation`]; [`judge`] turns that into a [`Standing`].
//! Both know nothing of each other's clock: times come in as values.

mod crash;
mod node;
mod seen;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crash::crash_loop;
use node::node_trouble;
pub use seen::{
    ContainerSeen, Health, Mode, Observation, ServiceSeen, SettleLimits, SpecSeen, TaskSeen, TaskState,
    Update,
};

use crate::Cause;

/// Where a stack stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not yet; one line for each service that is awaited.
    Waiting(Vec<Awaited>),
    Settled,
    Failed(Cause),
}

/// A service that is not settled yet, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Awaited {
    pub service: String,
    pub why: String,
}

/// Decides where a stack stands. `began` is when the spec was applied.
pub fn judge(
    seen: &Observation,
    began: DateTime<Utc>,
    now: DateTime<Utc>,
    limits: &SettleLimits,
) -> Standing {
    if let Some(cause) = rolled_back(seen) {
        // Another service's update may still come to either end, and that tells a mixed stack from one that
        // is wholly back.
        let undecided = undecided(seen, now, limits);
        if undecided.is_empty() || now - began >= limits.window {
            return Standing::Failed(cause);
        }
        return Standing::Waiting(undecided);
    }
    let mut awaited = Vec::new();
    for service in &seen.services {
        match stand_of(service, Some((now, limits))) {
            Stand::Ready => {}
            Stand::Broken(cause) => return Standing::Failed(cause),
            Stand::Awaited(why) => awaited.push(Awaited { service: service.name.clone(), why }),
        }
    }
    if awaited.is_empty() {
        return Standing::Settled;
    }
    if let Some(cause) = seen.services.iter().find_map(|s| crash_loop(s, seen, now, limits)) {
        return Standing::Failed(cause);
    }
    if now - began >= limits.window {
        // Time is up: what has left even once says more than that we waited.
        let once = SettleLimits { crash_exits: 1, ..*limits };
        if let Some(cause) = seen.services.iter().find_map(|s| crash_loop(s, seen, now, &once)) {
            return Standing::Failed(cause);
        }
        return Standing::Failed(Cause::NotSettled {
            window_seconds: limits.window.num_seconds().unsigned_abs(),
            waiting: awaited.iter().map(|a| format!("`{}` {}", a.service, a.why)).collect(),
            last_lines: Vec::new(),
        });
    }
    Standing::Waiting(awaited)
}

/// Decides whether a stack that was settled still is. Waits where the engine has not yet said what it makes of an
/// end; whoever asks sets a limit to that. `settled` is when; no crash is forgiven now,
/// since every neighbour is up (CC-047).
pub fn judge_soak(seen: &Observation, settled: DateTime<Utc>, now: DateTime<Utc>) -> Standing {
    if let Some(cause) = rolled_back(seen) {
        return Standing::Failed(cause);
    }
    let mut awaited = Vec::new();
    for service in &seen.services {
        let lost = |says: String| {
            Standing::Failed(Cause::LostAfterSettled {
                service: service.name.clone(),
                after_seconds: (now - settled).num_seconds().unsigned_abs(),
                says,
                last_lines: Vec::new(),
            })
        };
        // While an update is still watched by the engine, what dies is about to be rolled back: that is the truer
        // cause, and it comes within moments.
        let watched = matches!(service.update, Update::Updating | Update::RollbackStarted);
        // The manager hears of an end 50–400 ms after the fact, and then knows the exit code.
        let unheard = service.tasks.iter().any(|t| {
            t.current && t.wanted && t.state == TaskState::Running && t.container.is_some_and(|c| !c.running)
        });
        let mut unwell = |says: String| {
            if watched || unheard {
                awaited.push(Awaited { service: service.name.clone(), why: says });
                None
            } else {
                Some(lost(says))
            }
        };
        // A task that died after the stack was settled, whatever came after it.
        let died = service.tasks.iter().find(|t| is_exit(service, t) && t.since > settled);
        let sick = service
            .tasks
            .iter()
            .any(|t| t.current && t.wanted && t.container.is_some_and(|c| c.health == Health::Unhealthy));
        let verdict = match (died, stand_of(service, None)) {
            (_, Stand::Broken(cause)) => Some(Standing::Failed(cause)),
            (Some(task), _) => unwell(end_of(task)),
            (None, _) if sick => unwell("its healthcheck fails".into()),
            (None, Stand::Awaited(why)) => unwell(why),
            (None, Stand::Ready) => None,
        };
        if let Some(verdict) = verdict {
            return verdict;
        }
    }
    if !awaited.is_empty() {
        return Standing::Waiting(awaited);
    }
    Standing::Settled
}

/// One service may roll back while another stays new: the stack is one unit, so any rollback fails
/// it (CC-046, CC-048).
fn rolled_back(seen: &Observation) -> Option<Cause> {
    let (rolled, kept): (Vec<_>, Vec<_>) = seen.services.iter().partition(|s| is_back(s));
    let first = rolled.first()?;
    let failed = first.tasks.iter().filter(|t| is_dead(t)).max_by_key(|t| t.since);
    if let Some(cause) = failed.and_then(|task| node_trouble(first, task)) {
        return Some(cause);
    }
    let says = match (failed, first.message.as_str()) {
        (Some(task), _) => end_of(task),
        (None, "") => "the engine does not say why".to_owned(),
        (None, message) => message.to_owned(),
    };
    // Services whose update never had anything to do are neither new nor old.
    let kept: Vec<_> = kept
        .iter()
        .filter(|s| match s.update {
            Update::Completed => true,
            // All that is left is the engine's monitor window.
            Update::Updating => matches!(stand_of(s, None), Stand::Ready),
            Update::None
            | Update::Paused
            | Update::RollbackStarted
            | Update::RollbackPaused
            | Update::RollbackCompleted => false,
        })
        .collect();
    Some(if kept.is_empty() {
        Cause::RolledBack { service: first.name.clone(), says, last_lines: Vec::new() }
    } else {
        Cause::MixedStack {
            rolled_back: rolled.iter().map(|s| s.name.clone()).collect(),
            kept: kept.iter().map(|s| s.name.clone()).collect(),
            says,
            last_lines: Vec::new(),
        }
    })
}

fn is_back(service: &ServiceSeen) -> bool {
    match service.update {
        Update::RollbackStarted | Update::RollbackPaused | Update::RollbackCompleted => true,
        Update::None | Update::Updating | Update::Paused | Update::Completed => {
            service.spec == SpecSeen::Previous
        }
    }
}

/// Returns the services whose update is under way and may still come to either end.
fn undecided(seen: &Observation, now: DateTime<Utc>, limits: &SettleLimits) -> Vec<Awaited> {
    let updating = seen.services.iter().filter(|s| !is_back(s) && s.update == Update::Updating);
    updating
        .filter_map(|s| match stand_of(s, Some((now, limits))) {
            Stand::Awaited(why) => Some(Awaited { service: s.name.clone(), why }),
            Stand::Ready | Stand::Broken(_) => None,
        })
        .collect()
}

enum Stand {
    Ready,
    Awaited(String),
    Broken(Cause),
}

/// The moment and the limits by which a task without a healthcheck has to have lasted; `None` where any life
/// counts, since the stack was settled before.
type Lasting<'a> = Option<(DateTime<Utc>, &'a SettleLimits)>;

fn stand_of(service: &ServiceSeen, lasting: Lasting<'_>) -> Stand {
    match service.spec {
        SpecSeen::Ours | SpecSeen::Previous => {}
        SpecSeen::Foreign => {
            return Stand::Broken(Cause::ForeignChange {
                service: service.name.clone(),
                says: "its spec is neither the one applied nor the one before".into(),
            });
        }
        SpecSeen::Absent => {
            return Stand::Broken(Cause::ForeignChange {
                service: service.name.clone(),
                says: "it was removed while we waited".into(),
            });
        }
    }
    match service.update {
        Update::None | Update::Completed => {}
        // A rollback was called a failure before we came here.
        Update::Updating | Update::RollbackStarted | Update::RollbackPaused | Update::RollbackCompleted => {}
        // An engine calls it early termination when a job is done while it watches the update (26.1).
        Update::Paused if is_done(service) => {}
        Update::Paused => {
            // The engine only says which task it was; the task says why.
            let dead = service.tasks.iter().filter(|t| t.current && is_dead(t)).max_by_key(|t| t.since);
            let paused = Cause::UpdatePaused {
                service: service.name.clone(),
                says: dead.map_or_else(|| service.message.clone(), end_of),
                last_lines: Vec::new(),
            };
            return Stand::Broken(dead.and_then(|task| node_trouble(service, task)).unwrap_or(paused));
        }
    }
    let ready = service.tasks.iter().filter(|t| is_ready(service, t, lasting)).count() as u64;
    let done = service.tasks.iter().filter(|t| t.current && t.state == TaskState::Complete).count() as u64;
    let (have, want) = match service.mode {
        Mode::Replicated { replicas } if service.may_complete => (ready + done, replicas),
        Mode::Replicated { replicas } => (ready, replicas),
        Mode::Global { nodes } if service.may_complete => (ready + done, nodes),
        Mode::Global { nodes } => (ready, nodes),
        Mode::Job { completions } => (done, completions),
    };
    // Old tasks that still run answer for the app as well: not settled while they do.
    let old = service.tasks.iter().filter(|t| !t.current && is_alive(t)).count();
    if have < want {
        Stand::Awaited(format!("{have}/{want}{}", detail(service, lasting)))
    } else if old > 0 {
        Stand::Awaited(format!("{have}/{want}, {old} of the old version still there"))
    } else {
        // An update may still be `updating` here: with every task current and ready, and none of the old
        // ones left, only the engine's monitor window remains, and the soak watches longer than that.
        Stand::Ready
    }
}

fn is_ready(service: &ServiceSeen, task: &TaskSeen, lasting: Lasting<'_>) -> bool {
    if !task.current || !task.wanted {
        return false;
    }
    match (task.state, task.container) {
        // The engine calls a task running only once it was healthy; it may have sickened since.
        (TaskState::Running, Some(c)) => {
            c.running
                && c.health != Health::Unhealthy
                && !(service.healthcheck && c.health == Health::Starting)
                && (c.health == Health::Healthy || has_lasted(service, task, lasting))
        }
        // A task elsewhere: its health is out of sight, but the engine calls it running only once it was healthy.
        (TaskState::Running, None) => service.healthcheck || has_lasted(service, task, lasting),
        // The manager hears of a healthy container 50–400 ms after the fact (dependencies.md, trap 6).
        (TaskState::Starting, Some(c)) => service.healthcheck && c.running && c.health == Health::Healthy,
        (TaskState::Starting, None)
        | (
            TaskState::Waiting
            | TaskState::Complete
            | TaskState::Stopped
            | TaskState::Failed
            | TaskState::Rejected,
            _,
        ) => false,
    }
}

/// Whether a running task has run for long enough that it is more than a glimpse between two exits.
fn has_lasted(service: &ServiceSeen, task: &TaskSeen, lasting: Lasting<'_>) -> bool {
    let Some((now, limits)) = lasting else { return true };
    let left_before = service.tasks.iter().any(|t| is_exit(service, t));
    now - task.since >= if left_before { limits.steady_again } else { limits.steady }
}

/// Returns whether a one-shot service has done all that it was asked for, and well.
fn is_done(service: &ServiceSeen) -> bool {
    let wanted = match service.mode {
        Mode::Replicated { replicas } => replicas,
        Mode::Global { nodes } => nodes,
        Mode::Job { completions } => completions,
    };
    let done = service.tasks.iter().filter(|t| t.current && t.state == TaskState::Complete).count() as u64;
    let failed = service.tasks.iter().any(|t| t.current && is_dead(t));
    service.may_complete && !failed && done >= wanted
}

fn is_alive(task: &TaskSeen) -> bool {
    match task.state {
        TaskState::Starting | TaskState::Running => true,
        TaskState::Waiting
        | TaskState::Complete
        | TaskState::Stopped
        | TaskState::Failed
        | TaskState::Rejected => false,
    }
}

fn is_dead(task: &TaskSeen) -> bool {
    match task.state {
        TaskState::Failed | TaskState::Rejected => true,
        TaskState::Waiting
        | TaskState::Starting
        | TaskState::Running
        | TaskState::Complete
        | TaskState::Stopped => false,
    }
}

/// An exit that speaks against the service: failed, rejected, or complete where it should go on.
fn is_exit(service: &ServiceSeen, task: &TaskSeen) -> bool {
    task.current && (is_dead(task) || (task.state == TaskState::Complete && !service.may_complete))
}

fn detail(service: &ServiceSeen, lasting: Lasting<'_>) -> String {
    let live = service.tasks.iter().filter(|t| t.current && t.wanted).max_by_key(|t| t.created);
    let exits = service.tasks.iter().filter(|t| is_exit(service, t)).count();
    let mut text = match live {
        Some(task) => match (task.state, task.container.map(|c| c.health)) {
            (TaskState::Starting | TaskState::Running, Some(Health::Starting)) => ", health starting".into(),
            (TaskState::Starting | TaskState::Running, Some(Health::Unhealthy)) => ", unhealthy".into(),
            (TaskState::Waiting, _) if !task.says.is_empty() => format!(", {}", task.says),
            (TaskState::Waiting, _) => ", waiting for the node".into(),
            (TaskState::Starting, _) => ", starting".into(),
            (TaskState::Running, _) if task.container.is_some_and(|c| !c.running) => {
                ", its process ended".into()
            }
            (TaskState::Running, _) if !is_ready(service, task, lasting) => ", just started".into(),
            (
                TaskState::Running
                | TaskState::Complete
                | TaskState::Stopped
                | TaskState::Failed
                | TaskState::Rejected,
                _,
            ) => String::new(),
        },
        None => ", no task yet".to_owned(),
    };
    if exits > 0 {
        text += &format!(", left {exits} times");
    }
    text
}

fn end_of(task: &TaskSeen) -> String {
    match (task.says.is_empty(), task.exit_code) {
        (false, _) => task.says.clone(),
        (true, Some(code)) => format!("it left with code {code}"),
        (true, None) => "its task ended".to_owned(),
    }
}

/// Returns the services whose logs explain a standing: those that left, else those awaited.
pub fn suspects(seen: &Observation) -> BTreeSet<String> {
    let left: BTreeSet<String> = seen
        .services
        .iter()
        .filter(|s| s.tasks.iter().any(|t| is_exit(s, t)))
        .map(|s| s.name.clone())
        .collect();
    if !left.is_empty() {
        return left;
    }
    seen.services
        .iter()
        .filter(|s| !matches!(stand_of(s, None), Stand::Ready))
        .map(|s| s.name.clone())
        .collect()
}

#[cfg(test)]
mod tests;
