//! What the engine shows of a stack, and the limits by which it is judged.

use chrono::{DateTime, TimeDelta, Utc};

/// What the engine shows of one stack at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    pub services: Vec<ServiceSeen>,
}

/// One service as inspected, with the tasks that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSeen {
    /// The service's name in the recipe, without the stack's.
    pub name: String,
    pub mode: Mode,
    pub spec: SpecSeen,
    pub update: Update,
    /// What the engine says of the update, or of why tasks cannot be placed. Empty when it says nothing.
    pub message: String,
    /// Whether its tasks run a healthcheck that is not `NONE`.
    pub healthcheck: bool,
    /// Whether a task that leaves with code 0 is done: restart condition `none` or `on-failure`, or a job.
    pub may_complete: bool,
    pub tasks: Vec<TaskSeen>,
}

/// How many tasks are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Replicated {
        replicas: u64,
    },
    /// One on each node that the constraints allow.
    Global {
        nodes: u64,
    },
    /// A job: done after this many completions (a global job: one for each node).
    Job {
        completions: u64,
    },
}

/// Whether the service still holds the spec that we applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecSeen {
    Ours,
    /// Another apply's spec, the previous one as far as we know: swarm put it back.
    Previous,
    /// Neither ours nor the previous one: somebody else changed it.
    Foreign,
    /// The service is not there.
    Absent,
}

/// The engine's update status. One that began before our apply counts as `None`: an old
/// `rollback_completed` stays on a service for ever (engine.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    None,
    Updating,
    Paused,
    Completed,
    RollbackStarted,
    RollbackPaused,
    RollbackCompleted,
}

/// One task, alive or dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSeen {
    pub id: String,
    /// Whether its spec is the service's present one.
    pub current: bool,
    /// Whether the engine wants it to run (or, for jobs, to complete).
    pub wanted: bool,
    pub state: TaskState,
    pub created: DateTime<Utc>,
    /// When its process started, where that is known; else `created`. A successor is created at the exit of the
    /// one before and starts only after the restart delay.
    pub started: DateTime<Utc>,
    /// When it reached its present state.
    pub since: DateTime<Utc>,
    pub exit_code: Option<i64>,
    pub oom: bool,
    /// The engine's words: `Status.Err`, else `Status.Message` where it tells of trouble. May be empty.
    pub says: String,
    /// What the container itself shows, where this engine can see it; newer than the manager's view.
    pub container: Option<ContainerSeen>,
}

/// The engine's task states, folded to those that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// new, allocated, pending, assigned, accepted, preparing, ready
    Waiting,
    Starting,
    Running,
    Complete,
    /// shutdown, orphaned, remove
    Stopped,
    Failed,
    /// The node could not even create it: missing mount, no such image, bad option.
    Rejected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerSeen {
    pub running: bool,
    pub health: Health,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// No healthcheck.
    None,
    Starting,
    Healthy,
    Unhealthy,
}

/// Limits of one settling. Each is named in what it prints when it is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettleLimits {
    /// Longest time from apply to settled.
    pub window: TimeDelta,
    /// Exits of one service that make a crash loop.
    pub crash_exits: usize,
    /// Two exits are enough once this long has passed since the first.
    pub crash_after: TimeDelta,
    /// How long a task without a healthcheck has to run before it counts. A process that is about to leave
    /// runs for a moment too; a healthcheck says more and needs no such wait.
    pub steady: TimeDelta,
    /// The same for a service that has left before: its next life has to be longer than a glimpse.
    pub steady_again: TimeDelta,
    /// A service that left and has no successor after this long gets none: its restart policy is used up.
    /// The engine makes the successor in the moment of the exit, whatever the restart delay.
    pub given_up: TimeDelta,
}

impl Default for SettleLimits {
    fn default() -> Self {
        Self {
            // CC-024: a cold first boot may be long; recipes and overlays set their own.
            window: TimeDelta::minutes(10),
            crash_exits: 3,
            crash_after: TimeDelta::seconds(20),
            steady: TimeDelta::seconds(1),
            steady_again: TimeDelta::seconds(5),
            given_up: TimeDelta::seconds(3),
        }
    }
}
