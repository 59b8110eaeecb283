//! What `docker stack deploy` would create, against what we would: over two corpora, through an engine that is
//! none and only remembers what was posted. Equal as JSON, refused exactly when Docker refuses.
#![expect(clippy::unwrap_used, reason = "a test stops where it stands")]

mod cases;
mod cli;
mod diff;
mod engine;
mod model_cases;
mod ours;
mod samples;

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use cases::Case;
use compose::specs::StackSpecs;
use engine::{FakeEngine, Posted, id_of};

/// The stack's name, the same on both sides.
const STACK: &str = "oracle";
/// Fewer cases than this mean that a corpus was lost on the way.
const CASES_AT_LEAST: usize = 450;
const DEPLOYABLE_AT_LEAST: usize = 270;

/// Where the CLI disagrees with itself: `stack config` crashes (a panic while it prints) on a file that
/// `stack deploy` takes. Our loader is one, and refuses what cannot be printed.
const CONFIG_CRASHES: &str = "corpus/volumes-top-cluster-external-refused";

/// Returns all cases of both folders, and those of a third that `SIMMER_CORPUS` names: real files that are not ours to
/// keep here.
fn all_cases() -> Vec<Case> {
    let mut cases = cases::own();
    cases.extend(model_cases::of_folder(&cases::folder("corpus")));
    if let Some(folder) = std::env::var_os("SIMMER_CORPUS") {
        cases.extend(model_cases::of_folder(Path::new(&folder)));
    }
    cases
}

/// Returns the differences of a case, empty if there are none, and whether the CLI deploys it.
fn judge(case: &Case, api: &str) -> (Vec<String>, bool) {
    let scratch = tempfile::tempdir().unwrap();
    let engine = FakeEngine::start(&scratch.path().join("engine.sock"), api);
    let theirs = cli::deploy(case, STACK, &engine.host(), scratch.path()).map(|()| engine.posted());
    let ours = ours::specs(case, STACK, api).map(would_post);
    let differences = match (&theirs, &ours) {
        (Ok(theirs), Ok(ours)) => diff::compare(theirs, ours),
        (Err(_), Err(_)) => Vec::new(),
        (Ok(_), Err(_)) if case.name == CONFIG_CRASHES => Vec::new(),
        (Ok(_), Err(ours)) => vec![format!("Docker deploys it, we refuse it: {ours}")],
        (Err(theirs), Ok(_)) => vec![format!("Docker refuses it, we do not: {theirs}")],
    };
    (differences, theirs.is_ok())
}

/// Returns the bodies that we would post, with the ids that the fake engine gives.
fn would_post(mut specs: StackSpecs) -> Posted {
    for service in specs.services.values_mut() {
        service.resolve(&|name| Some(id_of(name)), &|name| Some(id_of(name))).unwrap();
    }
    Posted {
        networks: specs.networks.iter().map(ours::body).collect(),
        secrets: specs.secrets.iter().map(ours::body).collect(),
        configs: specs.configs.iter().map(ours::body).collect(),
        services: specs.services.values().map(ours::body).collect(),
    }
}

/// Judges all cases on a few threads; returns what differs, and how many are deployable.
fn judge_all(cases: &[Case], api: &str) -> (Vec<String>, usize) {
    let next = AtomicUsize::new(0);
    let found = Mutex::new((Vec::new(), 0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (differences, deployable) = judge(case, api);
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    found.0.extend(differences.into_iter().map(|line| format!("{}: {line}", case.name)));
                    found.1 += usize::from(deployable);
                }
            });
        }
    });
    let (mut lines, deployable) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    lines.sort();
    (lines, deployable)
}

#[test]
fn every_case_becomes_the_specs_that_the_cli_posts_and_is_refused_when_the_cli_refuses_it() {
    let cases = all_cases();
    assert!(cases.len() >= CASES_AT_LEAST, "only {} cases were found", cases.len());
    let (differences, deployable) = judge_all(&cases, "1.50");
    assert!(
        differences.is_empty(),
        "{} differences in {} cases:\n{}",
        differences.len(),
        cases.len(),
        differences.join("\n")
    );
    assert!(deployable >= DEPLOYABLE_AT_LEAST, "only {deployable} of {} cases are deployable", cases.len());
}

#[test]
fn the_one_file_that_we_refuse_and_the_cli_deploys_crashes_the_cli_when_it_is_printed() {
    let case = all_cases().into_iter().find(|case| case.name == CONFIG_CRASHES).unwrap();
    let output = Command::new("docker").args(["stack", "config", "-c"]).arg(&case.files[0]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("panic: "));
}

#[test]
fn an_older_engine_is_posted_what_the_cli_posts_to_it() {
    let cases: Vec<_> = cases::own().into_iter().filter(|case| case.name.contains("network")).collect();
    assert!(!cases.is_empty());
    let (differences, _) = judge_all(&cases, "1.41");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Pairs of cases that are merged, spread over the folder by a stride that shares no factor with its size.
const PAIRS: usize = 120;

#[test]
fn any_two_cases_merge_and_convert_as_the_cli_does_it() {
    let cases: Vec<_> = cases::own()
        .into_iter()
        .filter(|case| case.files.len() == 1 && ours::specs(case, STACK, "1.50").is_ok())
        .collect();
    let pairs: Vec<_> = (0..PAIRS)
        .map(|nth| {
            let (first, second) = (&cases[nth * 7 % cases.len()], &cases[(nth * 31 + 5) % cases.len()]);
            let files = [first.files.clone(), second.files.clone()].concat();
            Case { name: format!("{} and {}", first.name, second.name), files, env: first.env.clone() }
        })
        .collect();
    let (differences, deployable) = judge_all(&pairs, "1.50");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    // Files of different versions are refused, by both.
    assert!(deployable >= PAIRS / 2, "only {deployable} pairs are deployable");
}
