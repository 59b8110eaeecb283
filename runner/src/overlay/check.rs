//! `simmer overlay check`: what an overlay says, held against what the recipe has.

use std::collections::BTreeSet;
use std::path::Path;

use compose::recipe;
use domain::RecipeName;

use super::Releases;
use crate::instance::ask::{AppliesTo, Judged};
use crate::instance::{ConfigProblem, Instance, Origin, Overlay, Setting};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Warning,
    Error,
}

/// One thing about an overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    pub problem: ConfigProblem,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.severity {
            Severity::Error => write!(f, "{}", self.problem),
            Severity::Warning => write!(f, "warning: {}", self.problem),
        }
    }
}

/// What the releases have, taken together.
#[derive(Debug, Default)]
struct Has {
    services: BTreeSet<String>,
    volumes: BTreeSet<String>,
    secrets: BTreeSet<String>,
    /// Whether at least one release reads as a stack; without it nothing is known to be missing.
    known: bool,
}

/// Checks a readable overlay against the releases and the instance.
pub fn check(
    overlay: &Overlay,
    settings: &[Setting],
    releases: &Releases,
    instance: &Instance,
    file: &Path,
) -> Vec<Finding> {
    let mut report = Report { file, settings, findings: Vec::new() };
    let has = read(overlay, releases);
    services(&mut report, &has);
    ranges(&mut report, releases);
    variables(&mut report, overlay, releases);
    if has.known {
        for wanted in &overlay.backup.verify {
            if !has.volumes.contains(&wanted.volume) {
                let says = format!("no release has a volume `{}`", wanted.volume);
                report.error("backup.verify", says, &named("volumes", &has.volumes));
            }
        }
        for name in overlay.secrets.keys().filter(|n| !has.secrets.contains(*n)) {
            let says = format!("no release needs a secret `{name}`");
            report.warn(&Setting::key_in("secrets", name), says, &named("secrets", &has.secrets));
        }
    }
    for tag in overlay.bases.iter().filter(|tag| !releases.all.iter().any(|r| r.tag == **tag)) {
        let known: BTreeSet<String> = releases.all.iter().take(5).map(|r| r.tag.clone()).collect();
        report.error("bases", format!("there is no release `{tag}`"), &named("the newest releases", &known));
    }
    for needed in overlay.needs.iter().filter(|name| !instance.recipes.contains_key(*name)) {
        let enrolled: BTreeSet<String> = instance.recipes.keys().map(RecipeName::to_string).collect();
        let says = format!("`{needed}` is not enrolled");
        report.error("needs", says, &named("enrolled recipes", &enrolled));
    }
    for (nth, waiver) in overlay.waivers.iter().enumerate() {
        if compose::lint::rule(&waiver.rule).is_none() {
            let says = format!("there is no lint rule `{}`", waiver.rule);
            report.error(&format!("waiver[{nth}].rule"), says, "`simmer lint --rules` lists them");
        }
    }
    report.findings.sort_by_key(|f| f.problem.line);
    report.findings
}

struct Report<'a> {
    file: &'a Path,
    settings: &'a [Setting],
    findings: Vec<Finding>,
}

impl Report<'_> {
    fn add(&mut self, severity: Severity, key: &str, says: String, remedy: &str) {
        let line = self.settings.iter().find(|s| s.key == key).map_or(0, |s| match s.from {
            Origin::File { line } => line,
            Origin::Default { .. } => 0,
        });
        let problem = ConfigProblem::at_key(self.file, key, says, remedy).on_line(line);
        self.findings.push(Finding { severity, problem });
    }

    fn error(&mut self, key: &str, says: String, remedy: &str) {
        self.add(Severity::Error, key, says, remedy);
    }

    fn warn(&mut self, key: &str, says: String, remedy: &str) {
        self.add(Severity::Warning, key, says, remedy);
    }
}

fn named(what: &str, names: &BTreeSet<String>) -> String {
    let names: Vec<_> = names.iter().map(|n| format!("`{n}`")).collect();
    if names.is_empty() { format!("there are no {what}") } else { format!("{what}: {}", names.join(", ")) }
}

