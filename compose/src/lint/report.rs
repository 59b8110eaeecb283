//! What lint found, for machines and for people.

use std::fmt;

use chrono::NaiveDate;
use domain::event::{Finding, Severity};

/// The version of the report's format, in every report from its first day.
pub const REPORT_FORMAT: u32 = 1;

/// What lint found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Format version, see [`REPORT_FORMAT`].
    pub version: u32,
    /// By file, line and rule; what is about no file comes first.
    pub findings: Vec<Finding>,
    /// Found, and accepted by the enrolment.
    pub waived: Vec<Waived>,
    /// Rules that could not be applied. Not judged is not passed.
    pub unjudged: Vec<Unjudged>,
}

/// A finding that a waiver covers.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Waived {
    #[serde(flatten)]
    pub finding: Finding,
    pub reason: String,
    /// Last day on which it holds; nothing: for ever.
    pub until: Option<NaiveDate>,
}

/// A rule that could not be applied.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Unjudged {
    pub rule: String,
    pub why: String,
}

impl Report {
    /// Returns the highest severity among the findings; nothing if there are none.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Returns the findings that fail the tier.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error)
    }

    /// Returns all findings, with those that are waived as infos that name the reason.
    #[must_use]
    pub fn with_waived(&self) -> Vec<Finding> {
        let waived = self.waived.iter().map(|waived| {
            let until = waived.until.map_or_else(|| "for ever".to_owned(), |until| format!("until {until}"));
            let says = format!("waived {until} ({}): {}", waived.reason, waived.finding.says);
            Finding { severity: Severity::Info, says, ..waived.finding.clone() }
        });
        self.findings.iter().cloned().chain(waived).collect()
    }

    /// Returns how many findings have this severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Returns the report as JSON, ready to be printed.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("every field of a report is text, number or list")
    }

    /// Returns the report for people, readable without colour.
    #[must_use]
    pub fn text(&self) -> String {
        self.to_string()
    }
}

/// Returns the word for a severity.
#[must_use]
pub fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.findings.iter().map(|finding| place(finding).chars().count()).max().unwrap_or(0);
        for finding in &self.findings {
            let severity = severity_word(finding.severity);
            writeln!(f, "{:<width$}  {severity:<7}  {}  {}", place(finding), finding.rule, finding.says)?;
            if !finding.remedy.is_empty() {
                writeln!(f, "{:<width$}  {:<7}  {:<4}  fix: {}", "", "", "", finding.remedy)?;
            }
        }
        for waived in &self.waived {
            let until = waived.until.map_or_else(|| "for ever".to_owned(), |until| format!("until {until}"));
            let Finding { rule, says, .. } = &waived.finding;
            writeln!(f, "waived {until}: {} {rule}: {says} ({})", place(&waived.finding), waived.reason)?;
        }
        let mut whys: Vec<&str> = self.unjudged.iter().map(|unjudged| unjudged.why.as_str()).collect();
        whys.dedup();
        for why in whys {
            let rules: Vec<&str> = self
                .unjudged
                .iter()
                .filter(|u| u.why == why)
                .map(|unjudged| unjudged.rule.as_str())
                .collect();
            writeln!(f, "not judged, as {why}: {}", rules.join(" "))?;
        }
        write!(
            f,
            "{}, {}, {} info",
            plural(self.count(Severity::Error), "error"),
            plural(self.count(Severity::Warning), "warning"),
            self.count(Severity::Info),
        )?;
        if !self.waived.is_empty() {
            write!(f, ", {} waived", self.waived.len())?;
        }
        if !self.unjudged.is_empty() {
            write!(f, ", {} not judged", plural(self.unjudged.len(), "rule"))?;
        }
        writeln!(f)
    }
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

fn place(finding: &Finding) -> String {
    match (finding.file.as_str(), finding.line) {
        ("", _) => "(recipe)".to_owned(),
        (file, 0) => file.to_owned(),
        (file, line) => format!("{file}:{line}"),
    }
}
