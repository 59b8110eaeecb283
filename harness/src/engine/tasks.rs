//! Tasks as they run: where, with which addresses, image and environment.

use std::collections::BTreeMap;

use domain::StackName;
use serde_json::Value;

use super::{Engine, EngineError, items, labels, text};

/// The network over which the host reaches tasks of a single node.
const GATEWAY: &str = "docker_gwbridge";

/// What is known of one task. What only its own node knows is `None` or empty for tasks elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskFacts {
    /// The service's name in the swarm.
    pub service: String,
    pub task_id: String,
    /// `None` before there is a container.
    pub container_id: Option<String>,
    /// The node's id.
    pub node: String,
    /// Whether the container is on the engine's own node, so that exec, files and addresses are at hand.
    pub is_local: bool,
    /// In the engine's words: `running`, `failed`, …
    pub state: String,
    /// In the engine's words: `running` for a task that is wanted.
    pub desired: String,
    /// Whether it runs. On the engine's own node the container itself was asked: the manager's `state` is 50 to
    /// 400 ms behind, and still `starting` when a stack has just settled.
    pub is_running: bool,
    /// Process id on the node, while it runs.
    pub pid: Option<i64>,
    /// Name of each network and the task's address on it, without the prefix length.
    pub networks: Vec<(String, String)>,
    /// The address at which the host reaches it. A task on internal networks only has none.
    pub gwbridge_ip: Option<String>,
    /// `NAME=value`, of the image and the recipe together.
    pub env: Vec<String>,
    /// As the service's spec names it.
    pub image: String,
    /// `sha256:…` of the image that the container was made from.
    pub image_id: Option<String>,
    /// `name@sha256:…` of it, as far as a registry gave it one.
    pub repo_digests: Vec<String>,
    /// The container's labels; those of the service where there is no container.
    pub labels: BTreeMap<String, String>,
}

impl std::fmt::Debug for TaskFacts {
    /// Leaves the values of the environment out: they hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskFacts")
            .field("service", &self.service)
            .field("task_id", &self.task_id)
            .field("container_id", &self.container_id)
            .field("node", &self.node)
            .field("state", &self.state)
            .field("desired", &self.desired)
            .field("is_running", &self.is_running)
            .field("pid", &self.pid)
            .field("networks", &self.networks)
            .field("gwbridge_ip", &self.gwbridge_ip)
            .field("image", &self.image)
            .field("image_id", &self.image_id)
            .finish_non_exhaustive()
    }
}

/// A volume in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskMount {
    pub volume: String,
    /// Where the container has it.
    pub destination: String,
    pub writable: bool,
}

impl Engine {
    /// Lists the tasks of a stack, dead ones too, newest last.
    pub async fn tasks(&self, stack: &StackName) -> Result<Vec<TaskFacts>, EngineError> {
        let mut tasks = self.tasks_of(stack).await?;
        tasks.sort_by_key(|t| text(&t["CreatedAt"]));
        let names = self.service_names(stack).await?;
        let gateway =
            match self.raw().get(&format!("/networks/{GATEWAY}"), &[], "looking at the gateway").await {
                Ok(network) => network["Containers"].clone(),
                Err(error) if error.is_absent() => Value::Null,
                Err(error) => return Err(error),
            };
        let mut facts = Vec::new();
        for task in &tasks {
            let mut fact = read(task, &names);
            if let Some(id) = fact.container_id.clone() {
                self.complete(&mut fact, &id, &gateway).await?;
            }
            facts.push(fact);
        }
        Ok(facts)
    }

