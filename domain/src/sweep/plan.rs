//! What a sweep is going to do.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::row::{Judged, RowState, Skip};
use crate::{Fault, RecipeName};

/// Whether a recipe takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    In,
    /// Its owner took it out (CC-009).
    Out {
        reason: String,
    },
}

/// What the instance says of a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    pub recipe: RecipeName,
    pub membership: Membership,
    /// Whether green releases are carried onto a canonical.
    pub canonical: bool,
}

/// What a recipe's mirror says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Newest {
    Release {
        tag: String,
        /// 40 hexadecimal digits.
        commit: String,
    },
    NoRelease,
    Unreachable {
        says: String,
        fault: Fault,
    },
}

/// Somebody does not want a recipe to be swept for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub reason: String,
    /// None: until somebody lifts it.
    pub until: Option<DateTime<Utc>>,
}

/// What is known of a recipe from before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    pub judged: Option<Judged>,
    /// How long its runs took, the newest last.
    pub took: Vec<Duration>,
    pub hold: Option<Hold>,
}

/// What the caller asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Asked {
    /// Only these recipes; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<RecipeName>,
    /// Run also what nothing is new of.
    pub force: bool,
    /// Fewer recipes judged, or known to be green, make a red sweep.
    pub minimum: usize,
}

impl Asked {
    /// Returns the minimum that holds: who names three recipes cannot have five judged.
    pub fn minimum(&self) -> usize {
        if self.only.is_empty() { self.minimum } else { self.minimum.min(self.only.len()) }
    }
}

/// Why a recipe is run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum Why {
    /// No sweep judged it before.
    New,
    NewRelease {
        from: String,
    },
    /// The tag is the one that was judged, and points to another commit.
    TagMoved,
    /// It was not green.
    Again {
        was: RowState,
    },
    /// It is green, and was not carried onto the canonical that the enrolment asks for.
    Unpromoted,
    /// Another version of Simmer judged it.
    OtherHarness {
        was: String,
    },
    Forced,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("never judged before"),
            Self::NewRelease { from } => write!(f, "new release, after {from}"),
            Self::TagMoved => f.write_str("the tag points to another commit now"),
            Self::Again { was: RowState::NotJudged } => f.write_str("again: it could not be judged"),
            Self::Again { was } => write!(f, "again: it was {}", was.word()),
            Self::Unpromoted => f.write_str("green, and not on a canonical yet"),
            Self::OtherHarness { was } => write!(f, "simmer {was} judged it, this is another version"),
            Self::Forced => f.write_str("forced"),
        }
    }
}

/// What is to be done about one recipe.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    Run {
        release: String,
        commit: String,
        why: Why,
        /// Carry it onto its canonical if it is green.
        canonical: bool,
        /// By history; none where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected_millis: Option<u64>,
    },
    Skip {
        skip: Skip,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stands: Option<Judged>,
    },
}

/// One recipe of the plan.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Planned {
    pub recipe: RecipeName,
    #[serde(flatten)]
    pub task: Task,
}

/// All recipes, each once: those to be run in the order of their turns, then those that are left out, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct SweepPlan {
    pub rows: Vec<Planned>,
}

impl SweepPlan {
    /// Returns how long the runs take together, as far as history tells, and of how many it does not tell.
    pub fn expected(&self) -> (Duration, usize) {
        let mut unknown = 0;
        let mut millis = 0_u64;
        for row in &self.rows {
            match &row.task {
                Task::Run { expected_millis: Some(one), .. } => millis = millis.saturating_add(*one),
                Task::Run { expected_millis: None, .. } => unknown += 1,
                Task::Skip { .. } => {}
            }
        }
        (Duration::from_millis(millis), unknown)
    }

    /// Returns how many recipes are to be run.
    pub fn runs(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.task, Task::Run { .. })).count()
    }
}

