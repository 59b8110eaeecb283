//! What an engine knows of a stack, made comparable.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use compose::specs::StackSpecs;
use serde_json::Value;

use crate::engine::{BETWEEN_LOOKS, Engine};

/// How long swarm may take to allocate a network.
const ALLOCATION_LIMIT: Duration = Duration::from_secs(300);

/// What two deploys of one stack cannot have in common. Everything else has to be equal.
const INCOMPARABLE: [(&str, &str); 10] = [
    ("ID", "made by the engine for each object"),
    ("Id", "the same, of networks"),
    ("SecretID", "an id; the name stands beside it"),
    ("ConfigID", "an id; the name stands beside it"),
    ("Version", "counts the changes of the whole swarm"),
    ("CreatedAt", "the time"),
    ("UpdatedAt", "the time"),
    ("LastExecution", "the time, of jobs"),
    ("Created", "the time, of networks"),
    ("Endpoint", "addresses and ports that the engine picked; what was asked for is in the spec"),
];

/// Returns all objects of a stack by kind and name.
pub(crate) fn stack(engine: &Engine, specs: &StackSpecs) -> BTreeMap<String, Value> {
    let stack = specs.stack.as_str();
    let asked = specs.networks.iter().filter_map(|network| network.ipam.as_ref()?.config.as_ref());
    let asked: BTreeSet<&str> = asked.flatten().map(|pool| pool.subnet.as_str()).collect();
    let mut networks = BTreeMap::new();
    let mut objects = BTreeMap::new();
    for listed in engine.of_stack("networks", stack) {
        let id = listed["Id"].as_str().unwrap();
        let network = allocated(engine, id);
        let name = network["Name"].as_str().unwrap().to_owned();
        networks.insert(id.to_owned(), name.clone());
        objects.insert(format!("networks {name}"), network_of(network, &asked));
    }
    let mut configs = BTreeMap::new();
    for kind in ["secrets", "configs", "services"] {
        for listed in engine.of_stack(kind, stack) {
            let id = listed["ID"].as_str().unwrap();
            let mut object = engine.get(&format!("/{kind}/{id}"));
            if kind == "configs" {
                configs.insert(id.to_owned(), object["Spec"]["Name"].as_str().unwrap().to_owned());
            }
            name_networks(&mut object, &networks);
            name_credentials(&mut object, &configs);
            strip(&mut object);
            order_references(&mut object);
            let name = object["Spec"]["Name"].as_str().unwrap().to_owned();
            objects.insert(format!("{kind} {name}"), object);
        }
    }
    objects
}

/// Returns a network once swarm has made up its mind about it: right after its creation it has no driver yet.
fn allocated(engine: &Engine, id: &str) -> Value {
    let began = Instant::now();
    loop {
        let network = engine.get(&format!("/networks/{id}"));
        if network["Driver"] != "" {
            return network;
        }
        assert!(began.elapsed() < ALLOCATION_LIMIT, "swarm does not allocate {network}");
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// Takes away what the engine picks for a network: the number of its tunnel, and the pool of addresses where
/// none was asked for.
fn network_of(mut network: Value, asked: &BTreeSet<&str>) -> Value {
    strip(&mut network);
    if let Some(options) = network["Options"].as_object_mut() {
        options.remove("com.docker.network.driver.overlay.vxlanid_list");
    }
    if let Some(pools) = network["IPAM"]["Config"].as_array_mut() {
        for pool in pools.iter_mut().filter(|pool| !asked.contains(pool["Subnet"].as_str().unwrap())) {
            *pool = "picked by the engine".into();
        }
    }
    network
}

/// Puts names where a service's spec has the ids of its networks.
fn name_networks(service: &mut Value, networks: &BTreeMap<String, String>) {
    let Some(Value::Array(attached)) = service.pointer_mut("/Spec/TaskTemplate/Networks") else { return };
    for network in &mut *attached {
        if let Some(name) = network["Target"].as_str().and_then(|id| networks.get(id)) {
            network["Target"] = name.clone().into();
        }
    }
    // The CLI orders them by name, and the engine keeps the order.
    assert!(attached.is_sorted_by_key(|network| network["Target"].to_string()));
}

/// Puts the name where a credential spec has the id of its config.
fn name_credentials(service: &mut Value, configs: &BTreeMap<String, String>) {
    let path = "/Spec/TaskTemplate/ContainerSpec/Privileges/CredentialSpec/Config";
    if let Some(config) = service.pointer_mut(path)
        && let Some(name) = config.as_str().and_then(|id| configs.get(id))
    {
        *config = name.clone().into();
    }
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| !INCOMPARABLE.iter().any(|(name, _)| name == key));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The CLI lists two files of one secret in random order; see the other oracle.
fn order_references(service: &mut Value) {
    for list in ["Secrets", "Configs"] {
        let path = format!("/Spec/TaskTemplate/ContainerSpec/{list}");
        if let Some(Value::Array(references)) = service.pointer_mut(&path) {
            references
                .sort_by_key(|r| format!("{}{}{}", r["SecretName"], r["ConfigName"], r["File"]["Name"]));
        }
    }
}

/// Adds a line for each object that differs.
pub(crate) fn differences(
    case: &str,
    theirs: &BTreeMap<String, Value>,
    ours: &BTreeMap<String, Value>,
    lines: &mut Vec<String>,
) {
    for name in theirs.keys().chain(ours.keys().filter(|name| !theirs.contains_key(*name))) {
        let (theirs, ours) = (theirs.get(name), ours.get(name));
        if theirs != ours {
            let shown = [theirs, ours].map(|side| side.map_or("nothing".into(), Value::to_string));
            lines.push(format!("{case}: {name}\n  theirs {}\n  ours   {}", shown[0], shown[1]));
        }
    }
}
