//! How long acts and tiers may take, and whose time they are.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::event::Whose;
use domain::plan::{Act, Planned};
use domain::{Cause, Tier};
use tokio::time::Instant;

use super::{CHECK_LIMIT, DATA_LIMIT, DEPLOY_LIMIT, PULL_LIMIT, SNAPSHOT_LIMIT, TESTS_LIMIT, TIER_LIMIT};
use crate::instance::{Health, Overlay};

/// The engine's own waits end first and can say what they waited for; an act's limit is the net under them.
const SLACK: Duration = Duration::from_secs(30);

/// Returns the longest time of an act.
pub(crate) fn of_act(act: &Act, overlay: &Overlay) -> Duration {
    let Health { window, soak, .. } = overlay.health;
    match act {
        Act::Pull(_) => PULL_LIMIT,
        Act::Deploy(_) | Act::Upgrade => DEPLOY_LIMIT,
        Act::Settle(_) | Act::Probe(_) => window + SLACK,
        Act::Soak(_) => soak + SLACK,
        Act::Seed | Act::Mark | Act::CheckUpgrade | Act::Destroy | Act::CheckRestore => CHECK_LIMIT,
        Act::SeedData
        | Act::CheckData
        | Act::MarkNewer
        | Act::DestroyData
        | Act::CheckRestoreData
        | Act::ReadMarkers => DATA_LIMIT,
        Act::Backup | Act::Restore => SNAPSHOT_LIMIT,
        Act::Ready(_) | Act::Test(_) => TESTS_LIMIT,
    }
}

/// Returns whose time an act is. What a hook, a test or an ask of the overlay takes is the app's: it answers as fast as
/// it can. What the floor plants and reads is ours, and so is soaking, which is waiting that we chose.
pub(crate) fn whose(act: &Act) -> Whose {
    match act {
        Act::Pull(_)
        | Act::Deploy(_)
        | Act::Settle(_)
        | Act::Upgrade
        | Act::Probe(_)
        | Act::Ready(_)
        | Act::SeedData
        | Act::CheckData
        | Act::MarkNewer
        | Act::DestroyData
        | Act::CheckRestoreData
        | Act::ReadMarkers
        | Act::Backup
        | Act::Restore
        | Act::Test(_) => Whose::App,
        Act::Seed | Act::CheckUpgrade | Act::Soak(_) | Act::Mark | Act::Destroy | Act::CheckRestore => {
            Whose::Ours
        }
    }
}

/// When a side has to be over: the run's wall, and one for each tier from its first act that is no pull (CC-044).
#[derive(Debug)]
pub(crate) struct Walls {
    run: (Instant, Duration),
    tier: Duration,
    tiers: BTreeMap<Tier, Instant>,
}

impl Walls {
    pub(crate) fn new(
        run_ends: Instant,
        run_limit: Duration,
        tier_limit: Option<Duration>,
        overlay: &Overlay,
    ) -> Self {
        // Base and target may each use their window to settle and to answer.
        let tier = tier_limit.unwrap_or_else(|| TIER_LIMIT.max(4 * overlay.health.window));
        Self { run: (run_ends, run_limit), tier, tiers: BTreeMap::new() }
    }

    /// Returns the wall that comes first for an act that begins now, and what hitting it means.
    pub(crate) fn next(&mut self, planned: &Planned) -> (Instant, Cause) {
        let (run_ends, run_limit) = self.run;
        let run = (run_ends, Cause::Timeout { limit: "run".into(), seconds: run_limit.as_secs() });
        if let Act::Pull(_) = planned.act {
            return run;
        }
        let tier_ends = *self.tiers.entry(planned.tier).or_insert_with(|| Instant::now() + self.tier);
        if run_ends <= tier_ends {
            return run;
        }
        let limit = format!("tier {}", planned.tier);
        (tier_ends, Cause::Timeout { limit, seconds: self.tier.as_secs() })
    }
}
