//! One stack of a run, and all that happened on it.

use std::collections::BTreeMap;

use domain::Tier;
use domain::data::{Counts, Datum, HookRun, Snapshot};
use domain::event::{Deviation, Probed, Whose};
use domain::names::Side;
use domain::test::Tested;

use crate::view::saturating_sum;

/// One stack of the run and all that happened on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideView {
    pub side: Side,
    pub nth: usize,
    /// The tier with which it began. Tier, stack and domain are unknown when the line that named them is lost.
    pub tier: Option<Tier>,
    pub stack: String,
    pub domain: String,
    /// Release from which it upgrades.
    pub base: Option<String>,
    pub stages: Vec<StageView>,
    pub probes: Vec<ProbeView>,
    pub tests: Vec<TestView>,
    pub data: Vec<Datum>,
    pub counts: Vec<Counted>,
    pub hooks: Vec<HookRun>,
    pub snapshots: Vec<SnapshotView>,
    pub deviations: Vec<Deviation>,
    /// In the order in which they were resolved.
    pub images: Vec<ImagesOf>,
    pub logs: Vec<KeptLog>,
    pub cleared: Option<Cleared>,
}

/// One stage on the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageView {
    pub stage: String,
    /// One stack carries several tiers: the one in whose time the stage falls.
    pub tier: Option<Tier>,
    /// Milliseconds from the start of the run.
    pub from_millis: u64,
    /// None: the log ends while it was at work.
    pub ended: Option<StageEnd>,
}

/// How a stage ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageEnd {
    pub millis: u64,
    pub whose: Whose,
    pub ok: bool,
    pub detail: String,
    pub facts: BTreeMap<String, String>,
}

/// One answer of a probe, with the stage and tier in which it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeView {
    pub stage: Option<String>,
    pub tier: Option<Tier>,
    pub probed: Probed,
}

/// One test, with the stage in which it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestView {
    pub stage: Option<String>,
    pub tested: Tested,
}

/// The overlay's counts, taken after a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub stage: String,
    pub counts: Counts,
}

/// What was done with a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotDeed {
    Made,
    Restored,
}

/// A snapshot of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotView {
    pub deed: SnapshotDeed,
    pub snapshot: Snapshot,
}

/// The images of one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagesOf {
    pub release: String,
    /// Service to image reference with digest.
    pub images: BTreeMap<String, String>,
}

/// Log text that was kept as evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLog {
    pub service: String,
    /// Path within the run's folder.
    pub file: String,
    pub lines: u64,
    /// Whether the text is only a part of what was said.
    pub cut: bool,
}

/// A file of evidence that the events name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFile<'a> {
    /// Path within the run's folder.
    pub file: &'a str,
    /// What it is, such as `A app` or `upgrade test repos survive`.
    pub title: String,
    /// The service of a log.
    pub service: Option<&'a str>,
    /// Lines as the event counted them, where it did.
    pub lines: Option<u64>,
    pub cut: bool,
}

/// The proof that a side was cleared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleared {
    /// Milliseconds from the start of the run.
    pub from_millis: u64,
    pub millis: u64,
    /// Empty is the proof.
    pub left: Vec<String>,
}

/// Time of a stage, by who is the reason for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// The app or the engine needed it.
    App,
    /// Chosen waiting: we look on whether what is settled stays so.
    Soak,
    /// The engine removes what the run made.
    Clear,
    /// We added it.
    Ours,
}

/// Returns whose time a stage was. Soaking and clearing are known by their names.
pub(crate) fn share(stage: &str, whose: Whose) -> Share {
    match (stage.split_whitespace().next(), whose) {
        (Some("soak"), _) => Share::Soak,
        (Some("clear"), _) => Share::Clear,
        (_, Whose::App) => Share::App,
        (_, Whose::Ours) => Share::Ours,
    }
}

impl SideView {
    pub(crate) fn new(side: Side, nth: usize) -> Self {
        Self {
            side,
            nth,
            tier: None,
            stack: String::new(),
            domain: String::new(),
            base: None,
            stages: Vec::new(),
            probes: Vec::new(),
            tests: Vec::new(),
            data: Vec::new(),
            counts: Vec::new(),
            hooks: Vec::new(),
            snapshots: Vec::new(),
            deviations: Vec::new(),
            images: Vec::new(),
            logs: Vec::new(),
            cleared: None,
        }
    }

