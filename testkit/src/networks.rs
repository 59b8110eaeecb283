//! Networks: by name or id, not removable while somebody is on them.

use serde_json::{Map, Value, json};

use crate::filters::Filters;
use crate::route::{Answer, Refusal, Told};
use crate::state::{State, items, text};

/// The network over which the host reaches tasks.
const GATEWAY: &str = "docker_gwbridge";

impl State {
    /// Those that every engine has.
    pub(crate) fn own_networks(&mut self) {
        for (name, driver) in [("bridge", "bridge"), ("host", "host"), ("none", "null"), (GATEWAY, "bridge")]
        {
            let (id, at) = (self.id64(), self.now());
            let body = json!({"Name": name, "Driver": driver});
            self.networks.push(network(&body, &id, &at, "local"));
        }
        let (id, at) = (self.id25(), self.now());
        let mut ingress = network(&json!({"Name": "ingress", "Driver": "overlay"}), &id, &at, "swarm");
        ingress["Ingress"] = json!(true);
        self.networks.push(ingress);
    }

    pub(crate) fn list_networks(&mut self, filters: &Filters) -> Told {
        let found = self.networks.iter().filter(|n| filters.labels(&n["Labels"]));
        let found = found.filter(|n| {
            let (name, id) = (text(&n["Name"]), text(&n["Id"]));
            filters.any("name", |wanted| name.contains(wanted))
                && filters.any("id", |wanted| id.starts_with(wanted))
                && filters.any("driver", |wanted| n["Driver"] == wanted)
                && filters.any("scope", |wanted| n["Scope"] == wanted)
        });
        Ok(Answer::Json(200, found.cloned().collect()))
    }

    pub(crate) fn find_network(&self, name: &str) -> Option<&Value> {
        let by_id = self.networks.iter().find(|n| n["Id"] == name);
        by_id.or_else(|| self.networks.iter().find(|n| n["Name"] == name))
    }

    pub(crate) fn inspect_network(&mut self, name: &str) -> Told {
        let missing = || Refusal::new(404, format!("network {name} not found"));
        let mut found = self.find_network(name).cloned().ok_or_else(missing)?;
        let id = text(&found["Id"]);
        let mut inside = Map::new();
        for container in self.containers.iter().filter(|c| c.is_running()) {
            let address = if found["Name"] == GATEWAY {
                container.gateway.clone()
            } else {
                container
                    .networks
                    .iter()
                    .find(|(network, _)| *network == id)
                    .map(|(_, address)| address.clone())
            };
            if let Some(address) = address {
                let seen = json!({
                    "Name": container.name, "EndpointID": container.id, "MacAddress": "02:42:00:00:00:00",
                    "IPv4Address": address, "IPv6Address": "",
                });
                inside.insert(container.id.clone(), seen);
            }
        }
        if found["Scope"] == "swarm" && !inside.is_empty() {
            found["Peers"] = json!([{"Name": "fake", "IP": "127.0.0.1"}]);
        }
        if found["Scope"] == "local" || !inside.is_empty() {
            found["Containers"] = Value::Object(inside);
        }
        Ok(Answer::Json(200, found))
    }

    pub(crate) fn create_network(&mut self, body: &Value) -> Told {
        let name = text(&body["Name"]);
        if self.networks.iter().any(|n| n["Name"] == name) {
            return Err(Refusal::new(409, format!("network with name {name} already exists")));
        }
        let swarm = body["Driver"] == "overlay" || body["Scope"] == "swarm";
        let (id, scope) = if swarm { (self.id25(), "swarm") } else { (self.id64(), "local") };
        let at = self.now();
        self.next_index();
        let mut made = network(body, &id, &at, scope);
        if swarm {
            let nth = self.networks.len() % 250;
            made["IPAM"]["Config"] =
                json!([{"Subnet": format!("10.0.{nth}.0/24"), "Gateway": format!("10.0.{nth}.1")}]);
            made["Options"]["com.docker.network.driver.overlay.vxlanid_list"] =
                json!((4097 + nth).to_string());
        }
        self.networks.push(made);
        if swarm {
            self.swarm_event("network", "create", &id, json!({"name": name}));
            self.swarm_event("network", "update", &id, json!({"name": name}));
        } else {
            self.event("network", "create", &id, json!({"name": name, "type": text(&body["Driver"])}));
        }
        Ok(Answer::Json(201, json!({"Id": id, "Warning": ""})))
    }

