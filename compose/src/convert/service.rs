//! One service of the model to one service spec.

use super::objects::DEFAULT_NETWORK;
use super::{ConvertInput, Found, IMAGE_LABEL, files, full_name, go_sort, image, is_user_defined, mounts};
use super::{stack_labels, task};
use crate::model;
use crate::specs::{
    ContainerSpec, Driver, EndpointSpec, GlobalJob, GlobalService, NetworkAttachment, Placement,
    PlacementPreference, PortConfig, Privileges, ReplicatedJob, ReplicatedService, ServiceMode, ServiceSpec,
    SpreadOver, TaskSpec, UpdateConfig,
};

/// Converts one service.
pub(super) fn service(
    input: &ConvertInput<'_>,
    key: &str,
    service: &model::Service,
    found: &mut Found<'_>,
) -> ServiceSpec {
    let at = format!("services.{key}");
    let deploy = &service.deploy;
    let mut labels = stack_labels(input.stack, &deploy.labels);
    labels.insert(IMAGE_LABEL.into(), service.image.clone());
    ServiceSpec {
        name: full_name(input.stack, "", key),
        labels,
        task_template: TaskSpec {
            container_spec: container(input, &at, service, found),
            resources: task::resources(&at, &deploy.resources, found),
            restart_policy: task::restart_policy(&at, service, found),
            placement: placement(&deploy.placement),
            networks: networks(input, &at, key, service, found),
            log_driver: service
                .logging
                .as_ref()
                .map(|logging| Driver { name: logging.driver.clone(), options: logging.options.clone() }),
            force_update: 0,
        },
        mode: mode(&at, deploy, found),
        update_config: update_config(&format!("{at}.deploy.update_config"), &deploy.update_config, found),
        rollback_config: update_config(
            &format!("{at}.deploy.rollback_config"),
            &deploy.rollback_config,
            found,
        ),
        endpoint_spec: endpoint(&deploy.endpoint_mode, &service.ports),
    }
}

fn container(
    input: &ConvertInput<'_>,
    at: &str,
    service: &model::Service,
    found: &mut Found<'_>,
) -> ContainerSpec {
    let image = image::with_tag(&service.image).unwrap_or_else(|says| {
        found.add(format!("{at}.image"), says, "name an image as `[registry/]path[:tag][@digest]`");
        String::new()
    });
    let (capability_add, capability_drop) = task::capabilities(&service.cap_add, &service.cap_drop);
    ContainerSpec {
        image,
        labels: stack_labels(input.stack, &service.labels),
        command: service.entrypoint.clone(),
        args: service.command.clone(),
        hostname: service.hostname.clone(),
        env: task::environment(&service.environment),
        dir: service.working_dir.clone(),
        user: service.user.clone(),
        privileges: Privileges {
            credential_spec: files::credential_spec(input, at, &service.credential_spec, found),
            ..Privileges::default()
        },
        init: service.init,
        stop_signal: service.stop_signal.clone(),
        tty: service.tty,
        open_stdin: service.stdin_open,
        read_only: service.read_only,
        mounts: mounts::mounts(input, at, &service.volumes, found),
        stop_grace_period: service.stop_grace_period.map(model::Duration::nanos),
        healthcheck: task::healthcheck(at, service.healthcheck.as_ref(), found),
        hosts: task::hosts(&service.extra_hosts),
        dns_config: task::dns_config(service),
        secrets: files::secrets(input, at, service, found),
        configs: files::configs(input, at, service, found),
        isolation: service.isolation.clone(),
        sysctls: service.sysctls.clone(),
        capability_add,
        capability_drop,
        ulimits: task::ulimits(&service.ulimits),
    }
}

fn placement(written: &model::Placement) -> Placement {
    let model::Placement { constraints, preferences, max_replicas_per_node } = written;
    Placement {
        constraints: constraints.clone(),
        preferences: preferences
            .iter()
            .map(|wish| PlacementPreference { spread: SpreadOver { spread_descriptor: wish.spread.clone() } })
            .collect(),
        max_replicas: *max_replicas_per_node,
    }
}

