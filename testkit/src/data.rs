//! Secrets and configs. A secret's data is taken and never shown.

use serde_json::{Value, json};

use crate::filters::Filters;
use crate::route::{Answer, Refusal, Told};
use crate::state::{State, items, text};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    Secret,
    Config,
}

impl Data {
    fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Config => "config",
        }
    }

    fn list(self, state: &mut State) -> &mut Vec<Value> {
        match self {
            Self::Secret => &mut state.secrets,
            Self::Config => &mut state.configs,
        }
    }

    fn uses(self, spec: &Value) -> Vec<String> {
        let (list, id) = match self {
            Self::Secret => ("Secrets", "SecretID"),
            Self::Config => ("Configs", "ConfigID"),
        };
        items(&spec["TaskTemplate"]["ContainerSpec"][list]).iter().map(|used| text(&used[id])).collect()
    }
}

impl State {
    pub(crate) fn list_data(&mut self, which: Data, filters: &Filters) -> Told {
        let list = which.list(self).iter();
        let found = list.filter(|o| filters.labels(&o["Spec"]["Labels"]));
        let found = found.filter(|o| filters.named(&text(&o["Spec"]["Name"]), &text(&o["ID"])));
        Ok(Answer::Json(200, found.map(|o| shown(which, o)).collect()))
    }

    pub(crate) fn inspect_data(&mut self, which: Data, id: &str) -> Told {
        let nth = self.find_data(which, id)?;
        Ok(Answer::Json(200, shown(which, &which.list(self)[nth])))
    }

    fn find_data(&mut self, which: Data, id: &str) -> Result<usize, Refusal> {
        let list = which.list(self);
        let by_id = list.iter().position(|o| o["ID"] == id);
        by_id
            .or_else(|| list.iter().position(|o| o["Spec"]["Name"] == id))
            .ok_or_else(|| Refusal::new(404, format!("{} {id} not found", which.word())))
    }

    pub(crate) fn create_data(&mut self, which: Data, mut spec: Value) -> Told {
        let name = text(&spec["Name"]);
        if name.is_empty() {
            return Err(Refusal::grpc(400, "InvalidArgument", "name must be provided"));
        }
        if which.list(self).iter().any(|o| o["Spec"]["Name"] == name) {
            let word = which.word();
            let says = format!("{word} {name} already exists");
            return Err(Refusal::grpc(409, "AlreadyExists", &says));
        }
        if spec["Labels"].is_null() {
            spec["Labels"] = json!({});
        }
        let (id, at, index) = (self.id25(), self.now(), self.next_index());
        let made = json!({
            "ID": id, "Version": {"Index": index}, "CreatedAt": at, "UpdatedAt": at, "Spec": spec,
        });
        which.list(self).push(made);
        self.event(which.word(), "create", &id, json!({"name": name}));
        Ok(Answer::Json(201, json!({"ID": id})))
    }

    pub(crate) fn update_data(&mut self, which: Data, id: &str, version: u64, spec: &Value) -> Told {
        let nth = self.find_data(which, id)?;
        let (at, index) = (self.now(), self.next_index());
        let held = &mut which.list(self)[nth];
        if held["Version"]["Index"].as_u64() != Some(version) {
            return Err(Refusal::out_of_sequence());
        }
        let same = |key: &str| spec[key].is_null() || spec[key] == held["Spec"][key];
        if !same("Name") || !same("Data") {
            return Err(Refusal::grpc(400, "InvalidArgument", "only updates to Labels are allowed"));
        }
        held["Spec"]["Labels"] = spec["Labels"].clone();
        held["Version"]["Index"] = json!(index);
        held["UpdatedAt"] = json!(at);
        let (id, name) = (text(&held["ID"]), text(&held["Spec"]["Name"]));
        self.event(which.word(), "update", &id, json!({"name": name}));
        Ok(Answer::Empty(200))
    }

    pub(crate) fn remove_data(&mut self, which: Data, id: &str) -> Told {
        let nth = self.find_data(which, id)?;
        let held = which.list(self)[nth].clone();
        let (id, name) = (text(&held["ID"]), text(&held["Spec"]["Name"]));
        let users: Vec<_> =
            self.services.iter().filter(|s| which.uses(&s.spec).contains(&id)).map(|s| s.name()).collect();
        if !users.is_empty() {
            let plural = if users.len() == 1 { "service" } else { "services" };
            let says = format!(
                "{} '{name}' is in use by the following {plural}: {}",
                which.word(),
                users.join(", ")
            );
            return Err(Refusal::grpc(400, "InvalidArgument", &says));
        }
        which.list(self).remove(nth);
        self.event(which.word(), "remove", &id, json!({"name": name}));
        Ok(Answer::Empty(204))
    }
}

fn shown(which: Data, object: &Value) -> Value {
    let mut object = object.clone();
    match (which, object["Spec"].as_object_mut()) {
        (Data::Secret, Some(spec)) => drop(spec.remove("Data")),
        (Data::Secret, None) | (Data::Config, _) => {}
    }
    object
}