/// Decides about every enrolled recipe.
///
/// What is green at its newest release is left out: to run it again would cost an hour to say the same. What was red,
/// or could not be judged, is tried again at the same release: its overlay, the engine or the network may have been
/// mended since, and whoever mended it looks at the next sweep for the answer; the first result stays in its own run
/// (law 7). A green that another version of Simmer gave is looked at again, as the new version may look at more.
/// A recipe of which a promotion is owed is run too: only a green cold run allows one.
///
/// The longest comes first, so that at the end of a sweep with several jobs no long one is waited for alone; of which
/// nothing is known may be the longest.
pub fn plan(
    enrolled: &[Enrolled],
    newest: &BTreeMap<RecipeName, Newest>,
    before: &BTreeMap<RecipeName, Before>,
    asked: &Asked,
    harness: &str,
    now: DateTime<Utc>,
) -> SweepPlan {
    let nothing = Before::default();
    let mut rows: Vec<Planned> = enrolled
        .iter()
        .map(|one| {
            let before = before.get(&one.recipe).unwrap_or(&nothing);
            let task = task(one, newest.get(&one.recipe), before, asked, harness, now);
            Planned { recipe: one.recipe.clone(), task }
        })
        .collect();
    rows.sort_by_key(|row| {
        let turn = match &row.task {
            Task::Run { expected_millis, .. } => (0, expected_millis.map_or(0, |ms| u64::MAX - ms)),
            Task::Skip { .. } => (1, 0),
        };
        (turn, row.recipe.clone())
    });
    SweepPlan { rows }
}

fn task(
    one: &Enrolled,
    newest: Option<&Newest>,
    before: &Before,
    asked: &Asked,
    harness: &str,
    now: DateTime<Utc>,
) -> Task {
    let skip = |skip| Task::Skip { skip, stands: before.judged.clone() };
    if let Membership::Out { reason } = &one.membership {
        return skip(Skip::DeEnrolled { reason: reason.clone() });
    }
    if !asked.only.is_empty() && !asked.only.contains(&one.recipe) {
        return skip(Skip::NotAsked);
    }
    // A hold outlasts `--force`: who put it there had a reason, and can lift it.
    if let Some(Hold { reason, until }) = &before.hold
        && until.is_none_or(|until| now < until)
    {
        return skip(Skip::Held { reason: reason.clone(), until: *until });
    }
    let (tag, commit) = match newest {
        Some(Newest::Release { tag, commit }) => (tag, commit),
        Some(Newest::NoRelease) => return skip(Skip::NoRelease),
        Some(Newest::Unreachable { says, fault }) => {
            return skip(Skip::Unreachable { says: says.clone(), fault: *fault });
        }
        // Nobody asked the mirror: that is ours, and no release of theirs.
        None => {
            let says = "its repository was not looked at".to_owned();
            return skip(Skip::Unreachable { says, fault: Fault::Runner });
        }
    };
    match why(one, tag, commit, before.judged.as_ref(), asked, harness) {
        Some(why) => Task::Run {
            release: tag.clone(),
            commit: commit.clone(),
            why,
            canonical: one.canonical,
            expected_millis: expected(&before.took),
        },
        None => skip(Skip::NoNewRelease { release: tag.clone() }),
    }
}

/// Returns why a release is to be run; none where it is green and all is done.
fn why(
    one: &Enrolled,
    tag: &str,
    commit: &str,
    judged: Option<&Judged>,
    asked: &Asked,
    harness: &str,
) -> Option<Why> {
    let Some(judged) = judged else { return Some(Why::New) };
    if judged.release != tag {
        return Some(Why::NewRelease { from: judged.release.clone() });
    }
    if judged.commit != commit {
        return Some(Why::TagMoved);
    }
    match judged.state {
        RowState::Green => {}
        was @ (RowState::Red | RowState::GreenButPromoteFailed | RowState::NotJudged | RowState::Skipped) => {
            return Some(Why::Again { was });
        }
    }
    if one.canonical && judged.generation.is_none() {
        return Some(Why::Unpromoted);
    }
    if judged.harness != harness {
        return Some(Why::OtherHarness { was: judged.harness.clone() });
    }
    asked.force.then_some(Why::Forced)
}

/// Runs of which the middle one says how long the next will take: one that hung, or one that failed at once, does
/// not speak for the others.
const LOOKED_AT: usize = 5;

fn expected(took: &[Duration]) -> Option<u64> {
    let mut last: Vec<Duration> = took.iter().rev().take(LOOKED_AT).copied().collect();
    last.sort_unstable();
    let middle = last.get(last.len().checked_sub(1)? / 2)?;
    Some(u64::try_from(middle.as_millis()).unwrap_or(u64::MAX))
}
