//! A promotion in words: what it carried where, what became of it, where the canonical stands now. Page, comment and
//! JUnit tell the same.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::canonical::{Fingerprint, Step, VolumePrint};
use domain::names::Side;
use domain::{Tier, Verdict};

use crate::side::{Cleared, StageView};
use crate::text::{bytes, count, span};
use crate::view::{End, PromotionEnd, PromotionView, RunView, State};

/// What became of a promotion, in one word of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromotionState {
    /// The record was committed and read back.
    Promoted,
    /// It would have been; nothing was committed.
    Proven,
    /// Green cold, and not on the data that aged.
    AdvanceRed,
    /// It could not be judged, or there was no green cold run before it; nothing was committed.
    NotPromoted,
    /// The registry did not say whether it took the commit.
    Unknown,
    /// The log has no end.
    Open,
}

impl PromotionState {
    /// Returns the stable name for outputs that are counted.
    pub fn name(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Proven => "proven",
            Self::AdvanceRed => "cold_green_advance_red",
            Self::NotPromoted => "not_promoted",
            Self::Unknown => "unknown",
            Self::Open => "open",
        }
    }

    /// Returns the words for headlines; none where the run's own verdict says it better.
    pub(crate) fn headline(self) -> Option<&'static str> {
        match self {
            Self::Promoted => Some("Promoted"),
            Self::Proven => Some("Proven, nothing committed"),
            Self::AdvanceRed => Some("Cold green, advance red"),
            Self::NotPromoted | Self::Unknown | Self::Open => None,
        }
    }
}

/// Returns the headline of a promotion, as far as the run's verdict bears it out (law 1).
pub(crate) fn headline(run: &RunView) -> Option<String> {
    let state = run.promotion.as_ref()?.state(run);
    let word = state.headline()?;
    match (run.state(), state) {
        (State::Passed, PromotionState::Promoted | PromotionState::Proven)
        | (State::Failed, PromotionState::AdvanceRed) => Some(word.to_owned()),
        (State::Superficial, PromotionState::Promoted | PromotionState::Proven) => {
            Some(format!("{word} (superficial)"))
        }
        (
            State::Passed
            | State::Superficial
            | State::Failed
            | State::DidNotEnd
            | State::NotJudged
            | State::NothingJudged,
            _,
        ) => None,
    }
}

/// One fact of a promotion.
pub(crate) struct Fact {
    /// For people; with `_` for spaces, for machines.
    pub(crate) name: &'static str,
    pub(crate) says: String,
}

/// One step of a promotion, with its time.
pub(crate) struct StepTold<'a> {
    pub(crate) name: &'static str,
    pub(crate) millis: u64,
    pub(crate) end: StepEnd,
    /// What it said itself.
    pub(crate) says: &'a str,
    /// Stages of the stack that make the step up, with their times.
    pub(crate) of: Vec<(&'a str, u64)>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepEnd {
    Passed,
    Failed,
    /// The log ends in it.
    Open,
}

/// What a volume holds, before and after.
pub(crate) struct Held<'a> {
    pub(crate) volume: &'a str,
    pub(crate) before: Option<&'a VolumePrint>,
    pub(crate) after: Option<&'a VolumePrint>,
}

/// One of the overlay's counts, before and after.
pub(crate) struct Count<'a> {
    pub(crate) name: &'a str,
    pub(crate) before: Option<i64>,
    pub(crate) after: Option<i64>,
}

impl PromotionView {
    /// Returns what became of it.
    pub fn state(&self, run: &RunView) -> PromotionState {
        match (&self.end, run.tier(Tier::Advance).and_then(|tier| tier.verdict.as_ref())) {
            (PromotionEnd::Promoted { .. }, _) => PromotionState::Promoted,
            (PromotionEnd::Open, _) => match run.end {
                End::Ended { .. } => PromotionState::Unknown,
                End::Open { .. } => PromotionState::Open,
            },
            (PromotionEnd::Dropped { .. } | PromotionEnd::Kept { .. }, verdict) => match verdict {
                Some(Verdict::Passed { .. }) => PromotionState::Proven,
                Some(Verdict::Failed { .. }) if self.cold.is_some() => PromotionState::AdvanceRed,
                Some(Verdict::Failed { .. } | Verdict::Unverified { .. } | Verdict::Skipped { .. })
                | None => PromotionState::NotPromoted,
            },
        }
    }

