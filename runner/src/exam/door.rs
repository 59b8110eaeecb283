//! The way into a running stack: its services, commands in them, their files, logs and ports.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Cause, StackName};
use futures_util::future::BoxFuture;
use harness::engine::{
    Engine, EngineError, ExecError, ExecOutput, ExecRequest, Kind, LogBounds, Scope, TaskFacts,
};
use harness::probe::{Connector, Link, inside};

/// How often a command is tried that meets a container in the moment of its replacement.
const TRIES: u32 = 3;
/// Pause before it is tried in the successor.
const REPLACED_PAUSE: Duration = Duration::from_millis(500);

/// What can be asked of a stack. The engine answers in earnest, a table in tests.
pub trait Door: Send + Sync + std::fmt::Debug {
    /// Lists the stack's services with the tasks that are meant to run.
    fn services(&self) -> BoxFuture<'_, Result<Vec<ServiceSeen>, DoorError>>;
    /// Runs a command in the running container of a service, at most `limit`.
    fn exec<'a>(
        &'a self,
        service: &'a str,
        request: ExecRequest,
        limit: Duration,
    ) -> BoxFuture<'a, Result<ExecOutput, DoorError>>;
    /// Reads a plain file of at most `limit` bytes as a service sees it; `None` where there is none.
    fn file<'a>(
        &'a self,
        service: &'a str,
        path: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, DoorError>>;
    /// Returns the last lines of a service's log.
    fn log<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Vec<String>, DoorError>>;
    /// Returns what connects to a port of a service's task.
    fn connector(&self, service: &str, port: u16) -> Connector;
}

/// A service of the stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ServiceSeen {
    /// Its name in the recipe.
    pub name: String,
    /// As its spec names it; empty where it has no task.
    pub image: String,
    /// `name@sha256:…` or the image's id, as far as it is known.
    pub digest: Option<String>,
    /// Tasks that are meant to run.
    pub tasks: Vec<TaskSeen>,
    /// Environment of its newest task. Holds secrets, so it is never published.
    #[serde(skip)]
    pub env: BTreeMap<String, String>,
}

/// A task that is meant to run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TaskSeen {
    pub task: String,
    pub container: Option<String>,
    pub node: String,
    pub is_running: bool,
    /// Address on each network, by the network's name.
    pub addresses: BTreeMap<String, String>,
}

/// Why the stack could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    #[error("the stack has no service `{service}`; it has {}", known.join(", "))]
    NoService { service: String, known: Vec<String> },
    #[error("no task of `{service}` runs")]
    NotRunning { service: String },
    /// A command was still running at its limit, as the engine room tells it.
    #[error("{says}")]
    Deadline { says: String },
    #[error("`{path}` {says}")]
    NotPlain { path: String, says: String },
    /// The engine's own trouble.
    #[error("{0}")]
    Engine(Box<Cause>),
}

impl From<EngineError> for DoorError {
    fn from(error: EngineError) -> Self {
        Self::Engine(Box::new(error.cause()))
    }
}

/// The engine's way into a stack.
#[derive(Clone, Debug)]
pub struct EngineDoor {
    engine: Engine,
    stack: StackName,
}

impl EngineDoor {
    /// Opens the way into a stack; nothing is asked yet.
    pub fn new(engine: Engine, stack: StackName) -> Self {
        Self { engine, stack }
    }

    /// Returns the container of a service that runs now, and can be reached from here.
    async fn container(&self, service: &str) -> Result<String, DoorError> {
        let full = format!("{}_{service}", self.stack);
        let tasks = self.engine.tasks(&self.stack).await?;
        let running = tasks
            .iter()
            .rev()
            .filter(|t| t.service == full)
            .find_map(|t| running_container(t).map(str::to_owned));
        match running {
            Some(container) => Ok(container),
            None if tasks.iter().any(|t| t.service == full) => {
                Err(DoorError::NotRunning { service: service.to_owned() })
            }
            None => Err(self.no_task(service).await?),
        }
    }

    /// Tells a service that nobody knows from one without a task.
    async fn no_task(&self, service: &str) -> Result<DoorError, DoorError> {
        let known: Vec<_> = self.names().await?;
        Ok(if known.iter().any(|n| n == service) {
            DoorError::NotRunning { service: service.to_owned() }
        } else {
            let known = known.iter().map(|n| format!("`{n}`")).collect();
            DoorError::NoService { service: service.to_owned(), known }
        })
    }

    async fn names(&self) -> Result<Vec<String>, DoorError> {
        let prefix = format!("{}_", self.stack);
        let objects = self.engine.list(&Scope::stack(&self.stack)).await?;
        let mut names: Vec<_> = objects
            .into_iter()
            .filter(|o| o.kind == Kind::Service)
            .map(|o| o.name.strip_prefix(&prefix).unwrap_or(&o.name).to_owned())
            .collect();
        names.sort();
        Ok(names)
    }

