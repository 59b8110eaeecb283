//! Exit codes: part of the interface, never reused.

use domain::Verdict;

/// How the program ends. Printed by `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// All passed, or there was nothing to judge and that is what was asked.
    Passed,
    /// A recipe failed.
    RecipeFailed,
    /// Wrong arguments or config; nothing ran.
    Usage,
    /// Something could not be judged: platform or runner trouble, or an interrupt.
    NotJudged,
    /// Something of ours was left in the swarm.
    LeftBehind,
    /// A bug of ours.
    Bug,
}

impl Exit {
    /// Returns the number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::RecipeFailed => 1,
            Self::Usage => 2,
            Self::NotJudged => 3,
            Self::LeftBehind => 4,
            Self::Bug => 70,
        }
    }

    /// Returns the code that a verdict asks for.
    pub fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Passed { .. } | Verdict::Skipped { .. } => Self::Passed,
            Verdict::Failed { .. } => Self::RecipeFailed,
            Verdict::Unverified { .. } => Self::NotJudged,
        }
    }

    /// Joins the codes of several things into one: a leftover is the most urgent, then a failed recipe,
    /// then what could not be judged.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let urgency = |exit| match exit {
            Self::Passed => 0,
            Self::NotJudged => 1,
            Self::RecipeFailed => 2,
            Self::LeftBehind => 3,
            Self::Usage => 4,
            Self::Bug => 5,
        };
        if urgency(other) > urgency(self) { other } else { self }
    }
}

/// What `--help` says of exit codes.
pub const HELP: &str = "\
Exit codes:
  0   all passed
  1   a recipe failed
  2   wrong arguments or config; nothing ran
  3   something could not be judged (platform, runner, interrupt)
  4   something was left behind in the swarm
  70  a bug of Simmer";
