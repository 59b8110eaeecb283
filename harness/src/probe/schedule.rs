//! How often a probe may knock.

use std::time::Duration;

/// Tries, pauses and limits of one probe. All of it is printed when it is used up (law 10, CC-042).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// From the first try to the last, pauses included (CC-024).
    pub window: Duration,
    /// After the first try.
    pub first_pause: Duration,
    /// Each further pause is this much longer, in hundredths: 150 is half as long again.
    pub growth_percent: u32,
    /// No pause is longer.
    pub longest_pause: Duration,
    /// Tries, whatever the window.
    pub max_tries: u32,
    /// One try, from connecting to the last byte.
    pub one_try: Duration,
}

impl Schedule {
    /// For HTTP: 1 s, then half as long again, up to 15 s.
    pub fn within(window: Duration) -> Self {
        Self {
            window,
            first_pause: Duration::from_secs(1),
            growth_percent: 150,
            longest_pause: Duration::from_secs(15),
            max_tries: 100,
            one_try: Duration::from_secs(15),
        }
    }

    /// For servers that ban whoever comes often (Mumble: 10 connections in 120 s from one address): at most
    /// 7 tries in any 120 s.
    pub fn gentle(window: Duration) -> Self {
        Self {
            first_pause: Duration::from_secs(10),
            longest_pause: Duration::from_secs(20),
            max_tries: 40,
            ..Self::within(window)
        }
    }

    /// One try and no more.
    pub fn once(limit: Duration) -> Self {
        Self { max_tries: 1, one_try: limit, ..Self::within(limit) }
    }

    /// Returns the pause after the `tries`-th try, counted from 1.
    pub fn pause_after(&self, tries: u32) -> Duration {
        let mut pause = self.first_pause;
        for _ in 1..tries {
            if self.longest_pause <= pause {
                break;
            }
            pause = pause.saturating_mul(self.growth_percent) / 100;
        }
        pause.min(self.longest_pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cc_042_pauses_grow_and_stay_below_their_limit() {
        let schedule = Schedule::within(Duration::from_secs(600));
        let pauses: Vec<u128> = (1..10).map(|n| schedule.pause_after(n).as_millis()).collect();
        assert_eq!(pauses, [1000, 1500, 2250, 3375, 5062, 7593, 11390, 15000, 15000]);
        assert_eq!(schedule.pause_after(u32::MAX), Duration::from_secs(15));
    }

    #[test]
    fn the_gentle_schedule_is_never_banned_by_ten_connections_in_two_minutes() {
        let schedule = Schedule::gentle(Duration::from_secs(3600));
        let starts: Vec<Duration> = (1..30)
            .scan(Duration::ZERO, |at, n| {
                let start = *at;
                *at += schedule.pause_after(n);
                Some(start)
            })
            .collect();
        let most = starts
            .iter()
            .map(|from| {
                starts.iter().filter(|s| *s >= from && **s < *from + Duration::from_secs(120)).count()
            })
            .max();
        assert_eq!(most, Some(7));
    }
}
