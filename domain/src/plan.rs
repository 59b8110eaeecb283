//! The plan of a run: which sides, which acts for which tier, which of them may go side by side.

use std::collections::BTreeSet;

use crate::Tier;
use crate::names::Side;
use crate::release::Release;
use crate::verdict::Skip;

/// One thing to do on a side's stack.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Make sure that every image of a release is on the node, before any clock starts.
    Pull(Which),
    /// Create the stack from a release.
    Deploy(Which),
    /// Wait until the engine's facts say settled.
    Settle(Which),
    /// Ask the app, inside and outside.
    Probe(Which),
    /// Wait until the overlay's readiness holds: more than settled and probed, less than a test (CC-043).
    Ready(Which),
    /// Watch on: what was settled has to stay so.
    Soak(Which),
    /// Plant the witness files.
    Seed,
    /// Plant the overlay's data where it is not there yet, and take its counts.
    SeedData,
    /// Change the stack in place from base to target.
    Upgrade,
    /// Same witness files, other digest, right label?
    CheckUpgrade,
    /// Is the overlay's data there, and are its counts what they were?
    CheckData,
    /// Carry out the tests of a tier.
    Test(Tier),
    /// Plant fresh witness files, which the backup has to hold.
    Mark,
    /// Hooks and snapshot, as the recipe's labels say; then look whether the artefact is what they promise.
    Backup,
    /// Plant data that the backup cannot know.
    MarkNewer,
    /// Destroy the witness files that the backup has to bring back, and prove that they are gone.
    Destroy,
    /// Destroy the overlay's data likewise.
    DestroyData,
    /// Put the snapshot back under the running stack, with the recipe's restore hooks around it.
    Restore,
    /// Read back the witness files that the restore had to bring.
    CheckRestore,
    /// Read back the overlay's data, and see what became of what the backup could not know.
    CheckRestoreData,
    /// Read back everything that was ever planted on a canonical, at each release before this one.
    ReadMarkers,
}

impl Act {
    /// The names of all.
    pub const NAMES: [&'static str; 25] = [
        "pull",
        "deploy base",
        "deploy",
        "settle base",
        "settle",
        "probe base",
        "probe",
        "ready base",
        "ready",
        "soak",
        "seed",
        "seed data",
        "upgrade",
        "check",
        "check data",
        "tests",
        "mark",
        "backup",
        "mark newer",
        "destroy",
        "destroy data",
        "restore",
        "read back",
        "read data back",
        "read markers",
    ];

    /// Returns the name of the stage in events and on the screen.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pull(_) => "pull",
            Self::Deploy(Which::Base) => "deploy base",
            Self::Deploy(Which::Target) => "deploy",
            Self::Settle(Which::Base) => "settle base",
            Self::Settle(Which::Target) => "settle",
            Self::Probe(Which::Base) => "probe base",
            Self::Probe(Which::Target) => "probe",
            Self::Ready(Which::Base) => "ready base",
            Self::Ready(Which::Target) => "ready",
            Self::Soak(_) => "soak",
            Self::Seed => "seed",
            Self::SeedData => "seed data",
            Self::Upgrade => "upgrade",
            Self::CheckUpgrade => "check",
            Self::CheckData => "check data",
            Self::Test(_) => "tests",
            Self::Mark => "mark",
            Self::Backup => "backup",
            Self::MarkNewer => "mark newer",
            Self::Destroy => "destroy",
            Self::DestroyData => "destroy data",
            Self::Restore => "restore",
            Self::CheckRestore => "read back",
            Self::CheckRestoreData => "read data back",
            Self::ReadMarkers => "read markers",
        }
    }
}

/// Which of a side's releases an act is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    Base,
    Target,
}

/// An act, and the tier that it speaks for: when it breaks, that tier has not passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub tier: Tier,
    pub act: Act,
}

/// What one stack goes through, in order. It ends with clearing, which is no act: every road leads there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidePlan {
    pub side: Side,
    /// Tells several stacks of a side apart: 0 for the first.
    pub nth: usize,
    /// The tiers that this side judges, in order; never empty. Acts may stand under further tiers, on which these
    /// rest: such a tier is judged here only if it breaks.
    pub tiers: Vec<Tier>,
    pub base: Option<Release>,
    pub acts: Vec<Planned>,
}

