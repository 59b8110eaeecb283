//! Reads the lists of an overlay: data, tests, readiness, fingerprints, images, waivers, signatures.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use chrono::NaiveDate;
use domain::data::AfterBackup;
use domain::signature::Known;
use domain::{Fault, Tier};

use super::ask::{AppliesTo, CountSpec, DatumSpec, How, Ready, ReadySpec, TestSpec};
use super::asks::{self, Ground, Role, inside, is_marked};
use super::page::Section;
use crate::instance::problem::read_size;

/// What the app needs of a node, for admission.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weight {
    /// Bytes; nothing: learned from earlier runs.
    pub memory: Option<u64>,
    /// CPUs; nothing: learned from earlier runs.
    pub cpus: Option<f64>,
}

/// What the overlay asks of backups beside what every recipe has to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupWants {
    /// Whether one backup of each run is made while the app is being written to.
    pub while_writing: bool,
    /// What has to be in it and not empty, beside what the recipe's labels name: `<volume>` or `<volume>/<path>`.
    pub verify: Vec<VerifyPath>,
}

/// A path in a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyPath {
    /// As the compose file names it.
    pub volume: String,
    /// From the volume's root; empty for the whole volume.
    pub path: String,
}

/// An image that is built before a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSpec {
    /// With a tag.
    pub name: String,
    /// Folder whose files the build sees. Absolute or from where the program was started.
    pub context: PathBuf,
    /// From the context.
    pub dockerfile: String,
    pub args: std::collections::BTreeMap<String, String>,
}

/// A lint finding that somebody has accepted until a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaiverSpec {
    pub rule: String,
    pub reason: String,
    /// Last day on which it holds.
    pub until: NaiveDate,
    /// Only findings of this file of the recipe.
    pub at: Option<String>,
}

/// A log line that names a trouble of this app.
#[derive(Clone, Debug)]
pub struct SignatureSpec {
    pub pattern: regex::Regex,
    pub known: Known,
}

const MEMORY_HINT: &str = "write a number with `K`, `M` or `G`, such as \"512M\"";

pub(super) fn weight(at: Section<'_>) -> Weight {
    let memory = at
        .text("memory")
        .and_then(|text| read_size(&text).map_err(|says| at.wrong("memory", says, MEMORY_HINT)).ok());
    let cpus = at.amount("cpus").filter(|cpus| {
        let good = (0.01..=1024.0).contains(cpus);
        if !good {
            at.wrong("cpus", format!("{cpus} is out of range"), "give a number of CPUs from 0.01 to 1024");
        }
        good
    });
    at.finish();
    Weight { memory, cpus }
}

pub(super) fn backup(at: Section<'_>) -> BackupWants {
    let while_writing = at.flag_or(
        "while_writing",
        false,
        "one more backup in each run costs time; ask for it where it counts",
    );
    let mut verify = Vec::new();
    for text in at.texts("verify") {
        let (volume, path) = text.split_once('/').unwrap_or((&text, ""));
        if volume.is_empty() || path.split('/').any(|part| matches!(part, ".." | ".")) {
            at.wrong(
                "verify",
                format!("`{text}` is not a path in a volume"),
                "write the volume's name in the compose file and the path in it, such as \"data/dump.sql\"",
            );
        } else {
            verify
                .push(VerifyPath { volume: volume.to_owned(), path: path.trim_end_matches('/').to_owned() });
        }
    }
    at.finish();
    BackupWants { while_writing, verify }
}

pub(super) fn images(list: Vec<Section<'_>>, ground: Ground<'_>) -> Vec<ImageSpec> {
    let mut names = Names::default();
    list.into_iter().filter_map(|at| image(at, ground, &mut names)).collect()
}

fn image(at: Section<'_>, ground: Ground<'_>, names: &mut Names) -> Option<ImageSpec> {
    let name = names.take(&at, "name", "the image as the compose file names it, with a tag");
    if let Some(name) = &name
        && (!name.rsplit('/').next().is_some_and(|last| last.contains(':')) || name.contains([' ', '@']))
    {
        at.wrong("name", format!("`{name}` has no tag"), "write it as \"name:tag\"");
    }
    let context = at.needed_text("context", "a folder of the overlay").and_then(|path| {
        match inside(ground.folder, &path) {
            Ok(folder) if folder.is_dir() => Some(folder),
            Ok(_) => {
                at.wrong("context", format!("`{path}` is a file"), "name the folder that it is in");
                None
            }
            Err((says, hint)) => {
                at.wrong("context", says, hint);
                None
            }
        }
    });
    let dockerfile = at.text_or("dockerfile", "Dockerfile", "the builder's own default");
    if let Some(context) = &context
        && let Err((says, _)) = inside(context, &dockerfile)
    {
        at.wrong("dockerfile", says, "paths of Dockerfiles are meant from the context");
    }
    let args = at.map("args");
    at.finish();
    Some(ImageSpec { name: name?, context: context?, dockerfile, args })
}

