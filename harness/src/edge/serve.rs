//! Connections, from the first byte to the route.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use domain::route::{Asked, PLAIN_ENTRY, Permanent, RouterTls, TLS_ENTRY, To};
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;
use super::forward::{Body, Errand, enter, forward};
use super::greeting::{self, First};
use super::idle::Idle;
use super::middleware::{Applied, Context, apply, port_of, redirect, target};
use super::page::{Mark, no_router, page};
use super::routes::{Board, Greeted, HttpRoute, Snapshot, TcpRoute};
use super::start::Limits;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) board: Board,
    pub(super) limits: Limits,
    pub(super) tls: Arc<ServerConfig>,
    pub(super) https_port: u16,
    /// What outlives the request that began it: connections to tasks, upgraded connections.
    pub(super) further: Mutex<JoinSet<()>>,
}

impl Shared {
    /// Starts a task that ends with the edge at the latest.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut further = self.further.lock().unwrap_or_else(PoisonError::into_inner);
        while further.try_join_next().is_some() {}
        further.spawn(task);
    }
}

/// Shows a certificate for the names that are routed, and the one for nobody for all others.
#[derive(Debug)]
pub(super) struct Certificates {
    pub(super) authority: Authority,
    /// Set once the edge stands; before that nobody connects.
    pub(super) shared: std::sync::OnceLock<std::sync::Weak<Shared>>,
}

impl rustls::server::ResolvesServerCert for Certificates {
    fn resolve(&self, hello: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let shared = self.shared.get().and_then(std::sync::Weak::upgrade);
        match (name, shared) {
            (Some(name), Some(shared)) if shared.board.now().serves_tls(&name) => self.authority.leaf(&name),
            (_, _) => self.authority.nobody(),
        }
    }
}

/// Serves a connection to the entry point for plain HTTP.
pub(super) async fn plain(shared: Arc<Shared>, stream: TcpStream, client: SocketAddr) {
    let stream = Idle::new(stream, shared.limits.idle);
    http(shared, stream, client.ip(), RouterTls::Off).await;
}

/// Serves a connection to the entry point for HTTPS.
pub(super) async fn secure(shared: Arc<Shared>, stream: TcpStream, client: SocketAddr) {
    let stream = Idle::new(stream, shared.limits.idle);
    if let Err(error) = greet(shared, stream, client.ip(), TLS_ENTRY).await {
        tracing::debug!(%client, %error, "connection ended");
    }
}

/// Serves a connection to a TCP entry point.
pub(super) async fn tcp(shared: Arc<Shared>, entry: Arc<str>, stream: TcpStream, client: SocketAddr) {
    let stream = Idle::new(stream, shared.limits.idle);
    let ended = if shared.board.now().wants_greeting(&entry) {
        greet(shared, stream, client.ip(), &entry).await
    } else {
        // Some protocols let the server speak first: nothing is waited for.
        match shared.board.now().plain_tcp(&entry, &asked_tcp("", client.ip())) {
            Some(route) => splice(&shared, &route, stream).await,
            None => Ok(()),
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%client, %entry, %error, "connection ended");
    }
}

async fn greet<S>(shared: Arc<Shared>, stream: S, client: IpAddr, entry: &str) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let limit = shared.limits.greeting;
    let (first, mut stream) = tokio::time::timeout(limit, greeting::read(stream)).await.map_err(late)??;
    let name = match first {
        First::Tls { name } => name.unwrap_or_default(),
        First::Other => {
            if let Some(route) = shared.board.now().plain_tcp(entry, &asked_tcp("", client))
                && entry != TLS_ENTRY
            {
                return splice(&shared, &route, stream).await;
            }
            let text = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nX-Simmer-Edge: request\r\n\
                        Connection: close\r\n\r\nthis port speaks TLS only\n";
            stream.write_all(text.as_bytes()).await?;
            return stream.shutdown().await;
        }
    };
    match shared.board.now().greeted(entry, &asked_tcp(&name, client)) {
        Greeted::Pass(route) => splice(&shared, &route, stream).await,
        Greeted::End(route) => {
            let accepting = TlsAcceptor::from(Arc::clone(&shared.tls)).accept(stream);
            let stream = tokio::time::timeout(limit, accepting).await.map_err(late)??;
            splice(&shared, &route, stream).await
        }
        Greeted::Http if entry == TLS_ENTRY => {
            let accepting = TlsAcceptor::from(Arc::clone(&shared.tls)).accept(stream);
            let stream = tokio::time::timeout(limit, accepting).await.map_err(late)??;
            http(shared, stream, client, RouterTls::On).await;
            Ok(())
        }
        // A TCP entry point that no router wants to serve for this name.
        Greeted::Http => Ok(()),
    }
}

