//! What a run has shown not to be the reason. Each line rests on events of the log; what nobody looked at is not ruled
//! out.

use domain::cause::Vantage;
use domain::event::Severity;
use domain::test::TestOutcome;
use domain::{Cause, Fault, Tier, Verdict};
use reports::{SnapshotDeed, span};

use super::{Case, foresaw};

/// Returns what is ruled out, a sentence each.
pub(super) fn of(case: &Case<'_>) -> Vec<String> {
    if matches!(case.cause, Cause::After { .. } | Cause::Interrupted | Cause::Ours { .. }) {
        return Vec::new();
    }
    let mut out = Vec::new();
    platform(case, &mut out);
    tiers_below(case, &mut out);
    base(case, &mut out);
    bases(case, &mut out);
    time(case, &mut out);
    reach(case, &mut out);
    backup(case, &mut out);
    tests(case, &mut out);
    files(case, &mut out);
    out
}

fn platform(case: &Case<'_>, out: &mut Vec<String>) {
    let view = case.dossier.view;
    // Lint asks no node.
    if case.cause.fault() == Fault::Platform || view.start.is_none() || case.tier == Tier::Lint {
        return;
    }
    out.push("the node: engine, swarm, disk and network passed their checks before the run began".into());
    let images: usize = case.sides().filter_map(|side| side.images.last()).map(|of| of.images.len()).sum();
    let pulls = case.sides().flat_map(|side| &side.stages).filter(|s| s.stage == "pull");
    let pulled = pulls.clone().count() > 0 && pulls.clone().all(|s| s.ended.as_ref().is_some_and(|e| e.ok));
    if images > 0 && pulled {
        let were = if images == 1 { "its image was" } else { "all its images were" };
        out.push(format!("the registry: {were} there before the clock started"));
    }
    if let Some(load) = view.load(case.tier).filter(|load| !load.is_busy()) {
        out.push(format!("the load of the node: {load}"));
    }
    let mut cleared = case.sides().filter_map(|side| side.cleared.as_ref());
    if cleared.clone().next().is_some() && cleared.all(|c| c.left.is_empty()) {
        out.push("the engine: it answered to the end, and the stack is gone without a trace".into());
    }
}

/// What stood before this tier.
fn tiers_below(case: &Case<'_>, out: &mut Vec<String>) {
    let passed = |tier: Tier| {
        case.dossier.view.tier(tier).is_some_and(|t| matches!(t.verdict, Some(Verdict::Passed { .. })))
    };
    match case.tier {
        Tier::Upgrade if is_about_a_version(case.cause) => {}
        Tier::Upgrade if passed(Tier::Install) => {
            out.push("the release by itself: on empty volumes it installs; so it is the way from the older one, or its data".into());
        }
        Tier::Backup | Tier::Restore | Tier::Custom if passed(Tier::Install) => {
            out.push("the start: the release comes up and serves".into());
        }
        Tier::Advance => {
            out.push("the release by itself: a cold run of it was green; so it is the data that aged, or the way to it".into());
        }
        Tier::Lint | Tier::Install | Tier::Upgrade | Tier::Backup | Tier::Restore | Tier::Custom => {}
    }
}

/// Whether the cause says itself which release or image it is about.
fn is_about_a_version(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::BaseBroken { .. } | Cause::WrongVersion { .. } | Cause::UpgradeChangesNothing { .. }
    )
}

/// The older release came up on the same stack.
fn base(case: &Case<'_>, out: &mut Vec<String>) {
    if case.tier != Tier::Upgrade || matches!(case.cause, Cause::BaseBroken { .. }) {
        return;
    }
    for side in case.sides() {
        let did = |name: &str| {
            side.stages.iter().any(|s| s.stage == name && s.ended.as_ref().is_some_and(|e| e.ok))
        };
        if let Some(base) = &side.base
            && did("settle base")
        {
            let asked = if did("probe base") { " and answered" } else { "" };
            out.push(format!("the older release: {base} came up{asked} on this very stack"));
        }
    }
}

/// Another base went well.
fn bases(case: &Case<'_>, out: &mut Vec<String>) {
    let Some(tier) = case.dossier.view.tier(case.tier) else { return };
    for other in tier.each.iter().filter(|e| e.base.as_deref() != case.base) {
        if let (Some(base), Verdict::Passed { .. }) = (&other.base, &other.verdict) {
            out.push(format!("the release from everywhere: from {base} the same tier passed"));
        }
    }
}

