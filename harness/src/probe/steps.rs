//! One try: route, DNS, TCP, TLS, HTTP, app, each timed, until one fails.

use std::net::SocketAddr;
use std::time::Duration;

use domain::cause::ProbeStep;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ask::{Ask, HttpAsk, Probe, Reach};
use super::link::{Link, Via, tcp};
use super::text::{io_words, plain, span};
use super::tls::{self, Certificate, Trust};

/// Most addresses of a name that are tried, one after the other.
const ADDRESSES: usize = 4;
/// What names in the certificate end in that Traefik shows when it has no other.
const TRAEFIK_DEFAULT: &str = ".traefik.default";
/// Longest look-up of a name.
const LOOK_UP: Duration = Duration::from_secs(5);

/// What one try came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The steps that were taken, with their times; the last one is where it ended.
    pub steps: Vec<(ProbeStep, Duration)>,
    /// Which way the connection went, where there was one.
    pub via: Option<Via>,
    /// What the server showed, where TLS came so far.
    pub certificate: Option<Certificate>,
    /// What the app said in short, or why not.
    pub result: Result<String, Failure>,
}

/// The step that failed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub step: ProbeStep,
    pub says: String,
}

/// Keeps time while the steps are taken, so that a try that is stopped still knows where it stood.
pub(super) struct Walk {
    attempt: Attempt,
    since: Instant,
    at: ProbeStep,
}

impl Walk {
    pub(super) fn new() -> Self {
        let attempt = Attempt { steps: Vec::new(), via: None, certificate: None, result: Ok(String::new()) };
        Self { attempt, since: Instant::now(), at: ProbeStep::Tcp }
    }

    pub(super) fn begin(&mut self, step: ProbeStep) {
        self.end();
        self.at = step;
        self.attempt.steps.push((step, Duration::ZERO));
    }

    fn end(&mut self) {
        let now = Instant::now();
        if let Some((_, time)) = self.attempt.steps.last_mut() {
            *time = now - self.since;
        }
        self.since = now;
    }

    pub(super) fn failed<T>(&self, says: impl Into<String>) -> Result<T, Failure> {
        Err(Failure { step: self.at, says: says.into() })
    }
}

/// Makes one try within `limit`.
pub(super) async fn attempt(probe: &Probe, limit: Duration) -> Attempt {
    let mut walk = Walk::new();
    let deadline = Instant::now() + limit;
    let result = tokio::time::timeout_at(deadline, walk_through(probe, &mut walk, limit)).await;
    walk.end();
    let at = walk.at;
    walk.attempt.result = result.unwrap_or_else(|_| {
        let says = match at {
            ProbeStep::Route | ProbeStep::Dns => format!("the name was not resolved within {}", span(limit)),
            ProbeStep::Tcp => format!("nothing took the connection within {}", span(limit)),
            ProbeStep::Tls => format!("the TLS greeting was not answered within {}", span(limit)),
            ProbeStep::Http => format!("no complete answer within {}", span(limit)),
            ProbeStep::App => format!("no answer within {}", span(limit)),
        };
        Err(Failure { step: at, says })
    });
    if let Err(failure) = &walk.attempt.result {
        // The answer may show that an earlier step was to blame: the edge had no route.
        walk.at = failure.step;
    }
    walk.attempt
}

