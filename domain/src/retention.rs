//! Which generations of a canonical stay: by count, age and bytes (DESIGN 7).
//!
//! Two stay whatever is said: the one that the record names, and the one before it, which is the way back (law 3).

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Canonical, Generation, RunId};

/// Fewest generations that can be asked for: the record's own, and the way back.
pub const LEAST: usize = 2;

/// How many generations stay, how long, and how large together. The record's own and the way back count, and stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Committed generations that stay at the most; at least [`LEAST`].
    pub keep: usize,
    /// Days after its commit for which a generation stays at the most.
    pub days: Option<u32>,
    /// Bytes that all of them hold together at the most. What is shared on the disk counts for each.
    pub bytes: Option<u64>,
}

impl Default for Retention {
    /// Three, of any age and size.
    fn default() -> Self {
        Self { keep: 3, days: None, bytes: None }
    }
}

/// A committed generation, as far as its keeping goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub generation: Generation,
    /// When it was committed.
    pub at: DateTime<Utc>,
    /// What it held then.
    pub bytes: u64,
    /// Runs that planted something in it, oldest first: what was copied from it begins with the same.
    pub planted: Vec<RunId>,
}

impl Kept {
    /// Reads a generation's own record, as it was committed.
    pub fn of(record: &Canonical) -> Self {
        Self {
            generation: record.generation,
            at: record.at,
            bytes: record.fingerprint.totals().1,
            planted: record.planted.iter().map(|planted| planted.run.clone()).collect(),
        }
    }
}

/// Why a generation need not stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Past {
    Count { keep: usize },
    Age { days: u32 },
    Bytes { bytes: u64 },
}

impl fmt::Display for Past {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { keep } => write!(f, "{keep} generations are kept"),
            Self::Age { days } => write!(f, "generations are kept for {days} days"),
            Self::Bytes { bytes } => write!(f, "generations are kept up to {bytes} bytes together"),
        }
    }
}

/// Returns the newest generation that the record's came from: what going back goes back to. Where somebody went back
/// before, that is not the one with the number before: what was left then is no way back from what came after.
pub fn way_back(committed: &[Kept], record: Generation) -> Option<Generation> {
    let own = committed.iter().find(|one| one.generation == record)?;
    let older = committed.iter().filter(|one| one.generation < record);
    older.filter(|one| own.planted.starts_with(&one.planted)).map(|one| one.generation).max()
}

