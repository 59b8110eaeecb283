//! A run for machines: `outcome.json`, versioned. `outcome.schema.json` says what is promised.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use domain::canonical::Fingerprint;
use domain::data::{Counts, DataState, Datum, HookRun, Snapshot};
use domain::event::{Context, Deviation, Finding, Probed, Whose};
use domain::names::Side;
use domain::test::Tested;
use domain::verdict::{Depth, Skip};
use domain::{Cause, Tier, Verdict};
use serde::Serialize;

use crate::side::{ImagesOf, SideView, SnapshotDeed, StageView};
use crate::tally::Tally;
use crate::view::{BaseVerdict, End, PromotionView, RunView, TierView, fault_of};
use crate::wall::Wall;

/// The version of the outcome format.
pub const FORMAT: u32 = 1;

/// The JSON schema of the format (draft 2020-12).
pub const SCHEMA: &str = include_str!("../outcome.schema.json");

/// Returns the run as JSON, indented, with a newline at its end.
pub fn outcome_json(run: &RunView) -> String {
    let mut text = serde_json::to_string_pretty(&outcome(run)).expect("it holds only what JSON can say");
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Outcome<'a> {
    format: u32,
    run: Option<&'a str>,
    recipe: Option<&'a str>,
    at: Option<&'a str>,
    commit: Option<&'a str>,
    released: Option<bool>,
    context: Option<Context>,
    bases: &'a [String],
    harness: Option<&'a str>,
    engine: Option<&'a str>,
    started: Option<String>,
    ended: Option<String>,
    millis: u64,
    /// None: the run did not end.
    overhead: Option<OverheadOut>,
    state: &'static str,
    level: Option<u8>,
    tests: Tally,
    tiers: Vec<TierOut<'a>>,
    sides: Vec<SideOut<'a>>,
    findings: &'a [Finding],
    warnings: Vec<&'a str>,
    left: Vec<&'a str>,
    trouble: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    promotion: Option<PromotionOut<'a>>,
}

#[derive(Serialize)]
struct PromotionOut<'a> {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<StandOut<'a>>,
    to: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cold: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    born: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advances: Option<u32>,
    planted: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<PrintOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<PrintOut<'a>>,
}

#[derive(Serialize)]
struct StandOut<'a> {
    release: &'a str,
    generation: u32,
}

#[derive(Serialize)]
struct PrintOut<'a> {
    files: u64,
    bytes: u64,
    counts: &'a Counts,
}

#[derive(Serialize)]
struct OverheadOut {
    #[serde(flatten)]
    wall: Wall,
    /// `ours_millis` of the whole, in tenths of a percent, rounded up.
    ours_per_mille: u64,
}

#[derive(Serialize)]
struct TierOut<'a> {
    tier: Tier,
    #[serde(flatten)]
    verdict: VerdictOut<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_state: Option<DataState>,
    tests: Tally,
    app_millis: u64,
    our_millis: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bases: Vec<BaseOut<'a>>,
}

#[derive(Serialize)]
struct BaseOut<'a> {
    base: Option<&'a str>,
    #[serde(flatten)]
    verdict: VerdictOut<'a>,
}

#[derive(Serialize)]
struct VerdictOut<'a> {
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    depth: Option<Depth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<SkipOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<CauseOut<'a>>,
}

#[derive(Serialize)]
struct SkipOut {
    reason: &'static str,
    says: String,
}

#[derive(Serialize)]
struct CauseOut<'a> {
    name: &'a str,
    fault: String,
    says: String,
    advice: &'a str,
    service: Option<&'a str>,
    /// The log line that names the trouble.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'a str>,
    /// What was seen first; the line says why.
    #[serde(skip_serializing_if = "Option::is_none")]
    beneath: Option<Box<Self>>,
    last_lines: &'a [String],
}