impl SidePlan {
    /// Returns the first tier that the side judges.
    pub fn tier(&self) -> Tier {
        self.tiers.first().copied().unwrap_or(Tier::Install)
    }

    /// Returns what a fresh stack of the target can still find out after a tier broke on this one: a red in one
    /// tier leaves the others standing (CC-021). `None` if nothing is left that does not rest on it.
    #[must_use]
    pub fn rest_after(&self, broke: Tier, nth: usize) -> Option<Self> {
        let tiers: Vec<Tier> =
            self.tiers.iter().copied().filter(|tier| *tier > broke && !rests_on(*tier, broke)).collect();
        if tiers.is_empty() || broke == Tier::Install {
            return None;
        }
        let wanted = |planned: &&Planned| {
            tiers.contains(&planned.tier) || (planned.tier == Tier::Backup && tiers.contains(&Tier::Restore))
        };
        let is_ready_asked = self.acts.iter().any(|p| matches!(p.act, Act::Ready(_)));
        let mut acts = stand_up(is_ready_asked);
        acts.extend(self.acts.iter().filter(wanted).cloned());
        Some(Self { side: self.side, nth, tiers, base: None, acts })
    }
}

/// Returns whether a tier can say nothing once another one broke, even on a fresh stack.
fn rests_on(tier: Tier, other: Tier) -> bool {
    other == Tier::Install || (tier == Tier::Restore && other == Tier::Backup)
}

/// Whether the sides of a run may be up at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    SideBySide,
    /// One after the other, with the reason.
    OneByOne(String),
}

/// What overlay and recipe bring for a run, as far as the plan has to know.
#[derive(Clone, Debug, Default)]
pub struct Brought {
    /// Whether there is something to wait for before the app is asked.
    pub readiness: bool,
    /// Whether there is data to plant, or a count to take.
    pub data: bool,
    /// Whether some of the data is planted once more after the backup.
    pub newer: bool,
    /// The tiers of which there are tests.
    pub tests: BTreeSet<Tier>,
}

/// What the plan needs to know.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// Tiers asked for; all when the caller named none.
    pub tiers: &'a BTreeSet<Tier>,
    /// Bases of the upgrade: named by the caller, else the newest older release, else none.
    pub bases: &'a [Release],
    /// Tiers that the overlay declares not applicable, with the reason.
    pub expected_na: &'a [(Tier, String)],
    /// Ports that the recipe publishes on the node; two stacks cannot hold one port.
    pub published_ports: &'a [u16],
    /// Whether the node has room for both sides.
    pub room_for_two: bool,
    /// Whether the target's labels ask for a backup.
    pub backup_label: bool,
    pub brought: &'a Brought,
}

/// The plan of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPlan {
    pub lint: bool,
    pub sides: Vec<SidePlan>,
    pub skipped: Vec<(Tier, Skip)>,
    pub room: Room,
}