    async fn complete(&self, fact: &mut TaskFacts, id: &str, gateway: &Value) -> Result<(), EngineError> {
        let doing = "inspecting a container";
        let container = match self.raw().get(&format!("/containers/{id}/json"), &[], doing).await {
            Ok(container) => container,
            // On another node, or tidied away by the engine while we looked.
            Err(error) if error.is_absent() => return Ok(()),
            Err(error) => return Err(error),
        };
        fact.is_local = true;
        fact.is_running = container["State"]["Running"].as_bool() == Some(true);
        fact.pid = container["State"]["Pid"].as_i64().filter(|pid| *pid > 0);
        fact.gwbridge_ip = gateway[id]["IPv4Address"].as_str().map(plain_address);
        fact.env = items(&container["Config"]["Env"]).iter().map(text).collect();
        fact.image_id = container["Image"].as_str().map(str::to_owned);
        fact.labels = labels(&container["Config"]["Labels"]);
        if let Some(image) = &fact.image_id {
            match self.raw().get(&format!("/images/{image}/json"), &[], "inspecting an image").await {
                Ok(found) => fact.repo_digests = items(&found["RepoDigests"]).iter().map(text).collect(),
                Err(error) if error.is_absent() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Lists the volumes that a container has, named and anonymous.
    pub async fn mounts(&self, container_id: &str) -> Result<Vec<TaskMount>, EngineError> {
        let path = format!("/containers/{container_id}/json");
        let container = self.raw().get(&path, &[], "inspecting a container").await?;
        let volumes = items(&container["Mounts"]).iter().filter(|m| m["Type"].as_str() == Some("volume"));
        Ok(volumes
            .map(|m| TaskMount {
                volume: text(&m["Name"]),
                destination: text(&m["Destination"]),
                writable: m["RW"].as_bool() == Some(true),
            })
            .collect())
    }
}

fn read(task: &Value, names: &BTreeMap<String, String>) -> TaskFacts {
    let service = text(&task["ServiceID"]);
    let networks = items(&task["NetworksAttachments"]).iter().filter_map(|a| {
        let address = items(&a["Addresses"]).first()?.as_str()?;
        Some((text(&a["Network"]["Spec"]["Name"]), plain_address(address)))
    });
    let spec = &task["Spec"]["ContainerSpec"];
    TaskFacts {
        service: names.get(&service).cloned().unwrap_or(service),
        task_id: text(&task["ID"]),
        container_id: task["Status"]["ContainerStatus"]["ContainerID"]
            .as_str()
            .filter(|id| !id.is_empty())
            .map(str::to_owned),
        is_local: false,
        node: text(&task["NodeID"]),
        state: text(&task["Status"]["State"]),
        desired: text(&task["DesiredState"]),
        is_running: task["Status"]["State"].as_str() == Some("running"),
        pid: None,
        networks: networks.collect(),
        gwbridge_ip: None,
        env: items(&spec["Env"]).iter().map(text).collect(),
        image: text(&spec["Image"]),
        image_id: None,
        repo_digests: Vec::new(),
        labels: labels(&spec["Labels"]),
    }
}

/// `10.0.1.42/24` without its prefix length.
fn plain_address(address: &str) -> String {
    address.split('/').next().unwrap_or(address).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_task_keeps_its_addresses_and_shows_no_secret() {
        let task = json!({
            "ID": "t1", "ServiceID": "s1", "NodeID": "n1", "DesiredState": "running",
            "Status": {"State": "running", "ContainerStatus": {"ContainerID": "c1"}},
            "Spec": {"ContainerSpec": {"Image": "a:1", "Env": ["PASSWORD=hunter2"]}},
            "NetworksAttachments": [
                {"Network": {"Spec": {"Name": "proxy"}}, "Addresses": ["10.0.1.42/24"]},
                {"Network": {"Spec": {"Name": "gone"}}, "Addresses": []},
            ],
        });
        let fact = read(&task, &[("s1".to_owned(), "x_app".to_owned())].into());
        assert_eq!(fact.networks, [("proxy".to_owned(), "10.0.1.42".to_owned())]);
        assert_eq!((fact.service.as_str(), fact.node.as_str(), fact.is_running), ("x_app", "n1", true));
        assert!(!format!("{fact:?}").contains("hunter2"));
    }
}
