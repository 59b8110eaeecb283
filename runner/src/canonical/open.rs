//! Opening a canonical: its release, as committed, deployed on a copy of its generation for a person to look at. The
//! committed generation is not even mounted, whatever is done to the copy.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use domain::canonical::Step;
use domain::event::{Context, Subject};
use domain::plan::{Earlier, stand_plan};
use domain::{Canonical, Cause, Generation, RecipeName, RunId, Verdict, What};
use harness::engine::Engine;

use super::carry::{Candidate, Carry, RECONCILE_LIMIT, REGISTRY_LIMIT, judged, registry};
use super::kept::{in_the_way, is_over, standing, told};
use super::promote::{Way, lease_name, unread};
use super::returned::tree_of;
use super::{COPY_LIMIT, secrets};
use crate::cancel::Cancel;
use crate::cli::Trouble;
use crate::exit::Exit;
use crate::instance::Instance;
use crate::lease::{LeaseError, Leases, Owner};
use crate::mask::Masker;
use crate::run::{
    Common, Manner, Prepared, Releases, Retained, Shared, Stays, Wanted, brought, drop_folder, images,
    open_log, port_leases, preflight, prepare, random_bytes, run_side, share, tick,
};
use crate::store::{HoldKind, Store, Work};

/// What is to be opened.
#[derive(Clone, Debug)]
pub struct Opening {
    pub recipe: String,
    /// How long it stays open.
    pub length: TimeDelta,
}

/// A canonical that is open.
#[derive(Debug)]
pub struct Opened {
    /// The opening's own run, which owns the copy.
    pub run: RunId,
    pub recipe: RecipeName,
    pub release: String,
    /// The committed generation, untouched.
    pub from: Generation,
    /// The copy that is looked at.
    pub generation: Generation,
    pub url: String,
    /// Where the values of its secrets are kept.
    pub secrets: PathBuf,
    pub until: DateTime<Utc>,
    /// Keeps the way in open.
    shared: Shared,
}

impl Opened {
    /// Returns whether nobody comes in once this process ends: the edge is part of it.
    pub fn is_served_here(&self) -> bool {
        self.shared.front.is_embedded()
    }

    /// Returns the address at which the edge of this process listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.shared.front.https()
    }
}

/// Deploys the canonical's release on a copy of its generation, and writes down until when it stays so. Where that fails
/// nothing is left.
pub async fn open(
    instance: &Instance,
    engine: &Engine,
    store: &Store,
    wanted: &Opening,
    manner: &Manner,
) -> Result<Opened, Trouble> {
    let (recipe, _) = instance.recipe(&wanted.recipe)?;
    let facts = preflight(instance, engine).await?;
    let id = RunId::from_random(random_bytes()?);
    let leases = Leases::of(&instance.settings.state);
    let owner = Owner::here(id.to_string(), recipe.to_string());
    let held = |error: LeaseError| {
        Trouble::from_error(Exit::NotJudged, format!("could not open `{recipe}`"), &error)
            .hint("wait until that has ended, or stop it")
    };
    let _alive = leases.take(&format!("run-{id}"), &owner).map_err(held)?;
    let _ours = leases.take(&lease_name(recipe), &owner).map_err(held)?;
    let record = store.canonical(recipe).await.map_err(unread)?.ok_or_else(|| {
        Trouble::new(Exit::Usage, format!("recipe `{recipe}` has no canonical yet"))
            .hint(format!("`simmer promote {recipe}` makes one of a green release"))
    })?;
    let there = standing(store, recipe).await.map_err(unread)?;
    if let Some(hold) = there.iter().find(|hold| !is_over(hold, Utc::now())) {
        return Err(in_the_way(recipe, hold, "open"));
    }
    let pinned = pinned(instance, &record, id, "opened", &manner.cancel).await;
    let opened = async {
        let prepared = pinned?;
        let _ports = port_leases(&leases, &prepared, &owner).map_err(held)?;
        let common = Common { instance, engine, facts: &facts, prepared: &prepared, manner };
        let opened = stand(common, store, &record, wanted.length).await;
        drop_folder(&prepared.folder.join("trees"));
        drop_folder(&prepared.folder.join("work"));
        opened
    };
    opened.await
}

/// Pins the release that a record stands on. Its story is told in a folder of the canonical's: it judges nothing, so it is
/// no run that others look for. Only the last one of a name is kept.
pub(super) async fn pinned(
    instance: &Instance,
    record: &Canonical,
    run: RunId,
    name: &str,
    cancel: &Cancel,
) -> Result<Prepared, Trouble> {
    let Canonical { recipe, release, commit, .. } = record;
    let wanted = Wanted {
        recipe: recipe.to_string(),
        reference: Some(commit.clone()),
        bases: Vec::new(),
        tiers: BTreeSet::new(),
        context: Context::Hand,
    };
    let runs = instance.settings.state.join("runs").join(run.as_str());
    let prepared = prepare(instance, &wanted, run.clone(), cancel).await;
    drop_folder(&runs);
    let mut prepared = prepared?;
    let folder = instance.settings.state.join("canonicals").join(recipe.as_str()).join(name);
    drop_folder(&folder);
    prepared.folder = folder.join(run.as_str());
    prepared.subject =
        Subject { recipe: recipe.clone(), at: release.clone(), commit: commit.clone(), released: true };
    let tree = tree_of(record, instance, &prepared).await;
    prepared.target = tree.map_err(|cause| Trouble::new(Exit::NotJudged, cause.to_string()))?;
    Ok(prepared)
}