pub(super) fn readiness(list: Vec<Section<'_>>, ground: Ground<'_>) -> Vec<ReadySpec> {
    let mut names = Names::default();
    list.into_iter().filter_map(|at| ready(at, ground, &mut names)).collect()
}

fn ready(at: Section<'_>, ground: Ground<'_>, names: &mut Names) -> Option<ReadySpec> {
    let name = names.take(&at, "name", "what it waits for, for people");
    let consecutive = at.number_or("times", 1..=1000, 1, "one good answer will do");
    let pause = at.duration_or("every", "2s", "a probe is a guest");
    let window = at.duration_or("window", "5m", "the app is settled and answers already");
    let how = if at.has("tcp") || at.has("log") {
        let both = at.has("tcp") && at.has("log") || at.has("http") || at.has("exec");
        if both {
            at.wrong("", "it waits for several things", "write one `[[readiness]]` for each");
        }
        let tcp = at.table("tcp");
        let port = tcp.is_there().then(|| {
            let service = tcp.text_or("service", ground.primary, "the primary service");
            tcp.needed_port("port").map(|port| Ready::Tcp { service, port })
        });
        tcp.finish();
        let log = at.table("log");
        let line = log.is_there().then(|| {
            let service = log.text_or("service", ground.primary, "the primary service");
            log.needed_text("contains", "the text of the line")
                .map(|contains| Ready::Log { service, contains })
        });
        log.finish();
        for key in ["http", "exec"] {
            at.skip(key);
        }
        port.flatten().or(line.flatten())
    } else {
        at.skip("tcp");
        at.skip("log");
        asks::read(&at, Role::Ready, ground).map(Ready::Ask)
    };
    at.finish();
    let consecutive = u32::try_from(consecutive).unwrap_or(1);
    Some(ReadySpec { name: name?, how: how?, consecutive, pause, window })
}

pub(super) fn data(list: Vec<Section<'_>>, ground: Ground<'_>) -> Vec<DatumSpec> {
    let mut names = Names::default();
    list.into_iter().filter_map(|at| datum(at, ground, &mut names)).collect()
}

fn datum(at: Section<'_>, ground: Ground<'_>, names: &mut Names) -> Option<DatumSpec> {
    let name = names.take(&at, "name", "what it is, for people, such as \"a record\"");
    let part = |key: &'static str, role: Role| {
        let table = at.table(key);
        let ask = if table.is_there() { asks::read(&table, role, ground) } else { None };
        table.finish();
        ask
    };
    let seed = part("seed", Role::Act);
    let check = part("check", Role::Check);
    let destroy = part("destroy", Role::Act);
    for (key, example) in [
        ("seed", "seed = { http = { method = \"PUT\", path = \"/…\", body = \"${MARKER}\" } }"),
        ("check", "check = { http = { path = \"/…\" }, contains = \"${MARKER}\" }"),
    ] {
        if !at.has(key) {
            at.wrong("", format!("it has no `{key}`"), &format!("add `{example}`"));
        }
    }
    let after_backup = at.word("after_backup", &[("gone", AfterBackup::Gone), ("kept", AfterBackup::Kept)]);
    if after_backup.is_some() {
        for (key, ask) in [("seed", &seed), ("check", &check)] {
            if ask.as_ref().is_some_and(|ask| !is_marked(ask)) {
                at.wrong(
                    "after_backup",
                    format!("`{key}` is the same before and after the backup, so that the two cannot be told apart"),
                    &format!("use `${{MARKER}}` in `{key}`"),
                );
            }
        }
    }
    let applies_to = applies_to(&at);
    at.finish();
    Some(DatumSpec { name: name?, seed: seed?, check: check?, destroy, after_backup, applies_to })
}

pub(super) fn tests(list: Vec<Section<'_>>, ground: Ground<'_>) -> Vec<TestSpec> {
    let mut names = Names::default();
    list.into_iter().filter_map(|at| test(at, ground, &mut names)).collect()
}

fn test(at: Section<'_>, ground: Ground<'_>, names: &mut Names) -> Option<TestSpec> {
    let name = match at.first_text("run") {
        Some(program) if !at.has("name") => {
            let name = at.text_or("name", program, "a program without a name is called by its file");
            names.once(&at, "name", name)
        }
        Some(_) | None => names.take(&at, "name", "what it shows, for people"),
    };
    let tiers = [
        ("custom", Tier::Custom),
        ("install", Tier::Install),
        ("upgrade", Tier::Upgrade),
        ("backup", Tier::Backup),
        ("restore", Tier::Restore),
    ];
    let tier = at.word_or_first("tier", &tiers, "functional tests run once, on what survived all else");
    let ask = asks::read(&at, Role::Test, ground);
    let applies_to = applies_to(&at);
    at.finish();
    Some(TestSpec { name: name?, tier, ask: ask?, applies_to })
}

