//! What the page of one run shows, as text and shapes.

use domain::{Cause, Tier, Verdict};
use serde::Serialize;

use super::cause::{Card, Rundle, card, ladder};
use super::kept::{LogText, ServiceImages, images, log_texts};
use super::manifest::{Setting, settings};
use super::promotion::{Promotion, promotion};
use super::proof::{
    CountTable, DataTable, HookRow, SnapshotRow, TestGroup, counts, data, hooks, snapshots, tests,
};
use super::timeline::{Timeline, timeline};
use super::{Logs, MANIFEST, shape, state_shape, word};
use crate::side::{ProbeView, Share, SideView};
use crate::table::last_stage;
use crate::text::span;
use crate::view::{End, RunView, State, severity, short, vantage};
use crate::whose;

#[derive(Serialize)]
pub(super) struct Page<'a> {
    title: String,
    shape: &'static str,
    recipe: &'a str,
    rev: &'a str,
    headline: String,
    turn: &'static str,
    level: Option<u8>,
    /// The highest level that a run of this kind can reach.
    top: u8,
    rungs: Vec<Rung>,
    /// Says where an unfinished log stops.
    open: Option<String>,
    lead: Option<Card>,
    others: Vec<Card>,
    left: Vec<&'a str>,
    promotion: Option<Promotion>,
    tiers: Vec<TierTile>,
    meta: Vec<(&'static str, String)>,
    timeline: Timeline,
    tests: Vec<TestGroup>,
    /// Of all tests: `12 tests: 0 failed, 1 skipped, 11 passed`.
    tally: Option<String>,
    data: Vec<DataTable>,
    counts: Vec<CountTable>,
    hooks: Vec<HookRow>,
    snapshots: Vec<SnapshotRow>,
    manifest: Option<Vec<Setting>>,
    jumps: Vec<(&'static str, &'static str)>,
    probes: Vec<ProbeRow<'a>>,
    findings: Vec<FindingRow<'a>>,
    deviations: Vec<(&'a str, &'a str)>,
    images: Vec<ServiceImages<'a>>,
    warnings: Vec<(String, &'a str)>,
    logs: Vec<LogText<'a>>,
    trouble: Vec<String>,
}

#[derive(Serialize)]
struct Rung {
    name: &'static str,
    reached: bool,
}

#[derive(Serialize)]
struct TierTile {
    name: &'static str,
    shape: &'static str,
    word: &'static str,
    why: String,
    /// `app 9.5 s · soak 5.0 s · ours 1.2 s`
    times: String,
    /// What else the node had to do: where it may matter.
    load: Option<String>,
    tests: Option<String>,
    data: Option<String>,
    bases: Vec<BaseTile>,
}

#[derive(Serialize)]
struct BaseTile {
    base: String,
    shape: &'static str,
    word: &'static str,
    why: String,
}

#[derive(Serialize)]
struct ProbeRow<'a> {
    stage: String,
    from: &'static str,
    url: &'a str,
    ok: bool,
    says: &'a str,
    tries: u32,
    time: String,
    ladder: Vec<Rundle>,
}

#[derive(Serialize)]
struct FindingRow<'a> {
    rule: &'a str,
    severity: &'static str,
    place: String,
    says: &'a str,
    remedy: &'a str,
}

