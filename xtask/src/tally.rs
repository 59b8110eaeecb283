//! What test runners say at their end, read for its numbers.

/// Whose closing lines count. A runner shows what its tests printed, which may be another runner's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    /// `cargo nextest`.
    Nextest,
    /// `cargo test`.
    Libtest,
    /// No tests: a formatter, a linter.
    None,
}

/// Counts of tests, and the lines that told them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// As the runner wrote them.
    pub(crate) closing: Vec<String>,
    /// Names of tests that did not pass, in the order in which they ended.
    pub(crate) names: Vec<String>,
}

impl Tally {
    /// Reads one line of a runner; most say nothing about counts.
    pub(crate) fn read(&mut self, runner: Runner, line: &str) {
        let line = line.trim();
        if runner == Runner::Nextest
            && let Some(name) = unfortunate(line)
            && !self.names.iter().any(|known| known == name)
        {
            self.names.push(name.to_owned());
        }
        let closes = match runner {
            Runner::Nextest => line.starts_with("Summary [") && line.contains(" run: "),
            Runner::Libtest => line.starts_with("test result: "),
            Runner::None => false,
        };
        if !closes {
            return;
        }
        let failed = count(line, "failed") + count(line, "timed out") + count(line, "exec failed");
        let passed = count(line, "passed");
        self.passed += passed;
        self.failed += failed;
        // A crate without examples says so too; nobody wants to read it twice.
        if 0 < passed + failed {
            self.closing.push(line.to_owned());
        }
    }

    /// Adds what another stream told.
    pub(crate) fn add(&mut self, other: Self) {
        let Self { passed, failed, closing, names } = other;
        self.passed += passed;
        self.failed += failed;
        self.closing.extend(closing);
        self.names.extend(names);
    }
}

/// The test that a line of nextest says has not passed: `FAIL [   0.2s] (7/9) simmer::it room::it_is_so`.
fn unfortunate(line: &str) -> Option<&str> {
    let (word, rest) = line.split_once(" [")?;
    // Whatever word it finds for it: a time-out, a signal.
    let bad = word.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') && !matches!(word, "PASS" | "SLOW");
    let name = rest.split_once("] ")?.1.trim_start();
    let name = if name.starts_with('(') { name.split_once(") ")?.1 } else { name };
    (bad && name.contains("::")).then_some(name)
}

/// The number before a word: `2 passed`, `(1 timed out`.
fn count(line: &str, word: &str) -> u64 {
    line.split([',', ';', '.', ':', '('])
        .filter_map(|part| part.trim().trim_end_matches(')').strip_suffix(word))
        .filter_map(|number| number.trim().parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(runner: Runner, line: &str) -> (u64, u64) {
        let mut tally = Tally::default();
        tally.read(runner, line);
        (tally.passed, tally.failed)
    }

    const CLOSING: &str =
        "     Summary [  10.3s] 7 tests run: 3 passed (1 slow), 2 failed, 2 timed out, 0 skipped";
    const RESULT: &str = "test result: FAILED. 5 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";

    #[test]
    fn both_runners_are_understood() {
        assert_eq!(
            read(Runner::Nextest, "     Summary [   0.378s] 16 tests run: 16 passed, 0 skipped"),
            (16, 0)
        );
        assert_eq!(read(Runner::Nextest, CLOSING), (3, 4));
        assert_eq!(read(Runner::Libtest, RESULT), (5, 1));
    }

    #[test]
    fn what_did_not_pass_is_named_once() {
        let mut tally = Tally::default();
        for line in [
            "        PASS [   0.051s] (23/28) simmer::it room::good",
            "        SLOW [> 120.000s] (24/28) simmer::it room::good",
            "        FAIL [   0.051s] (24/28) simmer::it room::bad",
            "     TIMEOUT [ 600.051s] (25/28) simmer::live room::late",
            "     SIGKILL [   0.051s] simmer::it room::shot",
            "        FAIL [   0.051s] (24/28) simmer::it room::bad",
            "     Summary [   2.175s] 28 tests run: 25 passed, 3 failed",
        ] {
            tally.read(Runner::Nextest, line);
        }
        assert_eq!(tally.names, ["simmer::it room::bad", "simmer::live room::late", "simmer::it room::shot"]);
    }

    #[test]
    fn a_failed_test_whose_output_is_shown_is_not_counted_twice() {
        assert_eq!(read(Runner::Nextest, RESULT), (0, 0));
        assert_eq!(read(Runner::Libtest, CLOSING), (0, 0));
        assert_eq!(read(Runner::None, RESULT), (0, 0));
    }
}
