//! Tests and readiness of the overlay and the recipe on one stack.

use std::sync::Arc;

use domain::test::TestOutcome;
use domain::{Cause, Tier, What};

use super::outside;
use super::side::{Did, SideRun};
use crate::exam::{self, EngineDoor, Examined, Marker, Scene};

impl SideRun<'_> {
    /// Returns what an ask needs to know of this stack.
    pub(crate) fn scene(&self, tier: Tier) -> Scene {
        let shared = self.shared;
        Scene {
            door: Arc::new(EngineDoor::new(shared.engine.clone(), self.stack.clone())),
            stack: self.stack.clone(),
            domain: self.domain.clone(),
            edge: shared.front.https(),
            published: outside::published(shared, &self.releases.target),
            trust: outside::trust(
                shared,
                outside::served(&self.releases.target, self.domain.as_str()).as_ref(),
            ),
            run: shared.log.run().clone(),
            recipe: shared.recipe.clone(),
            subject: shared.subject.clone(),
            base: self.plan.base.as_ref().filter(|_| self.is_upgraded).map(|base| base.tag.clone()),
            tier,
            primary_service: shared.overlay.primary_service.clone(),
            overlay: shared.overlay.folder.clone(),
            scratch: shared.log.folder().join("work"),
            evidence: shared.log.folder().to_owned(),
            docker_host: shared.engine.host().to_owned(),
            secrets: self.releases.target.secrets(),
            masker: shared.masker.clone(),
            cancel: shared.cancel.clone(),
            warden: shared.program.clone(),
            path: shared.path.clone(),
        }
    }

    /// Waits for everything that the overlay wants to hold, one after the other as it is written.
    pub(crate) async fn ready(&mut self, tier: Tier) -> Result<Did, Cause> {
        let scene = self.scene(tier);
        let marker = Marker::new(self.shared.log.run(), "ready");
        let mut told = Vec::new();
        for spec in &self.shared.overlay.readiness {
            let waited = exam::ready(&scene, spec, &marker).await;
            told.push(format!("{} after {} tries", spec.name, waited.probed.tries));
            self.tell(What::ProbeEnded { side: self.at.side, nth: self.at.nth, probed: waited.probed });
            if let Some(cause) = waited.cause {
                return Err(cause);
            }
        }
        Ok(told.join(", ").into())
    }

    /// Makes all tests of a tier, also after one that failed: a report with one failure of five is worth less than one
    /// with all five. The first cause is the tier's.
    pub(crate) async fn test(&mut self, tier: Tier) -> Result<Did, Cause> {
        let scene = self.scene(tier);
        let marker = Marker::new(self.shared.log.run(), tier.name());
        let mut tally = Tally::default();
        for spec in self.shared.overlay.tests.iter().filter(|spec| spec.tier == tier) {
            self.note(&spec.name);
            let examined = exam::test(&scene, spec, &marker).await;
            self.examined(examined, &mut tally);
            if tally.is_over() {
                break;
            }
        }
        for own in exam::own_tests(&self.shared.tree, tier) {
            if tally.is_over() {
                break;
            }
            self.note(&own.name);
            let examined = exam::own_test(&scene, &own, self.shared.author, &marker).await;
            self.examined(examined, &mut tally);
        }
        let Tally { passed, skipped, first } = tally;
        match first {
            Some(cause) => Err(cause),
            None if skipped > 0 => Ok(format!("{passed} passed, {skipped} skipped").into()),
            None => Ok(format!("{passed} passed").into()),
        }
    }

    fn note(&self, test: &str) {
        self.shared.view.note(self.at.side, self.at.nth, test.to_owned());
    }

    fn examined(&mut self, examined: Examined, tally: &mut Tally) {
        let Examined { tested, cause } = examined;
        match tested.outcome {
            TestOutcome::Passed => {
                tally.passed += 1;
                self.assert_for(tested.tier);
            }
            TestOutcome::Skipped { .. } => tally.skipped += 1,
            TestOutcome::Failed { .. } | TestOutcome::Broken { .. } => {}
        }
        self.tested(tested);
        if tally.first.is_none() {
            tally.first = cause;
        }
    }
}

/// What the tests of a tier came to.
#[derive(Debug, Default)]
struct Tally {
    passed: u32,
    skipped: u32,
    first: Option<Cause>,
}

impl Tally {
    /// Returns whether there is nothing more to find out.
    fn is_over(&self) -> bool {
        matches!(self.first, Some(Cause::Interrupted | Cause::Engine { .. }))
    }
}
