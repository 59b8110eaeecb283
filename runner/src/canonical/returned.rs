//! The way back: whether the release that the canonical stands on still starts on a copy of its own generation, reads all
//! that was planted, and answers (`verify_return`, law 3). The generation itself is not even mounted.

use std::time::Instant;

use domain::canonical::Step;
use domain::plan::{Earlier, stand_plan};
use domain::verdict::Depth;
use domain::{Canonical, Cause, Release, Verdict, Version, What};
use harness::engine::{Broom, Chain, Keep, Kind};
use harness::source::{Commit, Mirror};

use super::DROP_LIMIT;
use super::carry::{Candidate, judged, registry};
use crate::exam;
use crate::instance::VerifyReturn;
use crate::instance::ask::Judged;
use crate::run::{
    Common, Prepared, Releases, Retained, Shared, Stays, Tree, brought, images, labels, left_names, run_side,
};

/// Tells the stack of the way back from the candidate's in the log.
const NTH: usize = 1;

impl Candidate<'_> {
    /// After an advance that failed, and whose candidate is gone. What failed stays the promotion's verdict (law 7); what
    /// is found here is told beside it.
    pub(super) async fn return_after(&self, failed: &Cause) {
        let Common { prepared, .. } = self.with.common;
        let (VerifyReturn::OnFailure | VerifyReturn::Always, Some(from)) =
            (prepared.overlay.verify_return, self.with.from)
        else {
            return;
        };
        // Who asked to stop does not wait for more; and a way back that was tried already is known.
        if matches!(failed, Cause::Interrupted | Cause::NoReturn { .. }) || self.with.shared.cancel.is_asked()
        {
            return;
        }
        // What it says is told in there; the verdict of the promotion is another.
        let _told = self.verify_return(from).await;
    }

    /// Before the commit of an advance that did not fail: nothing moves forward before the way back exists.
    pub(super) async fn return_before_commit(&self) -> Result<(), Cause> {
        match (self.with.common.prepared.overlay.verify_return, self.with.from) {
            (VerifyReturn::Always, Some(from)) => self.verify_return(from).await,
            (VerifyReturn::Never | VerifyReturn::OnFailure, _) | (VerifyReturn::Always, None) => Ok(()),
        }
    }

    /// Tries the way back, tells what came of it, and removes the copy.
    async fn verify_return(&self, from: &Canonical) -> Result<(), Cause> {
        self.journal(Step::VerifyReturn).await?;
        let generation = self.with.store.next_generation(self.recipe).await;
        let mut copy = Candidate::of(self.with, generation.map_err(|error| registry(&error))?);
        self.told(Step::VerifyReturn);
        let began = Instant::now();
        copy.volumes = from.volumes.keys().map(|name| (name.clone(), copy.generation.volume(name))).collect();
        let came_up = copy.stands_up(from).await;
        let left = copy.drop_copy().await;
        let came_up = match (came_up, left.first()) {
            (Ok(_), Some(left)) => Err(Cause::Engine {
                says: format!("the copy of {} could not be removed: {left} is still there", from.generation),
            }),
            (came_up, _) => came_up,
        };
        let release = from.release.clone();
        let came_up = came_up.map_err(|beneath| {
            if beneath == Cause::Interrupted {
                return beneath;
            }
            Cause::NoReturn { release: release.clone(), beneath: Box::new(beneath) }
        });
        let (ok, detail, judged) = match &came_up {
            Ok(depth) => {
                let detail = format!("{release} starts on a copy of {}", from.generation);
                (true, detail, Verdict::Passed { depth: *depth })
            }
            Err(cause) => (false, cause.to_string(), Verdict::of(cause.clone())),
        };
        self.ended(Step::VerifyReturn, began, ok, detail);
        let generation = from.generation;
        self.with.shared.log.tell(What::ReturnJudged { release, generation, judged });
        came_up.map(drop)
    }

    /// Promises and makes the copy, and takes the record's release through what it takes to stand.
    async fn stands_up(&self, from: &Canonical) -> Result<Depth, Cause> {
        let Common { instance, prepared, .. } = self.with.common;
        let tree = tree_of(from, instance, prepared).await?;
        self.promise(&from.release).await?;
        let ownership = self.ownership();
        let copied = tokio::select! {
            biased;
            () = self.with.shared.cancel.asked() => Err(Cause::Interrupted),
            copied = self.copy(&from.volumes, &ownership) => copied,
        };
        copied?;
        let (built, _) = self.build(&tree)?;
        let retained = Retained {
            generation: self.generation,
            earlier: from.planted.clone(),
            counts: from.fingerprint.counts.clone(),
            stays: Stays::Never,
        };
        let shared = of_release(self.with.shared, from, &tree);
        images::build(&shared).await?;
        let plan = stand_plan(&brought(&prepared.overlay, &tree), NTH, Earlier::Planted);
        let releases = Releases { base: None, target: built };
        let end = run_side(&shared, &plan, &self.domain, &self.stack, &releases, Some(&retained)).await;
        judged(end).map(|(depth, _)| depth)
    }

    /// Removes a copy that nobody keeps, its stack first; returns what would not go. Its row goes with it: it is no part
    /// of the lineage.
    async fn drop_copy(&self) -> Vec<String> {
        let engine = &self.with.shared.engine;
        let mut left =
            match engine.clear(&self.scope(), Broom::AtOnce, Keep::VolumesAndSecrets, DROP_LIMIT).await {
                Ok(_) => Vec::new(),
                Err(left) => left_names(&left),
            };
        let volumes = self
            .scope()
            .and(labels::PROMOTION, self.run.as_str())
            .only(Kind::Volume, self.volumes.values().cloned());
        if let Err(more) = engine.clear(&volumes, Broom::AtOnce, Keep::Nothing, DROP_LIMIT).await {
            left.extend(left_names(&more));
        }
        if left.is_empty() {
            let gone = async {
                self.with.store.dropped(self.recipe, self.generation).await?;
                self.with.store.retired(self.recipe, self.generation).await
            };
            if let Err(error) = gone.await {
                // It was perhaps never promised; reconcile knows what to do with a row without volumes.
                tracing::debug!(%error, "the copy's row stays");
            }
        }
        left
    }
}

