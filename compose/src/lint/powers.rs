//! The policy for foreign code: what reaches beyond the stack is refused unless the enrolment allows it.

use domain::event::Severity;
use domain::route;

use super::backup::covers;
use super::findings::{At, Findings, Spot};
use super::network::networks_of;
use super::policy::{Power, Trust};
use super::ports::port_spot;
use super::rule::Rule;
use super::view::{ROOT, View, text_of};
use crate::model::{FileObject, Model, Mount, Service, Volume};

const NOT_ALLOWED: &str = "remove it, or let the owner of the instance allow it in `recipes/<name>.toml`";
const WHY_HOST: &str = "a pull request may be written by anybody: what it can reach on the host, it can take";

macro_rules! power_rule {
    ($id:ident, $name:literal, $says:literal, $why:expr) => {
        pub(super) const $id: Rule = Rule {
            id: stringify!($id),
            name: $name,
            severity: Severity::Error,
            says: $says,
            why: $why,
            remedy: NOT_ALLOWED,
        };
    };
}

power_rule!(P001, "privileged", "a container is privileged", WHY_HOST);
power_rule!(P002, "host mount", "a path of the host is mounted", WHY_HOST);
power_rule!(
    P003,
    "docker socket",
    "the engine's socket is mounted",
    "whoever has the socket is root on every node"
);
power_rule!(P004, "host network", "a container is on the host's network", WHY_HOST);
power_rule!(P005, "device", "a container gets a device of the host", WHY_HOST);
power_rule!(P006, "added capability", "a container gets a capability beyond the default", WHY_HOST);
power_rule!(
    P007,
    "foreign network",
    "a service is on a network that is neither the stack's nor the instance's",
    "on a network of another stack it can talk to that stack's database"
);
power_rule!(
    P008,
    "published port",
    "a port of the host is published",
    "it can take the port of another stack, and it is reached without the edge"
);
power_rule!(P009, "unconfined", "the kernel's protection of a container is lowered", WHY_HOST);
power_rule!(
    P010,
    "host namespace",
    "a container shares a namespace with the host or another container",
    WHY_HOST
);
power_rule!(P011, "kernel setting", "a container changes a setting of the kernel", WHY_HOST);
power_rule!(
    P012,
    "foreign object",
    "a volume, secret or config has the name of another stack's",
    "a name without the stack's own in front is the same object for every stack: its data can be read and changed"
);
power_rule!(
    P013,
    "foreign host",
    "a router takes requests that are not for the stack's domain",
    "it could answer in the place of another app"
);
power_rule!(
    P016,
    "foreign driver",
    "a network, volume, secret or log has a driver of its own",
    "drivers are plugins on the host, or send data elsewhere; logs of such services cannot be read as evidence"
);

power_rule!(
    P017,
    "foreign alias",
    "a service takes a name of its own choice on a shared network",
    "it could answer in the place of another stack's service"
);

pub(super) const P014: Rule = Rule {
    id: "P014",
    name: "file outside the recipe",
    severity: Severity::Error,
    says: "a config or secret is made from a file outside the recipe",
    why: "it would carry a file of the machine that deploys into a container",
    remedy: "name a file of the recipe",
};

pub(super) const P015: Rule = Rule {
    id: "P015",
    name: "reserved label",
    severity: Severity::Error,
    says: "a label has a name that belongs to Docker or to Simmer",
    why: "such labels say whose an object is: clearing and reports go by them",
    remedy: "remove the label",
};

/// Prefixes of labels that say whose an object is.
const RESERVED: &[&str] = &["com.docker.", "simmer."];
/// Drivers of logs that the engine itself can read back.
const LOG_DRIVERS: &[&str] = &["", "json-file", "local", "none"];

/// Applies the rules.
pub(super) fn check(view: &View<'_>, out: &mut Findings) {
    let Some(model) = view.model() else { return };
    for (name, service) in view.services() {
        container(view, name, service, out);
        mounts(view, model, name, service, out);
        networks(view, model, name, service, out);
        for port in &service.ports {
            // Where nothing is refused, S020 speaks of ingress ports already.
            if view.policy.trust == Trust::Untrusted || port.mode == "host" {
                let number = if port.published == 0 { port.target } else { port.published };
                let says = format!("service `{name}` publishes port {number}");
                refuse(view, Power::PublishedPorts, &P008, || port_spot(view, name, port), says, out);
            }
        }
    }
    objects(view, model, out);
    hosts(view, out);
    labels(view, model, out);
}

