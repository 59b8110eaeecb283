//! What speaks for a cause, with the place where it can be looked up.

use domain::cause::{ProbeStep, Vantage};
use domain::data::Deed;
use domain::event::Severity;
use domain::load::Load;
use domain::test::{TestOutcome, Tested};
use domain::{Cause, Tier};
use reports::{SideView, SnapshotDeed, plain, span};
use serde::Serialize;

use super::{Case, foresaw};

/// Log lines that are shown of a cause; the rest stands in the file that is named.
const LINES: usize = 6;
/// Longest piece of evidence, in characters.
const WIDTH: usize = 400;

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    pub kind: Exhibit,
    pub says: String,
    /// File and line: of a kept log in the run's folder, or of the recipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// What kind of evidence it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Exhibit {
    Stage,
    Exit,
    Log,
    Probe,
    Test,
    Data,
    Counts,
    Hook,
    Snapshot,
    Image,
    Label,
    Release,
    Lint,
    Load,
}

impl Exhibit {
    /// Returns the word in front of it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Exit => "exit",
            Self::Log => "log",
            Self::Probe => "probe",
            Self::Test => "test",
            Self::Data => "data",
            Self::Counts => "counts",
            Self::Hook => "hook",
            Self::Snapshot => "snapshot",
            Self::Image => "image",
            Self::Label => "label",
            Self::Release => "release",
            Self::Lint => "lint",
            Self::Load => "load",
        }
    }
}

fn exhibit(kind: Exhibit, says: impl AsRef<str>) -> Evidence {
    Evidence { kind, says: line(says.as_ref()), place: None }
}

