//! Closing what is deployed for a person: a canonical that was opened, or a candidate that failed and was kept. The copy
//! goes, and the committed generation is what it was; or, where that is asked, the copy becomes a new generation through
//! the same door as a promotion's.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use chrono::Utc;
use domain::canonical::{Fingerprint, Standing, Step};
use domain::data::Counts;
use domain::event::KeptCopy;
use domain::plan::{Earlier, stand_plan};
use domain::{Canonical, Cause, Generation, RecipeName, RunId, Verdict, What};
use harness::engine::{Broom, Engine, Keep, Scope};

use super::carry::{Candidate, Carry, REGISTRY_LIMIT, judged, registry};
use super::commit::Committed;
use super::kept::{let_go, promised_by, standing};
use super::open::pinned;
use super::promote::{Way, lease_name, unread};
use super::{DROP_LIMIT, PRINT_LIMIT, secrets};
use crate::cli::Trouble;
use crate::exit::Exit;
use crate::instance::Instance;
use crate::lease::{LeaseError, Leases, Owner};
use crate::mask::Masker;
use crate::run::{
    Common, Manner, Releases, Retained, Stays, brought, drop_folder, images, labels, left_names, open_log,
    port_leases, preflight, random_bytes, run_side, share, tick,
};
use crate::store::{GenerationRecord, Hold, HoldKind, JournalEntry, Store, Work};

/// What is to be closed.
#[derive(Clone, Debug)]
pub struct Closing {
    pub recipe: String,
    /// Whether the copy becomes the canonical's generation.
    pub keep: KeptCopy,
}

/// What was closed.
#[derive(Clone, Debug)]
pub struct Closed {
    pub recipe: RecipeName,
    /// What it was kept open for.
    pub was: HoldKind,
    /// The generation that it stood on; none where the registry does not know it any more.
    pub generation: Option<Generation>,
    pub kept: KeptCopy,
    /// What is still in the swarm and should not be.
    pub left: Vec<String>,
}

/// Closes what is open of a recipe's canonical.
pub async fn close(
    instance: &Instance,
    engine: &Engine,
    store: &Store,
    wanted: &Closing,
    manner: &Manner,
) -> Result<Closed, Trouble> {
    let recipe =
        &RecipeName::parse(&wanted.recipe).map_err(|bad| Trouble::new(Exit::Usage, bad.to_string()))?;
    let held = |error: LeaseError| {
        Trouble::from_error(Exit::NotJudged, format!("could not close `{recipe}`"), &error)
            .hint("wait until that has ended, or stop it")
    };
    let leases = Leases::of(&instance.settings.state);
    let id = RunId::from_random(random_bytes()?);
    let owner = Owner::here(id.to_string(), recipe.to_string());
    let _alive = leases.take(&format!("run-{id}"), &owner).map_err(held)?;
    let _ours = leases.take(&lease_name(recipe), &owner).map_err(held)?;
    let holds = standing(store, recipe).await.map_err(unread)?;
    let Some(hold) = holds.iter().max_by_key(|hold| hold.until) else {
        return Err(Trouble::new(Exit::Usage, format!("nothing of the canonical of `{recipe}` is open"))
            .hint(format!(
                "`simmer canonical open {recipe}` opens it; what is past its end, `simmer reconcile` closes"
            )));
    };
    let run = promised_by(hold)?;
    let rows = store.generations(recipe).await.map_err(unread)?;
    let row = rows.iter().find(|row| row.run == run);
    let work = Doing { instance, engine, store, recipe, id: &id, holds: &holds, hold };
    match (row, wanted.keep) {
        // A close that was killed after its commit: all that is left to do is to let go.
        (Some(row), _) if row.standing == Standing::Committed => {
            work.let_go().await?;
            work.done().await;
            Ok(work.closed(Some(row.number), KeptCopy::Yes, Vec::new()))
        }
        (row, KeptCopy::No) => work.throw_away(row).await,
        (Some(row), KeptCopy::Yes) if row.standing == Standing::Candidate && hold.kind == HoldKind::Open => {
            // The work goes on under the name of who promised the copy: only they may commit it.
            let _theirs = leases.take(&format!("run-{run}"), &owner).map_err(held)?;
            work.keep(&leases, &owner, row, manner).await
        }
        (_, KeptCopy::Yes) => {
            let what = match hold.kind {
                HoldKind::Diagnosis => "a candidate that failed is not kept",
                HoldKind::Open
                | HoldKind::Freeze
                | HoldKind::Pin
                | HoldKind::Defer
                | HoldKind::Quarantine
                | HoldKind::Lease => "the copy is not there any more",
            };
            Err(Trouble::new(Exit::Usage, format!("could not keep what is open of `{recipe}`: {what}"))
                .hint(format!("`simmer canonical close {recipe}` closes it without")))
        }
    }
}

