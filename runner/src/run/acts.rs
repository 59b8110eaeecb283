//! What every stack goes through, whatever its app keeps: images, deploy, settling, soaking, probes, and the floor's own
//! checks of an upgrade.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::plan::Which;
use domain::settle::{Awaited, SettleLimits};
use domain::{Cause, Tier, What};
use harness::engine::{Freshness, Wanted};

use super::side::{Did, SideRun, delta, never_deployed};
use super::witness::Places;
use super::{check, outside, witness};

/// How long after hooks an end that they asked for shows: a process ends within milliseconds of its signal, and the
/// manager hears of it within 400 ms.
const HOOKS_SHOW: Duration = Duration::from_secs(1);

impl SideRun<'_> {
    /// Plants the witness files that an upgrade has to keep, and looks at what runs before it.
    pub(crate) async fn seed(&mut self) -> Result<Did, Cause> {
        let tasks = witness::tasks(self.shared, self.stack).await?;
        let file = self.witness_file();
        let (before, planted) = tokio::join!(
            check::running(self.shared, self.stack, &tasks),
            witness::plant(self.shared, self.stack, &tasks, "seed", &file, &Places::Roots)
        );
        self.before = Some(before?);
        self.witnesses = planted?;
        Ok(format!("{} volumes", self.witnesses.len()).into())
    }

    pub(crate) async fn pull(&mut self, which: Which) -> Result<Did, Cause> {
        let built = self.releases.get(which);
        let resolved = self
            .shared
            .engine
            .ensure_images(&built.images, Freshness::LocalWins)
            .await
            .map_err(|e| e.cause())?;
        let images: BTreeMap<String, String> = resolved
            .iter()
            .map(|(service, image)| (service.clone(), format!("{} {}", image.reference, image.digest)))
            .collect();
        let pulled = resolved.values().filter(|i| i.pulled).count();
        self.tell(What::ImagesResolved {
            side: self.at.side,
            nth: self.at.nth,
            release: built.release.clone(),
            images,
        });
        let count = resolved.len();
        self.resolved.push((which, resolved));
        Ok(format!("{count} images, {pulled} fetched").into())
    }

    pub(crate) async fn deploy(&mut self, which: Which) -> Result<Did, Cause> {
        let built = self.releases.get(which);
        let mut wanted = Wanted::from(&built.specs);
        if let Some((_, resolved)) = self.resolved.iter().rev().find(|(of, _)| *of == which) {
            wanted = wanted.pinned(resolved, self.shared.nodes);
        }
        let applied =
            self.shared.engine.apply_wanted(&wanted, self.applied.as_ref()).await.map_err(|e| e.cause())?;
        self.applied = Some(applied);
        for says in self.shared.front.route(self.shared, self.stack, built) {
            self.tell(What::Warned { says });
        }
        Ok(format!("{} services of {}", built.specs.services.len(), built.release).into())
    }

    pub(crate) async fn settle(&mut self) -> Result<Did, Cause> {
        let applied = self.applied.as_ref().ok_or_else(never_deployed)?;
        let limits =
            SettleLimits { window: delta(self.shared.overlay.health.window), ..SettleLimits::default() };
        let (view, at) = (self.shared.view.clone(), self.at);
        let mut note = |awaited: &[Awaited]| {
            let text: Vec<_> = awaited.iter().map(|a| format!("{} {}", a.service, a.why)).collect();
            view.note(at.side, at.nth, text.join(" · "));
        };
        loop {
            let settled = self.shared.engine.settle(applied, &limits, &mut note).await;
            let settled = settled.map_err(|trouble| trouble.cause)?;
            if self.hooks_ran {
                // A hook may have asked a process to end that is still there to be seen, and well.
                match self.shared.engine.soak(applied, settled.at, HOOKS_SHOW).await {
                    Ok(()) => {}
                    // Whether it comes back is for settling to say; its window goes on from the restore.
                    Err(Cause::LostAfterSettled { .. }) => continue,
                    Err(cause) => return Err(cause),
                }
            }
            self.hooks_ran = false;
            self.settled_at = Some(settled.at);
            return Ok(Did::default());
        }
    }

    pub(crate) async fn soak(&mut self) -> Result<Did, Cause> {
        let applied = self.applied.as_ref().ok_or_else(never_deployed)?;
        let settled = self.settled_at.ok_or_else(never_deployed)?;
        let length = self.shared.overlay.health.soak;
        self.shared.engine.soak(applied, settled, length).await?;
        Ok(format!("steady for {} s", length.as_secs()).into())
    }

    pub(crate) async fn probe(&mut self, which: Which, tier: Tier) -> Result<Did, Cause> {
        let built = self.releases.get(which);
        let looked = outside::probe(self.shared, self.at, self.stack, self.domain, built).await;
        if which == Which::Target {
            for tested in looked.tests(tier) {
                self.tested(tested);
            }
        }
        let overlay = &self.shared.overlay;
        let detail = looked.end()?;
        if overlay.health.path.is_some() || !overlay.probes.is_empty() {
            // A restore is asserted by reading back; that the app still answers says nothing about its data.
            if matches!(tier, Tier::Install | Tier::Upgrade | Tier::Advance) {
                self.assert_for(tier);
            }
        }
        Ok(detail.into())
    }

    pub(crate) async fn check_upgrade(&mut self, tier: Tier) -> Result<Did, Cause> {
        let tasks = witness::tasks(self.shared, self.stack).await?;
        let (survived, now) = tokio::join!(
            witness::survived(self.shared, self.stack, &tasks, &self.witnesses, tier),
            check::running(self.shared, self.stack, &tasks)
        );
        let (tested, lost) = survived?;
        self.tested(tested);
        if let Some(cause) = lost {
            return Err(cause);
        }
        let (tested, unchanged) = check::changed(self.before.as_ref(), &now?, &self.releases.target);
        self.tested(tested);
        match unchanged {
            Some(cause) => Err(cause),
            None => Ok(format!("{} witnesses there, images and label changed", self.witnesses.len()).into()),
        }
    }

    pub(crate) async fn check_witnesses(&mut self, tier: Tier) -> Result<Did, Cause> {
        let tasks = witness::tasks(self.shared, self.stack).await?;
        let (tested, lost) =
            witness::survived(self.shared, self.stack, &tasks, &self.witnesses, tier).await?;
        self.tested(tested);
        match lost {
            Some(cause) => Err(cause),
            None => Ok(format!("{} witness files there", self.witnesses.len()).into()),
        }
    }
}
