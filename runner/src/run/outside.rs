//! Asking the app: at the task, through the edge, and what the overlay wants to know besides.
//!
//! Both vantages are recorded, whatever the first one said (CC-124): well inside and lost outside is another
//! fault than lost inside.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::cause::Vantage;
use domain::data::Source;
use domain::event::Probed;
use domain::route::{Scheme, To};
use domain::test::{TestOutcome, Tested};
use domain::{Cause, Domain, StackName, Tier, What};
use harness::engine::{ExecRequest, LogBounds};
use harness::probe::{
    Ask, Connector, Executed, Expect, HeaderRule, HttpAsk, Link, Probe, Reach, Schedule, Statuses, Trust,
    inside,
};

use super::At;
use super::build::Built;
use super::shared::Shared;
use super::witness::running_container;
use crate::instance::{Check, ProbeKind, ProbeSpec};

/// One more look from the second vantage when the first has failed: it is for the record, not for hope.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// Where the app is served, as the recipe's own labels say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    service: String,
    port: u16,
    /// Whether the task itself speaks TLS.
    task_tls: bool,
    /// Whether the certificate that a user sees is the app's own.
    passthrough: bool,
}

/// What came of asking.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// Name and answer of each question, in order.
    told: Vec<(String, Probed)>,
    cause: Option<Cause>,
}

impl Looked {
    /// Returns each question as a test of a tier; they are the floor's own.
    pub(crate) fn tests(&self, tier: Tier) -> impl Iterator<Item = Tested> {
        self.told.iter().map(move |(name, probed)| Tested {
            name: name.clone(),
            tier,
            source: Source::Generic,
            kind: "probe".into(),
            outcome: if probed.ok {
                TestOutcome::Passed
            } else {
                TestOutcome::Failed { says: format!("{}: {}", probed.step, probed.says) }
            },
            millis: probed.millis,
            cases: Vec::new(),
            file: None,
        })
    }

