//! Canonicals: what is kept of them, and the steps by which one comes to a newer release (DESIGN 7).

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};

use crate::data::Counts;
use crate::{RecipeName, RunId};

/// The number of a generation; 1 is the first of its recipe. Never used twice, also after a failed advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u32);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "g{}", self.0)
    }
}

impl Generation {
    /// Returns the name of a volume in this generation: `<stack>_<volume>-g3`, of the name that the recipe's files give
    /// it. A generation's volumes carry the generation in their names, so that committing and going back are changes
    /// of a record and never of data.
    pub fn volume(self, name: &str) -> String {
        format!("{name}-{self}")
    }
}

/// What was planted at one release, to be read back at all later ones (law 4, CC-108).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Planted {
    /// Tag of the release that it was planted at.
    pub release: String,
    pub run: RunId,
    pub at: DateTime<Utc>,
    /// Witness files: name of the volume without its generation, and the file's content.
    pub witnesses: BTreeMap<String, String>,
    /// The overlay's data: name of the datum, and the word under which it was planted.
    pub data: BTreeMap<String, String>,
}

/// What a generation holds, told by listing and sampling. Two equal prints are no proof of equal bytes; two that differ
/// are proof of change.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fingerprint {
    /// By the volume's name without its generation.
    pub volumes: BTreeMap<String, VolumePrint>,
    /// The overlay's counts, taken before the undeploy.
    #[serde(default, skip_serializing_if = "Counts::is_empty")]
    pub counts: Counts,
}

impl Fingerprint {
    /// Returns files and bytes of all volumes.
    pub fn totals(&self) -> (u64, u64) {
        self.volumes.values().fold((0, 0), |(files, bytes), v| (files + v.files, bytes + v.bytes))
    }
}

/// What one volume holds.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct VolumePrint {
    /// Everything that is no folder: files, links, sockets, fifos.
    pub files: u64,
    /// Lengths of the plain files.
    pub bytes: u64,
    /// SHA-256 over the sorted listing (path, kind, mode, owner, length) and a sample of the contents, in hexadecimal.
    pub hash: String,
}

/// The record of a canonical: what the registry claims. Written only by a commit.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Canonical {
    pub recipe: RecipeName,
    /// Tag of the last release that was proven on it.
    pub release: String,
    /// 40 hexadecimal digits.
    pub commit: String,
    /// Digest (or image id) of each service's image.
    pub digests: BTreeMap<String, String>,
    pub generation: Generation,
    /// Names of the generation's volumes in the swarm, by their names without the generation.
    pub volumes: BTreeMap<String, String>,
    /// The promotion that committed it.
    pub run: RunId,
    /// The green cold run that allowed it.
    pub cold: RunId,
    /// When its first generation was committed.
    pub born: DateTime<Utc>,
    /// When this generation was committed.
    pub at: DateTime<Utc>,
    /// Advances survived since it was born.
    pub advances: u32,
    /// Oldest first.
    pub planted: Vec<Planted>,
    pub fingerprint: Fingerprint,
}

/// What a generation is, beside the committed one that the canonical's record names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A promotion works on it, or was killed while it did. Garbage once its owner is dead.
    Candidate,
    /// It was committed, now or once; one can go back to it.
    Committed,
    /// Its promotion failed; its volumes are going or gone.
    Dropped,
}

/// Steps of the work on a canonical, each journaled under its name before it is taken. After a crash at any of them the
/// old canonical is whole: only `Commit` changes the record, and it comes after all that can fail (law 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Compare the registry with Docker and repair what is ours.
    Reconcile,
    /// Write down the candidate generation's number and the names of its volumes.
    Promise,
    /// Copy the committed generation's volumes to the candidate's.
    Copy,
    /// Deploy the new release on the copy, settle, probe, read all markers back, plant new ones, soak.
    Prove,
    /// Take the stack down with grace; volumes and secrets stay.
    Undeploy,
    /// Take the candidate's fingerprint.
    Print,
    /// Where the overlay asks: show that the old release still starts on a copy of the old generation.
    VerifyReturn,
    /// The one transaction.
    Commit,
    /// Read the record back before "promoted" is printed.
    ReadBack,
    /// Remove generations that the retention does not keep.
    Retire,
    /// Remove the candidate's stack and volumes: after a failure, and when a copy is closed that nobody keeps.
    Drop,
    /// Deploy the committed release on the copy, settle and probe, for a person to look at.
    StandUp,
    /// Write down until when the stack is meant to stay deployed. Before it the stack is garbage, after it a person's.
    Hold,
    /// Let go of what was held: from here on the stack is garbage again.
    LetGo,
}

impl Step {
    /// All steps.
    pub const ALL: [Self; 14] = [
        Self::Reconcile,
        Self::Promise,
        Self::Copy,
        Self::Prove,
        Self::Undeploy,
        Self::Print,
        Self::VerifyReturn,
        Self::Commit,
        Self::ReadBack,
        Self::Retire,
        Self::Drop,
        Self::StandUp,
        Self::Hold,
        Self::LetGo,
    ];
    /// A promotion's, in order: let go of a failed candidate that was kept, the steps of success, those of failure.
    pub const PROMOTION: [Self; 13] = [
        Self::LetGo,
        Self::Reconcile,
        Self::Promise,
        Self::Copy,
        Self::Prove,
        Self::Undeploy,
        Self::Print,
        Self::VerifyReturn,
        Self::Commit,
        Self::ReadBack,
        Self::Retire,
        Self::Hold,
        Self::Drop,
    ];
    /// Those of opening a canonical for a person, in order; `Drop` where it does not come up.
    pub const OPEN: [Self; 6] =
        [Self::Reconcile, Self::Promise, Self::Copy, Self::StandUp, Self::Hold, Self::Drop];
    /// Those of closing it, in order, where nothing is kept.
    pub const CLOSE: [Self; 2] = [Self::LetGo, Self::Drop];
    /// Those of closing it where the copy becomes a generation, in order.
    pub const KEEP: [Self; 7] =
        [Self::Prove, Self::Undeploy, Self::Print, Self::Commit, Self::ReadBack, Self::LetGo, Self::Retire];

    /// Returns the stable name under which the step is journaled and told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reconcile => "reconcile",
            Self::Promise => "promise",
            Self::Copy => "copy",
            Self::Prove => "prove",
            Self::Undeploy => "undeploy",
            Self::Print => "fingerprint",
            Self::VerifyReturn => "verify return",
            Self::Commit => "commit",
            Self::ReadBack => "record read back",
            Self::Retire => "retire",
            Self::Drop => "drop candidate",
            Self::StandUp => "stand up",
            Self::Hold => "hold",
            Self::LetGo => "let go",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_step_has_a_name_of_its_own_and_some_work_that_takes_it() {
        let names: BTreeSet<_> = Step::ALL.iter().map(|step| step.name()).collect();
        assert_eq!(names.len(), Step::ALL.len());
        let taken: BTreeSet<_> =
            Step::PROMOTION.iter().chain(&Step::OPEN).chain(&Step::CLOSE).chain(&Step::KEEP).collect();
        assert_eq!(taken, Step::ALL.iter().collect());
    }
}
