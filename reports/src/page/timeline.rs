//! Stages on one axis: what the app took and what we took, told apart.

use domain::Tier;
use serde::Serialize;

use crate::side::{Share, SideView, StageView, share};
use crate::text::span;
use crate::view::RunView;
use crate::wall::{Wall, per_mille};

/// Steps of the axis in milliseconds; the first that gives at most five ticks is taken.
const STEPS: [u64; 19] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000,
    600_000, 1_800_000, 3_600_000, 14_400_000,
];

/// The whole timeline.
#[derive(Serialize)]
pub(super) struct Timeline {
    ticks: Vec<Tick>,
    sides: Vec<Lane>,
    /// What became of the wall time; None while the run has no end.
    wall: Option<WallBar>,
}

impl Timeline {
    pub(super) fn is_empty(&self) -> bool {
        self.sides.is_empty()
    }
}

/// The wall time as one bar.
#[derive(Serialize)]
struct WallBar {
    /// `1.1 s, 2.4 %`.
    overhead: String,
    all: String,
    parts: Vec<WallPart>,
}

#[derive(Serialize)]
struct WallPart {
    class: &'static str,
    word: &'static str,
    time: String,
    percent: String,
    /// Percent of the bar.
    width: String,
}

#[derive(Serialize)]
pub(super) struct Tick {
    /// Percent of the axis, as text.
    left: String,
    label: String,
}

