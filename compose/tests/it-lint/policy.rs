//! What is refused of code that anybody may have written.

use compose::lint::Power;
use domain::event::Severity;

use crate::case::cases;
use crate::sample::{Sample, good};

/// A service on a network of this description.
fn on_network(network: &str) -> Sample {
    good().compose(&format!(
        "services:\n  app:\n    image: a:1.2.3\n    networks:\n      - net # <-\nnetworks:\n  net: {network}\n"
    ))
}

fn volume(description: &str) -> Sample {
    good().compose(&format!(
        "services:\n  app:\n    image: a:1.2.3\n    volumes:\n      - data:/data # <-\nvolumes:\n  data: {description}\n"
    ))
}

fn route(rule: &str) -> Sample {
    good().app(&format!("image: a:1.2.3\ndeploy:\n  labels:\n    - traefik.http.routers.x.rule={rule} # <-"))
}

cases! {
    p001_a_privileged_container_is_refused: "P001",
        breaks good().app("image: a:1.2.3\nprivileged: true # <-"),
        holds good().app("image: a:1.2.3\nprivileged: true").allow(Power::Privileged);
    p002_a_path_of_the_host_is_refused: "P002",
        breaks good().app("image: a:1.2.3\nvolumes:\n  - /:/host:ro # <-").severity(Severity::Error).allow(Power::DockerSocket),
        holds good();
    p002_a_path_in_the_long_form_is_refused: "P002",
        breaks good().app("image: a:1.2.3\nvolumes:\n  - type: bind # <-\n    source: /etc\n    target: /etc"),
        holds good().app("image: a:1.2.3\nvolumes: ['/etc:/etc']").allow(Power::HostMounts);
    p002_a_volume_that_is_a_path_of_the_host_is_refused: "P002",
        breaks volume("{driver: local, driver_opts: {type: none, o: 'rw,bind', device: /etc}}"),
        holds volume("{driver: local, driver_opts: {type: tmpfs, device: tmpfs}}");
    p003_the_engines_socket_is_refused: "P003",
        breaks good().app("image: a:1.2.3\nvolumes:\n  - /var/run/docker.sock:/var/run/docker.sock # <-"),
        holds good().app("image: a:1.2.3\nvolumes:\n  - /srv:/srv");
    p003_a_folder_above_the_socket_is_the_socket: "P003",
        breaks good().app("image: a:1.2.3\nvolumes:\n  - /run:/x # <-").allow(Power::HostMounts),
        holds good().app("image: a:1.2.3\nvolumes:\n  - /run:/x").allow(Power::DockerSocket);
    p004_the_hosts_network_is_refused: "P004",
        breaks good().app("image: a:1.2.3\nnetwork_mode: host # <-"),
        holds good().app("image: a:1.2.3\nnetwork_mode: bridge");
    p004_the_hosts_network_by_its_name_is_refused: "P004",
        breaks on_network("{external: true, name: host}"),
        holds on_network("{external: true, name: host}").allow(Power::HostNetwork);
    p005_a_device_is_refused: "P005",
        breaks good().app("image: a:1.2.3\ndevices: [/dev/fuse] # <-"),
        holds good().app("image: a:1.2.3\ndevices: [/dev/fuse]").allow(Power::Devices);
    p006_a_capability_is_refused: "P006",
        breaks good().app("image: a:1.2.3\ncap_add: [NET_ADMIN] # <-"),
        holds good().app("image: a:1.2.3\ncap_drop: [ALL]");
    p007_a_network_of_somebody_else_is_refused: "P007",
        breaks on_network("{external: true, name: other_internal}"),
        holds on_network("{external: true, name: proxy}");
    p007_a_network_with_a_name_of_its_own_choice_is_refused: "P007",
        breaks on_network("{name: other_internal}"),
        holds on_network("{name: '${STACK_NAME}_net'}");
    p008_a_port_of_the_host_is_refused: "P008",
        breaks good().app("image: a:1.2.3\nports:\n  - 22:22 # <-"),
        holds good().app("image: a:1.2.3\nports:\n  - 22:22").allow(Power::PublishedPorts);
    p009_a_lowered_protection_is_refused: "P009",
        breaks good().app("image: a:1.2.3\nsecurity_opt: ['apparmor:unconfined'] # <-"),
        holds good().app("image: a:1.2.3\nsecurity_opt: ['no-new-privileges:true']");
    p010_a_namespace_of_the_host_is_refused: "P010",
        breaks good().app("image: a:1.2.3\npid: host # <-"),
        holds good().app("image: a:1.2.3\nipc: private");
    p011_a_kernel_setting_is_refused: "P011",
        breaks good().app("image: a:1.2.3\nsysctls: # <-\n  net.core.somaxconn: 1024"),
        holds good().app("image: a:1.2.3\nsysctls: {net.core.somaxconn: 1024}").allow(Power::Sysctls);
    p012_a_volume_of_another_stack_is_refused: "P012",
        breaks good().compose("services: {app: {image: 'a:1.2.3', volumes: ['d:/d']}}\nvolumes:\n  data:\n    \
                               name: other_data # <-\n  d:\n"),
        holds good().compose("services: {app: {image: 'a:1.2.3'}}\nvolumes: {data: {name: '${STACK_NAME}_x'}}\n");
    p012_a_secret_of_another_stack_is_refused: "P012",
        breaks good().compose("services: {app: {image: 'a:1.2.3'}}\nsecrets:\n  other_db_v1: # <-\n    external: true\n"),
        holds good();
    p012_a_name_that_only_begins_like_the_stacks_is_refused: "P012",
        breaks good().compose("services: {app: {image: 'a:1.2.3'}}\nsecrets:\n  a:\n    external: true\n    \
                               name: ${STACK_NAME}2_db_v1 # <-\n"),
        holds good();
    p013_a_route_to_another_domain_is_refused: "P013",
        breaks route("Host(`${DOMAIN}`) || Host(`other.example.org`)"),
        holds route("Host(`${DOMAIN}`) && PathPrefix(`/api`)");
    p013_a_route_to_every_domain_is_refused: "P013",
        breaks route("PathPrefix(`/`)"),
        holds route("(Host(`${DOMAIN}`) || Host(`www.${DOMAIN}`)) && !Path(`/x`)");
    p013_a_rule_that_cannot_be_read_is_refused: "P013",
        breaks route("HostRegexp(`.+`)"),
        holds route("HostRegexp(`.+`)").allow(Power::ForeignHosts);
    p014_a_file_outside_the_recipe_is_refused: "P014",
        breaks good().compose("services: {app: {image: 'a:1.2.3'}}\nconfigs:\n  x:\n    name: x\n    file: ../../etc/shadow # <-\n"),
        holds good().compose("services: {app: {image: 'a:1.2.3'}}\nconfigs: {x: {name: x, file: a/../settings.ini}}\n");
    p014_a_file_outside_the_recipe_is_refused_of_everybody: "P014",
        breaks good().trusted().compose("services: {app: {image: 'a:1.2.3'}}\nsecrets:\n  x:\n    file: /etc/shadow # <-\n"),
        holds good().trusted();
    p015_a_label_that_says_whose_an_object_is_is_refused: "P015",
        breaks good().app("image: a:1.2.3\ndeploy:\n  labels:\n    - simmer.run=00c0ffee # <-"),
        holds good().app("image: a:1.2.3\ndeploy:\n  labels:\n    - simmering=true");
    p015_volumes_have_labels_too: "P015",
        breaks volume("\n    labels:\n      com.docker.stack.namespace: other").at("compose.yml", 9),
        holds volume("{labels: {a: b}}");
    p016_a_driver_that_is_a_plugin_is_refused: "P016",
        breaks volume("\n    driver: rclone").at("compose.yml", 7),
        holds volume("{driver: local}");
    p016_a_volume_that_lies_elsewhere_is_refused: "P016",
        breaks volume("{driver_opts: {type: nfs, o: 'addr=192.0.2.1', device: ':/x'}}").at("compose.yml", 7),
        holds volume("{driver_opts: {type: tmpfs, device: tmpfs}}");
    p017_a_name_of_somebody_else_on_the_shared_network_is_refused: "P017",
        breaks good().compose("services:\n  app:\n    image: a:1.2.3\n    networks:\n      proxy:\n        \
                               aliases: [keycloak_app] # <-\nnetworks: {proxy: {external: true}}\n"),
        holds good().compose("services:\n  app:\n    image: a:1.2.3\n    networks:\n      internal:\n        \
                              aliases: [blog]\nnetworks: {internal: {}}\n");
    p016_logs_that_go_elsewhere_are_refused: "P016",
        breaks good().app("image: a:1.2.3\nlogging:\n  driver: syslog # <-"),
        holds good().app("image: a:1.2.3\nlogging:\n  driver: json-file");
}

