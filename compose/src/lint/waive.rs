//! Findings that the enrolment has accepted.

use domain::event::{Finding, Severity};

use super::policy::{Policy, Trust, Waiver};
use super::report::Waived;
use super::rule::{Rule, rule};

pub(super) const W001: Rule = Rule {
    id: "W001",
    name: "waiver",
    severity: Severity::Warning,
    says: "a waiver does nothing",
    why: "a waiver that has ended or that names no rule looks like a decision and is none; what it was to hide \
          stands as a finding",
    remedy: "remove the waiver, or renew it with a new reason and end",
};

/// Rules that no waiver silences: nothing can be deployed where they are broken.
const NEVER_WAIVED: &[&str] = &["C001", "C004", "R011"];

/// Separates what stands from what is accepted, and adds a finding for each waiver that does nothing.
pub(super) fn split(findings: Vec<Finding>, policy: &Policy) -> (Vec<Finding>, Vec<Waived>) {
    let mut idle = Vec::new();
    let mut holding: Vec<&Waiver> = Vec::new();
    for waiver in &policy.waivers {
        let id = &waiver.rule;
        let hits = findings.iter().filter(|finding| covers(waiver, finding)).count();
        let (severity, says) = match waiver.until {
            _ if rule(id).is_none() => (Severity::Warning, format!("the waiver of `{id}` names no rule")),
            _ if NEVER_WAIVED.contains(&id.as_str()) => (
                Severity::Warning,
                format!("`{id}` cannot be waived: nothing can be deployed where it is broken"),
            ),
            // Whoever wrote the code may have written the waiver.
            _ if policy.trust == Trust::Untrusted && id.starts_with('P') => (
                Severity::Warning,
                format!("`{id}` cannot be waived: it is policy for code that anybody may have written"),
            ),
            Some(until) if until < policy.today => {
                (Severity::Warning, format!("the waiver of `{id}` ended on {until} ({})", waiver.reason))
            }
            _ if hits == 0 => {
                let place = waiver.at.as_ref().map(|at| format!(" in `{at}`")).unwrap_or_default();
                (Severity::Info, format!("the waiver of `{id}`{place} covers nothing any more"))
            }
            _ => {
                holding.push(waiver);
                continue;
            }
        };
        idle.push(Finding {
            rule: W001.id.to_owned(),
            severity,
            file: String::new(),
            line: 0,
            says,
            remedy: W001.remedy.to_owned(),
        });
    }
    let mut standing = idle;
    let mut waived = Vec::new();
    for finding in findings {
        match holding.iter().find(|waiver| covers(waiver, &finding)) {
            Some(waiver) => {
                waived.push(Waived { finding, reason: waiver.reason.clone(), until: waiver.until });
            }
            None => standing.push(finding),
        }
    }
    (standing, waived)
}

fn covers(waiver: &Waiver, finding: &Finding) -> bool {
    waiver.rule == finding.rule && waiver.at.as_ref().is_none_or(|at| *at == finding.file)
}
