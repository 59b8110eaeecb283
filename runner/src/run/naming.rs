//! A failure in better words: the line of a log that names the trouble, and what an upgrade did to the data.

use std::collections::{BTreeMap, BTreeSet};

use domain::data::{DataFacts, DataState, Print, Ran, VolumeFacts, data_state, migration_in};
use domain::signature::{MemoryLimit, Scene, Signature, name_cause};
use domain::{Cause, StackName};
use harness::engine::TaskLog;

use super::build::Built;
use super::shared::Shared;

/// Looks in a stack's logs for a line that names the trouble beneath a cause.
pub(crate) fn named(
    shared: &Shared,
    stack: &StackName,
    built: &Built,
    logs: &[TaskLog],
    cause: Cause,
) -> Cause {
    // After a rollback the old release's healthy task would come last and hide what the new one said.
    let logs = crate::why::last_logs(stack, logs, &cause);
    let own: Vec<Signature> = shared
        .overlay
        .signatures
        .iter()
        .filter_map(|spec| {
            let made = Signature::new(spec.known.clone(), spec.pattern.as_str());
            made.map_err(|error| tracing::warn!(name = spec.known.name, %error, "signature left out")).ok()
        })
        .collect();
    name_cause(cause, &Scene { logs: &logs, own: &own, memory: &memory(built) })
}

fn memory(built: &Built) -> BTreeMap<String, MemoryLimit> {
    let of = |service: &str, bytes: i64| {
        let at = format!("services.{service}.deploy.resources.limits.memory");
        match bytes {
            0 => MemoryLimit::Absent,
            _ if built.deviations.iter().any(|d| d.at == at) => MemoryLimit::Ours,
            _ => MemoryLimit::Recipe,
        }
    };
    let services = built.specs.services.iter().map(|(service, spec)| {
        let limits = spec.task_template.resources.limits.as_ref();
        (service.clone(), of(service, limits.map_or(0, |l| l.memory_bytes)))
    });
    services.collect()
}

/// How a stack was right before the target was applied.
#[derive(Debug)]
pub(crate) struct Before {
    tasks: BTreeSet<String>,
    prints: BTreeMap<String, Option<Print>>,
}

/// Looks at a stack right before the target is applied. `None` where the engine does not tell: then nothing will be
/// said of the data, and nothing else is lost.
pub(crate) async fn before(shared: &Shared, stack: &StackName) -> Option<Before> {
    let (tasks, prints) = tokio::join!(shared.engine.tasks(stack), shared.engine.volume_prints(stack));
    let tasks = tasks.ok()?.into_iter().map(|task| task.task_id).collect();
    Some(Before { tasks, prints: prints.ok()? })
}

/// Says what is known of the data after an upgrade that failed (CC-081). The stack is still there.
pub(crate) async fn after(
    shared: &Shared,
    stack: &StackName,
    before: Option<&Before>,
    logs: &[TaskLog],
) -> DataState {
    let Some(before) = before else { return DataState::Unknown };
    let (tasks, prints) = tokio::join!(shared.engine.tasks(stack), shared.engine.volume_prints(stack));
    let (Ok(tasks), Ok(mut prints)) = (tasks, prints) else { return DataState::Unknown };
    // A task that a rollback made anew counts as one of the target: that understates.
    let is_new = |id: &str| !before.tasks.contains(id);
    let target = match tasks.iter().any(|task| is_new(&task.task_id) && task.container_id.is_some()) {
        true => Ran::Unknown,
        false => Ran::Never,
    };
    let prefix = format!("{stack}_");
    let volumes = before.prints.iter().map(|(volume, print)| VolumeFacts {
        name: volume.strip_prefix(&prefix).unwrap_or(volume).to_owned(),
        before: print.clone(),
        after: prints.remove(volume).flatten(),
        // When the last process of the base let go of it is nothing that the engine keeps.
        others_gone: None,
    });
    let volumes = volumes.collect();
    let new_lines = logs.iter().filter(|log| is_new(&log.task_id)).flat_map(|log| &log.lines);
    let migration = migration_in(new_lines.map(String::as_str));
    data_state(&DataFacts { target, volumes, migration })
}
