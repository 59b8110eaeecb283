//! A stage for one test: an engine, a stack name nobody else has, a builder of services, and the proof at the end.

use std::future::Future;
use std::process::Command;
use std::time::Duration;

use chrono::TimeDelta;
use domain::StackName;
use domain::settle::SettleLimits;
use harness::engine::{Applied, Broom, Engine, Keep, Scope, Settled, Trouble, Wanted, WantedService};
use serde_json::{Value, json};

pub(crate) const ONE: &str = "127.0.0.1:5055/simmer/testbox:1.0";
pub(crate) const TWO: &str = "127.0.0.1:5055/simmer/testbox:2.0";
/// What every object of a test carries, beside its stack's label.
const RUN_LABEL: &str = "simmer.run";
/// Far longer than any wait of these tests, on a machine that is busy and slow too: no verdict of theirs hangs on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// Longest clearing that a test accepts.
pub(crate) const CLEAR: Duration = PATIENCE;

/// One test's place in the swarm.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) engine: Engine,
    pub(crate) stack: StackName,
}

/// Runs a test on a stack of its own and clears up after it, however it ended.
pub(crate) async fn on_stage<F: Future<Output = ()> + Send + 'static>(
    name: &str,
    test: impl FnOnce(Stage) -> F,
) {
    let engine = Engine::connect(None).await.unwrap();
    on_engine(engine, name, test).await;
}

/// The same on a given engine.
pub(crate) async fn on_engine<F: Future<Output = ()> + Send + 'static>(
    engine: Engine,
    name: &str,
    test: impl FnOnce(Stage) -> F,
) {
    on_both(engine, &format!("run-{name}"), test).await;
}

/// The same on a stack whose name begins as given, and not with `run-`.
pub(crate) async fn on_named_stage<F: Future<Output = ()> + Send + 'static>(
    name: &str,
    test: impl FnOnce(Stage) -> F,
) {
    let engine = Engine::connect(None).await.unwrap();
    on_both(engine, name, test).await;
}

async fn on_both<F: Future<Output = ()> + Send + 'static>(
    engine: Engine,
    name: &str,
    test: impl FnOnce(Stage) -> F,
) {
    let stack = StackName::parse(&format!("{name}-{}", std::process::id())).unwrap();
    let stage = Stage { engine: engine.clone(), stack };
    let scope = stage.scope();
    let outcome = tokio::spawn(test(stage)).await;
    engine.clear(&scope, Broom::AtOnce, Keep::Nothing, CLEAR).await.unwrap();
    assert_eq!(engine.list(&scope).await.unwrap(), [], "nothing may be left");
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic.into_panic());
    }
}

impl Stage {
    pub(crate) fn scope(&self) -> Scope {
        Scope::label(RUN_LABEL, self.stack.as_str())
    }

    /// A stack of these services on the network `proxy` and one of its own.
    pub(crate) fn wanted(&self, services: impl IntoIterator<Item = Svc>) -> Wanted {
        Wanted {
            stack: self.stack.clone(),
            networks: vec![json!({
                "Name": self.name("internal"), "Driver": "overlay", "Labels": self.labels(),
            })],
            external_networks: vec!["proxy".into()],
            secrets: vec![],
            configs: vec![],
            services: services.into_iter().map(|s| s.build(self)).collect(),
        }
    }

    /// A name with the stack's before it.
    pub(crate) fn name(&self, short: &str) -> String {
        format!("{}_{short}", self.stack)
    }

    pub(crate) fn labels(&self) -> Value {
        json!({ "com.docker.stack.namespace": self.stack.as_str(), RUN_LABEL: self.stack.as_str() })
    }

    pub(crate) async fn apply(&self, services: impl IntoIterator<Item = Svc>) -> Applied {
        self.engine.apply_wanted(&self.wanted(services), None).await.unwrap()
    }

    pub(crate) async fn settle(&self, applied: &Applied) -> Result<Settled, Trouble> {
        self.engine.settle(applied, &patient(), &mut |_| {}).await
    }

