//! What we change after the conversion. Whatever departs from the recipe is returned as a [`Deviation`], so
//! that a run can say under which conditions it judged.

use std::collections::BTreeMap;

use super::is_user_defined;
use crate::specs::{Limit, ReplicatedService, ServiceMode, ServiceSpec, StackSpecs, VolumeOptions};

/// One departure from what the recipe asks for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Deviation {
    /// Full name of the service.
    pub service: String,
    /// What of it, in the words of the compose file.
    pub key: &'static str,
    /// What the recipe says; empty: nothing.
    pub was: String,
    /// What we made of it.
    pub now: String,
    pub why: &'static str,
}

/// What the engine's kernel can do about virtual addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointPolicy {
    /// As the recipe says.
    AsWritten,
    /// The kernel has no IPVS: a virtual IP answers "no route to host", and so does an ingress port.
    WithoutIpvs,
}

/// The most that a task may use; 0: no ceiling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ceiling {
    pub memory_bytes: i64,
    /// Billionths of a CPU.
    pub nano_cpus: i64,
    pub pids: i64,
}

const HOST: &str = "host";
const START_FIRST: &str = "start-first";
const STOP_FIRST: &str = "stop-first";
const NO_IPVS: &str = "the engine's kernel has no IPVS";
const CEILING: &str = "each task of a run has a ceiling";

/// Changes the specs to what the engine can do, and says what was changed.
pub fn adapt(specs: &mut StackSpecs, policy: EndpointPolicy) -> Vec<Deviation> {
    match policy {
        EndpointPolicy::AsWritten => Vec::new(),
        EndpointPolicy::WithoutIpvs => specs.services.values_mut().flat_map(without_ipvs).collect(),
    }
}

fn without_ipvs(service: &mut ServiceSpec) -> Vec<Deviation> {
    let mut deviations = Vec::new();
    let mut note = |key, was: &str, now: String| {
        let (service, was) = (service.name.clone(), was.to_owned());
        deviations.push(Deviation { service, key, was, now, why: NO_IPVS });
    };
    let endpoint = &mut service.endpoint_spec;
    // A service on the host's network alone has no virtual IP that could fail.
    let has_address = service.task_template.networks.iter().any(|network| is_user_defined(&network.target));
    if has_address && endpoint.mode != "dnsrr" {
        note("deploy.endpoint_mode", &endpoint.mode, "dnsrr".into());
        endpoint.mode = "dnsrr".into();
    }
    let mut takes_node_port = false;
    for port in endpoint.ports.iter_mut().filter(|port| port.publish_mode != HOST) {
        let protocol = if port.protocol.is_empty() { "tcp" } else { &port.protocol };
        let now = format!("host, for {}:{}/{protocol}", port.published_port, port.target_port);
        note("ports.mode", &port.publish_mode, now);
        port.publish_mode = HOST.into();
        takes_node_port |= port.published_port != 0;
    }
    if takes_node_port {
        // One task at a time has the node's port: a second one, or the next one before the last one has left,
        // would wait for it for ever (measured on 20.10: `updating`, "host-mode port already in use").
        let orders = [
            ("deploy.update_config.order", &mut service.update_config),
            ("deploy.rollback_config.order", &mut service.rollback_config),
        ];
        for (key, config) in orders {
            if let Some(config) = config.as_mut().filter(|config| config.order == START_FIRST) {
                note(key, START_FIRST, STOP_FIRST.into());
                config.order = STOP_FIRST.into();
            }
        }
        if let ServiceMode::Replicated(ReplicatedService { replicas: Some(replicas @ 2..) }) =
            &mut service.mode
        {
            note("deploy.replicas", &replicas.to_string(), "1".into());
            *replicas = 1;
        }
    }
    deviations
}

/// Puts a ceiling on each task. A recipe's own limit stands where it is lower; a reservation above the
/// ceiling is lowered to it, or the task would wait for room that it may not use.
pub fn limit(specs: &mut StackSpecs, ceiling: Ceiling) -> Vec<Deviation> {
    let mut deviations = Vec::new();
    for service in specs.services.values_mut() {
        let mut note = |key, was: i64, now: i64| {
            let was = if was == 0 { String::new() } else { was.to_string() };
            let (service, now) = (service.name.clone(), now.to_string());
            deviations.push(Deviation { service, key, was, now, why: CEILING });
        };
        let resources = &mut service.task_template.resources;
        let mut limits = resources.limits.clone().unwrap_or_default();
        for (key, value, most) in [
            ("deploy.resources.limits.memory", &mut limits.memory_bytes, ceiling.memory_bytes),
            ("deploy.resources.limits.cpus", &mut limits.nano_cpus, ceiling.nano_cpus),
            ("deploy.resources.limits.pids", &mut limits.pids, ceiling.pids),
        ] {
            if most > 0 && (*value <= 0 || *value > most) {
                note(key, *value, most);
                *value = most;
            }
        }
        if limits != Limit::default() {
            resources.limits = Some(limits);
        }
        if let Some(reserved) = &mut resources.reservations {
            for (key, value, most) in [
                ("deploy.resources.reservations.memory", &mut reserved.memory_bytes, ceiling.memory_bytes),
                ("deploy.resources.reservations.cpus", &mut reserved.nano_cpus, ceiling.nano_cpus),
            ] {
                if most > 0 && *value > most {
                    note(key, *value, most);
                    *value = most;
                }
            }
        }
    }
    deviations
}

/// Gives the stack's own named volumes other names: those of a generation. External volumes are somebody else's and keep
/// theirs.
pub fn rename_volumes(specs: &mut StackSpecs, name: &dyn Fn(&str) -> String) {
    let StackSpecs { services, volumes, external, .. } = specs;
    for service in services.values_mut() {
        for mount in &mut service.task_template.container_spec.mounts {
            let is_ours = matches!(mount.kind.as_str(), "volume" | "")
                && !mount.source.is_empty()
                && !external.volumes.contains(&mount.source);
            if is_ours {
                mount.source = name(&mount.source);
            }
        }
    }
    *volumes = std::mem::take(volumes).into_iter().map(|(old, volume)| (name(&old), volume)).collect();
}

/// Labels everything that the stack makes: services, containers, networks, secrets, configs, and volumes,
/// anonymous ones too (law 5). A label of ours wins over one of the recipe.
pub fn own(specs: &mut StackSpecs, labels: &BTreeMap<String, String>) {
    let StackSpecs { stack: _, services, networks, volumes, secrets, configs, external } = specs;
    let stick = |to: &mut BTreeMap<String, String>| to.extend(labels.clone());
    for service in services.values_mut() {
        stick(&mut service.labels);
        let container = &mut service.task_template.container_spec;
        stick(&mut container.labels);
        for mount in container.mounts.iter_mut().filter(|mount| matches!(mount.kind.as_str(), "volume" | ""))
        {
            // Labels in a mount make the volume if it is not there; somebody else's is not ours to make.
            if !external.volumes.contains(&mount.source) {
                stick(&mut mount.volume_options.get_or_insert_with(VolumeOptions::default).labels);
            }
        }
    }
    networks.iter_mut().for_each(|network| stick(&mut network.labels));
    volumes.values_mut().for_each(|volume| stick(&mut volume.labels));
    secrets.iter_mut().for_each(|secret| stick(&mut secret.labels));
    configs.iter_mut().for_each(|config| stick(&mut config.labels));
}
