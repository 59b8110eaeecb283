//! A stack as it shall be, in the words of the engine's API.

use std::collections::BTreeMap;

use compose::specs::StackSpecs;
use domain::StackName;
use serde_json::{Value, json};

use super::{ResolvedImage, text};

/// A stack as it shall be: bodies as the engine's API takes them, names not yet turned into ids.
#[derive(Clone, PartialEq)]
pub struct Wanted {
    pub stack: StackName,
    /// Bodies of `POST /networks/create`.
    pub networks: Vec<Value>,
    /// Networks that have to be there already.
    pub external_networks: Vec<String>,
    /// Bodies of `POST /secrets/create`, data included.
    pub secrets: Vec<Value>,
    /// Bodies of `POST /configs/create`.
    pub configs: Vec<Value>,
    pub services: Vec<WantedService>,
}

/// One service of a [`Wanted`] stack.
#[derive(Clone, PartialEq)]
pub struct WantedService {
    /// The name in the recipe, without the stack's.
    pub name: String,
    /// Body of `POST /services/create`. Networks, secrets and configs stand there by name.
    pub spec: Value,
}

impl Wanted {
    /// Makes every service run the image that was resolved for it, as `docker stack deploy` does with what the
    /// registry tells it: a tag that moves later changes nothing. `nodes` is the size of the swarm.
    #[must_use]
    pub fn pinned(mut self, resolved: &BTreeMap<String, ResolvedImage>, nodes: u64) -> Self {
        for service in &mut self.services {
            if let Some(pinned) = resolved.get(&service.name).and_then(|image| image.pinned(nodes)) {
                service.spec["TaskTemplate"]["ContainerSpec"]["Image"] = json!(pinned);
            }
        }
        self
    }
}

impl std::fmt::Debug for Wanted {
    /// Names only: bodies hold secrets, environments too.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = |bodies: &[Value]| bodies.iter().map(|b| text(&b["Name"])).collect::<Vec<_>>();
        f.debug_struct("Wanted")
            .field("stack", &self.stack)
            .field("services", &self.services)
            .field("networks", &names(&self.networks))
            .field("secrets", &names(&self.secrets))
            .field("configs", &names(&self.configs))
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for WantedService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WantedService").field("name", &self.name).finish_non_exhaustive()
    }
}

impl From<&StackSpecs> for Wanted {
    fn from(specs: &StackSpecs) -> Self {
        let StackSpecs { stack, services, networks, volumes: _, secrets, configs, external } = specs;
        Self {
            stack: stack.clone(),
            networks: networks.iter().map(body).collect(),
            external_networks: external.networks.iter().cloned().collect(),
            secrets: secrets.iter().map(body).collect(),
            configs: configs.iter().map(body).collect(),
            services: services
                .iter()
                .map(|(name, spec)| WantedService { name: name.clone(), spec: body(spec) })
                .collect(),
        }
    }
}

/// By way of text, so that a 32-bit `0.3` stays `0.3`.
fn body(spec: &impl serde::Serialize) -> Value {
    let text = serde_json::to_string(spec).expect("specs have text keys and nothing else can fail");
    serde_json::from_str(&text).expect("what was just written can be read")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_debug_form_of_a_stack_shows_no_secret() {
        let wanted = Wanted {
            stack: StackName::parse("s").unwrap(),
            networks: vec![],
            external_networks: vec![],
            secrets: vec![json!({"Name": "s_pw_v1", "Data": "aHVudGVyMg=="})],
            configs: vec![],
            services: vec![WantedService {
                name: "app".into(),
                spec: json!({"TaskTemplate": {"ContainerSpec": {"Env": ["PASSWORD=hunter2"]}}}),
            }],
        };
        let shown = format!("{wanted:?}");
        assert!(shown.contains("s_pw_v1") && shown.contains("app"));
        assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
    }
}