#[derive(Serialize)]
struct SideOut<'a> {
    side: Side,
    nth: usize,
    tier: Option<Tier>,
    stack: &'a str,
    domain: &'a str,
    base: Option<&'a str>,
    app_millis: u64,
    our_millis: u64,
    stages: Vec<StageOut<'a>>,
    probes: Vec<ProbeOut<'a>>,
    tests: Vec<TestOut<'a>>,
    data: &'a [Datum],
    counts: Vec<CountsOut<'a>>,
    hooks: &'a [HookRun],
    snapshots: Vec<SnapshotOut<'a>>,
    deviations: &'a [Deviation],
    images: Vec<ImagesOut<'a>>,
    logs: Vec<LogOut<'a>>,
    /// None: not cleared, as far as the log reaches.
    left: Option<&'a [String]>,
}

#[derive(Serialize)]
struct StageOut<'a> {
    stage: &'a str,
    tier: Option<Tier>,
    from_millis: u64,
    millis: Option<u64>,
    whose: Option<Whose>,
    ok: Option<bool>,
    detail: Option<&'a str>,
    facts: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct ProbeOut<'a> {
    stage: Option<&'a str>,
    tier: Option<Tier>,
    #[serde(flatten)]
    probed: &'a Probed,
}

#[derive(Serialize)]
struct TestOut<'a> {
    stage: Option<&'a str>,
    #[serde(flatten)]
    tested: &'a Tested,
}

#[derive(Serialize)]
struct CountsOut<'a> {
    stage: &'a str,
    counts: &'a Counts,
}

#[derive(Serialize)]
struct SnapshotOut<'a> {
    deed: &'static str,
    #[serde(flatten)]
    snapshot: &'a Snapshot,
}

#[derive(Serialize)]
struct ImagesOut<'a> {
    release: &'a str,
    images: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct LogOut<'a> {
    service: &'a str,
    file: &'a str,
    lines: u64,
    cut: bool,
}

fn outcome(run: &RunView) -> Outcome<'_> {
    let start = run.start.as_ref();
    Outcome {
        format: FORMAT,
        run: run.run.as_ref().map(|id| id.as_str()),
        recipe: start.map(|s| s.subject.recipe.as_str()),
        at: start.map(|s| s.subject.at.as_str()),
        commit: start.map(|s| s.subject.commit.as_str()),
        released: start.map(|s| s.subject.released),
        context: start.map(|s| s.context),
        bases: start.map(|s| s.bases.as_slice()).unwrap_or_default(),
        harness: start.map(|s| s.harness.as_str()),
        engine: start.map(|s| s.engine.as_str()),
        started: start.map(|s| time(s.at)),
        ended: match &run.end {
            End::Ended { at, .. } => Some(time(*at)),
            End::Open { .. } => None,
        },
        millis: run.millis(),
        overhead: run.wall().map(|wall| OverheadOut { wall, ours_per_mille: wall.ours_per_mille() }),
        state: run.state().name(),
        level: run.level(),
        tests: run.tally(None),
        tiers: run.tiers.iter().map(|t| tier(run, t)).collect(),
        sides: run.sides.iter().map(side).collect(),
        findings: &run.findings,
        warnings: run.warnings.iter().map(|w| w.says.as_str()).collect(),
        left: run.left(),
        trouble: run.trouble.sentences(),
        promotion: run.promotion.as_ref().map(|view| promotion(run, view)),
    }
}

fn promotion<'a>(run: &RunView, view: &'a PromotionView) -> PromotionOut<'a> {
    let (born, advances) = view.age();
    let print = |print: &'a Fingerprint| {
        let (files, bytes) = print.totals();
        PrintOut { files, bytes, counts: &print.counts }
    };
    PromotionOut {
        state: view.state(run).name(),
        from: view.from.as_ref().map(|(release, at)| StandOut { release, generation: at.0 }),
        to: view.to.0,
        cold: view.cold.as_ref().map(|run| run.as_str()),
        born: born.map(time),
        advances,
        planted: view.stood.as_ref().map(|stood| stood.planted.as_slice()).unwrap_or_default(),
        before: view.stood.as_ref().map(|stood| print(&stood.fingerprint)),
        after: view.fingerprint.as_ref().map(print),
    }
}

