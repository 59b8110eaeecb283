//! What a sweep comes to.

use std::fmt;

use super::row::{Row, RowEnd, RowState, Skip, Weight};

/// A sweep in one word. The later, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepVerdict {
    Green,
    /// Green, and nothing was run, because nothing was new.
    NothingNew,
    /// Blocks like red, and says nothing against a recipe.
    NotJudged,
    Red,
}

impl SweepVerdict {
    /// Returns the word for headlines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::NothingNew => "green, nothing new",
            Self::NotJudged => "not judged",
            Self::Red => "red",
        }
    }

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::NothingNew => "nothing_new",
            Self::NotJudged => "not_judged",
            Self::Red => "red",
        }
    }
}

/// Why a sweep is not green.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No enrolled recipe takes part (law 1: an empty sweep is red).
    Empty,
    Red {
        recipes: usize,
    },
    /// Green cold; on the canonical's data it is not, or it was not tried there.
    PromoteFailed {
        recipes: usize,
    },
    /// Left out, and red from before.
    StandRed {
        recipes: usize,
    },
    NotJudged {
        recipes: usize,
    },
    Unreachable {
        recipes: usize,
    },
    /// The sweep did not come to them.
    NotReached {
        recipes: usize,
    },
    BelowMinimum {
        judged: usize,
        minimum: usize,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |n: usize| if n == 1 { "1 recipe".to_owned() } else { format!("{n} recipes") };
        let is = |n: usize| if n == 1 { "is" } else { "are" };
        match self {
            Self::Empty => f.write_str("there is no recipe to sweep"),
            Self::Red { recipes } => write!(f, "{} {} red", count(*recipes), is(*recipes)),
            Self::PromoteFailed { recipes: 1 } => f.write_str("1 recipe is green, and its promotion failed"),
            Self::PromoteFailed { recipes } => {
                write!(f, "{recipes} recipes are green, and their promotions failed")
            }
            Self::StandRed { recipes } => {
                write!(f, "{} {} left out and red from before", count(*recipes), is(*recipes))
            }
            Self::NotJudged { recipes } => write!(f, "{} could not be judged", count(*recipes)),
            Self::Unreachable { recipes } => write!(f, "{} {} unreachable", count(*recipes), is(*recipes)),
            Self::NotReached { recipes } => write!(f, "the sweep did not come to {}", count(*recipes)),
            Self::BelowMinimum { judged, minimum } => {
                write!(f, "{} judged or known to be green, and the minimum is {minimum}", count(*judged))
            }
        }
    }
}

/// What a sweep comes to, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub verdict: SweepVerdict,
    /// The worst first; empty where it is green.
    pub reasons: Vec<Reason>,
}

/// Judges a sweep by its rows. `unreached` recipes were to be run and have no row.
///
/// Counted for the minimum is what was judged now, red or green, and what is known to be green. Too few for a reason
/// that lies in the platform could not be judged; too few for any other reason is red.
pub fn judge(rows: &[Row], unreached: usize, minimum: usize) -> Verdict {
    let mut reasons = Vec::new();
    let mut verdict = SweepVerdict::Green;
    let mut find = |worse: SweepVerdict, recipes: usize, reason: fn(usize) -> Reason| {
        if recipes > 0 {
            verdict = verdict.max(worse);
            reasons.push(reason(recipes));
        }
    };
    let weigh = |weight: Weight| rows.iter().filter(move |row| row.weight() == weight);
    let ran = |row: &&Row| matches!(row.end, RowEnd::Ran { .. });
    let promoting = |row: &&Row| row.state() == RowState::GreenButPromoteFailed;
    let red_now = weigh(Weight::Red).filter(ran).filter(|row| !promoting(row)).count();
    find(SweepVerdict::Red, red_now, |recipes| Reason::Red { recipes });
    let unpromoted = rows.iter().filter(promoting);
    let worst = unpromoted.clone().map(Row::weight).max();
    let worst = if worst == Some(Weight::Red) { SweepVerdict::Red } else { SweepVerdict::NotJudged };
    let unpromoted = unpromoted.count();
    find(worst, unpromoted, |recipes| Reason::PromoteFailed { recipes });
    let red_before = weigh(Weight::Red).filter(|row| !ran(row)).count();
    find(SweepVerdict::Red, red_before, |recipes| Reason::StandRed { recipes });
    let is_lost = |row: &&Row| matches!(row.end, RowEnd::Skipped { skip: Skip::Unreachable { .. }, .. });
    let lost = rows.iter().filter(is_lost).count();
    find(SweepVerdict::NotJudged, lost, |recipes| Reason::Unreachable { recipes });
    let unjudged = weigh(Weight::NotJudged).filter(|row| !is_lost(row) && !promoting(row)).count();
    find(SweepVerdict::NotJudged, unjudged, |recipes| Reason::NotJudged { recipes });
    find(SweepVerdict::NotJudged, unreached, |recipes| Reason::NotReached { recipes });

    let judged = weigh(Weight::Green).count() + red_now + unpromoted;
    let open = lost + unjudged + unreached;
    if judged < minimum.max(1) {
        let counted = |row: &Row| {
            !matches!(row.end, RowEnd::Skipped { skip: Skip::DeEnrolled { .. } | Skip::NotAsked, .. })
        };
        if unreached == 0 && !rows.iter().any(counted) {
            reasons.insert(0, Reason::Empty);
        } else {
            reasons.push(Reason::BelowMinimum { judged, minimum: minimum.max(1) });
        }
        let platform = judged + open >= minimum.max(1);
        verdict = verdict.max(if platform { SweepVerdict::NotJudged } else { SweepVerdict::Red });
    }
    if verdict == SweepVerdict::Green && !rows.iter().any(|row| matches!(row.end, RowEnd::Ran { .. })) {
        verdict = SweepVerdict::NothingNew;
    }
    Verdict { verdict, reasons }
}
