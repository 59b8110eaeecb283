//! A sweep: one pass over all enrolled recipes at their newest release (DESIGN 8). What to run, what to leave out and
//! why, what it comes to, and what has changed since the last one. Told by text and time that are handed in.

mod change;
mod plan;
mod row;
mod verdict;

pub use change::{Change, Glance, Kind, changes};
pub use plan::{Asked, Before, Enrolled, Hold, Membership, Newest, Planned, SweepPlan, Task, Why, plan};
pub use row::{
    Cold, ColdVerdict, Judged, Promotion, PromotionEnd, Ran, Row, RowEnd, RowState, Skip, Told, Weight,
};
pub use verdict::{Reason, SweepVerdict, Verdict, judge};

use std::fmt;

use chrono::{DateTime, Utc};

use crate::names::BadName;

/// The version of the lines in `sweep.jsonl`, in every line from its first day.
pub const FORMAT: u32 = 1;

/// The id of one sweep: when it began, and four hexadecimal digits. Ids sort by time.
///
/// ```
/// use domain::sweep::SweepId;
/// let at = chrono::DateTime::from_timestamp(1_795_233_600, 0).unwrap();
/// assert_eq!(SweepId::new(at, [0xbe, 0xef]).as_str(), "20261121T040000Z-beef");
/// assert!(SweepId::parse("../etc").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct SweepId(String);

impl SweepId {
    /// Makes the id of a sweep that begins at `at`, from two random bytes.
    pub fn new(at: DateTime<Utc>, random: [u8; 2]) -> Self {
        Self(format!("{}-{:02x}{:02x}", at.format("%Y%m%dT%H%M%SZ"), random[0], random[1]))
    }

    /// Reads an id back.
    pub fn parse(id: &str) -> Result<Self, BadName> {
        let shape = |(n, c): (usize, char)| match n {
            8 => c == 'T',
            15 => c == 'Z',
            16 => c == '-',
            17.. => c.is_ascii_digit() || ('a'..='f').contains(&c),
            _ => c.is_ascii_digit(),
        };
        if id.len() == 21 && id.chars().enumerate().all(shape) {
            Ok(Self(id.to_owned()))
        } else {
            Err(BadName {
                name: id.to_owned(),
                kind: "sweep id",
                rule: "a time and four hexadecimal digits are expected, such as `20261121T030000Z-beef`",
            })
        }
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SweepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SweepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl<'de> serde::Deserialize<'de> for SweepId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(from)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// One line of `sweep.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Line {
    /// Format version, see [`FORMAT`].
    pub v: u32,
    pub at: DateTime<Utc>,
    #[serde(flatten)]
    pub what: Entry,
}

/// What happened in a sweep. A log that ends before [`Entry::Ended`] is that of a sweep that was killed, or is alive.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Entry {
    /// The plan is made; nothing was run.
    Started {
        sweep: SweepId,
        /// Version of this harness.
        harness: String,
        asked: Asked,
        plan: SweepPlan,
        /// What the sweep before was, by which change is told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<SweepId>,
        /// How each recipe stood before this sweep, so that what changed is told by this log alone.
        before: Vec<Glance>,
    },
    /// A sweep that did not end was taken up again.
    Resumed {
        harness: String,
    },
    /// A recipe was judged cold; where it is green its promotion is under way.
    Judged {
        recipe: crate::RecipeName,
        ran: Ran,
    },
    /// A recipe is done with. Of two rows of one recipe the later one stands.
    RowEnded {
        row: Row,
    },
    Ended {
        ending: Ending,
        millis: u64,
    },
}

/// How a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every row of the plan ended.
    Whole,
    /// Somebody asked us to stop.
    Interrupted,
}

#[cfg(test)]
mod tests;
