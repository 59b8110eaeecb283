//! A promotion: a run of its own that judges the tier `advance`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use domain::event::{Context, Event};
use domain::level::advanced;
use domain::verdict::Depth;
use domain::{Canonical, Cause, Generation, RecipeName, RunId, Tier, Verdict, Version, What};
use harness::engine::Engine;

use super::carry::{Carried, Carry, carry};
use super::kept::{refuse_while_open, standing};
use crate::cli::Trouble;
use crate::exit::Exit;
use crate::instance::Instance;
use crate::lease::{LeaseError, Leases, Owner};
use crate::mask::Masker;
use crate::run::{
    Common, Manner, Prepared, Wanted, drop_folder, millis, open_log, port_leases, preflight, prepare,
    random_bytes, share, tick,
};
use crate::store::{Hold, HoldKind, RunRecord, Store, StoreError, Work};

/// What is to be carried.
#[derive(Clone, Debug)]
pub struct Promotion {
    pub recipe: String,
    /// Tag of a release, or with [`Way::Dry`] any ref; the newest release if none.
    pub reference: Option<String>,
    pub way: Way,
    /// How long a candidate that failed stays deployed for diagnosis (CC-125); none where it goes at once.
    pub keep_failed: Option<TimeDelta>,
    pub context: Context,
}

/// How far a promotion goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A release, and the record with it.
    Commit,
    /// Everything but the commit, for any ref; leaves nothing (CC-121).
    Dry,
}

/// What came of a promotion.
#[derive(Debug)]
pub struct Promoted {
    pub run: RunId,
    pub recipe: RecipeName,
    pub release: String,
    pub end: PromotionEnd,
    pub level: u8,
    pub left: Vec<String>,
    /// Until when the candidate that failed stays deployed, where it does.
    pub kept: Option<DateTime<Utc>>,
    pub events: Vec<Event>,
    pub folder: PathBuf,
}

/// How a promotion ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromotionEnd {
    /// The record was committed and read back.
    Promoted { generation: Generation, advances: u32 },
    /// It would have been; nothing was committed and nothing is left.
    Proven,
    /// The canonical stands where it stood (CC-106, CC-113).
    Failed { verdict: Verdict },
}

impl Promoted {
    /// Returns the exit code that the end asks for.
    pub fn exit(&self) -> Exit {
        let left = if self.left.is_empty() { Exit::Passed } else { Exit::LeftBehind };
        match &self.end {
            PromotionEnd::Promoted { .. } | PromotionEnd::Proven => left,
            PromotionEnd::Failed { verdict } => left.and(Exit::of(verdict)),
        }
    }
}

/// Carries a release onto the recipe's canonical. A release that may not be carried is told with the reason, and
/// nothing is made.
pub async fn promote(
    instance: &Instance,
    engine: &Engine,
    store: &Store,
    wanted: &Promotion,
    manner: &Manner,
) -> Result<Promoted, Trouble> {
    let facts = preflight(instance, engine).await?;
    let id = RunId::from_random(random_bytes()?);
    let leases = Leases::of(&instance.settings.state);
    let owner = Owner::here(id.to_string(), wanted.recipe.clone());
    let held = |error: LeaseError| {
        Trouble::from_error(Exit::NotJudged, format!("could not promote `{}`", wanted.recipe), &error)
            .hint("wait until that has ended, or stop it")
    };
    let (recipe, enrolment) = instance.recipe(&wanted.recipe)?;
    if !enrolment.canonical {
        return Err(Trouble::new(Exit::Usage, format!("recipe `{recipe}` has no canonical"))
            .hint(format!("set `canonical = true` in recipes/{recipe}.toml")));
    }
    let _alive = leases.take(&format!("run-{id}"), &owner).map_err(held)?;
    let _ours = leases.take(&lease_name(recipe), &owner).map_err(held)?;
    refuse_while_open(store, recipe, "promote").await?;
    let standing = standing(store, recipe).await.map_err(unread)?;
    let in_the_way: Vec<Hold> =
        standing.into_iter().filter(|hold| hold.kind == HoldKind::Diagnosis).collect();
    let folder = instance.settings.state.join("runs").join(id.as_str());
    let asked = Wanted {
        recipe: wanted.recipe.clone(),
        reference: wanted.reference.clone(),
        bases: Vec::new(),
        tiers: BTreeSet::new(),
        context: wanted.context,
    };
    let promoted = async {
        let prepared = prepare(instance, &asked, id, &manner.cancel).await?;
        let allowed = allowed(store, &prepared, wanted.way).await?;
        super::names::have_room(&instance.settings.allotter, &prepared)?;
        let _ports = port_leases(&leases, &prepared, &owner).map_err(held)?;
        let common = Common { instance, engine, facts: &facts, prepared: &prepared, manner };
        carried(common, store, wanted, &in_the_way, allowed).await
    }
    .await;
    drop_folder(&folder.join("trees"));
    drop_folder(&folder.join("work"));
    if promoted.is_err() {
        // Nothing ran, so there is no run: leave no folder of one.
        drop_folder(&folder);
    }
    promoted
}

