//! The same stack twice on a real engine, once by `docker stack deploy` and once by our own specs: what the
//! engine then knows has to be equal. Nothing runs: every service gets a constraint that no node meets.
#![expect(clippy::unwrap_used, reason = "a test stops where it stands")]

#[path = "../specs_oracle/cases.rs"]
mod cases;
#[path = "../specs_oracle/cli.rs"]
mod cli;
mod engine;
#[path = "../specs_oracle/ours.rs"]
mod ours;
mod same;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use cases::Case;
use compose::specs::StackSpecs;
use engine::Engine;
use serde_json::Value;

/// Fewer cases than this mean that the choice below went wrong.
const CASES_AT_LEAST: usize = 130;
/// Stacks that are there at a time: most of a case is waiting for swarm to let go of a network.
const WORKERS: usize = 4;
/// No node has this label.
const NOWHERE: &str = "node.labels.simmer-oracle == nowhere";

/// Whether a case can be deployed beside whatever else runs on this swarm: it makes nothing under a name of
/// its own, needs nothing that is not there, and takes no port that somebody may have.
fn is_guest(specs: &StackSpecs) -> bool {
    let prefix = format!("{}_", specs.stack);
    let names = specs.networks.iter().map(|network| &network.name);
    let names = names.chain(specs.secrets.iter().map(|secret| &secret.name));
    let mut names = names.chain(specs.configs.iter().map(|config| &config.name));
    let mut ports = specs.services.values().flat_map(|service| &service.endpoint_spec.ports);
    names.all(|name| name.starts_with(&prefix))
        && specs.external.networks.is_empty()
        && specs.external.secrets.is_empty()
        && specs.external.configs.is_empty()
        && ports.all(|port| port.published_port == 0 || port.publish_mode == "host")
}

/// Returns the case with a second file that keeps all services from running.
fn kept_from_running(case: &Case, services: &[&String], scratch: &Path) -> Case {
    let mut text = String::new();
    // Docker wants one version in all files, or none in any.
    let first = fs::read_to_string(&case.files[0]).unwrap();
    if let Some(version) = first.lines().find(|line| line.starts_with("version:")) {
        text += &format!("{version}\n");
    }
    text += "services:\n";
    for service in services {
        text +=
            &format!("  {service}:\n    deploy:\n      placement:\n        constraints: [\"{NOWHERE}\"]\n");
    }
    let file = scratch.join(format!("{}.yml", case.name));
    fs::write(&file, text).unwrap();
    let mut case = case.clone();
    case.files.push(file);
    case
}

/// Deploys by our own specs, in the order of the CLI; the answer is what the engine said when it refused.
fn deploy_ours(engine: &Engine, mut specs: StackSpecs) -> Result<(), String> {
    let create = |kind: &str, body: Value| {
        let answer = engine.post(&format!("/{kind}/create"), &body)?;
        Ok::<_, String>(answer.get("ID").or_else(|| answer.get("Id")).unwrap().as_str().unwrap().to_owned())
    };
    for network in &specs.networks {
        create("networks", ours::body(network))?;
    }
    let mut ids = BTreeMap::new();
    for secret in &specs.secrets {
        ids.insert(("secret", secret.name.clone()), create("secrets", ours::body(secret))?);
    }
    for config in &specs.configs {
        ids.insert(("config", config.name.clone()), create("configs", ours::body(config))?);
    }
    for service in specs.services.values_mut() {
        let id = |kind| {
            let ids = &ids;
            move |name: &str| ids.get(&(kind, name.to_owned())).cloned()
        };
        service.resolve(&id("secret"), &id("config")).unwrap();
        create("services", ours::body(service))?;
    }
    Ok(())
}

/// What came of all cases.
#[derive(Default)]
struct Tally {
    compared: usize,
    /// By the engine, on both sides.
    refused: usize,
    differences: Vec<String>,
}

/// Deploys one case both ways, if it is a guest.
fn judge(engine: &Engine, case: &Case, stack: &str, scratch: &Path, tally: &Mutex<Tally>) {
    let api = engine.api();
    let Ok(specs) = ours::specs(case, stack, &api) else { return };
    if !is_guest(&specs) {
        return;
    }
    let services: Vec<_> = specs.services.keys().collect();
    let case = kept_from_running(case, &services, scratch);
    let specs = ours::specs(&case, stack, &api).unwrap();

    let theirs = cli::deploy(&case, stack, &engine.host(), scratch).map(|()| same::stack(engine, &specs));
    engine.clear(stack);
    let ours = deploy_ours(engine, specs.clone()).map(|()| same::stack(engine, &specs));
    engine.clear(stack);

    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    match (theirs, ours) {
        (Ok(theirs), Ok(ours)) => {
            tally.compared += 1;
            same::differences(&case.name, &theirs, &ours, &mut tally.differences);
        }
        (Err(_), Err(_)) => tally.refused += 1,
        (Ok(_), Err(why)) => tally.differences.push(format!("{}: the engine refuses ours: {why}", case.name)),
        (Err(why), Ok(_)) => {
            tally.differences.push(format!("{}: the engine refuses theirs: {why}", case.name));
        }
    }
}

#[test]
fn the_engine_cannot_tell_our_stack_from_that_of_the_cli() {
    let engine = Engine::connect();
    let scratch = tempfile::tempdir().unwrap();
    // The other corpus says nothing more about conversion, and takes its time on a real engine.
    let cases = cases::own();
    let next = AtomicUsize::new(0);
    let tally = Mutex::new(Tally::default());
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (engine, scratch, cases, next, tally) = (&engine, scratch.path(), &cases, &next, &tally);
            scope.spawn(move || {
                // Both sides of a case use one name, so that what differs is not the name.
                let stack = format!("simmer-oracle-{}-{worker}", std::process::id());
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    judge(engine, case, &stack, scratch, tally);
                }
            });
        }
    });
    let Tally { compared, refused, differences } = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    assert!(compared >= CASES_AT_LEAST, "only {compared} cases were compared, {refused} were refused");
}