/// Adds a refusal, unless the enrolment allows it. For a trusted recipe it is only told.
fn refuse(view: &View<'_>, power: Power, rule: &Rule, spot: impl At, says: String, out: &mut Findings) {
    if view.policy.allowed.contains(&power) {
        return;
    }
    match view.policy.trust {
        Trust::Untrusted => {
            let remedy = format!(
                "remove it, or let the owner of the instance allow `{power}` in `recipes/<name>.toml`"
            );
            out.add_as(rule, Severity::Error, spot, says, remedy);
        }
        Trust::Trusted => {
            let remedy = format!("allow `{power}` in `recipes/<name>.toml`, or pull requests are refused");
            out.add_as(rule, Severity::Info, spot, says, remedy);
        }
    }
}

fn container(view: &View<'_>, name: &str, service: &Service, out: &mut Findings) {
    let mut add = |power: Power, rule: &Rule, key: &[&str], what: &str| {
        let path: Vec<&str> = ["services", name].into_iter().chain(key.iter().copied()).collect();
        let says = format!("service `{name}` has `{}`: {what}", key.join("."));
        refuse(view, power, rule, view.spot(&path), says, out);
    };
    if service.privileged {
        add(Power::Privileged, &P001, &["privileged"], "true");
    }
    let mode = service.network_mode.as_str();
    if !matches!(mode, "" | "none" | "bridge" | "default") {
        add(Power::HostNetwork, &P004, &["network_mode"], mode);
    }
    if !service.devices.is_empty() {
        add(Power::Devices, &P005, &["devices"], &service.devices.join(", "));
    }
    let reserved = service.deploy.resources.reservations.as_ref();
    if reserved.is_some_and(|reserved| !reserved.generic_resources.is_empty()) {
        let key = ["deploy", "resources", "reservations", "generic_resources"];
        add(Power::Devices, &P005, &key, "devices of the node");
    }
    if !service.cap_add.is_empty() {
        add(Power::Capabilities, &P006, &["cap_add"], &service.cap_add.join(", "));
    }
    let lowered = |option: &&String| !option.starts_with("no-new-privileges");
    if let Some(option) = service.security_opt.iter().find(lowered) {
        add(Power::Unconfined, &P009, &["security_opt"], option);
    }
    let spaces = [
        ("pid", &service.pid),
        ("ipc", &service.ipc),
        ("userns_mode", &service.userns_mode),
        ("cgroupns_mode", &service.cgroupns_mode),
        ("cgroup_parent", &service.cgroup_parent),
    ];
    for (key, value) in spaces {
        if !matches!(value.as_str(), "" | "private" | "shareable" | "none") {
            add(Power::HostNamespaces, &P010, &[key], value);
        }
    }
    if let Some((key, value)) = service.sysctls.iter().next() {
        add(Power::Sysctls, &P011, &["sysctls"], &format!("{key}={value}"));
    }
    let driver = service.logging.as_ref().map_or("", |logging| logging.driver.as_str());
    if !LOG_DRIVERS.contains(&driver) {
        add(Power::Drivers, &P016, &["logging", "driver"], driver);
    }
}

fn mounts(view: &View<'_>, model: &Model, name: &str, service: &Service, out: &mut Findings) {
    for mount in &service.volumes {
        let spot = || mount_spot(view, name, &mount.target);
        match mount.kind.as_str() {
            "tmpfs" | "image" => {}
            "volume" => {
                let Some(path) = model.volumes.get(&mount.source).and_then(bound_path) else { continue };
                host_path(view, name, mount, path, &spot, out);
            }
            _ => host_path(view, name, mount, &mount.source, &spot, out),
        }
    }
}