pub(super) fn fingerprints(list: Vec<Section<'_>>, ground: Ground<'_>) -> Vec<CountSpec> {
    let mut names = Names::default();
    list.into_iter().filter_map(|at| fingerprint(at, ground, &mut names)).collect()
}

fn fingerprint(at: Section<'_>, ground: Ground<'_>, names: &mut Names) -> Option<CountSpec> {
    let name = names.take(&at, "name", "what is counted, such as \"users\"");
    let ask = asks::read(&at, Role::Count, ground);
    let pointer = at.text("pointer");
    if let Some(pointer) = pointer.as_ref().filter(|p| !p.starts_with('/')) {
        at.wrong(
            "pointer",
            format!("`{pointer}` is not a JSON pointer"),
            "write it as \"/total\" (RFC 6901)",
        );
    }
    if matches!(&ask, Some(ask) if matches!(ask.how, How::Program { .. })) && at.has("speaks") {
        at.wrong("speaks", "a program that counts prints a number", "remove it");
    }
    let may_shrink = at.flag_or("may_shrink", false, "fewer after than before is a loss of data");
    at.finish();
    Some(CountSpec { name: name?, ask: ask?, pointer, may_shrink })
}

pub(super) fn waivers(list: Vec<Section<'_>>) -> Vec<WaiverSpec> {
    list.into_iter()
        .filter_map(|at| {
            let rule = at.needed_text("rule", "the rule's id, such as \"R011\"");
            let reason = at.needed_text("reason", "why it is accepted");
            if !at.has("until") {
                at.wrong(
                    "",
                    "a waiver without an end is forgotten",
                    "add `until = 2027-01-31` or another day",
                );
            }
            let until = at.day("until");
            let file = at.text("at");
            at.finish();
            Some(WaiverSpec { rule: rule?, reason: reason?, until: until?, at: file })
        })
        .collect()
}

pub(super) fn signatures(list: Vec<Section<'_>>) -> Vec<SignatureSpec> {
    let mut names = Names::default();
    list.into_iter().filter_map(|at| signature(at, &mut names)).collect()
}

fn signature(at: Section<'_>, names: &mut Names) -> Option<SignatureSpec> {
    let name = names.take(&at, "name", "a stable word, such as \"migration_locked\"");
    let odd = |c: char| !matches!(c, 'a'..='z' | '0'..='9' | '_');
    if let Some(name) = name.as_ref().filter(|n| n.contains(odd)) {
        at.wrong("name", format!("`{name}` is no word for counting"), "use small letters, digits and `_`");
    }
    let pattern = at.needed_text("pattern", "a regular expression over one line").and_then(|text| {
        let made = regex::RegexBuilder::new(&text).size_limit(1 << 20).build();
        made.map_err(|error| {
            // The crate paints the pattern first; the reason comes last.
            let told = error.to_string();
            let why = told.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
            at.wrong(
                "pattern",
                format!("it is no regular expression: {why}"),
                "write it in single quotation marks, and escape `.`, `(` and `[`",
            );
        })
        .ok()
    });
    if pattern.as_ref().is_some_and(|p| p.is_match("")) {
        at.wrong("pattern", "it matches every line", "name the words of the line");
    }
    let faults = [
        ("recipe", Fault::Recipe),
        ("overlay", Fault::Overlay),
        ("platform", Fault::Platform),
        ("runner", Fault::Runner),
    ];
    let fault = at.word_or_first("fault", &faults, "a line of the app's own log speaks of the app");
    let says = at.needed_text("says", "what it is, in one sentence");
    let remedy = at.needed_text("remedy", "what to try");
    at.finish();
    Some(SignatureSpec {
        pattern: pattern?,
        known: Known { name: name?, fault, says: says?, remedy: remedy? },
    })
}

fn applies_to(at: &Section<'_>) -> Option<AppliesTo> {
    let text = at.text("applies_to")?;
    AppliesTo::parse(&text).map_err(|says| at.wrong("applies_to", says, "")).ok()
}

/// Names by which reports tell things apart: none twice.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    pub(super) fn take(&mut self, at: &Section<'_>, key: &'static str, what: &str) -> Option<String> {
        let name = at.needed_text(key, what)?;
        self.once(at, key, name)
    }

    fn once(&mut self, at: &Section<'_>, key: &'static str, name: String) -> Option<String> {
        if !self.0.insert(name.clone()) {
            at.wrong(key, format!("there is another one named `{name}`"), "reports tell them apart by name");
        }
        Some(name)
    }
}

/// A window of no length would end before the first try.
pub(super) fn window(at: &Section<'_>, why: &str) -> Duration {
    at.duration_or("window", "10m", why)
}
