//! One service.

use std::collections::BTreeMap;

use super::Surroundings;
use super::read::{Reader, extensions, find, spoken};
use crate::model::{
    BindOptions, Build, CredentialSpec, Deploy, DiscreteResource, Emptied, FileReference, GenericResource,
    Healthcheck, Limits, Logging, Mount, Placement, PlacementPreference, Port, Reservations, Resources,
    RestartPolicy, Service, ServiceNetwork, TmpfsOptions, Ulimit, UpdateConfig, VolumeOptions,
};
use crate::trouble::Path;
use crate::yaml::{Entry, Kind, Node};

pub(super) fn service(
    reader: &mut Reader,
    node: &Node,
    path: &Path<'_>,
    around: &Surroundings<'_>,
) -> Service {
    let env_file = reader.text_or_texts(node, path, "env_file");
    let written = reader.variables(node, path, "environment");
    let environment = environment(reader, node, path, &env_file, written, around);
    Service {
        build: build(reader, node, path),
        cap_add: reader.texts(node, path, "cap_add"),
        cap_drop: reader.texts(node, path, "cap_drop"),
        cgroupns_mode: reader.text(node, path, "cgroupns_mode"),
        cgroup_parent: reader.text(node, path, "cgroup_parent"),
        command: reader.command(node, path, "command"),
        configs: reader.each(node, path, "configs", file_reference),
        container_name: reader.text(node, path, "container_name"),
        credential_spec: reader.block(node, path, "credential_spec", credential_spec).unwrap_or_default(),
        depends_on: reader.texts(node, path, "depends_on"),
        deploy: reader.block(node, path, "deploy", deploy).unwrap_or_default(),
        devices: reader.texts(node, path, "devices"),
        dns: reader.text_or_texts(node, path, "dns"),
        dns_search: reader.text_or_texts(node, path, "dns_search"),
        domainname: reader.text(node, path, "domainname"),
        entrypoint: reader.command(node, path, "entrypoint"),
        environment,
        env_file,
        expose: reader.each(node, path, "expose", |_, node, _| spoken(node)),
        external_links: reader.texts(node, path, "external_links"),
        extra_hosts: reader.hosts(node, path, "extra_hosts"),
        hostname: reader.text(node, path, "hostname"),
        healthcheck: reader.block(node, path, "healthcheck", healthcheck),
        image: reader.text(node, path, "image"),
        init: reader.flag(node, path, "init"),
        ipc: reader.text(node, path, "ipc"),
        isolation: reader.text(node, path, "isolation"),
        labels: reader.labels(node, path, "labels"),
        links: reader.texts(node, path, "links"),
        logging: reader.block(node, path, "logging", |reader, node, path| Logging {
            driver: reader.text(node, path, "driver"),
            options: reader.options(node, path, "options"),
        }),
        mac_address: reader.text(node, path, "mac_address"),
        network_mode: reader.text(node, path, "network_mode"),
        networks: networks(reader, node, path),
        pid: reader.text(node, path, "pid"),
        ports: ports(reader, node, path),
        privileged: reader.flag(node, path, "privileged").unwrap_or_default(),
        read_only: reader.flag(node, path, "read_only").unwrap_or_default(),
        restart: reader.text(node, path, "restart"),
        secrets: reader.each(node, path, "secrets", file_reference),
        security_opt: reader.texts(node, path, "security_opt"),
        shm_size: reader.text(node, path, "shm_size"),
        stdin_open: reader.flag(node, path, "stdin_open").unwrap_or_default(),
        stop_grace_period: reader.duration(node, path, "stop_grace_period"),
        stop_signal: reader.text(node, path, "stop_signal"),
        sysctls: reader.labels(node, path, "sysctls"),
        tmpfs: reader.text_or_texts(node, path, "tmpfs"),
        tty: reader.flag(node, path, "tty").unwrap_or_default(),
        ulimits: ulimits(reader, node, path),
        user: reader.text(node, path, "user"),
        userns_mode: reader.text(node, path, "userns_mode"),
        volumes: reader.each(node, path, "volumes", |reader, node, path| mount(reader, node, path, around)),
        working_dir: reader.text(node, path, "working_dir"),
        extensions: extensions(node),
        emptied: Emptied {
            configs: is_emptied(node, "configs"),
            ports: is_emptied(node, "ports"),
            secrets: is_emptied(node, "secrets"),
            volumes: is_emptied(node, "volumes"),
            logging_options: find(node, "logging")
                .and_then(|logging| find(logging, "options"))
                .is_some_and(|options| matches!(&options.kind, Kind::Map(entries) if entries.is_empty())),
        },
    }
}