/// Attaches the service to its networks. In each that swarm manages it answers to its bare name too.
fn networks(
    input: &ConvertInput<'_>,
    at: &str,
    key: &str,
    service: &model::Service,
    found: &mut Found<'_>,
) -> Vec<NetworkAttachment> {
    let default = [(DEFAULT_NETWORK.to_owned(), None)].into();
    let written = if service.networks.is_empty() { &default } else { &service.networks };
    let mut networks = Vec::new();
    for (network, options) in written {
        let defined = input.model.networks.get(network);
        if defined.is_none() && network != DEFAULT_NETWORK {
            found.add(
                format!("{at}.networks.{network}"),
                format!("network `{network}` is not defined"),
                format!("add `{network}:` under the top-level `networks:`"),
            );
            continue;
        }
        let target = full_name(input.stack, defined.map_or("", |d| &d.name), network);
        let (mut aliases, driver_opts) = match options {
            Some(options) => (options.aliases.clone(), options.driver_opts.clone()),
            None => Default::default(),
        };
        if is_user_defined(&target) {
            aliases.push(key.to_owned());
        }
        networks.push(NetworkAttachment { target, aliases, driver_opts });
    }
    networks.sort_by(|a, b| a.target.cmp(&b.target));
    networks
}

fn mode(at: &str, deploy: &model::Deploy, found: &mut Found<'_>) -> ServiceMode {
    let replicas = deploy.replicas;
    if replicas.is_some() && matches!(deploy.mode.as_str(), "global" | "global-job") {
        found.add(
            format!("{at}.deploy.replicas"),
            format!("mode `{}` runs one task on each node and takes no `replicas`", deploy.mode),
            "remove `replicas`, or change `mode`",
        );
    }
    match deploy.mode.as_str() {
        "replicated" | "" => ServiceMode::Replicated(ReplicatedService { replicas }),
        "global" => ServiceMode::Global(GlobalService {}),
        "replicated-job" => ServiceMode::ReplicatedJob(ReplicatedJob {
            max_concurrent: replicas,
            total_completions: replicas,
        }),
        "global-job" => ServiceMode::GlobalJob(GlobalJob {}),
        unknown => {
            found.add(
                format!("{at}.deploy.mode"),
                format!("`{unknown}` is not a mode"),
                "use replicated, global, replicated-job or global-job",
            );
            ServiceMode::default()
        }
    }
}

/// One at a time, unless the block says otherwise; without a block the engine decides.
fn update_config(
    at: &str,
    written: &Option<model::UpdateConfig>,
    found: &mut Found<'_>,
) -> Option<UpdateConfig> {
    let model::UpdateConfig { parallelism, delay, failure_action, monitor, max_failure_ratio, order } =
        written.as_ref()?;
    if max_failure_ratio.is_infinite() {
        found.add(
            format!("{at}.max_failure_ratio"),
            "the ratio is too large to be sent to the engine",
            "write a number from 0 to 1",
        );
    }
    Some(UpdateConfig {
        parallelism: parallelism.unwrap_or(1),
        delay: delay.nanos(),
        failure_action: failure_action.clone(),
        monitor: monitor.nanos(),
        max_failure_ratio: *max_failure_ratio,
        order: order.clone(),
    })
}

fn endpoint(mode: &str, written: &[model::Port]) -> EndpointSpec {
    let mut ports: Vec<_> = written
        .iter()
        .map(|port| PortConfig {
            protocol: port.protocol.clone(),
            target_port: port.target,
            published_port: port.published,
            publish_mode: port.mode.clone(),
        })
        .collect();
    go_sort::sort_by_key(&mut ports, |port| port.published_port);
    EndpointSpec { mode: mode.to_lowercase(), ports }
}
