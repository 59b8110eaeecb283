//! A sweep on the terminal, readable without colour.

use domain::sweep::{Asked, Planned, SweepPlan, Task};

use super::{Cells, SweepView, cells, is_told};
use crate::text::{count, one_line, span, span_column};

/// Longest evidence on a line; the whole story is in the page.
const EVIDENCE: usize = 160;
/// Longest text in a column.
const CELL: usize = 40;

/// Returns the sweep for the terminal: what changed, then a line for each recipe, then what it comes to.
pub fn sweep_table(view: &SweepView) -> String {
    let mut out = String::new();
    let changes = view.changes();
    if view.start.as_ref().is_some_and(|start| start.previous.is_some()) {
        out.push_str(&format!("{}:\n", view.since()));
        for (recipe, change) in &changes {
            out.push_str(&format!("  {recipe}: {}\n", one_line(&change.to_string(), EVIDENCE)));
        }
        if changes.is_empty() {
            out.push_str("  nothing\n");
        }
        out.push('\n');
    }
    let mut rows = vec![
        ["recipe", "release", "verdict", "cold", "promotion", "level", "time", "run", "evidence"]
            .map(str::to_owned),
    ];
    let all = view.rows();
    for row in all.iter().filter(|row| is_told(row)) {
        let Cells { release, verdict, cold, promotion, level, millis, run, promotion_run: _, evidence } =
            cells(row);
        rows.push([
            row.recipe.to_string(),
            one_line(&release, CELL),
            verdict.to_owned(),
            cold,
            promotion,
            level.map(|level| level.to_string()).unwrap_or_default(),
            millis.map(span_column).unwrap_or_default(),
            run.unwrap_or_default(),
            one_line(&evidence, EVIDENCE),
        ]);
    }
    if rows.len() > 1 {
        out.push_str(&align(&rows));
    }
    let unasked = all.iter().filter(|row| !is_told(row)).count();
    if unasked > 0 {
        out.push_str(&format!("{} not asked for\n", count(unasked, "recipe", "recipes")));
    }
    let took = view.millis().map(|millis| format!(" ({})", span(millis))).unwrap_or_default();
    out.push_str(&format!("sweep {}: {}{took}\n", view.id(), view.headline()));
    out
}

/// Returns a plan for the terminal: what would be run, in order, with what it is expected to take, and what would be
/// left out and why.
pub fn plan_table(plan: &SweepPlan, asked: &Asked, jobs: usize) -> String {
    let mut rows = vec![["recipe", "release", "expected", "plan"].map(str::to_owned)];
    let mut unasked = 0;
    for Planned { recipe, task } in &plan.rows {
        let (release, expected, plan) = match task {
            Task::Run { release, why, expected_millis, canonical, commit: _ } => {
                let onto = if *canonical { ", then onto its canonical" } else { "" };
                let expected = expected_millis.map_or("unknown".to_owned(), span_column);
                (release.clone(), expected, format!("run: {why}{onto}"))
            }
            Task::Skip { skip: domain::sweep::Skip::NotAsked, .. } => {
                unasked += 1;
                continue;
            }
            Task::Skip { skip, stands } => {
                let release = stands.as_ref().map(|judged| judged.release.clone()).unwrap_or_default();
                let stood = stands.as_ref().map(|judged| format!("; stands {}", judged.state.word()));
                (release, String::new(), format!("skip: {skip}{}", stood.unwrap_or_default()))
            }
        };
        rows.push([recipe.to_string(), one_line(&release, CELL), expected, one_line(&plan, EVIDENCE)]);
    }
    let mut out = if rows.len() > 1 { align(&rows) } else { String::new() };
    if unasked > 0 {
        out.push_str(&format!("{} not asked for\n", count(unasked, "recipe", "recipes")));
    }
    let (time, unknown) = plan.expected();
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let beside = if jobs > 1 { format!(", {jobs} at a time") } else { String::new() };
    out.push_str(&format!("{} to run{beside}", count(plan.runs(), "recipe", "recipes")));
    match (millis, unknown) {
        (0, 0) => {}
        (0, _) => out.push_str(", nobody knows how long they take"),
        (_, 0) => out.push_str(&format!(", {} of work expected", span(millis))),
        (_, unknown) => {
            out.push_str(&format!(", {} of work expected and {unknown} of unknown length", span(millis)));
        }
    }
    out.push_str(&format!("; the minimum is {}\n", asked.minimum().max(1)));
    out
}

/// Sets columns under each other; the last one may be of any length.
fn align<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}