pub(super) fn model<'a>(run: &'a RunView, logs: &'a Logs) -> Page<'a> {
    let state = run.state();
    let lead = run.lead();
    let mut logs_shown = log_texts(run, logs);
    let card = |tier, verdict, cause| card(run, logs, &logs_shown, tier, verdict, cause);
    let lead_card = lead.map(|(tier, verdict, cause)| card(tier, verdict, cause));
    let others: Vec<Card> = run
        .tiers
        .iter()
        .filter(|t| lead.is_none_or(|(tier, _, _)| tier != t.tier))
        .filter_map(|t| {
            let verdict = t.verdict.as_ref()?;
            let cause = verdict.cause().filter(|c| !matches!(c, Cause::After { .. }))?;
            Some(card(t.tier, verdict, cause))
        })
        .collect();
    // The logs to which the evidence points are open from the start.
    let anchors = lead_card.iter().chain(&others).flat_map(|c| &c.lines).filter_map(|l| l.anchor.as_deref());
    for (id, n) in anchors.filter_map(|anchor| anchor.split_once("-L")) {
        if let Some(log) = logs_shown.iter_mut().find(|log| log.id == id) {
            log.open = true;
            for line in log.lines.iter_mut().filter(|line| line.n.to_string() == n) {
                line.hit = true;
            }
        }
    }
    let manifest = logs.get(MANIFEST).map(|text| settings(text));
    let mut page = Page {
        tests: tests(run, &logs_shown),
        tally: Some(run.tally(None)).filter(|t| t.all() > 0).map(|t| t.words()),
        data: data(run),
        counts: counts(run),
        hooks: hooks(run, &logs_shown),
        snapshots: snapshots(run),
        manifest,
        jumps: Vec::new(),
        title: format!("{} {}: {}", run.recipe(), run.rev(), run.verdict_words()),
        shape: state_shape(state),
        recipe: run.recipe(),
        rev: run.rev(),
        headline: headline(run),
        turn: turn(run),
        level: run.level(),
        top: if run.promotion.is_some() { 6 } else { 5 },
        rungs: rungs(run),
        open: matches!(run.end, End::Open { .. }).then(|| last_stage(run)),
        lead: lead_card,
        others,
        left: run.left(),
        promotion: promotion(run),
        tiers: Tier::ALL.into_iter().filter_map(|tier| tile(run, tier)).collect(),
        meta: meta(run),
        timeline: timeline(run),
        probes: run.sides.iter().flat_map(|s| s.probes.iter().map(|p| probe(s, p))).collect(),
        findings: run
            .findings
            .iter()
            .map(|f| FindingRow {
                rule: &f.rule,
                severity: severity(f.severity),
                place: crate::view::place(f),
                says: &f.says,
                remedy: &f.remedy,
            })
            .collect(),
        deviations: deviations(run),
        images: images(run),
        warnings: run
            .warnings
            .iter()
            .map(|w| (w.at.format("%H:%M:%S").to_string(), w.says.as_str()))
            .collect(),
        logs: logs_shown,
        trouble: run.trouble.sentences(),
    };
    page.jumps = page.jumps();
    page
}

impl Page<'_> {
    /// The sections that are there, for the line of links on top.
    fn jumps(&self) -> Vec<(&'static str, &'static str)> {
        let all = [
            (self.promotion.is_some(), "canonical", "Canonical"),
            (!self.tiers.is_empty(), "tiers", "Tiers"),
            (!self.tests.is_empty(), "tests", "Tests"),
            (!self.data.is_empty() || !self.counts.is_empty(), "data", "Data"),
            (!self.hooks.is_empty() || !self.snapshots.is_empty(), "backup", "Backup"),
            (!self.timeline.is_empty(), "time", "Time"),
            (!self.probes.is_empty(), "probes", "Probes"),
            (!self.findings.is_empty(), "lint", "Lint"),
            (!self.images.is_empty(), "images", "Images"),
            (self.manifest.is_some(), "manifest", "Manifest"),
            (!self.logs.is_empty(), "logs", "Logs"),
        ];
        all.into_iter().filter(|(there, _, _)| *there).map(|(_, id, word)| (id, word)).collect()
    }
}

fn headline(run: &RunView) -> String {
    if let Some(promoted) = crate::promotion::headline(run) {
        return promoted;
    }
    match (run.state(), run.lead()) {
        (State::Failed, Some((tier, _, _))) => format!("Failed in {tier}"),
        (State::Failed, None) => "Failed".to_owned(),
        (State::DidNotEnd, _) => "Did not end".to_owned(),
        (State::NotJudged, Some((tier, _, _))) => format!("Could not be judged: {tier}"),
        (State::NotJudged, None) => "Could not be judged".to_owned(),
        (State::NothingJudged, _) => "Nothing was judged".to_owned(),
        (State::Superficial, _) => "Passed, superficially".to_owned(),
        (State::Passed, _) => "Passed".to_owned(),
    }
}

fn turn(run: &RunView) -> &'static str {
    match (run.state(), run.lead()) {
        (State::DidNotEnd, None) => {
            "The process was stopped, or is still at work. This says nothing against the recipe."
        }
        (_, Some((_, _, cause))) => whose(cause),
        (State::NothingJudged, None) => "Every tier was skipped, so this run proves nothing.",
        (State::Superficial, None) => "It came up and answered, but nothing was asked of the app itself.",
        (State::Passed, None) if run.promotion.is_some() => {
            "On the data that aged, everything that was asked for holds."
        }
        (State::Passed, None) => "Everything that was asked for holds.",
        (State::Failed | State::NotJudged, None) => "A tier was begun and has no verdict.",
    }
}

