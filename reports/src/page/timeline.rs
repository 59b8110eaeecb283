//! Stages on one axis: what the app took and what we took, told apart.

use domain::event::Whose;
use serde::Serialize;

use crate::text::span;
use crate::view::{RunView, SideView, StageView};

/// Steps of the axis in milliseconds; the first that gives at most five ticks is taken.
const STEPS: [u64; 19] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000,
    600_000, 1_800_000, 3_600_000, 14_400_000,
];

/// The whole timeline.
#[derive(Serialize)]
pub(super) struct Timeline {
    pub ticks: Vec<Tick>,
    pub sides: Vec<Lane>,
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
    app: String,
    ours: String,
    /// Shares of the ended stages' time in percent, as text.
    app_share: String,
    ours_share: String,
    rows: Vec<Row>,
    /// What clearing left, or None where it is not known.
    cleared: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Row {
    stage: String,
    left: String,
    width: String,
    /// `app`, `ours` or `open`: the class of the bar and, in words, its title.
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
    Timeline { ticks: ticks(total), sides: run.sides.iter().map(|side| lane(side, total)).collect() }
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
    let what = match (side.tier, &side.base) {
        (Some(tier), Some(base)) => format!("{tier} from {base}"),
        (Some(tier), None) => tier.to_string(),
        (None, _) => "tier unknown".to_owned(),
    };
    let mut rows: Vec<Row> = side.stages.iter().map(|stage| row(stage, total)).collect();
    if let Some(cleared) = &side.cleared
        && !side.stages.iter().any(|s| s.stage == "clear")
    {
        rows.push(Row {
            stage: "clear".to_owned(),
            left: percent(cleared.from_millis, total),
            width: percent(cleared.millis, total),
            whose: "ours",
            whose_word: "ours",
            ok: cleared.left.is_empty(),
            time: span(cleared.millis),
            detail: match cleared.left.as_slice() {
                [] => "the listing afterwards is empty".to_owned(),
                left => format!("left: {}", left.join(", ")),
            },
            facts: Vec::new(),
        });
    }
    let (app, ours) = (side.millis(Whose::App), side.millis(Whose::Ours));
    let both = app.saturating_add(ours).max(1);
    Lane {
        title: format!("{} · {what}", side.side),
        stack: side.stack.clone(),
        domain: side.domain.clone(),
        app: span(app),
        ours: span(ours),
        app_share: percent(app, both),
        ours_share: percent(ours, both),
        rows,
        cleared: side.cleared.as_ref().map(|c| if c.left.is_empty() { "clean" } else { "left" }),
    }
}

fn row(stage: &StageView, total: u64) -> Row {
    let left = percent(stage.from_millis, total);
    match &stage.ended {
        Some(ended) => {
            let (whose, whose_word) = match ended.whose {
                Whose::App => ("app", "the app or the engine"),
                Whose::Ours => ("ours", "ours"),
            };
            Row {
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
