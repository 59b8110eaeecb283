//! Several files to one: what an overlay changes in a base.
//!
//! The rules are those of the CLI, field by field, and some surprise: texts and numbers win when they are not empty,
//! `false` never wins, plain lists are appended, health tests too; ports are kept by published port, volumes by
//! target, secrets and configs by source, and the base's are put in that order as soon as the overlay names the
//! service; networks, volumes, secrets and configs at the top are replaced as a whole.

use std::collections::{BTreeMap, HashMap};

use crate::model::{
    Build, CredentialSpec, Deploy, Extensions, FileReference, Healthcheck, Limits, Logging, Model, Mount,
    Placement, Port, Reservations, Resources, RestartPolicy, Service, ServiceNetwork, Ulimit, UpdateConfig,
    Value,
};

/// Why two files cannot be merged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot merge `{key}`: one file has a list there, another has not")]
pub(crate) struct MergeError {
    /// Path of the key.
    pub(crate) key: String,
}

/// Merges an overlay into a base.
pub(crate) fn merge(base: &mut Model, overlay: Model) -> Result<(), MergeError> {
    // Version and top-level extensions stay those of the first file.
    let Model { version: _, services, networks, volumes, secrets, configs, extensions: _ } = overlay;
    for (name, service) in services {
        match base.services.get_mut(&name) {
            Some(known) => {
                merge_service(known, service)
                    .map_err(|error| MergeError { key: format!("services.{name}.{}", error.key) })?;
            }
            None => {
                base.services.insert(name, service);
            }
        }
    }
    base.networks.extend(networks);
    base.volumes.extend(volumes);
    base.secrets.extend(secrets);
    base.configs.extend(configs);
    Ok(())
}

fn merge_service(base: &mut Service, overlay: Service) -> Result<(), MergeError> {
    // Destructured, so that a new key cannot be forgotten here.
    let Service {
        build,
        cap_add,
        cap_drop,
        cgroupns_mode,
        cgroup_parent,
        command,
        configs,
        container_name,
        credential_spec,
        depends_on,
        deploy,
        devices,
        dns,
        dns_search,
        domainname,
        entrypoint,
        environment,
        env_file,
        expose,
        external_links,
        extra_hosts,
        hostname,
        healthcheck,
        image,
        init,
        ipc,
        isolation,
        labels,
        links,
        logging,
        mac_address,
        network_mode,
        networks,
        pid,
        ports,
        privileged,
        read_only,
        restart,
        secrets,
        security_opt,
        shm_size,
        stdin_open,
        stop_grace_period,
        stop_signal,
        sysctls,
        tmpfs,
        tty,
        ulimits,
        user,
        userns_mode,
        volumes,
        working_dir,
        extensions,
        emptied: overlay_emptied,
    } = overlay;
    // A list that the base has not and the overlay has emptied stays one that was not written.
    let emptied = base.emptied;
    merge_build(&mut base.build, build);
    base.cap_add.extend(cap_add);
    base.cap_drop.extend(cap_drop);
    text(&mut base.cgroupns_mode, cgroupns_mode);
    text(&mut base.cgroup_parent, cgroup_parent);
    command_line(&mut base.command, command);
    keyed(&mut base.configs, emptied.configs, configs, source);
    text(&mut base.container_name, container_name);
    merge_credential_spec(&mut base.credential_spec, credential_spec);
    base.depends_on.extend(depends_on);
    merge_deploy(&mut base.deploy, deploy);
    base.devices.extend(devices);
    base.dns.extend(dns);
    base.dns_search.extend(dns_search);
    text(&mut base.domainname, domainname);
    command_line(&mut base.entrypoint, entrypoint);
    variables(&mut base.environment, environment);
    base.env_file.extend(env_file);
    base.expose.extend(expose);
    base.external_links.extend(external_links);
    base.extra_hosts.extend(extra_hosts);
    text(&mut base.hostname, hostname);
    block(&mut base.healthcheck, healthcheck, merge_healthcheck);
    text(&mut base.image, image);
    block(&mut base.init, init, flag);
    text(&mut base.ipc, ipc);
    text(&mut base.isolation, isolation);
    base.labels.extend(labels);
    base.links.extend(links);
    if logging.as_ref().is_some_and(|logging| replaces(base.logging.as_ref(), logging)) {
        base.emptied.logging_options = overlay_emptied.logging_options;
    }
    block(&mut base.logging, logging, |base, overlay| merge_logging(base, overlay, emptied.logging_options));
    text(&mut base.mac_address, mac_address);
    text(&mut base.network_mode, network_mode);
    merge_networks(&mut base.networks, networks);
    text(&mut base.pid, pid);
    keyed(&mut base.ports, emptied.ports, ports, |port: &Port| port.published);
    flag(&mut base.privileged, privileged);
    flag(&mut base.read_only, read_only);
    text(&mut base.restart, restart);
    keyed(&mut base.secrets, emptied.secrets, secrets, source);
    base.security_opt.extend(security_opt);
    text(&mut base.shm_size, shm_size);
    flag(&mut base.stdin_open, stdin_open);
    block(&mut base.stop_grace_period, stop_grace_period, number);
    text(&mut base.stop_signal, stop_signal);
    base.sysctls.extend(sysctls);
    base.tmpfs.extend(tmpfs);
    flag(&mut base.tty, tty);
    base.ulimits.extend::<BTreeMap<String, Ulimit>>(ulimits);
    text(&mut base.user, user);
    text(&mut base.userns_mode, userns_mode);
    keyed(&mut base.volumes, emptied.volumes, volumes, |mount: &Mount| mount.target.clone());
    text(&mut base.working_dir, working_dir);
    merge_extensions(&mut base.extensions, extensions)
}