fn is_emptied(node: &Node, key: &str) -> bool {
    find(node, key).is_some_and(|node| matches!(&node.kind, Kind::List(items) if items.is_empty()))
}

/// Reads the env files, then the block. A variable without a value, or with an empty one, takes the caller's.
fn environment(
    reader: &mut Reader,
    node: &Node,
    path: &Path<'_>,
    env_file: &[String],
    written: BTreeMap<String, Option<String>>,
    around: &Surroundings<'_>,
) -> BTreeMap<String, Option<String>> {
    let mut from_files = BTreeMap::new();
    for file in env_file {
        let absolute = crate::short::absolute(around.working_dir, file);
        let key = path.key("env_file");
        let at = find(node, "env_file").unwrap_or(node);
        match (around.read_file)(&absolute) {
            Ok(text) => match crate::short::parse_env_file(&text, around.env) {
                Ok(pairs) => from_files.extend(pairs.into_iter().map(|(name, value)| (name, Some(value)))),
                Err((line, says)) => reader.refuse(
                    at,
                    &key,
                    format!("line {line} of `{file}`: {says}"),
                    "write `NAME=value`, without `export` and without blanks around the name",
                ),
            },
            Err(says) => reader.refuse(
                at,
                &key,
                format!("`{file}` cannot be read: {says}"),
                "add the file, or remove `env_file`; it is looked for from the first compose file's folder",
            ),
        }
    }
    let mut environment = BTreeMap::new();
    for (name, value) in from_files.into_iter().chain(written) {
        let empty = value.as_ref().is_none_or(String::is_empty);
        let value = match around.env.get(&name) {
            Some(callers) if empty => Some(callers.clone()),
            Some(_) | None => value,
        };
        environment.insert(name, value);
    }
    environment
}

