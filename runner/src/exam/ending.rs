//! Judges a test program by how it ended and what it told. Pure.

use domain::test::{TestCase, TestOutcome};

use super::declared::Came;
use super::tap::Tap;
use crate::instance::ask::Speaks;

/// By automake's convention, a test ends so that could not be made here.
const SKIPPED: i32 = 77;
/// Failed cases that are named in what is said.
const NAMED: usize = 5;

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ending {
    /// `None` where a signal ended it.
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
    /// The last line that it wrote.
    pub(super) last_line: Option<String>,
}

/// What a program told beside its exit status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) tap: Option<Tap>,
    /// Cases of all its reports, or why one cannot be read.
    pub(super) junit: Option<Result<Vec<TestCase>, String>>,
}

/// Returns what came of a program, and the cases that it told of. `good` is the exit code that is expected.
pub(super) fn judge(speaks: Speaks, good: i32, ending: &Ending, heard: Heard) -> (Came, Vec<TestCase>) {
    let Heard { tap, junit } = heard;
    let told = match (speaks, junit, tap) {
        (Speaks::Exit, _, _) => None,
        (Speaks::Junit, None, _) => Some(Told::broken(
            "it wrote no JUnit report (to `$SIMMER_JUNIT`, or as `*.xml` in its work folder)",
        )),
        (Speaks::Junit | Speaks::Auto, Some(read), _) => Some(Told::of_junit(read)),
        (Speaks::Tap, _, None) => Some(Told::broken("it wrote no TAP")),
        (Speaks::Tap, _, Some(tap)) | (Speaks::Auto, None, Some(tap)) => Some(Told::of_tap(tap)),
        (Speaks::Auto, None, None) => None,
    };
    let Told { cases, broken, skipped } = told.unwrap_or_default();
    let failed: Vec<_> = cases.iter().filter(|c| matches!(c.outcome, TestOutcome::Failed { .. })).collect();
    let came = if !failed.is_empty() {
        Came::Otherwise { says: failures(&failed, cases.len()) }
    } else if ending.code == Some(SKIPPED) && good != SKIPPED {
        Came::Skipped { why: ending.last_line.clone().unwrap_or_else(|| "it gave no reason".into()) }
    } else if let Some(says) = told_badly(ending, good, broken) {
        says
    } else if let Some(why) = skipped.or_else(|| all_skipped(&cases)) {
        Came::Skipped { why }
    } else if let Some(TestCase { name, outcome: TestOutcome::Broken { says }, .. }) =
        cases.iter().find(|c| matches!(c.outcome, TestOutcome::Broken { .. }))
    {
        Came::Broken { says: format!("`{name}` could not be judged: {says}") }
    } else {
        Came::AsExpected
    };
    (came, cases)
}

/// Joins the exit status with what was wrong in what was told.
fn told_badly(ending: &Ending, good: i32, broken: Option<String>) -> Option<Came> {
    let last = ending.last_line.as_ref().map(|l| format!(": {l}")).unwrap_or_default();
    match (ending.code, ending.signal, broken) {
        (Some(code), _, None) if code == good => None,
        (Some(code), _, Some(says)) if code == good => Some(Came::Broken { says }),
        // A shell's way to say that there is no such program, or that it may not be started.
        (Some(code @ (126 | 127)), _, _) => Some(Came::Broken {
            says: format!("it ended with {code}: something in it could not be started{last}"),
        }),
        // It failed, and so did its way of telling; the status is the firmer word.
        (Some(code), _, _) => {
            Some(Came::Otherwise { says: format!("expected exit code {good}, got {code}{last}") })
        }
        (None, Some(signal), _) => Some(Came::Otherwise { says: format!("signal {signal} ended it{last}") }),
        (None, None, _) => Some(Came::Broken { says: format!("nobody knows how it ended{last}") }),
    }
}

#[derive(Default)]
struct Told {
    cases: Vec<TestCase>,
    broken: Option<String>,
    /// Why all of it was left out.
    skipped: Option<String>,
}

impl Told {
    fn broken(says: &str) -> Self {
        Self { broken: Some(says.to_owned()), ..Self::default() }
    }

    fn of_junit(read: Result<Vec<TestCase>, String>) -> Self {
        match read {
            Err(says) => Self::broken(&format!("its JUnit report cannot be read: {says}")),
            Ok(cases) if cases.is_empty() => Self::broken("its JUnit report tells of no case"),
            Ok(cases) => Self { cases, ..Self::default() },
        }
    }

    fn of_tap(tap: Tap) -> Self {
        let Tap { cases, skipped, broken } = tap;
        let broken = broken.map(|says| format!("its TAP cannot be relied on: {says}"));
        Self { cases, broken, skipped }
    }
}

