//! Troubles that a log line names: the line says more than the exit code.
//!
//! [`name_cause`] looks through the end of a log for what [`Kind`] and the overlay's own [`Signature`]s know, and
//! wraps the cause in [`crate::Cause::Named`]. It understates (law 1): a line that was said below the level of an
//! error, and a line that the program has since overcome, name nothing.

mod kind;
mod lines;
mod name;
mod patterns;

pub use kind::Kind;
pub(crate) use lines::pattern;
pub use name::{MemoryLimit, Scene, ServiceLog, may_blame, name_cause};

use regex::{Regex, RegexBuilder};

use crate::Fault;

/// Largest compiled pattern of an overlay, in bytes: a pattern is data of others and may not eat our memory.
const PATTERN_SIZE: usize = 1 << 20;

/// A trouble that we know by its words.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Known {
    /// Stable, for counting: `read_only_file_system`; an overlay's own signatures keep their own names.
    pub name: String,
    pub fault: Fault,
    /// What it is, in one sentence without a full stop.
    pub says: String,
    /// What to try.
    pub remedy: String,
}

/// A signature that an overlay brings (`[[signature]]`). It goes before the generic ones.
#[derive(Clone, Debug)]
pub struct Signature {
    known: Known,
    pattern: Regex,
}

/// A signature that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    #[error("the pattern is no regular expression: {0}")]
    Pattern(String),
    #[error("the pattern matches an empty line, so it would match every log")]
    MatchesAll,
    #[error("`{0}` is the name of a generic signature; give it one of its own")]
    NameTaken(String),
    #[error("the name `{0}` is not of lower-case letters, digits and underscores")]
    Name(String),
    #[error("fault `runner` is not an overlay's to give; expected recipe, overlay or platform")]
    Fault,
}

impl Signature {
    /// Checks a signature as written.
    pub fn new(known: Known, pattern: &str) -> Result<Self, BadSignature> {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if known.name.is_empty() || !known.name.chars().all(word) {
            return Err(BadSignature::Name(known.name));
        }
        if Kind::ALL.iter().any(|kind| kind.name() == known.name) {
            return Err(BadSignature::NameTaken(known.name));
        }
        if known.fault == Fault::Runner {
            return Err(BadSignature::Fault);
        }
        let pattern = RegexBuilder::new(pattern)
            .size_limit(PATTERN_SIZE)
            .build()
            .map_err(|error| BadSignature::Pattern(error.to_string()))?;
        if pattern.is_match("") {
            return Err(BadSignature::MatchesAll);
        }
        Ok(Self { known, pattern })
    }

    /// Returns what a match means.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Returns the pattern as written.
    pub fn pattern(&self) -> &str {
        self.pattern.as_str()
    }

    fn is_match(&self, line: &str) -> bool {
        self.pattern.is_match(line)
    }
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;
