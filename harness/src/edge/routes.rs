//! The routes of all stacks, in the order in which they are tried.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use domain::StackName;
use domain::route::{
    Asked, HttpRouter, Middleware, PLAIN_ENTRY, RouterTls, Rule, TLS_ENTRY, Table, TcpRouter, TcpTls, To,
    Unknown,
};
use regex::Regex;

use super::Backend;

/// Most routes of one stack; Traefik has no limit, labels of a hostile recipe need one.
const ROUTES: usize = 500;
/// Largest compiled expression, in bytes.
const REGEX_BYTES: usize = 1 << 20;

/// A router, and how its service is reached.
#[derive(Clone, Debug)]
pub enum Route {
    Http { router: HttpRouter, backend: Backend },
    Tcp { router: TcpRouter, backend: Backend },
}

impl Route {
    /// Joins the routers of a stack's labels to its tasks: `backend` is asked for each service and port.
    pub fn of(table: &Table, backend: impl Fn(&str, u16) -> Backend) -> Vec<Self> {
        let http = table.http.iter().map(|router| {
            let backend = match &router.to {
                To::Service(target) => backend(&target.service, target.port),
                To::Noop => Backend::new("nowhere", || async { Err(std::io::ErrorKind::NotFound.into()) }),
            };
            Self::Http { router: router.clone(), backend }
        });
        let tcp = table.tcp.iter().map(|router| {
            let backend = backend(&router.service, router.port);
            Self::Tcp { router: router.clone(), backend }
        });
        http.chain(tcp).collect()
    }
}

/// An HTTP route, ready to serve.
#[derive(Clone, Debug)]
pub(super) struct HttpRoute {
    pub(super) stack: StackName,
    pub(super) router: HttpRouter,
    pub(super) backend: Backend,
    /// One for each middleware of the router that has one.
    pub(super) regexes: Vec<Option<Regex>>,
}

/// A TCP route, ready to serve.
#[derive(Clone, Debug)]
pub(super) struct TcpRoute {
    pub(super) stack: StackName,
    pub(super) router: TcpRouter,
    pub(super) backend: Backend,
}

/// All routes at one moment.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) http: Vec<HttpRoute>,
    pub(super) tcp: Vec<TcpRoute>,
    /// What was not understood, shown where nothing matches.
    pub(super) unknown: Vec<String>,
}

/// How a TLS greeting goes on.
#[derive(Debug)]
pub(super) enum Greeted {
    /// The bytes go to the service as they are.
    Pass(TcpRoute),
    /// The edge ends TLS, and the bytes inside go to the service.
    End(TcpRoute),
    /// The edge ends TLS and speaks HTTP.
    Http,
}

impl Snapshot {
    /// Finds the first HTTP route that takes a request.
    pub(super) fn http(&self, entry: &str, tls: RouterTls, asked: &Asked<'_>) -> Option<&HttpRoute> {
        self.http.iter().find(|route| route.router.takes(entry, tls, asked))
    }

    /// Returns whether the edge shows a certificate for a name: a router on TLS asks for it.
    pub(super) fn serves_tls(&self, name: &str) -> bool {
        let asks = |rule: &Rule| rule.hosts().contains(&name);
        self.http.iter().any(|r| {
            r.router.tls == RouterTls::On && r.router.entrypoints.contains(TLS_ENTRY) && asks(&r.router.rule)
        }) || self.tcp.iter().any(|r| r.router.tls == TcpTls::AtEdge && asks(&r.router.rule))
    }

    /// Decides on a TLS greeting as Traefik does: named TCP routers, named HTTP routers, `HostSNI(*)`, HTTP.
    pub(super) fn greeted(&self, entry: &str, asked: &Asked<'_>) -> Greeted {
        let tcp = |named: bool| {
            self.tcp.iter().find(|route| {
                let router = &route.router;
                router.tls != TcpTls::Plain
                    && router.entrypoints.contains(entry)
                    && router.rule.hosts().is_empty() != named
                    && router.rule.matches(asked)
            })
        };
        let found = match tcp(true) {
            Some(route) => Some(route),
            None if entry == TLS_ENTRY && self.serves_tls(asked.host) => None,
            None => tcp(false),
        };
        match found {
            Some(route) if route.router.tls == TcpTls::Passthrough => Greeted::Pass(route.clone()),
            Some(route) => Greeted::End(route.clone()),
            None => Greeted::Http,
        }
    }

