//! One step of the work on a canonical: written down before it is taken, told with its time, ended by its limit.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use chrono::Utc;
use domain::canonical::Step;
use domain::event::Whose;
use domain::names::Side;
use domain::{Cause, Tier, What};

use super::carry::{Candidate, registry};
use crate::run::millis;
use crate::store::JournalEntry;

impl Candidate<'_> {
    /// Takes one step: journaled before it is taken, told with its time, ended by its limit or by Ctrl-C.
    pub(super) async fn step<T>(
        &self,
        step: Step,
        limit: Duration,
        work: impl Future<Output = Result<(T, String), Cause>>,
    ) -> Result<T, Cause> {
        self.journal(step).await?;
        self.told(step);
        let began = Instant::now();
        let done = tokio::select! {
            biased;
            () = self.with.shared.cancel.asked(), if is_cancelled_by_hand(step) => Err(Cause::Interrupted),
            done = tokio::time::timeout(limit, work) => done.unwrap_or_else(|_elapsed| {
                Err(Cause::Timeout { limit: step.name().into(), seconds: limit.as_secs() })
            }),
        };
        let (ok, detail) = match &done {
            Ok((_, detail)) => (true, detail.clone()),
            Err(cause) => (false, cause.to_string()),
        };
        self.ended(step, began, ok, detail);
        done.map(|(done, _)| done)
    }

    pub(super) async fn journal(&self, step: Step) -> Result<(), Cause> {
        let entry = JournalEntry {
            recipe: Some(self.recipe.clone()),
            run: self.run.clone(),
            kind: self.with.work,
            step: step.name().to_owned(),
            since: Utc::now(),
        };
        self.with.store.journal(&entry).await.map(drop).map_err(|error| registry(&error))
    }

    pub(super) fn told(&self, step: Step) {
        let stage = step.name().to_owned();
        self.with.shared.log.tell(What::StageStarted { side: Side::C, nth: 0, stage });
    }

    fn facts(&self) -> BTreeMap<String, String> {
        let tier = ("tier".to_owned(), Tier::Advance.name().to_owned());
        self.with.shared.beside.load().facts().chain([tier]).collect()
    }

    pub(super) fn ended(&self, step: Step, began: Instant, ok: bool, detail: String) {
        self.with.shared.log.tell(What::StageEnded {
            side: Side::C,
            nth: 0,
            stage: step.name().to_owned(),
            millis: millis(began.elapsed()),
            whose: Whose::Ours,
            ok,
            detail,
            facts: self.facts(),
        });
    }
}

/// What is a moment's work on the record is not given up in the middle: its outcome would not be known.
fn is_cancelled_by_hand(step: Step) -> bool {
    match step {
        Step::Reconcile
        | Step::Promise
        | Step::Copy
        | Step::Prove
        | Step::Undeploy
        | Step::Print
        | Step::VerifyReturn
        | Step::StandUp => true,
        Step::Commit | Step::ReadBack | Step::Retire | Step::Drop | Step::Hold | Step::LetGo => false,
    }
}
