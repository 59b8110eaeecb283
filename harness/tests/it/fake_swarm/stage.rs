//! A stack on a fake swarm.

use std::time::Duration;

use chrono::TimeDelta;
use domain::StackName;
use domain::settle::SettleLimits;
use harness::engine::{Applied, Broom, Engine, Keep, Scope, Settled, Trouble, Wanted, WantedService};
use serde_json::{Value, json};
use testkit::{Fake, Pace, Setup};

pub(super) const RUN_LABEL: &str = "simmer.run";
/// Far longer than a fake takes.
pub(super) const CLEAR: Duration = Duration::from_secs(20);
const SECOND: i64 = 1_000_000_000;

/// A fake that leaves out nearly all of the waiting.
pub(super) fn quick() -> Fake {
    Fake::with(Setup { pace: Pace::Times(500), ..Setup::default() })
}

/// A fake with its own stack.
pub(super) struct Stage {
    pub(super) fake: Fake,
    pub(super) engine: Engine,
}

impl Stage {
    pub(super) async fn on(fake: Fake) -> Self {
        fake.network("proxy");
        let engine = Engine::connect(Some(&fake.host())).await.unwrap();
        Self { fake, engine }
    }

    pub(super) async fn apply(&self, wanted: &Wanted) -> Applied {
        self.engine.apply_wanted(wanted, None).await.unwrap()
    }

    pub(super) async fn settle(&self, applied: &Applied) -> Result<Settled, Trouble> {
        self.engine.settle(applied, &limits(), &mut |_| {}).await
    }

    pub(super) async fn up(&self, wanted: &Wanted) -> Applied {
        let applied = self.apply(wanted).await;
        self.settle(&applied).await.unwrap();
        applied
    }

    pub(super) async fn clear(&self) {
        self.engine.clear(&scope(), Broom::AtOnce, Keep::Nothing, CLEAR).await.unwrap();
        assert_eq!(self.fake.objects(), ["network proxy"], "nothing may be left");
    }
}

pub(super) fn scope() -> Scope {
    Scope::label(RUN_LABEL, "run-1")
}

pub(super) fn limits() -> SettleLimits {
    let moment = TimeDelta::milliseconds(20);
    SettleLimits {
        window: TimeDelta::seconds(20),
        steady: moment,
        steady_again: moment,
        given_up: TimeDelta::milliseconds(300),
        ..SettleLimits::default()
    }
}

pub(super) fn stack() -> StackName {
    StackName::parse("run-1").unwrap()
}

pub(super) fn labels() -> Value {
    json!({"com.docker.stack.namespace": "run-1", RUN_LABEL: "run-1"})
}

/// A stack of these services on `proxy` and a network of its own, with a secret and a config that the first one uses.
pub(super) fn wanted(services: impl IntoIterator<Item = WantedService>) -> Wanted {
    Wanted {
        stack: stack(),
        networks: vec![json!({"Name": "run-1_internal", "Driver": "overlay", "Labels": labels()})],
        external_networks: vec!["proxy".into()],
        secrets: vec![json!({"Name": "run-1_pw_v1", "Data": "aGk=", "Labels": labels()})],
        configs: vec![json!({"Name": "run-1_conf_v1", "Data": "aGk=", "Labels": labels()})],
        services: services.into_iter().collect(),
    }
}

/// A service with a healthcheck every second, a volume at `/data`, and the stack's secret and config.
pub(super) fn service(name: &str, image: &str) -> WantedService {
    let volume = json!({
        "Type": "volume", "Source": format!("run-1_{name}"), "Target": "/data",
        "VolumeOptions": {"Labels": labels()},
    });
    let spec = json!({
        "Name": format!("run-1_{name}"), "Labels": labels(),
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": image, "Labels": labels(), "Mounts": [volume],
                "Healthcheck": {"Test": ["CMD", "check"], "Interval": SECOND, "StartPeriod": 30 * SECOND, "Retries": 2},
                "Secrets": [{"SecretName": "run-1_pw_v1", "File": {"Name": "pw", "UID": "0", "GID": "0", "Mode": 292}}],
                "Configs": [{"ConfigName": "run-1_conf_v1", "File": {"Name": "/conf", "UID": "0", "GID": "0", "Mode": 292}}],
            },
            "Networks": [{"Target": "run-1_internal", "Aliases": [name]}, {"Target": "proxy", "Aliases": [name]}],
        },
        "Mode": {"Replicated": {"Replicas": 1}},
        "UpdateConfig": {"Parallelism": 1, "FailureAction": "rollback", "Monitor": 2 * SECOND, "Order": "stop-first"},
        "EndpointSpec": {"Mode": "dnsrr"},
    });
    WantedService { name: name.into(), spec }
}

/// Sets a part of a service's spec by JSON pointer.
pub(super) fn set(mut service: WantedService, pointer: &str, value: Value) -> WantedService {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent =
        if parent.is_empty() { &mut service.spec } else { service.spec.pointer_mut(parent).unwrap() };
    parent[key] = value;
    service
}