async fn stand(
    common: Common<'_>,
    store: &Store,
    record: &Canonical,
    length: TimeDelta,
) -> Result<Opened, Trouble> {
    let Common { instance, prepared, manner, .. } = common;
    let masker = Masker::default();
    let log = open_log(common, &masker)?;
    let shared = share(common, &log, &masker).await?;
    let generation = store.next_generation(&prepared.recipe).await.map_err(unread)?;
    let carry = Carry {
        common,
        shared: &shared,
        store,
        way: Way::Commit,
        from: Some(record),
        cold: None,
        work: Work::Open,
        keep_failed: None,
        in_the_way: &[],
    };
    let mut copy = Candidate::of(&carry, generation);
    let stop_ticking = tick(&manner.view);
    let mut opened = copy.stand_up(record, length).await;
    let url = url(&copy);
    if let Ok(until) = &opened {
        log.tell(What::Opened { generation, url: url.clone(), until: *until });
    }
    let mut left = Vec::new();
    if opened.is_err() {
        left = copy.drop_all().await;
    }
    if let Err(error) = store.journal_done(&prepared.run).await {
        tracing::warn!(%error, "the journal still says that this opening is under way");
    }
    stop_ticking.store(true, Ordering::Relaxed);
    let until = match &mut opened {
        Ok(until) => *until,
        Err(cause) => return Err(not_opened(prepared, cause, &left)),
    };
    Ok(Opened {
        run: prepared.run.clone(),
        recipe: prepared.recipe.clone(),
        release: record.release.clone(),
        from: record.generation,
        generation,
        url,
        secrets: secrets::path(&instance.settings.state, &prepared.recipe),
        until,
        shared: shared.clone(),
    })
}

fn not_opened(prepared: &Prepared, cause: &Cause, left: &[String]) -> Trouble {
    let exit = Exit::of(&Verdict::of(cause.clone()));
    let says = format!("could not open `{}`: {cause}", prepared.recipe);
    if left.is_empty() {
        let place = prepared.folder.join("events.jsonl");
        return Trouble::new(exit, says)
            .hint(format!("nothing of it is left in the swarm; its story is in `{}`", place.display()));
    }
    Trouble::new(Exit::LeftBehind, format!("{says}; left behind: {}", left.join(", ")))
        .hint(format!("`simmer reconcile {}` removes it", prepared.recipe))
}

/// Where a person looks: as the probes do.
fn url(copy: &Candidate<'_>) -> String {
    let host = copy.with.shared.overlay.health.host.as_ref().map_or(String::new(), |host| format!("{host}."));
    let front = &copy.with.shared.front;
    let port = match front.https().port() {
        443 => String::new(),
        port => format!(":{port}"),
    };
    format!("https://{host}{}{port}/", copy.domain)
}

impl Candidate<'_> {
    /// The steps of opening, up to the hold that makes the stack a person's.
    async fn stand_up(&mut self, record: &Canonical, length: TimeDelta) -> Result<DateTime<Utc>, Cause> {
        let Carry { common, shared, .. } = *self.with;
        let Common { prepared, .. } = common;
        self.step(Step::Reconcile, RECONCILE_LIMIT, self.reconcile()).await?;
        images::build(shared).await?;
        let (target, _) = self.build(&prepared.target)?;
        self.volumes =
            record.volumes.keys().map(|name| (name.clone(), self.generation.volume(name))).collect();
        self.step(Step::Promise, REGISTRY_LIMIT, self.promise(&record.release)).await?;
        let ownership = self.ownership();
        self.step(Step::Copy, COPY_LIMIT, self.copy(&record.volumes, &ownership)).await?;
        self.journal(Step::StandUp).await?;
        let retained = Retained {
            generation: self.generation,
            earlier: record.planted.clone(),
            counts: record.fingerprint.counts.clone(),
            stays: Stays::IfWell,
        };
        let plan = stand_plan(&brought(&prepared.overlay, &prepared.target), 0, Earlier::Nothing);
        let releases = Releases { base: None, target };
        let end = run_side(shared, &plan, &self.domain, &self.stack, &releases, Some(&retained)).await;
        judged(end)?;
        let reason = format!("{} on {}, a copy of {}", record.release, self.generation, record.generation);
        let until = self.hold(HoldKind::Open, length, reason).await?;
        // Read back: what is not held is garbage, and nobody is to look at garbage.
        let there = standing(self.with.store, self.recipe).await.map_err(|error| registry(&error))?;
        match there.iter().any(|hold| hold.owner == self.run.as_str() && hold.until == Some(until)) {
            true => Ok(until),
            false => Err(Cause::Registry {
                says: format!("that it is open until {} was written, and is not there", told(until)),
            }),
        }
    }
}
