//! Events to a view. Never fails: whatever is missing stays missing, and is said.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::event::worst;
use domain::names::Side;
use domain::{Event, Tier, Verdict, What};

use crate::view::{
    BaseVerdict, Cleared, End, ImagesOf, KeptLog, ProbeView, RunView, SideView, StageEnd, StageView, Start,
    TierView, Warning, millis_between,
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
                let started = self.side(*side, *nth);
                started.tier = Some(*tier);
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
                let stage = StageView { stage: stage.clone(), from_millis, ended: None };
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
                let stages = &mut self.side(*side, *nth).stages;
                match stages.iter_mut().rev().find(|s| s.stage == *stage && s.ended.is_none()) {
                    Some(open) => open.ended = Some(ended),
                    // The line of its start is lost; its end tells when that was.
                    None => {
                        stages.push(StageView { stage: stage.clone(), from_millis, ended: Some(ended) });
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
                let side = self.side(*side, *nth);
                let stage = side.stages.iter().rev().find(|s| s.ended.is_none()).map(|s| s.stage.clone());
                side.probes.push(ProbeView { stage, probed: probed.clone() });
            }
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
            What::TierJudged { tier, base, judged, data: _ } => {
                let judged = BaseVerdict { base: base.clone(), verdict: judged.clone() };
                self.judged.entry(*tier).or_default().push(judged);
            }
            // The tiers that tell these come with their reports.
            What::TestEnded { .. }
            | What::DataTold { .. }
            | What::DataCounted { .. }
            | What::HookEnded { .. }
            | What::SnapshotMade { .. }
            | What::SnapshotRestored { .. } => {}
            What::RunEnded { level, verdicts, millis, left } => {
                self.view.end = End::Ended { at, millis: *millis, level: *level, left: left.clone() };
                self.told = Some((*level, verdicts.clone()));
            }
        }
    }

    fn side(&mut self, side: Side, nth: usize) -> &mut SideView {
        let sides = &mut self.view.sides;
        let at = sides.iter().position(|s| s.side == side && s.nth == nth).unwrap_or_else(|| {
            sides.push(SideView {
                side,
                nth,
                tier: None,
                stack: String::new(),
                domain: String::new(),
                base: None,
                stages: Vec::new(),
                probes: Vec::new(),
                deviations: Vec::new(),
                images: Vec::new(),
                logs: Vec::new(),
                cleared: None,
            });
            sides.len() - 1
        });
        &mut sides[at]
    }

    fn since(&self, at: DateTime<Utc>) -> u64 {
        self.zero.map_or(0, |zero| millis_between(zero, at))
    }

    fn finish(mut self) -> RunView {
        let begun = self.view.sides.iter().filter_map(|s| s.tier);
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
            self.view.tiers.push(TierView { tier, verdict, each });
        }
        self.check_level();
        self.name_bases();
        self.view
    }

    /// Law 1: a level that the verdicts do not carry is lowered.
    fn check_level(&mut self) {
        let verdicts: BTreeMap<Tier, Verdict> =
            self.view.tiers.iter().filter_map(|t| Some((t.tier, t.verdict.clone()?))).collect();
        let allowed = domain::level::level(&verdicts);
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
        for side in self.view.sides.iter_mut().filter(|s| s.side == Side::B) {
            side.base = bases.get(side.nth).cloned();
        }
    }
}
