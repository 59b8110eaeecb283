//! The plan of a run: which sides, which acts, which of them may go side by side.

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
    /// Plant the witness files and the overlay's data.
    Seed,
    /// Change the stack in place from base to target.
    Upgrade,
    /// Same data, other digest, right label?
    CheckUpgrade,
    /// Watch on: what was settled has to stay so.
    Soak(Which),
}

impl Act {
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
            Self::Seed => "seed",
            Self::Upgrade => "upgrade",
            Self::CheckUpgrade => "check",
            Self::Soak(_) => "soak",
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

/// What one stack goes through, in order. It ends with clearing, which is no act: every road leads there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidePlan {
    pub side: Side,
    /// Tells several bases apart: 0 for the first.
    pub nth: usize,
    pub tier: Tier,
    pub base: Option<Release>,
    pub acts: Vec<Act>,
}

/// Whether the sides of a run may be up at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    SideBySide,
    /// One after the other, with the reason.
    OneByOne(String),
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
}

/// The plan of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPlan {
    pub lint: bool,
    pub sides: Vec<SidePlan>,
    pub skipped: Vec<(Tier, Skip)>,
    pub room: Room,
}

/// Decides what a run does. Tiers of later rooms are skipped as not asked for.
pub fn plan(asked: &Asked<'_>) -> RunPlan {
    let mut skipped = Vec::new();
    let mut wanted = |tier: Tier| {
        if let Some((_, why)) = asked.expected_na.iter().find(|(na, _)| *na == tier) {
            skipped.push((tier, Skip::ExpectedNa { why: why.clone() }));
            false
        } else if !asked.tiers.contains(&tier) {
            skipped.push((tier, Skip::NotAsked));
            false
        } else {
            true
        }
    };
    let lint = wanted(Tier::Lint);
    let install = wanted(Tier::Install);
    let upgrade = wanted(Tier::Upgrade);
    for tier in [Tier::Backup, Tier::Restore, Tier::Custom] {
        let why = if asked.tiers.contains(&tier) { Skip::NoTests } else { Skip::NotAsked };
        skipped.push((tier, why));
    }
    let mut sides = Vec::new();
    if install {
        use Which::Target;
        sides.push(SidePlan {
            side: Side::A,
            nth: 0,
            tier: Tier::Install,
            base: None,
            acts: vec![
                Act::Pull(Target),
                Act::Deploy(Target),
                Act::Settle(Target),
                Act::Probe(Target),
                Act::Soak(Target),
            ],
        });
    }
    if upgrade {
        if asked.bases.is_empty() {
            skipped.push((Tier::Upgrade, Skip::NoOlderRelease));
        }
        for (nth, base) in asked.bases.iter().enumerate() {
            use Which::{Base, Target};
            sides.push(SidePlan {
                side: Side::B,
                nth,
                tier: Tier::Upgrade,
                base: Some(base.clone()),
                acts: vec![
                    Act::Pull(Base),
                    Act::Pull(Target),
                    Act::Deploy(Base),
                    Act::Settle(Base),
                    Act::Probe(Base),
                    Act::Seed,
                    Act::Upgrade,
                    Act::Settle(Target),
                    Act::CheckUpgrade,
                    Act::Probe(Target),
                    Act::Soak(Target),
                    // What survived the switch may still be eaten by the new version's first minutes.
                    Act::CheckUpgrade,
                ],
            });
        }
    }
    skipped.sort_by_key(|(tier, _)| *tier);
    let room = match asked.published_ports {
        [first, ..] => Room::OneByOne(format!("the recipe publishes port {first} on the node")),
        [] if !asked.room_for_two => Room::OneByOne("the node has no room for both".into()),
        [] => Room::SideBySide,
    };
    RunPlan { lint, sides, skipped, room }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;

    fn releases(tags: &[&str]) -> Vec<Release> {
        tags.iter()
            .map(|tag| Release {
                version: Version::parse(tag).unwrap(),
                tag: (*tag).into(),
                commit: "0".repeat(40),
            })
            .collect()
    }

    fn planned(bases: &[&str], ports: &[u16], na: &[(Tier, String)]) -> String {
        let tiers = Tier::ALL.into();
        let bases = releases(bases);
        let plan = plan(&Asked {
            tiers: &tiers,
            bases: &bases,
            expected_na: na,
            published_ports: ports,
            room_for_two: true,
        });
        let mut text = format!("{:?}\n", plan.room);
        for side in plan.sides {
            let acts: Vec<_> = side.acts.iter().map(Act::name).collect();
            text += &format!("{}{} {}: {}\n", side.side, side.nth, side.tier, acts.join(", "));
        }
        for (tier, why) in plan.skipped {
            text += &format!("no {tier}: {why}\n");
        }
        text
    }

    #[test]
    fn a_run_installs_the_target_and_upgrades_to_it_side_by_side() {
        insta::assert_snapshot!(planned(&["1.0.0+1"], &[], &[]), @r"
        SideBySide
        A0 install: pull, deploy, settle, probe, soak
        B0 upgrade: pull, pull, deploy base, settle base, probe base, seed, upgrade, settle, check, probe, soak, check
        no backup: there is no test of it
        no restore: there is no test of it
        no custom: there is no test of it
        ");
    }

    #[test]
    fn a_first_release_has_nothing_to_upgrade_from_and_says_so() {
        insta::assert_snapshot!(planned(&[], &[64738], &[]), @r#"
        OneByOne("the recipe publishes port 64738 on the node")
        A0 install: pull, deploy, settle, probe, soak
        no upgrade: no older release
        no backup: there is no test of it
        no restore: there is no test of it
        no custom: there is no test of it
        "#);
    }

    #[test]
    fn what_the_overlay_declares_not_applicable_is_skipped_with_its_reason() {
        let na = [(Tier::Upgrade, "stateless".to_owned())];
        assert!(planned(&["1.0.0+1"], &[], &na).contains("no upgrade: not applicable: stateless"));
    }
}
