//! The conventions of Co-op Cloud recipes around the compose files: `.env.sample`, `abra.sh`, names, secrets,
//! labels. Text in, values out: nothing here reads a file or runs a shell.

pub mod abra_sh;
pub mod backup;
pub mod env_sample;
pub mod environment;
pub mod labels;
pub mod names;
pub mod secrets;

mod expand;

pub use abra_sh::AbraSh;
pub use backup::{BackupPlan, backup_plan};
pub use env_sample::{Charset, EnvFile, Generate, Modifiers};
pub use environment::{Environment, EnvironmentInput, choose_files, environment};
pub use labels::{Chaos, OurLabels, VersionLabel};
pub use names::{check_names, stack_name};
pub use secrets::{BrokenRandom, SecretNeed, SecretValue, generate, missing, needed};

use crate::Problem;

/// Says that something is wrong at a line of a file.
fn problem(
    file: &str,
    line: usize,
    key: &str,
    says: impl Into<String>,
    remedy: impl Into<String>,
) -> Problem {
    Problem { file: file.into(), line, column: 0, key: key.into(), says: says.into(), remedy: remedy.into() }
}

/// Reads the name of a variable at the start of a text, and returns what follows it.
fn variable_name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins_well.then_some((name, rest))
}
