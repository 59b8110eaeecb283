//! The Test Anything Protocol, versions 12 to 14, as far as outcomes go. Pure, and bounded in time and size whatever
//! is read.

use std::collections::HashSet;

use domain::test::{TestCase, TestOutcome};

/// Most cases that are kept; a program that tells of more is broken.
const CASES: usize = 10_000;
/// Most bytes of a name or of what is said about a failure.
const TEXT: usize = 2000;

/// What a TAP stream says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tap {
    pub cases: Vec<TestCase>,
    /// Why everything was left out, where the plan says so (`1..0 # SKIP no database`).
    pub skipped: Option<String>,
    /// Why it cannot be relied on: no plan, another number of cases than planned, given up.
    pub broken: Option<String>,
}

/// Returns whether an output is meant as TAP: by its version line, or by a plan.
pub fn is_tap(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_end).filter(|l| !l.is_empty());
    match lines.next() {
        Some(first) if version(first).is_some() => true,
        Some(first) if plan(first).is_some() => true,
        // Version 12 may have its plan at the end.
        Some(first) if point(first).is_some() || first.starts_with('#') => lines.any(|l| plan(l).is_some()),
        Some(_) | None => false,
    }
}

/// Reads a TAP stream. Indented lines are subtests or YAML: the line that follows a subtest sums it up.
pub fn read(text: &str) -> Tap {
    let mut tap = Tap::default();
    let mut planned: Option<u64> = None;
    let mut told: u64 = 0;
    let mut seen = HashSet::new();
    for line in text.lines() {
        let line = line.trim_end();
        if line.starts_with([' ', '\t']) {
            add_detail(&mut tap, line);
        } else if let Some(reason) = line.strip_prefix("Bail out!") {
            let reason = reason.trim();
            let reason = if reason.is_empty() { "no reason given" } else { reason };
            tap.broken = Some(format!("it gave up: {}", cut(reason)));
            break;
        } else if let Some(found) = plan(line) {
            if planned.is_some() {
                return broken(tap, "there are two plans".to_owned());
            }
            planned = Some(found.count);
            if found.count == 0 {
                let reason = found.reason.unwrap_or_else(|| "the plan is empty".to_owned());
                tap.skipped = Some(cut(&reason).to_owned());
            }
        } else if let Some(found) = point(line) {
            told += 1;
            if CASES <= tap.cases.len() {
                return broken(tap, format!("it tells of more than {CASES} cases"));
            }
            let number = found.number.unwrap_or(told);
            if !seen.insert(number) {
                return broken(tap, format!("it tells twice of case {number}"));
            }
            tap.cases.push(found.case(number));
        } else if let Some(comment) = line.strip_prefix('#') {
            add_detail(&mut tap, comment);
        }
    }
    if tap.broken.is_none() {
        tap.broken = match planned {
            None => {
                Some("there is no plan (`1..N`), so that nobody knows whether it came to its end".to_owned())
            }
            Some(count) if count != told => {
                Some(format!("{count} cases were planned, and {told} were told of"))
            }
            Some(count) => seen
                .iter()
                .find(|n| **n < 1 || count < **n)
                .map(|n| format!("it tells of case {n}, and {count} were planned")),
        };
    }
    tap
}

fn broken(mut tap: Tap, says: String) -> Tap {
    tap.broken = Some(says);
    tap
}

/// Adds a comment or a line of YAML to the failure that it follows.
fn add_detail(tap: &mut Tap, line: &str) {
    let Some(TestCase { outcome: TestOutcome::Failed { says }, .. }) = tap.cases.last_mut() else { return };
    let line = line.trim();
    if line.is_empty() || line == "---" || line == "..." || TEXT <= says.len() + line.len() {
        return;
    }
    if !says.is_empty() {
        says.push_str("; ");
    }
    says.push_str(line);
}

struct Plan {
    count: u64,
    reason: Option<String>,
}