/// Who closes what.
struct Doing<'a> {
    instance: &'a Instance,
    engine: &'a Engine,
    store: &'a Store,
    recipe: &'a RecipeName,
    /// The closing's own run.
    id: &'a RunId,
    /// All that is held deployed of the recipe; seldom more than one.
    holds: &'a [Hold],
    hold: &'a Hold,
}

impl Doing<'_> {
    fn closed(&self, generation: Option<Generation>, kept: KeptCopy, left: Vec<String>) -> Closed {
        Closed { recipe: self.recipe.clone(), was: self.hold.kind, generation, kept, left }
    }

    async fn journal(&self, step: Step) -> Result<(), Trouble> {
        let entry = JournalEntry {
            recipe: Some(self.recipe.clone()),
            run: self.id.clone(),
            kind: Work::Close,
            step: step.name().to_owned(),
            since: Utc::now(),
        };
        self.store.journal(&entry).await.map(drop).map_err(unread)
    }

    async fn done(&self) {
        if let Err(error) = self.store.journal_done(self.id).await {
            tracing::warn!(%error, "the journal still says that this closing is under way");
        }
    }

    async fn let_go(&self) -> Result<(), Trouble> {
        self.journal(Step::LetGo).await?;
        let_go(self.store, self.holds).await.map_err(unread)
    }

    /// Lets go first: a kill in between leaves garbage that reconcile removes, and never half a stack that is held.
    async fn throw_away(&self, row: Option<&GenerationRecord>) -> Result<Closed, Trouble> {
        let owner = self.instance.id().map_err(|error| {
            Trouble::from_error(Exit::NotJudged, "could not read the instance's id", &error)
        })?;
        self.let_go().await?;
        self.journal(Step::Drop).await?;
        if let Some(row) = row.filter(|row| row.standing == Standing::Candidate) {
            self.store.dropped(self.recipe, row.number).await.map_err(unread)?;
        }
        let mut left = Vec::new();
        for hold in self.holds {
            // Nothing that was ever committed carries the label of a run that only opened.
            let scope = Scope::label(labels::PROMOTION, &hold.owner)
                .and(labels::INSTANCE, &owner)
                .and(labels::CANONICAL, self.recipe.as_str());
            if let Err(more) = self.engine.clear(&scope, Broom::AtOnce, Keep::Nothing, DROP_LIMIT).await {
                left.extend(left_names(&more));
            }
        }
        if left.is_empty() {
            if let Some(row) = row {
                self.store.retired(self.recipe, row.number).await.map_err(unread)?;
            }
            let is_born = self.store.canonical(self.recipe).await.map_err(unread)?.is_some();
            if !is_born && let Err(error) = secrets::forget(&self.instance.settings.state, self.recipe) {
                left.push(error.to_string());
            }
        }
        self.done().await;
        Ok(self.closed(row.map(|row| row.number), KeptCopy::No, left))
    }

    /// Makes the copy the canonical's generation: what was planted has to be there, and the app has to answer.
    async fn keep(
        &self,
        leases: &Leases,
        owner: &Owner,
        row: &GenerationRecord,
        manner: &Manner,
    ) -> Result<Closed, Trouble> {
        let Self { instance, engine, store, recipe, .. } = *self;
        let facts = preflight(instance, engine).await?;
        let record = store.canonical(recipe).await.map_err(unread)?.ok_or_else(|| {
            Trouble::new(Exit::Usage, format!("recipe `{recipe}` has no canonical any more"))
                .hint(format!("`simmer canonical close {recipe}` closes it without"))
        })?;
        let prepared = pinned(instance, &record, row.run.clone(), "closed", &manner.cancel).await?;
        let _ports = port_leases(leases, &prepared, owner).map_err(|error| {
            Trouble::from_error(Exit::NotJudged, format!("could not close `{recipe}`"), &error)
        })?;
        let common = Common { instance, engine, facts: &facts, prepared: &prepared, manner };
        let masker = Masker::default();
        let log = open_log(common, &masker)?;
        let shared = share(common, &log, &masker).await?;
        let carry = Carry {
            common,
            shared: &shared,
            store,
            way: Way::Commit,
            from: Some(&record),
            cold: None,
            work: Work::Close,
            keep_failed: None,
            in_the_way: &[],
        };
        let mut copy = Candidate::of(&carry, row.number);
        copy.volumes.clone_from(&row.volumes);
        let stop_ticking = tick(&manner.view);
        let kept = copy.keep(&record, self.holds).await;
        stop_ticking.store(true, Ordering::Relaxed);
        drop_folder(&prepared.folder.join("trees"));
        drop_folder(&prepared.folder.join("work"));
        if let Err(error) = store.journal_done(copy.run).await {
            tracing::warn!(%error, "the journal still says that this closing is under way");
        }
        match kept {
            Ok(()) => {
                log.tell(What::Closed { generation: row.number, kept: KeptCopy::Yes });
                Ok(self.closed(Some(row.number), KeptCopy::Yes, Vec::new()))
            }
            Err(cause) => {
                let exit = Exit::of(&Verdict::of(cause.clone()));
                Err(Trouble::new(exit, format!("could not keep what is open of `{recipe}`: {cause}")).hint(
                    format!(
                        "the copy is still there, and the canonical stands where it stood: try again, or close it without `--keep`; its story is in `{}`",
                        prepared.folder.join("events.jsonl").display()
                    ),
                ))
            }
        }
    }
}

