//! Which key is printed, and how.

use super::block::{Block, Print};
use crate::model::{
    Build, Bytes, ClusterVolumeSpec, Deploy, Duration, FileObject, FileReference, Healthcheck, Limits, Model,
    Mount, Network, Port, Reservations, Service, ServiceNetwork, Topology, Ulimit, UpdateConfig, Volume,
};

pub(super) fn model(model: &Model) -> Print {
    let mut block = Block::default();
    block.extend(&model.extensions);
    block.put("version", Print::text(&model.version));
    let services = model.services.iter().map(|(name, value)| (name.clone(), service(value))).collect();
    block.put("services", Print::Map(services));
    block.map("networks", &model.networks, network);
    block.map("volumes", &model.volumes, volume);
    block.map("secrets", &model.secrets, file_object);
    block.map("configs", &model.configs, file_object);
    block.into()
}

fn service(service: &Service) -> Print {
    let mut block = Block::default();
    block.block("build", build(&service.build));
    block.texts("cap_add", &service.cap_add);
    block.texts("cap_drop", &service.cap_drop);
    block.text("cgroupns_mode", &service.cgroupns_mode);
    block.text("cgroup_parent", &service.cgroup_parent);
    block.texts("command", &service.command);
    block.list("configs", service.configs.iter().map(file_reference));
    block.text("container_name", &service.container_name);
    let mut credential_spec = Block::default();
    credential_spec.text("config", &service.credential_spec.config);
    credential_spec.text("file", &service.credential_spec.file);
    credential_spec.text("registry", &service.credential_spec.registry);
    block.block("credential_spec", credential_spec);
    block.texts("depends_on", &service.depends_on);
    block.block("deploy", deploy(&service.deploy));
    block.texts("devices", &service.devices);
    block.texts("dns", &service.dns);
    block.texts("dns_search", &service.dns_search);
    block.text("domainname", &service.domainname);
    block.texts("entrypoint", &service.entrypoint);
    block.map("environment", &service.environment, variable);
    block.texts("env_file", &service.env_file);
    block.texts("expose", &service.expose);
    block.texts("external_links", &service.external_links);
    block.texts("extra_hosts", &service.extra_hosts);
    block.text("hostname", &service.hostname);
    block.some_block("healthcheck", service.healthcheck.as_ref().map(healthcheck));
    block.text("image", &service.image);
    block.put_some("init", service.init.map(Print::Bool));
    block.text("ipc", &service.ipc);
    block.text("isolation", &service.isolation);
    block.pairs("labels", &service.labels);
    block.texts("links", &service.links);
    block.some_block(
        "logging",
        service.logging.as_ref().map(|logging| {
            let mut block = Block::default();
            block.text("driver", &logging.driver);
            block.pairs("options", &logging.options);
            block
        }),
    );
    block.text("mac_address", &service.mac_address);
    block.text("network_mode", &service.network_mode);
    block.map("networks", &service.networks, attachment);
    block.text("pid", &service.pid);
    block.list("ports", service.ports.iter().map(port));
    block.flag("privileged", service.privileged);
    block.flag("read_only", service.read_only);
    block.text("restart", &service.restart);
    block.list("secrets", service.secrets.iter().map(file_reference));
    block.texts("security_opt", &service.security_opt);
    block.text("shm_size", &service.shm_size);
    block.flag("stdin_open", service.stdin_open);
    block.put_some("stop_grace_period", service.stop_grace_period.map(span));
    block.text("stop_signal", &service.stop_signal);
    block.pairs("sysctls", &service.sysctls);
    block.texts("tmpfs", &service.tmpfs);
    block.flag("tty", service.tty);
    block.map("ulimits", &service.ulimits, ulimit);
    block.text("user", &service.user);
    block.text("userns_mode", &service.userns_mode);
    block.list("volumes", service.volumes.iter().map(mount));
    block.text("working_dir", &service.working_dir);
    block.extend(&service.extensions);
    block.into()
}

fn build(build: &Build) -> Block {
    let mut block = Block::default();
    block.text("context", &build.context);
    block.text("dockerfile", &build.dockerfile);
    block.map("args", &build.args, variable);
    block.pairs("labels", &build.labels);
    block.texts("cache_from", &build.cache_from);
    block.texts("extra_hosts", &build.extra_hosts);
    block.text("network", &build.network);
    block.text("target", &build.target);
    block
}

fn variable(value: &Option<String>) -> Print {
    value.as_ref().map_or(Print::Null, |text| Print::text(text))
}

fn span(span: Duration) -> Print {
    Print::Text(span.to_string())
}

/// 0 is not set.
fn whole(value: i64) -> Option<Print> {
    (value != 0).then_some(Print::Int(value))
}

/// Sizes of memory are printed as texts. 0 is not set.
fn size(value: Bytes) -> Option<Print> {
    (value != Bytes(0)).then(|| Print::Text(value.0.to_string()))
}

