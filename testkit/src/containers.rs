//! Containers as records: made with their mounts, listed, inspected, removed. What runs in them is in [`life`].

use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::app::{Disk, Life};
use crate::filters::Filters;
use crate::route::{Answer, Refusal, Told};
use crate::state::{State, items, text};
use crate::tasks::Slot;

mod life;

/// The engine's own value where a spec has none.
const CHECK_RETRIES: u64 = 3;
/// What the engine writes for a time that never was.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// A container of a task.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) task: String,
    node: String,
    image: String,
    labels: Value,
    pub(crate) spec: Value,
    /// As the API shows them.
    mounts: Vec<Value>,
    pub(crate) disk: Disk,
    created: DateTime<Utc>,
    started: Option<DateTime<Utc>>,
    finished: Option<DateTime<Utc>>,
    running: bool,
    code: i64,
    oom: bool,
    health: Option<&'static str>,
    is_sick: bool,
    /// Counts starts, so that what was planned for an earlier one is known as such.
    start: u64,
    life: Option<Life>,
    pub(crate) networks: Vec<(String, String)>,
    /// Its address for the host: one of the loopback's own, so that a test can listen there.
    pub(crate) gateway: Option<String>,
    pub(crate) log: Vec<String>,
}

impl Container {
    pub(crate) fn is_running(&self) -> bool {
        self.running
    }

    /// Names of its volumes.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().filter(|m| m["Type"] == "volume").filter_map(|m| m["Name"].as_str())
    }

    fn word(&self) -> &'static str {
        match (self.running, self.started) {
            (true, _) => "running",
            (false, Some(_)) => "exited",
            (false, None) => "created",
        }
    }

    fn status(&self) -> String {
        let health = match self.health {
            Some("starting") => " (health: starting)".to_owned(),
            Some(word) => format!(" ({word})"),
            None => String::new(),
        };
        match self.word() {
            "running" => format!("Up Less than a second{health}"),
            "exited" => format!("Exited ({}) Less than a second ago", self.code),
            _ => "Created".to_owned(),
        }
    }

    fn event_attributes(&self) -> Value {
        let mut attributes = self.labels.clone();
        attributes["image"] = json!(self.image);
        attributes["name"] = json!(self.name);
        attributes
    }

    fn listed(&self) -> Value {
        json!({
            "Id": self.id, "Names": [format!("/{}", self.name)], "Image": self.image,
            "ImageID": crate::images::id_of(&self.image), "Command": "/app", "Created": self.created.timestamp(),
            "Ports": [], "Labels": self.labels, "State": self.word(), "Status": self.status(),
            "HostConfig": {"NetworkMode": "default"},
            "NetworkSettings": {"Networks": {}}, "Mounts": self.mounts,
        })
    }

    fn shown(&self) -> Value {
        let time = |at: Option<DateTime<Utc>>| {
            at.map_or_else(|| NEVER.to_owned(), |at| at.to_rfc3339_opts(SecondsFormat::Nanos, true))
        };
        let pid = if self.running { std::process::id() } else { 0 };
        let mut state = json!({
            "Status": self.word(), "Running": self.running, "Paused": false, "Restarting": false,
            "OOMKilled": self.oom, "Dead": false, "Pid": pid, "ExitCode": self.code, "Error": "",
            "StartedAt": time(self.started), "FinishedAt": time(self.finished),
        });
        if let Some(health) = self.health {
            let said = if self.is_sick { (1, "not well\n") } else { (0, "") };
            let log: Vec<_> = (health != "starting")
                .then(|| {
                    let at = time(self.started);
                    json!({"Start": at, "End": at, "ExitCode": said.0, "Output": said.1})
                })
                .into_iter()
                .collect();
            let streak = if self.is_sick { retries(&self.spec) } else { 0 };
            state["Health"] = json!({"Status": health, "FailingStreak": streak, "Log": log});
        }
        let mut config = json!({
            "Hostname": &self.id[..12], "User": "", "Env": self.spec["Env"], "Cmd": self.spec["Args"],
            "Image": self.image, "Labels": self.labels,
        });
        if self.spec["Healthcheck"].is_object() {
            config["Healthcheck"] = self.spec["Healthcheck"].clone();
        }
        if config["Env"].is_null() {
            config["Env"] = json!(["PATH=/bin"]);
        }
        json!({
            "Id": self.id, "Created": time(Some(self.created)), "Path": "/app", "Args": [], "State": state,
            "Image": crate::images::id_of(&self.image), "Name": format!("/{}", self.name), "RestartCount": 0,
            "Driver": "overlay2", "Platform": "linux", "HostConfig": {"NetworkMode": "default"},
            "Mounts": self.mounts, "Config": config, "NetworkSettings": {"Networks": {}},
        })
    }
}

