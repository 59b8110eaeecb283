//! A cause told in full: the sentence, how far a probe came, and the lines of evidence with their places.

use domain::cause::{ProbeStep, Vantage};
use domain::{Cause, Tier, Verdict};
use serde::Serialize;

use super::kept::LogText;
use super::{Logs, shape};
use crate::side::SideView;
use crate::text::cut;
use crate::view::{RunView, place};
use crate::{advice, foreseen, whose};

/// Longest line of evidence beside a cause; its link leads to the whole line.
const EVIDENCE_WIDTH: usize = 600;

/// Longest sentence of a cause; some engines answer in pages.
const SAYS: usize = 2000;

/// Most findings beside a cause.
const FORESEEN: usize = 3;

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
    /// The log line that names the trouble, and who said it.
    pub quoted: Option<Evidence>,
    by: String,
    /// What was seen first, where a log line says more.
    beneath: Option<String>,
    /// What is known of the data after the failure.
    data: Option<String>,
    ladder: Vec<Rundle>,
    /// Lint findings that foresaw it: place, rule and what it says.
    foreseen: Vec<(String, String, String)>,
    /// The section of the page with more: its anchor and its name.
    more: Option<(&'static str, &'static str)>,
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
    let (quoted, by, beneath) = if let Cause::Named { line, service, beneath, .. } = cause {
        let quoted = quoted(run, logs, shown, tier, cause, line);
        (Some(quoted), service.clone(), Some(cut(&beneath.to_string(), SAYS)))
    } else {
        (None, String::new(), None)
    };
    let log = quoted
        .iter()
        .chain(&lines)
        .find_map(|l| l.anchor.as_deref()?.split_once("-L"))
        .map(|(id, _)| id.to_owned());
    Card {
        tier: tier.name(),
        shape: shape(Some(verdict)),
        word: verdict.word(),
        name: cause.name().to_owned(),
        says: cut(&says(cause), SAYS),
        turn: whose(cause),
        advice: advice(cause).to_owned(),
        lines,
        quoted,
        by,
        beneath,
        data: run.tier(tier).and_then(|t| t.data).map(|data| data.to_string()),
        ladder,
        foreseen: foreseen(&run.findings, tier, cause)
            .into_iter()
            .take(FORESEEN)
            .map(|f| (place(f), f.rule.clone(), cut(&f.says, EVIDENCE_WIDTH)))
            .collect(),
        more: more(run, cause),
        log,
    }
}

/// The sentence of a cause; a line that is quoted below it is not told twice.
pub(super) fn says(cause: &Cause) -> String {
    if let Cause::Named { known, service, .. } = cause {
        if service.is_empty() { known.says.clone() } else { format!("`{service}`: {}", known.says) }
    } else {
        cause.to_string()
    }
}

/// Where the page shows what the cause speaks of.
fn more(run: &RunView, cause: &Cause) -> Option<(&'static str, &'static str)> {
    let has = |is: fn(&SideView) -> bool| run.sides.iter().any(is);
    let (data, tests) = (has(|s| !s.data.is_empty()), has(|s| !s.tests.is_empty()));
    let backup = has(|s| !s.hooks.is_empty() || !s.snapshots.is_empty());
    if let Cause::Test { .. } | Cause::TestBroken { .. } = cause {
        tests.then_some(("tests", "the tests"))
    } else if let Cause::NotRestored { .. }
    | Cause::AfterBackup { .. }
    | Cause::DataLost { .. }
    | Cause::Seed { .. } = cause
    {
        data.then_some(("data", "the data, stage by stage"))
    } else if let Cause::Hook { .. }
    | Cause::BackupEmpty { .. }
    | Cause::BackupBroken { .. }
    | Cause::Repository { .. } = cause
    {
        backup.then_some(("backup", "hooks and snapshots"))
    } else {
        None
    }
}

/// The kept texts in which evidence of a tier may stand: the logs of the service that the cause speaks of, and what
/// tests and hooks said.
fn texts<'a, 'b>(
    run: &'a RunView,
    logs: &'a Logs,
    shown: &'a [LogText<'b>],
    tier: Tier,
    cause: &'a Cause,
) -> impl Iterator<Item = (&'a LogText<'b>, &'a String)> {
    let files = run.sides.iter().filter(move |s| s.carries(tier)).flat_map(SideView::kept_files);
    // What a test or a hook printed belongs to no service.
    let of_service =
        move |of: Option<&str>| of.is_none() || cause.service().is_none_or(|s| s.is_empty() || Some(s) == of);
    files.filter_map(move |kept| {
        let log = shown.iter().find(|l| l.file == kept.file).filter(|l| of_service(l.service))?;
        Some((log, logs.get(kept.file)?))
    })
}

/// Finds each line of evidence in the tier's kept texts, from the end backwards, so that links point at the last
/// time it was said.
fn evidence(run: &RunView, logs: &Logs, shown: &[LogText<'_>], tier: Tier, cause: &Cause) -> Vec<Evidence> {
    let best = texts(run, logs, shown, tier, cause)
        .filter_map(|(log, text)| {
            let first = log.lines.first()?.n;
            let anchors = places(text, cause.last_lines());
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

/// The line that names a trouble, with its place: the last line that is it, else the last that holds it.
fn quoted(
    run: &RunView,
    logs: &Logs,
    shown: &[LogText<'_>],
    tier: Tier,
    cause: &Cause,
    line: &str,
) -> Evidence {
    let wanted = line.trim();
    let find = |is: fn(&str, &str) -> bool| {
        texts(run, logs, shown, tier, cause).find_map(|(log, text)| {
            let first = log.lines.first()?.n;
            let at = text.lines().collect::<Vec<_>>().iter().rposition(|said| is(said.trim(), wanted))? + 1;
            (at >= first).then(|| format!("{}-L{at}", log.id))
        })
    };
    let anchor = if wanted.is_empty() {
        None
    } else {
        find(|said, wanted| said == wanted).or_else(|| find(|said, wanted| said.contains(wanted)))
    };
    Evidence { text: cut(line, EVIDENCE_WIDTH), anchor }
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