fn file_reference(reference: &FileReference) -> Print {
    let mut block = Block::default();
    block.text("source", &reference.source);
    block.text("target", &reference.target);
    block.text("uid", &reference.uid);
    block.text("gid", &reference.gid);
    block.put_some("mode", reference.mode.map(|mode| Print::Int(mode.into())));
    block.into()
}

fn deploy(deploy: &Deploy) -> Block {
    let mut block = Block::default();
    block.text("mode", &deploy.mode);
    block.put_some("replicas", deploy.replicas.map(Print::Uint));
    block.pairs("labels", &deploy.labels);
    block.some_block("update_config", deploy.update_config.as_ref().map(update_config));
    block.some_block("rollback_config", deploy.rollback_config.as_ref().map(update_config));
    let mut resources = Block::default();
    resources.some_block("limits", deploy.resources.limits.as_ref().map(limits));
    resources.some_block("reservations", deploy.resources.reservations.as_ref().map(reservations));
    block.block("resources", resources);
    block.some_block(
        "restart_policy",
        deploy.restart_policy.as_ref().map(|policy| {
            let mut block = Block::default();
            block.text("condition", &policy.condition);
            block.put_some("delay", policy.delay.map(span));
            block.put_some("max_attempts", policy.max_attempts.map(Print::Uint));
            block.put_some("window", policy.window.map(span));
            block
        }),
    );
    let mut placement = Block::default();
    placement.texts("constraints", &deploy.placement.constraints);
    placement.list(
        "preferences",
        deploy.placement.preferences.iter().map(|preference| {
            let mut block = Block::default();
            block.text("spread", &preference.spread);
            block.into()
        }),
    );
    let most = deploy.placement.max_replicas_per_node;
    placement.put_some("max_replicas_per_node", (most != 0).then_some(Print::Uint(most)));
    block.block("placement", placement);
    block.text("endpoint_mode", &deploy.endpoint_mode);
    block
}

fn update_config(config: &UpdateConfig) -> Block {
    let mut block = Block::default();
    let set = |value: Duration| (value != Duration::ZERO).then(|| span(value));
    block.put_some("parallelism", config.parallelism.map(Print::Uint));
    block.put_some("delay", set(config.delay));
    block.text("failure_action", &config.failure_action);
    block.put_some("monitor", set(config.monitor));
    let ratio = config.max_failure_ratio;
    block.put_some("max_failure_ratio", (ratio != 0.0).then(|| Print::float32(ratio)));
    block.text("order", &config.order);
    block
}

fn limits(limits: &Limits) -> Block {
    let mut block = Block::default();
    block.text("cpus", &limits.cpus);
    block.put_some("memory", size(limits.memory));
    block.put_some("pids", whole(limits.pids));
    block
}

fn reservations(reservations: &Reservations) -> Block {
    let mut block = Block::default();
    block.text("cpus", &reservations.cpus);
    block.put_some("memory", size(reservations.memory));
    block.list(
        "generic_resources",
        reservations.generic_resources.iter().map(|resource| {
            let mut block = Block::default();
            block.some_block(
                "discrete_resource_spec",
                resource.discrete_resource_spec.as_ref().map(|spec| {
                    // These two are printed even when they are empty.
                    let mut block = Block::default();
                    block.put("kind", Print::text(&spec.kind));
                    block.put("value", Print::Int(spec.value));
                    block
                }),
            );
            block.into()
        }),
    );
    block
}

fn healthcheck(check: &Healthcheck) -> Block {
    let mut block = Block::default();
    block.texts("test", &check.test);
    block.put_some("timeout", check.timeout.map(span));
    block.put_some("interval", check.interval.map(span));
    block.put_some("retries", check.retries.map(Print::Uint));
    block.put_some("start_period", check.start_period.map(span));
    block.put_some("start_interval", check.start_interval.map(span));
    block.flag("disable", check.disable);
    block
}

fn attachment(attachment: &Option<ServiceNetwork>) -> Print {
    let Some(attachment) = attachment else { return Print::Null };
    let mut block = Block::default();
    block.texts("aliases", &attachment.aliases);
    block.pairs("driver_opts", &attachment.driver_opts);
    block.text("ipv4_address", &attachment.ipv4_address);
    block.text("ipv6_address", &attachment.ipv6_address);
    block.into()
}

fn port(port: &Port) -> Print {
    let mut block = Block::default();
    block.text("mode", &port.mode);
    block.put_some("target", whole(port.target.into()));
    block.put_some("published", whole(port.published.into()));
    block.text("protocol", &port.protocol);
    block.into()
}

