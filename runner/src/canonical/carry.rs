//! The steps of a promotion, in order. Only `commit` changes the record, and it comes after all that can fail; whatever
//! breaks before it, the candidate is removed and the canonical stands where it stood (laws 3 and 4).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use domain::canonical::{Fingerprint, Step};
use domain::plan::{Earlier, advance_plan};
use domain::reconcile::Severity;
use domain::retention::past_keeping;
use domain::verdict::Depth;
use domain::{Canonical, Cause, Domain, Generation, RecipeName, RunId, StackName, Tier, Verdict, What};
use harness::engine::{Broom, Chain, Keep, STACK_LABEL, Scope};
use harness::generation::{self, How};

use super::commit::{Committed, Proven};
use super::promote::{PromotionEnd, Way, depth};
use super::{COPY_LIMIT, DROP_LIMIT, PRINT_LIMIT, committed, retire, secrets};
use crate::lease::Leases;
use crate::reconcile::{Done, Mode, Order, ReconcileError, reconcile};
use crate::run::{
    Built, Common, Ground, KeepStack, Owner, Ownership, Releases, Retained, SecretStore, Shared, SideEnd,
    Stays, Tree, Yield, brought, build, images, labels, left_names, run_side,
};
use crate::store::{Hold, RunRecord, Store, StoreError, Work};

/// Longest time for a word with the registry; the store's own limits end first.
pub(super) const REGISTRY_LIMIT: Duration = Duration::from_secs(60);
/// Longest time for comparing and repairing: a stack that was left deployed is taken down with grace.
pub(super) const RECONCILE_LIMIT: Duration = Duration::from_secs(300);

/// Everything that the steps need.
pub(super) struct Carry<'a> {
    pub(super) common: Common<'a>,
    pub(super) shared: &'a Shared,
    pub(super) store: &'a Store,
    pub(super) way: Way,
    pub(super) from: Option<&'a Canonical>,
    pub(super) cold: Option<&'a RunRecord>,
    /// What the steps are journaled as.
    pub(super) work: Work,
    /// How long a candidate that failed stays deployed.
    pub(super) keep_failed: Option<TimeDelta>,
    /// Failed candidates of earlier promotions that stand in the way.
    pub(super) in_the_way: &'a [Hold],
}

/// How it went.
pub(super) struct Carried {
    pub(super) ended: Result<(Depth, PromotionEnd), Cause>,
    /// What is still in the swarm and should not be.
    pub(super) left: Vec<String>,
    /// Until when the failed candidate stays deployed, where it does.
    pub(super) kept: Option<DateTime<Utc>>,
    pub(super) digests: BTreeMap<String, String>,
}

/// A candidate under way.
pub(super) struct Candidate<'a> {
    pub(super) with: &'a Carry<'a>,
    pub(super) recipe: &'a RecipeName,
    pub(super) run: &'a RunId,
    pub(super) domain: Domain,
    pub(super) stack: StackName,
    pub(super) generation: Generation,
    /// Names of the candidate's volumes in the swarm, by their names without the generation.
    pub(super) volumes: BTreeMap<String, String>,
    /// Whether its stack failed and is still deployed, as it was asked for.
    pub(super) is_kept: bool,
}

/// Carries the release, and clears up whatever comes.
pub(super) async fn carry(with: &Carry<'_>) -> Carried {
    let never = |cause| Carried { ended: Err(cause), left: Vec::new(), kept: None, digests: BTreeMap::new() };
    let prepared = with.common.prepared;
    let generation = match with.store.next_generation(&prepared.recipe).await {
        Ok(generation) => generation,
        Err(error) => return never(registry(&error)),
    };
    let mut candidate = Candidate::of(with, generation);
    with.shared.log.tell(What::PromotionStarted {
        from: with.from.map(|from| (from.release.clone(), from.generation)),
        to: generation,
        cold: with.cold.map(|run| run.id.clone()),
        cold_level: with.cold.map_or(0, |run| run.level),
        stood: with.from.map(|from| Box::new(from.into())),
    });
    let proven = candidate.prove_all().await;
    let digests = proven.as_ref().map(|proven| proven.brought.digests.clone()).unwrap_or_default();
    let (ended, committed) = match proven {
        Err(cause) => (Err(cause), Committed::No),
        Ok(Proven { depth, .. }) if with.way == Way::Dry => {
            (Ok((depth, PromotionEnd::Proven)), Committed::No)
        }
        Ok(proven) => candidate.commit(proven).await,
    };
    let ended = match committed {
        Committed::Yes(_) | Committed::No => ended,
        Committed::Unknown => ended.map_err(|cause| Cause::Registry {
            says: format!("whether it was committed is not known: {cause}"),
        }),
    };
    let (left, kept) = match committed {
        Committed::Yes(record) => {
            candidate.retire(&record).await;
            (Vec::new(), None)
        }
        Committed::Unknown => {
            let says =
                format!("candidate {generation}: `simmer reconcile {}` decides about it", candidate.recipe);
            (vec![says], None)
        }
        Committed::No => match candidate.keep_failed().await {
            Some(until) => (Vec::new(), Some(until)),
            None => {
                let left = candidate.drop_all().await;
                if let (Err(cause), true) = (&ended, left.is_empty()) {
                    candidate.return_after(cause).await;
                }
                (left, None)
            }
        },
    };
    if let Err(error) = with.store.journal_done(candidate.run).await {
        tracing::warn!(%error, "the journal still says that this promotion is under way");
    }
    Carried { ended, left, kept, digests }
}