    pub(crate) fn remove_network(&mut self, name: &str) -> Told {
        let missing = || Refusal::new(404, format!("network {name} not found"));
        let found = self.find_network(name).cloned().ok_or_else(missing)?;
        let (id, name) = (text(&found["Id"]), text(&found["Name"]));
        if self.lingering.contains(&id) {
            return Err(missing());
        }
        let uses = |spec: &Value| items(&spec["Networks"]).iter().any(|n| n["Target"] == id);
        if let Some(service) = self.services.iter().find(|s| uses(&s.spec["TaskTemplate"])) {
            let says = format!("network {id} is in use by service {}", service.id);
            return Err(Refusal::grpc(400, "FailedPrecondition", &says));
        }
        if let Some(task) = self.tasks.iter().find(|t| uses(&t.spec) && !t.is_over() && t.is_wanted()) {
            let says = format!("network {id} is in use by task {}", task.id);
            return Err(Refusal::grpc(400, "FailedPrecondition", &says));
        }
        self.swarm_event("network", "remove", &id, json!({"name": name}));
        if self.is_used(&id) {
            // The swarm forgets it, and the node lists it until the last container has left it.
            self.lingering.insert(id);
        } else {
            self.networks.retain(|n| n["Id"] != id);
        }
        Ok(Answer::Empty(204))
    }

    /// Whether a running container is on it.
    pub(crate) fn is_used(&self, network: &str) -> bool {
        let on = |c: &crate::containers::Container| c.networks.iter().any(|(id, _)| id == network);
        self.containers.iter().any(|c| c.is_running() && on(c))
    }

    /// A container left this network.
    pub(crate) fn leave(&mut self, network: &str, container: &str) {
        let name = self.find_network(network).map(|n| text(&n["Name"])).unwrap_or_default();
        let attributes = json!({"container": container, "name": name, "type": "overlay"});
        self.event("network", "disconnect", network, attributes);
        if !self.is_used(network) {
            self.event("network", "destroy", network, json!({"name": name, "type": "overlay"}));
            if self.lingering.remove(network) {
                self.networks.retain(|n| n["Id"] != network);
            }
        }
    }

    /// A container came to this network.
    pub(crate) fn join(&mut self, network: &str, container: &str) {
        let name = self.find_network(network).map(|n| text(&n["Name"])).unwrap_or_default();
        if !self.is_used(network) {
            self.event("network", "create", network, json!({"name": name, "type": "overlay"}));
        }
        let attributes = json!({"container": container, "name": name, "type": "overlay"});
        self.event("network", "connect", network, attributes);
    }
}

fn network(body: &Value, id: &str, at: &str, scope: &str) -> Value {
    let map = |value: &Value| if value.is_object() { value.clone() } else { json!({}) };
    let flag = |key: &str| json!(body[key].as_bool() == Some(true));
    json!({
        "Name": body["Name"], "Id": id, "Created": at, "Scope": scope, "Driver": body["Driver"],
        "EnableIPv6": flag("EnableIPv6"),
        "IPAM": {"Driver": "default", "Options": null, "Config": []},
        "Internal": flag("Internal"), "Attachable": flag("Attachable"), "Ingress": false,
        "ConfigFrom": {"Network": ""}, "ConfigOnly": false,
        "Containers": null, "Options": map(&body["Options"]), "Labels": map(&body["Labels"]),
    })
}