    /// Applies and waits until it is settled.
    pub(crate) async fn up(&self, services: impl IntoIterator<Item = Svc>) -> Applied {
        let applied = self.apply(services).await;
        self.settle(&applied).await.unwrap();
        applied
    }

    /// The running container of a service.
    pub(crate) async fn container(&self, service: &str) -> String {
        let full = self.name(service);
        let tasks = self.engine.tasks(&self.stack).await.unwrap();
        let running = tasks.into_iter().find(|t| t.service == full && t.is_running).unwrap();
        running.container_id.unwrap()
    }
}

/// What only these tests ask: by the Docker CLI, which knows nothing of our code.
impl Stage {
    pub(crate) fn docker(&self, args: &[&str]) -> std::process::Output {
        Command::new("docker").args(["-H", self.engine.host()]).args(args).output().unwrap()
    }

    fn told(&self, args: &[&str]) -> String {
        let output = self.docker(args);
        assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The engine's own word for where an update stands.
    pub(crate) async fn update_state(&self, service: &str) -> String {
        let format = "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}";
        self.told(&["service", "inspect", "--format", format, &self.name(service)])
    }

    pub(crate) async fn volume_exists(&self, name: &str) -> bool {
        self.docker(&["volume", "inspect", name]).status.success()
    }

    /// A container that nobody labelled, on a network of the stack.
    pub(crate) async fn guest(&self, network: &str) -> Guest {
        Guest {
            stage: self.clone(),
            id: self.told(&["run", "-d", "--network", network, ONE, "sleep", "600"]),
        }
    }

    /// A registry without images where the engine is, and its address. It goes with the guest.
    pub(crate) async fn empty_registry(&self) -> (String, Guest) {
        let answers = "mkdir -p /www/v2; echo '{}' >/www/v2/index.html
            echo '{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}' >/none.json
            echo 'E404:/none.json' >/httpd.conf
            exec httpd -f -c /httpd.conf -h /www -p 127.0.0.1:$PORT";
        // A port is free when the server stays up on it.
        for port in (20_000..).step_by(7).skip(std::process::id() as usize % 1_000) {
            let env = format!("PORT={port}");
            let id = self.told(&["run", "-d", "--network", "host", "-e", &env, ONE, "sh", "-c", answers]);
            let guest = Guest { stage: self.clone(), id };
            let ask = format!("until wget -q -O /dev/null http://127.0.0.1:{port}/v2/; do :; done");
            if guest.is_running()
                && self.docker(&["exec", &guest.id, "timeout", "10", "sh", "-c", &ask]).status.success()
            {
                return (format!("127.0.0.1:{port}"), guest);
            }
        }
        unreachable!("the range has no end")
    }
}

/// A container of nobody. Removed when dropped.
pub(crate) struct Guest {
    stage: Stage,
    id: String,
}

impl Guest {
    pub(crate) fn is_running(&self) -> bool {
        self.stage.told(&["inspect", "--format", "{{.State.Running}}", &self.id]) == "true"
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.stage.docker(&["rm", "-f", "-v", &self.id]);
    }
}

/// Limits of what is not to meet them.
pub(crate) fn patient() -> SettleLimits {
    SettleLimits { window: TimeDelta::from_std(PATIENCE).unwrap(), ..SettleLimits::default() }
}

pub(crate) fn limits(window: i64) -> SettleLimits {
    SettleLimits { window: TimeDelta::seconds(window), ..SettleLimits::default() }
}

/// Builds a service of the test image.
#[derive(Clone)]
pub(crate) struct Svc {
    name: String,
    spec: Value,
}

/// A service of `testbox` with a healthcheck every second, on the stack's own network: each more costs the engine a dozen
/// programs for every task.
pub(crate) fn svc(name: &str) -> Svc {
    let second = 1_000_000_000_i64;
    let spec = json!({
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": ONE,
                "Healthcheck": {
                    "Test": ["CMD", "/bin/healthy.sh"],
                    "Interval": second, "Timeout": 20 * second, "Retries": 2,
                },
                "Env": [],
            },
            "Networks": ["internal"],
        },
        "Mode": { "Replicated": { "Replicas": 1 } },
        "EndpointSpec": { "Mode": "dnsrr" },
    });
    Svc { name: name.to_owned(), spec }
}