    /// Returns the milliseconds of the side's ended stages of one kind. Soaking and clearing are ours.
    pub fn millis(&self, of: Whose) -> u64 {
        let stages = self.stages.iter().filter_map(|s| s.ended.as_ref());
        let staged = saturating_sum(stages.filter(|e| e.whose == of).map(|e| e.millis));
        match of {
            Whose::Ours => staged.saturating_add(self.clear_millis()),
            Whose::App => staged,
        }
    }

    /// Returns the milliseconds of the side's ended stages of one share: of one tier, or of all.
    pub fn share_millis(&self, of: Share, tier: Option<Tier>) -> u64 {
        let is_of = |s: &&StageView| tier.is_none() || s.tier == tier;
        let ended = self.stages.iter().filter(is_of).filter_map(|s| Some((&s.stage, s.ended.as_ref()?)));
        let staged =
            saturating_sum(ended.filter(|(stage, e)| share(stage, e.whose) == of).map(|(_, e)| e.millis));
        match of {
            Share::Clear if tier.is_none() || self.tier == tier => staged.saturating_add(self.clear_millis()),
            Share::Clear | Share::App | Share::Soak | Share::Ours => staged,
        }
    }

    /// Returns the milliseconds of the stages of one tier. Clearing belongs to the tier with which the stack began.
    pub fn tier_millis(&self, tier: Tier, of: Whose) -> u64 {
        let stages = self.stages.iter().filter(|s| s.tier == Some(tier)).filter_map(|s| s.ended.as_ref());
        let staged = saturating_sum(stages.filter(|e| e.whose == of).map(|e| e.millis));
        let clear = if of == Whose::Ours && self.tier == Some(tier) { self.clear_millis() } else { 0 };
        staged.saturating_add(clear)
    }

    /// Clearing that was not told as a stage.
    fn clear_millis(&self) -> u64 {
        let told_as_stage = self.stages.iter().any(|s| s.stage == "clear");
        self.cleared.as_ref().filter(|_| !told_as_stage).map_or(0, |c| c.millis)
    }

    /// Returns whether anything of the tier happened on this stack.
    pub fn carries(&self, tier: Tier) -> bool {
        self.tier == Some(tier)
            || self.stages.iter().any(|s| s.tier == Some(tier))
            || self.tests.iter().any(|t| t.tested.tier == tier)
    }

    /// Returns the tier of a stage by its name: of the last stage that has it, else the tier with which the stack
    /// began.
    pub fn tier_of_stage(&self, stage: &str) -> Option<Tier> {
        let known = self.stages.iter().rev().find(|s| s.stage == stage).and_then(|s| s.tier);
        known.or_else(|| crate::fold::tier_in_name(stage)).or(self.tier)
    }

    /// Returns the side's name for people: `A`, `B`, `B1`.
    pub fn label(&self) -> String {
        if self.nth == 0 { self.side.to_string() } else { format!("{}{}", self.side, self.nth) }
    }

    pub(crate) fn kept_files(&self) -> Vec<KeptFile<'_>> {
        let label = self.label();
        let logs = self.logs.iter().map(|log| KeptFile {
            file: &log.file,
            title: format!("{label} {}", log.service),
            service: Some(&log.service),
            lines: Some(log.lines),
            cut: log.cut,
        });
        let tests = self.tests.iter().filter_map(|t| {
            let title = format!("{label} {} test: {}", t.tested.tier, t.tested.name);
            Some(KeptFile { file: t.tested.file.as_deref()?, title, service: None, lines: None, cut: false })
        });
        let hooks = self.hooks.iter().filter_map(|h| {
            let title = format!("{label} {} hook of {}", h.moment, h.service);
            Some(KeptFile { file: h.file.as_deref()?, title, service: None, lines: None, cut: false })
        });
        logs.chain(tests).chain(hooks).collect()
    }

    /// Returns the probes that count: the last answer of each question in each stage.
    pub fn last_probes(&self) -> Vec<&ProbeView> {
        let same = |a: &ProbeView, b: &ProbeView| {
            (&a.stage, a.tier) == (&b.stage, b.tier)
                && a.probed.from == b.probed.from
                && a.probed.url == b.probed.url
        };
        let later = |n: usize| &self.probes[n + 1..];
        self.probes
            .iter()
            .enumerate()
            .filter(|(n, probe)| !later(*n).iter().any(|other| same(other, probe)))
            .map(|(_, probe)| probe)
            .collect()
    }
}
