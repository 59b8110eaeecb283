//! A run as JUnit: a suite for each tier, and one for the run itself. quick-junit is used nowhere else.
//!
//! A suite holds the tier's verdict (for each base), then what the verdict rests on, as `<tier>__<source>__<name>`
//! (CC-051): tests and their cases, data read back, hooks, probes. A failure is the recipe's or the overlay's; what
//! could not be judged is an error, and a skip is a skip with its reason (CC-053).

use std::collections::BTreeSet;
use std::time::Duration;

use domain::data::{Datum, Deed, HookRun, Source};
use domain::event::Whose;
use domain::test::{TestOutcome, Tested};
use domain::verdict::Depth;
use domain::{Cause, Tier, Verdict};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::advice::{advice, whose};
use crate::promotion::{StepEnd, StepTold, steps};
use crate::side::{ProbeView, SideView};
use crate::text::{one_line, plain};
use crate::view::{End, RunView, TierView, context, fault_of, saturating_sum, source, tier_of_hook, vantage};

/// Longest message attribute and name.
const MESSAGE: usize = 400;

/// Returns the runs as one JUnit document.
pub fn junit(runs: &[RunView]) -> String {
    let mut report = Report::new("simmer");
    for run in runs {
        for tier in &run.tiers {
            report.add_test_suite(tier_suite(run, tier));
        }
        report.add_test_suite(run_suite(run));
    }
    report.to_string().expect("writing to memory does not fail")
}

/// A suite with the facts of the run, so that each can be read by itself.
fn suite(run: &RunView, what: &str) -> TestSuite {
    let mut suite = TestSuite::new(one_line(&format!("{} {} {what}", run.recipe(), run.rev()), MESSAGE));
    let mut say = |name: &str, value: &str| {
        suite.add_property((name, plain(value).as_str()));
    };
    if let Some(id) = &run.run {
        say("run", id.as_str());
    }
    if let Some(start) = &run.start {
        say("recipe", start.subject.recipe.as_str());
        say("release", &start.subject.at);
        say("commit", &start.subject.commit);
        if !start.bases.is_empty() {
            say("bases", &start.bases.join(" "));
        }
        say("context", context(start.context));
        say("harness", &start.harness);
        say("engine", &start.engine);
    }
    say("state", run.state().name());
    if let Some(level) = run.level() {
        say("level", &level.to_string());
    }
    if let Some(wall) = run.wall() {
        say("overhead_millis", &wall.ours_millis.to_string());
    }
    if let Some(promotion) = &run.promotion {
        say("promotion", promotion.state(run).name());
        say("canonical", &promotion.stands(run, |name| format!("`{name}`")));
        for fact in promotion.facts(run) {
            say(&format!("promotion_{}", fact.name.replace(' ', "_")), &fact.says);
        }
    }
    if let Some(start) = &run.start {
        suite.set_timestamp(start.at);
    }
    suite
}

fn tier_suite(run: &RunView, tier: &TierView) -> TestSuite {
    let mut suite = suite(run, tier.tier.name());
    let took = run.tier_millis(tier.tier, Whose::App).saturating_add(run.tier_millis(tier.tier, Whose::Ours));
    suite.set_time(Duration::from_millis(took));
    suite.add_property(("tier", tier.tier.name()));
    suite.add_property(("verdict", tier.verdict.as_ref().map_or("no verdict", Verdict::word)));
    if let Some(data) = tier.data {
        suite.add_property(("data_state", data.to_string().as_str()));
    }
    suite.add_test_cases(verdict_cases(run, tier));
    let mut named = Named { run, tier: tier.tier, kind: kind(tier.verdict.as_ref()), taken: BTreeSet::new() };
    let carrying: Vec<&SideView> = run.sides.iter().filter(|s| s.carries(tier.tier)).collect();
    for side in &carrying {
        let at = if carrying.len() > 1 { format!(" side {}", side.label()) } else { String::new() };
        suite.add_test_cases(named.cases_of(side, &at));
    }
    if tier.tier == Tier::Advance {
        let steps: Vec<TestCase> = steps(run).iter().map(|step| named.step(step)).collect();
        suite.add_test_cases(steps);
    }
    suite
}

fn run_suite(run: &RunView) -> TestSuite {
    let mut suite = suite(run, "run");
    suite.set_time(Duration::from_millis(run.millis()));
    if let End::Open { .. } = run.end {
        let status =
            status_of(NonSuccessKind::Error, "did_not_end", &crate::table::last_stage(run), String::new());
        let mut case = TestCase::new("ended", status);
        case.set_classname(format!("{}.run", run.recipe()));
        suite.add_test_case(case);
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
        status_of(NonSuccessKind::Error, "left_behind", &left.join(", "), String::new())
    };
    let mut case = TestCase::new("cleared", status);
    case.set_classname(format!("{}.run", run.recipe()));
    Some(case)
}

