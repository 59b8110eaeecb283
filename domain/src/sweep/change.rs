//! What changed since the last sweep, and nothing else.

use std::collections::BTreeMap;
use std::fmt;

use super::row::{Row, RowEnd, RowState, Skip, Told};
use crate::RecipeName;

/// How a recipe stands, as far as change goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Green,
    Red,
    GreenButPromoteFailed,
    NotJudged,
    Held,
    DeEnrolled,
    Unreachable,
    NoRelease,
    /// It is enrolled, and no sweep has looked at it.
    Unseen,
}

/// A recipe at a glance: what the next sweep compares with.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Glance {
    pub recipe: RecipeName,
    pub kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Told>,
}

impl Glance {
    /// Looks at a row. What nobody asked for stays as it was `before`.
    pub fn of(row: &Row, before: Option<&Self>) -> Self {
        let recipe = row.recipe.clone();
        let state = |state| match state {
            RowState::Red => Kind::Red,
            RowState::GreenButPromoteFailed => Kind::GreenButPromoteFailed,
            RowState::NotJudged => Kind::NotJudged,
            RowState::Green => Kind::Green,
            RowState::Skipped => Kind::Unseen,
        };
        match &row.end {
            RowEnd::Ran { ran } => {
                Self { recipe, kind: state(ran.state()), release: Some(ran.release.clone()), why: ran.told() }
            }
            RowEnd::Skipped { skip, stands } => {
                let release = stands.as_ref().map(|judged| judged.release.clone());
                let kind = match skip {
                    Skip::NoNewRelease { .. } => stands.as_ref().map_or(Kind::Unseen, |j| state(j.state)),
                    Skip::Held { .. } => Kind::Held,
                    Skip::DeEnrolled { .. } => Kind::DeEnrolled,
                    Skip::Unreachable { .. } => Kind::Unreachable,
                    Skip::NoRelease => Kind::NoRelease,
                    Skip::NotAsked => {
                        let unseen = Self { recipe, kind: Kind::Unseen, release: None, why: None };
                        return before.cloned().unwrap_or(unseen);
                    }
                };
                Self { recipe, kind, release, why: None }
            }
        }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    TurnedRed {
        release: String,
        why: Option<Told>,
    },
    /// Broken before and broken now in the same way, for another cause or at another place.
    CauseChanged {
        was: Option<Told>,
        why: Option<Told>,
    },
    /// Cold green, and now not on the canonical.
    PromotionBroke {
        why: Option<Told>,
    },
    /// It was judged before.
    NoLongerJudged {
        why: Option<Told>,
    },
    NewlySkipped {
        skip: Skip,
    },
    /// Green, and it was red.
    Mended {
        release: String,
    },
    /// Green, and it was left out or could not be judged.
    JudgedAgain {
        release: String,
    },
    /// Green before, and green at another release now.
    Moved {
        from: String,
        to: String,
    },
    /// No sweep saw it before; this is what it is.
    New {
        state: RowState,
        why: Option<Told>,
    },
    /// The last sweep saw it, and it is not enrolled any more.
    Gone,
}

impl Change {
    /// Returns the stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TurnedRed { .. } => "turned_red",
            Self::CauseChanged { .. } => "cause_changed",
            Self::PromotionBroke { .. } => "promotion_broke",
            Self::NoLongerJudged { .. } => "no_longer_judged",
            Self::NewlySkipped { .. } => "newly_skipped",
            Self::Mended { .. } => "mended",
            Self::Moved { .. } => "moved",
            Self::JudgedAgain { .. } => "judged_again",
            Self::New { .. } => "new",
            Self::Gone => "gone",
        }
    }

    /// The urgent ones first.
    fn rank(&self) -> u8 {
        match self {
            Self::TurnedRed { .. } => 0,
            Self::PromotionBroke { .. } => 1,
            Self::CauseChanged { .. } => 2,
            Self::NoLongerJudged { .. } => 3,
            Self::NewlySkipped { .. } => 4,
            Self::Gone => 5,
            Self::New { state: RowState::Red, .. } => 0,
            Self::New { .. } => 6,
            Self::Mended { .. } => 7,
            Self::JudgedAgain { .. } => 8,
            Self::Moved { .. } => 9,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let because = |why: &Option<Told>| why.as_ref().map(|w| format!(": {w}")).unwrap_or_default();
        match self {
            Self::TurnedRed { release, why } => write!(f, "turned red at {release}{}", because(why)),
            Self::CauseChanged { was, why } => {
                let was = was.as_ref().map_or("no cause", |was| was.cause.as_str());
                write!(f, "broken for another cause than `{was}`{}", because(why))
            }
            Self::PromotionBroke { why } => write!(f, "green cold, and its promotion failed{}", because(why)),
            Self::NoLongerJudged { why } => write!(f, "could not be judged{}", because(why)),
            Self::NewlySkipped { skip } => write!(f, "left out, {skip}"),
            Self::Mended { release } => write!(f, "mended, green at {release}"),
            Self::Moved { from, to } => write!(f, "green at {to}, after {from}"),
            Self::JudgedAgain { release } => write!(f, "judged again, green at {release}"),
            Self::New { state, why } => write!(f, "new here, {}{}", state.word(), because(why)),
            Self::Gone => f.write_str("not enrolled any more"),
        }
    }
}