impl<'a> Candidate<'a> {
    /// A candidate of which nothing exists yet.
    pub(super) fn of(with: &'a Carry<'a>, generation: Generation) -> Self {
        let prepared = with.common.prepared;
        let domain = with.common.instance.settings.allotter.canonical(&prepared.recipe);
        Self {
            with,
            recipe: &prepared.recipe,
            run: &prepared.run,
            stack: StackName::of_domain(&domain),
            domain,
            generation,
            volumes: BTreeMap::new(),
            is_kept: false,
        }
    }

    /// Everything up to the commit.
    async fn prove_all(&mut self) -> Result<Proven, Cause> {
        let Carry { common, shared, from, .. } = *self.with;
        let Common { instance, prepared, .. } = common;
        self.let_go(self.with.in_the_way).await?;
        self.step(Step::Reconcile, RECONCILE_LIMIT, self.reconcile()).await?;
        images::build(shared).await?;

        let ownership = self.ownership();
        let (target, values) = self.build(&prepared.target)?;
        if let Some((name, volume)) = target
            .volumes
            .iter()
            .find(|(_, v)| !v.driver_opts.is_empty() || !matches!(v.driver.as_str(), "" | "local"))
        {
            let (key, driver) =
                (&volume.key, if volume.driver.is_empty() { "local" } else { &volume.driver });
            return Err(Cause::Generation {
                says: format!(
                    "volume `{key}` (`{name}`) has driver `{driver}` with options: only plain local volumes can be copied into a generation"
                ),
            });
        }
        // The engine never shows a secret again: what is not kept before it exists there is lost.
        secrets::keep(&instance.settings.state, self.recipe, &values.values()).map_err(|e| node(&e))?;

        let before: BTreeMap<String, String> = from.map(|from| from.volumes.clone()).unwrap_or_default();
        // A volume that the new release does not name any more is kept all the same: it is somebody's data.
        self.volumes = target
            .volumes
            .keys()
            .chain(before.keys())
            .map(|v| (v.clone(), self.generation.volume(v)))
            .collect();
        self.step(Step::Promise, REGISTRY_LIMIT, self.promise(&prepared.subject.at)).await?;
        self.step(Step::Copy, COPY_LIMIT, self.copy(&before, &ownership)).await?;

        self.journal(Step::Prove).await?;
        let retained = Retained {
            generation: self.generation,
            earlier: from.map(|from| from.planted.clone()).unwrap_or_default(),
            counts: from.map(|from| from.fingerprint.counts.clone()).unwrap_or_default(),
            stays: if self.with.keep_failed.is_some() { Stays::IfFailed } else { Stays::Never },
        };
        let earlier = if retained.earlier.is_empty() { Earlier::Nothing } else { Earlier::Planted };
        let plan = advance_plan(&brought(&prepared.overlay, &prepared.target), earlier);
        let releases = Releases { base: None, target };
        let end = run_side(shared, &plan, &self.domain, &self.stack, &releases, Some(&retained)).await;
        self.is_kept = end.is_kept;
        let (depth, brought) = judged(end)?;
        self.step(Step::Undeploy, REGISTRY_LIMIT, self.is_down()).await?;
        let counts = brought.counts.clone();
        let fingerprint = self.step(Step::Print, PRINT_LIMIT, self.print(counts)).await?;
        self.return_before_commit().await?;
        Ok(Proven { depth, brought, fingerprint })
    }

    /// Reads a release for this generation's stack, with the secrets that are kept. Those that it brings anew are among
    /// the values, and are not kept yet.
    pub(super) fn build(&self, tree: &Tree) -> Result<(Built, SecretStore), Cause> {
        let Common { instance, facts, prepared, .. } = self.with.common;
        let ground = Ground {
            instance,
            overlay: &prepared.overlay,
            facts,
            domain: &self.domain,
            stack: &self.stack,
            ownership: &self.ownership(),
        };
        let kept = secrets::read(&instance.settings.state, self.recipe).map_err(|e| node(&e))?;
        let mut values = SecretStore::kept(self.with.shared.masker.clone(), kept);
        Ok((build(tree, ground, &mut values)?, values))
    }