#[test]
fn a_trusted_recipe_is_told_and_not_refused() {
    let sample = good()
        .trusted()
        .app("image: a:1.2.3\nprivileged: true\nports: [{target: 1, published: 1, mode: host}]");
    for rule in ["P001", "P008"] {
        let found = sample.found(rule);
        assert_eq!(found.len(), 1, "{rule}");
        assert_eq!(found[0].severity, Severity::Info);
        assert!(found[0].remedy.starts_with("allow `"), "{}", found[0].remedy);
    }
}

#[test]
fn a_refusal_names_key_line_and_the_word_that_would_allow_it() {
    let found = good().app("image: a:1.2.3\ncap_add: [NET_ADMIN, SYS_TIME]").found("P006");
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((finding.file.as_str(), finding.line), ("compose.yml", 4));
    assert_eq!(finding.says, "service `app` has `cap_add`: NET_ADMIN, SYS_TIME");
    assert_eq!(
        finding.remedy,
        "remove it, or let the owner of the instance allow `capabilities` in `recipes/<name>.toml`"
    );
}

#[test]
fn every_power_is_a_word_of_the_enrolment() {
    for power in Power::ALL {
        assert_eq!(power.to_string().parse::<Power>().unwrap(), *power);
    }
    let error = "root".parse::<Power>().unwrap_err().to_string();
    assert!(error.starts_with("`root` is not a power; expected one of privileged, host-mounts, "), "{error}");
}

#[test]
fn what_a_merge_key_brings_in_is_refused_where_it_is_written() {
    let text = "x-base: &base\n  privileged: true\nservices:\n  app:\n    <<: *base\n    image: a:1.2.3\n";
    let found = good().compose(text).found("P001");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].file.as_str(), found[0].line), ("compose.yml", 2));
}

#[test]
fn what_the_last_file_adds_is_refused_in_the_last_file() {
    let sample = good()
        .select(&["compose.yml", "compose.more.yml"])
        .file("compose.more.yml", "version: '3.8'\nservices:\n  app:\n    cap_add:\n      - SYS_ADMIN\n");
    let found = sample.found("P006");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].file.as_str(), found[0].line), ("compose.more.yml", 4));
}

#[test]
fn an_overlay_that_is_not_selected_is_not_deployed_and_not_refused() {
    let sample = good().file("compose.more.yml", "version: '3.8'\nservices: {app: {privileged: true}}\n");
    assert!(sample.found("P001").is_empty());
}
