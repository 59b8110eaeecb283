//! What the verdicts rest on: tests, data read back, counts, hooks and snapshots.

use std::collections::BTreeMap;

use domain::Tier;
use domain::data::{Datum, Deed};
use domain::test::{TestCase, TestOutcome, Tested};
use serde::Serialize;

use super::kept::LogText;
use crate::side::{Counted, SideView, SnapshotDeed};
use crate::text::{bytes, cut, span};
use crate::view::{RunView, short, source};

/// Longest remark of a test; its output has the rest.
const SAYS: usize = 600;

/// The tests of one tier.
#[derive(Serialize)]
pub(super) struct TestGroup {
    tier: &'static str,
    tally: String,
    rows: Vec<TestRow>,
}

#[derive(Serialize)]
struct TestRow {
    shape: &'static str,
    word: &'static str,
    /// `generic`, `overlay` or `recipe` (CC-034).
    source: &'static str,
    name: String,
    kind: String,
    says: String,
    time: String,
    /// The stack, where several carry the tier.
    side: String,
    out: Option<Output>,
    cases: Vec<CaseRow>,
    /// `9 of 10 cases passed`; empty without cases.
    passed: String,
    open: bool,
}

#[derive(Serialize)]
struct CaseRow {
    shape: &'static str,
    word: &'static str,
    name: String,
    says: String,
    time: String,
}

/// Where an output can be read: in this page, or only beside it.
#[derive(Serialize)]
pub(super) struct Output {
    href: String,
    file: String,
}

/// The data of one stack: a row a datum, a column a stage.
#[derive(Serialize)]
pub(super) struct DataTable {
    title: String,
    stages: Vec<String>,
    rows: Vec<DataRow>,
    /// What was said of data that is not as it should be.
    bad: Vec<(String, String)>,
}

#[derive(Serialize)]
struct DataRow {
    name: String,
    source: &'static str,
    cells: Vec<Vec<DataCell>>,
}

#[derive(Serialize)]
struct DataCell {
    shape: &'static str,
    word: &'static str,
    says: String,
}

/// Counts of one stack: a row a count, a column a stage.
#[derive(Serialize)]
pub(super) struct CountTable {
    title: String,
    stages: Vec<String>,
    rows: Vec<CountRow>,
}

#[derive(Serialize)]
struct CountRow {
    name: String,
    cells: Vec<CountCell>,
}

#[derive(Serialize)]
struct CountCell {
    value: String,
    /// Against the stage before: `+2`, `−3`, `=`; empty with nothing to compare.
    change: String,
}

#[derive(Serialize)]
pub(super) struct HookRow {
    ok: bool,
    side: String,
    service: String,
    moment: String,
    label: &'static str,
    command: String,
    ended: String,
    time: String,
    tries: u32,
    out: Option<Output>,
}

#[derive(Serialize)]
pub(super) struct SnapshotRow {
    deed: &'static str,
    side: String,
    id: String,
    short: String,
    repository: String,
    paths: Vec<String>,
    files: u64,
    bytes: String,
    added: Option<String>,
    time: String,
}

fn shape(outcome: &TestOutcome) -> (&'static str, &'static str, String) {
    match outcome {
        TestOutcome::Passed => ("passed", "passed", String::new()),
        TestOutcome::Failed { says } => ("failed", "failed", cut(says, SAYS)),
        TestOutcome::Skipped { why } => ("skipped", "skipped", cut(why, SAYS)),
        TestOutcome::Broken { says } => ("unverified", "not judged", cut(says, SAYS)),
    }
}