fn source(reference: &FileReference) -> String {
    reference.source.clone()
}

fn text(base: &mut String, overlay: String) {
    if !overlay.is_empty() {
        *base = overlay;
    }
}

fn flag(base: &mut bool, overlay: bool) {
    *base |= overlay;
}

fn number<T: Default + PartialEq>(base: &mut T, overlay: T) {
    if overlay != T::default() {
        *base = overlay;
    }
}

fn command_line(base: &mut Vec<String>, overlay: Vec<String>) {
    if !overlay.is_empty() {
        *base = overlay;
    }
}

/// Merges a block that may be missing on either side.
fn block<T>(base: &mut Option<T>, overlay: Option<T>, merge: impl FnOnce(&mut T, T)) {
    match (base.as_mut(), overlay) {
        (Some(base), Some(overlay)) => merge(base, overlay),
        (None, Some(overlay)) => *base = Some(overlay),
        (Some(_) | None, None) => {}
    }
}

/// A value that wins even when it is 0.
fn replace<T>(base: &mut T, overlay: T) {
    *base = overlay;
}

/// Keeps one item for each key, sorted. A base without items takes the overlay's as they are, unless its list was written
/// and emptied.
fn keyed<T, K: Ord>(base: &mut Vec<T>, emptied: bool, overlay: Vec<T>, key: impl Fn(&T) -> K) {
    if base.is_empty() && !emptied {
        *base = overlay;
        return;
    }
    let items: BTreeMap<K, T> = base.drain(..).chain(overlay).map(|item| (key(&item), item)).collect();
    base.extend(items.into_values());
}

/// An empty or missing value never hides one that is there.
fn variables(base: &mut BTreeMap<String, Option<String>>, overlay: BTreeMap<String, Option<String>>) {
    for (name, value) in overlay {
        let empty =
            |value: Option<&Option<String>>| value.is_none_or(|v| v.as_ref().is_none_or(String::is_empty));
        if value.as_ref().is_some_and(|value| !value.is_empty()) || empty(base.get(&name)) {
            base.insert(name, value);
        }
    }
}

fn merge_build(base: &mut Build, overlay: Build) {
    let Build { context, dockerfile, args, labels, cache_from, extra_hosts, network, target } = overlay;
    text(&mut base.context, context);
    text(&mut base.dockerfile, dockerfile);
    variables(&mut base.args, args);
    base.labels.extend(labels);
    base.cache_from.extend(cache_from);
    base.extra_hosts.extend(extra_hosts);
    text(&mut base.network, network);
    text(&mut base.target, target);
}

fn merge_credential_spec(base: &mut CredentialSpec, overlay: CredentialSpec) {
    let CredentialSpec { config, file, registry } = overlay;
    text(&mut base.config, config);
    text(&mut base.file, file);
    text(&mut base.registry, registry);
}

fn merge_healthcheck(base: &mut Healthcheck, overlay: Healthcheck) {
    let Healthcheck { test, timeout, interval, retries, start_period, start_interval, disable } = overlay;
    base.test.extend(test);
    block(&mut base.timeout, timeout, number);
    block(&mut base.interval, interval, number);
    block(&mut base.retries, retries, replace);
    block(&mut base.start_period, start_period, number);
    block(&mut base.start_interval, start_interval, number);
    flag(&mut base.disable, disable);
}

