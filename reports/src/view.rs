//! One run as all reports see it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::canonical::{Fingerprint, Generation};
use domain::cause::{Cause, Fault, Vantage};
use domain::data::{DataState, HookMoment, Source};
use domain::event::{Context, Finding, Severity, Stood, Subject, Whose};
use domain::names::RunId;
use domain::verdict::Depth;
use domain::{Tier, Verdict};

use crate::log::Garbled;
use crate::side::{KeptFile, Share, SideView};
use crate::tally::Tally;
use crate::text::one_line;
use crate::wall::{Wall, wall};

/// A run, folded from its events. Any part may be missing: a log can be cut anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunView {
    /// None when not one line could be read.
    pub run: Option<RunId>,
    pub start: Option<Start>,
    pub end: End,
    /// In the order of judging; tiers of which the log says nothing are not listed.
    pub tiers: Vec<TierView>,
    /// In the order in which they started.
    pub sides: Vec<SideView>,
    pub findings: Vec<Finding>,
    pub warnings: Vec<Warning>,
    /// What a promotion did with the canonical; none in a cold run.
    pub promotion: Option<PromotionView>,
    /// What the log itself lacks.
    pub trouble: Trouble,
}

/// A release on its way to the canonical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromotionView {
    /// Release and generation that the canonical stood on; none when it was born here.
    pub from: Option<(String, Generation)>,
    pub to: Generation,
    /// The green cold run that allowed it, and its level; none for a dry promotion.
    pub cold: Option<RunId>,
    pub cold_level: u8,
    /// How the canonical stood before; none when it was born here, and in older logs.
    pub stood: Option<Stood>,
    /// Files, bytes and how they came.
    pub copied: Option<(u64, u64, String)>,
    pub fingerprint: Option<Fingerprint>,
    /// Whether the way back was tried, and how that ended.
    pub returned: Option<Verdict>,
    pub end: PromotionEnd,
}

/// What became of a promotion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromotionEnd {
    /// The log does not say.
    Open,
    Promoted {
        advances: u32,
        born: DateTime<Utc>,
    },
    /// The canonical stands where it stood; what is left of the candidate is named.
    Dropped {
        left: Vec<String>,
    },
    /// The canonical stands where it stood; the candidate stays deployed until then.
    Kept {
        until: DateTime<Utc>,
    },
}

/// What was known when the run began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    pub at: DateTime<Utc>,
    pub subject: Subject,
    pub bases: Vec<String>,
    pub context: Context,
    pub harness: String,
    pub engine: String,
}

/// How the log ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Ended {
        at: DateTime<Utc>,
        millis: u64,
        /// The lower of what was written and what the verdicts allow.
        level: u8,
        /// What was left in the swarm.
        left: Vec<String>,
    },
    /// There is no last event: the process was killed, or is still at work.
    Open {
        /// Time of the last event that could be read.
        last: Option<DateTime<Utc>>,
    },
}

impl Default for End {
    fn default() -> Self {
        Self::Open { last: None }
    }
}

/// What became of one tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierView {
    pub tier: Tier,
    /// The worst over all bases. None: it was begun and not judged.
    pub verdict: Option<Verdict>,
    /// One entry for each judgement in the log.
    pub each: Vec<BaseVerdict>,
    /// After a failure, what is known of the data (CC-081): of the judgement that stands.
    pub data: Option<DataState>,
}

/// A tier's verdict for one base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseVerdict {
    pub base: Option<String>,
    pub verdict: Verdict,
    pub data: Option<DataState>,
}

/// A warning: never a cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub at: DateTime<Utc>,
    pub says: String,
}

/// What is wrong with the log, not with the recipe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Events of a newer version, by name.
    pub unknown: BTreeMap<String, u64>,
    pub garbled: Vec<Garbled>,
    pub newer_format: Option<u32>,
    /// Numbers that are missing in the sequence.
    pub lost: u64,
    /// Events of another run in the same log; they were left out.
    pub foreign: u64,
    /// Files that events name and that are not in the run's folder; they are not read and not linked.
    pub outside: Vec<String>,
    /// Where the log says two things at once; the worse one was taken (law 1).
    pub contradictions: Vec<String>,
}

impl Trouble {
    /// Returns a sentence for each trouble; empty for a sound log.
    pub fn sentences(&self) -> Vec<String> {
        let Self { unknown, garbled, newer_format, lost, foreign, outside, contradictions } = self;
        let mut said = Vec::new();
        if let Some(version) = newer_format {
            said.push(format!("the log was written in format {version}, newer than this Simmer knows"));
        }
        for (name, count) in unknown {
            said.push(format!("{count} × event `{name}` is not known here and was left out"));
        }
        for Garbled { line, says } in garbled {
            said.push(format!("line {line} of the log cannot be read: {says}"));
        }
        if *lost > 0 {
            said.push(format!("{lost} events are missing in the sequence"));
        }
        if *foreign > 0 {
            said.push(format!("{foreign} events of another run were left out"));
        }
        for file in outside {
            let file = one_line(file, 120);
            said.push(format!(
                "an event names the file `{file}`, which is not in the run's folder: it is not read"
            ));
        }
        said.extend(contradictions.iter().cloned());
        said
    }
}

