//! The cases: our own folder, one file a case, and the folder of the model's oracle.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// One call of `docker stack deploy`.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// In the order of `-c`.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) env: BTreeMap<String, String>,
}

/// Returns all cases of both folders.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = own();
    cases.extend(of_the_model());
    cases
}

/// Returns the cases of `tests/corpus-specs`: `name.yml`, and `name+2.yml` where a second file is merged.
pub(crate) fn own() -> Vec<Case> {
    let env: BTreeMap<_, _> = [("STACK_NAME", "oracle"), ("VERSION", "v3"), ("EMPTY", ""), ("PORT", "8080")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let mut cases: Vec<Case> = Vec::new();
    for file in yaml_files(&folder("corpus-specs")) {
        let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
        match stem.split_once('+') {
            Some((first, _)) => {
                cases.iter_mut().find(|case| case.name == first).unwrap().files.push(file);
            }
            None => cases.push(Case { name: stem, files: vec![file], env: env.clone() }),
        }
    }
    cases
}

/// Returns the cases of `tests/corpus`: a file is a case of its own, a folder one of several files with an
/// environment.
fn of_the_model() -> Vec<Case> {
    let root = folder("corpus");
    let case = |name: &Path, files, env| Case {
        name: format!("corpus/{}", name.file_stem().unwrap().to_str().unwrap()),
        files,
        env,
    };
    let mut cases: Vec<_> =
        yaml_files(&root).into_iter().map(|file| case(&file, vec![file.clone()], BTreeMap::new())).collect();
    for folder in fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        let mut files = yaml_files(&folder);
        files.retain(|file| file.file_name().unwrap().to_str().unwrap().starts_with("compose"));
        let env = fs::read_to_string(folder.join("env")).unwrap_or_default();
        let env = env.lines().filter_map(|line| line.split_once('='));
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        cases.push(case(&folder, files, env));
    }
    cases
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Returns the files of a folder; `a.yml` comes before `a+2.yml`.
fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yml"));
    files.sort_by_key(|file| file.file_stem().unwrap().to_owned());
    files
}
