//! What the matrix shows: one row a recipe, the urgent ones first.

use std::collections::BTreeMap;

use domain::Tier;
use serde::Serialize;

use super::{page_path, shape, state_shape, word};
use crate::summary;
use crate::table::{evidence, lead_fault};
use crate::text::{one_line, span};
use crate::view::{RunView, State};

/// Most earlier runs of a recipe that are shown.
const EARLIER: usize = 8;

#[derive(Serialize)]
pub(super) struct Page<'a> {
    title: String,
    shape: &'static str,
    headline: String,
    /// Time of the newest run's start.
    newest: Option<String>,
    tiers: Vec<&'static str>,
    rows: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    recipe: &'a str,
    rev: &'a str,
    href: String,
    shape: &'static str,
    verdict: String,
    fault: Option<&'static str>,
    level: Option<u8>,
    when: Option<String>,
    took: String,
    /// Empty for what is green.
    evidence: String,
    cells: Vec<Cell>,
    earlier: Vec<Earlier>,
}

#[derive(Serialize)]
struct Cell {
    tier: &'static str,
    shape: &'static str,
    word: &'static str,
}

#[derive(Serialize)]
struct Earlier {
    href: String,
    shape: &'static str,
    says: String,
}

pub(super) fn model(runs: &[RunView]) -> Page<'_> {
    let mut recipes: BTreeMap<&str, Vec<&RunView>> = BTreeMap::new();
    for run in runs {
        recipes.entry(run.recipe()).or_default().push(run);
    }
    let started = |run: &RunView| run.start.as_ref().map(|s| s.at);
    for of_one in recipes.values_mut() {
        of_one.sort_by_key(|run| std::cmp::Reverse((started(run), run.run.clone())));
    }
    let mut newest: Vec<(&RunView, &[&RunView])> =
        recipes.values().filter_map(|of_one| of_one.split_first()).map(|(n, e)| (*n, e)).collect();
    newest.sort_by_key(|(run, _)| (run.state(), run.recipe()));
    let heads: Vec<RunView> = newest.iter().map(|(run, _)| (*run).clone()).collect();
    Page {
        title: format!("simmer: {}", summary(&heads)),
        // No run at all is not green (law 1).
        shape: newest.first().map_or("failed", |(run, _)| state_shape(run.state())),
        headline: summary(&heads),
        newest: runs.iter().filter_map(started).max().map(|at| at.format("%Y-%m-%d %H:%M UTC").to_string()),
        tiers: Tier::ALL.map(Tier::name).to_vec(),
        rows: newest.into_iter().map(|(run, earlier)| row(run, earlier)).collect(),
    }
}

fn row<'a>(run: &'a RunView, earlier: &[&RunView]) -> Row<'a> {
    let green = matches!(run.state(), State::Passed | State::Superficial);
    Row {
        recipe: run.recipe(),
        rev: run.rev(),
        href: page_path(run),
        shape: state_shape(run.state()),
        verdict: run.state().word().to_owned(),
        fault: lead_fault(run),
        level: run.level(),
        when: run.start.as_ref().map(|s| s.at.format("%Y-%m-%d %H:%M").to_string()),
        took: span(run.millis()),
        evidence: if green && run.left().is_empty() { String::new() } else { evidence(run, 220) },
        cells: Tier::ALL
            .into_iter()
            .map(|tier| {
                let view = run.tier(tier);
                let verdict = view.and_then(|t| t.verdict.as_ref());
                Cell {
                    tier: tier.name(),
                    shape: if view.is_none() { "none" } else { shape(verdict) },
                    word: if view.is_none() { "not begun" } else { word(verdict) },
                }
            })
            .collect(),
        earlier: earlier
            .iter()
            .take(EARLIER)
            .map(|run| Earlier {
                href: page_path(run),
                shape: state_shape(run.state()),
                says: one_line(&format!("{} {}", run.rev(), run.state().word()), 80),
            })
            .collect(),
    }
}
