//! `recipes/<name>.toml`: what makes a repository a recipe of this instance.

use std::path::Path;

use domain::sweep::Membership;

use super::problem::{ConfigProblem, ConfigProblems, read_toml};

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEnrolment {
    source: String,
    enrolled: Option<bool>,
    reason: Option<String>,
    #[serde(default)]
    canonical: bool,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    allow: Vec<String>,
}

/// A checked enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// A git address, or an absolute path.
    pub source: String,
    /// Whether sweeps take it (CC-009). A person may still run it by name.
    pub membership: Membership,
    /// Whether green releases are carried onto a canonical.
    pub canonical: bool,
    /// Providers that have to be up.
    pub needs: Vec<String>,
    /// What is refused to untrusted code unless named here, such as `privileged` (DESIGN 9).
    pub allow: Vec<String>,
}

impl Enrolment {
    pub(super) fn check(text: &str, file: &Path, root: &Path) -> Result<Self, ConfigProblems> {
        let RawEnrolment { source, enrolled, reason, canonical, needs, allow } = read_toml(text, file)?;
        let mut problems = ConfigProblems::default();
        if source.is_empty() || source.starts_with('-') || source.contains('\0') {
            problems.push(ConfigProblem::at_key(
                file,
                "source",
                format!("`{source}` is not a git address"),
                "give an https or ssh address, or the path of a repository",
            ));
        }
        let reason = reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
        let membership = match (enrolled, reason) {
            (None | Some(true), None) => Membership::In,
            (Some(false), Some(reason)) => Membership::Out { reason },
            (Some(false), None) => {
                let remedy = "add `reason = \"…\"`: it stands in every sweep's report";
                problems.push(ConfigProblem::at_key(
                    file,
                    "reason",
                    "nobody says why it is not enrolled",
                    remedy,
                ));
                Membership::In
            }
            (None | Some(true), Some(_)) => {
                let remedy = "add `enrolled = false`, or drop the reason";
                problems.push(ConfigProblem::at_key(
                    file,
                    "reason",
                    "it says why the recipe is not enrolled, and it is",
                    remedy,
                ));
                Membership::In
            }
        };
        for error in allow.iter().filter_map(|word| word.parse::<compose::lint::Power>().err()) {
            problems.push(ConfigProblem::at_key(file, "allow", error.to_string(), ""));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        // A path is meant from the instance's folder, whatever folder we were called in.
        let is_address = source.contains("://") || source.split('/').next().is_some_and(|h| h.contains(':'));
        let source = if is_address { source } else { root.join(source).to_string_lossy().into_owned() };
        Ok(Self { source, membership, canonical, needs, allow })
    }
}
