//! Why a run came out as it did: the cause, the evidence, what was ruled out, what to try. From the event log and the
//! kept files alone, beside what other runs and the recipe's repository say.

mod evidence;
mod find;
mod foresaw;
mod logs;
mod others;
mod ruled_out;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use domain::data::DataState;
use domain::verdict::Depth;
use domain::{Cause, Fault, Tier, Verdict};
use reports::{BaseVerdict, RunView, SideView};
use serde::Serialize;

pub use evidence::{Evidence, Exhibit};
pub use find::{NoRun, pick};
pub use logs::last_logs;
pub use others::{History, Sibling};
pub use text::text;

use crate::diff::LabelDiff;

/// The version of the JSON form.
pub const FORMAT: u32 = 1;

/// All that there is to know of a run when it is asked why.
#[derive(Clone, Copy, Debug)]
pub struct Dossier<'a> {
    pub view: &'a RunView,
    /// The run's folder, as it is shown.
    pub folder: &'a std::path::Path,
    /// Kept texts, by their path in the run's folder.
    pub kept: &'a reports::Logs,
    /// Every other run of the instance, newest first.
    pub others: &'a [&'a RunView],
    /// What changed in the labels from each base to the target, where the repository could be read; by base.
    pub labels: &'a BTreeMap<String, LabelDiff>,
    /// What a search of the releases found (CC-037), by test.
    pub searched: &'a BTreeMap<String, Vec<String>>,
}

/// The answer for a run.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    pub format: u32,
    pub run: String,
    pub recipe: String,
    /// The release's tag, else the short commit.
    pub rev: String,
    /// Evidence is tied to a commit and a time (CC-055).
    pub commit: Option<String>,
    pub at: Option<DateTime<Utc>>,
    /// The run in one word.
    pub state: &'static str,
    /// What is wrong with the log itself, a sentence each.
    pub log: Vec<String>,
    pub tiers: Vec<TierWhy>,
    /// Said by the run and never taken for a cause (CC-039).
    pub warnings: Vec<String>,
    pub folder: PathBuf,
}

/// The answer for one tier, for one base where several were tried.
#[derive(Clone, Debug, Serialize)]
pub struct TierWhy {
    pub tier: Tier,
    pub base: Option<String>,
    /// The word for tables; `did not end` where there is no verdict.
    pub word: &'static str,
    /// What is to be said of a tier that has no cause.
    pub says: String,
    pub broken: Option<Broken>,
}

/// A tier that failed or could not be judged, explained.
#[derive(Clone, Debug, Serialize)]
pub struct Broken {
    /// The stable name.
    pub cause: String,
    pub fault: Fault,
    pub turn: &'static str,
    /// The line that names the trouble, with where it stands.
    pub quoted: Option<Evidence>,
    /// What was seen, where a line says more.
    pub beneath: Option<String>,
    pub data: Option<DataState>,
    pub evidence: Vec<Evidence>,
    pub ruled_out: Vec<String>,
    /// Other recipes whose last run passed the same check (CC-075).
    pub siblings: Vec<Sibling>,
    pub history: Option<History>,
    #[serde(rename = "try")]
    pub to_try: Vec<String>,
}

/// One judgement, with what belongs to it.
#[derive(Clone, Copy)]
struct Case<'a> {
    dossier: &'a Dossier<'a>,
    tier: Tier,
    base: Option<&'a str>,
    cause: &'a Cause,
}

impl<'a> Case<'a> {
    /// The stacks on which the tier was judged: with a base, those that started from it.
    fn sides(&self) -> std::vec::IntoIter<&'a SideView> {
        let of_base =
            |s: &&SideView| self.base.is_none() || s.base.is_none() || s.base.as_deref() == self.base;
        let sides = self.dossier.view.sides.iter().filter(|s| s.carries(self.tier)).filter(of_base);
        sides.collect::<Vec<_>>().into_iter()
    }
}

