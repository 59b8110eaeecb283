//! Events to a view. Never fails: whatever is missing stays missing, and is said.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::event::worst;
use domain::names::Side;
use domain::{Event, Tier, Verdict, What};

use crate::side::{
    Cleared, Counted, ImagesOf, KeptLog, ProbeView, SideView, SnapshotDeed, SnapshotView, StageEnd,
    StageView, TestView,
};
use crate::view::{
    BaseVerdict, End, PromotionEnd, PromotionView, RunView, Start, TierView, Warning, is_inside,
    millis_between,
};

/// Folds the events of one run. Events of another run are counted and left out.
pub fn fold(events: &[Event]) -> RunView {
    let mut folding = Folding { zero: events.first().map(|e| e.at), ..Folding::default() };
    let mut next = 1;
    for event in events {
        let run = folding.view.run.get_or_insert_with(|| event.run.clone());
        if *run != event.run {
            folding.view.trouble.foreign += 1;
            continue;
        }
        if event.seq > next {
            folding.view.trouble.lost = folding.view.trouble.lost.saturating_add(event.seq - next);
        }
        next = next.max(event.seq.saturating_add(1));
        if let End::Open { last } = &mut folding.view.end {
            *last = Some(event.at);
        }
        folding.take(event.at, &event.what);
    }
    folding.finish()
}

#[derive(Default)]
struct Folding {
    view: RunView,
    /// The zero of the timeline.
    zero: Option<DateTime<Utc>>,
    judged: BTreeMap<Tier, Vec<BaseVerdict>>,
    /// The tier that each stack is at.
    at: BTreeMap<(Side, usize), Tier>,
    told: Option<(u8, BTreeMap<Tier, Verdict>)>,
}