    /// Returns what became of it, for a line of a table.
    pub(crate) fn in_short(&self, run: &RunView) -> String {
        match (self.state(run), &self.end, &self.from) {
            (PromotionState::Promoted, _, None) => format!("born on {}", self.to),
            (PromotionState::Promoted, PromotionEnd::Promoted { advances, .. }, Some((_, from))) => {
                let nth = usize::try_from(*advances).unwrap_or(usize::MAX);
                format!("{from} → {}, {} survived", self.to, count(nth, "advance", "advances"))
            }
            (PromotionState::Promoted, _, Some((_, from))) => format!("{from} → {}", self.to),
            (PromotionState::Proven, _, _) => "proven, nothing committed".to_owned(),
            (PromotionState::AdvanceRed | PromotionState::NotPromoted, _, _) => "not promoted".to_owned(),
            (PromotionState::Unknown | PromotionState::Open, _, _) => "not known whether promoted".to_owned(),
        }
    }

    /// Returns where the canonical stands now, in a sentence. `name` makes a name of others stand apart.
    pub(crate) fn stands(&self, run: &RunView, name: impl Fn(&str) -> String) -> String {
        let recipe = name(run.recipe());
        let to = self.to;
        let before = match &self.from {
            Some((release, generation)) => {
                format!(
                    "The canonical of {recipe} is untouched: it stands on {} ({generation}), as before.",
                    name(release)
                )
            }
            None => format!("{recipe} had no canonical, and none was born."),
        };
        match (self.state(run), &self.end) {
            (PromotionState::Promoted, _) => {
                let release = name(run.rev());
                match self.from {
                    Some(_) => format!(
                        "The canonical of {recipe} stands on {release} ({to}) now: committed, and read back."
                    ),
                    None => format!(
                        "The canonical of {recipe} was born on {release} ({to}): committed, and read back."
                    ),
                }
            }
            (PromotionState::Unknown, _) => format!(
                "The registry did not say whether it took the commit. {} decides about {to}.",
                name(&format!("simmer reconcile {}", run.recipe()))
            ),
            (PromotionState::Open, _) => format!(
                "This log does not say what became of {to}. {} says where the canonical stands.",
                name(&format!("simmer canonical show {}", run.recipe()))
            ),
            (
                PromotionState::Proven | PromotionState::AdvanceRed | PromotionState::NotPromoted,
                PromotionEnd::Kept { until },
            ) => {
                format!("{before} The candidate {to} stays deployed until {}.", until.format(TIME))
            }
            (
                PromotionState::Proven | PromotionState::AdvanceRed | PromotionState::NotPromoted,
                PromotionEnd::Dropped { left },
            ) if !left.is_empty() => {
                let left: Vec<String> = left.iter().map(|one| name(one)).collect();
                format!("{before} Of the candidate {to} this is left: {}.", left.join(", "))
            }
            (PromotionState::Proven | PromotionState::AdvanceRed | PromotionState::NotPromoted, _) => before,
        }
    }