/// The run in one word. The order is the order of urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Failed,
    /// The log has no end, and nothing failed up to there.
    DidNotEnd,
    /// Blocks like a failure, and says nothing against the recipe.
    NotJudged,
    /// Every tier was skipped.
    NothingJudged,
    Superficial,
    Passed,
}

impl State {
    /// Returns the words for tables and headlines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::DidNotEnd => "did not end",
            Self::NotJudged => "not judged",
            Self::NothingJudged => "nothing judged",
            Self::Superficial => "passed (superficial)",
            Self::Passed => "passed",
        }
    }

    /// Returns the stable name for outputs that are counted.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::DidNotEnd => "did_not_end",
            Self::NotJudged => "not_judged",
            Self::NothingJudged => "nothing_judged",
            Self::Superficial => "superficial",
            Self::Passed => "passed",
        }
    }
}

/// The tiers in the order of the ladder: the lowest broken rung leads a report.
const BY_RUNG: [Tier; 7] =
    [Tier::Install, Tier::Upgrade, Tier::Backup, Tier::Restore, Tier::Custom, Tier::Lint, Tier::Advance];

impl RunView {
    /// Returns the run in one word. A failed tier stands even when the run did not end.
    pub fn state(&self) -> State {
        let verdicts = || self.tiers.iter().map(|t| t.verdict.as_ref());
        if verdicts().any(|v| matches!(v, Some(Verdict::Failed { .. }))) {
            return State::Failed;
        }
        if matches!(self.end, End::Open { .. }) {
            return State::DidNotEnd;
        }
        if verdicts().any(|v| matches!(v, Some(Verdict::Unverified { .. }) | None)) {
            return State::NotJudged;
        }
        let passed =
            |depth| verdicts().any(|v| matches!(v, Some(Verdict::Passed { depth: d }) if *d == depth));
        match (passed(Depth::Superficial), passed(Depth::Asserted)) {
            (true, _) => State::Superficial,
            (false, true) => State::Passed,
            (false, false) => State::NothingJudged,
        }
    }

    /// Returns the tier that explains the run: the lowest rung that failed, else the lowest that could not
    /// be judged for a reason of its own.
    pub fn lead(&self) -> Option<(Tier, &Verdict, &Cause)> {
        let broken = || {
            BY_RUNG.iter().filter_map(|tier| {
                let verdict = self.tier(*tier)?.verdict.as_ref()?;
                Some((*tier, verdict, verdict.cause()?))
            })
        };
        broken()
            .find(|(_, verdict, _)| matches!(verdict, Verdict::Failed { .. }))
            .or_else(|| broken().find(|(_, _, cause)| !matches!(cause, Cause::After { .. })))
            .or_else(|| broken().next())
    }

    /// Returns what the log says of a tier.
    pub fn tier(&self, tier: Tier) -> Option<&TierView> {
        self.tiers.iter().find(|t| t.tier == tier)
    }

    /// Returns the verdict for a table, with the fault of what could not be judged.
    pub fn verdict_words(&self) -> String {
        match (self.state(), self.lead()) {
            (State::NotJudged, Some((_, _, cause))) => format!("not judged ({})", fault_of(cause)),
            (state, _) => state.word().to_owned(),
        }
    }

    /// Returns the level; None while the run has no end.
    pub fn level(&self) -> Option<u8> {
        match self.end {
            End::Ended { level, .. } => Some(level),
            End::Open { .. } => None,
        }
    }

    /// Returns how long the run took, or how far the log reaches.
    pub fn millis(&self) -> u64 {
        match (&self.end, &self.start) {
            (End::Ended { millis, .. }, _) => *millis,
            (End::Open { last: Some(last) }, Some(start)) => millis_between(start.at, *last),
            (End::Open { .. }, _) => 0,
        }
    }

    /// Returns what is left in the swarm, each thing once: by the last listing, and by each side's.
    pub fn left(&self) -> Vec<&str> {
        let of_end: &[String] = match &self.end {
            End::Ended { left, .. } => left,
            End::Open { .. } => &[],
        };
        let of_sides = match self.end {
            // The last listing is the newer fact.
            End::Ended { .. } => &[],
            End::Open { .. } => self.sides.as_slice(),
        };
        let mut left: Vec<&str> = of_sides
            .iter()
            .filter_map(|s| s.cleared.as_ref())
            .flat_map(|c| &c.left)
            .chain(of_end)
            .map(String::as_str)
            .collect();
        left.sort_unstable();
        left.dedup();
        left
    }

    /// Returns the recipe's name, or `?` where the first line is lost.
    pub fn recipe(&self) -> &str {
        self.start.as_ref().map_or("?", |s| s.subject.recipe.as_str())
    }

