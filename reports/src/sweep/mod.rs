//! A sweep as all its reports see it: `sweep.jsonl` in, files out. Rendered again, every byte is the same.

mod json;
mod markdown;
mod page;
mod table;

pub use json::{FORMAT as SWEEP_FORMAT, sweep_json};
pub use markdown::sweep_markdown;
pub use page::sweep_page;
pub use table::{plan_table, sweep_table};

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::RecipeName;
use domain::sweep::{
    Asked, Change, Ending, Entry, Glance, Line, Planned, Ran, Reason, Row, RowEnd, SweepId, SweepPlan,
    SweepVerdict, Task, Verdict, changes, judge,
};

use crate::log::Garbled;

/// A sweep, folded from its lines. Any part may be missing: a log can be cut anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepView {
    pub start: Option<SweepStart>,
    /// Rows of what was run; of two rows of one recipe the later one.
    pub ran: BTreeMap<RecipeName, Row>,
    /// Judged cold, and no row yet: the promotion is under way, or was killed.
    pub judged: BTreeMap<RecipeName, Ran>,
    pub end: SweepEnd,
    /// What was left in the swarm, with the recipe; also by rows that were taken once more.
    pub left: Vec<(RecipeName, String)>,
    /// How often it was taken up again.
    pub resumed: usize,
    pub garbled: Vec<Garbled>,
}

/// What was known when the sweep began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepStart {
    pub sweep: SweepId,
    pub at: DateTime<Utc>,
    pub harness: String,
    pub asked: Asked,
    pub plan: SweepPlan,
    pub previous: Option<SweepId>,
    pub before: Vec<Glance>,
}

/// How the log ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SweepEnd {
    Ended {
        at: DateTime<Utc>,
        ending: Ending,
        millis: u64,
    },
    /// It was killed, or is still at work.
    Open {
        last: Option<DateTime<Utc>>,
    },
}

impl Default for SweepEnd {
    fn default() -> Self {
        Self::Open { last: None }
    }
}

/// One recipe of a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepRow<'a> {
    pub recipe: &'a RecipeName,
    pub planned: &'a Task,
    /// None: its turn did not come, or it did not end.
    pub row: Option<Row>,
}

/// Reads the text of a `sweep.jsonl`. It does not fail: what cannot be read is told in the view.
pub fn read_sweep(text: &str) -> SweepView {
    let mut view = SweepView::default();
    for (at, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        match serde_json::from_str::<Line>(text) {
            Ok(line) => view.take(line),
            Err(error) => {
                let says = if error.is_eof() { "the line is cut".to_owned() } else { error.to_string() };
                view.garbled.push(Garbled { line: at + 1, says });
            }
        }
    }
    view
}

impl SweepView {
    /// Takes the next line.
    pub fn take(&mut self, line: Line) {
        let Line { v: _, at, what } = line;
        match what {
            Entry::Started { sweep, harness, asked, plan, previous, before } => {
                self.start = Some(SweepStart { sweep, at, harness, asked, plan, previous, before });
            }
            Entry::Resumed { harness: _ } => self.resumed += 1,
            Entry::Judged { recipe, ran } => {
                self.judged.insert(recipe, ran);
            }
            Entry::RowEnded { row } => {
                // A promotion that was stopped is still owed, and its cold run stands.
                if !matches!(&row.end, RowEnd::Ran { ran } if ran.was_interrupted()) {
                    self.judged.remove(&row.recipe);
                }
                for left in row.left() {
                    let left = (row.recipe.clone(), left.to_owned());
                    if !self.left.contains(&left) {
                        self.left.push(left);
                    }
                }
                self.ran.insert(row.recipe.clone(), row);
            }
            Entry::Ended { ending, millis } => {
                self.end = SweepEnd::Ended { at, ending, millis };
                return;
            }
        }
        self.end = SweepEnd::Open { last: Some(at) };
    }

    /// Returns the sweep's id, or `?` where the first line is lost.
    pub fn id(&self) -> &str {
        self.start.as_ref().map_or("?", |start| start.sweep.as_str())
    }