    /// Returns the facts, in the order in which they are told. What the log does not say has none.
    pub(crate) fn facts(&self, run: &RunView) -> Vec<Fact> {
        let mut facts = Vec::new();
        let mut say = |name, says: String| facts.push(Fact { name, says });
        let taken = self.state(run) == PromotionState::Promoted;
        let not = if taken { "" } else { ", not taken" };
        match &self.from {
            Some((release, generation)) => {
                say("release", format!("{release} → {}{not}", run.rev()));
                say("generation", format!("{generation} → {}{not}", self.to));
            }
            None => {
                say("release", format!("{}{not}", run.rev()));
                say("generation", format!("{}{not}", self.to));
            }
        }
        let (born, advances) = self.age();
        if let Some(born) = born {
            say("born", born.format(TIME).to_string());
        }
        if let Some(advances) = advances {
            say("advances survived", advances.to_string());
        }
        if let Some(cold) = &self.cold {
            say("allowed by", format!("run {cold}, level {}", self.cold_level));
        }
        if let Some((files, size, how)) = self.copied.as_ref().filter(|_| self.from.is_some()) {
            let how = if ["", "copied"].contains(&how.as_str()) { String::new() } else { format!(", {how}") };
            say("copied", format!("{}, {}{how}", files_of(*files), bytes(*size)));
        }
        if let Some(stood) = self.stood.as_ref().filter(|stood| !stood.planted.is_empty()) {
            let oldest = stood.planted.first().map_or("", String::as_str);
            let releases = count(stood.planted.len(), "release", "releases");
            say("markers planted", format!("at {releases}, the oldest at {oldest}"));
        }
        if self.from.is_some() {
            say("markers read back", read_back(run));
        }
        match &self.returned {
            Some(Verdict::Passed { .. }) => {
                say("way back", "the release that it stood on starts on a copy of its data".to_owned());
            }
            Some(Verdict::Failed { why } | Verdict::Unverified { why }) => say("way back", why.to_string()),
            Some(Verdict::Skipped { why }) => say("way back", why.to_string()),
            None => {}
        }
        let before = self.stood.as_ref().map(|stood| totals(&stood.fingerprint));
        match (before, self.fingerprint.as_ref().map(totals)) {
            (Some(before), Some(after)) => say("data", format!("{before} → {after}")),
            (Some(before), None) => say("data", format!("{before}, not touched")),
            (None, Some(after)) => say("data", after),
            (None, None) => {}
        }
        facts
    }

    /// Returns when the canonical was born and how many advances it has survived, as far as the log says.
    pub(crate) fn age(&self) -> (Option<DateTime<Utc>>, Option<u32>) {
        match (&self.end, &self.stood) {
            (PromotionEnd::Promoted { advances, born }, _) => (Some(*born), Some(*advances)),
            (PromotionEnd::Open | PromotionEnd::Dropped { .. } | PromotionEnd::Kept { .. }, Some(stood)) => {
                (Some(stood.born), Some(stood.advances))
            }
            (PromotionEnd::Open | PromotionEnd::Dropped { .. } | PromotionEnd::Kept { .. }, None) => {
                (None, None)
            }
        }
    }

    /// Returns what the volumes hold, by their names without a generation.
    pub(crate) fn held(&self) -> Vec<Held<'_>> {
        let (before, after) = self.prints();
        let names: BTreeSet<&String> =
            [before, after].into_iter().flatten().flat_map(|p| p.volumes.keys()).collect();
        names
            .into_iter()
            .map(|name| Held {
                volume: name,
                before: before.and_then(|p| p.volumes.get(name)),
                after: after.and_then(|p| p.volumes.get(name)),
            })
            .collect()
    }

    /// Returns the overlay's counts.
    pub(crate) fn counts(&self) -> Vec<Count<'_>> {
        let (before, after) = self.prints();
        let names: BTreeSet<&String> =
            [before, after].into_iter().flatten().flat_map(|p| p.counts.keys()).collect();
        names
            .into_iter()
            .map(|name| Count {
                name,
                before: before.and_then(|p| p.counts.get(name)).copied(),
                after: after.and_then(|p| p.counts.get(name)).copied(),
            })
            .collect()
    }

    fn prints(&self) -> (Option<&Fingerprint>, Option<&Fingerprint>) {
        (self.stood.as_ref().map(|stood| &stood.fingerprint), self.fingerprint.as_ref())
    }
}

/// How times of days and minutes are told.
const TIME: &str = "%Y-%m-%d %H:%M UTC";

fn files_of(files: u64) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{files} files") }
}

fn totals(print: &Fingerprint) -> String {
    let (files, size) = print.totals();
    format!("{}, {}", files_of(files), bytes(size))
}

/// What became of reading the markers back: the last time that it was done is the one that counts.
fn read_back(run: &RunView) -> String {
    let mut stages = run.sides.iter().filter(|side| side.side == Side::C).flat_map(|side| &side.stages);
    match stages.rfind(|stage| stage.stage == "read markers").map(|stage| &stage.ended) {
        Some(Some(ended)) if ended.ok => ended.detail.clone(),
        Some(Some(ended)) => format!("failed: {}", ended.detail),
        Some(None) => "the log ends while they were read".to_owned(),
        None => "it did not come so far".to_owned(),
    }
}