fn retries(spec: &Value) -> u64 {
    spec["Healthcheck"]["Retries"].as_u64().filter(|n| *n > 0).unwrap_or(CHECK_RETRIES)
}

impl State {
    pub(crate) fn list_containers(&mut self, all: bool, filters: &Filters) -> Told {
        let here = self.node_id();
        let found = self.containers.iter().filter(|c| c.node == here && (all || c.running));
        let found = found.filter(|c| {
            filters.labels(&c.labels)
                && filters.any("id", |id| c.id.starts_with(id))
                && filters.any("name", |name| c.name.contains(name.trim_start_matches('/')))
                && filters.any("status", |status| c.word() == status)
                && filters.any("volume", |volume| c.volumes().any(|v| v == volume))
                && filters.any("network", |network| c.networks.iter().any(|(id, _)| id == network))
        });
        Ok(Answer::Json(200, found.rev().map(Container::listed).collect()))
    }

    pub(crate) fn find_container(&self, id: &str) -> Result<usize, Refusal> {
        let here = self.node_id();
        self.containers
            .iter()
            .position(|c| {
                c.node == here && (c.id == id || c.name == id || (id.len() >= 12 && c.id.starts_with(id)))
            })
            .ok_or_else(|| Refusal::new(404, format!("No such container: {id}")))
    }

    pub(crate) fn inspect_container(&mut self, id: &str) -> Told {
        let nth = self.find_container(id)?;
        Ok(Answer::Json(200, self.containers[nth].shown()))
    }

