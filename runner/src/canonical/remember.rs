//! What the registry is told of a cold run: whether it was green on all tiers, which is what allows a promotion.

use std::collections::BTreeMap;

use domain::event::Event;
use domain::verdict::Skip;
use domain::{RunId, Tier, Verdict, What};

use crate::store::RunRecord;

/// Folds a run's events into its record; `None` for a log without beginning or end.
pub fn record_of(run: &RunId, events: &[Event]) -> Option<RunRecord> {
    let (subject, context, harness, started) = events.iter().find_map(|event| {
        let What::RunStarted { subject, context, harness, .. } = &event.what else { return None };
        Some((subject.clone(), *context, harness.clone(), event.at))
    })?;
    let (level, verdicts, ended) = events.iter().rev().find_map(|event| {
        let What::RunEnded { level, verdicts, .. } = &event.what else { return None };
        Some((*level, verdicts.clone(), event.at))
    })?;
    let mut digests = BTreeMap::new();
    for event in events {
        if let What::ImagesResolved { release, images, .. } = &event.what
            && *release == subject.at
        {
            // Told as reference and digest.
            let digest = |told: &String| told.rsplit(' ').next().unwrap_or(told).to_owned();
            digests.extend(images.iter().map(|(service, told)| (service.clone(), digest(told))));
        }
    }
    let is_green = subject.released && is_green(&verdicts);
    Some(RunRecord {
        id: run.clone(),
        recipe: subject.recipe,
        release: subject.at,
        commit: subject.commit,
        context,
        started,
        ended,
        level,
        verdicts,
        digests,
        harness,
        is_green,
    })
}

/// Green on the whole ladder: every cold tier passed, or was left out for a reason that nobody chose for this run. A
/// quick run proves too little (CC-101).
pub fn is_green(verdicts: &BTreeMap<Tier, Verdict>) -> bool {
    Tier::COLD.iter().all(|tier| match verdicts.get(tier) {
        Some(Verdict::Passed { .. }) => true,
        Some(Verdict::Skipped { why }) => match why {
            Skip::NoOlderRelease | Skip::NoBackupLabel | Skip::NoTests | Skip::ExpectedNa { .. } => true,
            Skip::NotAsked => false,
        },
        Some(Verdict::Failed { .. } | Verdict::Unverified { .. }) | None => false,
    })
}

#[cfg(test)]
mod tests {
    use domain::Cause;
    use domain::verdict::Depth;

    use super::*;

    fn all(verdict: &Verdict) -> BTreeMap<Tier, Verdict> {
        Tier::COLD.into_iter().map(|tier| (tier, verdict.clone())).collect()
    }

    #[test]
    fn cc_101_only_a_whole_run_without_a_red_or_unjudged_tier_is_green() {
        let passed = Verdict::Passed { depth: Depth::Asserted };
        assert!(is_green(&all(&passed)));
        for (bad, why) in [
            (Verdict::Skipped { why: Skip::NotAsked }, "a quick run"),
            (Verdict::of(Cause::Interrupted), "not judged"),
            (Verdict::of(Cause::BadRecipe { says: String::new() }), "red"),
        ] {
            let mut verdicts = all(&passed);
            verdicts.insert(Tier::Restore, bad);
            assert!(!is_green(&verdicts), "{why}");
        }
        let mut verdicts = all(&passed);
        verdicts.remove(&Tier::Custom);
        assert!(!is_green(&verdicts), "a tier of which nothing is known");
        let mut verdicts = all(&passed);
        verdicts.insert(Tier::Upgrade, Verdict::Skipped { why: Skip::NoOlderRelease });
        assert!(is_green(&verdicts), "a first release has nothing to upgrade from");
    }
}