    /// Returns the release's tag, else the short commit.
    pub fn rev(&self) -> &str {
        match self.start.as_ref().map(|s| &s.subject) {
            Some(subject) if subject.released => &subject.at,
            Some(subject) => short(&subject.commit),
            None => "?",
        }
    }

    /// Returns the milliseconds of a tier's stages, told apart by whose they were: soaking and clearing are
    /// ours. Stages that have no end do not count.
    pub fn tier_millis(&self, tier: Tier, whose: Whose) -> u64 {
        saturating_sum(self.sides.iter().map(|s| s.tier_millis(tier, whose)))
    }

    /// Returns the milliseconds of a tier's stages of one share.
    pub fn tier_share(&self, tier: Tier, of: Share) -> u64 {
        saturating_sum(self.sides.iter().map(|s| s.share_millis(of, Some(tier))))
    }

    /// Returns what became of the run's wall time; None while the run has no end.
    pub fn wall(&self) -> Option<Wall> {
        match self.end {
            End::Ended { millis, .. } => Some(wall(&self.sides, millis)),
            End::Open { .. } => None,
        }
    }

    /// Returns the counts of the tests of one tier, or of all (CC-053).
    pub fn tally(&self, tier: Option<Tier>) -> Tally {
        let tests = self.sides.iter().flat_map(|s| &s.tests);
        Tally::of(tests.map(|t| &t.tested).filter(|t| tier.is_none_or(|tier| t.tier == tier)))
    }

    /// Returns every file that the events name and that lies in the run's folder, each once: logs, and the output
    /// of tests and hooks. A name that would lead out of the folder is left out, whoever wrote it.
    pub fn kept_files(&self) -> Vec<KeptFile<'_>> {
        let mut files: Vec<KeptFile<'_>> = Vec::new();
        for file in self.sides.iter().flat_map(SideView::kept_files) {
            if is_inside(file.file) && !files.iter().any(|known| known.file == file.file) {
                files.push(file);
            }
        }
        files
    }
}

/// Returns whether a path from an event stays in the run's folder: relative, without `..`, `.` or an empty part, a
/// backslash or a control character.
///
/// ```
/// assert!(reports::is_inside("logs/a-app.log"));
/// for out in ["../../etc/passwd", "/etc/passwd", "logs/../../x", "C:\\x", "a//b", "a/./b", "", "a\0b"] {
///     assert!(!reports::is_inside(out), "{out}");
/// }
/// ```
pub fn is_inside(path: &str) -> bool {
    !path.chars().any(|c| c.is_control() || c == '\\')
        && path.split('/').all(|part| !["", ".", ".."].contains(&part))
}

/// Returns whose fault it is, with the two causes told apart that speak of something else than the target.
pub(crate) fn fault_of(cause: &Cause) -> &'static str {
    match (cause, cause.fault()) {
        (Cause::BaseBroken { .. }, _) => "base release",
        (Cause::After { .. }, _) => "earlier tier",
        (_, Fault::Recipe) => "recipe",
        (_, Fault::Overlay) => "overlay",
        (_, Fault::Platform) => "platform",
        (_, Fault::Runner) => "runner",
    }
}

pub(crate) fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

pub(crate) fn vantage(from: Vantage) -> &'static str {
    match from {
        Vantage::Inside => "inside",
        Vantage::Outside => "outside",
    }
}

/// How a run says who brought a test or a datum (CC-034).
pub(crate) fn source(source: Source) -> &'static str {
    match source {
        Source::Generic => "generic",
        Source::Overlay => "overlay",
        Source::Recipe => "recipe",
    }
}

/// The tier in which a hook of the labels runs.
pub(crate) fn tier_of_hook(moment: HookMoment) -> Tier {
    match moment {
        HookMoment::BeforeBackup | HookMoment::AfterBackup => Tier::Backup,
        HookMoment::BeforeRestore | HookMoment::AfterRestore => Tier::Restore,
    }
}

pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// File and line of a finding; a finding about a whole file has no line.
pub(crate) fn place(finding: &Finding) -> String {
    match finding.line {
        0 => finding.file.clone(),
        line => format!("{}:{line}", finding.file),
    }
}

pub(crate) fn context(context: Context) -> &'static str {
    match context {
        Context::Hand => "by hand",
        Context::Sweep => "sweep",
        Context::PullRequest => "pull request",
        Context::Isolation => "isolation",
    }
}

/// A sum that a damaged log cannot overflow.
pub(crate) fn saturating_sum(millis: impl Iterator<Item = u64>) -> u64 {
    millis.fold(0, u64::saturating_add)
}

/// Milliseconds from one instant to a later one; 0 where the clock went back.
pub(crate) fn millis_between(from: DateTime<Utc>, to: DateTime<Utc>) -> u64 {
    u64::try_from((to - from).num_milliseconds()).unwrap_or(0)
}