/// Explains a run, or one tier of it. A tier of which the run says nothing has no answer.
pub fn explain(dossier: &Dossier<'_>, only: Option<Tier>) -> Why {
    let view = dossier.view;
    let mut tiers: Vec<TierWhy> = Vec::new();
    for tier in view.tiers.iter().filter(|t| only.is_none_or(|only| only == t.tier)) {
        let one;
        let each = if tier.each.is_empty() {
            one = match &tier.verdict {
                Some(verdict) => vec![BaseVerdict { base: None, verdict: verdict.clone(), data: tier.data }],
                None => Vec::new(),
            };
            &one
        } else {
            &tier.each
        };
        if each.is_empty() {
            tiers.push(TierWhy {
                tier: tier.tier,
                base: None,
                word: "did not end",
                says: "it was begun and never judged: the run was killed, or is still at work".into(),
                broken: None,
            });
        }
        tiers.extend(each.iter().map(|judged| of_tier(dossier, tier.tier, judged)));
    }
    let lead = view.lead().map(|(tier, ..)| tier);
    // What explains the run comes first, then what else broke, then the rest in the order of judging.
    tiers.sort_by_key(|t| match &t.broken {
        Some(_) if Some(t.tier) == lead => 0,
        Some(broken) if broken.cause != "after" => 1,
        Some(_) => 2,
        None => 3,
    });
    Why {
        format: FORMAT,
        run: view.run.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string),
        recipe: view.recipe().to_owned(),
        rev: view.rev().to_owned(),
        commit: view.start.as_ref().map(|s| s.subject.commit.clone()),
        at: view.start.as_ref().map(|s| s.at),
        state: view.state().word(),
        log: view.trouble.sentences(),
        tiers,
        warnings: view.warnings.iter().map(|w| reports::plain(&w.says)).collect(),
        folder: dossier.folder.to_owned(),
    }
}

fn of_tier(dossier: &Dossier<'_>, tier: Tier, judged: &BaseVerdict) -> TierWhy {
    let (says, cause) = match &judged.verdict {
        Verdict::Passed { depth: Depth::Asserted } => (passed(dossier, tier), None),
        Verdict::Passed { depth: Depth::Superficial } => (
            "it passed on the generic floor alone: nothing was asked of the app itself. A `path` under `[health]` or a \
             test in the overlay changes that"
                .to_owned(),
            None,
        ),
        Verdict::Skipped { why } => (why.to_string(), None),
        Verdict::Failed { why } | Verdict::Unverified { why } => (sentence(why), Some(why)),
    };
    let broken = cause.map(|cause| {
        let case = Case { dossier, tier, base: judged.base.as_deref(), cause };
        Broken {
            cause: cause.name().to_owned(),
            fault: cause.fault(),
            turn: reports::whose(cause),
            quoted: evidence::quoted(&case),
            beneath: Some(cause.seen())
                .filter(|seen| *seen != cause)
                .map(|seen| reports::plain(&seen.to_string())),
            data: judged.data,
            evidence: evidence::of(&case),
            ruled_out: ruled_out::of(&case),
            siblings: others::siblings(&case),
            history: others::history(&case),
            to_try: to_try(&case),
        }
    });
    TierWhy { tier, base: judged.base.clone(), word: judged.verdict.word(), says, broken }
}

/// What broke, in a sentence; the line that names it and what was seen beneath stand by themselves.
fn sentence(cause: &Cause) -> String {
    let Cause::Named { known, service, .. } = cause else { return reports::plain(&cause.to_string()) };
    let of = if service.is_empty() { String::new() } else { format!("`{service}`: ") };
    reports::plain(&format!("{of}{}", known.says))
}

fn passed(dossier: &Dossier<'_>, tier: Tier) -> String {
    match dossier.view.tally(Some(tier)).passed {
        0 => String::new(),
        1 => "1 test".to_owned(),
        n => format!("{n} tests"),
    }
}

/// What to do next: the cause's own advice, then the commands that show more.
fn to_try(case: &Case<'_>) -> Vec<String> {
    let (recipe, rev) = (case.dossier.view.recipe(), case.dossier.view.rev());
    let mut steps = vec![reports::advice(case.cause).to_owned()];
    if let Some(known) = foresaw::found(case).first() {
        steps.push(format!(
            "Mend what lint says at {}: {}",
            foresaw::place(known),
            reports::plain(&known.remedy)
        ));
    }
    if let (Tier::Backup | Tier::Restore, Some(sibling)) = (case.tier, others::siblings(case).first()) {
        steps.push(format!(
            "`simmer diff labels {recipe}@{rev} {}@{} --only backupbot` shows what a recipe that passes says otherwise.",
            sibling.recipe, sibling.rev
        ));
    }
    let tier = case.tier;
    steps.push(if let Cause::BaseBroken { base, .. } = case.cause {
        format!("`simmer run {recipe} --ref '{base}' --tier install` judges the older release itself.")
    } else if let Cause::Lint { .. } | Cause::BadRecipe { .. } = case.cause {
        format!("`simmer lint {recipe} --ref '{rev}'` finds it again in a second.")
    } else if let Cause::After { tier } = case.cause {
        format!("`simmer why {} {tier}`", case.dossier.view.run.as_ref().map_or("last", |r| r.as_str()))
    } else if tier == Tier::Advance {
        format!("`simmer promote {recipe} --ref '{rev}' --dry --logs` does it again, and commits nothing.")
    } else {
        format!("`simmer run {recipe} --ref '{rev}' --tier {tier} --keep --logs` leaves the stack up to be looked at.")
    });
    steps
}
