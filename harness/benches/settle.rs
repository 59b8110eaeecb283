//! What the engine room promises, measured as ratios against the Docker CLI in one run: `cargo bench -p
//! simmer-harness --bench settle`, on the engine that `DOCKER_HOST` names or the default one, set up by `cargo xtask
//! up`. `SIMMER_BENCH_ROUNDS` (20) sets how often the ratios are taken.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, reason = "a bench stops where it stands")]

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use compose::convert::{ConvertInput, convert};
use compose::specs::StackSpecs;
use compose::{Interpolation, LoadInput, Source, load};
use domain::settle::SettleLimits;
use domain::{Cause, StackName};
use futures_util::FutureExt as _;
use harness::engine::{Broom, Engine, Freshness, Keep, Scope, Settled, Trouble, Wanted};

/// Longest clearing that is waited for.
const CLEAR: Duration = Duration::from_secs(60);
/// A crash loop takes 12 s and more each time: the ratios have rounds enough.
const CRASH_ROUNDS: usize = 3;
/// All stacks that the bench makes, without their prefix and number.
const NAMES: [&str; 4] = ["neighbour", "well", "crash", "stubborn"];

/// What the one service is joined to.
#[derive(Clone, Copy)]
enum Network {
    /// One of its own, as `docker stack deploy` makes it where nothing is said.
    Own,
    /// `proxy`, which a neighbour is on already: a recipe of one service behind Traefik has no other.
    Shared,
}