    pub(super) async fn promise(&self, release: &str) -> Result<((), String), Cause> {
        let promised =
            self.with.store.promise(self.recipe, self.generation, self.run, release, &self.volumes).await;
        promised.map_err(|error| registry(&error))?;
        Ok(((), format!("{} volumes", self.volumes.len())))
    }

    /// Nothing is built on a registry that says something else than Docker (law 2): idle on paper and running in fact,
    /// garbage of a killed promotion and the like are repaired first (CC-111, CC-112, CC-186).
    pub(super) async fn reconcile(&self) -> Result<((), String), Cause> {
        let Common { instance, .. } = self.with.common;
        let order = Order { only: Some(self.recipe.clone()), mode: Mode::Repair, me: Some(self.run.clone()) };
        let leases = Leases::of(&instance.settings.state);
        let done = reconcile(&self.with.shared.engine, self.with.store, &leases, instance, &order).await;
        let done = done.map_err(|error| match &error {
            ReconcileError::Engine(error) => error.cause(),
            ReconcileError::Store(error) => registry(error),
            ReconcileError::Lease(_) | ReconcileError::Instance(_) | ReconcileError::Random => node(&error),
        })?;
        let stops = |one: &&Done| one.is_left() && one.difference.severity == Severity::Stops;
        if let Some(Done { difference, .. }) = done.iter().find(stops) {
            let (says, repair) = (&difference.says, &difference.repair);
            return Err(Cause::Registry { says: format!("{says}; {repair}") });
        }
        for one in &done {
            let (says, repair) = (&one.difference.says, &one.difference.repair);
            let word = if one.is_left() { "differs" } else { "repaired" };
            self.with.shared.log.tell(What::Warned { says: format!("{word}: {says}; {repair}") });
        }
        let detail = match done.len() {
            0 => "the registry and Docker agree".to_owned(),
            n => format!("{n} differences"),
        };
        Ok(((), detail))
    }

    /// The canonical's stack, as far as it is ours.
    pub(super) fn scope(&self) -> Scope {
        Scope::stack(&self.stack)
            .and(labels::INSTANCE, &self.with.shared.instance)
            .and(labels::CANONICAL, self.recipe.as_str())
    }

    pub(super) async fn is_down(&self) -> Result<((), String), Cause> {
        use harness::engine::Kind;
        let there = self.with.shared.engine.list(&self.scope()).await.map_err(|error| error.cause())?;
        match there.iter().find(|object| !matches!(object.kind, Kind::Volume | Kind::Secret)) {
            Some(object) => Err(Cause::Engine { says: format!("{object} is still there") }),
            None => Ok(((), "volumes and secrets alone are left".into())),
        }
    }

    pub(super) fn ownership(&self) -> Ownership {
        Ownership {
            instance: self.with.shared.instance.clone(),
            run: self.run.to_string(),
            recipe: self.recipe.to_string(),
            role: "canonical".into(),
            deadline: Utc::now(),
            keep: KeepStack::Cleared,
            of: Owner::Canonical(self.generation),
        }
    }

    pub(super) async fn copy(
        &self,
        before: &BTreeMap<String, String>,
        ownership: &Ownership,
    ) -> Result<((), String), Cause> {
        let mut all = ownership.labels();
        all.insert(labels::GENERATION.to_owned(), self.generation.0.to_string());
        all.insert(STACK_LABEL.to_owned(), self.stack.to_string());
        let reserve = self.with.common.instance.settings.disk_free;
        let engine = &self.with.shared.engine;
        let made =
            generation::make(engine, before, &self.volumes, |_| all.clone(), reserve, COPY_LIMIT).await;
        let made = made.map_err(|error| error.cause())?;
        let (files, bytes) = made.volumes.values().fold((0, 0), |(f, b), c| (f + c.files, b + c.bytes));
        let how = how(made.volumes.values().map(|copied| copied.how)).to_owned();
        self.with.shared.log.tell(What::GenerationMade {
            generation: self.generation,
            volumes: self.volumes.values().cloned().collect(),
            files,
            bytes,
            how: how.clone(),
            millis: made.millis,
        });
        let detail = match before.is_empty() {
            true => format!("{} empty volumes", self.volumes.len()),
            false => format!("{files} files, {bytes} bytes {how}"),
        };
        Ok(((), detail))
    }

