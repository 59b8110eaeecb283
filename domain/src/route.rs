//! Traefik's labels, read as routes: what a recipe asks of the edge, and what of that we do not know.
//!
//! Pure, so that lint warns of the same labels that the embedded edge cannot serve. Traefik 2 and 3 are
//! read alike; where they differ, what either takes is taken.

mod labels;
mod middleware;
mod parse;
mod resolve;
mod rule;

use std::collections::{BTreeMap, BTreeSet};

pub use rule::{Asked, Layer, Net, Rule, RuleError};

/// The entry point for plain HTTP, as Co-op Cloud's Traefik names it.
pub const PLAIN_ENTRY: &str = "web";
/// The entry point for HTTPS, as Co-op Cloud's Traefik names it.
pub const TLS_ENTRY: &str = "web-secure";

/// All that the labels of a stack's services ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// In the order in which they are tried: highest priority first, then by name.
    pub http: Vec<HttpRouter>,
    /// In the order in which they are tried.
    pub tcp: Vec<TcpRouter>,
    /// Labels that have no effect here, or another one than at Traefik.
    pub unknown: Vec<Unknown>,
}

/// A label that is not understood, or whose effect is not the one at Traefik. A warning, never silence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unknown {
    /// The service that carries the label.
    pub service: String,
    pub label: String,
    /// Cut to 200 characters; hidden where it holds credentials.
    pub value: String,
    pub why: String,
}

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}={}` on service `{}`: {}", self.label, self.value, self.service, self.why)
    }
}

/// One HTTP router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRouter {
    pub name: String,
    pub rule: Rule,
    /// As written; its length is the default priority.
    pub rule_text: String,
    pub priority: i64,
    /// Names of entry points. A router without any serves both.
    pub entrypoints: BTreeSet<String>,
    /// Whether it serves TLS connections or plain ones; never both, as at Traefik.
    pub tls: RouterTls,
    /// In the order in which they are applied. Chains are resolved.
    pub middlewares: Vec<Middleware>,
    pub to: To,
}

/// Whether an HTTP router answers on TLS connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouterTls {
    On,
    Off,
}

/// Where a request goes after its middlewares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    Service(Target),
    /// `noop@internal`: for routers whose middlewares answer themselves.
    Noop,
}

/// A port of a service of the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The service's name, as given to [`Table::read`].
    pub service: String,
    pub port: u16,
    pub scheme: Scheme,
    pub host_header: HostHeader,
}

/// How the edge speaks to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    Http,
    /// TLS to the service, its certificate unchecked: the label `serverstransport` names what we cannot see.
    Https,
}

/// Which `Host` the service sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostHeader {
    /// The client's; the default.
    AsAsked,
    /// The service's own address.
    Own,
}

/// One TCP router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpRouter {
    pub name: String,
    pub rule: Rule,
    pub rule_text: String,
    pub priority: i64,
    pub entrypoints: BTreeSet<String>,
    pub tls: TcpTls,
    pub service: String,
    pub port: u16,
}

/// Who ends the TLS of a TCP router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcpTls {
    /// The connection is not TLS, or nobody looks; only `HostSNI(*)` can match.
    Plain,
    /// The edge; the service gets what was inside.
    AtEdge,
    /// The service itself; the edge only reads the name.
    Passthrough,
}

/// What is done to a request or to its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Middleware {
    RedirectScheme {
        scheme: String,
        port: Option<String>,
        permanent: Permanent,
    },
    RedirectRegex {
        regex: String,
        replacement: String,
        permanent: Permanent,
    },
    /// Answers a redirect where the name is another one.
    ForceHost {
        host: String,
    },
    StripPrefix {
        prefixes: Vec<String>,
    },
    AddPrefix {
        prefix: String,
    },
    /// An empty value takes the header away.
    Headers {
        request: BTreeMap<String, String>,
        response: BTreeMap<String, String>,
    },
    /// Known by name and not applied; stands in [`Table::unknown`] too.
    NotApplied {
        kind: String,
    },
}

/// How long a redirect may be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permanent {
    Yes,
    No,
}

impl HttpRouter {
    /// Returns whether the router takes a request on an entry point.
    pub fn takes(&self, entry: &str, tls: RouterTls, asked: &Asked<'_>) -> bool {
        self.tls == tls && self.entrypoints.contains(entry) && self.rule.matches(asked)
    }
}

impl Table {
    /// Reads the labels of a stack's services: name, and label with value, each.
    ///
    /// ```
    /// use domain::route::Table;
    /// let labels = [
    ///     ("traefik.enable", "true"),
    ///     ("traefik.http.services.blog.loadbalancer.server.port", "2368"),
    ///     ("traefik.http.routers.blog.rule", "Host(`blog.example.org`)"),
    ///     ("traefik.http.routers.blog.entrypoints", "web-secure"),
    ///     ("traefik.http.routers.blog.tls.certresolver", ""),
    ///     ("traefik.http.routers.blog.middlewares", "gone"),
    /// ];
    /// let table = Table::read([("app", labels)]);
    /// assert!(table.http.is_empty());
    /// assert_eq!(table.unknown[0].why, "there is no middleware `gone`, so Traefik drops the router");
    /// ```
    pub fn read<S, L, K, V>(services: impl IntoIterator<Item = (S, L)>) -> Self
    where
        S: Into<String>,
        L: IntoIterator<Item = (K, V)>,
        K: Into<String>,
        V: Into<String>,
    {
        labels::read(services.into_iter().map(|(service, labels)| {
            let labels = labels.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
            (service.into(), labels)
        }))
    }

    /// Returns every name that a router of this stack answers to, HTTP and TLS passthrough alike.
    pub fn hosts(&self) -> BTreeSet<&str> {
        let rules = self.http.iter().map(|r| &r.rule).chain(self.tcp.iter().map(|r| &r.rule));
        rules.flat_map(Rule::hosts).collect()
    }

    /// Puts the routers into the order in which they are tried.
    pub fn sort(&mut self) {
        self.http.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name)));
        self.tcp.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name)));
    }
}