fn build(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Build {
    match find(node, "build") {
        Some(Node { kind: Kind::Text(context), .. }) => {
            Build { context: context.clone(), ..Build::default() }
        }
        Some(_) | None => reader
            .block(node, path, "build", |reader, node, path| Build {
                context: reader.text(node, path, "context"),
                dockerfile: reader.text(node, path, "dockerfile"),
                args: reader.variables(node, path, "args"),
                labels: reader.labels(node, path, "labels"),
                cache_from: reader.text_or_texts(node, path, "cache_from"),
                extra_hosts: reader.hosts(node, path, "extra_hosts"),
                network: reader.text(node, path, "network"),
                target: reader.text(node, path, "target"),
            })
            .unwrap_or_default(),
    }
}

fn file_reference(reader: &mut Reader, node: &Node, path: &Path<'_>) -> FileReference {
    if let Kind::Text(source) = &node.kind {
        return FileReference { source: source.clone(), ..FileReference::default() };
    }
    if !matches!(node.kind, Kind::Map(_)) {
        reader.refuse(node, path, "must be a text or a map", "put the name in quotes");
    }
    FileReference {
        source: reader.text(node, path, "source"),
        target: reader.text(node, path, "target"),
        uid: reader.text(node, path, "uid"),
        gid: reader.text(node, path, "gid"),
        mode: reader.natural32(node, path, "mode"),
    }
}

fn credential_spec(reader: &mut Reader, node: &Node, path: &Path<'_>) -> CredentialSpec {
    CredentialSpec {
        config: reader.text(node, path, "config"),
        file: reader.text(node, path, "file"),
        registry: reader.text(node, path, "registry"),
    }
}

fn healthcheck(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Healthcheck {
    let test = match find(node, "test") {
        Some(Node { kind: Kind::Text(line), .. }) => vec!["CMD-SHELL".to_owned(), line.clone()],
        Some(_) => reader.texts(node, path, "test"),
        None => Vec::new(),
    };
    Healthcheck {
        test,
        timeout: reader.duration(node, path, "timeout"),
        interval: reader.duration(node, path, "interval"),
        retries: reader.natural(node, path, "retries"),
        start_period: reader.duration(node, path, "start_period"),
        start_interval: reader.duration(node, path, "start_interval"),
        disable: reader.flag(node, path, "disable").unwrap_or_default(),
    }
}

fn networks(reader: &mut Reader, node: &Node, path: &Path<'_>) -> BTreeMap<String, Option<ServiceNetwork>> {
    let Some(node) = find(node, "networks") else { return BTreeMap::new() };
    let path = path.key("networks");
    if matches!(node.kind, Kind::List(_)) {
        return reader.bare_texts(node, &path).into_iter().map(|name| (name, None)).collect();
    }
    let attached = |entry: &Entry| {
        matches!(entry.value.kind, Kind::Map(_))
            .then(|| attachment(reader, &entry.value, &path.key(&entry.key)))
    };
    let names = node.entries().iter().map(|entry| entry.key.clone());
    names.zip(node.entries().iter().map(attached)).collect()
}

fn attachment(reader: &mut Reader, node: &Node, path: &Path<'_>) -> ServiceNetwork {
    ServiceNetwork {
        aliases: reader.texts(node, path, "aliases"),
        driver_opts: reader.options(node, path, "driver_opts"),
        ipv4_address: reader.text(node, path, "ipv4_address"),
        ipv6_address: reader.text(node, path, "ipv6_address"),
    }
}

fn ports(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Vec<Port> {
    let short = |reader: &mut Reader, node: &Node, path: &Path<'_>, text: &str| {
        crate::short::parse_ports(text).unwrap_or_else(|says| {
            reader.refuse(node, path, says, "write `80`, `8080:80`, `8080:80/udp` or `9000-9002:9000-9002`");
            Vec::new()
        })
    };
    let groups = reader.each(node, path, "ports", |reader, node, path| match &node.kind {
        Kind::Text(text) => short(reader, node, path, text),
        Kind::Int(number) => short(reader, node, path, &number.to_string()),
        Kind::Map(_) => vec![Port {
            mode: reader.text(node, path, "mode"),
            target: reader.natural32(node, path, "target").unwrap_or_default(),
            published: reader.natural32(node, path, "published").unwrap_or_default(),
            protocol: reader.text(node, path, "protocol"),
        }],
        Kind::Null | Kind::Bool(_) | Kind::Uint(_) | Kind::Float(_) | Kind::Time(_) | Kind::List(_) => {
            reader.refuse(node, path, "is no port", "put the value in quotes");
            Vec::new()
        }
    });
    groups.into_iter().flatten().collect()
}

fn ulimits(reader: &mut Reader, node: &Node, path: &Path<'_>) -> BTreeMap<String, Ulimit> {
    let Some(node) = find(node, "ulimits") else { return BTreeMap::new() };
    let path = path.key("ulimits");
    let mut ulimits = BTreeMap::new();
    for entry in node.entries() {
        let number = |key: &str| entry.value.get(key).and_then(Node::as_int);
        let pair = || number("soft").zip(number("hard"));
        let ulimit = match entry.value.as_int() {
            _ if matches!(entry.value.kind, Kind::Null) => {
                Some(Ulimit { is_null: true, ..Ulimit::default() })
            }
            Some(single) => Some(Ulimit { single, ..Ulimit::default() }),
            None => pair().map(|(soft, hard)| Ulimit { soft, hard, ..Ulimit::default() }),
        };
        match ulimit {
            Some(ulimit) => {
                ulimits.insert(entry.key.clone(), ulimit);
            }
            None => reader.refuse(
                &entry.value,
                &path.key(&entry.key),
                "must be a whole number, or a map of two: soft and hard",
                "",
            ),
        }
    }
    ulimits
}

fn mount(reader: &mut Reader, node: &Node, path: &Path<'_>, around: &Surroundings<'_>) -> Mount {
    let mut mount = match &node.kind {
        Kind::Text(text) => crate::short::parse_mount(text).unwrap_or_else(|says| {
            let says = format!("`{text}`: {says}");
            reader.refuse(
                node,
                path,
                says,
                "write `volume:/path`, `./folder:/path` or `/path`, with `:ro` at the end if wanted",
            );
            Mount::default()
        }),
        Kind::Map(_) => long_mount(reader, node, path),
        Kind::Null
        | Kind::Bool(_)
        | Kind::Int(_)
        | Kind::Uint(_)
        | Kind::Float(_)
        | Kind::Time(_)
        | Kind::List(_) => {
            reader.refuse(node, path, "is no volume", "put the value in quotes");
            Mount::default()
        }
    };
    if mount.kind == "bind" {
        if mount.source.is_empty() {
            reader.refuse(
                node,
                path,
                "a bind mount needs a source",
                "add `source:` with the path on the node",
            );
        }
        if let Some(rest) = mount.source.strip_prefix('~')
            && let Some(home) = around.env.get("HOME")
        {
            mount.source = format!("{home}{rest}");
        }
        if !crate::short::is_windows_absolute(&mount.source) {
            mount.source = crate::short::absolute(around.working_dir, &mount.source);
        }
    }
    mount
}

fn long_mount(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Mount {
    Mount {
        kind: reader.text(node, path, "type"),
        source: reader.text(node, path, "source"),
        target: reader.text(node, path, "target"),
        read_only: reader.flag(node, path, "read_only").unwrap_or_default(),
        consistency: reader.text(node, path, "consistency"),
        bind: reader.block(node, path, "bind", |reader, node, path| BindOptions {
            propagation: reader.text(node, path, "propagation"),
        }),
        volume: reader.block(node, path, "volume", |reader, node, path| VolumeOptions {
            nocopy: reader.flag(node, path, "nocopy").unwrap_or_default(),
            subpath: reader.text(node, path, "subpath"),
        }),
        // The schema knows no `image` and no `cluster` block, though the types do.
        image: None,
        tmpfs: reader.block(node, path, "tmpfs", |reader, node, path| TmpfsOptions {
            size: crate::model::Bytes(reader.whole(node, path, "size")),
        }),
        cluster: None,
    }
}

fn deploy(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Deploy {
    Deploy {
        mode: reader.text(node, path, "mode"),
        replicas: reader.natural(node, path, "replicas"),
        labels: reader.labels(node, path, "labels"),
        update_config: reader.block(node, path, "update_config", update_config),
        rollback_config: reader.block(node, path, "rollback_config", update_config),
        resources: reader
            .block(node, path, "resources", |reader, node, path| Resources {
                limits: reader.block(node, path, "limits", |reader, node, path| Limits {
                    cpus: reader.text(node, path, "cpus"),
                    memory: reader.bytes(node, path, "memory"),
                    pids: reader.whole(node, path, "pids"),
                }),
                reservations: reader.block(node, path, "reservations", |reader, node, path| Reservations {
                    cpus: reader.text(node, path, "cpus"),
                    memory: reader.bytes(node, path, "memory"),
                    generic_resources: reader.blocks(node, path, "generic_resources", generic_resource),
                }),
            })
            .unwrap_or_default(),
        restart_policy: reader.block(node, path, "restart_policy", |reader, node, path| RestartPolicy {
            condition: reader.text(node, path, "condition"),
            delay: reader.duration(node, path, "delay"),
            max_attempts: reader.natural(node, path, "max_attempts"),
            window: reader.duration(node, path, "window"),
        }),
        placement: reader
            .block(node, path, "placement", |reader, node, path| Placement {
                constraints: reader.texts(node, path, "constraints"),
                preferences: reader.blocks(node, path, "preferences", |reader, node, path| {
                    PlacementPreference { spread: reader.text(node, path, "spread") }
                }),
                max_replicas_per_node: reader
                    .natural(node, path, "max_replicas_per_node")
                    .unwrap_or_default(),
            })
            .unwrap_or_default(),
        endpoint_mode: reader.text(node, path, "endpoint_mode"),
    }
}

fn generic_resource(reader: &mut Reader, node: &Node, path: &Path<'_>) -> GenericResource {
    GenericResource {
        discrete_resource_spec: reader.block(node, path, "discrete_resource_spec", |reader, node, path| {
            DiscreteResource {
                kind: reader.text(node, path, "kind"),
                value: reader.whole(node, path, "value"),
            }
        }),
    }
}

fn update_config(reader: &mut Reader, node: &Node, path: &Path<'_>) -> UpdateConfig {
    UpdateConfig {
        parallelism: reader.natural(node, path, "parallelism"),
        delay: reader.duration(node, path, "delay").unwrap_or_default(),
        failure_action: reader.text(node, path, "failure_action"),
        monitor: reader.duration(node, path, "monitor").unwrap_or_default(),
        max_failure_ratio: reader.ratio(node, path, "max_failure_ratio"),
        order: reader.text(node, path, "order"),
    }
}
