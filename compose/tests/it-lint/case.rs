//! A rule, the smallest recipe that breaks it, and the smallest that holds.

use compose::lint::rule;

use crate::sample::Sample;

/// One row of the tables.
pub(crate) struct Case {
    pub(crate) rule: &'static str,
    pub(crate) breaks: fn() -> Sample,
    pub(crate) holds: fn() -> Sample,
}

impl Case {
    /// Proves both halves.
    pub(crate) fn prove(&self) {
        let rule = rule(self.rule).expect("the rule is in the table");
        let broken = (self.breaks)();
        let report = broken.lint();
        let (file, line) = broken.expected();
        let severity = broken.severity.unwrap_or(rule.severity);
        let hit = report
            .findings
            .iter()
            .any(|f| f.rule == rule.id && f.file == file && f.line == line && f.severity == severity);
        assert!(hit, "{} is not told as {severity:?} at {file}:{line}:\n{}", rule.id, report.text());

        let holding = (self.holds)();
        let found = holding.found(rule.id);
        assert!(found.is_empty(), "{} is told where it holds: {found:#?}", rule.id);
        let unjudged = holding.lint().unjudged;
        assert!(unjudged.iter().all(|u| u.rule != rule.id), "{} was not judged where it holds", rule.id);
    }
}

/// Makes a test for each row, and the table of all rows of the module.
macro_rules! cases {
    ($($(#[$doc:meta])* $name:ident: $rule:literal, breaks $breaks:expr, holds $holds:expr;)*) => {
        pub(crate) const CASES: &[crate::case::Case] = &[$(crate::case::Case {
            rule: $rule,
            breaks: || $breaks,
            holds: || $holds,
        },)*];

        $(#[test]
        $(#[$doc])*
        fn $name() {
            crate::case::Case { rule: $rule, breaks: || $breaks, holds: || $holds }.prove();
        })*
    };
}
pub(crate) use cases;
