//! The commit point (law 4): one transaction, and the proof of it.

use chrono::Utc;
use domain::canonical::{Fingerprint, Planted, Step};
use domain::verdict::Depth;
use domain::{Canonical, Cause, What};

use super::carry::{Candidate, REGISTRY_LIMIT, registry};
use super::promote::PromotionEnd;
use crate::run::Yield;

/// What was proven, and is to be committed.
pub(super) struct Proven {
    pub(super) depth: Depth,
    pub(super) brought: Yield,
    pub(super) fingerprint: Fingerprint,
}

/// Whether the record was changed.
pub(super) enum Committed {
    Yes(Box<Canonical>),
    /// A dry promotion, or one that failed.
    No,
    /// The registry did not say: reconcile reads it again, and nothing is removed before.
    Unknown,
}

impl Candidate<'_> {
    /// The commit point, and the proof of it.
    pub(super) async fn commit(&self, proven: Proven) -> (Result<(Depth, PromotionEnd), Cause>, Committed) {
        let Proven { depth, brought, fingerprint } = proven;
        let from = self.with.from;
        let Some(cold) = self.with.cold else {
            return (Err(Cause::Ours { says: "nothing allows this commit".into() }), Committed::No);
        };
        let (at, subject) = (Utc::now(), &self.with.common.prepared.subject);
        let Yield { witnesses, data, counts: _, digests } = brought;
        let mut planted = from.map(|from| from.planted.clone()).unwrap_or_default();
        planted.push(Planted {
            release: subject.at.clone(),
            run: self.run.clone(),
            at,
            witnesses: witnesses.into_iter().collect(),
            data,
        });
        let record = Canonical {
            recipe: self.recipe.clone(),
            release: subject.at.clone(),
            commit: subject.commit.clone(),
            digests,
            generation: self.generation,
            volumes: self.volumes.clone(),
            run: self.run.clone(),
            cold: cold.id.clone(),
            born: from.map_or(at, |from| from.born),
            at,
            advances: from.map_or(0, |from| from.advances + 1),
            planted,
            fingerprint,
        };
        let (generation, advances, born) = (record.generation, record.advances, record.born);
        let (written, committed) = self.write(record).await;
        if written.is_ok() {
            self.with.shared.log.tell(What::Promoted { generation, advances, born });
        }
        let end = PromotionEnd::Promoted { generation, advances };
        (written.map(|()| (depth, end)), committed)
    }

    /// Writes the record in one transaction, and reads it back.
    pub(super) async fn write(&self, record: Canonical) -> (Result<(), Cause>, Committed) {
        let store = self.with.store;
        let written = self.step(Step::Commit, REGISTRY_LIMIT, async {
            store.commit(&record).await.map_err(|error| registry(&error))?;
            Ok(((), format!("{} is the canonical's generation", self.generation)))
        });
        let written = written.await;
        // Whatever the commit said: what the record says now is what holds.
        let read = self.step(Step::ReadBack, REGISTRY_LIMIT, async {
            let read = store.canonical(self.recipe).await.map_err(|error| registry(&error))?;
            let says = read
                .as_ref()
                .map_or("nothing".to_owned(), |read| format!("{} on {}", read.release, read.generation));
            Ok((read, says))
        });
        match (written, read.await) {
            (_, Ok(Some(read))) if read == record => (Ok(()), Committed::Yes(Box::new(record))),
            // A write that was given up, or lost its connection, may still arrive: nothing is removed on the word of one
            // look. The candidate is garbage until reconcile has read the record again.
            (Err(cause), Ok(_)) => (Err(cause), Committed::Unknown),
            (Ok(()), Ok(read)) => {
                let stands = read.map_or("nothing".to_owned(), |read| read.release);
                let says = format!("the record was written and then read as {stands}");
                (Err(Cause::Registry { says }), Committed::Unknown)
            }
            (_, Err(cause)) => (Err(cause), Committed::Unknown),
        }
    }
}