fn line(text: &str) -> String {
    let words = plain(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= WIDTH {
        return words;
    }
    words.chars().take(WIDTH - 1).chain(['…']).collect()
}

/// Returns the line that names the trouble, with where it stands in a kept log.
pub(super) fn quoted(case: &Case<'_>) -> Option<Evidence> {
    let Cause::Named { line: said, service, .. } = case.cause else { return None };
    Some(Evidence { kind: Exhibit::Log, says: line(said), place: place(case, service, said) })
}

/// Collects everything that speaks for the cause.
pub(super) fn of(case: &Case<'_>) -> Vec<Evidence> {
    let mut all = stage(case);
    beneath(case, case.cause, &mut all);
    if let Some(load) = case.dossier.view.load(case.tier).filter(Load::is_busy) {
        all.push(exhibit(Exhibit::Load, format!("the node was busy then: {load}")));
    }
    all.extend(foresaw::found(case).into_iter().map(|finding| {
        let how = match finding.severity {
            Severity::Error => "refused",
            Severity::Warning => "warned of",
            Severity::Info => "told of",
        };
        let mut found = exhibit(Exhibit::Lint, format!("{} {how} it: {}", finding.rule, finding.says));
        found.place = Some(foresaw::place(finding));
        found
    }));
    all
}

/// A full match, so that a new cause brings what proves it.
fn beneath(case: &Case<'_>, cause: &Cause, all: &mut Vec<Evidence>) {
    match cause {
        Cause::Named { beneath: seen, .. } => beneath(case, seen, all),
        Cause::CrashLoop { exit_code, oom, .. } => {
            if *oom {
                all.push(exhibit(Exhibit::Exit, "the kernel killed it for its memory"));
            } else if let Some(means) = exit_code.and_then(exit_means) {
                all.push(exhibit(Exhibit::Exit, format!("code {}: {means}", exit_code.unwrap_or_default())));
            }
            lines(case, cause, all);
        }
        Cause::Unhealthy { .. }
        | Cause::LostAfterSettled { .. }
        | Cause::RolledBack { .. }
        | Cause::MixedStack { .. }
        | Cause::UpdatePaused { .. }
        | Cause::NotSettled { .. }
        | Cause::Rejected { .. } => lines(case, cause, all),
        Cause::Probe { .. } => probes(case, all),
        Cause::WrongVersion { .. } | Cause::UpgradeChangesNothing { .. } => {
            images(case, all);
            labels(case, all);
        }
        Cause::Hook { .. } => {
            hooks(case, all);
            lines(case, cause, all);
        }
        Cause::BackupEmpty { .. } | Cause::BackupBroken { .. } | Cause::Repository { .. } => {
            hooks(case, all);
            snapshots(case, all);
        }
        Cause::NotRestored { .. }
        | Cause::AfterBackup { .. }
        | Cause::DataLost { .. }
        | Cause::Seed { .. } => {
            data(case, all);
            tests(case, None, all);
            hooks(case, all);
            snapshots(case, all);
        }
        Cause::Test { test, .. } | Cause::TestBroken { test, .. } => {
            tests(case, Some(test), all);
            lines(case, cause, all);
            for says in case.dossier.searched.get(test).into_iter().flatten() {
                all.push(exhibit(Exhibit::Release, says));
            }
        }
        Cause::Lint { .. } | Cause::BadRecipe { .. } => {
            let errors = case.dossier.view.findings.iter().filter(|f| f.severity == Severity::Error);
            for finding in errors.take(LINES) {
                let mut found = exhibit(Exhibit::Lint, format!("{} {}", finding.rule, finding.says));
                found.place = Some(foresaw::place(finding));
                all.push(found);
            }
        }
        Cause::ImageMissing { .. } | Cause::ImagePull { .. } => images(case, all),
        Cause::SecretMissing { .. }
        | Cause::ForeignChange { .. }
        | Cause::BaseBroken { .. }
        | Cause::NoReturn { .. }
        | Cause::Timeout { .. }
        | Cause::Engine { .. }
        | Cause::Generation { .. }
        | Cause::Registry { .. }
        | Cause::Node { .. }
        | Cause::Ours { .. }
        | Cause::Interrupted
        | Cause::After { .. } => {}
    }
}

/// The stage that broke, and how long it had lasted.
fn stage(case: &Case<'_>) -> Vec<Evidence> {
    let broke = case
        .sides()
        .flat_map(|side| side.stages.iter().map(move |stage| (side, stage)))
        .find(|(_, stage)| stage.tier == Some(case.tier) && stage.ended.as_ref().is_some_and(|end| !end.ok));
    let Some((side, stage)) = broke else { return Vec::new() };
    let millis = stage.ended.as_ref().map_or(0, |end| end.millis);
    let from = side.base.as_ref().map_or_else(String::new, |base| format!(", from {base}"));
    vec![exhibit(
        Exhibit::Stage,
        format!("`{}` on stack {}{from}, broken after {}", stage.stage, side.label(), span(millis)),
    )]
}

/// What an exit code means, where it means one thing.
fn exit_means(code: i64) -> Option<&'static str> {
    match code {
        0 => Some("it believes that it was done"),
        126 => Some("the command cannot be executed"),
        127 => Some("there is no such command"),
        134 => Some("it aborted"),
        137 => Some("it was killed"),
        139 => Some("it crashed (segmentation fault)"),
        143 => Some("it was asked to stop"),
        _ => None,
    }
}

/// The last lines of the cause, with where they stand.
fn lines(case: &Case<'_>, cause: &Cause, all: &mut Vec<Evidence>) {
    let lines = cause.last_lines();
    let quoted = quoted(case).map(|quoted| quoted.says);
    for said in lines.iter().skip(lines.len().saturating_sub(LINES)) {
        // What is quoted on top is not said again.
        if said.trim().is_empty() || Some(line(said)) == quoted {
            continue;
        }
        let place = place(case, cause.service().unwrap_or(""), said);
        all.push(Evidence { kind: Exhibit::Log, says: line(said), place });
    }
}

