//! The recipe's hooks, each in the running container of its own service.

use std::time::Duration;

use compose::recipe::backup::PlannedHook;
use domain::data::{HookMoment, HookRun};
use domain::{Cause, StackName};
use tokio::time::{Instant, sleep};

use super::job::{HookRan, Job, SoFar, Told, in_swarm};
use crate::engine::{Chain, Engine, EngineError, ExecError, ExecOutput, ExecRequest, TaskFacts};

/// Longest wait for a service to have a running container, once the stack is settled.
const CONTAINER_LIMIT: Duration = Duration::from_secs(30);
const CONTAINER_PAUSE: Duration = Duration::from_millis(200);
/// Lines of a hook's output that a cause carries.
const LAST_LINES: usize = 20;

/// Runs the hooks of a moment, one after the other, and returns the first trouble. The others run all the same where
/// the moment comes after something: what a hook paused has to go on.
pub(super) async fn run_hooks(
    job: &Job<'_>,
    moment: HookMoment,
    so_far: &mut SoFar,
    told: &mut (dyn FnMut(Told) + Send),
) -> Result<(), Cause> {
    let go_on = match moment {
        HookMoment::BeforeBackup | HookMoment::BeforeRestore => false,
        HookMoment::AfterBackup | HookMoment::AfterRestore => true,
    };
    let mut first = Ok(());
    for hook in job.plan.hooks_at(moment) {
        let ran = run_hook(job, hook, told).await;
        let ran = ran.map(|ran| {
            told(Told::HookRan(ran.run.clone()));
            let failed = failure(&ran);
            so_far.hooks.push(ran);
            failed
        });
        let failed = match ran {
            Ok(None) => continue,
            Ok(Some(cause)) | Err(cause) => cause,
        };
        if first.is_ok() {
            first = Err(failed);
        }
        if !go_on {
            break;
        }
    }
    first
}

/// Runs one hook; tries again after settling where it meets a container that is being replaced.
async fn run_hook(
    job: &Job<'_>,
    hook: &PlannedHook,
    told: &mut (dyn FnMut(Told) + Send),
) -> Result<HookRan, Cause> {
    let PlannedHook { service, moment, command } = hook;
    let begun = Instant::now();
    told(Told::HookStarted { service: service.clone(), moment: *moment });
    let ran = |exit_code, tries, output| HookRan {
        run: HookRun {
            service: service.clone(),
            moment: *moment,
            command: command.clone(),
            exit_code,
            millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            tries,
            file: None,
        },
        output,
    };
    let limit = job.limits.tries.max(1);
    let mut tries = 0;
    loop {
        tries += 1;
        let met = match container_of(job.engine, &job.plan.stack, service).await? {
            None => format!("service `{service}` has no running container on the engine's node"),
            Some(container) => {
                // As the bot does it: one shell command line, with what the container has in its environment.
                let cmd = ["sh", "-c", command].map(str::to_owned).to_vec();
                let request = ExecRequest { cmd, ..ExecRequest::default() };
                match job.engine.exec(&container, request, job.limits.hook).await {
                    Ok(output)
                        if !was_replaced(job.engine, &job.plan.stack, service, &container, &output)
                            .await? =>
                    {
                        return Ok(ran(Some(output.code), tries, text_of(&output)));
                    }
                    Ok(output) => format!("the container ended under it: code {}", output.code),
                    Err(gone @ ExecError::Gone { .. }) => gone.to_string(),
                    Err(late @ ExecError::Deadline { .. }) => return Ok(ran(None, tries, late.to_string())),
                    Err(ExecError::Engine { source, .. }) if is_no_shell(&source) => {
                        return Ok(ran(Some(126), tries, Chain(&source).to_string()));
                    }
                    Err(ExecError::Engine { source, .. }) => return Err(source.cause()),
                }
            }
        };
        if tries == limit {
            return Ok(ran(None, tries, met));
        }
        tracing::info!(%service, %moment, tries, says = %met, "hook met a container being replaced");
        told(Told::HookMet { service: service.clone(), moment: *moment, says: met });
        (job.settle)().await?;
    }
}