/// Returns the reason of the first case, where every case was left out: that is no pass (law 1).
fn all_skipped(cases: &[TestCase]) -> Option<String> {
    let why = |case: &TestCase| match &case.outcome {
        TestOutcome::Skipped { why } => Some(why.clone()),
        TestOutcome::Passed | TestOutcome::Failed { .. } | TestOutcome::Broken { .. } => None,
    };
    let first = why(cases.first()?)?;
    cases.iter().all(|case| why(case).is_some()).then_some(first)
}

fn failures(failed: &[&TestCase], all: usize) -> String {
    let named = failed.iter().take(NAMED).map(|case| match &case.outcome {
        TestOutcome::Failed { says } | TestOutcome::Broken { says } if !says.is_empty() => {
            format!("`{}` ({says})", case.name)
        }
        TestOutcome::Failed { .. }
        | TestOutcome::Broken { .. }
        | TestOutcome::Passed
        | TestOutcome::Skipped { .. } => format!("`{}`", case.name),
    });
    let more = match failed.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = named.collect::<Vec<_>>().join(", ");
    format!("{} of {all} cases failed: {named}{more}", failed.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exam::{junit, tap};

    /// Plays a program that ends with this status after these texts; `""` is none.
    fn came(speaks: Speaks, code: i32, out: &str, xml: &str) -> String {
        let ending = Ending {
            code: Some(code),
            last_line: super::super::text::last_line(out).map(str::to_owned),
            signal: None,
        };
        let tap = (speaks == Speaks::Tap || tap::is_tap(out)).then(|| tap::read(out));
        let heard = Heard { tap, junit: (!xml.is_empty()).then(|| junit::read(xml)) };
        let (came, cases) = judge(speaks, 0, &ending, heard);
        format!("{came:?} {}", cases.len())
    }

    #[test]
    fn cc_033_law_1_a_program_never_passes_by_what_it_does_not_tell() {
        use Speaks::{Auto, Exit, Junit, Tap};
        let good = "<testsuite><testcase name='a'/></testsuite>";
        let bad = "<testsuite><testcase name='a'/><testcase name='b'><failure message='no'/></testcase></testsuite>";
        let skipped = "<testsuite><testcase name='a'><skipped message='no key'/></testcase></testsuite>";
        let error = "<testsuite><testcase name='a'><error message='fixture'/></testcase></testsuite>";
        let told = [
            came(Exit, 0, "", ""),
            came(Exit, 3, "trace\nno login\n", ""),
            came(Exit, 77, "no key here\n", ""),
            came(Exit, 127, "sh: curlx: not found\n", ""),
            came(Exit, 0, "1..1\nnot ok\n", ""),
            came(Auto, 0, "1..2\nok\nnot ok - b\n", ""),
            came(Auto, 0, "all fine\n", bad),
            came(Auto, 0, "", "<testsuite/>"),
            came(Auto, 1, "", good),
            came(Auto, 0, "", skipped),
            came(Junit, 0, "", error),
            came(Junit, 0, "", ""),
            came(Junit, 0, "", "<broken"),
            came(Tap, 0, "hello\n", ""),
            came(Tap, 0, "1..0 # SKIP no db\n", ""),
            came(Tap, 0, "1..2\nok\n", ""),
            came(Tap, 77, "1..2\nok\nnot ok\n", ""),
            came(Tap, 0, "1..2\nok\nok # SKIP no\n", ""),
        ];
        insta::assert_snapshot!(told.join("\n"), @r#"
        AsExpected 0
        Otherwise { says: "expected exit code 0, got 3: no login" } 0
        Skipped { why: "no key here" } 0
        Broken { says: "it ended with 127: something in it could not be started: sh: curlx: not found" } 0
        AsExpected 0
        Otherwise { says: "1 of 2 cases failed: `b`" } 2
        Otherwise { says: "1 of 2 cases failed: `b` (no)" } 2
        Broken { says: "its JUnit report tells of no case" } 0
        Otherwise { says: "expected exit code 0, got 1" } 1
        Skipped { why: "no key" } 1
        Broken { says: "`a` could not be judged: fixture" } 1
        Broken { says: "it wrote no JUnit report (to `$SIMMER_JUNIT`, or as `*.xml` in its work folder)" } 0
        Broken { says: "its JUnit report cannot be read: the document does not have a root node" } 0
        Broken { says: "its TAP cannot be relied on: there is no plan (`1..N`), so that nobody knows whether it came to its end" } 0
        Skipped { why: "no db" } 0
        Broken { says: "its TAP cannot be relied on: 2 cases were planned, and 1 were told of" } 1
        Otherwise { says: "1 of 2 cases failed: `case 2`" } 2
        AsExpected 2
        "#);
    }
}
