//! A run as JUnit: one suite a run, one case a tier (and base) and probe. quick-junit is used nowhere else.

use std::time::Duration;

use domain::event::Whose;
use domain::{Cause, Verdict};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::advice::{advice, whose};
use crate::text::{one_line, plain};
use crate::view::{End, ProbeView, RunView, SideView, TierView, fault_of, saturating_sum, vantage};

/// Longest message attribute.
const MESSAGE: usize = 400;

/// Returns the runs as one JUnit document. A failure is the recipe's or the overlay's; what could not be
/// judged is an error, and a skip is a skip with its reason (CC-053).
pub fn junit(runs: &[RunView]) -> String {
    let mut report = Report::new("simmer");
    for run in runs {
        report.add_test_suite(suite(run));
    }
    report.to_string().expect("writing to memory does not fail")
}

fn suite(run: &RunView) -> TestSuite {
    let mut suite = TestSuite::new(one_line(&format!("{} {}", run.recipe(), run.rev()), MESSAGE));
    suite.set_time(Duration::from_millis(run.millis()));
    if let Some(id) = &run.run {
        suite.add_property(("run", id.as_str()));
    }
    if let Some(start) = &run.start {
        suite.set_timestamp(start.at);
        suite.add_property(("commit", plain(&start.subject.commit).as_str()));
        suite.add_property(("context", crate::view::context(start.context)));
        suite.add_property(("harness", plain(&start.harness).as_str()));
        suite.add_property(("engine", plain(&start.engine).as_str()));
    }
    if let Some(level) = run.level() {
        suite.add_property(("level", level.to_string().as_str()));
    }
    if let End::Open { .. } = run.end {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("did_not_end");
        status.set_message(one_line(&crate::table::last_stage(run), MESSAGE));
        let mut case = TestCase::new("run", status);
        case.set_classname(run.recipe());
        suite.add_test_case(case);
    }
    for tier in &run.tiers {
        suite.add_test_cases(tier_cases(run, tier));
    }
    for side in &run.sides {
        suite.add_test_cases(side.last_probes().into_iter().map(|probe| probe_case(run, side, probe)));
    }
    suite.add_test_cases(cleared_case(run));
    suite
}

/// The proof that nothing is left; no case where the log does not reach so far.
fn cleared_case(run: &RunView) -> Option<TestCase> {
    let left = run.left();
    let status = if left.is_empty() {
        let proven = !run.sides.is_empty() && run.sides.iter().all(|s| s.cleared.is_some());
        proven.then(TestCaseStatus::success)?
    } else {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("left_behind");
        status.set_message(one_line(&left.join(", "), MESSAGE));
        status
    };
    let mut case = TestCase::new("cleared", status);
    case.set_classname(run.recipe());
    Some(case)
}

/// One case for each base where there are several judgements, else one for the tier.
fn tier_cases(run: &RunView, tier: &TierView) -> Vec<TestCase> {
    let name = tier.tier.name();
    let took = run.tier_millis(tier.tier, Whose::App).saturating_add(run.tier_millis(tier.tier, Whose::Ours));
    let case = |name: String, status: TestCaseStatus, took: u64| {
        let mut case = TestCase::new(name, status);
        case.set_classname(format!("{}.{}", run.recipe(), tier.tier));
        case.set_time(Duration::from_millis(took));
        case
    };
    match tier.each.as_slice() {
        [] | [_] => vec![case(name.to_owned(), status(tier.verdict.as_ref()), took)],
        several => several
            .iter()
            .map(|one| {
                let base = one.base.as_deref().unwrap_or("no base");
                let sides = || run.sides.iter().filter(|s| s.tier == Some(tier.tier) && s.base == one.base);
                let of = |whose| saturating_sum(sides().map(|s| s.millis(whose)));
                let took = of(Whose::App).saturating_add(of(Whose::Ours));
                case(one_line(&format!("{name} from {base}"), MESSAGE), status(Some(&one.verdict)), took)
            })
            .collect(),
    }
}

fn status(verdict: Option<&Verdict>) -> TestCaseStatus {
    match verdict {
        Some(Verdict::Passed { .. }) => TestCaseStatus::success(),
        Some(Verdict::Skipped { why }) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(one_line(&why.to_string(), MESSAGE));
            status
        }
        Some(Verdict::Failed { why }) => caused(NonSuccessKind::Failure, why),
        Some(Verdict::Unverified { why }) => caused(NonSuccessKind::Error, why),
        None => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("no_verdict");
            status.set_message("the tier was begun and has no verdict");
            status
        }
    }
}

fn caused(kind: NonSuccessKind, cause: &Cause) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(cause.name());
    status.set_message(one_line(&cause.to_string(), MESSAGE));
    let mut text = format!("{}\n{}\n\n{}\n", plain(&cause.to_string()), whose(cause), advice(cause));
    text.push_str(&format!("fault: {}\n", fault_of(cause)));
    for line in cause.last_lines() {
        text.push('\n');
        text.push_str(&plain(line));
    }
    status.set_description(text);
    status
}

fn probe_case(run: &RunView, side: &SideView, probe: &ProbeView) -> TestCase {
    let ProbeView { stage, probed } = probe;
    let verdict = side.tier.and_then(|t| run.tier(t)).and_then(|t| t.verdict.as_ref());
    let status = if probed.ok {
        TestCaseStatus::success()
    } else {
        // What the tier could not be judged for is no failure of the recipe's here either (law 6).
        let kind = match verdict {
            Some(Verdict::Unverified { .. }) | None => NonSuccessKind::Error,
            Some(Verdict::Failed { .. } | Verdict::Passed { .. } | Verdict::Skipped { .. }) => {
                NonSuccessKind::Failure
            }
        };
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type("probe");
        status.set_message(one_line(&format!("{}: {}", probed.step, probed.says), MESSAGE));
        status.set_description(plain(&format!("{} ({} tries)", probed.says, probed.tries)));
        status
    };
    let stage = stage.as_deref().unwrap_or("probe");
    let (from, path) = (vantage(probed.from), path(&probed.url));
    let name = format!("{stage} {from} {path} side {}{}", side.side, nth(side.nth));
    let mut case = TestCase::new(one_line(&name, MESSAGE), status);
    case.set_classname(format!("{}.probe", run.recipe()));
    case.set_time(Duration::from_millis(probed.millis));
    case.add_property(("url", plain(&probed.url).as_str()));
    case
}

/// What stays the same of a URL from run to run, so that a case keeps its name: its path, else its scheme.
fn path(url: &str) -> &str {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    rest.find('/').map_or(scheme, |at| &rest[at..])
}

fn nth(nth: usize) -> String {
    if nth == 0 { String::new() } else { nth.to_string() }
}
