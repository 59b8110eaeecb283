//! Every case in `tests/corpus`: a file, or a folder with files in the order of their names and maybe an `env`.
//! A name that ends in `-refused` says that Docker refuses it; the test holds Docker to that, too.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use compose::Interpolation;

use crate::oracle::Case;

fn cases() -> Vec<Case> {
    // The CLI resolves symbolic links in its working folder.
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").canonicalize().unwrap();
    let mut cases: Vec<Case> =
        std::fs::read_dir(&corpus).unwrap().map(|entry| case(&entry.unwrap().path())).collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

fn case(path: &Path) -> Case {
    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let home = ("HOME".to_owned(), "/home/me".to_owned());
    if path.is_file() {
        let files = vec![path.file_name().unwrap().to_str().unwrap().to_owned()];
        return Case { name, folder: path.parent().unwrap().to_owned(), files, env: BTreeMap::from([home]) };
    }
    let mut files: Vec<String> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| file.ends_with(".yml"))
        .collect();
    files.sort();
    let lines = std::fs::read_to_string(path.join("env")).unwrap_or_default();
    let pairs = lines.lines().filter_map(|line| line.split_once('='));
    let env = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).chain([home]).collect();
    Case { name, folder: path.to_owned(), files, env }
}

/// Runs a check on all cases, a few at a time, and lists what it says.
fn every_case(check: impl Fn(&Case) -> Option<String> + Sync) -> Vec<String> {
    let cases = cases();
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(says) = check(case) {
                        found.lock().unwrap().push(format!("{}: {says}", case.name));
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort();
    found
}

#[test]
fn every_case_means_what_it_means_to_docker() {
    let differences = every_case(|case| case.difference(Interpolation::Apply));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_case_means_what_it_means_to_docker_without_interpolation() {
    let differences = every_case(|case| case.difference(Interpolation::Skip));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_case_is_refused_exactly_when_its_name_says_so() {
    let wrong = every_case(|case| {
        let refused = case.ours(Interpolation::Apply).is_err();
        (refused != case.name.ends_with("-refused")).then(|| format!("refused is {refused}"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_refusal_names_file_line_and_column() {
    let vague = every_case(|case| {
        let problems = case.ours(Interpolation::Apply).err()?;
        let vague = problems.list().iter().find(|p| p.file.is_empty() || p.line == 0 || p.column == 0)?;
        Some(format!("{vague:?}"))
    });
    assert!(vague.is_empty(), "{}", vague.join("\n"));
}

#[test]
fn the_corpus_is_large_enough_to_mean_something() {
    assert!(cases().len() >= 250);
}
