//! What a canonical carries from release to release: read back whole before anything new is planted on it.

use std::collections::BTreeMap;

use domain::canonical::{Generation, Planted};
use domain::data::Counts;
use domain::life::Ended;
use domain::{Cause, Tier, What};
use futures_util::future::join_all;

use super::side::{Did, SideRun};
use super::witness::{self, WITNESS, Witness};
use crate::exam::{self, Marker, Purpose};

/// The data under a canonical's stack, as its record tells of it.
#[derive(Clone, Debug)]
pub(crate) struct Retained {
    /// The candidate generation, on whose volumes the stack stands.
    pub(crate) generation: Generation,
    /// Oldest first; empty where the canonical is born now.
    pub(crate) earlier: Vec<Planted>,
    /// The overlay's counts at the last commit; empty where fewer are no fault.
    pub(crate) counts: Counts,
    pub(crate) stays: Stays,
}

/// After which end a canonical's stack stays deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stays {
    Never,
    /// It was deployed to be looked at.
    IfWell,
    /// It was judged, and is wanted for diagnosis. Nobody wants one that was stopped.
    IfFailed,
    /// It was there before.
    UnlessWell,
}

impl Stays {
    /// Returns whether a stack that ended so stays.
    pub(crate) fn after(self, ended: &Ended) -> bool {
        match (self, ended) {
            (Self::Never, _) => false,
            (Self::IfWell, Ended::Well) | (Self::UnlessWell, Ended::Badly { .. }) => true,
            (Self::IfFailed, Ended::Badly { act: _, why }) => *why != Cause::Interrupted,
            (Self::IfWell, Ended::Badly { .. }) | (Self::IfFailed | Self::UnlessWell, Ended::Well) => false,
        }
    }
}

/// What a canonical's stack brought for its record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Yield {
    /// Witness files planted now: content by the volume's name without its generation.
    pub(crate) witnesses: BTreeMap<String, String>,
    /// Words under which the overlay's data was planted now.
    pub(crate) data: BTreeMap<String, String>,
    pub(crate) counts: Counts,
    /// Digest (or image id) of each service's image.
    pub(crate) digests: BTreeMap<String, String>,
}

impl SideRun<'_> {
    /// Returns the name of the witness file that this stack plants: on a canonical the earlier ones stay beside it.
    pub(crate) fn witness_file(&self) -> String {
        match self.retained {
            Some(_) => format!("{WITNESS}-{}", self.shared.log.run()),
            None => WITNESS.to_owned(),
        }
    }

    /// Reads back everything that was planted at any release before this one, and compares the counts with those of the
    /// last commit.
    pub(crate) async fn read_markers(&mut self, tier: Tier) -> Result<Did, Cause> {
        let Some(retained) = self.retained else {
            return Err(Cause::Ours { says: "a plan reads markers of a stack that retains nothing".into() });
        };
        let witnesses = earlier_witnesses(retained);
        let tasks = witness::tasks(self.shared, self.stack).await?;
        let (tested, lost) = witness::survived(self.shared, self.stack, &tasks, &witnesses, tier).await?;
        self.tested(tested);
        if let Some(cause) = lost {
            return Err(cause);
        }
        let scene = self.scene(tier);
        let specs = &self.shared.overlay.data;
        let planted = retained.earlier.iter().flat_map(|planted| &planted.data);
        let (known, forgotten): (Vec<_>, Vec<_>) =
            planted.partition(|(name, _)| specs.iter().any(|spec| spec.name == **name));
        for (name, _) in forgotten {
            let says = format!(
                "the overlay has no datum `{name}` any more; what was planted of it is not read back"
            );
            self.tell(What::Warned { says });
        }
        let looked = join_all(known.iter().filter_map(|(name, word)| {
            let spec = specs.iter().find(|spec| spec.name == **name)?;
            Some(async {
                exam::check(&scene, spec, &Marker::known(word), tier.name(), Purpose::Survived).await
            })
        }))
        .await;
        let found = self.all_data(looked)?;
        for _ in 0..found {
            self.assert_for(tier);
        }
        let now = self.count(&scene, tier).await?;
        self.ledger.counted(now.clone());
        if let Some(fewer) = exam::compare(&self.shared.overlay.fingerprints, &retained.counts, &now).first()
        {
            return Err(fewer.cause());
        }
        let oldest = retained.earlier.first().map_or("none", |planted| planted.release.as_str());
        Ok(format!("{} witness files and {found} data there, the oldest of {oldest}", witnesses.len()).into())
    }

    /// Returns what the record has to say of this stack; `None` for one that is thrown away.
    pub(crate) fn brought(&self) -> Option<Yield> {
        let retained = self.retained?;
        let suffix = format!("-{}", retained.generation);
        let witnesses = self.witnesses.iter().map(|witness| {
            let volume = witness.volume.strip_suffix(&suffix).unwrap_or(&witness.volume).to_owned();
            (volume, String::from_utf8_lossy(&witness.content).into_owned())
        });
        let digests = self.resolved.last().map(|(_, images)| images);
        Some(Yield {
            witnesses: witnesses.collect(),
            data: self.ledger.words(),
            counts: self.ledger.counts().clone(),
            digests: digests
                .into_iter()
                .flatten()
                .map(|(service, image)| (service.clone(), image.digest.clone()))
                .collect(),
        })
    }
}

fn earlier_witnesses(retained: &Retained) -> Vec<Witness> {
    let Retained { generation, earlier, counts: _, stays: _ } = retained;
    earlier
        .iter()
        .flat_map(|planted| {
            planted.witnesses.iter().map(|(volume, content)| Witness {
                service: format!("the service of {}", planted.release),
                volume: generation.volume(volume),
                name: format!("{WITNESS}-{}", planted.run),
                content: content.clone().into_bytes(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::RunId;

    use super::*;

    #[test]
    fn cc_125_a_stack_stays_after_the_ends_that_it_was_asked_to_stay_after_and_after_no_other() {
        let ends = [
            Ended::Well,
            Ended::Badly { act: 1, why: Cause::Engine { says: "gone".into() } },
            Ended::Badly { act: 1, why: Cause::Interrupted },
        ];
        let stays = |stays: Stays| ends.each_ref().map(|end| stays.after(end));
        assert_eq!(stays(Stays::Never), [false, false, false]);
        assert_eq!(stays(Stays::IfWell), [true, false, false]);
        assert_eq!(stays(Stays::IfFailed), [false, true, false]);
        assert_eq!(stays(Stays::UnlessWell), [false, true, true]);
    }

    #[test]
    fn cc_108_witnesses_of_every_earlier_release_are_looked_for_in_the_candidate() {
        let planted = |release: &str, run: &str, content: &str| Planted {
            release: release.into(),
            run: RunId::parse(run).unwrap(),
            at: DateTime::UNIX_EPOCH,
            witnesses: [("warm-app_example_org_data".to_owned(), content.to_owned())].into(),
            data: BTreeMap::new(),
        };
        let retained = Retained {
            generation: Generation(3),
            earlier: vec![planted("1.0.0+1", "00c0ffee", "first"), planted("1.1.0+2", "0badcafe", "second")],
            counts: Counts::new(),
            stays: Stays::Never,
        };
        let found: Vec<String> = earlier_witnesses(&retained)
            .into_iter()
            .map(|w| format!("{}/{} {}", w.volume, w.name, String::from_utf8_lossy(&w.content)))
            .collect();
        assert_eq!(
            found,
            [
                "warm-app_example_org_data-g3/.simmer-witness-00c0ffee first",
                "warm-app_example_org_data-g3/.simmer-witness-0badcafe second",
            ]
        );
    }
}
