//! What a probe asks, where, and what it takes for an answer.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use domain::cause::Vantage;
use futures_util::future::BoxFuture;

use super::link::Connector;
use super::text::plain;
use super::tls::Trust;

/// One question to an app.
#[derive(Clone, Debug)]
pub struct Probe {
    pub from: Vantage,
    pub ask: Ask,
    pub reach: Reach,
}

/// How the connection is made.
#[derive(Clone, Debug)]
pub enum Reach {
    /// Look the name up and connect to what it says.
    Dns,
    /// Connect to the edge, whatever the name says. If it does not answer, that is the platform's fault.
    Edge(SocketAddr),
    /// Connect by the closure: inside of a task.
    Through(Connector),
}

/// The kinds of question.
#[derive(Clone)]
pub enum Ask {
    Http(HttpAsk),
    /// Something takes the connection. Weak: a published port answers before the app does.
    Tcp {
        host: String,
        port: u16,
    },
    /// A TLS greeting comes to its end.
    Tls {
        host: String,
        port: u16,
        trust: Trust,
    },
    /// A command in the task ends with 0 and says what is expected.
    Exec {
        command: Vec<String>,
        run: ExecFn,
        says: Option<String>,
    },
    /// A line of the task's log holds a text.
    LogLine {
        contains: String,
        lines: LinesFn,
    },
}

/// Runs a command in the task. The error is for people: it could not be run at all.
pub type ExecFn = Arc<dyn Fn(Vec<String>) -> BoxFuture<'static, Result<Executed, String>> + Send + Sync>;
/// Returns the last lines of the task's log. The error is for people.
pub type LinesFn = Arc<dyn Fn() -> BoxFuture<'static, Result<Vec<String>, String>> + Send + Sync>;

/// What a command left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    pub exit_code: i64,
    /// What it wrote, to either stream; bounded by who ran it.
    pub output: String,
}

/// One `GET`.
#[derive(Clone, Debug)]
pub struct HttpAsk {
    /// `None` is plain HTTP.
    pub tls: Option<Trust>,
    pub host: String,
    pub port: u16,
    /// With the query, beginning with `/`.
    pub path: String,
    /// Sent along.
    pub headers: Vec<(String, String)>,
    pub expect: Expect,
}

/// What makes an answer the right one. Redirects are not followed: one is right if it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    pub statuses: Statuses,
    pub headers: Vec<HeaderRule>,
    /// Texts that the beginning of the body (256 KiB) has to hold, each of them.
    pub body: Vec<String>,
}

impl Default for Expect {
    /// Any answer of 200 to 299.
    fn default() -> Self {
        Self { statuses: Statuses::default(), headers: Vec::new(), body: Vec::new() }
    }
}

/// A header that has to be there, and what it has to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderRule {
    pub name: String,
    pub contains: Option<String>,
}

/// The statuses that are right, as ranges with both ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(Vec<(u16, u16)>);

impl Default for Statuses {
    fn default() -> Self {
        Self(vec![(200, 299)])
    }
}

impl Statuses {
    /// Reads `200`, `200,401` or `200-299,302`.
    ///
    /// ```
    /// use harness::probe::Statuses;
    /// let statuses = Statuses::parse("200-299, 401").unwrap();
    /// assert!(statuses.holds(204) && statuses.holds(401) && !statuses.holds(302));
    /// assert_eq!(Statuses::parse("2xx").unwrap_err(), "`2xx` is not a status: numbers from 100 to 599 are expected");
    /// ```
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut ranges = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| text.trim().parse().ok().filter(|n| (100..=599).contains(n));
            match (number(low), number(high)) {
                (Some(low), Some(high)) if low <= high => ranges.push((low, high)),
                _ => {
                    let part = plain(part, 40);
                    return Err(format!("`{part}` is not a status: numbers from 100 to 599 are expected"));
                }
            }
        }
        Ok(Self(ranges))
    }

    /// Returns whether a status is one of them.
    pub fn holds(&self, status: u16) -> bool {
        self.0.iter().any(|(low, high)| (low..=high).contains(&&status))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (low, high)) in self.0.iter().enumerate() {
            let comma = if nth == 0 { "" } else { ", " };
            if low == high { write!(f, "{comma}{low}")? } else { write!(f, "{comma}{low}–{high}")? }
        }
        Ok(())
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

impl Ask {
    /// Returns what is asked in the form of an address, for people and reports.
    pub fn url(&self) -> String {
        match self {
            Self::Http(ask) => {
                let (scheme, usual) = if ask.tls.is_some() { ("https", 443) } else { ("http", 80) };
                let port = if ask.port == usual { String::new() } else { format!(":{}", ask.port) };
                plain(&format!("{scheme}://{}{port}{}", bracketed(&ask.host), ask.path), 300)
            }
            Self::Tcp { host, port } => format!("tcp://{}:{port}", bracketed(host)),
            Self::Tls { host, port, .. } => format!("tls://{}:{port}", bracketed(host)),
            Self::Exec { command, .. } => plain(&format!("exec: {}", command.join(" ")), 200),
            Self::LogLine { contains, .. } => plain(&format!("log: {contains}"), 200),
        }
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}