/// Waiting longer would not have helped, or could have.
fn time(case: &Case<'_>, out: &mut Vec<String>) {
    let seen = case.cause.seen();
    if let Cause::CrashLoop { .. } | Cause::RolledBack { .. } | Cause::Rejected { .. } = seen {
        let stages = case.sides().flat_map(|side| &side.stages);
        let mut broken =
            stages.filter(|s| s.tier == Some(case.tier)).filter_map(|s| s.ended.as_ref()).filter(|e| !e.ok);
        if let Some(end) = broken.next() {
            out.push(format!(
                "too little time: it was over after {}, long before a window ends",
                span(end.millis)
            ));
        }
    }
}

/// What a probe did reach.
fn reach(case: &Case<'_>, out: &mut Vec<String>) {
    let Cause::Probe { from, step, .. } = case.cause else { return };
    let probes: Vec<_> = case.sides().flat_map(|side| side.last_probes()).collect();
    let inside =
        probes.iter().any(|p| p.probed.from == Vantage::Inside && p.probed.ok && p.tier == Some(case.tier));
    if *from == Vantage::Outside && inside {
        out.push("the app: from inside it answers as it should; it is the way to it".into());
    }
    let before: Vec<String> = match (from, step) {
        (Vantage::Inside, _) => Vec::new(),
        (Vantage::Outside, step) => {
            use domain::cause::ProbeStep::{App, Dns, Http, Route, Tcp, Tls};
            [
                (Route, "a router takes the name"),
                (Dns, "the name resolves"),
                (Tcp, "the edge takes connections"),
                (Tls, "the certificate is good"),
                (Http, "HTTP is spoken"),
            ]
            .into_iter()
            .filter(|(earlier, _)| earlier < step && *step <= App)
            .map(|(_, says)| says.to_owned())
            .collect()
        }
    };
    if !before.is_empty() {
        out.push(format!("what comes before {step}: {}", before.join(", ")));
    }
    out.push("a crash: every service was settled when it was asked".into());
}

fn backup(case: &Case<'_>, out: &mut Vec<String>) {
    if case.tier != Tier::Restore {
        return;
    }
    for side in case.sides() {
        let hooks: Vec<_> = side.hooks.iter().collect();
        if !hooks.is_empty() && hooks.iter().all(|hook| hook.exit_code == Some(0)) {
            let n = hooks.len();
            let ended = if n == 1 { "its only hook" } else { "every hook" };
            out.push(format!("a hook that breaks: {ended} ended with 0"));
        }
        let files =
            |deed| side.snapshots.iter().filter(|s| s.deed == deed).map(|s| s.snapshot.files).sum::<u64>();
        let (made, back) = (files(SnapshotDeed::Made), files(SnapshotDeed::Restored));
        if made > 0 && back > 0 {
            out.push(format!("the repository: {made} files went in and {back} came back"));
        }
    }
}

/// Tests of the tier that did pass, and the same test in another tier.
fn tests(case: &Case<'_>, out: &mut Vec<String>) {
    let tests: Vec<_> =
        case.dossier.view.sides.iter().flat_map(|side| &side.tests).map(|t| &t.tested).collect();
    let passes = |t: &&&domain::test::Tested| matches!(t.outcome, TestOutcome::Passed);
    if let Cause::Test { test, .. } | Cause::TestBroken { test, .. } = case.cause {
        let elsewhere: Vec<_> = tests
            .iter()
            .filter(|t| t.name == *test && t.tier != case.tier)
            .filter(passes)
            .map(|t| t.tier.name())
            .collect();
        if !elsewhere.is_empty() {
            out.push(format!("the test itself: it passed in tier {}", elsewhere.join(", ")));
        }
    }
    let here: Vec<_> = tests
        .iter()
        .filter(|t| t.tier == case.tier)
        .filter(passes)
        .map(|t| format!("`{}`", t.name))
        .collect();
    if !here.is_empty() {
        let more = here.len().saturating_sub(4);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        out.push(format!(
            "what other tests ask: {} passed{more}",
            here.iter().take(4).cloned().collect::<Vec<_>>().join(", ")
        ));
    }
}

/// The recipe's files.
fn files(case: &Case<'_>, out: &mut Vec<String>) {
    let lint = case.dossier.view.tier(Tier::Lint).and_then(|t| t.verdict.as_ref());
    let errors = case.dossier.view.findings.iter().any(|f| f.severity == Severity::Error);
    let foreseen = !foresaw::found(case).is_empty();
    if case.tier != Tier::Lint && !errors && !foreseen && matches!(lint, Some(Verdict::Passed { .. })) {
        out.push("the files as written: lint found no error in them".into());
    }
}