/// Reads `1..N`, with `# SKIP reason` behind it.
fn plan(line: &str) -> Option<Plan> {
    let rest = line.strip_prefix("1..")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let count = rest[..end].parse().ok()?;
    let rest = rest[end..].trim();
    if !rest.is_empty() && !rest.starts_with('#') {
        return None;
    }
    let reason = rest.trim_start_matches('#').trim();
    let reason = strip_word(reason, "skip").unwrap_or(reason).trim_start_matches(':').trim();
    Some(Plan { count, reason: (!reason.is_empty()).then(|| reason.to_owned()) })
}

fn version(line: &str) -> Option<u32> {
    line.strip_prefix("TAP version ")?.trim().parse().ok()
}

struct Point<'a> {
    is_ok: bool,
    number: Option<u64>,
    text: &'a str,
    directive: Option<(Directive, &'a str)>,
}

#[derive(Clone, Copy)]
enum Directive {
    Skip,
    Todo,
}

/// Reads `ok 3 - name # SKIP reason`.
fn point(line: &str) -> Option<Point<'_>> {
    let (is_ok, rest) = match line.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok")?),
    };
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return None;
    }
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let is_number = end != 0 && rest[end..].chars().next().is_none_or(char::is_whitespace);
    let (number, rest) =
        if is_number { (rest[..end].parse().ok(), rest[end..].trim_start()) } else { (None, rest) };
    let rest = rest.strip_prefix('-').unwrap_or(rest).trim();
    let (text, directive) = directive(rest);
    Some(Point { is_ok, number, text, directive })
}

/// Splits the directive off: the last `#` that is not escaped, with `SKIP` or `TODO` behind it.
fn directive(text: &str) -> (&str, Option<(Directive, &str)>) {
    let Some(at) = text.rfind('#') else { return (text, None) };
    if text[..at].ends_with('\\') {
        return (text, None);
    }
    let said = text[at + 1..].trim();
    let found = strip_word(said, "skip").map(|why| (Directive::Skip, why));
    let found = found.or_else(|| strip_word(said, "todo").map(|why| (Directive::Todo, why)));
    match found {
        Some((what, why)) => (text[..at].trim_end(), Some((what, why.trim_start_matches(':').trim()))),
        None => (text, None),
    }
}

/// Strips a word in any case, and what hangs on it as in `skipped`.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    head.eq_ignore_ascii_case(word)
        .then(|| text[word.len()..].trim_start_matches(|c: char| c.is_alphabetic()))
}

impl Point<'_> {
    fn case(&self, number: u64) -> TestCase {
        let name = if self.text.is_empty() {
            format!("case {number}")
        } else {
            cut(&self.text.replace("\\#", "#")).to_owned()
        };
        let why = |what: &str, why: &str| match why {
            "" => what.to_owned(),
            why => format!("{what}: {}", cut(why)),
        };
        let outcome = match (self.directive, self.is_ok) {
            (Some((Directive::Skip, reason)), true) => TestOutcome::Skipped { why: why("skipped", reason) },
            // Not expected to pass yet, so that neither way is a result.
            (Some((Directive::Todo, reason)), true) => {
                TestOutcome::Skipped { why: why("to do, though it passes", reason) }
            }
            (Some((Directive::Todo, reason)), false) => TestOutcome::Skipped { why: why("to do", reason) },
            (None, true) => TestOutcome::Passed,
            (Some((Directive::Skip, _)) | None, false) => TestOutcome::Failed { says: String::new() },
        };
        TestCase { name, outcome, millis: 0 }
    }
}

