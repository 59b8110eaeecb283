use std::collections::BTreeMap;

use domain::StackName;

use super::*;
use crate::model;

/// A model of one service, changed by `change`.
fn one_service(change: impl FnOnce(&mut Model, &mut model::Service)) -> Model {
    let mut model = Model::default();
    let mut service = model::Service { image: "nginx".into(), ..model::Service::default() };
    change(&mut model, &mut service);
    model.services.insert("app".into(), service);
    model
}

fn converted(model: &Model) -> Result<StackSpecs, String> {
    let stack = StackName::parse("run-1").unwrap();
    let input = ConvertInput {
        model,
        stack: &stack,
        engine: EngineFacts::default(),
        read_file: &|path| {
            if path == "/there" { Ok(b"content".to_vec()) } else { Err("no such file".into()) }
        },
        locate: &|key| {
            (key == "services.app").then(|| Place { file: "compose.yml".into(), line: 3, column: 3 })
        },
    };
    convert(&input).map_err(|problems| {
        let line = |p: &Problem| format!("{}:{}: {}: {} ({})", p.file, p.line, p.key, p.says, p.remedy);
        problems.list().iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

#[test]
fn every_problem_is_reported_at_once_with_the_nearest_place() {
    let model = one_service(|_, service| {
        service.networks.insert("gone".into(), None);
        service.restart = "sometimes".into();
        service.deploy.mode = "everywhere".into();
        service.secrets.push(model::FileReference { source: "gone".into(), ..Default::default() });
        service.volumes.push(model::Mount {
            kind: "volume".into(),
            source: "gone".into(),
            ..Default::default()
        });
    });
    insta::assert_snapshot!(converted(&model).unwrap_err(), @r"
    compose.yml:3: services.app.volumes[0]: volume `gone` is not defined (add `gone:` under the top-level `volumes:`)
    compose.yml:3: services.app.secrets[0]: secret `gone` is not defined (add `gone:` under the top-level `secrets:`)
    compose.yml:3: services.app.restart: `sometimes` is not a restart policy (use no, always, unless-stopped or on-failure[:times], or `deploy.restart_policy`)
    compose.yml:3: services.app.networks.gone: network `gone` is not defined (add `gone:` under the top-level `networks:`)
    compose.yml:3: services.app.deploy.mode: `everywhere` is not a mode (use replicated, global, replicated-job or global-job)
    ");
}

#[test]
fn an_engine_without_ipvs_gets_no_virtual_ip_and_no_ingress_port_and_it_is_said() {
    let model = one_service(|_, service| {
        service.ports.push(model::Port {
            target: 80,
            published: 8080,
            mode: "ingress".into(),
            ..Default::default()
        });
        service.ports.push(model::Port {
            target: 81,
            published: 8081,
            mode: "host".into(),
            ..Default::default()
        });
    });
    let mut specs = converted(&model).unwrap();
    assert_eq!(adapt(&mut specs, EndpointPolicy::AsWritten), []);
    let deviations = adapt(&mut specs, EndpointPolicy::WithoutIpvs);
    let said: Vec<_> = deviations
        .iter()
        .map(|d| format!("{} {}: `{}` -> `{}`, {}", d.service, d.key, d.was, d.now, d.why))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    run-1_app deploy.endpoint_mode: `` -> `dnsrr`, the engine's kernel has no IPVS
    run-1_app ports.mode: `ingress` -> `host, for 8080:80/tcp`, the engine's kernel has no IPVS
    ");
    let endpoint = &specs.services["app"].endpoint_spec;
    assert_eq!(endpoint.mode, "dnsrr");
    assert!(endpoint.ports.iter().all(|port| port.publish_mode == "host"));
    assert_eq!(adapt(&mut specs, EndpointPolicy::WithoutIpvs), [], "a second pass has nothing to do");
}

#[test]
fn a_port_that_we_move_to_the_node_is_never_wanted_by_two_tasks() {
    let model = one_service(|_, service| {
        service.ports.push(model::Port { target: 80, published: 8080, ..Default::default() });
        service.deploy.replicas = Some(2);
        let order = "start-first".to_owned();
        service.deploy.update_config = Some(model::UpdateConfig { order, ..Default::default() });
    });
    let mut specs = converted(&model).unwrap();
    let keys: Vec<_> = adapt(&mut specs, EndpointPolicy::WithoutIpvs).into_iter().map(|d| d.key).collect();
    assert_eq!(keys, ["deploy.endpoint_mode", "ports.mode", "deploy.update_config.order", "deploy.replicas"]);
    let service = &specs.services["app"];
    assert_eq!(service.update_config.as_ref().unwrap().order, "stop-first");
    let one = crate::specs::ReplicatedService { replicas: Some(1) };
    assert_eq!(service.mode, crate::specs::ServiceMode::Replicated(one));
}

#[test]
fn a_ceiling_lowers_and_never_raises() {
    let model = one_service(|_, service| {
        service.deploy.resources.limits =
            Some(model::Limits { cpus: "0.5".into(), memory: model::Bytes(4 << 30), pids: 0 });
        service.deploy.resources.reservations =
            Some(model::Reservations { memory: model::Bytes(2 << 30), ..Default::default() });
    });
    let mut specs = converted(&model).unwrap();
    let ceiling = Ceiling { memory_bytes: 1 << 30, nano_cpus: 1_000_000_000, pids: 512 };
    let changed: Vec<_> = limit(&mut specs, ceiling).into_iter().map(|d| d.key).collect();
    assert_eq!(
        changed,
        [
            "deploy.resources.limits.memory",
            "deploy.resources.limits.pids",
            "deploy.resources.reservations.memory"
        ]
    );
    let resources = &specs.services["app"].task_template.resources;
    let limits = resources.limits.as_ref().unwrap();
    assert_eq!((limits.memory_bytes, limits.nano_cpus, limits.pids), (1 << 30, 500_000_000, 512));
    assert_eq!(limit(&mut specs, ceiling), []);
}

#[test]
fn everything_that_a_stack_makes_carries_its_owner_and_nothing_else_does() {
    let model = one_service(|model, service| {
        model.volumes.insert("data".into(), model::Volume::default());
        model.volumes.insert(
            "theirs".into(),
            model::Volume { external: true, name: "theirs".into(), ..Default::default() },
        );
        model.configs.insert("c".into(), model::FileObject { file: "/there".into(), ..Default::default() });
        model.secrets.insert("s".into(), model::FileObject { file: "/there".into(), ..Default::default() });
        for (source, target) in [("data", "/data"), ("theirs", "/theirs"), ("", "/anonymous")] {
            service.volumes.push(model::Mount {
                kind: "volume".into(),
                source: source.into(),
                target: target.into(),
                ..Default::default()
            });
        }
    });
    let mut specs = converted(&model).unwrap();
    let labels = BTreeMap::from([("simmer.run".to_owned(), "00c0ffee".to_owned())]);
    own(&mut specs, &labels);
    let json = specs.masked_json();
    let marked: Vec<_> = [
        "/services/app/Labels",
        "/services/app/TaskTemplate/ContainerSpec/Labels",
        "/services/app/TaskTemplate/ContainerSpec/Mounts/0/VolumeOptions/Labels",
        "/services/app/TaskTemplate/ContainerSpec/Mounts/1/VolumeOptions/Labels",
        "/services/app/TaskTemplate/ContainerSpec/Mounts/2/VolumeOptions/Labels",
        "/networks/0/Labels",
        "/volumes/run-1_data/Labels",
        "/secrets/0/Labels",
        "/configs/0/Labels",
    ]
    .into_iter()
    .filter(|path| json.pointer(path).is_some_and(|labels| labels["simmer.run"] == "00c0ffee"))
    .collect();
    assert_eq!(marked.len(), 8, "{marked:#?}");
    assert!(!marked.contains(&"/services/app/TaskTemplate/ContainerSpec/Mounts/1/VolumeOptions/Labels"));
    assert_eq!(json["secrets"][0]["Data"], "<secret, 7 bytes>");
}

#[test]
fn a_spec_is_not_sent_with_a_name_where_the_engine_wants_an_id() {
    let model = one_service(|model, service| {
        model.secrets.insert(
            "s".into(),
            model::FileObject { external: true, name: "s_v1".into(), ..Default::default() },
        );
        service.secrets.push(model::FileReference { source: "s".into(), ..Default::default() });
    });
    let mut spec = converted(&model).unwrap().services["app"].clone();
    let error = spec.resolve(&|_| None, &|_| None).unwrap_err();
    assert_eq!(error.to_string(), "service `run-1_app` uses secret `s_v1`, which does not exist");
    spec.resolve(&|name| Some(format!("id-of-{name}")), &|_| None).unwrap();
    assert_eq!(spec.task_template.container_spec.secrets[0].secret_id, "id-of-s_v1");
}