impl Svc {
    /// Sets any part of the spec, by JSON pointer; the parts above have to be there.
    pub(crate) fn set(mut self, pointer: &str, value: Value) -> Self {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = if parent.is_empty() { &mut self.spec } else { self.spec.pointer_mut(parent).unwrap() };
        parent[key] = value;
        self
    }

    pub(crate) fn image(self, image: &str) -> Self {
        self.set("/TaskTemplate/ContainerSpec/Image", json!(image))
    }

    pub(crate) fn env(mut self, pair: &str) -> Self {
        let env = self.spec.pointer_mut("/TaskTemplate/ContainerSpec/Env").unwrap();
        env.as_array_mut().unwrap().push(json!(pair));
        self
    }

    pub(crate) fn mode(self, mode: &str) -> Self {
        self.env(&format!("MODE={mode}"))
    }

    pub(crate) fn unchecked(self) -> Self {
        self.set("/TaskTemplate/ContainerSpec/Healthcheck", json!({"Test": ["NONE"]}))
    }

    pub(crate) fn command(self, args: &[&str]) -> Self {
        self.set("/TaskTemplate/ContainerSpec/Args", json!(args))
    }

    /// May be unwell for as long as it likes before it was ever well.
    pub(crate) fn patient(self) -> Self {
        self.set("/TaskTemplate/ContainerSpec/Healthcheck/StartPeriod", json!(3_600_000_000_000_i64))
    }

    /// How long a process that ignores TERM has; the engine's own is 10 s.
    pub(crate) fn grace(self, seconds: i64) -> Self {
        self.set("/TaskTemplate/ContainerSpec/StopGracePeriod", json!(seconds * 1_000_000_000))
    }

    pub(crate) fn restart(self, condition: &str) -> Self {
        self.set("/TaskTemplate/RestartPolicy", json!({"Condition": condition}))
    }

    pub(crate) fn replicas(self, count: u64) -> Self {
        self.set("/Mode", json!({"Replicated": {"Replicas": count}}))
    }

    pub(crate) fn networks(self, names: &[&str]) -> Self {
        self.set("/TaskTemplate/Networks", json!(names))
    }

    /// Update with this monitor window, rolled back when it fails.
    pub(crate) fn rolls_back(self, monitor_seconds: i64) -> Self {
        let config = json!({
            "Parallelism": 1, "FailureAction": "rollback", "Monitor": monitor_seconds * 1_000_000_000,
            "Order": "stop-first",
        });
        self.set("/UpdateConfig", config)
    }

    /// A named volume of the stack.
    pub(crate) fn volume(self, name: &str, target: &str) -> Self {
        self.set(
            "/TaskTemplate/ContainerSpec/Mounts",
            json!([{"Type": "volume", "Source": name, "Target": target}]),
        )
    }

    fn build(self, stage: &Stage) -> WantedService {
        let Self { name, mut spec } = self;
        spec["Name"] = json!(stage.name(&name));
        spec["Labels"] = stage.labels();
        let task = &mut spec["TaskTemplate"];
        task["ContainerSpec"]["Labels"] = stage.labels();
        let networks = task["Networks"].as_array().unwrap().iter().map(|network| {
            let network = network.as_str().unwrap();
            let target = if network == "internal" { stage.name(network) } else { network.to_owned() };
            json!({"Target": target, "Aliases": [name]})
        });
        task["Networks"] = networks.collect();
        for mount in task["ContainerSpec"]["Mounts"].as_array_mut().into_iter().flatten() {
            mount["Source"] = json!(stage.name(mount["Source"].as_str().unwrap()));
            mount["VolumeOptions"] = json!({"Labels": stage.labels()});
        }
        if task["ContainerSpec"]["Mounts"].is_null() {
            task["ContainerSpec"].as_object_mut().unwrap().remove("Mounts");
        }
        WantedService { name, spec }
    }
}