/// Returns the generations that need not stay, oldest first, each with the reason. Never the record's own, never its way
/// back; and none at all where the record's is not among them, since then nothing is sure.
pub fn past_keeping(
    committed: &[Kept],
    record: Generation,
    retention: Retention,
    now: DateTime<Utc>,
) -> Vec<(Generation, Past)> {
    let Retention { keep, days, bytes } = retention;
    let stay: BTreeSet<Generation> = [record].into_iter().chain(way_back(committed, record)).collect();
    let (stay, mut rest): (Vec<&Kept>, Vec<&Kept>) =
        committed.iter().partition(|one| stay.contains(&one.generation));
    if !stay.iter().any(|one| one.generation == record) {
        return Vec::new();
    }
    rest.sort_by_key(|one| std::cmp::Reverse(one.generation));
    let mut count = stay.len();
    let mut held = stay.iter().fold(0_u64, |sum, one| sum.saturating_add(one.bytes));
    let mut past = Vec::new();
    for one in rest {
        let with = held.saturating_add(one.bytes);
        let why = if keep <= count {
            Some(Past::Count { keep })
        } else if let Some(days) = days.filter(|days| TimeDelta::days(i64::from(*days)) < now - one.at) {
            Some(Past::Age { days })
        } else {
            bytes.filter(|bytes| *bytes < with).map(|bytes| Past::Bytes { bytes })
        };
        match why {
            Some(why) => past.push((one.generation, why)),
            None => (count, held) = (count + 1, with),
        }
    }
    past.reverse();
    past
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(n: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(n)
    }

    fn run(n: u8) -> RunId {
        RunId::from_random([0, 0, 0, n])
    }

    /// A generation of ten bytes, committed on the day of its number.
    fn kept(n: u8, planted: &[u8]) -> Kept {
        Kept {
            generation: Generation(n.into()),
            at: day(n.into()),
            bytes: 10,
            planted: planted.iter().copied().map(run).collect(),
        }
    }

    /// Five, each copied from the one before.
    fn five() -> Vec<Kept> {
        (1..=5).map(|n| kept(n, &(1..=n).collect::<Vec<_>>())).collect()
    }

    fn told(committed: &[Kept], record: u32, retention: Retention) -> String {
        let past = past_keeping(committed, Generation(record), retention, day(5));
        past.iter().map(|(generation, why)| format!("{generation}: {why}")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn three_stay_where_nothing_is_said() {
        insta::assert_snapshot!(told(&five(), 5, Retention::default()), @r"
        g1: 3 generations are kept
        g2: 3 generations are kept
        ");
        assert_eq!(told(&five()[3..], 5, Retention::default()), "");
        assert_eq!(told(&[], 5, Retention::default()), "");
    }

    #[test]
    fn age_and_bytes_are_limits_of_their_own() {
        let retention = Retention { keep: 9, days: Some(2), bytes: None };
        insta::assert_snapshot!(told(&five(), 5, retention), @r"
        g1: generations are kept for 2 days
        g2: generations are kept for 2 days
        ");
        let retention = Retention { keep: 9, days: None, bytes: Some(45) };
        insta::assert_snapshot!(told(&five(), 5, retention), @"g1: generations are kept up to 45 bytes together");
    }

    #[test]
    fn law_3_the_way_back_stays_whatever_its_age_and_size() {
        let retention = Retention { keep: LEAST, days: Some(0), bytes: Some(0) };
        assert_eq!(told(&five()[3..], 5, retention), "");
    }

    #[test]
    fn the_way_back_is_what_the_record_came_from_and_not_the_number_before() {
        // 3 was bad: somebody went back to 2, and 4 was made of that.
        let left = [kept(1, &[1]), kept(2, &[1, 2]), kept(3, &[1, 2, 3]), kept(4, &[1, 2, 4])];
        assert_eq!(way_back(&left, Generation(4)), Some(Generation(2)));
        let retention = Retention { keep: LEAST, ..Retention::default() };
        insta::assert_snapshot!(told(&left, 4, retention), @r"
        g1: 2 generations are kept
        g3: 2 generations are kept
        ");
        assert_eq!(way_back(&left, Generation(1)), None);
    }

    #[test]
    fn of_a_record_that_is_not_among_them_nothing_goes() {
        assert_eq!(told(&five(), 9, Retention { keep: LEAST, days: Some(0), bytes: Some(0) }), "");
    }

    /// Generations as promotions and goings back make them, and the one that the record names.
    fn lineage() -> impl Strategy<Value = (Vec<Kept>, Generation)> {
        let one = (any::<prop::sample::Index>(), 0_i64..30, 0_u64..100, any::<bool>());
        (prop::collection::vec(one, 1..12), any::<prop::sample::Index>()).prop_map(|(all, named)| {
            let mut made: Vec<Kept> = Vec::new();
            for (n, (from, at, bytes, gone)) in (1_u8..).zip(all) {
                let mut planted = match made.len() {
                    0 => Vec::new(),
                    len => made[from.index(len)].planted.clone(),
                };
                planted.push(run(n));
                made.push(Kept { generation: Generation(n.into()), at: day(at), bytes, planted });
                if gone && made.len() > 1 {
                    made.remove(0);
                }
            }
            let record = made[named.index(made.len())].generation;
            (made, record)
        })
    }

    proptest! {
        #[test]
        fn the_record_and_its_way_back_stay_and_the_rest_is_within_its_bounds(
            (committed, record) in lineage(),
            keep in LEAST..6,
            days in prop::option::of(0_u32..30),
            bytes in prop::option::of(0_u64..300),
        ) {
            let (retention, now) = (Retention { keep, days, bytes }, day(30));
            let past = past_keeping(&committed, record, retention, now);
            let goes = |one: &Kept| past.iter().any(|(generation, _)| *generation == one.generation);
            let stay: Vec<&Kept> = committed.iter().filter(|one| !goes(one)).collect();
            prop_assert_eq!(stay.len() + past.len(), committed.len(), "each once, and none that is not there");
            prop_assert!(stay.iter().any(|one| one.generation == record), "the record's own is gone");
            let back = way_back(&committed, record);
            prop_assert!(back.is_none_or(|back| stay.iter().any(|one| one.generation == back)), "no way back");
            prop_assert!(stay.len() <= keep);
            let free: Vec<&&Kept> =
                stay.iter().filter(|one| one.generation != record && Some(one.generation) != back).collect();
            if let Some(days) = days {
                prop_assert!(free.iter().all(|one| now - one.at <= TimeDelta::days(days.into())));
            }
            if let Some(bytes) = bytes && !free.is_empty() {
                prop_assert!(stay.iter().map(|one| one.bytes).sum::<u64>() <= bytes);
            }
            // Once these are gone there is nothing more to do.
            let left: Vec<Kept> = stay.into_iter().cloned().collect();
            prop_assert_eq!(past_keeping(&left, record, retention, now), vec![]);
        }
    }
}
