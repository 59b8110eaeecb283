//! Lint findings that foresaw a failure: a proof from files needs no run (CC-082).

use domain::event::Finding;

use super::Case;

/// Returns the findings of the run's own lint that speak of what then broke, the gravest first.
pub(super) fn found<'a>(case: &Case<'a>) -> Vec<&'a Finding> {
    reports::foreseen(&case.dossier.view.findings, case.tier, case.cause)
}

/// File and line of a finding; a finding about a whole file has no line.
pub(super) fn place(finding: &Finding) -> String {
    match finding.line {
        0 => finding.file.clone(),
        line => format!("{}:{line}", finding.file),
    }
}