fn rungs(run: &RunView) -> Vec<Rung> {
    let level = run.level();
    let advance = run.promotion.as_ref().map(|_| "advance");
    ["install", "upgrade", "backup", "custom", "lint"]
        .into_iter()
        .chain(advance)
        .zip(1..)
        .map(|(name, rung)| Rung { name, reached: level.is_some_and(|level| rung <= level) })
        .collect()
}

fn meta(run: &RunView) -> Vec<(&'static str, String)> {
    let mut meta = Vec::new();
    if let Some(start) = &run.start {
        let subject = &start.subject;
        if subject.at != run.rev() {
            meta.push(("ref", subject.at.clone()));
        }
        meta.push(("commit", short(&subject.commit).to_owned()));
        if !start.bases.is_empty() {
            meta.push(("upgrade from", start.bases.join(", ")));
        }
        meta.push(("started", start.at.format("%Y-%m-%d %H:%M:%S UTC").to_string()));
    }
    meta.push(("took", span(run.millis())));
    if let Some(wall) = run.wall() {
        meta.push(("overhead of ours", wall.overhead()));
    }
    if let Some(start) = &run.start {
        meta.push(("asked", crate::view::context(start.context).to_owned()));
        meta.push(("engine", start.engine.clone()));
        meta.push(("simmer", start.harness.clone()));
    }
    if let Some(id) = &run.run {
        meta.push(("run", id.to_string()));
    }
    meta
}

fn tile(run: &RunView, tier: Tier) -> Option<TierTile> {
    let view = run.tier(tier)?;
    let times = [("app", Share::App), ("soak", Share::Soak), ("clear", Share::Clear), ("ours", Share::Ours)]
        .map(|(word, of)| (word, run.tier_share(tier, of)))
        .into_iter()
        .filter(|(_, millis)| *millis > 0)
        .map(|(word, millis)| format!("{word} {}", span(millis)));
    Some(TierTile {
        name: tier.name(),
        shape: shape(view.verdict.as_ref()),
        word: word(view.verdict.as_ref()),
        // With several bases, each says its own.
        why: match view.each.len() {
            0 | 1 => view.verdict.as_ref().map(why).unwrap_or_default(),
            _ => String::new(),
        },
        times: times.collect::<Vec<_>>().join(" · "),
        load: run.load(tier).filter(|load| load.is_busy()).map(|load| load.to_string()),
        tests: Some(run.tally(Some(tier))).filter(|t| t.all() > 0).map(|t| t.words()),
        data: view.data.map(|data| data.to_string()),
        bases: match view.each.as_slice() {
            [] | [_] => Vec::new(),
            several => several
                .iter()
                .map(|one| BaseTile {
                    base: one.base.clone().unwrap_or_else(|| "no base".to_owned()),
                    shape: shape(Some(&one.verdict)),
                    word: one.verdict.word(),
                    why: why(&one.verdict),
                })
                .collect(),
        },
    })
}

fn why(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed { .. } => String::new(),
        Verdict::Skipped { why } => why.to_string(),
        Verdict::Failed { why } | Verdict::Unverified { why } => {
            crate::text::one_line(&super::cause::says(why), 140)
        }
    }
}

fn probe<'a>(side: &'a SideView, probe: &'a ProbeView) -> ProbeRow<'a> {
    let ProbeView { stage, tier: _, probed } = probe;
    let stage = stage.as_deref().unwrap_or("probe");
    ProbeRow {
        stage: match &side.base {
            Some(base) => format!("{} from {base} · {stage}", side.side),
            None => format!("{} · {stage}", side.side),
        },
        from: vantage(probed.from),
        url: &probed.url,
        ok: probed.ok,
        says: &probed.says,
        tries: probed.tries,
        time: span(probed.millis),
        ladder: ladder(probed.from, &probed.url, probed.step, probed.ok),
    }
}

/// Each deviation once: both sides usually share them.
fn deviations(run: &RunView) -> Vec<(&str, &str)> {
    let mut all: Vec<(&str, &str)> = Vec::new();
    for deviation in run.sides.iter().flat_map(|s| &s.deviations) {
        let one = (deviation.at.as_str(), deviation.says.as_str());
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}
