//! Tests and readiness of the overlay and the recipe on one stack.

use std::sync::Arc;

use domain::test::TestOutcome;
use domain::{Cause, Tier, What};

use super::side::{Did, SideRun};
use crate::exam::{self, EngineDoor, Marker, Scene};

impl SideRun<'_> {
    /// Returns what an ask needs to know of this stack.
    pub(crate) fn scene(&self, tier: Tier) -> Scene {
        let shared = self.shared;
        Scene {
            door: Arc::new(EngineDoor::new(shared.engine.clone(), self.stack.clone())),
            stack: self.stack.clone(),
            domain: self.domain.clone(),
            edge: shared.front.https(),
            trust: shared.front.trust(),
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
        let mut first = None;
        let (mut passed, mut skipped, mut failed) = (0, 0, 0);
        for spec in self.shared.overlay.tests.iter().filter(|spec| spec.tier == tier) {
            self.shared.view.note(self.at.side, self.at.nth, spec.name.clone());
            let examined = exam::test(&scene, spec, &marker).await;
            match examined.tested.outcome {
                TestOutcome::Passed => {
                    passed += 1;
                    self.assert_for(tier);
                }
                TestOutcome::Skipped { .. } => skipped += 1,
                TestOutcome::Failed { .. } | TestOutcome::Broken { .. } => failed += 1,
            }
            self.tested(examined.tested);
            let is_over = matches!(examined.cause, Some(Cause::Interrupted));
            first = first.or(examined.cause);
            if is_over {
                break;
            }
        }
        match first {
            Some(cause) => Err(cause),
            None if skipped > 0 => Ok(format!("{passed} passed, {skipped} skipped").into()),
            None if failed > 0 => Err(Cause::Ours { says: "a test failed without a cause".into() }),
            None => Ok(format!("{passed} passed").into()),
        }
    }
}