/// Returns the container of the service that is meant to run, once it does.
pub(super) async fn container_of(
    engine: &Engine,
    stack: &StackName,
    service: &str,
) -> Result<Option<String>, Cause> {
    let since = Instant::now();
    loop {
        let tasks = engine.tasks(stack).await.map_err(|error| error.cause())?;
        let found = running(&tasks, stack, service);
        if let Some(id) = found.and_then(|task| task.container_id.clone()) {
            return Ok(Some(id));
        }
        if CONTAINER_LIMIT < since.elapsed() {
            return Ok(None);
        }
        sleep(CONTAINER_PAUSE).await;
    }
}

/// Returns the newest task of a service that is meant to run and does, on the engine's own node.
pub(super) fn running<'t>(tasks: &'t [TaskFacts], stack: &StackName, service: &str) -> Option<&'t TaskFacts> {
    let name = in_swarm(stack, service);
    let runs = |task: &&TaskFacts| {
        task.service == name && task.is_local && task.is_running && task.desired == "running"
    };
    tasks.iter().rev().find(runs)
}

/// Whether a bad end of a hook is the end of its container: a kill looks like a failure of the command.
async fn was_replaced(
    engine: &Engine,
    stack: &StackName,
    service: &str,
    container: &str,
    output: &ExecOutput,
) -> Result<bool, Cause> {
    if output.code == 0 {
        return Ok(false);
    }
    let tasks = engine.tasks(stack).await.map_err(|error| error.cause())?;
    let still =
        running(&tasks, stack, service).and_then(|task| task.container_id.as_deref()) == Some(container);
    Ok(!still)
}

/// Whether the engine could not start the shell: the image has none.
fn is_no_shell(error: &EngineError) -> bool {
    let says = error.to_string();
    matches!(error, EngineError::Refused { .. })
        && (says.contains("executable file not found") || says.contains("no such file or directory"))
}

fn text_of(output: &ExecOutput) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text += &String::from_utf8_lossy(&output.stderr);
    if output.cut {
        text += "\n(cut: the rest was thrown away)\n";
    }
    text
}

/// Returns what is wrong with a hook that ran.
fn failure(ran: &HookRan) -> Option<Cause> {
    let HookRun { service, moment, exit_code, tries, .. } = &ran.run;
    if *exit_code == Some(0) {
        return None;
    }
    let lines: Vec<&str> = ran.output.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let mut says = lines.last().copied().unwrap_or_default().to_owned();
    if *tries > 1 {
        says += &format!(" (tried {tries} times)");
    }
    Some(Cause::Hook {
        service: service.clone(),
        moment: *moment,
        exit_code: *exit_code,
        says: says.trim().to_owned(),
        last_lines: lines[lines.len().saturating_sub(LAST_LINES)..]
            .iter()
            .map(|line| (*line).to_owned())
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(exit_code: Option<i64>, tries: u32, output: &str) -> HookRan {
        let run = HookRun {
            service: "db".into(),
            moment: HookMoment::BeforeBackup,
            command: "dump".into(),
            exit_code,
            millis: 1,
            tries,
            file: None,
        };
        HookRan { run, output: output.into() }
    }

    #[test]
    fn a_hook_that_fails_is_quoted_and_says_how_often_it_was_tried() {
        assert_eq!(failure(&ran(Some(0), 2, "fine")), None);
        let failed = failure(&ran(Some(1), 1, "one\n\ntwo\n")).unwrap();
        assert_eq!(failed.to_string(), "the backup pre hook of `db` ended with code 1: two");
        let failed = failure(&ran(None, 5, "it was being replaced")).unwrap();
        assert_eq!(
            failed.to_string(),
            "the backup pre hook of `db` did not end: it was being replaced (tried 5 times)"
        );
    }

    #[test]
    fn what_a_hook_prints_is_not_in_its_debug_form() {
        assert!(!format!("{:?}", ran(Some(0), 1, "hunter2")).contains("hunter2"));
    }
}
