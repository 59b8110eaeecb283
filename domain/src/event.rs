//! Events: one line each in the append-only log. Screen, tables and reports are views of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::canonical::{Canonical, Fingerprint, Generation};
use crate::cause::{ProbeStep, Vantage};
use crate::data::{Counts, DataState, Datum, HookRun, Snapshot};
use crate::names::{Domain, RecipeName, RunId, Side, StackName};
use crate::test::Tested;
use crate::{Cause, Tier, Verdict};

/// The version of the event format, in every line of the log from its first day.
pub const FORMAT: u32 = 1;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Event {
    /// Format version, see [`FORMAT`].
    pub v: u32,
    /// Counts from 1 within the run; a gap is a lost line.
    pub seq: u64,
    pub at: DateTime<Utc>,
    pub run: RunId,
    #[serde(flatten)]
    pub what: What,
}

/// How a run came to be (CC-006).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Context {
    /// A person asked for it on the command line.
    Hand,
    Sweep,
    PullRequest,
    Isolation,
}

/// What is under test.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Subject {
    pub recipe: RecipeName,
    /// The tag, or the ref as the caller named it.
    pub at: String,
    /// 40 hexadecimal digits.
    pub commit: String,
    /// Whether `at` is a release tag.
    pub released: bool,
}

/// Whose time a stage took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// The app or the engine needed it.
    App,
    /// We added it.
    Ours,
}

/// A broken rule of `lint`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// The rule's id, such as `R011` or `S003`.
    pub rule: String,
    pub severity: Severity,
    pub file: String,
    /// Counted from 1; 0 where the finding is about the whole file.
    pub line: u32,
    pub says: String,
    pub remedy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    Error,
}

/// One attempt to reach the app (CC-042).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Probed {
    pub from: Vantage,
    pub url: String,
    /// How far it came: the last step that was tried.
    pub step: ProbeStep,
    pub ok: bool,
    pub says: String,
    pub tries: u32,
    pub millis: u64,
}

/// Where a harness departs from the recipe as written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Deviation {
    /// Such as `services.app.deploy.endpoint_mode`.
    pub at: String,
    pub says: String,
}

