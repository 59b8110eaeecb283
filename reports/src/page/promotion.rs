//! A promotion's own part of a run's page: what it carried where, and where the canonical stands now.

use serde::Serialize;

use crate::promotion::{Held, PromotionState, StepEnd, StepTold, steps};
use crate::text::{bytes, span};
use crate::view::RunView;

#[derive(Serialize)]
pub(super) struct Promotion {
    shape: &'static str,
    stands: String,
    facts: Vec<(&'static str, String)>,
    /// Link to the cold run's page; empty where there is none.
    cold_href: String,
    held: Vec<HeldRow>,
    counts: Vec<CountRow>,
    steps: Vec<StepRow>,
}

#[derive(Serialize)]
struct HeldRow {
    volume: String,
    before: String,
    after: String,
    /// `same`, `changed`, `new`, or nothing to compare.
    against: &'static str,
}

#[derive(Serialize)]
struct CountRow {
    name: String,
    before: String,
    after: String,
    change: String,
}

#[derive(Serialize)]
struct StepRow {
    name: &'static str,
    shape: &'static str,
    time: String,
    detail: String,
}

pub(super) fn promotion(run: &RunView) -> Option<Promotion> {
    let view = run.promotion.as_ref()?;
    let state = view.state(run);
    let facts = view.facts(run);
    Some(Promotion {
        shape: match state {
            PromotionState::Promoted | PromotionState::Proven => "passed",
            PromotionState::AdvanceRed => "failed",
            PromotionState::NotPromoted | PromotionState::Unknown => "unverified",
            PromotionState::Open => "open",
        },
        stands: view.stands(run, |name| format!("`{name}`")),
        facts: facts.into_iter().map(|fact| (fact.name, fact.says)).collect(),
        // A run's id is eight hexadecimal digits: nothing else can be in the link.
        cold_href: view.cold.as_ref().map(|run| format!("../{run}/report.html")).unwrap_or_default(),
        held: view.held().iter().map(held).collect(),
        counts: view
            .counts()
            .iter()
            .map(|count| CountRow {
                name: count.name.to_owned(),
                before: value(count.before),
                after: value(count.after),
                change: change(count.before, count.after),
            })
            .collect(),
        steps: steps(run).iter().map(step).collect(),
    })
}

fn held(held: &Held<'_>) -> HeldRow {
    let told = |print: Option<&domain::canonical::VolumePrint>| match print {
        Some(print) => format!("{} files, {}", print.files, bytes(print.bytes)),
        None => "–".to_owned(),
    };
    HeldRow {
        volume: held.volume.to_owned(),
        before: told(held.before),
        after: told(held.after),
        against: match (held.before, held.after) {
            (Some(before), Some(after)) if before == after => "same",
            (Some(_), Some(_)) => "changed",
            (None, Some(_)) => "new",
            (Some(_) | None, None) => "",
        },
    }
}

fn value(count: Option<i64>) -> String {
    count.map_or_else(|| "–".to_owned(), |count| count.to_string())
}

/// `+2`, `−3`, `=`; empty with nothing to compare.
fn change(before: Option<i64>, after: Option<i64>) -> String {
    match (before, after) {
        (Some(before), Some(after)) => match i128::from(after) - i128::from(before) {
            0 => "=".to_owned(),
            more @ 1.. => format!("+{more}"),
            fewer => format!("−{}", fewer.unsigned_abs()),
        },
        (Some(_) | None, None) | (None, Some(_)) => String::new(),
    }
}

fn step(step: &StepTold<'_>) -> StepRow {
    StepRow {
        name: step.name,
        shape: match step.end {
            StepEnd::Passed => "passed",
            StepEnd::Failed => "failed",
            StepEnd::Open => "open",
        },
        time: if step.end == StepEnd::Open { "no end".to_owned() } else { span(step.millis) },
        detail: crate::text::cut(&step.detail(), DETAIL),
    }
}

/// Longest line of a step; the timeline has all of it.
const DETAIL: usize = 300;
