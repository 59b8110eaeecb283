//! Runs for the terminal: one line each, readable without colour.

use crate::text::{count, cut, one_line, span_column};
use crate::view::{RunView, State, fault_of};

/// Longest evidence on a line; the whole story is in the page.
const EVIDENCE: usize = 160;
/// Longest recipe, revision and verdict in a column.
const CELL: usize = 40;

/// Returns a table with a heading, a line for each run, in the order given. `ours` is our overhead: the wall time in
/// which nobody but us was at work, and its part of the whole.
pub fn table(runs: &[RunView]) -> String {
    let mut rows = vec![["recipe", "rev", "verdict", "time", "ours", "evidence"].map(str::to_owned)];
    for run in runs {
        rows.push([
            one_line(run.recipe(), CELL),
            one_line(run.rev(), CELL),
            run.verdict_words(),
            span_column(run.millis()),
            run.wall().map(|wall| wall.overhead()).unwrap_or_default(),
            evidence(run, EVIDENCE),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [recipe, rev, verdict, time, ours] = [0, 1, 2, 3, 4].map(width);
    let mut out = String::new();
    for [a, b, c, d, e, f] in &rows {
        let line = format!("{a:recipe$}  {b:rev$}  {c:verdict$}  {d:>time$}  {e:>ours$}  {f}");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Returns the evidence of a run on one line: the leading cause with its tier, else the level.
pub(crate) fn evidence(run: &RunView, most: usize) -> String {
    let mut said = match (run.state(), run.lead()) {
        (_, Some((tier, _, cause))) => format!("{tier}: {cause}"),
        (State::DidNotEnd, None) => last_stage(run),
        (State::NotJudged, None) => "a tier was begun and has no verdict".to_owned(),
        (State::NothingJudged, None) => "every tier was skipped".to_owned(),
        (State::Failed | State::Superficial | State::Passed, None) => {
            let level = run.level().map(|level| format!("level {level}")).unwrap_or_default();
            let level = match &run.promotion {
                Some(promotion) => format!("{level}, {}", promotion.in_short(run)),
                None => level,
            };
            match run.tally(None) {
                none if none.all() == 0 => level,
                tests => format!("{level}, {}", tests.words()),
            }
        }
    };
    let left = run.left();
    if !left.is_empty() {
        said = cut(&one_line(&said, most), most * 2 / 3);
        said = format!("{said}; left behind: {}", left.join(", "));
    }
    one_line(&said, most)
}

/// Says where an unfinished log stops.
pub(crate) fn last_stage(run: &RunView) -> String {
    let open = run
        .sides
        .iter()
        .flat_map(|side| side.stages.iter().filter(|s| s.ended.is_none()).map(move |s| (side, s)))
        .max_by_key(|(_, stage)| stage.from_millis);
    match open {
        Some((side, stage)) => format!("the log ends in stage `{}` of side {}", stage.stage, side.side),
        None => "the log has no end".to_owned(),
    }
}

/// Returns what a list of runs comes to, such as `1 recipe failed, 1 could not be judged`. No run at all
/// is said as such: an empty sweep is not a green one.
pub fn summary(runs: &[RunView]) -> String {
    if runs.is_empty() {
        return "nothing was run".to_owned();
    }
    let of = |wanted: &[State]| runs.iter().filter(|r| wanted.contains(&r.state())).count();
    let (failed, open) = (of(&[State::Failed]), of(&[State::DidNotEnd]));
    let unjudged = of(&[State::NotJudged, State::NothingJudged]);
    let passed = of(&[State::Passed, State::Superficial]);
    let mut parts = Vec::new();
    let mut say = |n: usize, what: &str| {
        if n > 0 {
            let subject = if parts.is_empty() { count(n, "run", "runs") } else { n.to_string() };
            parts.push(format!("{subject} {what}"));
        }
    };
    say(failed, "failed");
    say(open, "did not end");
    say(unjudged, "could not be judged");
    say(passed, "passed");
    parts.join(", ")
}

/// Returns the fault of the leading cause.
pub(crate) fn lead_fault(run: &RunView) -> Option<&'static str> {
    run.lead().map(|(_, _, cause)| fault_of(cause))
}