/// Returns the steps of a promotion in the order in which they were taken. What happens on the candidate's stack is one
/// step, and taking the stack down is another.
pub(crate) fn steps(run: &RunView) -> Vec<StepTold<'_>> {
    let known: BTreeMap<&str, Step> = Step::ALL.into_iter().map(|step| (step.name(), step)).collect();
    let mut steps: Vec<StepTold<'_>> = Vec::new();
    for stage in run.sides.iter().filter(|side| side.side == Side::C).flat_map(|side| &side.stages) {
        let own = known.get(stage.stage.as_str()).copied();
        let step = match own {
            Some(step) => step,
            None if stage.stage == "clear" => Step::Undeploy,
            None => Step::Prove,
        };
        if steps.last().is_none_or(|last| last.name != step.name()) {
            steps.push(StepTold {
                name: step.name(),
                millis: 0,
                end: StepEnd::Passed,
                says: "",
                of: Vec::new(),
            });
        }
        let told = steps.last_mut().expect("one was just put there");
        take(told, stage, own.is_some());
    }
    for side in run.sides.iter().filter(|side| side.side == Side::C) {
        let told_as_stage = side.stages.iter().any(|stage| stage.stage == "clear");
        if let Some(cleared) = side.cleared.as_ref().filter(|_| !told_as_stage) {
            clear(&mut steps, cleared);
        }
    }
    steps
}

/// Taking the stack down is told beside the stages: it is the work of the step that then looks whether it is down.
fn clear(steps: &mut Vec<StepTold<'_>>, cleared: &Cleared) {
    let (undeploy, prove) = (Step::Undeploy.name(), Step::Prove.name());
    let at = steps.iter().position(|step| step.name == undeploy).unwrap_or_else(|| {
        let at = steps.iter().rposition(|step| step.name == prove).map_or(steps.len(), |prove| prove + 1);
        steps.insert(
            at,
            StepTold { name: undeploy, millis: 0, end: StepEnd::Passed, says: "", of: Vec::new() },
        );
        at
    });
    let step = &mut steps[at];
    step.millis = step.millis.saturating_add(cleared.millis);
    if !cleared.left.is_empty() && step.end == StepEnd::Passed {
        step.end = StepEnd::Failed;
        step.says = "something is left of the stack";
    }
    step.of.push(("clear", cleared.millis));
}

fn take<'a>(told: &mut StepTold<'a>, stage: &'a StageView, is_own: bool) {
    let (millis, end, says) = match &stage.ended {
        Some(ended) if ended.ok => (ended.millis, StepEnd::Passed, ended.detail.as_str()),
        Some(ended) => (ended.millis, StepEnd::Failed, ended.detail.as_str()),
        None => (0, StepEnd::Open, ""),
    };
    told.millis = told.millis.saturating_add(millis);
    // The first that did not pass is what matters.
    if told.end == StepEnd::Passed {
        told.end = end;
    }
    if is_own || end == StepEnd::Failed {
        told.says = says;
    }
    if !is_own {
        told.of.push((&stage.stage, millis));
    }
}

impl StepTold<'_> {
    /// Returns what there is to say of it on a line: its own words, or the stages that took most of its time.
    pub(crate) fn detail(&self) -> String {
        let stages = || {
            let named = self.of.iter().filter(|(_, millis)| *millis >= SHOWN);
            named.map(|(stage, millis)| format!("{stage} {}", span(*millis))).collect::<Vec<_>>().join(" · ")
        };
        let failed = self.of.last().map(|(stage, _)| *stage);
        match (self.end, failed) {
            (StepEnd::Failed, Some(stage)) => format!("{stage}: {}", self.says),
            (StepEnd::Open, Some(stage)) => format!("the log ends in {stage}"),
            (StepEnd::Open, None) => "the log ends in it".to_owned(),
            (StepEnd::Passed | StepEnd::Failed, _) if !self.says.is_empty() => self.says.to_owned(),
            (StepEnd::Passed | StepEnd::Failed, _) => stages(),
        }
    }
}

/// Shorter stages are not named in a step's line; the timeline has them.
const SHOWN: u64 = 100;
