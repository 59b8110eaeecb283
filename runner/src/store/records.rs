//! What the store keeps, beside `domain::Canonical`.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use domain::canonical::{Fingerprint, Standing};
use domain::event::Context;
use domain::{Canonical, Generation, RecipeName, RunId, Tier, Verdict};

/// How one run ended. Its whole story is in its folder.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RunRecord {
    pub id: RunId,
    pub recipe: RecipeName,
    /// The tag, or the ref as the caller named it.
    pub release: String,
    /// 40 hexadecimal digits.
    pub commit: String,
    pub context: Context,
    pub started: DateTime<Utc>,
    pub ended: DateTime<Utc>,
    /// 0 to 6, see `domain::level`.
    pub level: u8,
    pub verdicts: BTreeMap<Tier, Verdict>,
    /// Digest (or image id) of each service's image.
    pub digests: BTreeMap<String, String>,
    /// The version of Simmer that judged (CC-006).
    pub harness: String,
    /// Whether the caller counts it as green. Whether that is enough for a promotion is the promotion's to say.
    pub is_green: bool,
}

impl RunRecord {
    /// Returns whether the run was a cold one: it did not judge the canonical's tier.
    pub fn is_cold(&self) -> bool {
        !self.verdicts.contains_key(&Tier::Advance)
    }
}

/// A generation that was promised, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GenerationRecord {
    pub recipe: RecipeName,
    pub number: Generation,
    pub standing: Standing,
    /// The promotion that promised it.
    pub run: RunId,
    /// Tag of the release that the promotion is about.
    pub release: String,
    /// When it was promised.
    pub made_at: DateTime<Utc>,
    /// Names of its volumes in the swarm, by their names without the generation.
    pub volumes: BTreeMap<String, String>,
    /// The record as it was committed: what going back to this generation writes. Only where it was committed.
    pub record: Option<Canonical>,
}

impl GenerationRecord {
    /// Returns what the generation held when it was committed.
    pub fn fingerprint(&self) -> Option<&Fingerprint> {
        self.record.as_ref().map(|record| &record.fingerprint)
    }

    /// Returns the bytes that it held when it was committed; 0 for one that never was.
    pub fn bytes(&self) -> u64 {
        self.fingerprint().map_or(0, |print| print.totals().1)
    }
}

macro_rules! words {
    ($name:ident, $($variant:ident => $word:literal),+ $(,)?) => {
        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the stable word for tables and columns.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads the word back.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == word)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

/// Kinds of work that is journaled while it is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    Run,
    Promotion,
    Rollback,
    Open,
    Close,
    Drop,
    Gc,
    Reconcile,
    Sweep,
}

words!(Work,
    Run => "run", Promotion => "promotion", Rollback => "rollback", Open => "open", Close => "close",
    Drop => "drop", Gc => "gc", Reconcile => "reconcile", Sweep => "sweep",
);

/// Work in flight: written before a step is taken, so that after a kill one can read how far it came.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct JournalEntry {
    /// None where the work is about the whole instance.
    pub recipe: Option<RecipeName>,
    pub run: RunId,
    pub kind: Work,
    /// The step's stable name, such as `copy` (`domain::canonical::Step::name`).
    pub step: String,
    /// When the step began.
    pub since: DateTime<Utc>,
}

/// Why a recipe is held back (DESIGN 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldKind {
    Freeze,
    Pin,
    Defer,
    Quarantine,
    Lease,
    /// A canonical that is deployed for a person to look at.
    Open,
    /// A failed candidate that stays deployed for diagnosis (CC-125).
    Diagnosis,
}

words!(HoldKind,
    Freeze => "freeze", Pin => "pin", Defer => "defer", Quarantine => "quarantine", Lease => "lease",
    Open => "open", Diagnosis => "diagnosis",
);

/// One record with owner, reason and end. One of each kind, recipe and owner.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hold {
    pub kind: HoldKind,
    pub recipe: RecipeName,
    pub owner: String,
    pub reason: String,
    /// None: until it is released.
    pub until: Option<DateTime<Utc>>,
}

/// One pass over all enrolled recipes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SweepRecord {
    pub id: RunId,
    pub began: DateTime<Utc>,
    pub ended: DateTime<Utc>,
    /// A row for each recipe, in the sweep's own words.
    pub rows: serde_json::Value,
}