pub(super) fn tests(run: &RunView, shown: &[LogText<'_>]) -> Vec<TestGroup> {
    let groups = Tier::ALL.into_iter().filter_map(|tier| {
        let of_tier = |side: &&SideView| side.tests.iter().any(|t| t.tested.tier == tier);
        let several = run.sides.iter().filter(of_tier).count() > 1;
        let rows: Vec<TestRow> = run
            .sides
            .iter()
            .flat_map(|side| side.tests.iter().map(move |t| (side, &t.tested)))
            .filter(|(_, tested)| tested.tier == tier)
            .map(|(side, tested)| test(tested, if several { title(side) } else { String::new() }, shown))
            .collect();
        let tally = run.tally(Some(tier)).words();
        (!rows.is_empty()).then(|| TestGroup { tier: tier.name(), tally, rows })
    });
    groups.collect()
}

fn test(tested: &Tested, side: String, shown: &[LogText<'_>]) -> TestRow {
    let (shape, word, says) = shape(&tested.outcome);
    let good = |case: &&TestCase| matches!(case.outcome, TestOutcome::Passed);
    let passed = tested.cases.iter().filter(good).count();
    TestRow {
        shape,
        word,
        source: source(tested.source),
        name: tested.name.clone(),
        kind: tested.kind.clone(),
        says,
        time: span(tested.millis),
        side,
        out: tested.file.as_deref().and_then(|file| output(file, shown)),
        open: tested
            .cases
            .iter()
            .any(|c| matches!(c.outcome, TestOutcome::Failed { .. } | TestOutcome::Broken { .. })),
        passed: match tested.cases.len() {
            0 => String::new(),
            all => format!("{passed} of {all} cases passed"),
        },
        cases: tested.cases.iter().map(case).collect(),
    }
}

fn case(case: &TestCase) -> CaseRow {
    let (shape, word, says) = shape(&case.outcome);
    CaseRow { shape, word, name: case.name.clone(), says, time: span(case.millis) }
}

fn output(file: &str, shown: &[LogText<'_>]) -> Option<Output> {
    let here = shown.iter().find(|log| log.file == file && !log.lines.is_empty());
    let href = match here {
        Some(log) => format!("#{}", log.id),
        None => super::link(file)?,
    };
    Some(Output { href, file: file.to_owned() })
}

fn title(side: &SideView) -> String {
    match &side.base {
        Some(base) => format!("{} from {base}", side.label()),
        None => side.label(),
    }
}

pub(super) fn data(run: &RunView) -> Vec<DataTable> {
    run.sides.iter().filter(|s| !s.data.is_empty()).map(data_of).collect()
}

fn data_of(side: &SideView) -> DataTable {
    let mut stages: Vec<&str> = Vec::new();
    let mut names: Vec<(&str, &'static str)> = Vec::new();
    for datum in &side.data {
        let name = (datum.name.as_str(), source(datum.source));
        if !stages.contains(&datum.stage.as_str()) {
            stages.push(&datum.stage);
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let is = |d: &Datum, name: (&str, &str)| (d.name.as_str(), source(d.source)) == name;
    let rows = names.iter().map(|name| DataRow {
        name: name.0.to_owned(),
        source: name.1,
        cells: stages
            .iter()
            .map(|stage| side.data.iter().filter(|d| is(d, *name) && d.stage == *stage).map(datum).collect())
            .collect(),
    });
    DataTable {
        title: title(side),
        rows: rows.collect(),
        bad: side
            .data
            .iter()
            .filter(|d| !d.ok)
            .map(|d| (format!("{} in {}", d.name, d.stage), cut(&d.says, SAYS)))
            .collect(),
        stages: stages.into_iter().map(str::to_owned).collect(),
    }
}

fn datum(datum: &Datum) -> DataCell {
    let (shape, word) = match (datum.deed, datum.ok) {
        (Deed::Seeded, true) => ("passed", "planted"),
        (Deed::Seeded, false) => ("unverified", "not planted"),
        (Deed::Checked, true) => ("passed", "as it should be"),
        (Deed::Checked, false) => ("failed", "not as it should be"),
        (Deed::Destroyed, true) => ("skipped", "destroyed"),
        (Deed::Destroyed, false) => ("unverified", "not destroyed"),
    };
    DataCell { shape, word, says: cut(&datum.says, SAYS) }
}

pub(super) fn counts(run: &RunView) -> Vec<CountTable> {
    run.sides.iter().filter(|s| !s.counts.is_empty()).map(counts_of).collect()
}

fn counts_of(side: &SideView) -> CountTable {
    let names: BTreeMap<&str, ()> =
        side.counts.iter().flat_map(|c| c.counts.keys()).map(|name| (name.as_str(), ())).collect();
    let rows = names.keys().map(|name| {
        let mut before: Option<i64> = None;
        let cells = side.counts.iter().map(|Counted { stage: _, counts }| match counts.get(*name) {
            None => CountCell { value: "–".into(), change: String::new() },
            Some(now) => {
                let change = before.map(|before| change(before, *now)).unwrap_or_default();
                before = Some(*now);
                CountCell { value: now.to_string(), change }
            }
        });
        CountRow { name: (*name).to_owned(), cells: cells.collect() }
    });
    CountTable {
        title: title(side),
        rows: rows.collect(),
        stages: side.counts.iter().map(|c| c.stage.clone()).collect(),
    }
}

fn change(before: i64, now: i64) -> String {
    let by = i128::from(now) - i128::from(before);
    match by {
        0 => "=".to_owned(),
        1.. => format!("+{by}"),
        _ => format!("−{}", by.unsigned_abs()),
    }
}

pub(super) fn hooks(run: &RunView, shown: &[LogText<'_>]) -> Vec<HookRow> {
    let all = run.sides.iter().flat_map(|side| side.hooks.iter().map(move |hook| (side, hook)));
    all.map(|(side, hook)| HookRow {
        ok: hook.exit_code == Some(0),
        side: title(side),
        service: hook.service.clone(),
        moment: hook.moment.to_string(),
        label: hook.moment.label(),
        command: cut(&hook.command, SAYS),
        ended: hook.exit_code.map_or("did not end".to_owned(), |code| format!("exit code {code}")),
        time: span(hook.millis),
        tries: hook.tries,
        out: hook.file.as_deref().and_then(|file| output(file, shown)),
    })
    .collect()
}

pub(super) fn snapshots(run: &RunView) -> Vec<SnapshotRow> {
    let all = run.sides.iter().flat_map(|side| side.snapshots.iter().map(move |s| (side, s)));
    all.map(|(side, view)| SnapshotRow {
        deed: match view.deed {
            SnapshotDeed::Made => "made",
            SnapshotDeed::Restored => "restored",
        },
        side: title(side),
        id: view.snapshot.id.clone(),
        short: short(&view.snapshot.id).to_owned(),
        repository: view.snapshot.repository.clone(),
        paths: view.snapshot.paths.clone(),
        files: view.snapshot.files,
        bytes: bytes(view.snapshot.bytes),
        added: match view.deed {
            SnapshotDeed::Made => Some(bytes(view.snapshot.added)),
            SnapshotDeed::Restored => None,
        },
        time: span(view.snapshot.millis),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_its_sign_and_never_overflows() {
        assert_eq!([change(3, 5), change(5, 3), change(5, 5)], ["+2", "−2", "="]);
        assert_eq!(change(i64::MIN, i64::MAX), "+18446744073709551615");
    }
}
