//! The page of a sweep: what changed on top, then a row for each recipe.

use chrono::SecondsFormat;
use domain::sweep::{Change, RowState, SweepVerdict, Weight};
use serde::Serialize;

use super::{Cells, SweepEnd, SweepRow, SweepView, cells, is_told};
use crate::text::{one_line, span};

/// Longest evidence in a row.
const EVIDENCE: usize = 400;

#[derive(Serialize)]
struct Page<'a> {
    title: String,
    shape: &'static str,
    sweep: &'a str,
    headline: String,
    since: String,
    changes: Vec<ChangeOut>,
    rows: Vec<RowOut<'a>>,
    unasked: usize,
    left: Vec<String>,
    stamp: Option<String>,
    when: Option<String>,
    took: Option<String>,
    harness: &'a str,
    resumed: usize,
    trouble: Vec<String>,
}

#[derive(Serialize)]
struct ChangeOut {
    recipe: String,
    shape: &'static str,
    says: String,
}

#[derive(Serialize)]
struct RowOut<'a> {
    recipe: &'a str,
    release: String,
    shape: &'static str,
    verdict: &'static str,
    cold: String,
    cold_shape: &'static str,
    promotion: String,
    promotion_shape: &'static str,
    level: Option<u8>,
    took: String,
    /// Links; empty where there is nothing to lead to.
    href: String,
    promotion_href: String,
    evidence: String,
}

/// Returns the page of a sweep. It is meant for the sweep's own folder, `sweeps/<id>/` beside `runs/`.
pub fn sweep_page(view: &SweepView) -> String {
    let found = view.verdict();
    let start = view.start.as_ref();
    let all = view.rows();
    let open = matches!(view.end, SweepEnd::Open { .. });
    let shape = match found.verdict {
        SweepVerdict::Red => "failed",
        SweepVerdict::NotJudged if open => "open",
        SweepVerdict::NotJudged => "unverified",
        SweepVerdict::Green | SweepVerdict::NothingNew => "passed",
    };
    crate::page::render(
        "sweep.html",
        Page {
            title: format!("simmer sweep: {}", found.verdict.word()),
            shape,
            sweep: view.id(),
            headline: view.headline(),
            since: view.since(),
            changes: view
                .changes()
                .into_iter()
                .map(|(recipe, change)| ChangeOut {
                    recipe: recipe.to_string(),
                    shape: change_shape(&change),
                    says: one_line(&change.to_string(), EVIDENCE),
                })
                .collect(),
            unasked: all.iter().filter(|row| !is_told(row)).count(),
            rows: all.iter().filter(|row| is_told(row)).map(row).collect(),
            left: view.left.iter().map(|(recipe, object)| format!("{object} of {recipe}")).collect(),
            stamp: start.map(|start| start.at.to_rfc3339_opts(SecondsFormat::Secs, true)),
            when: start.map(|start| start.at.format("%Y-%m-%d %H:%M UTC").to_string()),
            took: view.millis().map(span),
            harness: start.map_or("?", |start| start.harness.as_str()),
            resumed: view.resumed,
            trouble: view
                .garbled
                .iter()
                .map(|bad| format!("line {} of the log cannot be read: {}", bad.line, bad.says))
                .collect(),
        },
    )
}

fn row<'a>(row: &SweepRow<'a>) -> RowOut<'a> {
    let Cells { release, verdict, cold, promotion, level, millis, run, promotion_run, evidence } = cells(row);
    // A run's id is eight hexadecimal digits: nothing else can be in the link.
    let href =
        |run: Option<String>| run.map(|run| format!("../../runs/{run}/report.html")).unwrap_or_default();
    RowOut {
        recipe: row.recipe.as_str(),
        release,
        shape: row_shape(row),
        verdict,
        cold_shape: cold_shape(&cold),
        cold,
        promotion_shape: promotion_shape(&promotion),
        promotion,
        level,
        took: millis.map(span).unwrap_or_default(),
        href: href(run),
        promotion_href: href(promotion_run),
        evidence: one_line(&evidence, EVIDENCE),
    }
}

fn row_shape(row: &SweepRow<'_>) -> &'static str {
    let Some(row) = &row.row else { return "open" };
    match (row.state(), row.weight()) {
        (RowState::Skipped, Weight::None | Weight::Green) => "skipped",
        (_, Weight::Red) => "failed",
        (_, Weight::NotJudged | Weight::None) => "unverified",
        (_, Weight::Green) => "passed",
    }
}

fn cold_shape(cold: &str) -> &'static str {
    match cold {
        "green" => "passed",
        "green (superficial)" => "superficial",
        "red" => "failed",
        "not judged" => "unverified",
        _ => "none",
    }
}

fn promotion_shape(promotion: &str) -> &'static str {
    match promotion {
        "failed" => "failed",
        "refused" => "unverified",
        "not wanted" | "not due" => "skipped",
        "" => "none",
        _ => "passed",
    }
}

fn change_shape(change: &Change) -> &'static str {
    match change {
        Change::TurnedRed { .. } | Change::CauseChanged { .. } | Change::PromotionBroke { .. } => "failed",
        Change::NoLongerJudged { .. } => "unverified",
        Change::NewlySkipped { .. } | Change::Gone => "skipped",
        Change::Mended { .. } | Change::JudgedAgain { .. } | Change::Moved { .. } => "passed",
        Change::New { state, .. } => match state {
            RowState::Red | RowState::GreenButPromoteFailed => "failed",
            RowState::NotJudged => "unverified",
            RowState::Skipped => "skipped",
            RowState::Green => "passed",
        },
    }
}
