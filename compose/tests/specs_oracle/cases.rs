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

pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Returns the files of a folder; `a.yml` comes before `a+2.yml`.
pub(crate) fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yml"));
    files.sort_by_key(|file| file.file_stem().unwrap().to_owned());
    files
}