/// Finds a line in the kept texts of the tier's stacks, from the end backwards: a whole line, else one that holds it.
fn place(case: &Case<'_>, service: &str, said: &str) -> Option<String> {
    let wanted = plain(said);
    // Lines of several services carry the service's name in front.
    let wanted = wanted.trim();
    let short = wanted.trim_end_matches('…').trim_end();
    if short.is_empty() {
        return None;
    }
    let files: Vec<&str> = case.sides().flat_map(|side| files(side, case.tier, service)).collect();
    let texts: Vec<_> =
        files.iter().filter_map(|file| Some((*file, case.dossier.kept.get(*file)?))).collect();
    let find = |is: &dyn Fn(&str) -> bool| {
        texts.iter().find_map(|(file, text)| {
            let lines: Vec<&str> = text.lines().collect();
            let at = lines.iter().rposition(|said| is(plain(said).trim()))?;
            Some(format!("{file}:{}", at + 1))
        })
    };
    find(&|line| line == wanted).or_else(|| find(&|line| line.contains(short))).or_else(|| {
        let (head, rest) = short.split_once(": ")?;
        (!head.contains(' ')).then(|| find(&|line| line == rest)).flatten()
    })
}

/// Files of a stack in which the service, or a test or hook of the tier, speaks.
fn files<'a>(side: &'a SideView, tier: Tier, service: &str) -> Vec<&'a str> {
    let of_service =
        |kept: &str| service.is_empty() || kept == service || kept.ends_with(&format!("_{service}"));
    let logs = side.logs.iter().filter(|log| of_service(&log.service)).map(|log| log.file.as_str());
    let tests = side.tests.iter().filter(|t| t.tested.tier == tier).filter_map(|t| t.tested.file.as_deref());
    let hooks = side.hooks.iter().filter_map(|hook| hook.file.as_deref());
    tests.chain(hooks).chain(logs).filter(|file| reports::is_inside(file)).collect()
}

/// How far each probe came, in both ways of looking (CC-123, CC-124).
fn probes(case: &Case<'_>, all: &mut Vec<Evidence>) {
    for side in case.sides() {
        let probes = side.last_probes();
        for probe in probes.iter().filter(|p| p.tier.is_none_or(|tier| tier == case.tier)) {
            let probed = &probe.probed;
            let ladder = ladder(probed.from, &probed.url, probed.step, probed.ok);
            all.push(exhibit(
                Exhibit::Probe,
                format!(
                    "{} {}: {ladder}; {} ({} tries, {})",
                    probed.from,
                    probed.url,
                    probed.says,
                    probed.tries,
                    span(probed.millis)
                ),
            ));
        }
    }
}

/// The steps of a probe: which held, which broke, which was never tried.
fn ladder(from: Vantage, url: &str, reached: ProbeStep, ok: bool) -> String {
    const ALL: [ProbeStep; 6] =
        [ProbeStep::Route, ProbeStep::Dns, ProbeStep::Tcp, ProbeStep::Tls, ProbeStep::Http, ProbeStep::App];
    let has = |step: ProbeStep| match step {
        ProbeStep::Route | ProbeStep::Dns => from == Vantage::Outside,
        ProbeStep::Tcp | ProbeStep::App => true,
        ProbeStep::Tls => url.starts_with("https:") || url.starts_with("tls:"),
        ProbeStep::Http => url.starts_with("http"),
    };
    let steps = ALL.into_iter().filter(|step| *step == reached || has(*step)).map(|step| {
        let mark = match step.cmp(&reached) {
            std::cmp::Ordering::Less => "ok",
            std::cmp::Ordering::Equal if ok => "ok",
            std::cmp::Ordering::Equal => "FAILED",
            std::cmp::Ordering::Greater => "not tried",
        };
        format!("{step} {mark}")
    });
    steps.collect::<Vec<_>>().join(", ")
}

fn tests(case: &Case<'_>, only: Option<&str>, all: &mut Vec<Evidence>) {
    let tests = case.sides().flat_map(|side| &side.tests).map(|t| &t.tested);
    for test in tests.filter(|t| t.tier == case.tier && only.is_none_or(|name| name == t.name)) {
        if let Some(mut found) = failed(&test.name, &test.outcome, test) {
            found.place = test.file.clone();
            all.push(found);
        }
        for case in &test.cases {
            all.extend(failed(&format!("{} / {}", test.name, case.name), &case.outcome, test));
        }
    }
}

