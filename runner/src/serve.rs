//! `simmer serve`: what the clock asks for, for as long as the process lives. So far that is tidying: what dead runs left
//! goes, and the registry is compared with Docker. Nights, comments, the API and the dashboard move in here as they come.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::lease::{Lease, LeaseError, Leases, Owner};
use crate::store::Hold;

/// Between two looks at the clock and at what is held: what is open to be looked at stays no longer than this past its end.
pub const LOOK: Duration = Duration::from_secs(2);

/// Takes the lease of the one process that serves an instance, or says who has it.
pub fn take_lease(state: &Path) -> Result<Lease, LeaseError> {
    Leases::of(state).take("serve", &Owner::command("simmer serve"))
}

/// When the registry was compared with Docker for the last time, and when it is again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rounds {
    last: Option<DateTime<Utc>>,
}

impl Rounds {
    /// Returns whether it is time: at first, every so often, and when something that is held has come to its end.
    pub fn is_due(&self, now: DateTime<Utc>, every: Duration, holds: &[Hold]) -> bool {
        let Some(last) = self.last else { return true };
        // A length that no clock counts is never over.
        let is_over = TimeDelta::from_std(every).is_ok_and(|every| now - last >= every);
        // An end that the last round saw and could not mend waits for its turn: trouble is not asked again every few seconds.
        let ended = |hold: &Hold| hold.until.is_some_and(|until| last < until && until < now);
        // A clock that was set back says nothing about how long ago it was.
        is_over || now < last || holds.iter().any(ended)
    }

    /// Remembers that a round begins.
    pub fn begin(&mut self, now: DateTime<Utc>) {
        self.last = Some(now);
    }
}

/// Which lines of a round are news: a stranger's volume that was reported a quarter of an hour ago is not told again.
#[derive(Debug, Default)]
pub struct News {
    before: BTreeSet<String>,
    now: RefCell<BTreeSet<String>>,
}

impl News {
    /// Returns whether the round before did not say the same.
    pub fn is_new(&self, line: &str) -> bool {
        self.now.borrow_mut().insert(line.to_owned());
        !self.before.contains(line)
    }

    /// Ends a round.
    pub fn end_round(&mut self) {
        self.before = self.now.take();
    }
}

#[cfg(test)]
mod tests {
    use domain::RecipeName;

    use super::*;
    use crate::store::HoldKind;

    const EVERY: Duration = Duration::from_secs(900);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    fn held_until(until: Option<DateTime<Utc>>) -> Hold {
        Hold {
            kind: HoldKind::Open,
            recipe: RecipeName::parse("gitea").unwrap(),
            owner: "ann".into(),
            reason: "to look".into(),
            until,
        }
    }

    fn is_due(seconds: i64, holds: &[Hold]) -> bool {
        let mut rounds = Rounds::default();
        rounds.begin(at(0));
        rounds.is_due(at(seconds), EVERY, holds)
    }

    #[test]
    fn the_first_round_is_at_once_and_the_next_one_when_its_time_has_come() {
        assert!(Rounds::default().is_due(at(0), EVERY, &[]));
        assert!(!is_due(1, &[]) && !is_due(899, &[]));
        assert!(is_due(900, &[]));
        assert!(is_due(-1, &[]), "the clock was set back");
        let mut rounds = Rounds::default();
        rounds.begin(at(0));
        assert!(!rounds.is_due(at(1_000_000), Duration::MAX, &[]), "never");
    }

    #[test]
    fn cc_125_an_end_that_comes_in_between_is_not_waited_past() {
        assert!(!is_due(60, &[held_until(None), held_until(Some(at(61)))]));
        assert!(is_due(62, &[held_until(None), held_until(Some(at(61)))]));
        assert!(!is_due(62, &[held_until(Some(at(-5)))]), "the last round saw it, and could not mend it");
    }

    #[test]
    fn what_the_last_round_said_is_not_said_again_until_it_was_over() {
        let mut news = News::default();
        let mut round = |lines: &[&str]| {
            let told = lines.iter().filter(|line| news.is_new(line)).count();
            news.end_round();
            told
        };
        assert_eq!(round(&["foreign", "repaired"]), 2);
        assert_eq!(round(&["foreign"]), 0);
        assert_eq!(round(&[]), 0);
        assert_eq!(round(&["foreign"]), 1);
    }
}
