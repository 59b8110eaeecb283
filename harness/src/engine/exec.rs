//! Commands run in a container, with bounds on time and output.

use std::sync::OnceLock;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use domain::Fault;
use futures_util::StreamExt;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::{Engine, EngineError};

/// Most bytes kept of each of the two outputs.
const OUTPUT_BYTES: usize = 1 << 20;
/// Longest time for asking the engine which process is to be killed.
const KILL_LIMIT: Duration = Duration::from_secs(10);
/// Hexadecimal digits of a container's whole id.
const FULL_ID: usize = 64;

/// A command for a container.
#[derive(Clone, Default)]
pub struct ExecRequest {
    pub cmd: Vec<String>,
    /// `NAME=value`, beside the container's own.
    pub env: Vec<String>,
    /// As `docker exec --user` takes it; without it the image's user.
    pub user: Option<String>,
    pub stdin: Option<Vec<u8>>,
}

impl std::fmt::Debug for ExecRequest {
    /// Neither environment nor input: they hold secrets. Nor the arguments, which may.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExecRequest")
            .field("program", &self.cmd.first())
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOutput {
    pub code: i64,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Whether output over the bound was thrown away.
    pub cut: bool,
}

/// A command that could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The container is not running any more: it ended, or is being replaced. Look for its successor.
    #[error("container `{container}` is not running (any more)")]
    Gone { container: String },
    /// It was still running at our limit. The engine has no call to end it, so it is killed where it runs on this machine
    /// and we may; elsewhere it ends with its container.
    #[error("`{program}` did not end within {} s, and {}", limit.as_secs(), after(*killed))]
    Deadline { program: String, limit: Duration, killed: bool },
    #[error("`{program}` could not be started")]
    Engine { program: String, source: EngineError },
}

/// Says what became of a command after its limit.
fn after(killed: bool) -> &'static str {
    if killed { "was killed" } else { "runs on until its container ends" }
}

impl ExecError {
    /// Returns who has to act.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Gone { .. } | Self::Deadline { .. } => Fault::Recipe,
            Self::Engine { source, .. } => source.fault(),
        }
    }

    /// Returns what a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Gone { .. } => Some("find the task that runs now and try again"),
            Self::Deadline { .. } => Some("give it a longer limit, or see what it waits for"),
            Self::Engine { source, .. } => source.hint(),
        }
    }
}

impl Engine {
    /// Runs a command in a container and waits for its end, at most `deadline`; what runs on then is killed, with its
    /// children. An exit code other than 0 is an answer, not an error.
    pub async fn exec(
        &self,
        container_id: &str,
        request: ExecRequest,
        deadline: Duration,
    ) -> Result<ExecOutput, ExecError> {
        let program = request.cmd.first().cloned().unwrap_or_default();
        let exec = OnceLock::new();
        let outcome = timeout(deadline, self.exec_to_end(container_id, request, &program, &exec)).await;
        match outcome {
            // A container that ends in this very moment makes for many different errors.
            Ok(Err(ExecError::Engine { .. })) if !self.is_up(container_id).await => {
                Err(ExecError::Gone { container: container_id.to_owned() })
            }
            Ok(outcome) => outcome,
            Err(_) => {
                let killed = match exec.get() {
                    Some(exec) => self.kill_exec(container_id, exec).await,
                    None => false,
                };
                Err(ExecError::Deadline { program, limit: deadline, killed })
            }
        }
    }

    /// Kills what an exec started, if it runs on this machine; true when it got the signal.
    async fn kill_exec(&self, container_id: &str, exec: &str) -> bool {
        let Ok(Ok(seen)) = timeout(KILL_LIMIT, self.docker().inspect_exec(exec)).await else { return false };
        let pid = seen.running.and_then(|running| seen.pid.filter(|_| running));
        // runc makes each command the leader of its own session, and so of its own group.
        pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?))
            .filter(|pid| is_inside(container_id, *pid))
            .is_some_and(|pid| kill_process_group(pid, Signal::KILL).is_ok())
    }

    /// Whether a container runs, as far as the engine can be asked.
    async fn is_up(&self, container_id: &str) -> bool {
        let path = format!("/containers/{container_id}/json");
        match self.raw().get(&path, &[], "inspecting a container").await {
            Ok(container) => container["State"]["Running"].as_bool() == Some(true),
            Err(error) => !error.is_absent(),
        }
    }

    async fn exec_to_end(
        &self,
        container_id: &str,
        request: ExecRequest,
        program: &str,
        exec: &OnceLock<String>,
    ) -> Result<ExecOutput, ExecError> {
        let doing = format!("running `{program}` in a container");
        let wrong = |error| {
            let source = EngineError::of_bollard(error, self.host(), &doing);
            // 409: stopped, or being replaced; 404: removed already.
            if let EngineError::Refused { status: 404 | 409, .. } = source {
                return ExecError::Gone { container: container_id.to_owned() };
            }
            ExecError::Engine { program: program.to_owned(), source }
        };
        let config = ExecConfig {
            attach_stdin: Some(request.stdin.is_some()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(request.env),
            cmd: Some(request.cmd),
            user: request.user,
            ..ExecConfig::default()
        };
        let made = self.docker().create_exec(container_id, config).await.map_err(wrong)?;
        let id = exec.get_or_init(|| made.id);
        let mut kept = ExecOutput { code: 0, stdout: Vec::new(), stderr: Vec::new(), cut: false };
        match self.docker().start_exec(id, None).await.map_err(wrong)? {
            StartExecResults::Attached { mut output, mut input } => {
                let write = async {
                    if let Some(bytes) = &request.stdin {
                        // A command that does not read to the end closes its side; its exit code tells.
                        if input.write_all(bytes).await.is_ok() {
                            drop(input.shutdown().await);
                        }
                    }
                    // Held open until the output ends: closing it would end the connection.
                    input
                };
                let read = async {
                    while let Some(part) = output.next().await {
                        kept.push(part.map_err(wrong)?);
                    }
                    Ok::<_, ExecError>(())
                };
                let (_input, done) = tokio::join!(write, read);
                done?;
            }
            StartExecResults::Detached => {}
        }
        let ended = self.docker().inspect_exec(id).await.map_err(wrong)?;
        match ended.exit_code {
            Some(code) => Ok(ExecOutput { code, ..kept }),
            // The container went away under it: the engine never learnt a code.
            None => Err(ExecError::Gone { container: container_id.to_owned() }),
        }
    }
}

/// Whether a process of this machine belongs to a container: the name of its control group tells, so that a number which
/// means another process here (the engine's are counted elsewhere) or has a new owner by now is never killed.
fn is_inside(container_id: &str, pid: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{}/cgroup", pid.as_raw_nonzero()))
        .is_ok_and(|group| container_id.len() == FULL_ID && group.contains(container_id))
}

impl ExecOutput {
    fn push(&mut self, part: LogOutput) {
        let (kept, bytes) = match part {
            LogOutput::StdErr { message } => (&mut self.stderr, message),
            LogOutput::StdOut { message } | LogOutput::Console { message } | LogOutput::StdIn { message } => {
                (&mut self.stdout, message)
            }
        };
        let room = OUTPUT_BYTES.saturating_sub(kept.len());
        self.cut |= bytes.len() > room;
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}
