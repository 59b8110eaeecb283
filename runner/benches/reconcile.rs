//! The registry against Docker, whole: SQL, HTTP over a socket, the decision. `cargo bench -p simmer --bench reconcile`.
//! `SIMMER_BENCH_CANONICALS` (1000) sets how many canonicals there are, each with two committed generations of two volumes
//! and a secret, beside as many objects of strangers; the median of `SIMMER_BENCH_ROUNDS` (9) is compared with the goal.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, reason = "a bench stops where it stands")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::Utc;
use domain::canonical::Fingerprint;
use domain::{Canonical, Generation, RecipeName, RunId, StackName};
use harness::engine::{Engine, STACK_LABEL};
use runner::instance::Instance;
use runner::lease::Leases;
use runner::reconcile::{Mode, Order, reconcile};
use runner::run::labels;
use runner::store::Store;
use serde_json::json;
use testkit::Fake;

/// What the issue asks for, for a thousand.
const GOAL: Duration = Duration::from_secs(1);

fn number(variable: &str, default: u32) -> u32 {
    std::env::var(variable).ok().map_or(default, |text| text.parse().unwrap())
}

/// Commits two generations of a recipe, and puts all that is theirs into the fake.
async fn canonical(nth: u32, fake: &Fake, store: &Store, instance: &Instance) {
    let recipe = RecipeName::parse(&format!("app{nth}")).unwrap();
    let stack = StackName::of_domain(&instance.settings.allotter.canonical(&recipe));
    let labels = json!({
        labels::INSTANCE: instance.id().unwrap(), labels::CANONICAL: recipe.as_str(), labels::RECIPE: recipe.as_str(),
        labels::ROLE: "canonical", STACK_LABEL: stack.as_str(),
    });
    fake.put_secret(&format!("{stack}_db_password_v1"), labels.clone());
    for generation in [1, 2].map(Generation) {
        let names = ["data", "db"].map(|own| format!("{stack}_{own}"));
        let volumes: BTreeMap<String, String> =
            names.into_iter().map(|name| (name.clone(), generation.volume(&name))).collect();
        let run = RunId::parse(&format!("{:08x}", nth * 2 + generation.0)).unwrap();
        let now = Utc::now();
        store.promise(&recipe, generation, &run, "1.0.0+1", &volumes).await.unwrap();
        let record = Canonical {
            recipe: recipe.clone(),
            release: "1.0.0+1".into(),
            commit: "0".repeat(40),
            digests: [("app".to_owned(), format!("sha256:{}", "0".repeat(64)))].into(),
            generation,
            volumes: volumes.clone(),
            run: run.clone(),
            cold: run,
            born: now,
            at: now,
            advances: generation.0 - 1,
            planted: Vec::new(),
            fingerprint: Fingerprint::default(),
        };
        store.commit(&record).await.unwrap();
        for volume in volumes.values() {
            fake.put_volume(volume, labels.clone(), None);
        }
    }
    fake.put_volume(&format!("some_other_stack_{nth}_data"), json!({}), None);
}

#[tokio::main]
async fn main() {
    let canonicals = number("SIMMER_BENCH_CANONICALS", 1000);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("simmer.toml"), "base_domain = \"ci.test\"\nstate = \"state\"\n")
        .unwrap();
    std::fs::create_dir(folder.path().join("recipes")).unwrap();
    for nth in 0..canonicals {
        let enrolment = "source = \"https://git.invalid/app\"\ncanonical = true\n";
        std::fs::write(folder.path().join(format!("recipes/app{nth}.toml")), enrolment).unwrap();
    }
    let instance = Instance::open(folder.path()).unwrap();
    let fake = Fake::start();
    let store = Store::open(&instance.settings.database).await.unwrap();
    let began = Instant::now();
    for nth in 0..canonicals {
        canonical(nth, &fake, &store, &instance).await;
    }
    let objects = fake.objects().len();
    println!("{canonicals} canonicals and {objects} objects made in {:.1} s", began.elapsed().as_secs_f64());

    let engine = Engine::connect(Some(&fake.host())).await.unwrap();
    let leases = Leases::of(&instance.settings.state);
    let order = Order { only: None, mode: Mode::Repair, me: None };
    let mut times = Vec::new();
    for _ in 0..number("SIMMER_BENCH_ROUNDS", 9) {
        let began = Instant::now();
        let done = reconcile(&engine, &store, &leases, &instance, &order).await.unwrap();
        times.push(began.elapsed());
        assert_eq!(done, [], "at rest both say the same");
    }
    times.sort();
    let median = times[times.len() / 2];
    println!("nothing differs: median {median:?}, from {:?} to {:?}", times[0], times[times.len() - 1]);

    // One in fifty was left deployed in part, and one is killed half-way: looked at, repaired, looked at again.
    let left = canonicals / 50;
    for nth in 0..left {
        let stack = format!("warm-app{nth}_ci_test");
        let labels = json!({
            labels::INSTANCE: instance.id().unwrap(), labels::CANONICAL: format!("app{nth}"), STACK_LABEL: stack,
        });
        let volume = format!("{stack}_data-g3");
        let recipe = RecipeName::parse(&format!("app{nth}")).unwrap();
        let run = RunId::parse(&format!("{:08x}", 0x00ff_0000 + nth)).unwrap();
        let volumes = [(format!("{stack}_data"), volume.clone())].into();
        store.promise(&recipe, Generation(3), &run, "1.0.0+1", &volumes).await.unwrap();
        fake.put_volume(&volume, labels, None);
    }
    let began = Instant::now();
    let done = reconcile(&engine, &store, &leases, &instance, &order).await.unwrap();
    let took = began.elapsed();
    assert_eq!(done.iter().filter(|one| !one.is_left()).count(), usize::try_from(left).unwrap());
    println!("{left} dead candidates removed: {took:?}, looking twice included");
    println!("goal {GOAL:?}: {}", if median <= GOAL { "met" } else { "MISSED" });
}