    pub(crate) fn top(&mut self, id: &str) -> Told {
        let nth = self.find_container(id)?;
        let container = &self.containers[nth];
        if !container.running {
            return Err(Refusal::not_running(&container.id));
        }
        let row = json!(["root", std::process::id().to_string(), "1", "0", "00:00", "?", "00:00:00", "/app"]);
        Ok(Answer::Json(
            200,
            json!({"Titles": ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"], "Processes": [row]}),
        ))
    }

    /// Makes the container of a task that is being prepared, and the volumes that its mounts name. The words of an
    /// error are the task's.
    pub(crate) fn make_container(&mut self, task: &str) -> Result<(), String> {
        let Some(found) = self.tasks.iter().find(|t| t.id == task) else { return Ok(()) };
        let (spec, networks) = (found.spec["ContainerSpec"].clone(), found.networks.clone());
        let (service, service_name) = (found.service.clone(), found.service_name.clone());
        let node = found.node.clone().unwrap_or_default();
        let place = match &found.slot {
            Slot::Nth(slot) => slot.to_string(),
            Slot::Node(node) => node.clone(),
        };
        let reference = text(&spec["Image"]);
        let image = self.image_for_task(&reference).ok_or_else(|| format!("No such image: {reference}"))?;
        let (id, created) = (self.id64(), self.moment());
        let name = format!("{service_name}.{place}.{task}");
        let mut labels = if spec["Labels"].is_object() { spec["Labels"].clone() } else { json!({}) };
        for (key, value) in [
            ("com.docker.swarm.node.id", node.as_str()),
            ("com.docker.swarm.service.id", &service),
            ("com.docker.swarm.service.name", &service_name),
            ("com.docker.swarm.task", ""),
            ("com.docker.swarm.task.id", task),
            ("com.docker.swarm.task.name", &name),
        ] {
            labels[key] = json!(value);
        }
        let root = self.folder.join("containers").join(&id);
        let (mounts, disk) = self.make_mounts(&spec, &image, root).map_err(|refusal| refusal.says)?;
        // After what may be refused: what is started again and again leaves no folder behind each time.
        std::fs::create_dir_all(disk.root.join("tmp")).map_err(|bad| bad.to_string())?;
        let internal = |id: &str| self.networks.iter().any(|n| n["Id"] == id && n["Internal"] == true);
        let nth = self.containers.len() + self.tasks.len();
        let gateway = (networks.is_empty() || networks.iter().any(|(id, _)| !internal(id)))
            .then(|| format!("127.{}.{}.{}/8", 16 + nth / 62_500 % 200, nth / 250 % 250, nth % 250 + 2));
        let container = Container {
            id: id.clone(),
            name,
            task: task.to_owned(),
            node,
            image,
            labels,
            spec,
            mounts,
            disk,
            created,
            started: None,
            finished: None,
            running: false,
            code: 0,
            oom: false,
            health: None,
            is_sick: false,
            start: 0,
            life: None,
            networks,
            gateway,
            log: Vec::new(),
        };
        let attributes = container.event_attributes();
        self.containers.push(container);
        if let Some(task) = self.task_mut(task) {
            task.container = Some(id.clone());
        }
        self.event("container", "create", &id, attributes);
        Ok(())
    }

    fn make_mounts(
        &mut self,
        spec: &Value,
        image: &str,
        root: PathBuf,
    ) -> Result<(Vec<Value>, Disk), Refusal> {
        let mut shown = Vec::new();
        let mut disk = Disk { root, mounts: Vec::new() };
        let declared = self.apps.get(image).map(|app| app.volumes.clone()).unwrap_or_default();
        let of_image = declared.iter().map(|target| json!({"Type": "volume", "Target": target}));
        let taken = |target: &str| items(&spec["Mounts"]).iter().any(|m| m["Target"] == target);
        let wanted =
            items(&spec["Mounts"]).iter().cloned().chain(of_image.filter(|m| !taken(&text(&m["Target"]))));
        for mount in wanted.collect::<Vec<_>>() {
            let (target, kind) =
                (text(&mount["Target"]), mount["Type"].as_str().unwrap_or("volume").to_owned());
            let (source, writable) = (text(&mount["Source"]), mount["ReadOnly"] != true);
            match kind.as_str() {
                "volume" => {
                    let name = if source.is_empty() { self.id64() } else { source };
                    let options = &mount["VolumeOptions"];
                    // One that is there is taken as it is: the mount's labels are not applied to it.
                    if self.volumes.iter().any(|v| v["Name"] == name) {
                        self.event("volume", "create", &name, json!({"driver": "local"}));
                    } else {
                        self.make_volume(&name, &options["Labels"], &options["DriverConfig"]["Options"])?;
                    }
                    let folder = self.volume_folder(&name);
                    shown.push(json!({
                        "Type": "volume", "Name": name, "Source": folder, "Destination": target, "Driver": "local",
                        "Mode": "z", "RW": writable, "Propagation": "",
                    }));
                    disk.mounts.push((target, folder));
                }
                "bind" => {
                    shown.push(json!({
                        "Type": "bind", "Source": source, "Destination": target, "Mode": "", "RW": writable,
                        "Propagation": "rprivate",
                    }));
                    disk.mounts.push((target, source.into()));
                }
                _ => {}
            }
        }
        Ok((shown, disk))
    }

    pub(crate) fn stop_by_hand(&mut self, id: &str) -> Told {
        let nth = self.find_container(id)?;
        let (id, running) = (self.containers[nth].id.clone(), self.containers[nth].running);
        if !running {
            return Ok(Answer::Empty(304));
        }
        self.stop_container(&id);
        Ok(Answer::Empty(204))
    }

    pub(crate) fn kill_by_hand(&mut self, id: &str) -> Told {
        let nth = self.find_container(id)?;
        let (id, running) = (self.containers[nth].id.clone(), self.containers[nth].running);
        if !running {
            let says = format!("Cannot kill container: {id}: Container {id} is not running");
            return Err(Refusal::new(409, says));
        }
        self.kill_container(&id, None);
        Ok(Answer::Empty(204))
    }

    pub(crate) fn remove_container(&mut self, id: &str, force: bool, with_volumes: bool) -> Told {
        let nth = self.find_container(id)?;
        let (id, running) = (self.containers[nth].id.clone(), self.containers[nth].running);
        if running && !force {
            let says = if self.is_old() {
                format!(
                    "You cannot remove a running container {id}. Stop the container before attempting removal or force remove"
                )
            } else {
                let name = &self.containers[nth].name;
                format!(
                    "cannot remove container \"/{name}\": container is running: stop the container before removing or force remove"
                )
            };
            return Err(Refusal::new(409, says));
        }
        self.kill_container(&id, None);
        let anonymous: Vec<String> = self
            .containers
            .iter()
            .filter(|c| c.id == id)
            .flat_map(|c| c.volumes().map(str::to_owned).collect::<Vec<_>>())
            .filter(|name| name.len() == 64)
            .collect();
        let task = self.containers.iter().find(|c| c.id == id).map(|c| c.task.clone());
        self.drop_container(&id);
        // One that was not started yet takes its task with it.
        if let Some(task) = task
            && self.tasks.iter().any(|t| t.id == task && !t.is_over())
        {
            self.over(&task, 1, false);
        }
        if with_volumes {
            for name in anonymous {
                drop(self.remove_volume(&name));
            }
        }
        Ok(Answer::Empty(204))
    }

    /// Takes a container from the list, with its own files.
    pub(crate) fn drop_container(&mut self, id: &str) {
        self.kill_container(id, None);
        let Some(nth) = self.containers.iter().position(|c| c.id == id) else { return };
        let container = self.containers.remove(nth);
        drop(std::fs::remove_dir_all(&container.disk.root));
        self.event("container", "destroy", id, container.event_attributes());
    }
}