fn failed(name: &str, outcome: &TestOutcome, of: &Tested) -> Option<Evidence> {
    let (word, says) = match outcome {
        TestOutcome::Passed | TestOutcome::Skipped { .. } => return None,
        TestOutcome::Failed { says } => ("failed", says),
        TestOutcome::Broken { says } => ("could not be judged", says),
    };
    let millis = span(of.millis);
    Some(exhibit(
        Exhibit::Test,
        format!("{} test `{name}` ({}) {word} after {millis}: {says}", of.source, of.kind),
    ))
}

/// What was planted, destroyed and read back, in order.
fn data(case: &Case<'_>, all: &mut Vec<Evidence>) {
    for side in case.sides() {
        for datum in &side.data {
            let did = match (datum.deed, datum.ok) {
                (Deed::Seeded, true) => "planted",
                (Deed::Seeded, false) => "could not be planted",
                (Deed::Checked, true) => "read back, and the same",
                (Deed::Checked, false) => "read back, and NOT the same",
                (Deed::Destroyed, true) => "destroyed, and seen to be gone",
                (Deed::Destroyed, false) => "could not be destroyed",
            };
            let says = if datum.says.is_empty() { String::new() } else { format!(": {}", datum.says) };
            all.push(exhibit(
                Exhibit::Data,
                format!("{}: {} `{}` {did}{says}", datum.stage, datum.source, datum.name),
            ));
        }
        let counts: Vec<_> = side
            .counts
            .iter()
            .map(|counted| {
                let each: Vec<_> = counted.counts.iter().map(|(name, n)| format!("{name} {n}")).collect();
                format!("{}: {}", counted.stage, each.join(", "))
            })
            .collect();
        if counts.len() > 1 {
            all.push(exhibit(Exhibit::Counts, counts.join(" → ")));
        }
    }
}

fn hooks(case: &Case<'_>, all: &mut Vec<Evidence>) {
    for hook in case.sides().flat_map(|side| &side.hooks) {
        let code = match hook.exit_code {
            None => "did not end".to_owned(),
            Some(0) => "well".to_owned(),
            Some(code) => {
                let means = exit_means(code).map_or_else(String::new, |means| format!(" ({means})"));
                format!("code {code}{means}")
            }
        };
        let tries = if hook.tries > 1 { format!(", {} tries", hook.tries) } else { String::new() };
        let mut found = exhibit(
            Exhibit::Hook,
            format!("{} of `{}`: {code}{tries}: {}", hook.moment, hook.service, hook.command),
        );
        found.place = hook.file.clone();
        all.push(found);
    }
}

fn snapshots(case: &Case<'_>, all: &mut Vec<Evidence>) {
    for told in case.sides().flat_map(|side| &side.snapshots) {
        let deed = match told.deed {
            SnapshotDeed::Made => "made",
            SnapshotDeed::Restored => "put back",
        };
        let snapshot = &told.snapshot;
        all.push(exhibit(
            Exhibit::Snapshot,
            format!(
                "{} {deed}: {} files, {} of {}",
                snapshot.id.get(..8).unwrap_or(&snapshot.id),
                snapshot.files,
                reports::bytes(snapshot.bytes),
                snapshot.paths.join(", ")
            ),
        ));
    }
}

/// The images of both releases: which changed.
fn images(case: &Case<'_>, all: &mut Vec<Evidence>) {
    for side in case.sides() {
        let [base, target] = side.images.as_slice() else { continue };
        for (service, after) in &target.images {
            let says = match base.images.get(service) {
                Some(before) if before == after => format!("`{service}` is the same in both: {after}"),
                Some(before) => format!("`{service}`: {before} → {after}"),
                None => format!("`{service}` is new: {after}"),
            };
            all.push(exhibit(Exhibit::Image, says));
        }
    }
}

fn labels(case: &Case<'_>, all: &mut Vec<Evidence>) {
    let diffs = case.dossier.labels.iter().filter(|(base, _)| case.base.is_none_or(|of| of == base.as_str()));
    for (base, diff) in diffs {
        let changes = diff.lines();
        if changes.is_empty() {
            all.push(exhibit(Exhibit::Label, format!("no label differs between {base} and this release")));
        }
        all.extend(changes.into_iter().take(LINES).map(|change| exhibit(Exhibit::Label, change)));
    }
}
