//! On how many nodes a global service belongs: the engine says it nowhere, so the constraints are read here.

use serde_json::Value;

use super::items;

/// Counts the nodes that are ready, active, and meet every constraint.
pub(super) fn eligible(nodes: &[Value], placement: &Value) -> u64 {
    let constraints: Vec<&str> = items(&placement["Constraints"]).iter().filter_map(Value::as_str).collect();
    nodes
        .iter()
        .filter(|n| n["Status"]["State"].as_str() == Some("ready"))
        .filter(|n| n["Spec"]["Availability"].as_str() == Some("active"))
        .filter(|n| constraints.iter().all(|c| meets(n, c)))
        .count() as u64
}

/// Reads one constraint as swarm does: `key == value` or `key != value`, compared without regard to case. One
/// that we do not know counts as met: waiting for a task too many ends with a window that says so, settling with
/// one too few would be an overstatement.
fn meets(node: &Value, constraint: &str) -> bool {
    let (key, value, wants_equal) = match (constraint.split_once("=="), constraint.split_once("!=")) {
        (Some((key, value)), _) => (key.trim(), value.trim(), true),
        (None, Some((key, value))) => (key.trim(), value.trim(), false),
        (None, None) => return true,
    };
    let description = &node["Description"];
    let has = match key.to_lowercase().as_str() {
        "node.id" => &node["ID"],
        "node.hostname" => &description["Hostname"],
        "node.role" => &node["Spec"]["Role"],
        "node.platform.os" => &description["Platform"]["OS"],
        "node.platform.arch" => {
            return arch_meets(&description["Platform"]["Architecture"], value, wants_equal);
        }
        _ => match (strip(key, "node.labels."), strip(key, "engine.labels.")) {
            (Some(label), _) => &node["Spec"]["Labels"][label],
            (None, Some(label)) => &description["Engine"]["Labels"][label],
            (None, None) => return true,
        },
    };
    has.as_str().unwrap_or_default().eq_ignore_ascii_case(value) == wants_equal
}

/// Swarm takes both spellings of an architecture.
fn arch_meets(has: &Value, value: &str, wants_equal: bool) -> bool {
    let plain = |arch: &str| match arch.to_lowercase().as_str() {
        "x86_64" => "amd64".to_owned(),
        "aarch64" => "arm64".to_owned(),
        other => other.to_owned(),
    };
    (plain(has.as_str().unwrap_or_default()) == plain(value)) == wants_equal
}

/// Strips a prefix without regard to case; what follows keeps its case.
fn strip<'a>(key: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, tail) = key.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(id: &str, role: &str, state: &str, availability: &str) -> Value {
        json!({
            "ID": id,
            "Spec": {"Role": role, "Availability": availability, "Labels": {"Zone": "a"}},
            "Description": {"Hostname": "h1", "Platform": {"OS": "linux", "Architecture": "x86_64"},
                            "Engine": {"Labels": {"disk": "ssd"}}},
            "Status": {"State": state},
        })
    }

    fn count(constraints: &[&str]) -> u64 {
        let nodes = [
            node("n1", "manager", "ready", "active"),
            node("n2", "worker", "ready", "active"),
            node("n3", "worker", "down", "active"),
            node("n4", "worker", "ready", "drain"),
        ];
        eligible(&nodes, &json!({"Constraints": constraints}))
    }

    #[test]
    fn only_ready_and_active_nodes_count() {
        assert_eq!(count(&[]), 2);
        assert_eq!(eligible(&[], &Value::Null), 0);
    }

    #[test]
    fn constraints_narrow_as_swarm_reads_them() {
        assert_eq!(count(&["node.role == manager"]), 1);
        assert_eq!(count(&["node.role!=manager"]), 1);
        assert_eq!(count(&["node.labels.Zone==A"]), 2);
        assert_eq!(count(&["node.labels.zone==a"]), 0, "label keys keep their case");
        assert_eq!(count(&["engine.labels.disk == ssd", "node.id == n2"]), 1);
        assert_eq!(count(&["node.platform.arch == amd64"]), 2);
        assert_eq!(count(&["node.hostname != h1"]), 0);
        assert_eq!(count(&["node.shoe_size == 9"]), 2, "an unknown key narrows nothing");
    }
}