    /// Returns a line about it, or the first cause.
    pub(crate) fn end(self) -> Result<String, Cause> {
        match self.cause {
            Some(cause) => Err(cause),
            None if self.told.is_empty() => Ok("nothing to ask: no router, no probe".into()),
            None => {
                let told = self.told.iter().map(|(_, probed)| format!("{} {}", probed.from, probed.says));
                Ok(told.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Whose certificates are believed from outside: an app that ends TLS itself behind the edge brings its own.
pub(crate) fn trust(shared: &Shared, served: Option<&Served>) -> Trust {
    match served {
        Some(served) if served.passthrough => Trust::Unchecked,
        Some(_) | None => shared.front.trust(),
    }
}

/// Asks everything that is to be asked.
pub(crate) async fn probe(
    shared: &Shared,
    at: At,
    stack: &StackName,
    domain: &Domain,
    built: &Built,
) -> Looked {
    let mut told = Vec::new();
    let mut cause = None;
    let host = match &shared.overlay.health.host {
        Some(label) => format!("{label}.{domain}"),
        None => domain.to_string(),
    };
    // No router and no path: an app without a web page, such as a voice server.
    let is_web = !built.routes.http.is_empty() || !built.routes.tcp.is_empty();
    if is_web || shared.overlay.health.path.is_some() {
        let served = served(built, &host);
        if let Some(served) = &served {
            let ask = health(shared, &host, served.port, served.task_tls.then_some(Trust::Unchecked));
            let reach = Reach::Through(task_connector(shared, stack, &served.service, served.port));
            let probe = Probe { from: Vantage::Inside, ask, reach };
            cause = ask_once(shared, at, "probe inside", &probe, schedule(shared), &mut told).await;
        }
        let trust = trust(shared, served.as_ref());
        let ask = health(shared, &host, shared.front.https().port(), Some(trust));
        let probe = Probe { from: Vantage::Outside, ask, reach: Reach::Edge(shared.front.https()) };
        let schedule = if cause.is_some() {
            Schedule::once(SECOND_LOOK)
        } else if served.is_none() {
            // Routes are there from the start: one that is missing does not come by waiting.
            Schedule { max_tries: 3, ..schedule(shared) }
        } else {
            schedule(shared)
        };
        let outside = ask_once(shared, at, "probe outside", &probe, schedule, &mut told).await;
        cause = cause.or(outside);
    }
    for spec in &shared.overlay.probes {
        if cause.is_some() {
            break;
        }
        let (probe, schedule) = further(shared, stack, &host, built, spec);
        let name = format!("probe {}", spec.name);
        cause = ask_once(shared, at, &name, &probe, schedule, &mut told).await;
    }
    Looked { told, cause }
}

fn schedule(shared: &Shared) -> Schedule {
    Schedule::within(shared.overlay.health.window)
}

/// Finds the router that serves a name, HTTP first, as a user would come.
pub(crate) fn served(built: &Built, host: &str) -> Option<Served> {
    let http =
        built.routes.http.iter().filter(|r| r.rule.hosts().contains(&host)).find_map(|r| match &r.to {
            To::Service(target) => Some(Served {
                service: target.service.clone(),
                port: target.port,
                task_tls: target.scheme == Scheme::Https,
                passthrough: false,
            }),
            To::Noop => None,
        });
    http.or_else(|| {
        let mut tcp = built.routes.tcp.iter().filter(|r| r.rule.hosts().contains(&host));
        tcp.next().map(|r| {
            let passthrough = r.tls == domain::route::TcpTls::Passthrough;
            Served { service: r.service.clone(), port: r.port, task_tls: passthrough, passthrough }
        })
    })
}

/// The question of the health check.
fn health(shared: &Shared, host: &str, port: u16, tls: Option<Trust>) -> Ask {
    let health = &shared.overlay.health;
    let statuses = match (health.status.as_slice(), &health.path) {
        ([], Some(_)) => "200".to_owned(),
        // Nobody said what is good: anything but a server's own error shows that the app is there.
        ([], None) => "100-499".to_owned(),
        (given, _) => given.iter().map(u16::to_string).collect::<Vec<_>>().join(","),
    };
    Ask::Http(HttpAsk {
        tls,
        host: host.to_owned(),
        port,
        path: health.path.clone().unwrap_or_else(|| "/".into()),
        headers: Vec::new(),
        expect: Expect {
            statuses: Statuses::parse(&statuses).expect("statuses were checked with the overlay"),
            headers: Vec::new(),
            body: health.body.iter().cloned().collect(),
        },
    })
}

/// A further probe of the overlay. A port that the stack publishes on the node is asked there, as a user
/// would; any other at the task.
fn further(
    shared: &Shared,
    stack: &StackName,
    host: &str,
    built: &Built,
    spec: &ProbeSpec,
) -> (Probe, Schedule) {
    let on_node = |port: u16| {
        built.specs.services.get(&spec.service).and_then(|service| {
            let ports = &service.endpoint_spec.ports;
            ports.iter().find(|p| p.target_port == u32::from(port) && p.published_port != 0)
        })
    };
    let reach = |port: u16| match on_node(port).and_then(|p| u16::try_from(p.published_port).ok()) {
        Some(published) => (Vantage::Outside, Reach::Through(node_connector(shared, published))),
        None => (Vantage::Inside, Reach::Through(task_connector(shared, stack, &spec.service, port))),
    };
    let host = host.to_owned();
    let (from, reach, ask) = match &spec.kind {
        ProbeKind::Http { port, path, check } => {
            let (from, reach) = reach(*port);
            let Check { status, headers, contains } = check;
            let statuses: Vec<_> = status.iter().map(u16::to_string).collect();
            let expect = Expect {
                statuses: Statuses::parse(&statuses.join(",")).unwrap_or_default(),
                headers: headers
                    .iter()
                    .map(|(name, value)| HeaderRule { name: name.clone(), contains: Some(value.clone()) })
                    .collect(),
                body: contains.iter().cloned().collect(),
            };
            let ask =
                HttpAsk { tls: None, host, port: *port, path: path.clone(), headers: Vec::new(), expect };
            (from, reach, Ask::Http(ask))
        }
        ProbeKind::Tcp { port } => {
            let (from, reach) = reach(*port);
            (from, reach, Ask::Tcp { host, port: *port })
        }
        ProbeKind::Tls { port } => {
            let (from, reach) = reach(*port);
            (from, reach, Ask::Tls { host, port: *port, trust: Trust::Unchecked })
        }
        ProbeKind::Exec { command, contains } => {
            let ask = Ask::Exec {
                command: command.clone(),
                run: exec_in(shared, stack, &spec.service, spec.window),
                says: contains.clone(),
            };
            (Vantage::Inside, nowhere(), ask)
        }
        ProbeKind::Log { contains } => {
            let lines = lines_of(shared, stack, &spec.service);
            (Vantage::Inside, nowhere(), Ask::LogLine { contains: contains.clone(), lines })
        }
    };
    let schedule = match spec.kind {
        // Such a server may ban whoever knocks often (DESIGN 4).
        ProbeKind::Tcp { .. } | ProbeKind::Tls { .. } => Schedule::gentle(spec.window),
        ProbeKind::Http { .. } | ProbeKind::Exec { .. } | ProbeKind::Log { .. } => {
            Schedule::within(spec.window)
        }
    };
    (Probe { from, ask, reach }, schedule)
}

/// For questions that open no connection.
fn nowhere() -> Reach {
    Reach::Through(Connector::new("nowhere", || async { Err(std::io::ErrorKind::Unsupported.into()) }))
}

/// Connects to a port of whichever task of the service runs at that moment.
pub(crate) fn task_connector(shared: &Shared, stack: &StackName, service: &str, port: u16) -> Connector {
    let (engine, stack, full) = (shared.engine.clone(), stack.clone(), format!("{stack}_{service}"));
    Connector::new(format!("{service}:{port}"), move || {
        let (engine, stack, full) = (engine.clone(), stack.clone(), full.clone());
        async move {
            let tasks = engine.tasks(&stack).await.map_err(std::io::Error::other)?;
            let task =
                tasks.iter().rev().find(|t| t.service == full && running_container(t).is_some()).ok_or_else(
                    || {
                        std::io::Error::new(
                            std::io::ErrorKind::ConnectionRefused,
                            format!("no task of `{full}` runs"),
                        )
                    },
                )?;
            let task = inside::Task {
                pid: task.pid.and_then(|pid| u32::try_from(pid).ok()),
                bridge: task.gwbridge_ip.as_ref().and_then(|ip| ip.parse().ok()),
            };
            let link: Link = task.connect(port).await?;
            Ok(link)
        }
    })
}

/// Returns the ways to all ports that a release publishes on the node, but for those of UDP and SCTP.
pub(crate) fn published(shared: &Shared, built: &Built) -> BTreeMap<u16, Connector> {
    let services = built.specs.services.values();
    services
        .flat_map(|spec| &spec.endpoint_spec.ports)
        .filter(|port| matches!(port.protocol.as_str(), "" | "tcp"))
        .filter_map(|port| u16::try_from(port.published_port).ok().filter(|port| *port != 0))
        .map(|port| (port, node_connector(shared, port)))
        .collect()
}

/// Connects to a port that is published on the engine's node.
fn node_connector(shared: &Shared, port: u16) -> Connector {
    let engine = shared.engine.clone();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    Connector::new(address.to_string(), move || {
        let engine = engine.clone();
        async move {
            match engine.foreign_network().await {
                Some(pid) => inside::connect_to(pid, address).await.map_err(std::io::Error::other),
                None => Connector::address(address).connect().await,
            }
        }
    })
}

fn exec_in(shared: &Shared, stack: &StackName, service: &str, limit: Duration) -> harness::probe::ExecFn {
    let (engine, stack, full) = (shared.engine.clone(), stack.clone(), format!("{stack}_{service}"));
    Arc::new(move |command| {
        let (engine, stack, full) = (engine.clone(), stack.clone(), full.clone());
        Box::pin(async move {
            let tasks = engine.tasks(&stack).await.map_err(|e| e.to_string())?;
            let container = tasks
                .iter()
                .rev()
                .filter(|t| t.service == full)
                .find_map(running_container)
                .ok_or_else(|| format!("no task of `{full}` runs"))?;
            let request = ExecRequest { cmd: command, env: Vec::new(), user: None, stdin: None };
            let done = engine.exec(container, request, limit).await.map_err(|e| e.to_string())?;
            let mut output = String::from_utf8_lossy(&done.stdout).into_owned();
            output.push_str(&String::from_utf8_lossy(&done.stderr));
            Ok(Executed { exit_code: done.code, output })
        })
    })
}

fn lines_of(shared: &Shared, stack: &StackName, service: &str) -> harness::probe::LinesFn {
    let (engine, stack, full) = (shared.engine.clone(), stack.clone(), format!("{stack}_{service}"));
    Arc::new(move || {
        let (engine, stack, full) = (engine.clone(), stack.clone(), full.clone());
        Box::pin(async move {
            let logs = engine.logs(&stack, LogBounds::default()).await.map_err(|e| e.to_string())?;
            Ok(logs.into_iter().filter(|l| l.service == full).flat_map(|l| l.lines).collect())
        })
    })
}

/// Asks until it is answered or over, and writes down what came of it.
async fn ask_once(
    shared: &Shared,
    at: At,
    name: &str,
    probe: &Probe,
    schedule: Schedule,
    told: &mut Vec<(String, Probed)>,
) -> Option<Cause> {
    let (view, from) = (shared.view.clone(), probe.from);
    let outcome = harness::probe::run(probe, &schedule, |tries, last| {
        if let Err(failure) = &last.result {
            view.note(at.side, at.nth, format!("{from}, try {tries}: {} {}", failure.step, failure.says));
        }
    })
    .await;
    told.push((name.to_owned(), outcome.probed.clone()));
    shared.log.tell(What::ProbeEnded { side: at.side, nth: at.nth, probed: outcome.probed });
    outcome.cause
}
