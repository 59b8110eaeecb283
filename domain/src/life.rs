//! The life of one side of a run, as a table of legal moves. Once something may exist in the swarm,
//! every road to `Done` leads through `Clearing`.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::Tier;
use crate::cause::{Cause, Fault};
use crate::plan::{Act, SidePlan, Which};
use crate::verdict::{Depth, Skip, Verdict};

/// Where a side stands. A variant holds only what is known by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    Waiting,
    /// Act number `act` of the plan is under way.
    Acting {
        act: usize,
        since: DateTime<Utc>,
    },
    Clearing {
        since: DateTime<Utc>,
        ended: Ended,
    },
    Done {
        ended: Ended,
        left: Left,
    },
}

/// How the acts ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    Well,
    Badly { act: usize, why: Cause },
}

/// Whether the swarm is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    /// Clearing did not end with an empty listing.
    Something,
    /// The caller asked to keep the stack.
    Kept,
}

/// What reached us from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Started,
    /// The act under way is done, and well.
    Acted,
    /// The act under way cannot be done.
    Broke(Cause),
    Cleared(Left),
    Ticked,
}

/// What the runner is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Act(usize),
    Clear,
}

/// A fact with no place in this stage: a bug of ours, never of the recipe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fact:?} came while {stage:?}")]
pub struct OutOfTurn {
    stage: Stage,
    fact: Fact,
}

/// What the table needs beside stage and fact.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// Name and longest time of each act, in order. There is no act without a limit (law 10).
    pub acts: &'a [(&'static str, TimeDelta)],
    pub clear: TimeDelta,
}

/// Decides the next stage and step.
pub fn advance(
    stage: Stage,
    fact: Fact,
    now: DateTime<Utc>,
    limits: Limits<'_>,
) -> Result<(Stage, Option<Step>), Box<OutOfTurn>> {
    let clear = |ended| (Stage::Clearing { since: now, ended }, Some(Step::Clear));
    let fact = match (fact, overdue(&stage, now, limits)) {
        (Fact::Ticked, Some(overdue)) => overdue,
        (fact, _) => fact,
    };
    let next = match (stage, fact) {
        (Stage::Waiting, Fact::Started) if limits.acts.is_empty() => clear(Ended::Well),
        (Stage::Waiting, Fact::Started) => (Stage::Acting { act: 0, since: now }, Some(Step::Act(0))),
        // Nothing exists yet, so there is nothing to clear.
        (Stage::Waiting, Fact::Broke(why)) => {
            (Stage::Done { ended: Ended::Badly { act: 0, why }, left: Left::Nothing }, None)
        }
        (Stage::Acting { act, .. }, Fact::Acted) if act + 1 < limits.acts.len() => {
            (Stage::Acting { act: act + 1, since: now }, Some(Step::Act(act + 1)))
        }
        (Stage::Acting { .. }, Fact::Acted) => clear(Ended::Well),
        (Stage::Acting { act, .. }, Fact::Broke(why)) => clear(Ended::Badly { act, why }),
        // What we learnt about the recipe outlives our own trouble with the broom.
        (Stage::Clearing { ended, .. }, Fact::Cleared(left)) => (Stage::Done { ended, left }, None),
        (Stage::Clearing { ended, .. }, Fact::Broke(_)) => {
            (Stage::Done { ended, left: Left::Something }, None)
        }
        (stage, Fact::Ticked) => (stage, None),
        (stage, fact) => return Err(Box::new(OutOfTurn { stage, fact })),
    };
    Ok(next)
}

fn overdue(stage: &Stage, now: DateTime<Utc>, limits: Limits<'_>) -> Option<Fact> {
    match stage {
        Stage::Waiting | Stage::Done { .. } => None,
        Stage::Acting { act, since } => {
            let (name, limit) = limits.acts.get(*act)?;
            (now - *since >= *limit).then(|| {
                Fact::Broke(Cause::Timeout {
                    limit: (*name).to_owned(),
                    seconds: limit.num_seconds().unsigned_abs(),
                })
            })
        }
        Stage::Clearing { since, .. } => {
            (now - *since >= limits.clear).then_some(Fact::Cleared(Left::Something))
        }
    }
}