/// Options are merged for the same driver; a base without options loses the overlay's, as in the CLI,
/// unless the base has them written and emptied.
fn merge_logging(base: &mut Logging, overlay: Logging, emptied: bool) {
    if replaces(Some(base), &overlay) {
        *base = overlay;
        return;
    }
    if base.driver.is_empty() {
        base.driver = overlay.driver;
    }
    if !base.options.is_empty() || emptied {
        base.options.extend(overlay.options);
    }
}

/// Whether the overlay's logging takes the base's place whole: there is none, or of another driver.
fn replaces(base: Option<&Logging>, overlay: &Logging) -> bool {
    base.is_none_or(|base| {
        base.driver != overlay.driver && !base.driver.is_empty() && !overlay.driver.is_empty()
    })
}

fn merge_networks(
    base: &mut BTreeMap<String, Option<ServiceNetwork>>,
    overlay: BTreeMap<String, Option<ServiceNetwork>>,
) {
    for (name, network) in overlay {
        block(base.entry(name).or_default(), network, |base, overlay| {
            // The base's driver options stay, and the overlay's are lost.
            let ServiceNetwork { aliases, driver_opts: _, ipv4_address, ipv6_address } = overlay;
            base.aliases = aliases;
            text(&mut base.ipv4_address, ipv4_address);
            text(&mut base.ipv6_address, ipv6_address);
        });
    }
}

fn merge_deploy(base: &mut Deploy, overlay: Deploy) {
    let Deploy {
        mode,
        replicas,
        labels,
        update_config,
        rollback_config,
        resources,
        restart_policy,
        placement,
        endpoint_mode,
    } = overlay;
    text(&mut base.mode, mode);
    block(&mut base.replicas, replicas, replace);
    base.labels.extend(labels);
    block(&mut base.update_config, update_config, merge_update);
    block(&mut base.rollback_config, rollback_config, merge_update);
    merge_resources(&mut base.resources, resources);
    block(&mut base.restart_policy, restart_policy, |base, overlay| {
        let RestartPolicy { condition, delay, max_attempts, window } = overlay;
        text(&mut base.condition, condition);
        block(&mut base.delay, delay, number);
        block(&mut base.max_attempts, max_attempts, replace);
        block(&mut base.window, window, number);
    });
    let Placement { constraints, preferences, max_replicas_per_node } = placement;
    base.placement.constraints.extend(constraints);
    base.placement.preferences.extend(preferences);
    number(&mut base.placement.max_replicas_per_node, max_replicas_per_node);
    text(&mut base.endpoint_mode, endpoint_mode);
}

fn merge_update(base: &mut UpdateConfig, overlay: UpdateConfig) {
    let UpdateConfig { parallelism, delay, failure_action, monitor, max_failure_ratio, order } = overlay;
    block(&mut base.parallelism, parallelism, replace);
    number(&mut base.delay, delay);
    text(&mut base.failure_action, failure_action);
    number(&mut base.monitor, monitor);
    number(&mut base.max_failure_ratio, max_failure_ratio);
    text(&mut base.order, order);
}

fn merge_resources(base: &mut Resources, overlay: Resources) {
    block(&mut base.limits, overlay.limits, |base, overlay| {
        let Limits { cpus, memory, pids } = overlay;
        text(&mut base.cpus, cpus);
        number(&mut base.memory, memory);
        number(&mut base.pids, pids);
    });
    block(&mut base.reservations, overlay.reservations, |base, overlay| {
        let Reservations { cpus, memory, generic_resources } = overlay;
        text(&mut base.cpus, cpus);
        number(&mut base.memory, memory);
        base.generic_resources.extend(generic_resources);
    });
}

fn merge_extensions(base: &mut Extensions, overlay: Extensions) -> Result<(), MergeError> {
    for (key, value) in overlay {
        match base.get_mut(&key) {
            Some(known) => merge_value(known, value, &key)?,
            None => {
                base.insert(key, value);
            }
        }
    }
    Ok(())
}

/// Maps are merged, lists appended, everything else replaced.
fn merge_value(base: &mut Value, overlay: Value, key: &str) -> Result<(), MergeError> {
    match (&mut *base, overlay) {
        (Value::Map(known), Value::Map(entries)) => {
            // An index keeps large maps from taking quadratic time.
            let index: HashMap<String, usize> =
                known.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
            for (name, value) in entries {
                match index.get(&name) {
                    Some(&at) => merge_value(&mut known[at].1, value, &format!("{key}.{name}"))?,
                    None => known.push((name, value)),
                }
            }
        }
        (Value::List(known), Value::List(items)) => known.extend(items),
        (Value::Null, overlay) => *base = overlay,
        (_, Value::List(_)) => return Err(MergeError { key: key.to_owned() }),
        (_, overlay) => *base = overlay,
    }
    Ok(())
}
