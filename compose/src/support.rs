//! What swarm does with keys that it does not support: some are refused, others ignored.

use crate::trouble::{Path, Trouble};
use crate::yaml::Node;

const LIMITS: &str = "set limits in `deploy.resources`";

/// Keys of a service that no file may have, with what to do instead.
const FORBIDDEN: &[(&str, &str)] = &[
    ("cpu_quota", LIMITS),
    ("cpu_shares", LIMITS),
    ("cpuset", LIMITS),
    ("extends", "write the service out, or use a second compose file; swarm does not know `extends`"),
    ("mem_limit", LIMITS),
    ("memswap_limit", LIMITS),
    ("volume_driver", "set the driver on the volume, in `volumes` at the top"),
    ("volumes_from", "name the volume in `volumes` at the top, and in each service that shares it"),
];

/// Keys of a service that are read and then ignored.
const UNSUPPORTED: &[&str] = &[
    "build",
    "cgroup_parent",
    "cgroupns_mode",
    "devices",
    "domainname",
    "external_links",
    "ipc",
    "links",
    "mac_address",
    "network_mode",
    "pid",
    "privileged",
    "restart",
    "security_opt",
    "shm_size",
    "userns_mode",
];

/// Keys of a service that mean nothing any more.
const DEPRECATED: &[(&str, &str)] = &[
    ("container_name", "swarm names containers itself"),
    ("expose", "services on one network reach each other on any port"),
];

/// Tells whether [`forbidden`] reports this key of a service.
pub(crate) fn is_forbidden(key: &str) -> bool {
    FORBIDDEN.iter().any(|(name, _)| *name == key)
}

/// Reports keys that Docker refuses before anything else.
pub(crate) fn forbidden(root: &Node, troubles: &mut Vec<Trouble>) {
    let top = Path::root();
    let above = top.key("services");
    for service in services(root) {
        for (key, remedy) in FORBIDDEN {
            if let Some(entry) = service.value.entry(key) {
                let path = above.key(&service.key);
                troubles
                    .push(Trouble::at(entry.at, &path.key(key), "is forbidden in a stack").remedy(*remedy));
            }
        }
    }
}

/// Lists what `docker stack deploy` warns about.
pub(crate) fn warnings(root: &Node) -> Vec<Trouble> {
    let top = Path::root();
    let above = top.key("services");
    let mut warnings = Vec::new();
    for service in services(root) {
        let path = above.key(&service.key);
        for entry in service.value.entries() {
            let key = entry.key.as_str();
            if UNSUPPORTED.contains(&key) {
                let remedy = match key {
                    "restart" => {
                        "use `deploy.restart_policy`; without one, `restart` is read as its condition"
                    }
                    "build" => "build the image first and name it in `image`",
                    _ => "remove it",
                };
                let says = "is ignored by swarm";
                warnings.push(Trouble::at(entry.at, &path.key(key), says).remedy(remedy));
            }
            if let Some((_, why)) = DEPRECATED.iter().find(|(name, _)| *name == key) {
                let says = format!("has no effect: {why}");
                warnings.push(Trouble::at(entry.at, &path.key(key), says).remedy("remove it"));
            }
        }
    }
    for section in ["networks", "volumes", "secrets", "configs"] {
        let above = top.key(section);
        for object in root.get(section).map(Node::entries).unwrap_or_default() {
            let name = object.value.get("external").and_then(|external| external.entry("name"));
            if let Some(name) = name {
                let path = above.key(&object.key);
                let path = path.key("external");
                let says = "is deprecated";
                warnings.push(
                    Trouble::at(name.at, &path.key("name"), says)
                        .remedy("write `external: true` and `name: …`"),
                );
            }
        }
    }
    warnings
}

fn services(root: &Node) -> &[crate::yaml::Entry] {
    root.get("services").map(Node::entries).unwrap_or_default()
}