impl Candidate<'_> {
    /// The steps of keeping: prove, undeploy, print, commit, read back, let go, retire.
    async fn keep(&mut self, record: &Canonical, holds: &[Hold]) -> Result<(), Cause> {
        let Carry { common, shared, store, .. } = *self.with;
        let Common { prepared, .. } = common;
        self.journal(Step::Prove).await?;
        images::build(shared).await?;
        let (target, _) = self.build(&prepared.target)?;
        let retained = Retained {
            generation: self.generation,
            earlier: record.planted.clone(),
            // A person may have deleted what they like; what is there now is what later releases have to keep.
            counts: Counts::new(),
            stays: Stays::UnlessWell,
        };
        let plan = stand_plan(&brought(&prepared.overlay, &prepared.target), 0, Earlier::Planted);
        let releases = Releases { base: None, target };
        let end = run_side(shared, &plan, &self.domain, &self.stack, &releases, Some(&retained)).await;
        let (_, brought) = judged(end)?;
        self.step(Step::Undeploy, REGISTRY_LIMIT, self.is_down()).await?;
        let fingerprint = self.step(Step::Print, PRINT_LIMIT, self.print(brought.counts)).await?;
        let kept = Canonical { digests: brought.digests, ..self.of_copy(record, fingerprint) };
        let (written, committed) = self.write(kept).await;
        written?;
        self.step(Step::LetGo, REGISTRY_LIMIT, async {
            let_go(store, holds).await.map_err(|error| registry(&error))?;
            Ok(((), format!("{} is nobody's any more, and the canonical's", self.generation)))
        })
        .await?;
        if let Committed::Yes(kept) = committed {
            self.retire(&kept).await;
        }
        Ok(())
    }

    /// The record of the copy: the same release with the same markers, on another generation. No advance was survived.
    fn of_copy(&self, record: &Canonical, fingerprint: Fingerprint) -> Canonical {
        let volumes: BTreeMap<String, String> = self.volumes.clone();
        Canonical {
            generation: self.generation,
            volumes,
            run: self.run.clone(),
            at: Utc::now(),
            fingerprint,
            ..record.clone()
        }
    }
}
