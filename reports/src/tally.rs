//! Tests, counted. A skip is not a pass (CC-053).

use domain::test::{TestOutcome, Tested};

use crate::text::count;

/// How many tests came to what. A test that tells of cases is counted by its cases, and by itself as well where it
/// ended worse than they did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
    /// Could not be judged.
    pub broken: usize,
}

impl Tally {
    pub(crate) fn of<'a>(tests: impl Iterator<Item = &'a Tested>) -> Self {
        let mut tally = Self::default();
        for test in tests {
            for case in &test.cases {
                tally.take(&case.outcome);
            }
            if test.cases.is_empty() || !is_told_by_cases(test) {
                tally.take(&test.outcome);
            }
        }
        tally
    }

    fn take(&mut self, outcome: &TestOutcome) {
        match outcome {
            TestOutcome::Passed => self.passed += 1,
            TestOutcome::Failed { .. } => self.failed += 1,
            TestOutcome::Skipped { .. } => self.skipped += 1,
            TestOutcome::Broken { .. } => self.broken += 1,
        }
    }

    /// Returns how many there are.
    pub fn all(&self) -> usize {
        let Self { passed, failed, skipped, broken } = self;
        passed + failed + skipped + broken
    }

    /// Returns the counts as words, the worst first: `1 failed, 11 passed`; failures and skips also where there are
    /// none, as a report has to say so.
    pub fn words(&self) -> String {
        let Self { passed, failed, skipped, broken } = self;
        let mut said = format!("{}: {failed} failed", count(self.all(), "test", "tests"));
        if *broken > 0 {
            said.push_str(&format!(", {broken} not judged"));
        }
        said.push_str(&format!(", {skipped} skipped, {passed} passed"));
        said
    }
}

/// Whether one of the cases says what the test itself came to.
pub(crate) fn is_told_by_cases(test: &Tested) -> bool {
    let has = |is: fn(&TestOutcome) -> bool| test.cases.iter().any(|c| is(&c.outcome));
    match test.outcome {
        TestOutcome::Passed => true,
        TestOutcome::Failed { .. } => has(|o| matches!(o, TestOutcome::Failed { .. })),
        TestOutcome::Skipped { .. } => has(|o| matches!(o, TestOutcome::Skipped { .. })),
        TestOutcome::Broken { .. } => has(|o| matches!(o, TestOutcome::Broken { .. })),
    }
}
