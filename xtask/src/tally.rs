//! What test runners say at their end, read for its numbers.

/// Counts of tests, and the lines that told them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// As the runner wrote them.
    pub(crate) closing: Vec<String>,
}

impl Tally {
    /// Reads one line; most say nothing about counts.
    pub(crate) fn read(&mut self, line: &str) {
        let line = line.trim();
        let is_nextest = line.starts_with("Summary [") && line.contains(" run: ");
        let is_libtest = line.starts_with("test result: ");
        if !is_nextest && !is_libtest {
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
        let Self { passed, failed, closing } = other;
        self.passed += passed;
        self.failed += failed;
        self.closing.extend(closing);
    }
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

    fn read(line: &str) -> (u64, u64) {
        let mut tally = Tally::default();
        tally.read(line);
        (tally.passed, tally.failed)
    }

    #[test]
    fn both_runners_are_understood() {
        assert_eq!(read("     Summary [   0.378s] 16 tests run: 16 passed, 0 skipped"), (16, 0));
        assert_eq!(
            read("     Summary [  10.3s] 7 tests run: 3 passed (1 slow), 2 failed, 2 timed out, 0 skipped"),
            (3, 4)
        );
        assert_eq!(
            read("test result: FAILED. 5 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out"),
            (5, 1)
        );
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(read("test it_passed ... ok"), (0, 0));
        assert_eq!(read("        PASS [   0.004s] (12/14) xtask 3 passed, 1 failed"), (0, 0));
    }
}
