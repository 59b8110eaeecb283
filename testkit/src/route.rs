//! The engine's API as far as we use it: one table of calls.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use crate::data::Data;
use crate::filters::Filters;
use crate::state::State;

/// What a call came to.
pub(crate) enum Answer {
    Json(u16, Value),
    Empty(u16),
    /// One JSON object a line.
    Lines(Vec<Value>),
    Bytes {
        bytes: Vec<u8>,
        kind: &'static str,
        stat: Option<String>,
    },
    Events {
        since: Option<String>,
        until: Option<String>,
        filters: Filters,
    },
    Log {
        container: String,
        follow: bool,
        tail: Option<usize>,
    },
    Exec {
        id: String,
        takes_input: bool,
    },
}

/// The engine says no.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) says: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, says: impl Into<String>) -> Self {
        Self { status, says: says.into() }
    }

    /// In the words of the cluster.
    pub(crate) fn grpc(status: u16, code: &str, says: &str) -> Self {
        Self::new(status, format!("rpc error: code = {code} desc = {says}"))
    }

    /// A stale version index is a 500.
    pub(crate) fn out_of_sequence() -> Self {
        Self::grpc(500, "Unknown", "update out of sequence")
    }

    pub(crate) fn not_running(container: &str) -> Self {
        Self::new(409, format!("Container {container} is not running"))
    }
}

pub(crate) type Told = Result<Answer, Refusal>;

/// A call without its version.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    fn flag(&self, key: &str) -> bool {
        self.query.get(key).is_some_and(|v| matches!(v.as_str(), "1" | "true" | "True"))
    }

    fn word(&self, key: &str) -> Result<String, Refusal> {
        self.query.get(key).cloned().ok_or_else(|| Refusal::new(400, format!("bad parameter: {key}")))
    }

    fn filters(&self) -> Result<Filters, Refusal> {
        Filters::parse(self.query.get("filters")).ok_or_else(|| Refusal::new(400, "invalid filter"))
    }

    fn json(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(&self.body).map_err(|bad| Refusal::new(400, bad.to_string()))
    }

    fn version(&self) -> Result<u64, Refusal> {
        let version = self.query.get("version").and_then(|v| v.parse().ok());
        version.ok_or_else(|| Refusal::new(400, "invalid version"))
    }
}

impl State {
    /// Answers one call.
    pub(crate) fn answer(&mut self, call: &Request) -> Told {
        let null = |list: &mut Value| {
            if list.as_array().is_some_and(Vec::is_empty) {
                *list = Value::Null;
            }
        };
        let mut told = self.find_answer(call)?;
        if let Answer::Json(_, value) = &mut told
            && self.null_lists
        {
            null(value);
            if value["Volumes"].is_array() {
                null(&mut value["Volumes"]);
            }
        }
        Ok(told)
    }