/// Decides what a run does.
///
/// Side A proves that the target installs. Side B starts at the base, is upgraded in place, and goes on with what the
/// upgrade left: backup, restore and the functional tests see data that has aged through a release. Without a base to
/// start from, B deploys the target. Restore implies the acts of backup; they are judged only where backup is asked
/// for, or where they break.
pub fn plan(asked: &Asked<'_>) -> RunPlan {
    let mut skipped = Vec::new();
    let mut wanted = |tier: Tier, structural: Option<Skip>| {
        let why = if let Some((_, why)) = asked.expected_na.iter().find(|(na, _)| *na == tier) {
            Skip::ExpectedNa { why: why.clone() }
        } else if !asked.tiers.contains(&tier) {
            Skip::NotAsked
        } else {
            match structural {
                Some(why) => why,
                None => return true,
            }
        };
        skipped.push((tier, why));
        false
    };
    let unlabelled = || (!asked.backup_label).then_some(Skip::NoBackupLabel);
    let lint = wanted(Tier::Lint, None);
    let install = wanted(Tier::Install, None);
    let upgrade = wanted(Tier::Upgrade, asked.bases.is_empty().then_some(Skip::NoOlderRelease));
    let backup = wanted(Tier::Backup, unlabelled());
    let restore = wanted(Tier::Restore, unlabelled());
    let tested = asked.brought.tests.contains(&Tier::Custom);
    let custom = wanted(Tier::Custom, (!tested).then_some(Skip::NoTests));
    skipped.sort_by_key(|(tier, _)| *tier);

    let mut sides = Vec::new();
    if install {
        sides.push(SidePlan {
            side: Side::A,
            nth: 0,
            tiers: vec![Tier::Install],
            base: None,
            acts: install_acts(asked.brought),
        });
    }
    let later: Vec<Tier> = [(backup, Tier::Backup), (restore, Tier::Restore), (custom, Tier::Custom)]
        .into_iter()
        .filter_map(|(wanted, tier)| wanted.then_some(tier))
        .collect();
    if upgrade {
        for (nth, base) in asked.bases.iter().enumerate() {
            let mut tiers = vec![Tier::Upgrade];
            let mut acts = upgrade_acts(asked.brought);
            if nth == 0 {
                acts.extend(later_acts(&later, asked.brought));
                tiers.extend(&later);
            }
            sides.push(SidePlan { side: Side::B, nth, tiers, base: Some(base.clone()), acts });
        }
    } else if !later.is_empty() {
        let mut acts = stand_up(asked.brought.readiness);
        acts.extend(later_acts(&later, asked.brought));
        sides.push(SidePlan { side: Side::B, nth: 0, tiers: later, base: None, acts });
    }
    let room = match asked.published_ports {
        [first, ..] => Room::OneByOne(format!("the recipe publishes port {first} on the node")),
        [] if !asked.room_for_two => Room::OneByOne("the node has no room for both".into()),
        [] => Room::SideBySide,
    };
    RunPlan { lint, sides, skipped, room }
}

fn under(tier: Tier, acts: impl IntoIterator<Item = Act>) -> Vec<Planned> {
    acts.into_iter().map(|act| Planned { tier, act }).collect()
}

/// The target on a fresh stack, as ground for something else.
fn stand_up(is_ready_asked: bool) -> Vec<Planned> {
    use Which::Target;
    let mut acts = vec![Act::Pull(Target), Act::Deploy(Target), Act::Settle(Target), Act::Probe(Target)];
    if is_ready_asked {
        acts.push(Act::Ready(Target));
    }
    under(Tier::Install, acts)
}

fn tests(tier: Tier, brought: &Brought) -> Option<Planned> {
    brought.tests.contains(&tier).then_some(Planned { tier, act: Act::Test(tier) })
}

fn install_acts(brought: &Brought) -> Vec<Planned> {
    use Which::Target;
    let mut acts = under(
        Tier::Install,
        [Act::Pull(Target), Act::Deploy(Target), Act::Settle(Target), Act::Probe(Target), Act::Soak(Target)],
    );
    if brought.readiness {
        acts.push(Planned { tier: Tier::Install, act: Act::Ready(Target) });
    }
    acts.extend(tests(Tier::Install, brought));
    acts
}

fn upgrade_acts(brought: &Brought) -> Vec<Planned> {
    use Which::{Base, Target};
    let mut acts =
        vec![Act::Pull(Base), Act::Pull(Target), Act::Deploy(Base), Act::Settle(Base), Act::Probe(Base)];
    if brought.readiness {
        acts.push(Act::Ready(Base));
    }
    acts.push(Act::Seed);
    if brought.data {
        acts.push(Act::SeedData);
    }
    acts.extend([
        Act::Upgrade,
        Act::Settle(Target),
        Act::CheckUpgrade,
        Act::Probe(Target),
        Act::Soak(Target),
        // What survived the switch may still be eaten by the new version's first minutes.
        Act::CheckUpgrade,
    ]);
    if brought.readiness {
        acts.push(Act::Ready(Target));
    }
    if brought.data {
        acts.push(Act::CheckData);
    }
    let mut acts = under(Tier::Upgrade, acts);
    acts.extend(tests(Tier::Upgrade, brought));
    acts
}