fn host_path(
    view: &View<'_>,
    name: &str,
    mount: &Mount,
    path: &str,
    spot: &dyn Fn() -> Spot,
    out: &mut Findings,
) {
    let says = format!("service `{name}` mounts {path} of the host at {}", mount.target);
    let is_socket = path.ends_with("docker.sock");
    if is_socket || covers(path, "/var/run/docker.sock") || covers(path, "/run/docker.sock") {
        refuse(view, Power::DockerSocket, &P003, spot, says.clone(), out);
    }
    // A folder above the socket has more in it than the socket.
    if !is_socket {
        refuse(view, Power::HostMounts, &P002, spot, says, out);
    }
}

/// Returns the path of the host that a volume of the local driver stands for.
fn bound_path(volume: &Volume) -> Option<&str> {
    let option = |key: &str| volume.driver_opts.get(key).map(String::as_str);
    if !matches!(volume.driver.as_str(), "" | "local") || option("type") == Some("tmpfs") {
        return None;
    }
    let bind = option("o").is_some_and(|o| o.split(',').any(|word| matches!(word.trim(), "bind" | "rbind")));
    option("device").filter(|device| bind || device.starts_with('/'))
}

fn mount_spot(view: &View<'_>, service: &str, target: &str) -> Spot {
    view.item_spot(&["services", service, "volumes"], |item| {
        item.key.split(':').any(|part| part == target)
            || item.node.get("target").is_some_and(|node| text_of(node) == target)
    })
}

/// Whether a name in Docker cannot be that of another stack's object.
fn is_own(view: &View<'_>, name: &str) -> bool {
    let stack = view.recipe.stack();
    name.is_empty()
        || (!stack.is_empty() && name.strip_prefix(stack).is_some_and(|rest| rest.starts_with('_')))
}

fn networks(view: &View<'_>, model: &Model, name: &str, service: &Service, out: &mut Findings) {
    for key in networks_of(model, service) {
        let Some(network) = model.networks.get(key) else { continue };
        let full = if network.name.is_empty() && network.external { key } else { network.name.as_str() };
        let spot = || view.item_spot(&["services", name, "networks"], |item| item.key == key);
        if full == "host" {
            let says = format!("service `{name}` is on the host's network");
            refuse(view, Power::HostNetwork, &P004, spot, says, out);
        } else if !is_own(view, full) && !view.policy.networks.contains(full) {
            let says = format!("service `{name}` is on the network `{full}`, which is not the stack's own");
            refuse(view, Power::ForeignNetworks, &P007, spot, says, out);
        }
        let aliases =
            service.networks.get(key).and_then(Option::as_ref).map_or(&[][..], |used| &used.aliases);
        let shared = network.external || !is_own(view, full);
        for alias in aliases.iter().filter(|alias| shared && !is_own(view, alias)) {
            let says = format!("service `{name}` is also called `{alias}` on the network `{full}`");
            let spot = view.spot(&["services", name, "networks", key, "aliases"]);
            refuse(view, Power::ForeignHosts, &P017, spot, says, out);
        }
        if !matches!(network.driver.as_str(), "" | "overlay") && !network.external {
            let says = format!("network `{key}` has the driver `{}`", network.driver);
            refuse(view, Power::Drivers, &P016, view.spot(&["networks", key, "driver"]), says, out);
        }
    }
}

fn objects(view: &View<'_>, model: &Model, out: &mut Findings) {
    for (key, volume) in &model.volumes {
        let full = if volume.name.is_empty() && volume.external { key } else { &volume.name };
        if !is_own(view, full) {
            let says = format!("volume `{key}` is `{full}`, which is the same for every stack");
            refuse(view, Power::ForeignObjects, &P012, view.spot(&["volumes", key, "name"]), says, out);
        }
        let remote = volume.driver_opts.contains_key("device")
            && bound_path(volume).is_none()
            && volume.driver_opts.get("type").is_none_or(|kind| kind != "tmpfs");
        if !matches!(volume.driver.as_str(), "" | "local") || remote {
            let driver = if remote { "local, with a device elsewhere" } else { &volume.driver };
            let says = format!("volume `{key}` has the driver `{driver}`");
            refuse(view, Power::Drivers, &P016, view.spot(&["volumes", key]), says, out);
        }
    }
    let files: [(&str, &std::collections::BTreeMap<String, FileObject>); 2] =
        [("configs", &model.configs), ("secrets", &model.secrets)];
    for (kind, objects) in files {
        let one = kind.trim_end_matches('s');
        for (key, object) in objects {
            let full = if object.name.is_empty() && object.external { key } else { &object.name };
            if !is_own(view, full) {
                let says = format!("{one} `{key}` is `{full}`, which is the same for every stack");
                refuse(view, Power::ForeignObjects, &P012, view.spot(&[kind, key, "name"]), says, out);
            }
            if !object.driver.is_empty() {
                let says = format!("{one} `{key}` has the driver `{}`", object.driver);
                refuse(view, Power::Drivers, &P016, view.spot(&[kind, key, "driver"]), says, out);
            }
            if !object.external && !object.file.is_empty() && !covers(ROOT, &object.file) {
                let says = format!("{one} `{key}` is made from {}, which is outside the recipe", object.file);
                out.add(&P014, view.spot(&[kind, key, "file"]), says);
            }
        }
    }
}