impl Folding {
    fn take(&mut self, at: DateTime<Utc>, what: &What) {
        match what {
            What::RunStarted { subject, bases, context, harness, engine } => {
                self.view.start = Some(Start {
                    at,
                    subject: subject.clone(),
                    bases: bases.clone(),
                    context: *context,
                    harness: harness.clone(),
                    engine: engine.clone(),
                });
            }
            What::LintFound { findings } => self.view.findings.extend(findings.iter().cloned()),
            What::SideStarted { side, nth, tier, stack, domain } => {
                self.at.insert((*side, *nth), *tier);
                let started = self.side(*side, *nth);
                // Told again, it is the next tier on the same stack.
                started.tier.get_or_insert(*tier);
                started.stack = stack.to_string();
                started.domain = domain.to_string();
            }
            What::DeviationNoted { side, nth, deviation } => {
                let side = self.side(*side, *nth);
                if !side.deviations.contains(deviation) {
                    side.deviations.push(deviation.clone());
                }
            }
            What::StageStarted { side, nth, stage } => {
                let from_millis = self.since(at);
                let tier = self.tier_of(*side, *nth, stage, None);
                let stage = StageView { stage: stage.clone(), tier, from_millis, ended: None };
                self.side(*side, *nth).stages.push(stage);
            }
            What::StageEnded { side, nth, stage, millis, whose, ok, detail, facts } => {
                let ended = StageEnd {
                    millis: *millis,
                    whose: *whose,
                    ok: *ok,
                    detail: detail.clone(),
                    facts: facts.clone(),
                };
                let from_millis = self.since(at).saturating_sub(*millis);
                let tier = self.tier_of(*side, *nth, stage, facts.get("tier"));
                let stages = &mut self.side(*side, *nth).stages;
                match stages.iter_mut().rev().find(|s| s.stage == *stage && s.ended.is_none()) {
                    Some(open) => {
                        open.tier = open.tier.filter(|_| !facts.contains_key("tier")).or(tier);
                        open.ended = Some(ended);
                    }
                    // The line of its start is lost; its end tells when that was.
                    None => {
                        let stage = stage.clone();
                        stages.push(StageView { stage, tier, from_millis, ended: Some(ended) });
                    }
                }
            }
            What::ImagesResolved { side, nth, release, images } => {
                let known = &mut self.side(*side, *nth).images;
                let images = ImagesOf { release: release.clone(), images: images.clone() };
                match known.iter_mut().find(|i| i.release == images.release) {
                    Some(earlier) => *earlier = images,
                    None => known.push(images),
                }
            }
            What::ProbeEnded { side, nth, probed } => {
                let tier = self.at.get(&(*side, *nth)).copied();
                let side = self.side(*side, *nth);
                let stage = open_stage(side);
                side.probes.push(ProbeView { stage, tier, probed: probed.clone() });
            }
            What::TestEnded { side, nth, tested } => {
                self.at.insert((*side, *nth), tested.tier);
                let side = self.side(*side, *nth);
                // The stage of the tests does not say whose they are.
                if let Some(open) = side.stages.iter_mut().rev().find(|s| s.ended.is_none()) {
                    open.tier = Some(tested.tier);
                }
                let stage = open_stage(side);
                side.tests.push(TestView { stage, tested: tested.clone() });
            }
            What::DataTold { side, nth, datum } => self.side(*side, *nth).data.push(datum.clone()),
            What::DataCounted { side, nth, stage, counts } => {
                let counted = Counted { stage: stage.clone(), counts: counts.clone() };
                self.side(*side, *nth).counts.push(counted);
            }
            What::HookEnded { side, nth, hook } => self.side(*side, *nth).hooks.push(hook.clone()),
            What::SnapshotMade { side, nth, snapshot } => {
                let snapshot = SnapshotView { deed: SnapshotDeed::Made, snapshot: snapshot.clone() };
                self.side(*side, *nth).snapshots.push(snapshot);
            }
            What::SnapshotRestored { side, nth, snapshot } => {
                let snapshot = SnapshotView { deed: SnapshotDeed::Restored, snapshot: snapshot.clone() };
                self.side(*side, *nth).snapshots.push(snapshot);
            }
            What::PromotionStarted { from, to, cold, cold_level, stood } => {
                self.view.promotion = Some(PromotionView {
                    from: from.clone(),
                    to: *to,
                    cold: cold.clone(),
                    cold_level: *cold_level,
                    stood: stood.as_deref().cloned(),
                    copied: None,
                    fingerprint: None,
                    returned: None,
                    end: PromotionEnd::Open,
                });
            }
            What::GenerationMade { files, bytes, how, .. } => {
                if let Some(promotion) = &mut self.view.promotion {
                    promotion.copied = Some((*files, *bytes, how.clone()));
                }
            }
            What::GenerationPrinted { fingerprint, .. } => {
                if let Some(promotion) = &mut self.view.promotion {
                    promotion.fingerprint = Some(fingerprint.clone());
                }
            }
            What::Promoted { advances, born, .. } => {
                if let Some(promotion) = &mut self.view.promotion {
                    promotion.end = PromotionEnd::Promoted { advances: *advances, born: *born };
                }
            }
            What::CandidateDropped { left, .. } => {
                if let Some(promotion) = &mut self.view.promotion {
                    promotion.end = PromotionEnd::Dropped { left: left.clone() };
                }
            }
            What::CandidateKept { until, .. } => {
                if let Some(promotion) = &mut self.view.promotion {
                    promotion.end = PromotionEnd::Kept { until: *until };
                }
            }
            What::ReturnJudged { judged, .. } => {
                if let Some(promotion) = &mut self.view.promotion {
                    promotion.returned = Some(judged.clone());
                }
            }
            // Of an opening, which judges nothing.
            What::Opened { .. } | What::Closed { .. } => {}
            What::Warned { says } => self.view.warnings.push(Warning { at, says: says.clone() }),
            What::LogKept { side, nth, service, file, lines, cut } => {
                let log = KeptLog { service: service.clone(), file: file.clone(), lines: *lines, cut: *cut };
                self.side(*side, *nth).logs.push(log);
            }
            What::SideCleared { side, nth, millis, left } => {
                let from_millis = self.since(at).saturating_sub(*millis);
                let cleared = Cleared { from_millis, millis: *millis, left: left.clone() };
                self.side(*side, *nth).cleared = Some(cleared);
            }
            What::TierJudged { tier, base, judged, data } => {
                let judged = BaseVerdict { base: base.clone(), verdict: judged.clone(), data: *data };
                self.judged.entry(*tier).or_default().push(judged);
            }
            What::RunEnded { level, verdicts, millis, left } => {
                self.view.end = End::Ended { at, millis: *millis, level: *level, left: left.clone() };
                self.told = Some((*level, verdicts.clone()));
            }
        }
    }