/// One case for each base where there are several judgements, else one for the tier.
fn verdict_cases(run: &RunView, tier: &TierView) -> Vec<TestCase> {
    let name = tier.tier.name();
    let case = |name: String, verdict: Option<&Verdict>, took: u64| {
        let mut case = TestCase::new(name, status(verdict));
        case.set_classname(format!("{}.{}", run.recipe(), tier.tier));
        case.set_time(Duration::from_millis(took));
        if let Some(Verdict::Passed { depth: Depth::Superficial }) = verdict {
            case.set_system_out("passed (superficial): nothing was asked of the app itself");
        }
        case
    };
    let of = |sides: &[&SideView]| {
        let of = |whose| saturating_sum(sides.iter().map(|s| s.tier_millis(tier.tier, whose)));
        of(Whose::App).saturating_add(of(Whose::Ours))
    };
    match tier.each.as_slice() {
        [] | [_] => {
            let sides: Vec<&SideView> = run.sides.iter().collect();
            vec![case(name.to_owned(), tier.verdict.as_ref(), of(&sides))]
        }
        several => several
            .iter()
            .map(|one| {
                let base = one.base.as_deref().unwrap_or("no base");
                let sides: Vec<&SideView> = run.sides.iter().filter(|s| s.base == one.base).collect();
                case(one_line(&format!("{name} from {base}"), MESSAGE), Some(&one.verdict), of(&sides))
            })
            .collect(),
    }
}

/// What the tier could not be judged for is no failure of anybody's test here either (law 6).
fn kind(verdict: Option<&Verdict>) -> NonSuccessKind {
    match verdict {
        Some(Verdict::Unverified { .. }) | None => NonSuccessKind::Error,
        Some(Verdict::Failed { .. } | Verdict::Passed { .. } | Verdict::Skipped { .. }) => {
            NonSuccessKind::Failure
        }
    }
}

fn status(verdict: Option<&Verdict>) -> TestCaseStatus {
    match verdict {
        Some(Verdict::Passed { .. }) => TestCaseStatus::success(),
        Some(Verdict::Skipped { why }) => skipped(&why.to_string()),
        Some(Verdict::Failed { why }) => caused(NonSuccessKind::Failure, why),
        Some(Verdict::Unverified { why }) => caused(NonSuccessKind::Error, why),
        None => {
            let says = "the tier was begun and has no verdict";
            status_of(NonSuccessKind::Error, "no_verdict", says, String::new())
        }
    }
}

fn caused(kind: NonSuccessKind, cause: &Cause) -> TestCaseStatus {
    let mut text = format!("{}\n{}\n\n{}\n", plain(&cause.to_string()), whose(cause), advice(cause));
    text.push_str(&format!("fault: {}\n", fault_of(cause)));
    if let Cause::Named { line, .. } = cause {
        text.push_str(&format!("named by: {}\n", plain(line)));
    }
    for line in cause.last_lines() {
        text.push('\n');
        text.push_str(&plain(line));
    }
    status_of(kind, cause.name(), &cause.to_string(), text)
}

fn status_of(kind: NonSuccessKind, name: &str, says: &str, text: String) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(one_line(name, MESSAGE));
    status.set_message(one_line(says, MESSAGE));
    if !text.is_empty() {
        status.set_description(text);
    }
    status
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(one_line(why, MESSAGE));
    status
}

/// Makes the cases beneath a tier's verdict, each under a name that no other has.
struct Named<'a> {
    run: &'a RunView,
    tier: Tier,
    /// What a test that did not pass is.
    kind: NonSuccessKind,
    taken: BTreeSet<String>,
}