    async fn exec_anew(
        &self,
        service: &str,
        request: ExecRequest,
        limit: Duration,
    ) -> Result<ExecOutput, DoorError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let container = match self.container(service).await {
                Err(DoorError::NotRunning { .. }) if tries < TRIES => None,
                found => Some(found?),
            };
            if let Some(container) = container {
                match self.engine.exec(&container, request.clone(), limit).await {
                    Ok(done) => return Ok(done),
                    Err(ExecError::Gone { .. }) if tries < TRIES => {}
                    Err(ExecError::Gone { .. }) => {
                        return Err(DoorError::NotRunning { service: service.to_owned() });
                    }
                    Err(late @ ExecError::Deadline { .. }) => {
                        return Err(DoorError::Deadline { says: late.to_string() });
                    }
                    Err(ExecError::Engine { source, .. }) => return Err(source.into()),
                }
            }
            // The successor is being started; the caller's deadline stands over all of it.
            tokio::time::sleep(REPLACED_PAUSE).await;
        }
    }
}

impl Door for EngineDoor {
    fn services(&self) -> BoxFuture<'_, Result<Vec<ServiceSeen>, DoorError>> {
        Box::pin(async move {
            let names = self.names().await?;
            let tasks = self.engine.tasks(&self.stack).await?;
            Ok(names.into_iter().map(|name| seen(&self.stack, name, &tasks)).collect())
        })
    }

    fn exec<'a>(
        &'a self,
        service: &'a str,
        request: ExecRequest,
        limit: Duration,
    ) -> BoxFuture<'a, Result<ExecOutput, DoorError>> {
        Box::pin(self.exec_anew(service, request, limit))
    }

    fn file<'a>(
        &'a self,
        service: &'a str,
        path: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, DoorError>> {
        Box::pin(async move {
            let container = self.container(service).await?;
            match self.engine.get_file(&container, path, limit).await {
                // The engine answered, and what it has there is no file for us.
                Err(EngineError::Garbled { says, .. }) => {
                    Err(DoorError::NotPlain { path: path.to_owned(), says })
                }
                read => Ok(read?),
            }
        })
    }

    fn log<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Vec<String>, DoorError>> {
        Box::pin(async move {
            let full = format!("{}_{service}", self.stack);
            let logs = self.engine.logs(&self.stack, LogBounds::default()).await?;
            Ok(logs.into_iter().filter(|l| l.service == full).flat_map(|l| l.lines).collect())
        })
    }

    fn connector(&self, service: &str, port: u16) -> Connector {
        let (door, service) = (self.clone(), service.to_owned());
        Connector::new(format!("{service}:{port}"), move || {
            let (door, service) = (door.clone(), service.clone());
            async move {
                let full = format!("{}_{service}", door.stack);
                let tasks = door.engine.tasks(&door.stack).await.map_err(std::io::Error::other)?;
                let found = tasks.iter().rev().find(|t| t.service == full && running_container(t).is_some());
                let Some(task) = found else {
                    let why = format!("no task of `{service}` runs");
                    return Err(std::io::Error::new(std::io::ErrorKind::ConnectionRefused, why));
                };
                let task = inside::Task {
                    pid: task.pid.and_then(|pid| u32::try_from(pid).ok()),
                    bridge: task.gwbridge_ip.as_ref().and_then(|ip| ip.parse().ok()),
                };
                let link: Link = task.connect(port).await?;
                Ok(link)
            }
        })
    }
}

/// Returns the container of a task that is up and meant to be, where we can reach into it.
fn running_container(task: &TaskFacts) -> Option<&str> {
    let is_up = task.is_running && task.desired == "running";
    task.container_id.as_deref().filter(|_| is_up && task.is_local)
}

/// Joins a service with its tasks.
fn seen(stack: &StackName, name: String, tasks: &[TaskFacts]) -> ServiceSeen {
    let full = format!("{stack}_{name}");
    let own: Vec<_> = tasks.iter().filter(|t| t.service == full).collect();
    let newest = own.iter().rev().find(|t| t.is_running).or(own.last());
    let env = newest.iter().flat_map(|t| &t.env).filter_map(|e| e.split_once('='));
    ServiceSeen {
        image: newest.map(|t| t.image.clone()).unwrap_or_default(),
        digest: newest.and_then(|t| t.repo_digests.first().or(t.image_id.as_ref()).cloned()),
        env: env.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        tasks: own
            .iter()
            .filter(|t| t.desired == "running")
            .map(|t| TaskSeen {
                task: t.task_id.clone(),
                container: t.container_id.clone(),
                node: t.node.clone(),
                is_running: t.is_running,
                addresses: t.networks.iter().cloned().collect(),
            })
            .collect(),
        name,
    }
}
