//! What comes of comparing: differences, each with one repair that is safe.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Utc};

use crate::{Generation, RecipeName, RunId};

/// One way in which the registry and the engine do not agree.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    pub kind: Kind,
    pub severity: Severity,
    pub recipe: RecipeName,
    /// Kind and name of each object that it is about.
    pub objects: Vec<String>,
    /// Where it comes from, as far as is known, such as ``run 00c0ffee, killed at `copy` ``.
    pub origin: String,
    /// Since when, as far as is known.
    pub since: Option<DateTime<Utc>>,
    /// What is the matter, in one sentence.
    pub says: String,
    pub repair: Repair,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal $severity:ident,)*) => {
        /// What kind of difference it is. The list is closed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// Returns the stable name under which it is told.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// Returns how much it matters.
            pub fn severity(self) -> Severity {
                match self {
                    $(Self::$kind => Severity::$severity,)*
                }
            }
        }
    };
}

kinds! {
    /// Idle on paper, running in fact (CC-111, CC-186).
    LeftDeployed "left deployed" Warning,
    /// Running in fact, at another release than the record's, and its tasks end again and again.
    CrashLooping "crash loop" Warning,
    /// Services of a promotion that is dead, or of a recipe without a record (CC-151).
    OrphanStack "orphan stack" Warning,
    /// Services that were kept for a person until a time that has come (CC-125).
    Overstayed "past its end" Warning,
    /// Kept for a person, and nothing of it runs.
    OpenOnPaper "open on paper" Warning,
    /// Networks or configs without services: an undeploy that was cut short.
    HalfUndeployed "half undeployed" Note,
    /// A volume of the committed generation is not there, and others of it are.
    MissingVolume "missing volume" Stops,
    /// No volume of the committed generation is there.
    PhantomRecord "phantom record" Stops,
    /// A secret that the record names is not there.
    SecretsMissing "secrets missing" Stops,
    /// Volumes of a generation that was never committed, or that was dropped, and whose owner is dead.
    OrphanVolumes "orphan volumes" Warning,
    /// A generation was promised by a promotion that is dead, and none of its volumes is there.
    StaleRow "stale row" Note,
    /// An older committed generation of which no volume is there.
    EmptyGeneration "empty generation" Warning,
    /// An older committed generation of which some volumes are not there.
    BrokenGeneration "broken generation" Warning,
    /// A committed generation of a recipe that has no record.
    NoRecord "no record" Warning,
    /// A volume of ours that neither the record nor any generation names.
    UnknownVolume "unknown volume" Warning,
    /// The registry contradicts itself: what was never committed by one row was by another.
    ContestedVolume "contested volume" Stops,
    /// Secrets of a recipe of which nothing was ever committed.
    OrphanSecrets "orphan secrets" Note,
    /// A journal that was begun by somebody who is dead.
    KilledFlight "killed half-way" Note,
    /// A hold whose end has come, or whose reason is gone.
    EndedHold "ended hold" Note,
    /// An object that has a name of the canonical's stack and does not carry our label.
    Foreign "foreign object" Stops,
    /// A canonical whose recipe is not enrolled any more.
    Unenrolled "de-enrolled" Note,
    /// An older committed generation that the retention does not keep.
    PastKeeping "past its keeping" Note,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How much a difference matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Somebody should know; its repair mends it.
    Warning,
    /// As long as it stands the recipe's canonical cannot advance.
    Stops,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Stops => "stops",
        })
    }
}

/// The one thing to do about a difference. None of them takes away what is a stranger's or what somebody alive works on,
/// and but for `Retire`, which the record and its way back are never named in, none what was committed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Repair {
    /// Take the stack's services, networks and configs down, with their grace; volumes and secrets stay.
    Undeploy { stack: String, names: BTreeSet<String> },
    /// Write down that the canonical is broken, so that nothing advances on it.
    MarkBroken { why: String },
    /// Remove secrets of a recipe of which nothing was ever committed.
    RemoveSecrets { names: BTreeSet<String> },
    /// Remove the volumes of a generation that was never committed or was dropped, then its row.
    RemoveCandidate { generation: Generation, volumes: BTreeSet<String> },
    /// Drop a generation's row: it stands for nothing.
    DropRow { generation: Generation },
    /// Write down that a journal's owner died.
    CloseFlight { run: RunId },
    /// Write down that a hold has ended.
    EndHold { id: String },
    /// Remove the volumes of an older committed generation that the retention does not keep, then its row.
    Retire { generation: Generation, volumes: BTreeSet<String> },
    /// Nothing that is safe: tell a person what to look at.
    Tell { hint: String },
}

impl Repair {
    /// Returns its place in the order in which repairs are carried out. What stands for evidence goes last, so that one
    /// who is killed half-way comes to the same end when he begins again.
    pub fn order(&self) -> u8 {
        match self {
            Self::Undeploy { .. } => 0,
            Self::MarkBroken { .. } => 1,
            Self::RemoveSecrets { .. } => 2,
            Self::RemoveCandidate { .. } => 3,
            Self::DropRow { .. } => 4,
            Self::CloseFlight { .. } => 5,
            Self::EndHold { .. } => 6,
            Self::Retire { .. } => 7,
            Self::Tell { .. } => 8,
        }
    }

    /// All names, in the order in which repairs are carried out; what is only told is no step.
    pub const NAMES: [&'static str; 8] = [
        "undeploy",
        "mark broken",
        "remove secrets",
        "remove candidate",
        "drop row",
        "close journal",
        "end hold",
        "retire",
    ];

    /// Returns the stable name under which it is journaled and told.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Undeploy { .. } => "undeploy",
            Self::MarkBroken { .. } => "mark broken",
            Self::RemoveSecrets { .. } => "remove secrets",
            Self::RemoveCandidate { .. } => "remove candidate",
            Self::DropRow { .. } => "drop row",
            Self::CloseFlight { .. } => "close journal",
            Self::EndHold { .. } => "end hold",
            Self::Retire { .. } => "retire",
            Self::Tell { .. } => "tell",
        }
    }

    /// Returns the names of the objects that it removes from the swarm.
    pub fn removes(&self) -> BTreeSet<&str> {
        match self {
            Self::Undeploy { names, .. }
            | Self::RemoveSecrets { names }
            | Self::RemoveCandidate { volumes: names, .. }
            | Self::Retire { volumes: names, .. } => names.iter().map(String::as_str).collect(),
            Self::MarkBroken { .. }
            | Self::DropRow { .. }
            | Self::CloseFlight { .. }
            | Self::EndHold { .. }
            | Self::Tell { .. } => BTreeSet::new(),
        }
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undeploy { stack, .. } => {
                write!(f, "undeploy `{stack}` with grace, keep volumes and secrets")
            }
            Self::MarkBroken { .. } => f.write_str("mark the canonical as broken"),
            Self::RemoveSecrets { names } => write!(f, "remove {} secrets", names.len()),
            Self::RemoveCandidate { generation, volumes } => {
                write!(f, "remove {} volumes of {generation} and its row", volumes.len())
            }
            Self::DropRow { generation } => write!(f, "drop the row of {generation}"),
            Self::CloseFlight { run } => write!(f, "close the journal of run {run}"),
            Self::EndHold { .. } => f.write_str("end the hold"),
            Self::Retire { generation, volumes } => {
                write!(f, "remove {} volumes of {generation} and its row", volumes.len())
            }
            Self::Tell { hint } => write!(f, "yours to decide: {hint}"),
        }
    }
}