/// Carries bytes both ways until a side closes or nothing moves any more.
async fn splice<S>(shared: &Shared, route: &TcpRoute, mut stream: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let link = tokio::time::timeout(shared.limits.connect, route.backend.connect()).await.map_err(late)??;
    let mut task = Idle::new(link.stream, shared.limits.idle);
    tokio::io::copy_bidirectional(&mut stream, &mut task).await.map(drop)
}

fn asked_tcp(name: &str, client: IpAddr) -> Asked<'_> {
    Asked { host: name, path: "", query: "", method: "", headers: &[], client }
}

async fn http<S>(shared: Arc<Shared>, stream: S, client: IpAddr, tls: RouterTls)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let limits = shared.limits;
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, std::convert::Infallible>(answer(&shared, request, client, tls).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.greeting)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.head_lines)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = serving.await {
        tracing::debug!(%client, %error, "connection ended");
    }
}

/// Answers one request.
async fn answer(
    shared: &Shared,
    request: Request<Incoming>,
    client: IpAddr,
    tls: RouterTls,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Some(host) = host_of(&parts) else {
        let text = "the request names no host\n".to_owned();
        return page(StatusCode::BAD_REQUEST, Mark::Request, text);
    };
    let (entry, scheme) = match tls {
        RouterTls::On => (TLS_ENTRY, "https"),
        RouterTls::Off => (PLAIN_ENTRY, "http"),
    };
    let context = Context { scheme, host: &host, https_port: shared.https_port };
    let snapshot = shared.board.now();
    let found = find(&snapshot, &parts, entry, tls, &host, client);
    let Some(route) = found else {
        // Co-op Cloud's Traefik sends everything on `web` to `web-secure`; here only what is served there.
        if tls == RouterTls::Off && find(&snapshot, &parts, TLS_ENTRY, RouterTls::On, &host, client).is_some()
        {
            let to = format!("https://{host}{}{}", port_of(context), target(&parts));
            return redirect(&parts.method, &to, Permanent::Yes);
        }
        return no_router(&snapshot, entry, &host, parts.uri.path());
    };
    serve(shared, route, parts, body, context, client).await
}

async fn serve(
    shared: &Shared,
    route: &HttpRoute,
    mut parts: http::request::Parts,
    body: Incoming,
    context: Context<'_>,
    client: IpAddr,
) -> Response<Body> {
    let upgrade = enter(&mut parts, context, client);
    let headers = match apply(route, &mut parts, context) {
        Applied::Forward(headers) => headers,
        Applied::Answer(answer) => return *answer,
    };
    let mut answer = match &route.router.to {
        To::Service(to) => {
            let errand = Errand { parts, body, upgrade };
            forward(shared, &route.backend, to, errand, context).await
        }
        To::Noop => {
            let text = format!("router `{}` ends here (`noop@internal`)\n", route.router.name);
            page(StatusCode::IM_A_TEAPOT, Mark::Request, text)
        }
    };
    for (name, value) in headers {
        if value.is_empty() {
            answer.headers_mut().remove(name);
        } else {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

fn find<'a>(
    snapshot: &'a Snapshot,
    parts: &http::request::Parts,
    entry: &str,
    tls: RouterTls,
    host: &str,
    client: IpAddr,
) -> Option<&'a HttpRoute> {
    let headers: Vec<(&str, &str)> = parts
        .headers
        .iter()
        .filter_map(|(name, value): (_, &HeaderValue)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let asked = Asked {
        host,
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or(""),
        method: parts.method.as_str(),
        headers: &headers,
        client,
    };
    snapshot.http(entry, tls, &asked)
}

/// Returns the host that is asked for, without port, in lower case.
fn host_of(parts: &http::request::Parts) -> Option<String> {
    let named = match parts.uri.host() {
        Some(host) => host.to_owned(),
        None => {
            let header = parts.headers.get(header::HOST)?.to_str().ok()?;
            header.parse::<http::uri::Authority>().ok()?.host().to_owned()
        }
    };
    Some(named.trim_end_matches('.').to_ascii_lowercase()).filter(|host| !host.is_empty())
}
