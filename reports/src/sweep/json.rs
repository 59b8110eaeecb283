//! A sweep for machines: `sweep.json`, versioned.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::sweep::{Asked, Change, Ending, Glance, Reason, RowEnd, Told};
use serde::Serialize;

use super::{Cells, SweepEnd, SweepRow, SweepView, cells};

/// The version of the format.
pub const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Out<'a> {
    format: u32,
    sweep: &'a str,
    /// `green`, `nothing_new`, `not_judged` or `red`.
    verdict: &'static str,
    reasons: Vec<String>,
    /// `whole` or `interrupted`; none: it was killed, or is at work.
    ending: Option<Ending>,
    harness: Option<&'a str>,
    started: Option<String>,
    ended: Option<String>,
    millis: Option<u64>,
    resumed: usize,
    asked: Option<&'a Asked>,
    previous: Option<&'a str>,
    changes: Vec<ChangeOut>,
    rows: Vec<RowOut<'a>>,
    left: Vec<LeftOut>,
    trouble: Vec<String>,
}

#[derive(Serialize)]
struct ChangeOut {
    recipe: String,
    change: &'static str,
    says: String,
    was: Option<Glance>,
}

#[derive(Serialize)]
struct RowOut<'a> {
    recipe: &'a str,
    /// The verdict's word.
    verdict: &'static str,
    /// Why it was skipped.
    skipped: Option<&'static str>,
    release: Option<String>,
    commit: Option<String>,
    cold: Option<String>,
    promotion: Option<String>,
    generation: Option<u32>,
    level: Option<u8>,
    millis: Option<u64>,
    run: Option<String>,
    promotion_run: Option<String>,
    cause: Option<Told>,
    says: String,
    left: Vec<String>,
}

#[derive(Serialize)]
struct LeftOut {
    recipe: String,
    object: String,
}

/// Returns the sweep as JSON, indented, with a new line at its end.
pub fn sweep_json(view: &SweepView) -> String {
    let start = view.start.as_ref();
    let found = view.verdict();
    let before = start.map(|start| start.before.as_slice()).unwrap_or_default();
    let out = Out {
        format: FORMAT,
        sweep: view.id(),
        verdict: found.verdict.name(),
        reasons: found.reasons.iter().map(Reason::to_string).collect(),
        ending: match view.end {
            SweepEnd::Ended { ending, .. } => Some(ending),
            SweepEnd::Open { .. } => None,
        },
        harness: start.map(|start| start.harness.as_str()),
        started: start.map(|start| time(start.at)),
        ended: match view.end {
            SweepEnd::Ended { at, .. } => Some(time(at)),
            SweepEnd::Open { .. } => None,
        },
        millis: view.millis(),
        resumed: view.resumed,
        asked: start.map(|start| &start.asked),
        previous: start.and_then(|start| start.previous.as_ref()).map(|id| id.as_str()),
        changes: view
            .changes()
            .into_iter()
            .map(|(recipe, change)| ChangeOut {
                was: before.iter().find(|glance| glance.recipe == recipe).cloned(),
                recipe: recipe.to_string(),
                change: Change::name(&change),
                says: change.to_string(),
            })
            .collect(),
        rows: view.rows().iter().map(row).collect(),
        left: view
            .left
            .iter()
            .map(|(recipe, object)| LeftOut { recipe: recipe.to_string(), object: object.clone() })
            .collect(),
        trouble: view
            .garbled
            .iter()
            .map(|bad| format!("line {} of the log cannot be read: {}", bad.line, bad.says))
            .collect(),
    };
    serde_json::to_string_pretty(&out).expect("it holds only what JSON can say") + "\n"
}

fn row<'a>(row: &SweepRow<'a>) -> RowOut<'a> {
    let Cells { release, verdict, cold, promotion, level, millis, run, promotion_run, evidence } = cells(row);
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    let (commit, cause, skipped, generation, left) = match row.row.as_ref().map(|row| &row.end) {
        Some(RowEnd::Ran { ran }) => {
            (Some(ran.commit.clone()), ran.told(), None, ran.generation(), ran.left())
        }
        Some(RowEnd::Skipped { skip, stands }) => {
            let commit = stands.as_ref().map(|judged| judged.commit.clone());
            let generation = stands.as_ref().and_then(|judged| judged.generation);
            (commit, stands.as_ref().and_then(|j| j.why.clone()), Some(skip.name()), generation, Vec::new())
        }
        None => (None, None, None, None, Vec::new()),
    };
    RowOut {
        recipe: row.recipe.as_str(),
        verdict,
        skipped,
        release: text(release),
        commit,
        cold: text(cold),
        promotion: text(promotion),
        generation: generation.map(|generation| generation.0),
        level,
        millis,
        run,
        promotion_run,
        cause,
        says: evidence,
        left: left.into_iter().map(str::to_owned).collect(),
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
