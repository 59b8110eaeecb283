//! Every release of every sample, through the conventions of recipes and then both oracles: what a run would
//! deploy is what the CLI would post for the same files and variables.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use compose::recipe::{
    self, AbraSh, EnvFile, EnvironmentInput, abra_sh, choose_files, env_sample, environment,
};
use domain::StackName;

use crate::cases::Case;
use crate::{STACK, judge};

/// Fewer releases than this mean that the samples were not found.
const RELEASES_AT_LEAST: usize = 30;

/// Returns the folders of a folder, in the order of their names.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}

/// Lays a release over the ones before it: each folder holds only what changed, and a list of what is gone.
fn lay_over(release: &Path, tree: &Path) {
    for entry in fs::read_dir(release).unwrap().map(|entry| entry.unwrap().path()) {
        let to = tree.join(entry.file_name().unwrap());
        if entry.is_dir() {
            fs::create_dir_all(&to).unwrap();
            lay_over(&entry, &to);
        } else if entry.file_name().unwrap() == ".deleted" {
            for gone in fs::read_to_string(entry).unwrap().lines().filter(|line| !line.is_empty()) {
                fs::remove_file(tree.join(gone)).unwrap();
            }
        } else {
            fs::copy(&entry, &to).unwrap();
        }
    }
}

fn conventions(tree: &Path) -> (EnvFile, AbraSh) {
    let read = |name: &str| fs::read_to_string(tree.join(name)).unwrap_or_default();
    (env_sample::parse(".env.sample", &read(".env.sample")), abra_sh::parse("abra.sh", &read("abra.sh")))
}

#[test]
fn every_release_of_the_samples_is_what_the_cli_would_post_and_knows_its_secrets() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/recipes");
    let stack = StackName::parse(STACK).unwrap();
    let (mut releases, mut problems) = (0, Vec::new());
    for recipe in folders(&samples) {
        let tree = tempfile::tempdir().unwrap();
        for release in folders(&recipe) {
            releases += 1;
            lay_over(&release, tree.path());
            let name = format!(
                "{}/{}",
                recipe.file_name().unwrap().display(),
                release.file_name().unwrap().display()
            );
            let (sample, abra_sh) = conventions(tree.path());
            let environment = environment(&EnvironmentInput {
                sample: &sample,
                overlay: &BTreeMap::new(),
                abra_sh: &abra_sh,
                stack: &stack,
                domain: "oracle.ci.test",
            });
            let read = sample.problems.iter().chain(&abra_sh.problems);
            problems.extend(read.map(|problem| format!("{name}: {problem}")));
            let exists = |file: &str| tree.path().join(file).is_file();
            let files = choose_files(&environment, (".env.sample", 0), &exists).unwrap();
            let files: Vec<_> = files.iter().map(|file| tree.path().join(file)).collect();
            let case = Case { name: name.clone(), files, env: environment.clone() };

            let (differences, deployable) = judge(&case, "1.41");
            problems.extend(differences.into_iter().map(|line| format!("{name}: {line}")));
            assert!(deployable, "{name} is not deployable");

            let loaded = crate::ours::load_case(&case, compose::Interpolation::Apply).unwrap();
            let raw = crate::ours::load_case(&case, compose::Interpolation::Skip).unwrap();
            problems.extend(
                recipe::check_names(&loaded, &stack).iter().map(|problem| format!("{name}: {problem}")),
            );
            for need in recipe::needed(&loaded, &raw, &environment, &sample, &stack) {
                // The name ends in its version, and the sample has the line that says what the value is.
                let versioned =
                    !need.version.is_empty() && need.name.ends_with(&format!("_{}", need.version));
                let variable = need.variable.as_deref().unwrap_or_default();
                let described = sample.last(variable).is_some_and(|line| line.modifiers == need.modifiers);
                if !versioned || !described || need.line == 0 {
                    problems.push(format!("{name}: {need:?}"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(releases >= RELEASES_AT_LEAST, "only {releases} releases were found");
}
