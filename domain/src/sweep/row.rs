//! One row of a sweep: a recipe, and what became of it.

use std::fmt;

use chrono::{DateTime, Utc};

use super::plan::Why;
use crate::canonical::Generation;
use crate::verdict::Depth;
use crate::{Cause, Fault, RecipeName, RunId, Tier};

/// A cause in few words, as a row carries it. The run's own report has the whole story.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Told {
    /// The tier that broke; none where it did not come to a tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// The cause's stable name.
    pub cause: String,
    /// Who has to act.
    pub fault: Fault,
    pub says: String,
}

impl Told {
    /// Tells a cause in short.
    pub fn of(tier: Option<Tier>, cause: &Cause) -> Self {
        Self { tier, cause: cause.name().to_owned(), fault: cause.fault(), says: cause.to_string() }
    }

    /// Returns whether two rows broke at the same place for the same cause. What a cause says may hold times and
    /// names that differ from run to run.
    pub fn is_like(&self, other: &Self) -> bool {
        self.tier == other.tier && self.cause == other.cause
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tier {
            Some(tier) => write!(f, "{tier}: {}", self.says),
            None => f.write_str(&self.says),
        }
    }
}

/// What a cold run came to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum ColdVerdict {
    Green { depth: Depth },
    Red { why: Told },
    NotJudged { why: Told },
}

/// A cold run as its row tells it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cold {
    /// None where it did not come to a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    pub level: u8,
    #[serde(flatten)]
    pub verdict: ColdVerdict,
    /// What was left in the swarm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
}

/// What became of a promotion that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "promotion", rename_all = "snake_case")]
pub enum PromotionEnd {
    /// The record says so, and was read back.
    Promoted {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        generation: Generation,
        /// Level of the release with its advance.
        level: u8,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left: Vec<String>,
    },
    /// It was not tried.
    Refused { why: String },
    /// It was tried, and the canonical stands where it stood.
    Failed {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        why: Told,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left: Vec<String>,
    },
}

/// The promotion of a row: its verdict is never mixed with the cold one (CC-106, CC-109).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "promoting", rename_all = "snake_case")]
pub enum Promotion {
    /// The enrolment wants no canonical.
    NotWanted,
    /// The cold run is not green.
    NotDue,
    /// The enrolment wants one, the cold run is green, and this is what came of it.
    Ended { end: PromotionEnd },
}

/// A recipe that was run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ran {
    /// Why it was not left out.
    pub why: Why,
    /// The release's tag.
    pub release: String,
    /// 40 hexadecimal digits.
    pub commit: String,
    /// Version of the harness that judged it.
    pub harness: String,
    /// When it began.
    pub at: DateTime<Utc>,
    pub millis: u64,
    pub cold: Cold,
    pub promotion: Promotion,
}

impl Ran {
    /// Returns the row in one word. A promotion that somebody stopped has not failed.
    pub fn state(&self) -> RowState {
        if self.was_interrupted() {
            return RowState::NotJudged;
        }
        match (&self.cold.verdict, &self.promotion) {
            (ColdVerdict::Red { .. }, _) => RowState::Red,
            (ColdVerdict::NotJudged { .. }, _) => RowState::NotJudged,
            (
                ColdVerdict::Green { .. },
                Promotion::Ended { end: PromotionEnd::Refused { .. } | PromotionEnd::Failed { .. } },
            ) => RowState::GreenButPromoteFailed,
            (
                ColdVerdict::Green { .. },
                Promotion::NotWanted
                | Promotion::NotDue
                | Promotion::Ended { end: PromotionEnd::Promoted { .. } },
            ) => RowState::Green,
        }
    }

    /// Returns what broke, where something did: cold, or in the promotion.
    pub fn told(&self) -> Option<Told> {
        match (&self.cold.verdict, &self.promotion) {
            (ColdVerdict::Red { why } | ColdVerdict::NotJudged { why }, _) => Some(why.clone()),
            (_, Promotion::Ended { end: PromotionEnd::Failed { why, .. } }) => Some(why.clone()),
            (_, Promotion::Ended { end: PromotionEnd::Refused { why } }) => Some(Told {
                tier: Some(Tier::Advance),
                cause: "promotion_refused".to_owned(),
                // Nothing was tried, so nothing speaks against the recipe (law 6).
                fault: Fault::Platform,
                says: why.clone(),
            }),
            (
                ColdVerdict::Green { .. },
                Promotion::NotWanted
                | Promotion::NotDue
                | Promotion::Ended { end: PromotionEnd::Promoted { .. } },
            ) => None,
        }
    }

    /// Returns the level: with the advance, where there was one.
    pub fn level(&self) -> u8 {
        match &self.promotion {
            Promotion::Ended { end: PromotionEnd::Promoted { level, .. } } => *level,
            Promotion::Ended { end: PromotionEnd::Refused { .. } | PromotionEnd::Failed { .. } }
            | Promotion::NotWanted
            | Promotion::NotDue => self.cold.level,
        }
    }

    /// Returns what was left in the swarm, by the cold run and by the promotion.
    pub fn left(&self) -> Vec<&str> {
        let of_promotion: &[String] = match &self.promotion {
            Promotion::Ended {
                end: PromotionEnd::Promoted { left, .. } | PromotionEnd::Failed { left, .. },
            } => left,
            Promotion::Ended { end: PromotionEnd::Refused { .. } }
            | Promotion::NotWanted
            | Promotion::NotDue => &[],
        };
        self.cold.left.iter().chain(of_promotion).map(String::as_str).collect()
    }

