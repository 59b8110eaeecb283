//! The cases of the model's own oracle, which have to deploy alike, too.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::cases::{Case, yaml_files};

/// Returns the cases of such a folder as `tests/corpus`: a file is a case of its own, a folder one of several files with an
/// environment.
pub(crate) fn of_folder(root: &Path) -> Vec<Case> {
    let case = |name: &Path, files, env| Case {
        name: format!("corpus/{}", name.file_stem().unwrap().to_str().unwrap()),
        files,
        env,
    };
    let mut cases: Vec<_> =
        yaml_files(root).into_iter().map(|file| case(&file, vec![file.clone()], BTreeMap::new())).collect();
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
