//! Recipes as they are: what lint says of the samples, which must not be cried at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use compose::lint::{Policy, Power, Previous, RecipeText, Report, TagKind, TagText, lint};
use compose::recipe::{EnvironmentInput, abra_sh, choose_files, env_sample, environment};
use domain::StackName;
use domain::event::Severity;

use crate::sample::today;

type Files = BTreeMap<String, String>;

fn samples(shelf: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples").join(shelf)
}

/// Adds the files of a folder to a tree, and takes away those that its `.deleted` lists.
fn lay(folder: &Path, below: &str, tree: &mut Files) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            lay(&entry.path(), &format!("{path}/"), tree);
        } else if path == ".deleted" {
            for gone in std::fs::read_to_string(entry.path()).unwrap().lines() {
                tree.remove(gone.trim());
            }
        } else {
            tree.insert(path, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// Returns the releases of a sample, oldest first: tag and tree.
fn releases(recipe: &Path) -> Vec<(String, Files)> {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(recipe).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let mut tree = Files::new();
    let mut releases = Vec::new();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        lay(folder, "", &mut tree);
        let name = folder.file_name().unwrap().to_str().unwrap();
        let (_, tag) = name.split_once('-').unwrap();
        releases.push((tag.to_owned(), tree.clone()));
    }
    releases
}

/// Returns the compose files and the environment of a tree, as a run would have them.
fn settings(files: &Files) -> (Vec<String>, Files) {
    let text = |name: &str| files.get(name).map_or("", String::as_str);
    let input = EnvironmentInput {
        sample: &env_sample::parse(".env.sample", text(".env.sample")),
        overlay: &BTreeMap::new(),
        abra_sh: &abra_sh::parse("abra.sh", text("abra.sh")),
        stack: &StackName::parse("run-00c0ffeea_ci_example_org").unwrap(),
        domain: "run-00c0ffeea.ci.example.org",
    };
    let env = environment(&input);
    let selected = choose_files(&env, (".env.sample", 0), &|file| files.contains_key(file)).unwrap();
    (selected, env)
}

/// Lints every release of a sample.
fn reports(recipe: &Path) -> Vec<(String, Report)> {
    let releases = releases(recipe);
    let tags = releases.iter().map(|(tag, _)| TagText { name: tag.clone(), kind: TagKind::Annotated });
    let tags: Vec<TagText> = tags.collect();
    let mut before: Option<Previous> = None;
    let mut reports = Vec::new();
    for (tag, files) in releases {
        let (selected, env) = settings(&files);
        let text = RecipeText {
            files: files.clone(),
            paths: BTreeSet::new(),
            selected: selected.clone(),
            env: env.clone(),
            stacks: vec!["warm-recipe_ci_example_org".to_owned()],
            tags: tags.clone(),
            version: Some(tag.clone()),
            previous: before.take(),
        };
        reports.push((tag.clone(), lint(&text, &Policy::trusted(today(), "proxy"))));
        before = Some(Previous { version: tag, files, selected, env });
    }
    reports
}

fn each_sample(shelf: &str) -> Vec<PathBuf> {
    let mut recipes: Vec<PathBuf> =
        std::fs::read_dir(samples(shelf)).unwrap().map(|entry| entry.unwrap().path()).collect();
    recipes.retain(|path| path.is_dir());
    recipes.sort();
    assert!(!recipes.is_empty(), "a shelf without samples proves nothing");
    recipes
}

#[test]
fn no_sample_that_works_has_an_error() {
    for recipe in each_sample("recipes") {
        for (tag, report) in reports(&recipe) {
            let name = recipe.file_name().unwrap().to_str().unwrap();
            assert_ne!(report.worst(), Some(Severity::Error), "{name} {tag}:\n{}", report.text());
        }
    }
}

#[test]
fn the_broken_shelf_is_told_where_text_can_tell_it() {
    let newest = |name: &str| reports(&samples("broken").join(name)).pop().unwrap().1;
    let count = |name: &str, rule: &str| newest(name).findings.iter().filter(|f| f.rule == rule).count();
    assert!(count("ten-errors", "C001") >= 9, "{}", newest("ten-errors").text());
    assert_eq!(count("name-unserved", "S014"), 1, "{}", newest("name-unserved").text());
    assert_eq!(count("unhealthy-later", "S015"), 1, "{}", newest("unhealthy-later").text());
    // These break when they run, and nothing in their text is certain to.
    for name in
        ["crash-on-upgrade", "health-404", "image-missing", "mixed-stack", "never-healthy", "rollback"]
    {
        assert_eq!(newest(name).count(Severity::Error), 0, "{name}:\n{}", newest(name).text());
    }
}

#[test]
fn what_a_sample_publishes_is_refused_of_a_pull_request_unless_it_is_allowed() {
    let (tag, files) = releases(&samples("recipes").join("mumble")).pop().unwrap();
    let (selected, env) = settings(&files);
    let text = RecipeText { files, selected, env, version: Some(tag), ..RecipeText::default() };
    let mut policy = Policy::untrusted(today(), "proxy");
    let refused: Vec<String> = lint(&text, &policy).errors().map(|f| f.rule.clone()).collect();
    assert_eq!(refused, ["P008", "P008"]);
    policy.allowed.insert(Power::PublishedPorts);
    assert_eq!(lint(&text, &policy).errors().count(), 0);
}
