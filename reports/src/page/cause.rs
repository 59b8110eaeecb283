//! A cause told in full: the sentence, how far a probe came, and the lines of evidence with their places.

use domain::cause::{ProbeStep, Vantage};
use domain::{Cause, Tier, Verdict};
use serde::Serialize;

use super::kept::LogText;
use super::{Logs, shape};
use crate::text::cut;
use crate::view::RunView;
use crate::{advice, whose};

/// Longest line of evidence beside a cause; its link leads to the whole line.
const EVIDENCE_WIDTH: usize = 600;

/// Longest sentence of a cause; some engines answer in pages.
const SAYS: usize = 2000;

/// A cause, told in full.
#[derive(Serialize)]
pub(super) struct Card {
    tier: &'static str,
    shape: &'static str,
    word: &'static str,
    name: String,
    says: String,
    turn: &'static str,
    advice: String,
    pub lines: Vec<Evidence>,
    ladder: Vec<Rundle>,
    /// Anchor of the log in which the evidence stands.
    log: Option<String>,
}

/// A line of evidence, with the place in the logs where it stands.
#[derive(Serialize)]
pub(super) struct Evidence {
    text: String,
    pub anchor: Option<String>,
}

/// A step of a probe: `ok`, `bad` or `not` (never tried).
#[derive(Serialize)]
pub(super) struct Rundle {
    step: String,
    is: &'static str,
}

pub(super) fn card(
    run: &RunView,
    logs: &Logs,
    shown: &[LogText<'_>],
    tier: Tier,
    verdict: &Verdict,
    cause: &Cause,
) -> Card {
    let ladder = if let Cause::Probe { from, step, url, .. } = cause {
        ladder(*from, url, *step, false)
    } else {
        Vec::new()
    };
    let lines = evidence(run, logs, shown, tier, cause);
    let log = lines.iter().find_map(|l| l.anchor.as_deref()?.split_once("-L")).map(|(id, _)| id.to_owned());
    Card {
        tier: tier.name(),
        shape: shape(Some(verdict)),
        word: verdict.word(),
        name: cause.name().to_owned(),
        says: cut(&cause.to_string(), SAYS),
        turn: whose(cause),
        advice: advice(cause).to_owned(),
        lines,
        ladder,
        log,
    }
}

/// Finds each line of evidence in the tier's kept logs, from the end backwards, so that links point at the
/// last time it was said.
fn evidence(run: &RunView, logs: &Logs, shown: &[LogText<'_>], tier: Tier, cause: &Cause) -> Vec<Evidence> {
    let files = run
        .sides
        .iter()
        .filter(|s| s.tier == Some(tier))
        .flat_map(|s| &s.logs)
        .filter(|l| cause.service().is_none_or(|service| service == l.service))
        .map(|l| l.file.as_str());
    let best = files
        .filter_map(|file| {
            let log = shown.iter().find(|l| l.file == file)?;
            let first = log.lines.first()?.n;
            let anchors = places(logs.get(file)?, cause.last_lines());
            let anchors: Vec<Option<String>> = anchors
                .into_iter()
                .map(|n| n.filter(|n| *n >= first).map(|n| format!("{}-L{n}", log.id)))
                .collect();
            Some((anchors.iter().flatten().count(), anchors))
        })
        .max_by_key(|(found, _)| *found)
        .map(|(_, anchors)| anchors)
        .unwrap_or_default();
    let mut anchors = best.into_iter();
    let shown = |text| cut(text, EVIDENCE_WIDTH);
    cause
        .last_lines()
        .iter()
        .map(|text| Evidence { text: shown(text), anchor: anchors.next().flatten() })
        .collect()
}

/// Numbers of the lines in the log, counted from 1.
fn places(log: &str, wanted: &[String]) -> Vec<Option<usize>> {
    let lines: Vec<&str> = log.lines().collect();
    let mut before = lines.len();
    let mut found: Vec<Option<usize>> = wanted
        .iter()
        .rev()
        .map(|want| {
            let at = lines[..before].iter().rposition(|line| line.trim_end() == want.trim_end())?;
            before = at;
            Some(at + 1)
        })
        .collect();
    found.reverse();
    found
}

/// The steps of a probe up to the one that it reached. Steps that this kind of probe does not have are left
/// out, and none is shown as passed that was not on the way.
pub(super) fn ladder(from: Vantage, url: &str, reached: ProbeStep, ok: bool) -> Vec<Rundle> {
    const ALL: [ProbeStep; 6] =
        [ProbeStep::Route, ProbeStep::Dns, ProbeStep::Tcp, ProbeStep::Tls, ProbeStep::Http, ProbeStep::App];
    let http = url.starts_with("http");
    let has = |step: ProbeStep| match step {
        ProbeStep::Route | ProbeStep::Dns => from == Vantage::Outside,
        ProbeStep::Tcp | ProbeStep::App => true,
        ProbeStep::Tls => url.starts_with("https:") || url.starts_with("tls:"),
        ProbeStep::Http => http,
    };
    ALL.into_iter()
        .filter(|step| *step == reached || has(*step))
        .map(|step| {
            let is = match step.cmp(&reached) {
                std::cmp::Ordering::Less => "ok",
                std::cmp::Ordering::Equal if ok => "ok",
                std::cmp::Ordering::Equal => "bad",
                std::cmp::Ordering::Greater => "not",
            };
            Rundle { step: step.to_string(), is }
        })
        .collect()
}