/// Returns what changed, the urgent first, then by name. `before` holds how each recipe stood; what stands as it stood
/// is not named.
pub fn changes(before: &[Glance], rows: &[Row], enrolled: &[RecipeName]) -> Vec<(RecipeName, Change)> {
    let before: BTreeMap<&RecipeName, &Glance> = before.iter().map(|g| (&g.recipe, g)).collect();
    let mut found: Vec<(RecipeName, Change)> = Vec::new();
    for row in rows {
        let was = before.get(&row.recipe).copied();
        found.extend(change(was, row).map(|change| (row.recipe.clone(), change)));
    }
    for recipe in before.keys().filter(|recipe| !enrolled.contains(recipe)) {
        found.push(((*recipe).clone(), Change::Gone));
    }
    found.sort_by_key(|(recipe, change)| (change.rank(), recipe.clone()));
    found
}

fn change(was: Option<&Glance>, row: &Row) -> Option<Change> {
    let now = Glance::of(row, was);
    let release = now.release.clone().unwrap_or_default();
    let kind = was.map_or(Kind::Unseen, |was| was.kind);
    let why = now.why.clone();
    let same_cause = match (was.and_then(|was| was.why.as_ref()), &why) {
        (Some(was), Some(why)) => was.is_like(why),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    match (kind, now.kind) {
        (Kind::Red, Kind::Red) | (Kind::GreenButPromoteFailed, Kind::GreenButPromoteFailed)
            if !same_cause =>
        {
            Some(Change::CauseChanged { was: was.and_then(|was| was.why.clone()), why })
        }
        (Kind::Green, Kind::Green) => {
            let from = was.and_then(|was| was.release.clone()).filter(|from| *from != release)?;
            Some(Change::Moved { from, to: release })
        }
        (was, now) if was == now => None,
        (_, Kind::Unseen) => None,
        (Kind::Unseen, Kind::Green | Kind::Red | Kind::GreenButPromoteFailed | Kind::NotJudged) => {
            Some(Change::New { state: row.state(), why })
        }
        (_, Kind::Red) => Some(Change::TurnedRed { release, why }),
        (_, Kind::GreenButPromoteFailed) => Some(Change::PromotionBroke { why }),
        (_, Kind::NotJudged) => Some(Change::NoLongerJudged { why }),
        (_, Kind::Held | Kind::DeEnrolled | Kind::Unreachable | Kind::NoRelease) => match &row.end {
            RowEnd::Skipped { skip, .. } => Some(Change::NewlySkipped { skip: skip.clone() }),
            RowEnd::Ran { .. } => None,
        },
        (Kind::Red | Kind::GreenButPromoteFailed, Kind::Green) => Some(Change::Mended { release }),
        (_, Kind::Green) => Some(Change::JudgedAgain { release }),
    }
}