/// Says what a side's end means for its tiers: the one whose act broke has the cause, those before it passed, those
/// after it could not be judged on this stack.
///
/// `asserted` counts what was asked of the app itself and held, by tier: a pass without any is superficial. A tier that
/// the side does not judge is named only when it failed; when it could not be judged, the first tier that rests on it
/// says why.
pub fn verdicts(plan: &SidePlan, ended: Ended, asserted: &BTreeMap<Tier, u32>) -> Vec<(Tier, Verdict)> {
    let passed = |tier: Tier| {
        let any = asserted.get(&tier).is_some_and(|count| *count > 0);
        match (any, tier) {
            (true, _) => Verdict::Passed { depth: Depth::Asserted },
            // It is made of tests alone: where each was left out, nothing passed (CC-053).
            (false, Tier::Custom) => Verdict::Skipped { why: Skip::NoTests },
            (false, _) => Verdict::Passed { depth: Depth::Superficial },
        }
    };
    let (act, why) = match ended {
        Ended::Well => return plan.tiers.iter().map(|tier| (*tier, passed(*tier))).collect(),
        Ended::Badly { act, why } => (act, why),
    };
    let broke = plan.acts.get(act).map_or(plan.tier(), |planned| planned.tier);
    let verdict = Verdict::of(blame(plan, act, why));
    let broke = match &verdict {
        Verdict::Failed { .. } => broke,
        Verdict::Passed { .. } | Verdict::Skipped { .. } | Verdict::Unverified { .. } => {
            plan.tiers.iter().copied().find(|tier| *tier >= broke).unwrap_or(broke)
        }
    };
    let mut all = BTreeMap::from([(broke, verdict)]);
    for tier in &plan.tiers {
        all.entry(*tier).or_insert_with(|| {
            if *tier < broke { passed(*tier) } else { Verdict::of(Cause::After { tier: broke }) }
        });
    }
    all.into_iter().collect()
}