/// A stack of one service, in a file that both sides read.
struct Bench {
    engine: Engine,
    stack: StackName,
    file: PathBuf,
    specs: StackSpecs,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(engine: &Engine, name: &str, environment: &str, network: Network) -> Self {
        let networks = match network {
            Network::Own => "networks: {internal: {}}",
            Network::Shared => "networks: {internal: {external: true, name: proxy}}",
        };
        let text = format!(
            "version: '3.8'\n\
             services:\n\
             \x20 app:\n\
             \x20   image: 127.0.0.1:5055/simmer/testbox:1.0\n\
             \x20   environment: {{{environment}}}\n\
             \x20   healthcheck: {{test: [CMD, /bin/healthy.sh], interval: 1s, timeout: 3s, retries: 3}}\n\
             \x20   deploy: {{endpoint_mode: dnsrr}}\n\
             \x20   networks: [internal]\n\
             {networks}\n"
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("compose.yml");
        std::fs::write(&file, &text).unwrap();
        let stack = stack_of(name);
        let none = BTreeMap::new();
        let loaded = load(&LoadInput {
            files: &[Source { name: "compose.yml".into(), text }],
            working_dir: folder.path().to_str().unwrap(),
            env: &none,
            interpolation: Interpolation::Apply,
            read_file: &|_| Err("there is none".into()),
        })
        .unwrap();
        let specs = convert(&ConvertInput {
            model: &loaded.model,
            stack: &stack,
            engine: compose::convert::EngineFacts::default(),
            read_file: &|_| Err("there is none".into()),
            locate: &|_| None,
        })
        .unwrap();
        Self { engine: engine.clone(), stack, file, specs, _folder: folder }
    }

    fn docker(&self, args: &[&str]) -> String {
        let output = Command::new("docker").args(["-H", self.engine.host()]).args(args).output().unwrap();
        assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    async fn deploy(&self) -> Result<Settled, Trouble> {
        // The Docker CLI asks for the image's digest within its time; so do we.
        let images: Vec<_> = self
            .specs
            .services
            .iter()
            .map(|(name, spec)| (name.clone(), spec.task_template.container_spec.image.clone()))
            .collect();
        let resolved = self.engine.ensure_images(&images, Freshness::LocalWins).await.unwrap();
        let wanted = Wanted::from(&self.specs).pinned(&resolved, 1);
        let applied = self.engine.apply_wanted(&wanted, None).await.unwrap();
        self.engine.settle(&applied, &SettleLimits::default(), &mut |_| {}).await
    }

    fn deploy_by_docker(&self) {
        let file = self.file.to_str().unwrap();
        self.docker(&["stack", "deploy", "--detach=false", "-c", file, self.stack.as_str()]);
    }

    async fn clear(&self) {
        clear(&self.engine, &self.stack).await;
    }

    /// As people do it by hand: remove, then wait for the network.
    fn clear_by_docker(&self) {
        let began = Instant::now();
        self.docker(&["stack", "rm", self.stack.as_str()]);
        let network = format!("name=^{}_internal$", self.stack);
        while !self.docker(&["network", "ls", "-q", "--filter", &network]).is_empty() {
            assert!(began.elapsed() < CLEAR, "the network of `{}` does not go away", self.stack);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// When the engine itself called the container healthy.
    fn healthy_at(&self, since: DateTime<Utc>) -> DateTime<Utc> {
        let nano = |t: DateTime<Utc>| format!("{}.{:09}", t.timestamp(), t.timestamp_subsec_nanos());
        let label = format!("label=com.docker.stack.namespace={}", self.stack);
        let events = self.docker(&[
            "events",
            "--since",
            &nano(since),
            "--until",
            &nano(Utc::now()),
            "--filter",
            "event=health_status",
            "--filter",
            &label,
            "--format",
            "{{.TimeNano}}",
        ]);
        DateTime::from_timestamp_nanos(events.lines().next().unwrap().parse().unwrap())
    }
}

fn stack_of(name: &str) -> StackName {
    assert!(NAMES.contains(&name), "`{name}` would not be cleared at the end");
    StackName::parse(&format!("bench-{name}-{}", std::process::id())).unwrap()
}

async fn clear(engine: &Engine, stack: &StackName) {
    engine.clear(&Scope::stack(stack), Broom::AtOnce, Keep::Nothing, CLEAR).await.unwrap();
}

/// Wall time of one thing.
async fn timed<T>(what: impl Future<Output = T>) -> (Duration, T) {
    let began = Instant::now();
    let out = what.await;
    (began.elapsed(), out)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn told(what: &str, figure: &str, goal: &str, met: bool) {
    println!("{:<52} {figure:<44} goal {goal:<10} {}", what, if met { "met" } else { "MISSED" });
}

#[tokio::main]
async fn main() -> ExitCode {
    let rounds = std::env::var("SIMMER_BENCH_ROUNDS").map_or(20, |r| r.parse().unwrap());
    let engine = Engine::connect(None).await.unwrap();
    // Whatever ends the measuring, its stacks go: they are no run's, so `simmer gc` would leave them.
    let measured = AssertUnwindSafe(measure(&engine, rounds)).catch_unwind();
    let is_whole = tokio::select! {
        ended = measured => ended.is_ok(),
        _ = tokio::signal::ctrl_c() => false,
    };
    for name in NAMES {
        clear(&engine, &stack_of(name)).await;
    }
    if is_whole {
        return ExitCode::SUCCESS;
    }
    println!("stopped; the bench's stacks are removed");
    ExitCode::FAILURE
}

async fn measure(engine: &Engine, rounds: usize) {
    let facts = engine.facts().await.unwrap();
    println!("engine {}, {} CPUs, median of {rounds}, both sides in turn\n", facts.version, facts.cpus);

    let neighbour = Bench::new(engine, "neighbour", "", Network::Shared);
    neighbour.deploy().await.unwrap();
    for (network, what) in [
        (Network::Own, "deploy to settled / stack deploy --detach=false"),
        (Network::Shared, "the same on `proxy`, a neighbour there"),
    ] {
        let well = Bench::new(engine, "well", "", network);
        let (mut ours, mut theirs, mut lags) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let since = Utc::now();
            let (took, settled) = timed(well.deploy()).await;
            settled.unwrap();
            let settled_at = Utc::now();
            ours.push(took);
            lags.push((settled_at - well.healthy_at(since)).to_std().unwrap_or_default());
            well.clear().await;
            let began = Instant::now();
            well.deploy_by_docker();
            theirs.push(began.elapsed());
            well.clear().await;
        }
        let (ours, theirs, lag) = (median(ours), median(theirs), median(lags));
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        let figure = format!("{ratio:.2}x ({} against {})", seconds(ours), seconds(theirs));
        told(what, &figure, "<= 0.25x", ratio <= 0.25);
        let figure = format!("{} ms", lag.as_millis());
        told(
            "settled after the engine says healthy",
            &figure,
            "<= 200 ms",
            lag <= Duration::from_millis(200),
        );
    }
    neighbour.clear().await;

    let crash = Bench::new(engine, "crash", "MODE: crash, EXIT_CODE: '3'", Network::Own);
    let mut verdicts = Vec::new();
    for _ in 0..CRASH_ROUNDS {
        let (took, settled) = timed(crash.deploy()).await;
        assert!(matches!(settled.unwrap_err().cause, Cause::CrashLoop { exit_code: Some(3), .. }));
        verdicts.push(took);
        crash.clear().await;
    }
    let verdict = median(verdicts);
    let figure = format!("{} (median of {CRASH_ROUNDS})", seconds(verdict));
    told("crash loop to verdict", &figure, "<= 20 s", verdict <= Duration::from_secs(20));

    let stubborn = Bench::new(engine, "stubborn", "MODE: ignore-term", Network::Own);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        stubborn.deploy().await.unwrap();
        ours.push(timed(stubborn.clear()).await.0);
        stubborn.deploy().await.unwrap();
        let began = Instant::now();
        stubborn.clear_by_docker();
        theirs.push(began.elapsed());
        stubborn.clear().await;
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    let figure = format!("{ratio:.2}x ({} against {})", seconds(ours), seconds(theirs));
    told("clear at once / stack rm and waiting for the network", &figure, "<= 0.3x", ratio <= 0.3);
}