fn hosts(view: &View<'_>, out: &mut Findings) {
    let Some(domain) = view.recipe.env.get("DOMAIN").filter(|domain| !domain.is_empty()) else {
        return out.not_judged(&P013, "the domain of the stack is not known");
    };
    let below = format!(".{domain}");
    let own = |host: &str| host.eq_ignore_ascii_case(domain) || host.to_ascii_lowercase().ends_with(&below);
    for (name, service) in view.services() {
        for (label, value) in &service.deploy.labels {
            let lower = label.to_ascii_lowercase();
            let parts: Vec<&str> = lower.split('.').collect();
            let layer = match parts.as_slice() {
                ["traefik", "http", "routers", _, "rule"] => route::Layer::Http,
                ["traefik", "tcp", "routers", _, "rule"] => route::Layer::Tcp,
                _ => continue,
            };
            let says = match route::Rule::parse(value, layer) {
                Ok(rule) if confined(&rule, &own) => continue,
                Ok(_) => {
                    format!("the rule `{value}` of service `{name}` takes what is not for `{domain}`")
                }
                Err(_) => format!(
                    "whether the rule `{value}` of service `{name}` keeps to `{domain}` cannot be told"
                ),
            };
            refuse(view, Power::ForeignHosts, &P013, || view.label_spot(name, label), says, out);
        }
    }
}

/// Whether a rule can only match requests for the stack's own names.
fn confined(rule: &route::Rule, own: &dyn Fn(&str) -> bool) -> bool {
    match rule {
        route::Rule::Host(host) | route::Rule::HostSni(host) => own(host),
        route::Rule::All(rules) => rules.iter().any(|rule| confined(rule, own)),
        route::Rule::Any(rules) => rules.iter().all(|rule| confined(rule, own)),
        route::Rule::Path(_)
        | route::Rule::PathPrefix(_)
        | route::Rule::Method(_)
        | route::Rule::Header { .. }
        | route::Rule::Query { .. }
        | route::Rule::ClientIp(_)
        | route::Rule::Not(_) => false,
    }
}

fn labels(view: &View<'_>, model: &Model, out: &mut Findings) {
    let severity = match view.policy.trust {
        Trust::Untrusted => Severity::Error,
        Trust::Trusted => Severity::Warning,
    };
    let mut look = |path: &[&str], labels: &std::collections::BTreeMap<String, String>| {
        for label in labels.keys().filter(|label| RESERVED.iter().any(|prefix| label.starts_with(prefix))) {
            let spot = || view.item_spot(path, |item| item.key == *label);
            out.add_as(&P015, severity, spot, format!("the label `{label}` is reserved"), P015.remedy);
        }
    };
    for (name, service) in &model.services {
        look(&["services", name, "labels"], &service.labels);
        look(&["services", name, "deploy", "labels"], &service.deploy.labels);
    }
    for (name, network) in &model.networks {
        look(&["networks", name, "labels"], &network.labels);
    }
    for (name, volume) in &model.volumes {
        look(&["volumes", name, "labels"], &volume.labels);
    }
    for (kind, objects) in [("configs", &model.configs), ("secrets", &model.secrets)] {
        for (name, object) in objects {
            look(&[kind, name, "labels"], &object.labels);
        }
    }
}