    pub(super) async fn print(&self, counts: domain::data::Counts) -> Result<(Fingerprint, String), Cause> {
        let printed = generation::fingerprint(&self.with.shared.engine, &self.volumes, PRINT_LIMIT).await;
        let fingerprint = Fingerprint { counts, ..printed.map_err(|error| error.cause())? };
        self.with
            .shared
            .log
            .tell(What::GenerationPrinted { generation: self.generation, fingerprint: fingerprint.clone() });
        let (files, bytes) = fingerprint.totals();
        Ok((fingerprint, format!("{files} files, {bytes} bytes")))
    }

    /// Removes generations that nobody keeps. The promotion is over: trouble is for the diary, and for reconcile.
    pub(super) async fn retire(&self, record: &Canonical) {
        let retired = self.step(Step::Retire, DROP_LIMIT, async {
            let all = self.with.store.generations(self.recipe).await.map_err(|error| registry(&error))?;
            let retention = self.with.common.instance.settings.retention;
            let kept = committed(&all);
            let past = past_keeping(&kept, record.generation, retention, Utc::now());
            let shared = self.with.shared;
            for (generation, _) in &past {
                let row = all.iter().find(|one| one.number == *generation);
                let volumes = row.iter().flat_map(|row| row.volumes.values().cloned()).collect();
                let (engine, store) = (&shared.engine, self.with.store);
                let gone = retire(engine, store, &shared.instance, self.recipe, *generation, &volumes).await;
                gone.map_err(|error| Cause::Generation { says: Chain(&error).to_string() })?;
            }
            Ok(((), format!("{} older generations removed, {} kept", past.len(), kept.len() - past.len())))
        });
        if let Err(cause) = retired.await {
            self.with.shared.log.tell(What::Warned { says: format!("older generations stay: {cause}") });
        }
    }

    /// Removes everything that this promotion made, by its own label: nothing that was ever committed carries it.
    pub(super) async fn drop_all(&self) -> Vec<String> {
        let shared = self.with.shared;
        if let Err(cause) = self.journal(Step::Drop).await {
            // What was made is removed all the same: who comes after reads the labels.
            tracing::warn!(%cause, "the journal does not say that the candidate goes");
        }
        self.told(Step::Drop);
        let began = Instant::now();
        let scope = Scope::label(labels::PROMOTION, self.run.as_str())
            .and(labels::INSTANCE, &shared.instance)
            .and(labels::CANONICAL, self.recipe.as_str());
        let mut left = match shared.engine.clear(&scope, Broom::AtOnce, Keep::Nothing, DROP_LIMIT).await {
            Ok(_) => Vec::new(),
            Err(left) => left_names(&left),
        };
        if self.with.from.is_none()
            && let Err(error) = secrets::forget(&self.with.common.instance.settings.state, self.recipe)
        {
            left.push(error.to_string());
        }
        if left.is_empty()
            && let Err(error) = self.with.store.dropped(self.recipe, self.generation).await
        {
            // It was perhaps never promised; reconcile knows what to do with a row without volumes.
            tracing::debug!(%error, "the candidate's row stays");
        }
        self.ended(Step::Drop, began, left.is_empty(), left.join(", "));
        shared.log.tell(What::CandidateDropped { generation: self.generation, left: left.clone() });
        left
    }
}

/// Returns what a canonical's stack brought, or why it did not pass.
pub(super) fn judged(end: SideEnd) -> Result<(Depth, Yield), Cause> {
    let SideEnd { verdicts, left, brought, data: _, broke: _, is_kept: _ } = end;
    let verdict = verdicts.into_iter().find(|(tier, _)| *tier == Tier::Advance).map(|(_, verdict)| verdict);
    let depth = depth(&verdict.unwrap_or_else(|| {
        Verdict::of(Cause::Ours { says: "the canonical's stack was not judged".into() })
    }))?;
    match left.first() {
        Some(left) => {
            Err(Cause::Engine { says: format!("the stack could not be taken down: {left} is still there") })
        }
        None => Ok((depth, brought.unwrap_or_default())),
    }
}

/// Returns the word for how the bytes of a generation came.
fn how(all: impl Iterator<Item = How>) -> &'static str {
    let together = all.reduce(|a, b| if a == b { a } else { How::Mixed });
    match together {
        None => "",
        Some(How::Reflinked) => "reflink",
        Some(How::Copied) => "copied",
        Some(How::Mixed) => "in part by reflink",
    }
}

pub(super) fn registry(error: &StoreError) -> Cause {
    let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    Cause::Registry { says: format!("{}{hint}", Chain(error)) }
}

pub(super) fn node(error: &dyn std::error::Error) -> Cause {
    Cause::Node { says: Chain(error).to_string() }
}
