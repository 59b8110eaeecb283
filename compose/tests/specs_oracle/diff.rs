//! Compares what was posted. One thing alone is put in order first: where one secret or config goes to two
//! files of a service, the CLI lists them in the random order of a Go map.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::engine::Posted;

/// Returns a line for each value that differs, as `path: theirs / ours`.
pub(crate) fn compare(theirs: &Posted, ours: &Posted) -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, theirs, ours) in [
        ("network", &theirs.networks, &ours.networks),
        ("secret", &theirs.secrets, &ours.secrets),
        ("config", &theirs.configs, &ours.configs),
        ("service", &theirs.services, &ours.services),
    ] {
        // The CLI goes through maps here too; each body has its name.
        let (theirs, ours) = (by_name(theirs), by_name(ours));
        for name in theirs.keys().chain(ours.keys()).collect::<std::collections::BTreeSet<_>>() {
            let missing = Value::String("not there".into());
            let their = theirs.get(name).unwrap_or(&missing);
            differences(&format!("{kind} {name}"), their, ours.get(name).unwrap_or(&missing), &mut lines);
        }
    }
    lines
}

fn by_name(bodies: &[Value]) -> BTreeMap<String, Value> {
    let named = bodies.iter().map(|body| (body["Name"].as_str().unwrap().to_owned(), ordered(body.clone())));
    named.collect()
}

fn ordered(mut body: Value) -> Value {
    for (list, name) in [("Secrets", "SecretName"), ("Configs", "ConfigName")] {
        let path = format!("/TaskTemplate/ContainerSpec/{list}");
        if let Some(Value::Array(references)) = body.pointer_mut(&path) {
            // Stable, and by the name first: an order of names that is not the CLI's stays visible below.
            let names: Vec<_> = references.iter().map(|r| r[name].to_string()).collect();
            assert!(names.is_sorted(), "{list} are not ordered by name: {names:?}");
            references.sort_by_key(|r| (r[name].to_string(), r["File"]["Name"].to_string()));
        }
    }
    body
}

fn differences(path: &str, theirs: &Value, ours: &Value, lines: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(their), Value::Object(our)) => {
            for key in their.keys().chain(our.keys().filter(|key| !their.contains_key(*key))) {
                let absent = Value::String("absent".into());
                let (theirs, ours) = (their.get(key), our.get(key));
                if theirs.is_none() || ours.is_none() {
                    let shown = [theirs, ours].map(|side| side.unwrap_or(&absent).to_string());
                    lines.push(format!("{path}.{key}: theirs {}, ours {}", shown[0], shown[1]));
                } else if let (Some(theirs), Some(ours)) = (theirs, ours) {
                    differences(&format!("{path}.{key}"), theirs, ours, lines);
                }
            }
        }
        (Value::Array(their), Value::Array(our)) if their.len() == our.len() => {
            for (nth, (theirs, ours)) in their.iter().zip(our).enumerate() {
                differences(&format!("{path}[{nth}]"), theirs, ours, lines);
            }
        }
        (theirs, ours) if theirs == ours => {}
        (theirs, ours) => lines.push(format!("{path}: theirs {theirs}, ours {ours}")),
    }
}
