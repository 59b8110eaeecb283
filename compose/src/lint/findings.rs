//! Where findings are collected.

use std::collections::BTreeMap;

use domain::event::{Finding, Severity};

use super::report::Unjudged;
use super::rule::Rule;

/// Most findings of one rule that are listed; a hostile recipe could have a million. What is beyond is counted.
const MOST_PER_RULE: usize = 50;
/// Longest text of a finding, in characters: recipes put whole scripts into one key.
const LONGEST_TEXT: usize = 400;

/// Where something stands. Line 0 is the file as a whole, and an empty file the recipe as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) file: String,
    pub(super) line: u32,
}

impl Spot {
    pub(super) fn new(file: &str, line: u32) -> Self {
        Self { file: file.to_owned(), line }
    }

    pub(super) fn file(file: &str) -> Self {
        Self::new(file, 0)
    }
}

/// A place, or how to find it: looking for one is only worth it for a finding that is listed.
pub(super) trait At {
    fn spot(self) -> Spot;
}

impl At for Spot {
    fn spot(self) -> Spot {
        self
    }
}

impl<F: FnOnce() -> Spot> At for F {
    fn spot(self) -> Spot {
        self()
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    counts: BTreeMap<(&'static str, Severity), usize>,
    unjudged: Vec<Unjudged>,
}

impl Findings {
    /// Adds a finding with the rule's own severity and remedy.
    pub(super) fn add(&mut self, rule: &Rule, at: impl At, says: impl Into<String>) {
        self.add_as(rule, rule.severity, at, says, rule.remedy);
    }

    /// Adds a finding that is milder than the rule's worst, or knows a better remedy.
    pub(super) fn add_as(
        &mut self,
        rule: &Rule,
        severity: Severity,
        at: impl At,
        says: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        debug_assert!(severity <= rule.severity, "{} reports more than it promises", rule.id);
        // By severity, so that what fails the tier cannot be hidden behind what does not.
        let count = self.counts.entry((rule.id, severity)).or_default();
        if *count >= MOST_PER_RULE {
            *count += 1;
            return;
        }
        let spot = at.spot();
        let finding = Finding {
            rule: rule.id.to_owned(),
            severity,
            file: plain(&spot.file),
            line: spot.line,
            says: plain(&says.into()),
            remedy: plain(&remedy.into()),
        };
        if !self.list.contains(&finding) {
            *count += 1;
            self.list.push(finding);
        }
    }

    /// Whether an error at this line is told already; of a file as a whole, several things can be wrong.
    pub(super) fn has_error_at(&self, file: &str, line: u32) -> bool {
        line != 0
            && self.list.iter().any(|f| f.severity == Severity::Error && f.file == file && f.line == line)
    }

    /// Notes that a rule could not be applied.
    pub(super) fn not_judged(&mut self, rule: &Rule, why: &str) {
        self.unjudged.push(Unjudged { rule: rule.id.to_owned(), why: why.to_owned() });
    }

    /// Returns the findings in the order of files and lines, and what was not judged.
    pub(super) fn finish(mut self) -> (Vec<Finding>, Vec<Unjudged>) {
        for ((rule, severity), count) in &self.counts {
            if *count > MOST_PER_RULE
                && let Some(last) = self.list.iter_mut().rfind(|f| f.rule == *rule && f.severity == *severity)
            {
                last.says = format!("{} (and {} more like this)", last.says, count - MOST_PER_RULE);
            }
        }
        self.list
            .sort_by(|a, b| (&a.file, a.line, &a.rule, &a.says).cmp(&(&b.file, b.line, &b.rule, &b.says)));
        (self.list, self.unjudged)
    }
}

/// Keeps a hostile text from driving the terminal or filling the report.
fn plain(text: &str) -> String {
    let mut plain: String = text
        .chars()
        .take(LONGEST_TEXT)
        .map(|c| if c == '\n' || c == '\t' { ' ' } else { c })
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(LONGEST_TEXT).is_some() {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::coop::R001;

    #[test]
    fn a_rule_that_is_broken_a_million_times_lists_fifty_and_counts_the_rest() {
        let mut findings = Findings::default();
        for line in 1..=60 {
            findings.add(&R001, Spot::new("compose.yml", line), "again");
        }
        findings.add_as(&R001, Severity::Info, Spot::default(), "told all the same", "");
        let (list, _) = findings.finish();
        assert_eq!(list.len(), 51);
        assert_eq!(list.last().unwrap().says, "again (and 10 more like this)");
    }

    #[test]
    fn a_recipe_cannot_drive_the_terminal() {
        assert_eq!(plain("a\x1b[31m\nb\x07"), "a\u{fffd}[31m b\u{fffd}");
        assert_eq!(plain(&"x".repeat(500)).chars().count(), 401);
    }
}