fn ulimit(ulimit: &Ulimit) -> Print {
    if ulimit.is_null {
        return Print::Null;
    }
    if ulimit.single != 0 {
        return Print::Int(ulimit.single);
    }
    let mut block = Block::default();
    block.put_some("soft", whole(ulimit.soft));
    block.put_some("hard", whole(ulimit.hard));
    block.into()
}

fn mount(mount: &Mount) -> Print {
    let mut block = Block::default();
    block.text("type", &mount.kind);
    block.text("source", &mount.source);
    block.text("target", &mount.target);
    block.flag("read_only", mount.read_only);
    block.text("consistency", &mount.consistency);
    block.some_block(
        "bind",
        mount.bind.as_ref().map(|bind| {
            let mut block = Block::default();
            block.text("propagation", &bind.propagation);
            block
        }),
    );
    block.some_block(
        "volume",
        mount.volume.as_ref().map(|volume| {
            let mut block = Block::default();
            block.flag("nocopy", volume.nocopy);
            block.text("subpath", &volume.subpath);
            block
        }),
    );
    block.some_block(
        "image",
        mount.image.as_ref().map(|image| {
            let mut block = Block::default();
            block.text("subpath", &image.subpath);
            block
        }),
    );
    block.some_block(
        "tmpfs",
        mount.tmpfs.as_ref().map(|tmpfs| {
            let mut block = Block::default();
            block.put_some("size", whole(tmpfs.size.0));
            block
        }),
    );
    block.some_block("cluster", mount.cluster.as_ref().map(|_| Block::default()));
    block.into()
}

fn network(network: &Network) -> Print {
    let mut block = Block::default();
    block.extend(&network.extensions);
    block.text("name", &network.name);
    block.text("driver", &network.driver);
    block.pairs("driver_opts", &network.driver_opts);
    let mut ipam = Block::default();
    ipam.text("driver", &network.ipam.driver);
    ipam.list(
        "config",
        network.ipam.config.iter().map(|pool| {
            if pool.is_null {
                return Print::Null;
            }
            let mut block = Block::default();
            block.text("subnet", &pool.subnet);
            block.into()
        }),
    );
    block.block("ipam", ipam);
    block.flag("external", network.external);
    block.flag("internal", network.internal);
    block.flag("attachable", network.attachable);
    block.pairs("labels", &network.labels);
    block.into()
}

fn volume(volume: &Volume) -> Print {
    let mut block = Block::default();
    block.extend(&volume.extensions);
    block.text("name", &volume.name);
    block.text("driver", &volume.driver);
    block.pairs("driver_opts", &volume.driver_opts);
    block.flag("external", volume.external);
    block.pairs("labels", &volume.labels);
    block.some_block("x-cluster-spec", volume.cluster_spec.as_ref().map(cluster_spec));
    block.into()
}

fn cluster_spec(spec: &ClusterVolumeSpec) -> Block {
    let mut block = Block::default();
    block.text("group", &spec.group);
    block.some_block(
        "access_mode",
        spec.access_mode.as_ref().map(|mode| {
            let mut block = Block::default();
            block.text("scope", &mode.scope);
            block.text("sharing", &mode.sharing);
            block.some_block(
                "mount_volume",
                mode.mount_volume.as_ref().map(|mount| {
                    let mut block = Block::default();
                    block.text("fs_type", &mount.fs_type);
                    block.texts("mount_flags", &mount.mount_flags);
                    block
                }),
            );
            block.some_block("block_volume", mode.block_volume.as_ref().map(|_| Block::default()));
            block
        }),
    );
    block.some_block(
        "accessibility_requirements",
        spec.accessibility_requirements.as_ref().map(|wanted| {
            let mut block = Block::default();
            block.list("requisite", wanted.requisite.iter().map(topology));
            block.list("preferred", wanted.preferred.iter().map(topology));
            block
        }),
    );
    block.some_block(
        "capacity_range",
        spec.capacity_range.as_ref().map(|range| {
            let mut block = Block::default();
            block.put_some("required_bytes", size(range.required_bytes));
            block.put_some("limit_bytes", size(range.limit_bytes));
            block
        }),
    );
    block.list(
        "secrets",
        spec.secrets.iter().map(|secret| {
            let mut block = Block::default();
            block.text("key", &secret.key);
            block.text("secret", &secret.secret);
            block.into()
        }),
    );
    block.text("availability", &spec.availability);
    block
}

fn topology(topology: &Topology) -> Print {
    let mut block = Block::default();
    block.pairs("segments", &topology.segments);
    block.into()
}

fn file_object(object: &FileObject) -> Print {
    let mut block = Block::default();
    block.extend(&object.extensions);
    block.text("name", &object.name);
    block.text("file", &object.file);
    block.flag("external", object.external);
    block.pairs("labels", &object.labels);
    block.text("driver", &object.driver);
    block.pairs("driver_opts", &object.driver_opts);
    block.text("template_driver", &object.template_driver);
    block.into()
}
