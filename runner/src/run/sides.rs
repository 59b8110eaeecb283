//! All stacks of a run: side by side where the plan has room for it, and once more for what a broken one left open.

use std::time::Duration;

use chrono::Utc;
use domain::plan::{Room, SidePlan};
use domain::{Cause, StackName, Tier, Verdict};
use harness::engine::EngineFacts;

use super::KEEP_FOR;
use super::build::{Built, Ground, Owner, Ownership, SecretStore, build};
use super::judge::Manner;
use super::prepare::Prepared;
use super::shared::{KeepStack, Shared};
use super::side::{Releases, SideEnd, run_side};
use super::tree::Tree;
use crate::instance::Instance;

/// Everything that the sides of a run have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grounds<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) shared: &'a Shared,
    pub(crate) prepared: &'a Prepared,
    pub(crate) facts: &'a EngineFacts,
    pub(crate) manner: &'a Manner,
}

/// Takes all sides.
pub(crate) async fn take_sides(grounds: Grounds<'_>) -> Vec<(SidePlan, SideEnd)> {
    let plan = &grounds.prepared.plan;
    let mut ends = match plan.room {
        Room::SideBySide => {
            futures_util::future::join_all(plan.sides.iter().map(|side| one(grounds, side))).await
        }
        Room::OneByOne(_) => {
            let mut ends = Vec::new();
            for side in &plan.sides {
                ends.push(one(grounds, side).await);
            }
            ends
        }
    };
    let mut nth = plan.sides.iter().map(|side| side.nth + 1).max().unwrap_or(0);
    while let Some(rest) = take_rest(&mut ends, nth) {
        let end = one(grounds, &rest).await;
        ends.push(end);
        nth += 1;
    }
    ends
}

/// Takes out of the ends what a fresh stack can still find out, and returns the plan for it (CC-021). Each such plan
/// judges fewer tiers than the one before it, so that this comes to an end.
fn take_rest(ends: &mut [(SidePlan, SideEnd)], nth: usize) -> Option<SidePlan> {
    let does_not_install = |(_, end): &(SidePlan, SideEnd)| {
        end.verdicts.iter().any(|(tier, v)| *tier == Tier::Install && matches!(v, Verdict::Failed { .. }))
    };
    if ends.iter().any(does_not_install) {
        return None;
    }
    ends.iter_mut().find_map(|(plan, end)| {
        let rest = plan.rest_after(end.broke.take()?, nth)?;
        end.verdicts.retain(|(tier, _)| !rest.tiers.contains(tier));
        Some(rest)
    })
}

async fn one(grounds: Grounds<'_>, plan: &SidePlan) -> (SidePlan, SideEnd) {
    let Grounds { instance, shared, prepared, facts, manner } = grounds;
    let domain = instance.settings.allotter.run(&prepared.run, plan.side, plan.nth);
    let stack = StackName::of_domain(&domain);
    let ownership = Ownership {
        instance: shared.instance.clone(),
        run: prepared.run.to_string(),
        recipe: prepared.recipe.to_string(),
        role: format!("run-{}", plan.tier()),
        deadline: Utc::now() + deadline_after(instance, manner.keep),
        keep: manner.keep,
        of: Owner::Run,
    };
    let mut secrets = SecretStore::new(shared.masker.clone());
    let ground = Ground {
        instance,
        overlay: &prepared.overlay,
        facts,
        domain: &domain,
        stack: &stack,
        ownership: &ownership,
    };
    let mut make = |tree: &Tree| -> Result<Built, Cause> { build(tree, ground, &mut secrets) };
    let base = plan.base.as_ref().and_then(|b| prepared.bases.iter().find(|t| t.label == b.tag));
    let base = base.map(&mut make).transpose().map_err(|cause| Cause::BaseBroken {
        base: plan.base.as_ref().map(|b| b.tag.clone()).unwrap_or_default(),
        says: cause.to_string(),
    });
    let end = match (base, make(&prepared.target)) {
        (Ok(base), Ok(target)) => {
            run_side(shared, plan, &domain, &stack, &Releases { base, target }, None).await
        }
        (Err(broken), Ok(_)) => SideEnd { broke: Some(plan.tier()), ..SideEnd::never_began(plan, broken) },
        (_, Err(cause)) => SideEnd::never_began(plan, cause),
    };
    (plan.clone(), end)
}

fn deadline_after(instance: &Instance, keep: KeepStack) -> Duration {
    match keep {
        KeepStack::Cleared => instance.settings.run_limit,
        KeepStack::Kept => instance.settings.run_limit + KEEP_FOR,
    }
}