/// What happened. Noun and past-tense verb.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    RunStarted {
        subject: Subject,
        /// Tags of the bases of the upgrade.
        bases: Vec<String>,
        context: Context,
        /// Version of this harness (`recall` voids by it).
        harness: String,
        engine: String,
    },
    LintFound {
        findings: Vec<Finding>,
    },
    SideStarted {
        side: Side,
        nth: usize,
        tier: Tier,
        stack: StackName,
        domain: Domain,
    },
    DeviationNoted {
        side: Side,
        nth: usize,
        deviation: Deviation,
    },
    StageStarted {
        side: Side,
        nth: usize,
        stage: String,
    },
    /// `detail` is for people; numbers that reports need stand in `facts`.
    StageEnded {
        side: Side,
        nth: usize,
        stage: String,
        millis: u64,
        whose: Whose,
        ok: bool,
        detail: String,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        facts: BTreeMap<String, String>,
    },
    /// Image reference and resolved digest (or image id) of each service.
    ImagesResolved {
        side: Side,
        nth: usize,
        release: String,
        images: BTreeMap<String, String>,
    },
    ProbeEnded {
        side: Side,
        nth: usize,
        probed: Probed,
    },
    /// A test of a tier ended: generic, overlay's or recipe's own.
    TestEnded {
        side: Side,
        nth: usize,
        tested: Tested,
    },
    /// A datum was planted, read back or destroyed.
    DataTold {
        side: Side,
        nth: usize,
        datum: Datum,
    },
    /// The overlay's counts, taken after the named stage.
    DataCounted {
        side: Side,
        nth: usize,
        stage: String,
        counts: Counts,
    },
    HookEnded {
        side: Side,
        nth: usize,
        hook: HookRun,
    },
    SnapshotMade {
        side: Side,
        nth: usize,
        snapshot: Snapshot,
    },
    SnapshotRestored {
        side: Side,
        nth: usize,
        snapshot: Snapshot,
    },
    /// A release is carried onto the recipe's canonical.
    PromotionStarted {
        /// Release and generation that the canonical stands on; `None` when it is born now.
        from: Option<(String, Generation)>,
        to: Generation,
        /// The green cold run that allows it; a dry promotion needs none.
        cold: Option<RunId>,
        cold_level: u8,
        /// What the record said before; `None` when the canonical is born now, and in older logs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stood: Option<Box<Stood>>,
    },
    /// The candidate generation's volumes are there.
    GenerationMade {
        generation: Generation,
        volumes: Vec<String>,
        files: u64,
        bytes: u64,
        /// Such as `reflink` or `copied`; empty where there was nothing to copy.
        how: String,
        millis: u64,
    },
    GenerationPrinted {
        generation: Generation,
        fingerprint: Fingerprint,
    },
    /// The record was committed and read back.
    Promoted {
        generation: Generation,
        advances: u32,
        born: DateTime<Utc>,
    },
    /// The promotion failed: what it made is gone, but for what is named.
    CandidateDropped {
        generation: Generation,
        left: Vec<String>,
    },
    /// The candidate failed, and stays deployed for a person until its end has come.
    CandidateKept {
        generation: Generation,
        until: DateTime<Utc>,
    },
    /// Whether the release that the canonical stands on starts on a copy of its generation: the way back.
    ReturnJudged {
        release: String,
        generation: Generation,
        judged: Verdict,
    },
    /// The canonical's release is deployed on a copy of its generation, for a person, until its end has come.
    Opened {
        /// The copy.
        generation: Generation,
        url: String,
        until: DateTime<Utc>,
    },
    /// What was open is not any more.
    Closed {
        generation: Generation,
        kept: KeptCopy,
    },
    /// A warning: never the cause of anything (CC-039).
    Warned {
        says: String,
    },
    /// Log text of a task was kept as evidence in the named file of the run's folder (CC-054).
    LogKept {
        side: Side,
        nth: usize,
        service: String,
        file: String,
        lines: u64,
        cut: bool,
    },
    /// The listing after clearing. Empty is the proof (CC-150).
    SideCleared {
        side: Side,
        nth: usize,
        millis: u64,
        left: Vec<String>,
    },
    TierJudged {
        tier: Tier,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<String>,
        judged: Verdict,
        /// After a failure, what is known of the data (CC-081).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<DataState>,
    },
    RunEnded {
        level: u8,
        verdicts: BTreeMap<Tier, Verdict>,
        millis: u64,
        left: Vec<String>,
    },
}

/// How a canonical stood when a promotion began, as its record told.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stood {
    pub born: DateTime<Utc>,
    /// When the generation that it stood on was committed.
    pub at: DateTime<Utc>,
    /// Advances survived until then.
    pub advances: u32,
    /// Releases at which markers were planted, oldest first.
    pub planted: Vec<String>,
    pub fingerprint: Fingerprint,
}

impl From<&Canonical> for Stood {
    fn from(canonical: &Canonical) -> Self {
        let Canonical { born, at, advances, planted, fingerprint, .. } = canonical;
        Self {
            born: *born,
            at: *at,
            advances: *advances,
            planted: planted.iter().map(|planted| planted.release.clone()).collect(),
            fingerprint: fingerprint.clone(),
        }
    }
}

/// What became of a copy that was open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptCopy {
    /// It is gone; the committed generation is what it was.
    No,
    /// It is the committed generation now.
    Yes,
}

/// Folds the verdicts of several bases into the tier's one: the worst stands, and the first of the worst.
pub fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Option<Verdict> {
    fn rank(verdict: &Verdict) -> u8 {
        match verdict {
            Verdict::Failed { why: Cause::Interrupted } => 3,
            Verdict::Failed { .. } => 4,
            Verdict::Unverified { .. } => 3,
            Verdict::Passed { depth: crate::verdict::Depth::Superficial } => 2,
            Verdict::Passed { .. } => 1,
            Verdict::Skipped { .. } => 0,
        }
    }
    verdicts.into_iter().reduce(|a, b| if rank(&b) > rank(&a) { b } else { a })
}
