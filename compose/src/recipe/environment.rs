//! The variables that compose files see, and which compose files those are.

use std::collections::BTreeMap;

use domain::StackName;

use super::{AbraSh, EnvFile, problem};
use crate::Problem;

/// What compose files are interpolated with.
pub type Environment = BTreeMap<String, String>;

/// The file of a recipe that names no other.
const DEFAULT_FILE: &str = "compose.yml";
/// Most compose files that a recipe may name: real ones have up to a dozen.
const FILES_LIMIT: usize = 64;

/// Where variables come from, weakest first.
#[derive(Clone, Copy, Debug)]
pub struct EnvironmentInput<'a> {
    /// The recipe's `.env.sample`, which an operator would copy and fill in.
    pub sample: &'a EnvFile,
    /// What the overlay and the command line set: the filled-in part.
    pub overlay: &'a Environment,
    /// Exports of the recipe.
    pub abra_sh: &'a AbraSh,
    pub stack: &'a StackName,
    /// Where the stack is served.
    pub domain: &'a str,
}

/// Assembles the environment: app env < `abra.sh` < `STACK_NAME` and `DOMAIN`.
///
/// `LETS_ENCRYPT_ENV` is empty unless the overlay sets it: a sample says `production`, and a run must never
/// ask a real authority for certificates.
#[must_use]
pub fn environment(input: &EnvironmentInput<'_>) -> Environment {
    let EnvironmentInput { sample, overlay, abra_sh, stack, domain } = *input;
    let mut environment = sample.values();
    environment.insert("LETS_ENCRYPT_ENV".into(), String::new());
    environment.extend(overlay.clone());
    environment.extend(abra_sh.values.clone());
    environment.insert("STACK_NAME".into(), stack.to_string());
    environment.insert("DOMAIN".into(), domain.into());
    environment
}

/// Chooses the compose files: those of `COMPOSE_FILE`, or `compose.yml`. `exists` answers for a path below
/// the recipe's root; `at` is where `COMPOSE_FILE` was set, for the problems.
///
/// # Errors
/// Every file that is not there or lies outside of the recipe.
pub fn choose_files(
    environment: &Environment,
    at: (&str, usize),
    exists: &dyn Fn(&str) -> bool,
) -> Result<Vec<String>, Vec<Problem>> {
    let written = environment.get("COMPOSE_FILE").map_or("", String::as_str);
    let mut files: Vec<String> =
        written.split(':').map(str::trim).filter(|file| !file.is_empty()).map(str::to_owned).collect();
    if files.is_empty() {
        files.push(DEFAULT_FILE.into());
    }
    let mut problems = Vec::new();
    let mut bad =
        |says: String, remedy: &str| problems.push(problem(at.0, at.1, "COMPOSE_FILE", says, remedy));
    if files.len() > FILES_LIMIT {
        bad(
            format!("{} compose files are named, more than {FILES_LIMIT}", files.len()),
            "name each file once",
        );
        files.truncate(FILES_LIMIT);
    }
    for file in &files {
        if file.starts_with('/') || file.split('/').any(|part| part == "..") {
            bad(format!("`{file}` lies outside of the recipe"), "name files relative to the recipe's root");
        } else if !exists(file) {
            bad(
                format!("`{file}` is not in the recipe"),
                "correct the name, or add the file at this release",
            );
        }
    }
    if problems.is_empty() { Ok(files) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::super::{abra_sh, env_sample};
    use super::*;

    #[test]
    fn the_stack_wins_over_abra_sh_and_that_over_the_overlay_and_that_over_the_sample() {
        let sample = env_sample::parse(
            ".env.sample",
            "DOMAIN=a.example.com\nLETS_ENCRYPT_ENV=production\nA=s\nB=s\nC=s\n",
        );
        let abra_sh = abra_sh::parse("abra.sh", "export C=abra\nexport STACK_NAME=abra\n");
        let overlay =
            BTreeMap::from([("B".to_owned(), "overlay".to_owned()), ("C".into(), "overlay".into())]);
        let stack = StackName::parse("run-1").unwrap();
        let input = EnvironmentInput {
            sample: &sample,
            overlay: &overlay,
            abra_sh: &abra_sh,
            stack: &stack,
            domain: "run-1.ci",
        };
        let lines: Vec<_> = environment(&input).into_iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(
            lines,
            ["A=s", "B=overlay", "C=abra", "DOMAIN=run-1.ci", "LETS_ENCRYPT_ENV=", "STACK_NAME=run-1"]
        );
    }

    fn chosen(value: &str) -> Result<Vec<String>, Vec<String>> {
        let environment = BTreeMap::from([("COMPOSE_FILE".to_owned(), value.to_owned())]);
        let there = ["compose.yml", "compose.x.yml", "pg/compose.tune.yml"];
        choose_files(&environment, (".env.sample", 3), &|file| there.contains(&file)).map_err(|problems| {
            problems.into_iter().map(|p| format!("{}:{} {} ({})", p.file, p.line, p.says, p.remedy)).collect()
        })
    }

    #[test]
    fn compose_files_are_chosen_in_order_and_the_default_is_compose_yml() {
        assert_eq!(chosen("").unwrap(), ["compose.yml"]);
        assert_eq!(
            chosen("compose.yml:pg/compose.tune.yml:").unwrap(),
            ["compose.yml", "pg/compose.tune.yml"]
        );
    }

    #[test]
    fn files_that_are_missing_or_outside_are_all_named() {
        assert_eq!(
            chosen("compose.yml:gone.yml:../x.yml:/etc/passwd").unwrap_err(),
            [
                ".env.sample:3 `gone.yml` is not in the recipe (correct the name, or add the file at this release)",
                ".env.sample:3 `../x.yml` lies outside of the recipe (name files relative to the recipe's root)",
                ".env.sample:3 `/etc/passwd` lies outside of the recipe (name files relative to the recipe's root)",
            ]
        );
    }
}
