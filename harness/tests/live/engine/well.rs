//! What goes as it should.

use std::collections::BTreeSet;

use domain::settle::Mode;
use harness::engine::{Broom, EngineError, Keep, Scope, SwarmRole, Touched, Wanted};
use serde_json::{Value, json};

use super::stage::{CLEAR, Stage, on_stage, patient, svc};

#[tokio::test]
async fn cc_150_a_stack_is_deployed_settled_and_cleared_without_a_trace() {
    on_stage("happy", |stage| async move {
        let applied = stage.apply([svc("app").volume("data", "/data"), svc("db")]).await;
        assert!(applied.services.iter().all(|s| s.touched == Touched::Created));
        let mut told = Vec::new();
        let settled =
            stage.engine.settle(&applied, &patient(), &mut |a| told.push(a.to_vec())).await.unwrap();
        assert!(settled.at >= applied.at);
        assert_eq!(told[0].len(), 2, "both are awaited at first: {told:?}");

        let cleared = stage.engine.clear(&stage.scope(), Broom::AtOnce, Keep::Nothing, CLEAR).await.unwrap();
        // Two services, two containers, a network, a volume.
        assert_eq!(cleared.removed, 6);
        assert_eq!(stage.engine.list(&stage.scope()).await.unwrap(), []);
        let again = stage.engine.clear(&stage.scope(), Broom::AtOnce, Keep::Nothing, CLEAR).await.unwrap();
        assert_eq!(again.removed, 0, "clearing twice is harmless");
    })
    .await;
}

#[tokio::test]
async fn the_engine_says_what_it_is() {
    on_stage("facts", |stage| async move {
        let facts = stage.engine.facts().await.unwrap();
        assert_eq!(facts.swarm, SwarmRole::Manager);
        assert!(facts.nodes >= 1 && facts.cpus >= 1 && facts.memory > 1 << 20);
        assert!(facts.version.starts_with(|c: char| c.is_ascii_digit()), "{}", facts.version);
        assert_eq!(facts.disk_free.is_some(), facts.is_local);
        assert_eq!(facts.ipvs.is_some(), facts.is_local);
    })
    .await;
}

/// Ids of the tasks that run.
async fn running(stage: &Stage) -> BTreeSet<String> {
    let tasks = stage.engine.tasks(&stage.stack).await.unwrap();
    tasks.into_iter().filter(|t| t.is_running).map(|t| t.task_id).collect()
}

#[tokio::test]
async fn applying_twice_changes_nothing() {
    on_stage("twice", |stage| async move {
        let wanted = with_data(&stage, "one");
        let first = stage.engine.apply_wanted(&wanted, None).await.unwrap();
        stage.settle(&first).await.unwrap();
        let (before, objects) = (running(&stage).await, stage.engine.list(&stage.scope()).await.unwrap());

        for previous in [None, Some(&first)] {
            let again = stage.engine.apply_wanted(&wanted, previous).await.unwrap();
            assert!(again.services.iter().all(|s| s.touched == Touched::Same), "{again:?}");
            stage.settle(&again).await.unwrap();
        }
        assert_eq!(running(&stage).await, before);
        assert_eq!(stage.engine.list(&stage.scope()).await.unwrap(), objects);
    })
    .await;
}

