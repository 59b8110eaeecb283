//! Verdicts. A verdict may understate, never overstate (law 1).

use std::fmt;

use crate::cause::{Cause, Fault};

/// Whether a passed tier rests on an assertion about the app, or on the generic floor alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// At least one app-level assertion was made.
    Asserted,
    /// Nothing was asked of the app itself.
    Superficial,
}

/// Why a tier was left out on purpose.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Skip {
    /// There is no release older than the target.
    NoOlderRelease,
    /// The caller asked for other tiers only.
    NotAsked,
    /// The recipe's labels ask for no backup (structural: CC-028).
    NoBackupLabel,
    /// Neither the overlay nor the recipe brings a test of the tier.
    NoTests,
    /// The overlay declares the tier as not applicable.
    ExpectedNa { why: String },
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOlderRelease => f.write_str("no older release"),
            Self::NotAsked => f.write_str("not asked for"),
            Self::NoBackupLabel => f.write_str("no service carries the label `backupbot.backup=true`"),
            Self::NoTests => f.write_str("there is no test of it"),
            Self::ExpectedNa { why } => write!(f, "not applicable: {why}"),
        }
    }
}

/// What became of one tier.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    Passed {
        depth: Depth,
    },
    /// The recipe (or its overlay) is at fault.
    Failed {
        why: Cause,
    },
    Skipped {
        why: Skip,
    },
    /// Could not be judged. Blocks like a failure, and says nothing against the recipe.
    Unverified {
        why: Cause,
    },
}

impl Verdict {
    /// Turns a cause into the verdict that its fault allows: only a recipe's or an overlay's fault is a
    /// failure; all else could not be judged (law 6).
    pub fn of(cause: Cause) -> Self {
        match (&cause, cause.fault()) {
            (Cause::After { .. } | Cause::BaseBroken { .. }, _) | (_, Fault::Platform | Fault::Runner) => {
                Self::Unverified { why: cause }
            }
            (_, Fault::Recipe | Fault::Overlay) => Self::Failed { why: cause },
        }
    }

    /// Returns whether the tier counts as a rung: passed, or left out for a reason that lies in the recipe.
    /// What nobody looked at carries nothing (law 1).
    pub fn holds(&self) -> bool {
        match self {
            Self::Passed { .. }
            | Self::Skipped { why: Skip::NoOlderRelease | Skip::ExpectedNa { .. } | Skip::NoBackupLabel } => {
                true
            }
            Self::Skipped { why: Skip::NotAsked | Skip::NoTests }
            | Self::Failed { .. }
            | Self::Unverified { .. } => false,
        }
    }

    /// Returns the cause, where there is one.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Failed { why } | Self::Unverified { why } => Some(why),
            Self::Passed { .. } | Self::Skipped { .. } => None,
        }
    }

    /// Returns the word for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Passed { depth: Depth::Asserted } => "passed",
            Self::Passed { depth: Depth::Superficial } => "passed (superficial)",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
            Self::Unverified { .. } => "not judged",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tier;

    #[test]
    fn a_platform_fault_is_never_evidence_against_a_recipe() {
        let verdict = Verdict::of(Cause::Engine { says: "the engine did not answer".into() });
        assert!(matches!(verdict, Verdict::Unverified { .. }));
        assert!(!verdict.holds(), "unverified blocks like a failure");
    }

    #[test]
    fn a_broken_base_does_not_speak_against_the_target() {
        let cause = Cause::BaseBroken { base: "1.0.0+1".into(), says: "crash loop".into() };
        assert!(matches!(Verdict::of(cause), Verdict::Unverified { .. }));
        assert!(matches!(Verdict::of(Cause::After { tier: Tier::Lint }), Verdict::Unverified { .. }));
    }
}
