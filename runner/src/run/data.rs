//! The overlay's real data on one stack: planted, read back after upgrade and restore, destroyed in between, counted.
//! What is done with a datum is `exam`'s; here is when, and what it means for a tier.

use std::collections::{BTreeMap, BTreeSet};

use domain::data::Counts;
use domain::{Cause, Tier, What};
use futures_util::future::join_all;

use super::side::{Did, SideRun};
use crate::exam::{self, Done, Marker, Purpose, Scene};
use crate::instance::ask::DatumSpec;

/// What of the overlay's data is where on a stack.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The word under which each datum was planted.
    planted: BTreeMap<String, Marker>,
    /// The word under which it was planted once more after the backup.
    newer: BTreeMap<String, Marker>,
    destroyed: BTreeSet<String>,
    counts: Counts,
}

impl Ledger {
    /// Returns the word under which each datum was planted.
    pub(crate) fn words(&self) -> BTreeMap<String, String> {
        self.planted.iter().map(|(name, marker)| (name.clone(), marker.to_string())).collect()
    }

    /// Returns the overlay's counts, as they were taken last.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Takes counts that were taken elsewhere.
    pub(crate) fn counted(&mut self, counts: Counts) {
        self.counts = counts;
    }

    /// Returns whether real data is there to be backed up.
    pub(crate) fn is_planted(&self) -> bool {
        !self.planted.is_empty()
    }
}

