//! What the matrix shows: one row a recipe, the urgent ones first.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use domain::verdict::Skip;
use domain::{Tier, Verdict};
use serde::Serialize;

use super::{page_path, shape, state_shape, word};
use crate::summary;
use crate::table::{evidence, lead_fault};
use crate::text::{one_line, span};
use crate::view::{End, RunView, State, millis_between};

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
    /// For machines, and for people.
    stamp: Option<String>,
    when: Option<String>,
    /// How long before the newest run of all, where that is a day or more (CC-056).
    behind: String,
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
    /// The run before, where the verdict is not the newest run's.
    older: Option<Older>,
}

/// A verdict that was taken over from an earlier run of the same release.
#[derive(Serialize)]
struct Older {
    href: String,
    when: String,
    /// How much older than the newest run of the recipe.
    by: String,
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
    // A column for the advance only where something advances.
    let advance = runs.iter().any(|run| run.tier(Tier::Advance).is_some()).then_some(Tier::Advance);
    let tiers: Vec<Tier> = Tier::COLD.into_iter().chain(advance).collect();
    let heads: Vec<RunView> = newest.iter().map(|(run, _)| (*run).clone()).collect();
    Page {
        title: format!("simmer: {}", summary(&heads)),
        // No run at all is not green (law 1).
        shape: newest.first().map_or("failed", |(run, _)| state_shape(run.state())),
        headline: summary(&heads),
        newest: runs.iter().filter_map(started).max().map(|at| at.format("%Y-%m-%d %H:%M UTC").to_string()),
        tiers: tiers.iter().map(|tier| tier.name()).collect(),
        rows: newest
            .into_iter()
            .map(|(run, earlier)| row(run, earlier, &tiers, runs.iter().filter_map(started).max()))
            .collect(),
    }
}

fn row<'a>(run: &'a RunView, earlier: &[&RunView], tiers: &[Tier], newest: Option<DateTime<Utc>>) -> Row<'a> {
    let started = run.start.as_ref().map(|s| s.at);
    let behind = started.zip(newest).map_or(0, |(at, newest)| millis_between(at, newest));
    let green = matches!(run.state(), State::Passed | State::Superficial);
    Row {
        recipe: run.recipe(),
        rev: run.rev(),
        href: page_path(run),
        shape: state_shape(run.state()),
        verdict: run.state().word().to_owned(),
        fault: lead_fault(run),
        level: run.level(),
        stamp: started.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true)),
        when: started.map(when),
        behind: if behind >= DAY { age(behind) } else { String::new() },
        took: span(run.millis()),
        evidence: if green && run.left().is_empty() { String::new() } else { evidence(run, 220) },
        cells: tiers.iter().map(|tier| cell(run, earlier, *tier)).collect(),
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

/// A day, in milliseconds.
const DAY: u64 = 24 * 3600 * 1000;

/// The verdict of the newest run; where that was not asked, the newest one on the same release, told as older. A
/// verdict on another release is none on this one (law 1).
fn cell(run: &RunView, earlier: &[&RunView], tier: Tier) -> Cell {
    let judged = |run: &RunView| {
        let verdict = run.tier(tier)?.verdict.clone()?;
        (!matches!(verdict, Verdict::Skipped { why: Skip::NotAsked })).then_some(verdict)
    };
    let same = |other: &&&RunView| match (&run.start, &other.start) {
        (Some(a), Some(b)) => a.subject.commit == b.subject.commit && a.subject.at == b.subject.at,
        _ => false,
    };
    let was_asked = !matches!(
        run.tier(tier).map(|t| &t.verdict),
        None | Some(Some(Verdict::Skipped { why: Skip::NotAsked }))
    );
    let before = if was_asked || matches!(run.end, End::Open { .. }) {
        None
    } else {
        earlier.iter().filter(same).find_map(|other| Some((*other, judged(other)?)))
    };
    if let Some((other, verdict)) = before {
        let at = |run: &RunView| run.start.as_ref().map(|s| s.at);
        let by = at(other).zip(at(run)).map_or(0, |(from, to)| millis_between(from, to));
        return Cell {
            tier: tier.name(),
            shape: shape(Some(&verdict)),
            word: verdict.word(),
            older: Some(Older {
                href: page_path(other),
                when: at(other).map(when).unwrap_or_default(),
                by: age(by),
            }),
        };
    }
    let view = run.tier(tier);
    let verdict = view.and_then(|t| t.verdict.as_ref());
    Cell {
        tier: tier.name(),
        shape: if view.is_none() { "none" } else { shape(verdict) },
        word: if view.is_none() { "not begun" } else { word(verdict) },
        older: None,
    }
}

fn when(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

/// An age in its largest unit: `3 d`, `5 h`, `12 min`.
fn age(millis: u64) -> String {
    let minutes = millis / 60_000;
    match minutes {
        0..60 => format!("{minutes} min"),
        60..1440 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / 1440),
    }
}
