//! Services as the API has them; what they set in motion is in `orchestrate` and `updates`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Step;
use crate::filters::Filters;
use crate::route::{Answer, Refusal, Told};
use crate::state::{State, items, text};
use crate::updates::Update;

/// From the answer to an update to its beginning.
const BEGIN: Duration = Duration::from_millis(5);

/// A service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) id: String,
    pub(crate) index: u64,
    created: String,
    pub(crate) updated: String,
    pub(crate) spec: Value,
    pub(crate) previous: Option<Value>,
    /// As the API shows it.
    pub(crate) status: Option<Value>,
    pub(crate) update: Option<Update>,
    /// Counts updates and rollbacks, so that what was planned for an older one is known as such.
    pub(crate) round: u64,
    /// The version index at which a job was started last, and when.
    pub(crate) job: Option<(u64, String)>,
}

/// How many tasks a service has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Replicated(u64),
    Global,
    Job { at_once: u64, total: u64 },
    GlobalJob,
}

impl Service {
    pub(crate) fn name(&self) -> String {
        text(&self.spec["Name"])
    }

    pub(crate) fn mode(&self) -> Mode {
        let mode = &self.spec["Mode"];
        let job = &mode["ReplicatedJob"];
        if mode["Global"].is_object() {
            Mode::Global
        } else if mode["GlobalJob"].is_object() {
            Mode::GlobalJob
        } else if job.is_object() {
            let at_once = job["MaxConcurrent"].as_u64().unwrap_or(1);
            Mode::Job { at_once, total: job["TotalCompletions"].as_u64().unwrap_or(at_once) }
        } else {
            Mode::Replicated(mode["Replicated"]["Replicas"].as_u64().unwrap_or(1))
        }
    }

    fn shown(&self) -> Value {
        let mut shown = json!({
            "ID": self.id, "Version": {"Index": self.index}, "CreatedAt": self.created, "UpdatedAt": self.updated,
            "Spec": self.spec,
        });
        if let Some(previous) = &self.previous {
            shown["PreviousSpec"] = previous.clone();
        }
        let endpoint = &self.spec["EndpointSpec"];
        shown["Endpoint"] = json!({"Spec": {}});
        if endpoint["Mode"] == "vip" || !items(&endpoint["Ports"]).is_empty() {
            shown["Endpoint"]["Spec"] = endpoint.clone();
        }
        if let Some(ports) = endpoint["Ports"].as_array() {
            shown["Endpoint"]["Ports"] = json!(ports);
        }
        if let Some(status) = &self.status {
            shown["UpdateStatus"] = status.clone();
        }
        if let Some((index, at)) = &self.job {
            shown["JobStatus"] = json!({"JobIteration": {"Index": index}, "LastExecution": at});
        }
        shown
    }
}

impl State {
    pub(crate) fn list_services(&mut self, filters: &Filters) -> Told {
        let found = self.services.iter().filter(|s| filters.labels(&s.spec["Labels"]));
        let found = found.filter(|s| filters.named(&s.name(), &s.id));
        Ok(Answer::Json(200, found.map(Service::shown).collect()))
    }

    /// By id, by name, or by the beginning of an id.
    fn find_service(&self, id: &str) -> Result<usize, Refusal> {
        let by = |meets: &dyn Fn(&Service) -> bool| self.services.iter().position(meets);
        by(&|s| s.id == id)
            .or_else(|| by(&|s| s.name() == id))
            .ok_or_else(|| Refusal::new(404, format!("service {id} not found")))
    }

    pub(crate) fn inspect_service(&mut self, id: &str) -> Told {
        let nth = self.find_service(id)?;
        Ok(Answer::Json(200, self.services[nth].shown()))
    }