/// Reads the files of the release that a record stands on, at the commit that was proven, whatever its tag says now.
pub(super) async fn tree_of(
    record: &Canonical,
    instance: &crate::instance::Instance,
    prepared: &Prepared,
) -> Result<Tree, Cause> {
    let Canonical { release, commit, .. } = record;
    let store = instance.settings.state.join("mirrors").join(prepared.recipe.as_str());
    let gone = |error: &dyn std::error::Error| Cause::Node {
        says: format!("the files of {release} cannot be read: {}", Chain(error)),
    };
    let version = Version::parse(release).map_err(|error| gone(&error))?;
    let mirror = Mirror::open(&prepared.enrolment.source, &store).map_err(|error| gone(&error))?;
    let at = Commit { id: commit.clone(), reference: release.clone(), tag: Some(release.clone()) };
    let of = Release { version, tag: release.clone(), commit: commit.clone() };
    Tree::check_out(&mirror, &prepared.folder, &at, Some(of)).await.map_err(|error| gone(&error))
}

/// What all stacks share, where the judged release is the record's: what the overlay asks of certain releases only is
/// asked of this one, and its time begins now.
pub(super) fn of_release(shared: &Shared, record: &Canonical, tree: &Tree) -> Shared {
    let judged = match &tree.release {
        Some(release) => Judged::Release(release.version.clone()),
        None => shared.subject.judged.clone(),
    };
    Shared {
        subject: exam::Subject { name: record.release.clone(), commit: record.commit.clone(), judged },
        tree: tree.root.clone(),
        ends: tokio::time::Instant::now() + shared.run_limit,
        ..shared.clone()
    }
}