fn tier<'a>(run: &RunView, tier: &'a TierView) -> TierOut<'a> {
    let bases = |each: &'a [BaseVerdict]| {
        each.iter().map(|b| BaseOut { base: b.base.as_deref(), verdict: verdict(Some(&b.verdict)) }).collect()
    };
    TierOut {
        tier: tier.tier,
        verdict: verdict(tier.verdict.as_ref()),
        data_state: tier.data,
        tests: run.tally(Some(tier.tier)),
        app_millis: run.tier_millis(tier.tier, Whose::App),
        our_millis: run.tier_millis(tier.tier, Whose::Ours),
        // One judgement is the tier's own, unless it names its base.
        bases: match tier.each.as_slice() {
            [only] if only.base.is_none() => Vec::new(),
            each => bases(each),
        },
    }
}

fn verdict(verdict: Option<&Verdict>) -> VerdictOut<'_> {
    let out = |verdict| VerdictOut { verdict, depth: None, skipped: None, cause: None };
    match verdict {
        None => out("none"),
        Some(Verdict::Passed { depth }) => VerdictOut { depth: Some(*depth), ..out("passed") },
        Some(Verdict::Skipped { why }) => {
            let reason = match why {
                Skip::NoOlderRelease => "no_older_release",
                Skip::NotAsked => "not_asked",
                Skip::NoBackupLabel => "no_backup_label",
                Skip::NoTests => "no_tests",
                Skip::ExpectedNa { .. } => "expected_na",
            };
            VerdictOut { skipped: Some(SkipOut { reason, says: why.to_string() }), ..out("skipped") }
        }
        Some(Verdict::Failed { why }) => VerdictOut { cause: Some(cause(why)), ..out("failed") },
        Some(Verdict::Unverified { why }) => VerdictOut { cause: Some(cause(why)), ..out("unverified") },
    }
}

fn cause(cause: &Cause) -> CauseOut<'_> {
    CauseOut {
        name: cause.name(),
        fault: fault_of(cause).replace(' ', "_"),
        says: cause.to_string(),
        advice: crate::advice(cause),
        service: cause.service(),
        line: if let Cause::Named { line, .. } = cause { Some(line) } else { None },
        beneath: if let Cause::Named { beneath, .. } = cause {
            Some(Box::new(self::cause(beneath)))
        } else {
            None
        },
        last_lines: cause.last_lines(),
    }
}

fn side(side: &SideView) -> SideOut<'_> {
    SideOut {
        side: side.side,
        nth: side.nth,
        tier: side.tier,
        stack: &side.stack,
        domain: &side.domain,
        base: side.base.as_deref(),
        app_millis: side.millis(Whose::App),
        our_millis: side.millis(Whose::Ours),
        stages: side.stages.iter().map(stage).collect(),
        probes: side
            .probes
            .iter()
            .map(|p| ProbeOut { stage: p.stage.as_deref(), tier: p.tier, probed: &p.probed })
            .collect(),
        tests: side.tests.iter().map(|t| TestOut { stage: t.stage.as_deref(), tested: &t.tested }).collect(),
        data: &side.data,
        counts: side.counts.iter().map(|c| CountsOut { stage: &c.stage, counts: &c.counts }).collect(),
        hooks: &side.hooks,
        snapshots: side
            .snapshots
            .iter()
            .map(|s| SnapshotOut {
                deed: match s.deed {
                    SnapshotDeed::Made => "made",
                    SnapshotDeed::Restored => "restored",
                },
                snapshot: &s.snapshot,
            })
            .collect(),
        deviations: &side.deviations,
        images: side
            .images
            .iter()
            .map(|ImagesOf { release, images }| ImagesOut { release, images })
            .collect(),
        logs: side
            .logs
            .iter()
            .map(|l| LogOut { service: &l.service, file: &l.file, lines: l.lines, cut: l.cut })
            .collect(),
        left: side.cleared.as_ref().map(|c| c.left.as_slice()),
    }
}

fn stage(stage: &StageView) -> StageOut<'_> {
    let ended = stage.ended.as_ref();
    StageOut {
        stage: &stage.stage,
        tier: stage.tier,
        from_millis: stage.from_millis,
        millis: ended.map(|e| e.millis),
        whose: ended.map(|e| e.whose),
        ok: ended.map(|e| e.ok),
        detail: ended.map(|e| e.detail.as_str()),
        facts: ended
            .map(|e| e.facts.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect())
            .unwrap_or_default(),
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