    /// Returns every recipe of the plan, each once: the urgent first, then by name.
    pub fn rows(&self) -> Vec<SweepRow<'_>> {
        let plan = self.start.as_ref().map(|start| start.plan.rows.as_slice()).unwrap_or_default();
        let mut rows: Vec<SweepRow<'_>> = plan
            .iter()
            .map(|Planned { recipe, task }| {
                let row = match task {
                    Task::Run { .. } => self.ran.get(recipe).cloned(),
                    Task::Skip { skip, stands } => {
                        let end = RowEnd::Skipped { skip: skip.clone(), stands: stands.clone() };
                        Some(Row { recipe: recipe.clone(), end })
                    }
                };
                SweepRow { recipe, planned: task, row }
            })
            .collect();
        rows.sort_by_key(|row| {
            let urgency = row.row.as_ref().map(|row| (std::cmp::Reverse(row.weight()), row.state()));
            (urgency.is_some(), urgency, row.recipe)
        });
        rows
    }

    /// Returns the rows that ended.
    pub fn ended(&self) -> Vec<Row> {
        self.rows().into_iter().filter_map(|row| row.row).collect()
    }

    /// Returns what the sweep comes to. One whose first line is lost, or that has no end, is green in no case.
    pub fn verdict(&self) -> Verdict {
        let Some(start) = &self.start else {
            return Verdict { verdict: SweepVerdict::NotJudged, reasons: vec![Reason::Empty] };
        };
        let rows = self.ended();
        let mut found = judge(&rows, start.plan.rows.len() - rows.len(), start.asked.minimum());
        if !matches!(self.end, SweepEnd::Ended { ending: Ending::Whole, .. }) {
            found.verdict = found.verdict.max(SweepVerdict::NotJudged);
        }
        found
    }

    /// Returns the verdict in words, such as `red: 1 recipe is red`.
    pub fn headline(&self) -> String {
        let Verdict { verdict, reasons } = self.verdict();
        let mut reasons: Vec<String> = reasons.iter().map(Reason::to_string).collect();
        match &self.end {
            SweepEnd::Ended { ending: Ending::Whole, .. } => {}
            SweepEnd::Ended { ending: Ending::Interrupted, .. } => {
                reasons.insert(0, "interrupted".to_owned());
            }
            SweepEnd::Open { .. } => reasons.insert(0, "it has not ended".to_owned()),
        }
        if reasons.is_empty() {
            verdict.word().to_owned()
        } else {
            format!("{}: {}", verdict.word(), reasons.join("; "))
        }
    }

    /// Returns what changed since the last sweep, the urgent first.
    pub fn changes(&self) -> Vec<(RecipeName, Change)> {
        let Some(start) = &self.start else { return Vec::new() };
        let enrolled: Vec<RecipeName> = start.plan.rows.iter().map(|row| row.recipe.clone()).collect();
        changes(&start.before, &self.ended(), &enrolled)
    }

    /// Returns how long the sweep took; none while it has no end.
    pub fn millis(&self) -> Option<u64> {
        match self.end {
            SweepEnd::Ended { millis, .. } => Some(millis),
            SweepEnd::Open { .. } => None,
        }
    }

    /// Returns the name of what changed since, for headings.
    fn since(&self) -> String {
        match self.start.as_ref().and_then(|start| start.previous.as_ref()) {
            Some(previous) => format!("Changed since {previous}"),
            None => "Changed: there is no sweep before this one".to_owned(),
        }
    }
}

/// A row in the words that all forms share.
struct Cells {
    release: String,
    verdict: &'static str,
    cold: String,
    promotion: String,
    level: Option<u8>,
    millis: Option<u64>,
    /// Cold run, and run of the promotion.
    run: Option<String>,
    promotion_run: Option<String>,
    evidence: String,
}

fn cells(row: &SweepRow<'_>) -> Cells {
    use domain::sweep::{ColdVerdict, Promotion, PromotionEnd};
    let none = Cells {
        release: String::new(),
        verdict: "",
        cold: String::new(),
        promotion: String::new(),
        level: None,
        millis: None,
        run: None,
        promotion_run: None,
        evidence: String::new(),
    };
    let Some(Row { end, .. }) = &row.row else {
        let Task::Run { release, why, .. } = row.planned else { return none };
        let evidence = format!("not run: the sweep did not come to its end here ({why})");
        return Cells { release: release.clone(), verdict: "NOT REACHED", evidence, ..none };
    };
    match end {
        RowEnd::Ran { ran } => {
            let (promotion, promotion_run) = match &ran.promotion {
                Promotion::NotWanted => ("not wanted".to_owned(), None),
                Promotion::NotDue => ("not due".to_owned(), None),
                Promotion::Ended { end: PromotionEnd::Promoted { run, generation, .. } } => {
                    (format!("promoted, {generation}"), run.clone())
                }
                Promotion::Ended { end: PromotionEnd::Refused { .. } } => ("refused".to_owned(), None),
                Promotion::Ended { end: PromotionEnd::Failed { run, .. } } => {
                    ("failed".to_owned(), run.clone())
                }
            };
            let left = ran.left();
            let mut evidence =
                ran.told().map_or_else(|| ran.why.to_string(), |told| format!("{told} [{}]", told.fault));
            if !left.is_empty() {
                evidence = format!("{evidence}; left behind: {}", left.join(", "));
            }
            Cells {
                release: ran.release.clone(),
                verdict: ran.state().word(),
                cold: match &ran.cold.verdict {
                    ColdVerdict::Green { depth: domain::verdict::Depth::Asserted } => "green",
                    ColdVerdict::Green { depth: domain::verdict::Depth::Superficial } => {
                        "green (superficial)"
                    }
                    ColdVerdict::Red { .. } => "red",
                    ColdVerdict::NotJudged { .. } => "not judged",
                }
                .to_owned(),
                promotion,
                level: Some(ran.level()),
                millis: Some(ran.millis),
                run: ran.cold.run.as_ref().map(ToString::to_string),
                promotion_run: promotion_run.map(|run| run.to_string()),
                evidence,
            }
        }
        RowEnd::Skipped { skip, stands } => {
            let stood = stands.as_ref().map(|judged| {
                let why = judged.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
                let by = &judged.harness;
                format!("; stands {} at {} by simmer {by}{why}", judged.state.word(), judged.release)
            });
            Cells {
                release: stands.as_ref().map(|judged| judged.release.clone()).unwrap_or_default(),
                verdict: domain::sweep::RowState::Skipped.word(),
                level: stands.as_ref().map(|judged| judged.level),
                run: stands.as_ref().and_then(|judged| judged.run.as_ref()).map(ToString::to_string),
                evidence: format!("{skip}{}", stood.unwrap_or_default()),
                ..none
            }
        }
    }
}

/// Whether a row is worth a line of its own: what nobody asked for is counted instead.
fn is_told(row: &SweepRow<'_>) -> bool {
    !matches!(row.planned, Task::Skip { skip: domain::sweep::Skip::NotAsked, .. })
}

#[cfg(test)]
mod tests;