/// Returns the beginning of a text.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(text: &str) -> String {
        let tap = read(text);
        let mut lines: Vec<_> = tap.cases.iter().map(|c| format!("{}: {:?}", c.name, c.outcome)).collect();
        lines.extend(tap.skipped.map(|why| format!("all skipped: {why}")));
        lines.extend(tap.broken.map(|says| format!("broken: {says}")));
        lines.join("\n")
    }

    #[test]
    fn cc_033_every_version_of_the_protocol_is_read() {
        let text = "\
TAP version 14
# Subtest: login
    ok 1 - form
    not ok 2 - inner
    1..2
not ok 1 - login
  ---
  message: 'wrong \\# password'
  at: [1, 2]
  ...
ok 2 - logout # skip no session
not ok 3 - federation # TODO later
ok 4 - passes too early # todo
ok 5 a \\# name
ok
pragma +strict
what is this
1..6
";
        insta::assert_snapshot!(told(text), @r##"
        login: Failed { says: "message: 'wrong \\# password'; at: [1, 2]" }
        logout: Skipped { why: "skipped: no session" }
        federation: Skipped { why: "to do: later" }
        passes too early: Skipped { why: "to do, though it passes" }
        a # name: Passed
        case 6: Passed
        "##);
    }

    #[test]
    fn a_stream_that_cannot_be_relied_on_says_why() {
        let all = [
            "",
            "ok 1\n",
            "1..2\nok 1\n",
            "1..1\nok 1\nok 2\n",
            "1..2\nok 1\nok 1\n",
            "1..2\nok 1\nok 7\n",
            "1..1\n1..1\nok\n",
            "1..3\nok 1\nBail out! the database is gone\nok 2\n",
            "1..0 # SKIP no database\n",
            "1..0\n",
        ];
        let all: Vec<_> = all.iter().map(|t| told(t).replace('\n', " | ")).collect();
        insta::assert_snapshot!(all.join("\n"), @r"
        broken: there is no plan (`1..N`), so that nobody knows whether it came to its end
        case 1: Passed | broken: there is no plan (`1..N`), so that nobody knows whether it came to its end
        case 1: Passed | broken: 2 cases were planned, and 1 were told of
        case 1: Passed | case 2: Passed | broken: 1 cases were planned, and 2 were told of
        case 1: Passed | broken: it tells twice of case 1
        case 1: Passed | case 7: Passed | broken: it tells of case 7, and 2 were planned
        broken: there are two plans
        case 1: Passed | broken: it gave up: the database is gone
        all skipped: no database
        all skipped: the plan is empty
        ");
    }

    #[test]
    fn only_what_is_meant_as_tap_is_taken_for_it() {
        for tap in ["TAP version 13\n", "1..4\n", "1..0 # skip x", "# note\nok 1\n1..1\n", "\nok\n1..1"] {
            assert!(is_tap(tap), "{tap}");
        }
        for other in ["", "ok, all good\n", "okay", "1..2 steps done", "hello\n1..2\n", "ok\ndone\n"] {
            assert!(!is_tap(other), "{other}");
        }
    }

    #[test]
    fn more_cases_than_anybody_reads_are_refused() {
        let tap = read(&"ok\n".repeat(20_000));
        assert_eq!(tap.cases.len(), CASES);
        assert_eq!(tap.broken.unwrap(), "it tells of more than 10000 cases");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_without_a_panic(
            text in "((not )?ok|1\\.\\.|Bail out!|TAP version |#|[0-9]{1,25}| |\\PC|SKIP|todo|\\\\|\n|\t){0,80}"
        ) {
            let tap = read(&text);
            prop_assert!(tap.cases.len() <= text.lines().count());
            is_tap(&text);
        }

        #[test]
        fn a_stream_that_was_cut_is_never_well(keep in 0..40_usize) {
            let whole = "1..4\nok 1 - a\nok 2 - b\nok 3 - c\nok 4 - d\n";
            let tap = read(&whole[..keep.min(whole.len())]);
            // A name may be cut and its case still be whole.
            if keep < whole.rfind("ok 4").unwrap_or(0) + 2 {
                prop_assert!(tap.broken.is_some());
            }
        }
    }
}