fn later_acts(tiers: &[Tier], brought: &Brought) -> Vec<Planned> {
    use Which::Target;
    let mut acts = Vec::new();
    if tiers.contains(&Tier::Backup) || tiers.contains(&Tier::Restore) {
        acts.push(Planned { tier: Tier::Backup, act: Act::Mark });
        if brought.data {
            acts.push(Planned { tier: Tier::Backup, act: Act::SeedData });
        }
        acts.push(Planned { tier: Tier::Backup, act: Act::Backup });
        if tiers.contains(&Tier::Backup) {
            acts.extend(tests(Tier::Backup, brought));
        }
    }
    if tiers.contains(&Tier::Restore) {
        if brought.newer {
            acts.push(Planned { tier: Tier::Restore, act: Act::MarkNewer });
        }
        acts.push(Planned { tier: Tier::Restore, act: Act::Destroy });
        if brought.data {
            acts.push(Planned { tier: Tier::Restore, act: Act::DestroyData });
        }
        // The order is part of what is tested. A database that is killed between restore and reading back replays
        // its old files and looks restored; one that is stopped in order writes its present state over them
        // (measured on PostgreSQL). So nothing is restarted here: whoever restores by hand does not do it either.
        acts.extend(under(Tier::Restore, [Act::Restore, Act::Settle(Target), Act::Probe(Target)]));
        if brought.readiness {
            acts.push(Planned { tier: Tier::Restore, act: Act::Ready(Target) });
        }
        acts.push(Planned { tier: Tier::Restore, act: Act::CheckRestore });
        if brought.data {
            acts.push(Planned { tier: Tier::Restore, act: Act::CheckRestoreData });
        }
        acts.extend(tests(Tier::Restore, brought));
    }
    if tiers.contains(&Tier::Custom) {
        // A restore that ended with readiness has left nothing to wait for; it is asked again all the same, so that
        // the tests of every run begin alike.
        if brought.readiness {
            acts.push(Planned { tier: Tier::Custom, act: Act::Ready(Target) });
        }
        acts.extend(tests(Tier::Custom, brought));
    }
    acts
}

/// Returns what a release goes through on a canonical's stack. `earlier` is whether something was planted there before:
/// a first release is seeded only.
///
/// New markers come last, so that they are written by an app that has shown to be well; and the old ones are read twice,
/// before and after the soak: a new version may eat data in its first minutes.
pub fn advance_plan(brought: &Brought, earlier: Earlier) -> SidePlan {
    use Which::Target;
    let mut acts = vec![Act::Pull(Target), Act::Deploy(Target), Act::Settle(Target), Act::Probe(Target)];
    if brought.readiness {
        acts.push(Act::Ready(Target));
    }
    match earlier {
        Earlier::Planted => acts.extend([Act::ReadMarkers, Act::Soak(Target), Act::ReadMarkers]),
        Earlier::Nothing => acts.push(Act::Soak(Target)),
    }
    acts.push(Act::Seed);
    if brought.data {
        acts.push(Act::SeedData);
    }
    SidePlan {
        side: Side::C,
        nth: 0,
        tiers: vec![Tier::Advance],
        base: None,
        acts: under(Tier::Advance, acts),
    }
}

/// Returns what the committed release goes through on a copy of its own generation: to be looked at, to be kept, or to
/// show that there is a way back. Nothing new is planted. `nth` tells it from the candidate's own stack in the log.
pub fn stand_plan(brought: &Brought, nth: usize, earlier: Earlier) -> SidePlan {
    use Which::Target;
    let mut acts = vec![Act::Pull(Target), Act::Deploy(Target), Act::Settle(Target), Act::Probe(Target)];
    if brought.readiness {
        acts.push(Act::Ready(Target));
    }
    match earlier {
        Earlier::Planted => acts.push(Act::ReadMarkers),
        Earlier::Nothing => {}
    }
    SidePlan { side: Side::C, nth, tiers: vec![Tier::Advance], base: None, acts: under(Tier::Advance, acts) }
}

/// Whether a canonical carries data of earlier releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    Planted,
    Nothing,
}

#[cfg(test)]
mod tests;