fn read(overlay: &Overlay, releases: &Releases) -> Has {
    let mut has = Has::default();
    for tree in &releases.trees {
        // A release that does not read is lint's to judge.
        let Ok(read) = tree.read(overlay, &releases.domain, &releases.stack) else { continue };
        has.known = true;
        has.services.extend(read.loaded.model.services.keys().cloned());
        has.volumes.extend(read.loaded.model.volumes.keys().cloned());
        let raw = read.raw.as_ref().unwrap_or(&read.loaded);
        let needs = recipe::needed(&read.loaded, raw, &read.environment, &tree.sample, &releases.stack);
        has.secrets.extend(needs.into_iter().map(|need| need.key));
    }
    has
}

/// Every key that names a service, wherever it stands; what is asked to be absent may be.
fn services(report: &mut Report<'_>, has: &Has) {
    if !has.known {
        return;
    }
    let mut told_primary = false;
    for setting in report.settings {
        let absent_is_meant = setting.key.ends_with(".service.name")
            && report.settings.iter().any(|s| {
                s.key == setting.key.replace(".service.name", ".service.present")
                    && s.value == toml::Value::Boolean(false)
            });
        let names_one = setting.key.ends_with(".service") || setting.key.ends_with(".service.name");
        let toml::Value::String(name) = &setting.value else { continue };
        if has.services.contains(name) || absent_is_meant {
            continue;
        }
        match &setting.from {
            _ if setting.key == "primary_service" => {
                told_primary = true;
                let says = format!("no release has a service `{name}`");
                let remedy = format!("set `primary_service`; {}", named("services", &has.services));
                report.warn("primary_service", says, &remedy);
            }
            Origin::File { .. } if names_one => {
                let says = format!("no release has a service `{name}`");
                report.error(&setting.key, says, &named("services", &has.services));
            }
            Origin::Default { .. } if names_one && !told_primary => {
                let says = format!("it is left out, and no release has the primary service `{name}`");
                report.error(&setting.key, says, &named("services", &has.services));
            }
            Origin::File { .. } | Origin::Default { .. } => {}
        }
    }
}

fn ranges(report: &mut Report<'_>, releases: &Releases) {
    let head = Judged::Head { newest: releases.newest().map(|r| r.version.clone()) };
    for setting in report.settings.iter().filter(|s| s.key.ends_with(".applies_to")) {
        let toml::Value::String(text) = &setting.value else { continue };
        let Ok(range) = AppliesTo::parse(text) else { continue };
        let fits_one =
            releases.all.iter().any(|r| range.refuses(&Judged::Release(r.version.clone())).is_none());
        if fits_one || range == AppliesTo::Head {
            continue;
        }
        let newest = releases.newest().map_or_else(|| "none".to_owned(), |r| format!("`{}`", r.tag));
        let hint = format!("the newest release is {newest}");
        if range.refuses(&head).is_none() {
            let says = "it matches no release yet, only what is not released".to_owned();
            report.warn(&setting.key, says, &hint);
        } else {
            report.error(&setting.key, "it matches no release and will match none".to_owned(), &hint);
        }
    }
}

/// A variable that no file of any release mentions changes nothing.
fn variables(report: &mut Report<'_>, overlay: &Overlay, releases: &Releases) {
    // Set by us or by the convention, and read by tools around the recipe.
    const OURS: [&str; 4] = ["COMPOSE_FILE", "DOMAIN", "STACK_NAME", "TIMEOUT"];
    let own: Vec<String> =
        overlay.compose.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect();
    let texts = || releases.trees.iter().flat_map(|tree| tree.files.values()).chain(&own);
    let is_read = |name: &String| OURS.contains(&name.as_str()) || texts().any(|text| mentions(text, name));
    for name in overlay.env.keys().filter(|name| !is_read(name)) {
        let says = "no file of the recipe mentions it, so it changes nothing".to_owned();
        report.warn(&Setting::key_in("env", name), says, "check its spelling in `.env.sample`");
    }
}

fn mentions(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(name)
        .any(|(at, found)| !text[..at].ends_with(part) && !text[at + found.len()..].starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_mentioned_as_a_whole_word() {
        assert!(mentions("- A=${LOG_LEVEL:-info}", "LOG_LEVEL"));
        assert!(mentions("LOG_LEVEL=1", "LOG_LEVEL"));
        assert!(!mentions("MY_LOG_LEVEL=1", "LOG_LEVEL"));
        assert!(!mentions("LOG_LEVELS=1", "LOG_LEVEL"));
    }
}
