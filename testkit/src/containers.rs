//! Containers: started, checked, stopped and removed; their health and their end as the engine tells them.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::app::{Disk, Life, Term};
use crate::clock::Step;
use crate::filters::Filters;
use crate::orchestrate::nanos;
use crate::route::{Answer, Refusal, Told};
use crate::state::{State, items, text};
use crate::tasks::{Desired, Slot, Stage};

/// How long a process takes to leave when it is asked.
const LEAVE: Duration = Duration::from_millis(5);
/// The engine's own values where a spec has none.
const GRACE: Duration = Duration::from_secs(10);
const CHECK_INTERVAL: Duration = Duration::from_secs(30);
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

/// When the first good check comes, and when the container is called unhealthy, since the start.
fn checks(spec: &Value, life: &Life) -> Option<(Option<Duration>, Option<Duration>)> {
    let check = &spec["Healthcheck"];
    let test = items(&check["Test"]).first().and_then(Value::as_str)?;
    if test == "NONE" {
        return None;
    }
    let length = |key: &str| nanos(&check[key]).filter(|d| !d.is_zero());
    let interval = length("Interval").unwrap_or(CHECK_INTERVAL);
    let patience = length("StartPeriod").unwrap_or_default()
        + interval.saturating_mul(u32::try_from(retries(spec)).unwrap_or(u32::MAX));
    let rounds = |after: Duration| after.as_nanos().div_ceil(interval.as_nanos()).max(1);
    let good = life
        .healthy_after
        .map(|after| interval.saturating_mul(u32::try_from(rounds(after)).unwrap_or(u32::MAX)));
    let good = good.filter(|good| *good <= patience);
    let bad = match (good, life.sickens_after) {
        (None, _) => Some(patience),
        (Some(good), Some(after)) => {
            Some(after.max(good) + interval.saturating_mul(u32::try_from(retries(spec)).unwrap_or(u32::MAX)))
        }
        (Some(_), None) => None,
    };
    Some((good, bad))
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

    /// Starts the container of a task. Says whether its health decides when the task runs.
    pub(crate) fn start_task_container(&mut self, task: &str) -> bool {
        let Some(nth) = self.containers.iter().position(|c| c.task == task) else { return false };
        let id = self.containers[nth].id.clone();
        for (network, _) in self.containers[nth].networks.clone() {
            self.join(&network, &id);
        }
        for mount in self.containers[nth].mounts.clone().iter().filter(|m| m["Type"] == "volume") {
            let attributes = json!({
                "container": id, "destination": mount["Destination"], "driver": "local", "propagation": "",
                "read/write": (mount["RW"] == true).to_string(),
            });
            self.event("volume", "mount", &text(&mount["Name"]), attributes);
        }
        let at = self.moment();
        let app = self.apps.get(&self.containers[nth].image).cloned();
        let container = &mut self.containers[nth];
        let life = app.map_or_else(Life::steady, |app| (app.start)(&container.disk));
        container.running = true;
        container.started = Some(at);
        container.start += 1;
        container.log.extend(life.says.iter().cloned());
        let (id, start, checks) = (container.id.clone(), container.start, checks(&container.spec, &life));
        container.health = checks.map(|_| "starting");
        container.life = Some(life.clone());
        let attributes = container.event_attributes();
        if let Some(task) = self.task_mut(task) {
            task.pid = std::process::id();
        }
        self.event("container", "start", &id, attributes);
        if let Some((after, code)) = life.ends {
            self.clock.after(after, Step::End { container: id.clone(), start, code });
        }
        if let Some((good, bad)) = checks {
            if let Some(good) = good {
                self.clock.after(good, Step::Healthy { container: id.clone(), start });
            }
            if let Some(bad) = bad {
                self.clock.after(bad, Step::Unhealthy { container: id, start });
            }
        }
        checks.is_some()
    }

    pub(crate) fn set_health(&mut self, id: &str, start: u64, word: &'static str) {
        let Some(container) =
            self.containers.iter_mut().find(|c| c.id == id && c.start == start && c.running)
        else {
            return;
        };
        container.health = Some(word);
        container.is_sick = word == "unhealthy";
        let (task, attributes, is_sick) =
            (container.task.clone(), container.event_attributes(), container.is_sick);
        self.event("container", &format!("health_status: {word}"), id, attributes);
        if is_sick {
            self.stop_container(id);
        } else if self.tasks.iter().any(|t| t.id == task && t.stage == Stage::Starting) {
            self.set_stage(&task, Stage::Running, "started");
        }
    }

    /// Asks a process to end, and kills it when its grace is over.
    pub(crate) fn stop_container(&mut self, id: &str) {
        let Some(container) = self.containers.iter().find(|c| c.id == id) else { return };
        let (task, start, running) = (container.task.clone(), container.start, container.running);
        if !running {
            self.over(&task, container.code, false);
            return;
        }
        let term = container.life.as_ref().map_or(Term::Leaves(143), |life| life.term);
        let grace = nanos(&container.spec["StopGracePeriod"]).unwrap_or(GRACE);
        let mut attributes = container.event_attributes();
        attributes["signal"] = json!("15");
        self.event("container", "kill", id, attributes);
        let container = id.to_owned();
        match term {
            Term::Leaves(code) => self.clock.after(LEAVE, Step::End { container, start, code }),
            Term::Ignores => self.clock.after(grace, Step::Kill { container, start }),
        }
    }

    pub(crate) fn kill_container(&mut self, id: &str, start: Option<u64>) {
        let Some(container) = self.containers.iter().find(|c| c.id == id && c.running) else { return };
        if start.is_some_and(|start| start != container.start) {
            return;
        }
        let mut attributes = container.event_attributes();
        attributes["signal"] = json!("9");
        self.event("container", "kill", id, attributes);
        self.end_container(id, start, 137);
    }

    /// The process is gone.
    pub(crate) fn end_container(&mut self, id: &str, start: Option<u64>, code: i64) {
        let at = self.moment();
        let Some(container) = self.containers.iter_mut().find(|c| c.id == id && c.running) else { return };
        if start.is_some_and(|start| start != container.start) {
            return;
        }
        container.running = false;
        container.finished = Some(at);
        container.code = code;
        container.oom = container.life.as_ref().is_some_and(|l| l.oom) && code == 137;
        let was_sick = container.is_sick;
        // Any container that ends is called unhealthy, whatever its checks said.
        container.health = container.health.map(|_| "unhealthy");
        let (task, mut attributes) = (container.task.clone(), container.event_attributes());
        attributes["exitCode"] = json!(code.to_string());
        let (networks, volumes) =
            (container.networks.clone(), container.volumes().map(str::to_owned).collect::<Vec<_>>());
        let stopped = container.event_attributes();
        self.event("container", "die", id, attributes);
        for (network, _) in networks {
            self.leave(&network, id);
        }
        for volume in volumes {
            self.event("volume", "unmount", &volume, json!({"container": id, "driver": "local"}));
        }
        if self.tasks.iter().any(|t| t.id == task && !t.is_wanted()) {
            self.event("container", "stop", id, stopped);
        }
        self.over(&task, code, was_sick);
    }

    /// What the end of its process means for a task.
    fn over(&mut self, task: &str, code: i64, was_sick: bool) {
        let Some(held) = self.task_mut(task) else { return };
        if held.is_over() {
            return;
        }
        held.exit = code;
        held.pid = 0;
        let wanted = held.desired <= Desired::Complete;
        if wanted && code != 0 {
            let why = if was_sick { ": dockerexec: unhealthy container" } else { "" };
            held.err = format!("task: non-zero exit ({code}){why}");
        }
        match (wanted, code) {
            (false, _) => self.set_stage(task, Stage::Shutdown, "shutdown"),
            (true, 0) => self.set_stage(task, Stage::Complete, "finished"),
            (true, _) => self.set_stage(task, Stage::Failed, "started"),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_comes_at_a_check_and_patience_ends_it() {
        let second = Duration::from_secs(1);
        let spec =
            json!({"Healthcheck": {"Test": ["CMD", "x"], "Interval": 2_000_000_000_u64, "Retries": 2}});
        let told = |life: Life| checks(&spec, &life).unwrap();
        assert_eq!(told(Life::steady()), (Some(second * 2), None));
        assert_eq!(told(Life::steady().healthy_after(second * 3)), (Some(second * 4), None));
        assert_eq!(told(Life::steady().healthy_after(second * 5)), (None, Some(second * 4)));
        assert_eq!(told(Life::steady().never_healthy()), (None, Some(second * 4)));
        assert_eq!(told(Life::steady().sickens_after(second * 8)), (Some(second * 2), Some(second * 12)));
        assert!(checks(&json!({"Healthcheck": {"Test": ["NONE"]}}), &Life::steady()).is_none());
    }
}