#[tokio::test]
async fn an_apply_that_stopped_half_way_is_finished_by_the_next() {
    on_stage("resume", |stage| async move {
        let mut half = stage.wanted([svc("app"), svc("db")]);
        half.services.truncate(1);
        let first = stage.engine.apply_wanted(&half, None).await.unwrap();
        let whole = stage.wanted([svc("app"), svc("db")]);
        let applied = stage.engine.apply_wanted(&whole, Some(&first)).await.unwrap();
        let touched: Vec<_> = applied.services.iter().map(|s| s.touched).collect();
        assert_eq!(touched, [Touched::Same, Touched::Created]);
        stage.settle(&applied).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_update_that_leaves_the_tasks_as_they_are_restarts_nothing() {
    on_stage("unchanged", |stage| async move {
        let first = stage.up([svc("app"), svc("db")]).await;
        let before = running(&stage).await;
        let mut wanted = stage.wanted([svc("app"), svc("db")]);
        wanted.services[0].spec["Labels"]["coop-cloud.version"] = json!("2.0.0+1.1");
        let applied = stage.engine.apply_wanted(&wanted, Some(&first)).await.unwrap();
        let touched: Vec<_> = applied.services.iter().map(|s| s.touched).collect();
        assert_eq!(touched, [Touched::Updated, Touched::Same]);
        stage.settle(&applied).await.unwrap();
        assert_eq!(running(&stage).await, before);
    })
    .await;
}

#[tokio::test]
async fn an_update_is_settled_when_only_the_new_version_runs() {
    on_stage("update", |stage| async move {
        let first = stage.up([svc("app").replicas(2)]).await;
        let wanted = stage.wanted([svc("app").replicas(2).image(super::stage::TWO)]);
        let applied = stage.engine.apply_wanted(&wanted, Some(&first)).await.unwrap();
        stage.settle(&applied).await.unwrap();
        let tasks = stage.engine.tasks(&stage.stack).await.unwrap();
        let images: Vec<_> =
            tasks.iter().filter(|t| t.is_running).map(|t| t.image.rsplit(':').next().unwrap()).collect();
        assert_eq!(images, ["2.0", "2.0"]);
    })
    .await;
}

#[tokio::test]
async fn no_replicas_are_settled_at_none() {
    on_stage("none", |stage| async move {
        let applied = stage.up([svc("cron").replicas(0)]).await;
        assert!(stage.engine.tasks(&stage.stack).await.unwrap().is_empty());
        assert_eq!(applied.services.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_one_shot_job_that_exits_0_is_done() {
    on_stage("oneshot", |stage| async move {
        let job = svc("migrate").unchecked().command(&["true"]).restart("none");
        let swarm_job = svc("batch")
            .unchecked()
            .command(&["true"])
            .restart("none")
            .set("/Mode", json!({"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 2}}));
        let applied = stage.apply([job, swarm_job]).await;
        let settled = stage.settle(&applied).await.unwrap();
        let modes: Vec<_> = settled.seen.services.iter().map(|s| s.mode).collect();
        assert_eq!(modes, [Mode::Replicated { replicas: 1 }, Mode::Job { completions: 2 }]);
        stage.engine.soak(&applied, settled.at, std::time::Duration::from_secs(2)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_global_service_wants_one_task_on_each_node_that_its_constraints_allow() {
    on_stage("global", |stage| async move {
        let here = svc("agent").set("/Mode", json!({"Global": {}}));
        let nowhere = svc("elsewhere")
            .set("/Mode", json!({"Global": {}}))
            .set("/TaskTemplate/Placement", json!({"Constraints": ["node.labels.simmer-nowhere == yes"]}));
        let applied = stage.apply([here, nowhere]).await;
        let settled = stage.settle(&applied).await.unwrap();
        let nodes = stage.engine.facts().await.unwrap().nodes;
        let modes: Vec<_> = settled.seen.services.iter().map(|s| s.mode).collect();
        assert_eq!(modes, [Mode::Global { nodes }, Mode::Global { nodes: 0 }]);
    })
    .await;
}

/// A stack with a secret and a config; the config says `text`.
fn with_data(stage: &Stage, text: &str) -> Wanted {
    let (secret, config) = (stage.name("pw_v1"), stage.name("conf_v1"));
    let file = |name: &str| json!({"Name": name, "UID": "0", "GID": "0", "Mode": 0o444});
    let app = svc("app")
        .env("SHOW=/conf")
        .env("NEEDS=/run/secrets/pw")
        .set("/TaskTemplate/ContainerSpec/Secrets", json!([{"File": file("pw"), "SecretName": secret}]))
        .set("/TaskTemplate/ContainerSpec/Configs", json!([{"File": file("/conf"), "ConfigName": config}]));
    let mut wanted = stage.wanted([app]);
    let data = |text: &str| json!(base64(text));
    wanted.secrets.push(json!({"Name": secret, "Labels": stage.labels(), "Data": data("hunter2")}));
    wanted.configs.push(json!({"Name": config, "Labels": stage.labels(), "Data": data(text)}));
    wanted
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn a_config_or_secret_that_changed_under_its_name_is_the_recipes_fault() {
    on_stage("data", |stage| async move {
        let applied = stage.engine.apply_wanted(&with_data(&stage, "one"), None).await.unwrap();
        stage.settle(&applied).await.unwrap();
        let changed = stage.engine.apply_wanted(&with_data(&stage, "two"), Some(&applied)).await.unwrap_err();
        assert!(matches!(&changed, EngineError::ContentChanged { kind: "config", .. }), "{changed}");
        assert_eq!(changed.fault(), domain::Fault::Recipe);

        let mut secret = with_data(&stage, "one");
        secret.secrets[0]["Data"] = json!(base64("other"));
        let changed = stage.engine.apply_wanted(&secret, Some(&applied)).await.unwrap_err();
        assert!(matches!(&changed, EngineError::ContentChanged { kind: "secret", .. }), "{changed}");
    })
    .await;
}

#[tokio::test]
async fn what_the_stack_needs_and_is_not_there_is_named() {
    on_stage("missing", |stage| async move {
        let mut wanted = stage.wanted([svc("app")]);
        wanted.external_networks.push("simmer-no-such-network".into());
        let error = stage.engine.apply_wanted(&wanted, None).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no swarm network `simmer-no-such-network`, which the stack uses as external"
        );

        let mut wanted = with_data(&stage, "one");
        wanted.secrets.clear();
        let error = stage.engine.apply_wanted(&wanted, None).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("there is no secret `{}`, which service `app` uses", stage.name("pw_v1"))
        );
    })
    .await;
}

#[tokio::test]
async fn the_name_of_another_stacks_network_is_not_taken_over() {
    on_stage("taken", |stage| async move {
        stage.apply([svc("app").replicas(0)]).await;
        let mut other = stage.wanted([]);
        other.stack = domain::StackName::parse(&format!("{}x", stage.stack)).unwrap();
        let error = stage.engine.apply_wanted(&other, None).await.unwrap_err();
        assert!(matches!(error, EngineError::NameTaken { kind: "network", .. }), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_spec_reaches_the_engine_whole() {
    on_stage("whole", |stage| async move {
        let full = svc("app").replicas(0).set("/TaskTemplate/RestartPolicy", json!({"Condition": "any"}));
        let wanted = stage.wanted([full]);
        let sent = wanted.services[0].spec.clone();
        let applied = stage.engine.apply_wanted(&wanted, None).await.unwrap();
        let scope = Scope::stack(&stage.stack);
        assert_eq!(stage.engine.list(&scope).await.unwrap().len(), 2, "a service and a network");
        let there = applied.services[0].spec();
        // What bollard would have dropped (dependencies.md, trap 1) above all.
        assert_eq!(lost(&sent["TaskTemplate"]["ContainerSpec"], &there["TaskTemplate"]["ContainerSpec"]), "");
        assert_eq!(lost(&sent["EndpointSpec"], &there["EndpointSpec"]), "");
    })
    .await;
}

/// Names the first value of `sent` that `there` lacks.
fn lost(sent: &Value, there: &Value) -> String {
    match sent {
        Value::Object(map) => map
            .iter()
            .filter(|(_, v)| !v.as_array().is_some_and(Vec::is_empty))
            .map(|(k, v)| (k, lost(v, &there[k])))
            .find(|(_, lost)| !lost.is_empty())
            .map_or(String::new(), |(k, lost)| format!("{k}.{lost}")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)
            if sent == there =>
        {
            String::new()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            format!("{sent} became {there}")
        }
    }
}