    fn side(&mut self, side: Side, nth: usize) -> &mut SideView {
        let sides = &mut self.view.sides;
        let at = sides.iter().position(|s| s.side == side && s.nth == nth).unwrap_or_else(|| {
            sides.push(SideView::new(side, nth));
            sides.len() - 1
        });
        &mut sides[at]
    }

    /// One stack carries several tiers. A stage says to which it belongs, by a fact or by its name; one that does not
    /// belongs to the tier of the stage before it.
    fn tier_of(&mut self, side: Side, nth: usize, stage: &str, told: Option<&String>) -> Option<Tier> {
        let told = told.and_then(|tier| tier.parse().ok()).or_else(|| tier_in_name(stage));
        if let Some(tier) = told {
            self.at.insert((side, nth), tier);
        }
        self.at.get(&(side, nth)).copied()
    }

    fn since(&self, at: DateTime<Utc>) -> u64 {
        self.zero.map_or(0, |zero| millis_between(zero, at))
    }

    fn finish(mut self) -> RunView {
        let begun = self.view.sides.iter().flat_map(|side| {
            let staged = side.stages.iter().filter_map(|s| s.tier);
            staged.chain(side.tests.iter().map(|t| t.tested.tier)).chain(side.tier)
        });
        let told = self.told.iter().flat_map(|(_, verdicts)| verdicts.keys().copied());
        let tiers: std::collections::BTreeSet<Tier> =
            self.judged.keys().copied().chain(begun).chain(told).collect();
        for tier in tiers {
            let each = self.judged.remove(&tier).unwrap_or_default();
            let judged = worst(each.iter().map(|e| e.verdict.clone()));
            let told = self.told.as_ref().and_then(|(_, verdicts)| verdicts.get(&tier)).cloned();
            if let (Some(judged), Some(told)) = (&judged, &told)
                && judged.word() != told.word()
            {
                self.view.trouble.contradictions.push(format!(
                    "tier {tier} was judged `{}` and the run ended with `{}`; the worse one stands",
                    judged.word(),
                    told.word()
                ));
            }
            let verdict = worst(judged.into_iter().chain(told));
            let data = each.iter().find(|e| Some(&e.verdict) == verdict.as_ref()).and_then(|e| e.data);
            self.view.tiers.push(TierView { tier, verdict, each, data });
        }
        self.check_level();
        self.name_bases();
        let files = self.view.sides.iter().flat_map(SideView::kept_files).map(|kept| kept.file);
        let outside: std::collections::BTreeSet<&str> = files.filter(|file| !is_inside(file)).collect();
        self.view.trouble.outside = outside.into_iter().map(str::to_owned).collect();
        self.view
    }

    /// Law 1: a level that the verdicts do not carry is lowered.
    fn check_level(&mut self) {
        let verdicts: BTreeMap<Tier, Verdict> =
            self.view.tiers.iter().filter_map(|t| Some((t.tier, t.verdict.clone()?))).collect();
        let allowed = match &self.view.promotion {
            Some(promotion) => domain::level::advanced(promotion.cold_level, verdicts.get(&Tier::Advance)),
            None => domain::level::level(&verdicts),
        };
        if let End::Ended { level, .. } = &mut self.view.end
            && *level > allowed
        {
            self.view.trouble.contradictions.push(format!(
                "the run ended with level {level}, but its verdicts carry {allowed} only; the lower one stands"
            ));
            *level = allowed;
        }
    }

    fn name_bases(&mut self) {
        let bases = self.view.start.as_ref().map(|s| s.bases.as_slice()).unwrap_or_default();
        // A fresh stack for the tiers that are left upgrades from nothing.
        let upgrades = |s: &&mut SideView| s.side == Side::B && matches!(s.tier, Some(Tier::Upgrade) | None);
        for side in self.view.sides.iter_mut().filter(upgrades) {
            side.base = bases.get(side.nth).cloned();
        }
    }
}

/// The tier that a stage's name says, by itself or by one of its words.
pub(crate) fn tier_in_name(stage: &str) -> Option<Tier> {
    match stage {
        "mark" => Some(Tier::Backup),
        "mark newer" | "destroy" | "read back" => Some(Tier::Restore),
        _ => stage.split_whitespace().find_map(|word| word.parse().ok()),
    }
}

fn open_stage(side: &SideView) -> Option<String> {
    side.stages.iter().rev().find(|s| s.ended.is_none()).map(|s| s.stage.clone())
}