async fn walk_through(probe: &Probe, walk: &mut Walk, limit: Duration) -> Result<String, Failure> {
    match &probe.ask {
        Ask::Tcp { host, port } => {
            connect(&probe.reach, host, *port, walk).await?;
            Ok("took the connection".to_owned())
        }
        Ask::Tls { host, port, trust } => {
            let stream = connect(&probe.reach, host, *port, walk).await?;
            let secured = secure(stream, host, trust, walk).await?;
            if secured.no_router {
                return Err(Failure {
                    step: ProbeStep::Route,
                    says: format!("the edge has no route for `{host}`"),
                });
            }
            Ok("answered the TLS greeting".to_owned())
        }
        Ask::Http(ask) => http(ask, probe, walk, limit).await,
        Ask::Exec { command, run, says } => {
            walk.begin(ProbeStep::App);
            let left = match run(command.clone()).await {
                Ok(left) => left,
                Err(error) => {
                    return walk.failed(format!("the command could not be run: {}", plain(&error, 200)));
                }
            };
            let output = plain(&left.output, 300);
            if left.exit_code != 0 {
                return walk.failed(format!("the command ended with {}: {output}", left.exit_code));
            }
            match says {
                Some(text) if !left.output.contains(text) => {
                    walk.failed(format!("the command did not say `{}`: {output}", plain(text, 80)))
                }
                Some(_) | None => Ok("the command ended with 0".to_owned()),
            }
        }
        Ask::LogLine { contains, lines } => {
            walk.begin(ProbeStep::App);
            match lines().await {
                Err(error) => walk.failed(format!("the log could not be read: {}", plain(&error, 200))),
                Ok(lines) => match lines.iter().find(|line| line.contains(contains.as_str())) {
                    Some(line) => Ok(format!("the log says `{}`", plain(line, 200))),
                    None => {
                        let last =
                            lines.last().map_or("nothing".to_owned(), |l| format!("`{}`", plain(l, 200)));
                        walk.failed(format!(
                            "no line of the log holds `{}`; its last is {last}",
                            plain(contains, 80)
                        ))
                    }
                },
            }
        }
    }
}

async fn http(ask: &HttpAsk, probe: &Probe, walk: &mut Walk, limit: Duration) -> Result<String, Failure> {
    let started = Instant::now();
    let stream = connect(&probe.reach, &ask.host, ask.port, walk).await?;
    // Users of an edge come to its usual port, whichever one it was given here.
    let port = if matches!(probe.reach, Reach::Edge(_)) { None } else { Some(ask.port) };
    let (answer, no_router) = match &ask.tls {
        None => {
            walk.begin(ProbeStep::Http);
            let left = limit.saturating_sub(started.elapsed());
            (super::http::exchange(stream, super::http::request(ask, port)?, left).await?, false)
        }
        Some(trust) => {
            let secured = secure(stream, &ask.host, trust, walk).await?;
            walk.begin(ProbeStep::Http);
            let left = limit.saturating_sub(started.elapsed());
            let request = super::http::request(ask, port)?;
            (super::http::exchange(secured.stream, request, left).await?, secured.no_router)
        }
    };
    walk.begin(ProbeStep::App);
    match answer.judge(ask) {
        // The certificate said that nobody serves the name; an answer of 200 does not change that.
        Ok(_) if no_router => {
            let says = format!("the edge has no certificate for `{}`", plain(&ask.host, 100));
            Err(Failure { step: ProbeStep::Route, says })
        }
        judged => judged,
    }
}

pub(super) async fn connect(
    reach: &Reach,
    host: &str,
    port: u16,
    walk: &mut Walk,
) -> Result<TcpStream, Failure> {
    let link = match reach {
        Reach::Through(connector) => {
            walk.begin(ProbeStep::Tcp);
            match connector.connect().await {
                Ok(link) => link,
                Err(error) => {
                    // A connector may know better than the kind of its error.
                    let own = error.get_ref().map(|inner| plain(&inner.to_string(), 200));
                    let says = own.unwrap_or_else(|| io_words(&error));
                    return walk.failed(format!("{}: {says}", connector.name()));
                }
            }
        }
        Reach::Edge(address) => {
            walk.begin(ProbeStep::Tcp);
            match tcp(*address).await {
                Ok(stream) => Link { stream, via: Via::Address(*address) },
                Err(error) => return walk.failed(format!("the edge at {address}: {}", io_words(&error))),
            }
        }
        Reach::Dns => by_name(host, port, walk).await?,
    };
    walk.attempt.via = Some(link.via);
    link.stream.set_nodelay(true).ok();
    Ok(link.stream)
}

