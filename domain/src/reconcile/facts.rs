//! What reconciling compares: what the registry claims, and what one listing of the engine shows.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Utc};

use crate::canonical::Standing;
use crate::retention::Kept;
use crate::{Generation, RecipeName, RunId, StackName};

/// Both sides, taken at one moment: the registry first, so that what is promised in between shows as nobody's yet and
/// not as lost.
#[derive(Clone, Debug)]
pub struct Facts {
    pub now: DateTime<Utc>,
    /// Every recipe that is enrolled or that the registry knows.
    pub recipes: Vec<RecipeFacts>,
    pub objects: Vec<Object>,
}

/// What the registry claims about one recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeFacts {
    pub recipe: RecipeName,
    /// The canonical's stack, of the domain that the allotter gives.
    pub stack: StackName,
    pub enrolled: Enrolled,
    /// Whether somebody alive, who is not the one who asks, holds the canonical's lease.
    pub attended: Attended,
    pub record: Option<Record>,
    pub generations: Vec<GenerationRow>,
    pub flights: Vec<Flight>,
    pub holds: Vec<Hold>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrolled {
    Yes,
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attended {
    Yes,
    No,
}

/// The canonical's record, as far as it can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub release: String,
    pub generation: Generation,
    /// Full names in the swarm.
    pub volumes: BTreeSet<String>,
    /// Full names in the swarm; `None` where the registry does not know them.
    pub secrets: Option<BTreeSet<String>>,
    /// The promotion that committed it.
    pub run: RunId,
    pub at: DateTime<Utc>,
    /// Why it was marked as broken, if it was.
    pub broken: Option<String>,
}

/// One generation as the registry has it, the committed one included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationRow {
    pub generation: Generation,
    pub standing: Standing,
    /// Full names in the swarm, as promised before they were made.
    pub volumes: BTreeSet<String>,
    /// The promotion that promised it, and whether that is alive.
    pub run: RunId,
    pub owner: Owner,
    pub since: DateTime<Utc>,
    /// What the retention goes by; `None` where it was never committed.
    pub kept: Option<Kept>,
}

/// A journal that was begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    pub run: RunId,
    /// The step that was written down last, such as `copy`.
    pub step: String,
    pub owner: Owner,
    pub since: DateTime<Utc>,
}

/// Whether an owner is alive, by its lease (CC-153).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Alive,
    Dead,
}

/// Something that a person asked for, with an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub id: String,
    pub of: HoldOf,
    /// Who asked, and why.
    pub says: String,
    /// `None` where it ends by hand only.
    pub until: Option<DateTime<Utc>>,
}

/// What a hold is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldOf {
    /// The stack is meant to be deployed, on whichever generation: `open`, or a failed candidate that is kept (CC-125).
    Deployed,
    /// Reconciling wrote down that something of the canonical is missing.
    Broken,
    /// Something else, such as a pin; it says nothing about what is in the swarm.
    Other,
}

impl Hold {
    /// Returns whether its end has come.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// What kind of thing an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thing {
    Service,
    Network,
    Config,
    Secret,
    Volume,
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Service => "service",
            Self::Network => "network",
            Self::Config => "config",
            Self::Secret => "secret",
            Self::Volume => "volume",
        })
    }
}

/// One thing in the swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub thing: Thing,
    pub name: String,
    /// The stack that its label names, whoever wrote it.
    pub stack: Option<String>,
    pub mark: Mark,
    /// `None` where the engine does not say.
    pub created: Option<DateTime<Utc>>,
    /// Only of services.
    pub running: Option<Running>,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.thing, self.name)
    }
}

/// Whose an object is, by its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A canonical's of this instance.
    Ours { recipe: RecipeName, generation: Option<Generation> },
    /// It carries nothing of ours, or another instance's: never touched.
    Stranger,
}

/// How a service does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Of the version label; `None` where there is none.
    pub release: Option<String>,
    pub health: Health,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Up,
    /// Its tasks end again and again.
    Looping,
    /// It has fewer tasks than it wants, or the engine did not say.
    Unclear,
}
