//! What became of a run's wall time: every millisecond of it has one owner.
//!
//! Sides run side by side, so sums of stages say nothing about waiting. At each instant the run belongs to the first of
//! these that is at work on any side: the app or the engine; clearing (the engine again, on our order); soaking, which
//! is waiting that was chosen; and all else is what we added, the gaps between the stages included.

use crate::side::{Share, SideView, share};
use crate::text::span;

/// The wall time of a run, in milliseconds. The four make up the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Wall {
    /// The app or the engine was at work.
    pub app_millis: u64,
    /// The engine removed what the run had made, and nothing else was at work.
    pub clear_millis: u64,
    /// Chosen waiting, and nothing else was at work.
    pub soak_millis: u64,
    /// Nobody but us: the overhead.
    pub ours_millis: u64,
}

impl Wall {
    /// Returns the whole.
    pub fn all(&self) -> u64 {
        let Self { app_millis, clear_millis, soak_millis, ours_millis } = self;
        app_millis.saturating_add(*clear_millis).saturating_add(*soak_millis).saturating_add(*ours_millis)
    }

    /// Returns our part of the whole in tenths of a percent, rounded up: an overhead is never understated.
    pub fn ours_per_mille(&self) -> u64 {
        let whole = u128::from(self.all().max(1));
        u64::try_from((u128::from(self.ours_millis) * 1000).div_ceil(whole)).unwrap_or(1000)
    }

    /// Returns the overhead for people: `1.1 s, 2.4 %`.
    pub fn overhead(&self) -> String {
        format!("{}, {} %", span(self.ours_millis), per_mille(self.ours_per_mille()))
    }
}

/// Per mille as percent with one digit.
pub(crate) fn per_mille(n: u64) -> String {
    format!("{}.{}", n / 10, n % 10)
}

pub(crate) fn wall(sides: &[SideView], total: u64) -> Wall {
    let mut spans: Vec<(u64, u64, Share)> = Vec::new();
    let mut add = |from: u64, millis: u64, share| {
        let (from, to) = (from.min(total), from.saturating_add(millis).min(total));
        if from < to {
            spans.push((from, to, share));
        }
    };
    for side in sides {
        for stage in &side.stages {
            if let Some(ended) = &stage.ended {
                add(stage.from_millis, ended.millis, share(&stage.stage, ended.whose));
            }
        }
        if let Some(cleared) = &side.cleared {
            add(cleared.from_millis, cleared.millis, Share::Clear);
        }
    }
    let mut cuts: Vec<u64> = spans.iter().flat_map(|(from, to, _)| [*from, *to]).chain([0, total]).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut wall = Wall::default();
    for pair in cuts.windows(2) {
        let [from, to] = [pair[0], pair[1]];
        let at_work = |share| spans.iter().any(|(a, b, s)| *s == share && *a <= from && to <= *b);
        let part = if at_work(Share::App) {
            &mut wall.app_millis
        } else if at_work(Share::Clear) {
            &mut wall.clear_millis
        } else if at_work(Share::Soak) {
            &mut wall.soak_millis
        } else {
            &mut wall.ours_millis
        };
        *part = part.saturating_add(to - from);
    }
    wall
}

#[cfg(test)]
mod tests {
    use domain::event::Whose;
    use domain::names::Side;

    use super::*;
    use crate::side::{Cleared, StageEnd, StageView};

    fn side(stages: &[(&str, u64, u64, Whose)], cleared: Option<(u64, u64)>) -> SideView {
        let mut side = SideView::new(Side::A, 0);
        for (stage, from, millis, whose) in stages {
            let ended = StageEnd {
                millis: *millis,
                whose: *whose,
                ok: true,
                detail: String::new(),
                facts: std::collections::BTreeMap::new(),
            };
            let stage = (*stage).to_owned();
            side.stages.push(StageView { stage, tier: None, from_millis: *from, ended: Some(ended) });
        }
        side.cleared = cleared.map(|(from_millis, millis)| Cleared { from_millis, millis, left: Vec::new() });
        side
    }

    fn parts(wall: Wall) -> [u64; 4] {
        assert_eq!(wall.all(), wall.app_millis + wall.clear_millis + wall.soak_millis + wall.ours_millis);
        [wall.app_millis, wall.clear_millis, wall.soak_millis, wall.ours_millis]
    }

    #[test]
    fn every_millisecond_has_one_owner_and_gaps_are_ours() {
        let one = side(
            &[("settle", 10, 50, Whose::App), ("seed", 60, 20, Whose::Ours), ("soak", 85, 10, Whose::Ours)],
            Some((95, 5)),
        );
        // 10 before, 20 of seeding, 5 between, 20 after.
        assert_eq!(parts(wall(&[one], 120)), [50, 5, 10, 55]);
    }

    #[test]
    fn what_we_do_while_an_app_is_at_work_beside_adds_nothing() {
        let a = side(&[("probe", 0, 40, Whose::Ours), ("soak", 40, 60, Whose::Ours)], None);
        let b = side(&[("settle", 0, 70, Whose::App), ("check", 70, 20, Whose::Ours)], None);
        assert_eq!(parts(wall(&[a, b], 100)), [70, 0, 30, 0]);
    }

    #[test]
    fn nonsense_in_a_log_stays_within_the_run() {
        let mad =
            side(&[("settle", u64::MAX - 1, u64::MAX, Whose::App), ("x", 5, u64::MAX, Whose::App)], None);
        assert_eq!(parts(wall(std::slice::from_ref(&mad), 10)), [5, 0, 0, 5]);
        assert_eq!(parts(wall(&[mad], 0)), [0, 0, 0, 0]);
        assert_eq!(wall(&[], u64::MAX).ours_per_mille(), 1000);
    }

    #[test]
    fn an_overhead_is_rounded_up() {
        let wall = Wall { app_millis: 99_999, ours_millis: 1, ..Wall::default() };
        assert_eq!(wall.overhead(), "1 ms, 0.1 %");
    }
}