    /// Checks a spec and fills in what the engine fills in.
    fn complete(&self, mut spec: Value) -> Result<Value, Refusal> {
        let task = &mut spec["TaskTemplate"];
        if text(&task["ContainerSpec"]["Image"]).is_empty() {
            let says = "ContainerSpec: image reference must be provided";
            return Err(Refusal::grpc(400, "InvalidArgument", says));
        }
        let container = &mut task["ContainerSpec"];
        default(container, "Isolation", json!("default"));
        for (kind, list, id, name) in
            [("secret", "Secrets", "SecretID", "SecretName"), ("config", "Configs", "ConfigID", "ConfigName")]
        {
            let held = if kind == "secret" { &self.secrets } else { &self.configs };
            for used in items(&container[list]) {
                if !held.iter().any(|o| o["ID"] == used[id] && o["Spec"]["Name"] == used[name]) {
                    let says = format!("{kind} not found: {}", text(&used[id]));
                    return Err(Refusal::grpc(400, "InvalidArgument", &says));
                }
            }
        }
        if let Some(networks) = task["Networks"].as_array_mut() {
            for network in networks {
                let name = text(&network["Target"]);
                let found = self.find_network(&name);
                let found = found.ok_or_else(|| Refusal::new(500, format!("network {name} not found")))?;
                if found["Scope"] == "swarm" {
                    network["Target"] = found["Id"].clone();
                }
            }
        }
        default(task, "ForceUpdate", json!(0));
        default(task, "Runtime", json!("container"));
        default(&mut spec, "Labels", json!({}));
        default(&mut spec, "Mode", json!({"Replicated": {"Replicas": 1}}));
        if spec["Mode"]["Replicated"].is_object() {
            default(&mut spec["Mode"]["Replicated"], "Replicas", json!(1));
        }
        Ok(spec)
    }

    pub(crate) fn create_service(&mut self, spec: Value) -> Told {
        let name = text(&spec["Name"]);
        if name.is_empty() {
            return Err(Refusal::grpc(400, "InvalidArgument", "meta: name must be provided"));
        }
        let spec = self.complete(spec)?;
        if self.services.iter().any(|s| s.name() == name) {
            let says = format!("name conflicts with an existing object: service {name} already exists");
            return Err(Refusal::grpc(409, "AlreadyExists", &says));
        }
        let (id, at, index) = (self.id25(), self.now(), self.next_index());
        self.services.push(Service {
            id: id.clone(),
            index,
            created: at.clone(),
            updated: at,
            spec,
            previous: None,
            status: None,
            update: None,
            round: 0,
            job: None,
        });
        self.event("service", "create", &id, json!({"name": name}));
        self.start_job(&id);
        self.fill(&id);
        let mut made = json!({"ID": id});
        if !self.is_old() {
            made["Warnings"] = Value::Null;
        }
        Ok(Answer::Json(201, made))
    }

    pub(crate) fn update_service(&mut self, id: &str, version: u64, spec: Value) -> Told {
        let nth = self.find_service(id)?;
        let spec = self.complete(spec)?;
        let held = &self.services[nth];
        if held.index != version {
            return Err(Refusal::out_of_sequence());
        }
        if held.spec["Name"] != spec["Name"] {
            return Err(Refusal::grpc(501, "Unimplemented", "renaming services is not supported"));
        }
        if std::mem::discriminant(&held.mode()) != std::mem::discriminant(&mode_of(&spec)) {
            return Err(Refusal::grpc(501, "Unimplemented", "service mode change is not allowed"));
        }
        let (at, index) = (self.now(), self.next_index());
        let held = &mut self.services[nth];
        held.previous = Some(std::mem::replace(&mut held.spec, spec));
        held.index = index;
        held.updated = at;
        held.status = None;
        let (id, name) = (held.id.clone(), held.name());
        self.event("service", "update", &id, json!({"name": name}));
        // The update begins, and raises the version index again, a moment after the answer.
        held_round(&mut self.services[nth]);
        let round = self.services[nth].round;
        self.clock.after(BEGIN, Step::Begin { service: id, round });
        Ok(Answer::Json(200, json!({"Warnings": null})))
    }

    pub(crate) fn remove_service(&mut self, id: &str) -> Told {
        let nth = self.find_service(id)?;
        let service = self.services.remove(nth);
        self.next_index();
        self.event("service", "remove", &service.id, json!({"name": service.name()}));
        self.remove_tasks_of(&service.id);
        Ok(Answer::Empty(200))
    }
}

/// What was planned for an update before this one is not done any more.
fn held_round(service: &mut Service) {
    service.round += 1;
    service.update = None;
}

fn mode_of(spec: &Value) -> Mode {
    let service = Service {
        id: String::new(),
        index: 0,
        created: String::new(),
        updated: String::new(),
        spec: json!({"Mode": spec["Mode"]}),
        previous: None,
        status: None,
        update: None,
        round: 0,
        job: None,
    };
    service.mode()
}

fn default(map: &mut Value, key: &str, value: Value) {
    if map[key].is_null() {
        map[key] = value;
    }
}
