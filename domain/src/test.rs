//! What tests say.

use crate::Tier;
use crate::data::Source;

/// What became of a test, or of one case in it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum TestOutcome {
    Passed,
    Failed {
        says: String,
    },
    /// Left out, with the reason. Never counted as passed (CC-053).
    Skipped {
        why: String,
    },
    /// Could not be judged: not started, no deadline kept, output that is not in the declared form.
    Broken {
        says: String,
    },
}

/// One case that a test program told of (TAP point, JUnit test case).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TestCase {
    pub name: String,
    #[serde(flatten)]
    pub outcome: TestOutcome,
    pub millis: u64,
}

/// One test of a tier.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tested {
    pub name: String,
    pub tier: Tier,
    pub source: Source,
    /// How it asks: `program`, `http`, `exec`, `sql`, `image`, `service`, `tls`, `file`, `witness`, `probe`.
    pub kind: String,
    #[serde(flatten)]
    pub outcome: TestOutcome,
    pub millis: u64,
    /// Cases that it told of; empty where it is one assertion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<TestCase>,
    /// Its output, in the run's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}