/// Returns the name of the lease that says who works on a recipe's canonical.
pub(crate) fn lease_name(recipe: &RecipeName) -> String {
    format!("canonical-{recipe}")
}

/// What a promotion stands on.
struct Allowed {
    /// Where the canonical stands; `None` before it is born.
    from: Option<Canonical>,
    cold: Option<RunRecord>,
}

/// Only a green cold run of a released tag allows a promotion (CC-101); nothing goes back to an older release.
async fn allowed(store: &Store, prepared: &Prepared, way: Way) -> Result<Allowed, Trouble> {
    let recipe = &prepared.recipe;
    let from = store.canonical(recipe).await.map_err(unread)?;
    let subject = &prepared.subject;
    let cold = store.green_run(recipe, &subject.commit).await.map_err(unread)?;
    if way == Way::Commit && !subject.released {
        return Err(Trouble::new(Exit::Usage, format!("`{}` is no release of `{recipe}`", subject.at))
            .hint("only releases are committed; `--dry` proves any ref and leaves nothing"));
    }
    if way == Way::Commit && cold.is_none() {
        let says = format!("`{recipe}` {} has no green cold run", subject.at);
        return Err(Trouble::new(Exit::Usage, says)
            .hint(format!("take it through all tiers first: `simmer run {recipe} --ref {}`", subject.at)));
    }
    if let (Some(from), Some(release)) = (&from, &prepared.target.release)
        && let Ok(stands) = Version::parse(&from.release)
        && stands > release.version
    {
        let says =
            format!("the canonical of `{recipe}` stands on {}, newer than {}", from.release, release.tag);
        return Err(Trouble::new(Exit::Usage, says).hint(
            "data does not go back to an older release; `simmer canonical rollback` goes back to an older generation",
        ));
    }
    Ok(Allowed { from, cold })
}

pub(super) fn unread(error: StoreError) -> Trouble {
    let hint = error.hint();
    Trouble::from_error(Exit::NotJudged, "the registry cannot be used", &error).hint_if(hint)
}

async fn carried(
    common: Common<'_>,
    store: &Store,
    wanted: &Promotion,
    in_the_way: &[Hold],
    allowed: Allowed,
) -> Result<Promoted, Trouble> {
    let Common { prepared, manner, .. } = common;
    let (began, started) = (Instant::now(), Utc::now());
    let masker = Masker::default();
    let log = open_log(common, &masker)?;
    let shared = share(common, &log, &masker).await?;
    let stop_ticking = tick(&manner.view);
    let Allowed { from, cold } = allowed;
    let cold_level = cold.as_ref().map_or(0, |run| run.level);
    let steps = Carry {
        common,
        shared: &shared,
        store,
        way: wanted.way,
        from: from.as_ref(),
        cold: cold.as_ref(),
        work: Work::Promotion,
        keep_failed: wanted.keep_failed,
        in_the_way,
    };
    let Carried { ended, left, kept, digests } = carry(&steps).await;
    stop_ticking.store(true, Ordering::Relaxed);
    let (verdict, end) = match ended {
        Ok((depth, end)) => (Verdict::Passed { depth }, end),
        Err(cause) => {
            let verdict = Verdict::of(cause);
            (verdict.clone(), PromotionEnd::Failed { verdict })
        }
    };
    log.tell(What::TierJudged { tier: Tier::Advance, base: None, judged: verdict.clone(), data: None });
    let level = advanced(cold_level, Some(&verdict));
    let verdicts = BTreeMap::from([(Tier::Advance, verdict.clone())]);
    log.tell(What::RunEnded {
        level,
        verdicts: verdicts.clone(),
        millis: millis(began.elapsed()),
        left: left.clone(),
    });
    let record = RunRecord {
        id: prepared.run.clone(),
        recipe: prepared.recipe.clone(),
        release: prepared.subject.at.clone(),
        commit: prepared.subject.commit.clone(),
        context: prepared.context,
        started,
        ended: Utc::now(),
        level,
        verdicts,
        digests,
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        is_green: matches!(verdict, Verdict::Passed { .. }),
    };
    if let Err(error) = store.run_ended(&record).await {
        tracing::warn!(%error, "the run is not in the registry");
    }
    Ok(Promoted {
        run: prepared.run.clone(),
        recipe: prepared.recipe.clone(),
        release: prepared.subject.at.clone(),
        end,
        level,
        left,
        kept,
        events: log.events(),
        folder: prepared.folder.clone(),
    })
}

/// Returns whether a pass rests on a question to the app.
pub(super) fn depth(verdict: &Verdict) -> Result<Depth, Cause> {
    match verdict {
        Verdict::Passed { depth } => Ok(*depth),
        Verdict::Failed { why } | Verdict::Unverified { why } => Err(why.clone()),
        Verdict::Skipped { why } => Err(Cause::Ours { says: format!("an advance was skipped: {why}") }),
    }
}
