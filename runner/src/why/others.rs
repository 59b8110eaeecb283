//! What other runs say: the passing sibling (CC-075), and the recipe's own past (CC-073).

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::data::Source;
use domain::test::TestOutcome;
use domain::{Cause, Tier, Verdict};
use reports::RunView;
use serde::Serialize;

use super::Case;

/// Siblings that are told; more do not prove more.
const MOST: usize = 4;

/// Another recipe whose last run passed the same check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sibling {
    pub recipe: String,
    pub rev: String,
    pub run: String,
    /// What it passed: the same generic test, else the tier.
    pub passed: String,
}

/// Earlier runs of the same recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct History {
    /// How many earlier runs broke in this tier with the same cause.
    pub same: usize,
    /// The newest run in which the tier passed.
    pub last_passed: Option<Passed>,
}

/// A run that passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Passed {
    pub run: String,
    pub rev: String,
    pub at: Option<DateTime<Utc>>,
}

/// Returns other recipes whose last judged run passed what broke here.
pub(super) fn siblings(case: &Case<'_>) -> Vec<Sibling> {
    if !shared(case.cause) {
        return Vec::new();
    }
    let check = generic_check(case);
    let mut seen = BTreeSet::new();
    let mut siblings = Vec::new();
    for other in case.dossier.others.iter().filter(|o| o.recipe() != case.dossier.view.recipe()) {
        // Its last word on this tier counts; runs that were not asked for the tier say nothing.
        let Some(verdict) = judged(other, case.tier) else { continue };
        if !seen.insert(other.recipe().to_owned()) || !matches!(verdict, Verdict::Passed { .. }) {
            continue;
        }
        let test = check.as_deref().filter(|name| passes(other, case.tier, name));
        if check.is_some() && test.is_none() {
            continue;
        }
        siblings.push(Sibling {
            recipe: other.recipe().to_owned(),
            rev: other.rev().to_owned(),
            run: other.run.as_ref().map_or_else(String::new, ToString::to_string),
            passed: test.map_or_else(|| format!("tier {}", case.tier), |name| format!("test `{name}`")),
        });
        if siblings.len() == MOST {
            break;
        }
    }
    siblings
}

/// Returns what earlier runs of the same recipe say of the tier; `None` where there are none.
pub(super) fn history(case: &Case<'_>) -> Option<History> {
    let view = case.dossier.view;
    let began = view.start.as_ref().map(|s| s.at)?;
    let earlier = case.dossier.others.iter().filter(|other| {
        other.recipe() == view.recipe() && other.start.as_ref().is_some_and(|s| s.at < began)
    });
    let judged: Vec<_> = earlier.filter_map(|other| Some((other, judged(other, case.tier)?))).collect();
    if judged.is_empty() {
        return None;
    }
    let same = |verdict: &&Verdict| verdict.cause().is_some_and(|c| c.name() == case.cause.name());
    let passed = judged.iter().find(|(_, verdict)| matches!(verdict, Verdict::Passed { .. }));
    Some(History {
        same: judged.iter().filter(|(_, verdict)| same(verdict)).count(),
        last_passed: passed.map(|(other, _)| Passed {
            run: other.run.as_ref().map_or_else(String::new, ToString::to_string),
            rev: other.rev().to_owned(),
            at: other.start.as_ref().map(|s| s.at),
        }),
    })
}

fn judged(view: &RunView, tier: Tier) -> Option<&Verdict> {
    view.tier(tier)?.verdict.as_ref().filter(|v| !matches!(v, Verdict::Skipped { .. }))
}

/// Whether other recipes could pass or break the same way. What is about this one run says nothing elsewhere.
fn shared(cause: &Cause) -> bool {
    !matches!(
        cause,
        Cause::After { .. }
            | Cause::Interrupted
            | Cause::Lint { .. }
            | Cause::BadRecipe { .. }
            | Cause::Test { source: Source::Overlay | Source::Recipe, .. }
            | Cause::TestBroken { .. }
            | Cause::Seed { .. }
    )
}

/// The generic test that broke, where it was one.
fn generic_check(case: &Case<'_>) -> Option<String> {
    if let Cause::Test { test, source: Source::Generic, .. } = case.cause {
        return Some(test.clone());
    }
    let tests = case.sides().flat_map(|side| &side.tests).map(|t| &t.tested);
    let mut broken = tests.filter(|t| {
        t.tier == case.tier
            && t.source == Source::Generic
            && matches!(t.outcome, TestOutcome::Failed { .. } | TestOutcome::Broken { .. })
    });
    broken.next().map(|t| t.name.clone())
}

fn passes(view: &RunView, tier: Tier, name: &str) -> bool {
    view.sides.iter().flat_map(|side| &side.tests).map(|t| &t.tested).any(|t| {
        t.tier == tier
            && t.source == Source::Generic
            && t.name == name
            && matches!(t.outcome, TestOutcome::Passed)
    })
}