impl SideRun<'_> {
    /// Plants what is not there yet, in the order of the overlay: a later datum may stand on an earlier one.
    pub(crate) async fn seed_data(&mut self, tier: Tier) -> Result<Did, Cause> {
        let scene = self.scene(tier);
        let moment = match tier {
            Tier::Upgrade => "seed",
            Tier::Lint | Tier::Install | Tier::Backup | Tier::Restore | Tier::Custom | Tier::Advance => {
                "mark"
            }
        };
        let marker = Marker::new(self.shared.log.run(), moment);
        let mut planted = 0;
        for spec in &self.shared.overlay.data {
            if self.ledger.planted.contains_key(&spec.name) {
                continue;
            }
            if let Some(done) = exam::plant(&scene, spec, &marker, tier.name()).await {
                self.data(done)?;
                self.ledger.planted.insert(spec.name.clone(), marker.clone());
                planted += 1;
            }
        }
        self.ledger.counts = self.count(&scene, tier).await?;
        Ok(self.told(format!("{planted} planted")))
    }

    /// Reads back after an upgrade what was planted before it.
    pub(crate) async fn check_data(&mut self, tier: Tier) -> Result<Did, Cause> {
        let scene = self.scene(tier);
        let found = self.read_back(&scene, tier, Purpose::Survived).await?;
        for _ in 0..found {
            self.assert_for(tier);
        }
        let before = std::mem::take(&mut self.ledger.counts);
        let now = self.count(&scene, tier).await?;
        let fewer = exam::compare(&self.shared.overlay.fingerprints, &before, &now);
        self.ledger.counts = now;
        if let Some(fewer) = fewer.first() {
            return Err(fewer.cause());
        }
        if !before.is_empty() {
            self.assert_for(tier);
        }
        Ok(self.told(format!("{found} there")))
    }

    /// Plants once more, under another word, what the backup cannot know.
    pub(crate) async fn mark_newer(&mut self, tier: Tier) -> Result<Did, Cause> {
        let scene = self.scene(tier);
        let marker = Marker::new(self.shared.log.run(), "newer");
        for spec in self.shared.overlay.data.iter().filter(|spec| spec.after_backup.is_some()) {
            if let Some(done) = exam::plant(&scene, spec, &marker, tier.name()).await {
                self.data(done)?;
                self.ledger.newer.insert(spec.name.clone(), marker.clone());
            }
        }
        Ok(format!("{} planted after the backup", self.ledger.newer.len()).into())
    }

    /// Destroys what the restore has to bring back. The last planted goes first.
    pub(crate) async fn destroy_data(&mut self, tier: Tier) -> Result<Did, Cause> {
        let scene = self.scene(tier);
        for spec in self.shared.overlay.data.iter().rev() {
            let Some(marker) = self.ledger.planted.get(&spec.name).cloned() else { continue };
            if let Some(done) = exam::destroy(&scene, spec, &marker, tier.name()).await {
                self.data(done)?;
                self.ledger.destroyed.insert(spec.name.clone());
            }
        }
        Ok(format!("{} destroyed, and shown to be gone", self.ledger.destroyed.len()).into())
    }

    /// Reads back what the restore had to bring, and looks what became of what the backup could not know.
    pub(crate) async fn check_restored_data(&mut self, tier: Tier) -> Result<Did, Cause> {
        let scene = self.scene(tier);
        let found = self.read_back(&scene, tier, Purpose::Restored).await?;
        // What nobody destroyed is there whatever the restore did.
        for _ in 0..self.ledger.destroyed.len() {
            self.assert_for(tier);
        }
        let newer = self.shared.overlay.data.iter().filter_map(|spec| {
            let marker = self.ledger.newer.get(&spec.name)?;
            Some((spec, marker, Purpose::AfterBackup(spec.after_backup?)))
        });
        let newer: Vec<_> = newer.collect();
        let looked = join_all(
            newer
                .into_iter()
                .map(|(spec, marker, purpose)| exam::check(&scene, spec, marker, tier.name(), purpose)),
        )
        .await;
        self.all_data(looked)?;
        let now = self.count(&scene, tier).await?;
        let fewer = exam::compare(&self.shared.overlay.fingerprints, &self.ledger.counts, &now);
        if let Some(fewer) = fewer.first() {
            let after = fewer.after.map_or("none".to_owned(), |after| after.to_string());
            return Err(Cause::NotRestored {
                what: format!("count `{}`", fewer.name),
                says: format!("there were {} at the backup, and {after} after the restore", fewer.before),
            });
        }
        Ok(self.told(format!("{found} there, {} of them destroyed before", self.ledger.destroyed.len())))
    }

    /// Reads all planted data back at once, and returns how many there were.
    async fn read_back(&self, scene: &Scene, tier: Tier, purpose: Purpose) -> Result<usize, Cause> {
        let planted = self
            .shared
            .overlay
            .data
            .iter()
            .filter_map(|spec: &DatumSpec| Some((spec, self.ledger.planted.get(&spec.name)?)));
        let looked =
            join_all(planted.map(|(spec, marker)| exam::check(scene, spec, marker, tier.name(), purpose)))
                .await;
        self.all_data(looked)
    }

    pub(crate) async fn count(&self, scene: &Scene, tier: Tier) -> Result<Counts, Cause> {
        let specs = &self.shared.overlay.fingerprints;
        if specs.is_empty() {
            return Ok(Counts::new());
        }
        let marker = Marker::new(self.shared.log.run(), "count");
        let counts = exam::count(scene, specs, &marker).await?;
        self.tell(What::DataCounted {
            side: self.at.side,
            nth: self.at.nth,
            stage: tier.name().into(),
            counts: counts.clone(),
        });
        Ok(counts)
    }

    /// Tells of all that was done, and returns the first cause or how many there were.
    pub(crate) fn all_data(&self, done: Vec<Option<Done>>) -> Result<usize, Cause> {
        let mut first = Ok(());
        let mut count = 0;
        for done in done.into_iter().flatten() {
            count += 1;
            let told = self.data(done);
            first = first.and(told);
        }
        first.map(|()| count)
    }

    fn data(&self, done: Done) -> Result<(), Cause> {
        let Done { datum, cause } = done;
        self.tell(What::DataTold { side: self.at.side, nth: self.at.nth, datum });
        cause.map_or(Ok(()), Err)
    }

    fn told(&self, mut detail: String) -> Did {
        for (name, count) in &self.ledger.counts {
            detail += &format!(", {name} {count}");
        }
        detail.into()
    }
}