async fn by_name(host: &str, port: u16, walk: &mut Walk) -> Result<Link, Failure> {
    walk.begin(ProbeStep::Dns);
    let shown = plain(host, 100);
    let found: Vec<SocketAddr> =
        match tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((host, port))).await {
            Ok(Ok(found)) => found.take(ADDRESSES).collect(),
            Ok(Err(error)) => return walk.failed(format!("`{shown}` has no address: {}", io_words(&error))),
            Err(_) => return walk.failed(format!("`{shown}` was not resolved within {}", span(LOOK_UP))),
        };
    walk.begin(ProbeStep::Tcp);
    let mut says = format!("`{shown}` has no address");
    for address in found {
        match tcp(address).await {
            Ok(stream) => return Ok(Link { stream, via: Via::Address(address) }),
            Err(error) => says = format!("{address}: {}", io_words(&error)),
        }
    }
    walk.failed(says)
}

pub(super) struct Secured {
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) no_router: bool,
}

pub(super) async fn secure(
    stream: TcpStream,
    host: &str,
    trust: &Trust,
    walk: &mut Walk,
) -> Result<Secured, Failure> {
    walk.begin(ProbeStep::Tls);
    let (config, watching) = match tls::client(trust) {
        Ok(client) => client,
        Err(error) => return walk.failed(error.to_string()),
    };
    let Ok(name) = ServerName::try_from(host.to_owned()) else {
        return walk.failed(format!("`{}` is not a name that TLS can ask for", plain(host, 100)));
    };
    let outcome = TlsConnector::from(config).connect(name, stream).await;
    let seen = watching.take();
    walk.attempt.certificate.clone_from(&seen.certificate);
    match outcome {
        Ok(stream) => Ok(Secured { stream, no_router: seen.no_router }),
        Err(error) => {
            let certificate = seen.certificate.map(|c| c.to_string());
            match (seen.refused, certificate) {
                (Some(why), Some(certificate)) if certificate.contains(TRAEFIK_DEFAULT) => {
                    walk.failed(format!(
                        "{why}; Traefik shows this one where no router takes the name, or before the name's \
                         own is made: {certificate}"
                    ))
                }
                (Some(why), Some(certificate)) => walk.failed(format!("{why}: {certificate}")),
                (Some(why), None) => {
                    walk.failed(format!("a certificate that cannot be read was refused: {why}"))
                }
                (None, _) => walk.failed(no_greeting(&error, walk.attempt.via.as_ref())),
            }
        }
    }
}

/// Tells a server that cuts the connection from one that speaks, but not TLS.
fn no_greeting(error: &std::io::Error, via: Option<&Via>) -> String {
    use std::io::ErrorKind as Kind;
    match (error.kind(), via) {
        (
            Kind::UnexpectedEof | Kind::ConnectionReset | Kind::BrokenPipe | Kind::ConnectionAborted,
            Some(Via::Namespace(_) | Via::Bridge { .. }),
        ) => "the app took the connection and cut it before its TLS greeting: so does a server that has banned \
              us (Mumble: 10 connections in 120 s)"
            .to_owned(),
        (
            Kind::UnexpectedEof | Kind::ConnectionReset | Kind::BrokenPipe | Kind::ConnectionAborted,
            Some(Via::Address(_)) | None,
        ) => "the connection was taken and cut before the TLS greeting: the app behind the port is not up, or \
              it has banned us (Mumble: 10 connections in 120 s)"
            .to_owned(),
        _ => {
            let inner = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
            match inner {
                Some(rustls::Error::InvalidMessage(_)) => "what answers does not speak TLS".to_owned(),
                Some(rustls::Error::AlertReceived(alert)) => format!("the server refused the TLS greeting: {alert:?}"),
                Some(other) => plain(&other.to_string(), 200),
                None => io_words(error),
            }
        }
    }
}