    /// Finds the route for a connection that is not TLS.
    pub(super) fn plain_tcp(&self, entry: &str, asked: &Asked<'_>) -> Option<TcpRoute> {
        let fits = |r: &&TcpRoute| {
            r.router.tls == TcpTls::Plain
                && r.router.entrypoints.contains(entry)
                && r.router.rule.matches(asked)
        };
        self.tcp.iter().find(fits).cloned()
    }

    /// Returns whether a TCP entry point has to wait for a TLS greeting before it knows where to go.
    pub(super) fn wants_greeting(&self, entry: &str) -> bool {
        self.tcp.iter().any(|r| r.router.tls != TcpTls::Plain && r.router.entrypoints.contains(entry))
    }
}

struct Stack {
    http: Vec<HttpRoute>,
    tcp: Vec<TcpRoute>,
    unknown: Vec<String>,
}

/// The routes by stack, and all of them merged.
#[derive(Default)]
pub(super) struct Board {
    stacks: RwLock<BTreeMap<StackName, Stack>>,
    now: RwLock<Arc<Snapshot>>,
}

impl Board {
    /// Returns the routes of this moment.
    pub(super) fn now(&self) -> Arc<Snapshot> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the routes of a stack. Returns what of them cannot be served, for people.
    pub(super) fn set(
        &self,
        stack: &StackName,
        routes: Vec<Route>,
        unknown: &[Unknown],
        entries: &BTreeSet<String>,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        let mut unserved = |name: &str, asked: &BTreeSet<String>| {
            for entry in asked.difference(entries) {
                problems.push(format!("router `{name}`: this edge has no entry point `{entry}`"));
            }
        };
        let mut made = Stack { http: Vec::new(), tcp: Vec::new(), unknown: Vec::new() };
        let too_many = ROUTES < routes.len();
        let mut faulty = Vec::new();
        for route in routes.into_iter().take(ROUTES) {
            match route {
                Route::Http { router, backend } => {
                    unserved(&router.name, &router.entrypoints);
                    let (regexes, wrong): (Vec<_>, Vec<_>) = router.middlewares.iter().map(compiled).unzip();
                    // Traefik drops a router whose middleware cannot be made.
                    match wrong.into_iter().flatten().next() {
                        Some(why) => faulty.push(format!("router `{}` is not served: {why}", router.name)),
                        None => made.http.push(HttpRoute { stack: stack.clone(), router, backend, regexes }),
                    }
                }
                Route::Tcp { router, backend } => {
                    unserved(&router.name, &router.entrypoints);
                    let only_http = router.tls == TcpTls::Plain
                        && router.entrypoints.iter().all(|e| e == PLAIN_ENTRY || e == TLS_ENTRY);
                    if only_http {
                        let name = &router.name;
                        faulty
                            .push(format!("router `{name}`: plain TCP is not served on HTTP's entry points"));
                    }
                    made.tcp.push(TcpRoute { stack: stack.clone(), router, backend });
                }
            }
        }
        problems.append(&mut faulty);
        if too_many {
            problems.push(format!("only the first {ROUTES} routers are served (limit: routes of a stack)"));
        }
        made.unknown = unknown.iter().map(ToString::to_string).chain(problems.iter().cloned()).collect();
        self.change(|stacks| {
            stacks.insert(stack.clone(), made);
        });
        problems
    }

    /// Takes the routes of a stack away.
    pub(super) fn remove(&self, stack: &StackName) {
        self.change(|stacks| {
            stacks.remove(stack);
        });
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<StackName, Stack>)) {
        let mut stacks = self.stacks.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut stacks);
        let mut merged = Snapshot::default();
        for stack in stacks.values() {
            merged.http.extend(stack.http.iter().cloned());
            merged.tcp.extend(stack.tcp.iter().cloned());
            merged.unknown.extend(stack.unknown.iter().cloned());
        }
        merged.http.sort_by(|a, b| {
            let (a, b) = (&a.router, &b.router);
            b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name))
        });
        merged.tcp.sort_by(|a, b| {
            let (a, b) = (&a.router, &b.router);
            b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name))
        });
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(merged);
    }
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Board").field(&self.now()).finish()
    }
}

fn compiled(middleware: &Middleware) -> (Option<Regex>, Option<String>) {
    let Middleware::RedirectRegex { regex, .. } = middleware else { return (None, None) };
    match regex::RegexBuilder::new(regex).size_limit(REGEX_BYTES).build() {
        Ok(regex) => (Some(regex), None),
        Err(_) => (None, Some("the expression of its `redirectregex` cannot be read".to_owned())),
    }
}