/// One side of the run.
#[derive(Serialize)]
pub(super) struct Lane {
    title: String,
    stack: String,
    domain: String,
    sums: Vec<(&'static str, String)>,
    rows: Vec<Row>,
    /// What clearing left, or None where it is not known.
    cleared: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Row {
    /// The tier that begins here, where one stack carries several.
    tier: Option<&'static str>,
    stage: String,
    left: String,
    width: String,
    /// `app`, `soak`, `clear`, `ours` or `open`: the class of the bar and, in words, its title.
    whose: &'static str,
    whose_word: &'static str,
    ok: bool,
    time: String,
    detail: String,
    facts: Vec<(String, String)>,
}

pub(super) fn timeline(run: &RunView) -> Timeline {
    let ends = run.sides.iter().flat_map(|side| {
        let stages = side
            .stages
            .iter()
            .map(|s| s.from_millis.saturating_add(s.ended.as_ref().map_or(0, |e| e.millis)));
        stages.chain(side.cleared.as_ref().map(|c| c.from_millis.saturating_add(c.millis)))
    });
    let total = ends.chain([run.millis(), 1]).max().unwrap_or(1);
    Timeline {
        ticks: ticks(total),
        sides: run.sides.iter().map(|side| lane(side, total)).collect(),
        wall: run.wall().map(wall_bar),
    }
}

fn wall_bar(wall: Wall) -> WallBar {
    let all = wall.all();
    let part = |of: Share, millis: u64| {
        let (class, word) = look(of);
        let percent_of = u64::try_from(u128::from(millis) * 1000 / u128::from(all.max(1))).unwrap_or(1000);
        // Ours is rounded up, as everywhere.
        let percent_of = if of == Share::Ours { wall.ours_per_mille() } else { percent_of };
        let percent_of = per_mille(percent_of);
        WallPart { class, word, time: span(millis), percent: percent_of, width: percent(millis, all) }
    };
    WallBar {
        overhead: wall.overhead(),
        all: span(all),
        parts: vec![
            part(Share::App, wall.app_millis),
            part(Share::Soak, wall.soak_millis),
            part(Share::Clear, wall.clear_millis),
            part(Share::Ours, wall.ours_millis),
        ],
    }
}

/// Class and words of a share of the time.
fn look(of: Share) -> (&'static str, &'static str) {
    match of {
        Share::App => ("app", "the app or the engine"),
        Share::Soak => ("soak", "chosen waiting (soak)"),
        Share::Clear => ("clear", "clearing"),
        Share::Ours => ("ours", "overhead of ours"),
    }
}

fn ticks(total: u64) -> Vec<Tick> {
    let step = STEPS.into_iter().find(|step| total / step <= 5).unwrap_or(total.max(1));
    (0..=total / step).map(|n| Tick { left: percent(n * step, total), label: axis_label(n * step) }).collect()
}

fn axis_label(millis: u64) -> String {
    match millis {
        0 => "0".to_owned(),
        1..1000 => format!("{millis} ms"),
        1000..60_000 if millis.is_multiple_of(1000) => format!("{} s", millis / 1000),
        _ if millis.is_multiple_of(60_000) && millis < 3_600_000 => format!("{} min", millis / 60_000),
        _ => span(millis),
    }
}

fn lane(side: &SideView, total: u64) -> Lane {
    let mut tiers: Vec<Tier> = Vec::new();
    for tier in side.tier.into_iter().chain(side.stages.iter().filter_map(|s| s.tier)) {
        if !tiers.contains(&tier) {
            tiers.push(tier);
        }
    }
    let named: Vec<&str> = tiers.iter().map(|t| t.name()).collect();
    let what = match (named.as_slice(), &side.base) {
        ([], _) => "tier unknown".to_owned(),
        ([first, rest @ ..], Some(base)) => {
            let from = format!("{first} from {base}");
            [&[from.as_str()], rest].concat().join(", ")
        }
        (named, None) => named.join(", "),
    };
    let mut rows: Vec<Row> = side.stages.iter().map(|stage| row(stage, total)).collect();
    if tiers.len() > 1 {
        let mut before = None;
        for (row, stage) in rows.iter_mut().zip(&side.stages) {
            row.tier = stage.tier.filter(|tier| before != Some(*tier)).map(Tier::name);
            before = stage.tier.or(before);
        }
    }
    if let Some(cleared) = &side.cleared
        && !side.stages.iter().any(|s| s.stage == "clear")
    {
        let (whose, whose_word) = look(Share::Clear);
        rows.push(Row {
            tier: None,
            stage: "clear".to_owned(),
            left: percent(cleared.from_millis, total),
            width: percent(cleared.millis, total),
            whose,
            whose_word,
            ok: cleared.left.is_empty(),
            time: span(cleared.millis),
            detail: match cleared.left.as_slice() {
                [] => "the listing afterwards is empty".to_owned(),
                left => format!("left: {}", left.join(", ")),
            },
            facts: Vec::new(),
        });
    }
    let sums = [("app", Share::App), ("soak", Share::Soak), ("clear", Share::Clear), ("ours", Share::Ours)]
        .into_iter()
        .filter(|(_, of)| side.share_millis(*of, None) > 0 || matches!(of, Share::App | Share::Ours))
        .map(|(word, of)| (word, span(side.share_millis(of, None))))
        .collect();
    Lane {
        title: format!("{} · {what}", side.label()),
        stack: side.stack.clone(),
        domain: side.domain.clone(),
        sums,
        rows,
        cleared: side.cleared.as_ref().map(|c| if c.left.is_empty() { "clean" } else { "left" }),
    }
}

fn row(stage: &StageView, total: u64) -> Row {
    let left = percent(stage.from_millis, total);
    match &stage.ended {
        Some(ended) => {
            let (whose, whose_word) = look(share(&stage.stage, ended.whose));
            Row {
                tier: None,
                stage: stage.stage.clone(),
                left,
                width: percent(ended.millis, total),
                whose,
                whose_word,
                ok: ended.ok,
                time: span(ended.millis),
                detail: ended.detail.clone(),
                facts: ended.facts.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            }
        }
        None => Row {
            tier: None,
            stage: stage.stage.clone(),
            left,
            width: percent(total.saturating_sub(stage.from_millis), total),
            whose: "open",
            whose_word: "no end in the log",
            ok: true,
            time: "no end".to_owned(),
            detail: String::new(),
            facts: Vec::new(),
        },
    }
}

/// Percent with two digits, by integers only, so that it is the same everywhere.
fn percent(part: u64, whole: u64) -> String {
    let hundredths = (u128::from(part) * 10_000 / u128::from(whole.max(1))).min(10_000);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_has_few_ticks_at_round_numbers() {
        let labels = |total| ticks(total).into_iter().map(|t| t.label).collect::<Vec<_>>().join(" ");
        assert_eq!(labels(1), "0");
        assert_eq!(labels(47_300), "0 10 s 20 s 30 s 40 s");
        assert_eq!(labels(400_000), "0 2 min 4 min 6 min");
        assert_eq!(labels(u64::MAX / 2).split(' ').count(), 2, "nonsense in the log does not hang the page");
    }

    #[test]
    fn a_share_never_leaves_the_axis() {
        assert_eq!(percent(1, 3), "33.33");
        assert_eq!(percent(u64::MAX, 1), "100.00");
    }
}
