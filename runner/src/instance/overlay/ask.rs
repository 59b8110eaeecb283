//! What an overlay asks of an app: one thing that is done, and what has to come of it. Seeds, checks, destroys,
//! tests and counts are all made of it.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Tier;
use domain::cause::Vantage;
use domain::data::AfterBackup;

pub use super::range::Judged;

/// One thing to do, what has to come of it, and by when.
#[derive(Clone, Debug)]
pub struct Ask {
    pub how: How,
    pub expect: Expect,
    /// Longest time (law 10).
    pub deadline: Duration,
}

/// How it is done. In every text, `${MARKER}` stands for a word that is new in each run and moment, `${DOMAIN}` and
/// `${STACK_NAME}` for the stack's.
#[derive(Clone, Debug)]
pub enum How {
    /// A program of the overlay (or of the recipe's `tests/` folder), with the stack's facts in its environment.
    Program {
        command: Vec<String>,
        speaks: Speaks,
        env: BTreeMap<String, String>,
    },
    /// A command in the running container of a service.
    Exec {
        service: String,
        command: Vec<String>,
    },
    /// SQL through the database's own client in the running container of a service.
    Sql {
        service: String,
        client: SqlClient,
        user: Option<String>,
        database: Option<String>,
        query: String,
    },
    Http(HttpAsk),
    /// The image that a service runs, by a piece of its reference.
    Image {
        service: String,
    },
    /// Whether the stack has a service.
    Service {
        name: String,
        present: bool,
    },
    /// Whether a port of a service speaks TLS.
    Tls {
        service: String,
        port: u16,
    },
    /// A file as the service sees it (an absolute path), whether it is there and what it holds.
    File {
        service: String,
        path: String,
        present: bool,
    },
}

impl How {
    /// Returns the word for reports, see `domain::test::Tested::kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Program { .. } => "program",
            Self::Exec { .. } => "exec",
            Self::Sql { .. } => "sql",
            Self::Http(_) => "http",
            Self::Image { .. } => "image",
            Self::Service { .. } => "service",
            Self::Tls { .. } => "tls",
            Self::File { .. } => "file",
        }
    }
}

/// An HTTP request, through the edge or at the task.
#[derive(Clone, Debug)]
pub struct HttpAsk {
    pub from: Vantage,
    /// Asked under this name in front of the stack's domain; only from outside.
    pub host: Option<String>,
    /// Which service and port; only from inside.
    pub service: String,
    pub port: Option<u16>,
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Option<String>,
    /// User name and password (basic authentication).
    pub user: Option<(String, String)>,
}

/// How a test program tells what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// By exit status; TAP on stdout or a JUnit file in its work folder is read where there is one.
    Auto,
    Exit,
    Tap,
    Junit,
}

/// The client that is called in the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlClient {
    Psql,
    Mysql,
    Sqlite,
}

/// What has to come of it. Everything that is set has to hold.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// HTTP statuses that are good; empty: 200 to 299.
    pub status: Vec<u16>,
    /// Exit code that is good; `None`: 0.
    pub exit: Option<i64>,
    /// What the output, body, reference or file has to contain.
    pub contains: Vec<String>,
    pub lacks: Vec<String>,
    /// What it has to be, without white space at both ends.
    pub equals: Option<String>,
    pub headers: BTreeMap<String, String>,
    /// JSON pointer (RFC 6901) and the value that has to stand there.
    pub json: BTreeMap<String, serde_json::Value>,
}

/// Real data of the app: planted, read back after upgrade and restore, destroyed in between.
#[derive(Clone, Debug)]
pub struct DatumSpec {
    pub name: String,
    pub seed: Ask,
    pub check: Ask,
    /// Without it a restore of this datum proves nothing.
    pub destroy: Option<Ask>,
    /// Planted once more after the backup, under another marker: what has to have become of it after the restore.
    pub after_backup: Option<AfterBackup>,
    pub applies_to: Option<AppliesTo>,
}

/// A test of a tier.
#[derive(Clone, Debug)]
pub struct TestSpec {
    pub name: String,
    pub tier: Tier,
    pub ask: Ask,
    pub applies_to: Option<AppliesTo>,
}

/// A named count: the number that the ask's output is, or that stands at a JSON pointer of it.
#[derive(Clone, Debug)]
pub struct CountSpec {
    pub name: String,
    pub ask: Ask,
    /// JSON pointer in an HTTP body; `None`: the whole output is the number.
    pub pointer: Option<String>,
    /// Whether fewer after than before is a loss of data.
    pub may_shrink: bool,
}

/// What has to hold before the tests of a tier begin; it makes the waiting stronger and leaves the tests
/// as they are (CC-043).
#[derive(Clone, Debug)]
pub struct ReadySpec {
    pub name: String,
    pub how: Ready,
    /// How often in a row it has to hold; 1 or more.
    pub consecutive: u32,
    /// Between two tries.
    pub pause: Duration,
    /// Longest time for all of it.
    pub window: Duration,
}

/// What readiness is seen by.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "an overlay has a handful, each made once")]
pub enum Ready {
    /// An ask whose expectation holds; its deadline is that of one try. Meant for `http` and `exec`.
    Ask(Ask),
    /// A port of a service takes a connection.
    Tcp { service: String, port: u16 },
    /// A line of a service's log holds a text.
    Log { service: String, contains: String },
}

/// The releases that a test was written for (CC-036); read and judged in `range`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppliesTo {
    /// Comparisons with the recipe's own half of a version, all of which have to hold.
    Range(Vec<(Comparison, semver::Version)>),
    /// Only what is not released: branches and pull requests.
    Head,
}

/// How a range compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}