/// A base that does not come up says nothing about the target. What our overlay did wrong there is still the overlay's.
fn blame(plan: &SidePlan, act: usize, why: Cause) -> Cause {
    let switched = plan.acts.iter().position(|planned| planned.act == Act::Upgrade).unwrap_or(0);
    match &plan.base {
        Some(base) if why.fault() == Fault::Recipe && act < switched => {
            let about_target = plan.acts.get(act).is_some_and(|p| p.act == Act::Pull(Which::Target));
            if about_target {
                why
            } else {
                Cause::BaseBroken { base: base.tag.clone(), says: why.to_string() }
            }
        }
        _ => why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Side;
    use crate::plan::Planned;
    use crate::{Release, Version};

    /// Breaks the named act of a side that upgrades from a base, backs up, restores and runs tests, and tells what
    /// that means for each tier.
    fn judged(acts: &[(Tier, Act)], tiers: &[Tier], broke: usize, why: Cause) -> String {
        let base = Release {
            version: Version::parse("1.0.0+1").unwrap(),
            tag: "1.0.0+1".into(),
            commit: "0".repeat(40),
        };
        let plan = SidePlan {
            side: Side::B,
            nth: 0,
            tiers: tiers.to_vec(),
            base: tiers.contains(&Tier::Upgrade).then_some(base),
            acts: acts.iter().map(|(tier, act)| Planned { tier: *tier, act: act.clone() }).collect(),
        };
        let asserted = BTreeMap::from([(Tier::Upgrade, 2)]);
        verdicts(&plan, Ended::Badly { act: broke, why }, &asserted)
            .into_iter()
            .map(|(tier, verdict)| {
                let why = verdict.cause().map(|c| format!(": {c}")).unwrap_or_default();
                format!("{tier} {}{why}\n", verdict.word())
            })
            .collect()
    }

    const WHOLE: [(Tier, Act); 6] = [
        (Tier::Upgrade, Act::Deploy(Which::Base)),
        (Tier::Upgrade, Act::Seed),
        (Tier::Upgrade, Act::Upgrade),
        (Tier::Backup, Act::Backup),
        (Tier::Restore, Act::CheckRestore),
        (Tier::Custom, Act::Test(Tier::Custom)),
    ];
    const JUDGED: [Tier; 4] = [Tier::Upgrade, Tier::Backup, Tier::Restore, Tier::Custom];

    fn empty() -> Cause {
        Cause::BackupEmpty { says: "no file".into() }
    }

    #[test]
    fn cc_021_a_red_in_one_tier_leaves_the_verdicts_before_it_standing() {
        insta::assert_snapshot!(judged(&WHOLE, &JUDGED, 3, empty()), @r"
        upgrade passed
        backup failed: the backup holds nothing: no file
        restore not judged: tier backup, on which it stands, did not pass
        custom not judged: tier backup, on which it stands, did not pass
        ");
    }

    #[test]
    fn a_base_that_does_not_come_up_judges_nothing_and_an_overlay_that_cannot_seed_it_is_the_overlays_fault()
    {
        let crash = Cause::Unhealthy { service: "app".into(), says: "no".into(), last_lines: Vec::new() };
        insta::assert_snapshot!(judged(&WHOLE, &JUDGED[..2], 0, crash), @r"
        upgrade not judged: the base release 1.0.0+1 does not come up: `app` is unhealthy: no
        backup not judged: tier upgrade, on which it stands, did not pass
        ");
        let seed = Cause::Seed { what: "rows".into(), says: "no".into() };
        insta::assert_snapshot!(judged(&WHOLE, &JUDGED[..1], 1, seed), @"upgrade failed: rows could not be planted: no");
    }

    #[test]
    fn what_a_side_stands_on_is_named_when_it_fails_and_left_to_others_when_it_cannot_be_judged() {
        let acts = [(Tier::Install, Act::Deploy(Which::Target)), (Tier::Backup, Act::Backup)];
        let tiers = [Tier::Backup, Tier::Restore];
        let crash = Cause::Unhealthy { service: "app".into(), says: "no".into(), last_lines: Vec::new() };
        insta::assert_snapshot!(judged(&acts, &tiers, 0, crash), @r"
        install failed: `app` is unhealthy: no
        backup not judged: tier install, on which it stands, did not pass
        restore not judged: tier install, on which it stands, did not pass
        ");
        insta::assert_snapshot!(judged(&acts, &tiers, 0, Cause::Interrupted), @r"
        backup not judged: interrupted
        restore not judged: tier backup, on which it stands, did not pass
        ");
    }

    /// Plays a script of `second fact` lines against a side of two acts and prints what happens.
    fn play(script: &str) -> String {
        let limits = Limits {
            acts: &[("deploy", TimeDelta::seconds(60)), ("settle", TimeDelta::seconds(300))],
            clear: TimeDelta::seconds(60),
        };
        let (mut stage, mut told) = (Stage::Waiting, String::new());
        for line in script.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (second, word) = line.split_once(' ').unwrap();
            let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(second.parse().unwrap());
            let fact = match word {
                "started" => Fact::Started,
                "acted" => Fact::Acted,
                "swarm-lost" => Fact::Broke(Cause::Engine { says: "lost".into() }),
                "cleared" => Fact::Cleared(Left::Nothing),
                "tick" => Fact::Ticked,
                other => panic!("no fact `{other}`"),
            };
            told += &format!("{second:>4} {word:<10} ");
            match advance(stage.clone(), fact, now, limits) {
                Ok((next, step)) => {
                    let name = match &next {
                        Stage::Waiting => "waiting".to_owned(),
                        Stage::Acting { act, .. } => format!("acting {act}"),
                        Stage::Clearing { .. } => "clearing".to_owned(),
                        Stage::Done { .. } => "done".to_owned(),
                    };
                    told += &format!("{name:<9} {}\n", step.map_or("-".into(), |s| format!("{s:?}")));
                    stage = next;
                }
                Err(_) => told += "refused\n",
            }
        }
        if let Stage::Done { ended, left } = stage {
            told += &format!("{ended:?}, left {left:?}\n");
        }
        told
    }

    #[test]
    fn a_stack_that_never_settles_is_still_cleared() {
        insta::assert_snapshot!(play("
            0 started
            9 acted
            308 tick
            309 tick
            322 cleared
        "), @r#"
           0 started    acting 0  Act(0)
           9 acted      acting 1  Act(1)
         308 tick       acting 1  -
         309 tick       clearing  Clear
         322 cleared    done      -
        Badly { act: 1, why: Timeout { limit: "settle", seconds: 300 } }, left Nothing
        "#);
    }

    #[test]
    fn a_late_answer_from_the_swarm_is_refused_not_obeyed() {
        insta::assert_snapshot!(play("
            0 started
            4 swarm-lost
            5 acted
            70 tick
        "), @r#"
           0 started    acting 0  Act(0)
           4 swarm-lost clearing  Clear
           5 acted      refused
          70 tick       done      -
        Badly { act: 0, why: Engine { says: "lost" } }, left Something
        "#);
    }

    #[test]
    fn a_side_that_went_well_is_cleared_and_done() {
        insta::assert_snapshot!(play("
            0 started
            1 acted
            2 acted
            3 cleared
            4 cleared
        "), @r"
           0 started    acting 0  Act(0)
           1 acted      acting 1  Act(1)
           2 acted      clearing  Clear
           3 cleared    done      -
           4 cleared    refused
        Well, left Nothing
        ");
    }
}