    /// Returns the generation that the release stands on now.
    pub fn generation(&self) -> Option<Generation> {
        match &self.promotion {
            Promotion::Ended { end: PromotionEnd::Promoted { generation, .. } } => Some(*generation),
            Promotion::Ended { end: PromotionEnd::Refused { .. } | PromotionEnd::Failed { .. } }
            | Promotion::NotWanted
            | Promotion::NotDue => None,
        }
    }

    /// Returns whether somebody asked us to stop while it was run: it says nothing, and is run again.
    pub fn was_interrupted(&self) -> bool {
        self.told().is_some_and(|told| told.cause == Cause::Interrupted.name())
    }

    /// Returns what later sweeps know of it.
    pub fn judged(&self) -> Judged {
        Judged {
            release: self.release.clone(),
            commit: self.commit.clone(),
            harness: self.harness.clone(),
            state: self.state(),
            why: self.told(),
            run: self.cold.run.clone(),
            level: self.level(),
            generation: self.generation(),
        }
    }
}

/// What is known of a recipe from an earlier sweep.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Judged {
    pub release: String,
    pub commit: String,
    pub harness: String,
    pub state: RowState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Told>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    pub level: u8,
    /// The generation that it was promoted to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
}

impl Judged {
    /// Returns how much it weighs in the sweep's verdict.
    pub fn weight(&self) -> Weight {
        weight(self.state, self.why.as_ref())
    }
}

/// Why a recipe was left out.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Skip {
    /// Its newest release is green already, by this harness.
    NoNewRelease { release: String },
    /// Somebody holds it.
    Held {
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<DateTime<Utc>>,
    },
    /// `enrolled = false` (CC-009).
    DeEnrolled { reason: String },
    /// Its repository cannot be read, so nobody knows what its newest release is. Never green (law 1).
    Unreachable { says: String, fault: Fault },
    /// It has no release.
    NoRelease,
    /// `--only` names others.
    NotAsked,
}

impl Skip {
    /// Returns the stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoNewRelease { .. } => "no-new-release",
            Self::Held { .. } => "held",
            Self::DeEnrolled { .. } => "de-enrolled",
            Self::Unreachable { .. } => "unreachable",
            Self::NoRelease => "no-release",
            Self::NotAsked => "not-asked",
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::NoNewRelease { release } => write!(f, ": {release} is the newest"),
            Self::Held { reason, until: None } => write!(f, ": {reason}"),
            Self::Held { reason, until: Some(until) } => {
                write!(f, " until {}: {reason}", until.format("%Y-%m-%d %H:%M UTC"))
            }
            Self::DeEnrolled { reason } => write!(f, ": {reason}"),
            Self::Unreachable { says, .. } => write!(f, ": {says}"),
            Self::NoRelease => f.write_str(": no tag is a release"),
            Self::NotAsked => Ok(()),
        }
    }
}

/// A recipe, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Row {
    pub recipe: RecipeName,
    #[serde(flatten)]
    pub end: RowEnd,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "row", rename_all = "snake_case")]
pub enum RowEnd {
    Ran {
        ran: Ran,
    },
    Skipped {
        skip: Skip,
        /// What an earlier sweep found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stands: Option<Judged>,
    },
}

/// A row in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    Red,
    /// Cold it is green; on the canonical's data it is not, or it was not tried there (CC-106).
    GreenButPromoteFailed,
    NotJudged,
    Green,
    Skipped,
}

impl RowState {
    /// Returns the word for tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Red => "RED",
            Self::GreenButPromoteFailed => "GREEN-BUT-PROMOTE-FAILED",
            Self::NotJudged => "NOT JUDGED",
            Self::Skipped => "skipped",
            Self::Green => "GREEN",
        }
    }
}

/// What a row does to the sweep's verdict. The later, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It says nothing, and is not counted.
    None,
    Green,
    NotJudged,
    Red,
}

fn weight(state: RowState, why: Option<&Told>) -> Weight {
    match state {
        RowState::Green => Weight::Green,
        RowState::Skipped => Weight::None,
        RowState::NotJudged => Weight::NotJudged,
        RowState::Red => Weight::Red,
        // A platform fault is never evidence against a recipe (law 6).
        RowState::GreenButPromoteFailed => match why.map(|told| told.fault) {
            Some(Fault::Platform | Fault::Runner) => Weight::NotJudged,
            Some(Fault::Recipe | Fault::Overlay) | None => Weight::Red,
        },
    }
}

impl Row {
    /// Returns the row in one word.
    pub fn state(&self) -> RowState {
        match &self.end {
            RowEnd::Ran { ran } => ran.state(),
            RowEnd::Skipped { .. } => RowState::Skipped,
        }
    }

    /// Returns what the row does to the sweep. What was found before and still stands weighs as it did then: to leave a
    /// red recipe out, held or not, makes no sweep green (law 1). Only who was taken out by a person weighs nothing.
    pub fn weight(&self) -> Weight {
        match &self.end {
            RowEnd::Ran { ran } => weight(ran.state(), ran.told().as_ref()),
            RowEnd::Skipped { skip, stands } => {
                let stood = stands.as_ref().map_or(Weight::None, Judged::weight);
                let bad = if stood > Weight::Green { stood } else { Weight::None };
                match skip {
                    Skip::NoNewRelease { .. } => stood,
                    Skip::Held { .. } | Skip::NoRelease => bad,
                    Skip::Unreachable { .. } => bad.max(Weight::NotJudged),
                    Skip::DeEnrolled { .. } | Skip::NotAsked => Weight::None,
                }
            }
        }
    }

    /// Returns what was left in the swarm.
    pub fn left(&self) -> Vec<&str> {
        match &self.end {
            RowEnd::Ran { ran } => ran.left(),
            RowEnd::Skipped { .. } => Vec::new(),
        }
    }
}