impl Named<'_> {
    fn cases_of(&mut self, side: &SideView, at: &str) -> Vec<TestCase> {
        let mut cases = Vec::new();
        let tier = self.tier;
        for test in side.tests.iter().filter(|t| t.tested.tier == tier) {
            self.test(&test.tested, at, &mut cases);
        }
        for datum in side.data.iter().filter(|d| side.tier_of_stage(&d.stage) == Some(tier)) {
            cases.extend(self.datum(datum, at));
        }
        for hook in side.hooks.iter().filter(|h| tier_of_hook(h.moment) == tier) {
            cases.push(self.hook(hook, at));
        }
        for probe in side.last_probes() {
            if probe.tier.or(side.tier) == Some(tier) {
                cases.push(self.probe(probe, at));
            }
        }
        cases
    }

    fn case(&mut self, by: Source, name: &str, status: TestCaseStatus, millis: u64) -> TestCase {
        let name = one_line(&format!("{}__{}__{name}", self.tier, source(by)), MESSAGE);
        let mut unique = name.clone();
        for n in 2_usize.. {
            if self.taken.insert(unique.clone()) {
                break;
            }
            unique = format!("{name} ({n})");
        }
        let mut case = TestCase::new(unique, status);
        case.set_classname(format!("{}.{}", self.run.recipe(), self.tier));
        case.set_time(Duration::from_millis(millis));
        case
    }

    /// The test itself, then each of its cases.
    fn test(&mut self, test: &Tested, at: &str, cases: &mut Vec<TestCase>) {
        let status = |outcome: &TestOutcome| match outcome {
            TestOutcome::Passed => TestCaseStatus::success(),
            TestOutcome::Skipped { why } => skipped(why),
            TestOutcome::Failed { says } => status_of(self.kind, "test", says, plain(says)),
            TestOutcome::Broken { says } => {
                status_of(NonSuccessKind::Error, "test_broken", says, plain(says))
            }
        };
        let own = status(&test.outcome);
        let inner: Vec<TestCaseStatus> = test.cases.iter().map(|c| status(&c.outcome)).collect();
        let mut case = self.case(test.source, &format!("{}{at}", test.name), own, test.millis);
        if let Some(file) = &test.file {
            case.set_system_out(plain(&format!("asked by: {}\noutput: {file}", test.kind)));
        }
        cases.push(case);
        for (inner, status) in test.cases.iter().zip(inner) {
            let name = format!("{}::{}{at}", test.name, inner.name);
            cases.push(self.case(test.source, &name, status, inner.millis));
        }
    }

    /// Data read back is an assertion. Planting and destroying are told where they did not work: an error, since
    /// nothing can be said of the data afterwards.
    fn datum(&mut self, datum: &Datum, at: &str) -> Option<TestCase> {
        let (deed, kind) = match datum.deed {
            Deed::Checked => ("", self.kind),
            Deed::Seeded if !datum.ok => (" planted", NonSuccessKind::Error),
            Deed::Destroyed if !datum.ok => (" destroyed", NonSuccessKind::Error),
            Deed::Seeded | Deed::Destroyed => return None,
        };
        let status = if datum.ok {
            TestCaseStatus::success()
        } else {
            status_of(kind, "data", &datum.says, plain(&datum.says))
        };
        let name = format!("data {}{deed} in {}{at}", datum.name, datum.stage);
        Some(self.case(datum.source, &name, status, datum.millis))
    }

    fn hook(&mut self, hook: &HookRun, at: &str) -> TestCase {
        let status = if hook.exit_code == Some(0) {
            TestCaseStatus::success()
        } else {
            let says = match hook.exit_code {
                Some(code) => format!("ended with code {code} (tried {}×)", hook.tries),
                None => format!("did not end (tried {}×)", hook.tries),
            };
            status_of(self.kind, "hook", &says, plain(&hook.command))
        };
        let name = format!("hook {} {}{at}", hook.service, hook.moment);
        let mut case = self.case(Source::Recipe, &name, status, hook.millis);
        if let Some(file) = &hook.file {
            case.set_system_out(plain(&format!("output: {file}")));
        }
        case
    }

    /// A step of a promotion, with its time.
    fn step(&mut self, step: &StepTold<'_>) -> TestCase {
        let status = match step.end {
            StepEnd::Passed => TestCaseStatus::success(),
            StepEnd::Failed => status_of(self.kind, "step", &step.detail(), plain(&step.detail())),
            StepEnd::Open => {
                status_of(NonSuccessKind::Error, "did_not_end", &step.detail(), plain(&step.detail()))
            }
        };
        let mut case = self.case(Source::Generic, &format!("step {}", step.name), status, step.millis);
        case.set_system_out(plain(&step.detail()));
        case
    }

    fn probe(&mut self, probe: &ProbeView, at: &str) -> TestCase {
        let ProbeView { stage, tier: _, probed } = probe;
        let status = if probed.ok {
            TestCaseStatus::success()
        } else {
            let says = format!("{}: {}", probed.step, probed.says);
            let text = plain(&format!("{} ({} tries)", probed.says, probed.tries));
            status_of(self.kind, "probe", &says, text)
        };
        let stage = stage.as_deref().unwrap_or("probe");
        let name = format!("{stage} {} {}{at}", vantage(probed.from), path(&probed.url));
        let mut case = self.case(Source::Generic, &name, status, probed.millis);
        case.set_system_out(plain(&probed.url));
        case
    }
}

/// What stays the same of a URL from run to run, so that a case keeps its name: its path, else its scheme.
fn path(url: &str) -> &str {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    rest.find('/').map_or(scheme, |at| &rest[at..])
}