    fn find_answer(&mut self, call: &Request) -> Told {
        let path: Vec<&str> = call.path.trim_matches('/').split('/').collect();
        let get = call.method == Method::GET;
        let post = call.method == Method::POST;
        let put = call.method == Method::PUT;
        let delete = call.method == Method::DELETE;
        match path.as_slice() {
            ["_ping"] => {
                Ok(Answer::Bytes { bytes: b"OK".to_vec(), kind: "text/plain; charset=utf-8", stat: None })
            }
            ["version"] if get => Ok(Answer::Json(200, self.version_facts())),
            ["info"] if get => Ok(Answer::Json(200, self.info())),
            ["swarm"] if get => Ok(Answer::Json(200, self.swarm())),
            ["nodes"] if get => Ok(Answer::Json(200, json!(self.nodes))),
            ["nodes", id] if get => {
                let found = self.nodes.iter().find(|n| n["ID"] == *id || n["Description"]["Hostname"] == *id);
                let missing = || Refusal::new(404, format!("node {id} not found"));
                found.cloned().map(|n| Answer::Json(200, n)).ok_or_else(missing)
            }
            ["events"] if get => Ok(Answer::Events {
                since: call.query.get("since").cloned(),
                until: call.query.get("until").cloned(),
                filters: call.filters()?,
            }),

            ["networks"] if get => self.list_networks(&call.filters()?),
            ["networks", "create"] if post => self.create_network(&call.json()?),
            ["networks", name] if get => self.inspect_network(name),
            ["networks", name] if delete => self.remove_network(name),

            ["volumes"] if get => self.list_volumes(&call.filters()?),
            ["volumes", "create"] if post => self.create_volume(&call.json()?),
            ["volumes", name] if get => self.inspect_volume(name),
            ["volumes", name] if delete => self.remove_volume(name),

            [kind @ ("secrets" | "configs"), rest @ ..] => {
                let which = if *kind == "secrets" { Data::Secret } else { Data::Config };
                match rest {
                    [] if get => self.list_data(which, &call.filters()?),
                    ["create"] if post => self.create_data(which, call.json()?),
                    [id] if get => self.inspect_data(which, id),
                    [id] if delete => self.remove_data(which, id),
                    [id, "update"] if post => self.update_data(which, id, call.version()?, &call.json()?),
                    _ => Err(not_found()),
                }
            }

            ["services"] if get => self.list_services(&call.filters()?),
            ["services", "create"] if post => self.create_service(call.json()?),
            ["services", id] if get => self.inspect_service(id),
            ["services", id] if delete => self.remove_service(id),
            ["services", id, "update"] if post => self.update_service(id, call.version()?, call.json()?),
            ["tasks"] if get => self.list_tasks(&call.filters()?),
            ["tasks", id] if get => self.inspect_task(id),
            ["tasks", id, "logs"] if get => {
                let found = self.tasks.iter().find(|t| t.id == *id).and_then(|t| t.container.clone());
                let container = found.ok_or_else(|| Refusal::new(404, format!("task {id} not found")))?;
                Ok(Answer::Log { container, follow: false, tail: tail(call) })
            }

            ["containers", "json"] if get => self.list_containers(call.flag("all"), &call.filters()?),
            ["containers", id, "json"] if get => self.inspect_container(id),
            ["containers", id, "top"] if get => self.top(id),
            ["containers", id, "logs"] if get => {
                let nth = self.find_container(id)?;
                let container = self.containers[nth].id.clone();
                Ok(Answer::Log { container, follow: call.flag("follow"), tail: tail(call) })
            }
            ["containers", id, "archive"] if get => self.get_archive(id, &call.word("path")?),
            ["containers", id, "archive"] if put => self.put_archive(id, &call.word("path")?, &call.body),
            ["containers", id, "stop"] if post => self.stop_by_hand(id),
            ["containers", id, "kill"] if post => self.kill_by_hand(id),
            ["containers", id, "exec"] if post => self.create_exec(id, &call.json()?),
            ["containers", id] if delete => self.remove_container(id, call.flag("force"), call.flag("v")),
            ["exec", id, "start"] if post => self.start_exec(id),
            ["exec", id, "json"] if get => self.inspect_exec(id),

            ["images", "json"] if get => self.list_images(),
            ["images", "create"] if post => self.pull(&call.query),
            ["images", name @ .., "json"] if get => self.inspect_image(&name.join("/")),
            ["distribution", name @ .., "json"] if get => self.distribution(&name.join("/")),
            _ => Err(not_found()),
        }
    }

    fn version_facts(&self) -> Value {
        json!({
            "Platform": {"Name": ""}, "Components": [], "Version": self.version, "ApiVersion": self.api,
            "MinAPIVersion": "1.12", "GitCommit": "fake", "GoVersion": "fake", "Os": "linux", "Arch": "amd64",
            "KernelVersion": "0.0-fake", "BuildTime": "2026-01-01T00:00:00.000000000+00:00",
        })
    }

    fn info(&mut self) -> Value {
        let now = self.now();
        json!({
            "ID": "FAKE", "Containers": self.containers.len(), "Images": self.images.len(), "Driver": "overlay2",
            "SystemTime": now, "KernelVersion": "0.0-fake", "OperatingSystem": "fake", "OSType": "linux",
            "Architecture": "x86_64", "NCPU": 2, "MemTotal": 4_u64 << 30, "DockerRootDir": self.folder,
            "Name": "fake0", "Labels": [], "ServerVersion": self.version,
            "Swarm": {
                "NodeID": self.node_id(), "NodeAddr": "127.0.0.1", "LocalNodeState": "active", "ControlAvailable": true,
                "Error": "", "RemoteManagers": [{"NodeID": self.node_id(), "Addr": "127.0.0.1:2377"}],
                "Nodes": self.nodes.len(), "Managers": 1,
                "Cluster": {"ID": "fake", "Version": {"Index": self.index}},
            },
        })
    }

    fn swarm(&mut self) -> Value {
        let index = self.index;
        json!({
            "ID": "fake", "Version": {"Index": index}, "CreatedAt": "2026-01-01T00:00:00Z",
            "UpdatedAt": "2026-01-01T00:00:00Z",
            "Spec": {"Name": "default", "Labels": {}, "Orchestration": {"TaskHistoryRetentionLimit": 5}},
            "JoinTokens": {"Worker": "SWMTKN-fake", "Manager": "SWMTKN-fake"},
        })
    }
}

fn not_found() -> Refusal {
    Refusal::new(404, "page not found")
}

fn tail(call: &Request) -> Option<usize> {
    call.query.get("tail").and_then(|tail| tail.parse().ok())
}
