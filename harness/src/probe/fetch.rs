//! A request whose answer is handed out whole, for those who judge it themselves.

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use domain::cause::ProbeStep;
use http::{Method, Request, header};
use http_body_util::Full;

use super::ask::Reach;
use super::steps::{Failure, Walk, connect, secure};
use super::text::{plain, span};
use super::tls::Trust;

/// One request with any method. Redirects are not followed.
#[derive(Clone)]
pub struct Fetch {
    pub reach: Reach,
    /// `None` is plain HTTP.
    pub tls: Option<Trust>,
    pub host: String,
    pub port: u16,
    pub method: String,
    /// With the query, beginning with `/`.
    pub path: String,
    pub headers: Vec<(String, String)>,
    /// User name and password (basic authentication).
    pub user: Option<(String, String)>,
    pub body: Option<Vec<u8>>,
}

impl std::fmt::Debug for Fetch {
    /// Neither headers, user nor body: they hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { reach, host, port, method, path, .. } = self;
        f.debug_struct("Fetch")
            .field("reach", reach)
            .field("host", host)
            .field("port", port)
            .field("method", method)
            .field("path", path)
            .finish_non_exhaustive()
    }
}

/// An answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub status: u16,
    /// Names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// Its first 256 KiB.
    pub body: Vec<u8>,
    /// Whether there was more of the body.
    pub cut: bool,
}

/// Asks once, within `limit`. A failure says which step it was; one of step TCP on the way to an edge speaks
/// against the edge, not against the app.
pub async fn fetch(ask: &Fetch, limit: Duration) -> Result<Fetched, Failure> {
    let mut walk = Walk::new();
    let done = tokio::time::timeout(limit, walk_through(ask, &mut walk, limit)).await;
    done.unwrap_or_else(|_| walk.failed(format!("no complete answer within {}", span(limit))))
}

async fn walk_through(ask: &Fetch, walk: &mut Walk, limit: Duration) -> Result<Fetched, Failure> {
    let request = request(ask)?;
    let started = tokio::time::Instant::now();
    let stream = connect(&ask.reach, &ask.host, ask.port, walk).await?;
    let (answer, no_router) = match &ask.tls {
        None => {
            walk.begin(ProbeStep::Http);
            (super::http::exchange(stream, request, limit.saturating_sub(started.elapsed())).await?, false)
        }
        Some(trust) => {
            let secured = secure(stream, &ask.host, trust, walk).await?;
            walk.begin(ProbeStep::Http);
            let left = limit.saturating_sub(started.elapsed());
            (super::http::exchange(secured.stream, request, left).await?, secured.no_router)
        }
    };
    if let Some(failure) = answer.of_the_edge() {
        return Err(failure);
    }
    if no_router {
        let says = format!("the edge has no certificate for `{}`", plain(&ask.host, 100));
        return Err(Failure { step: ProbeStep::Route, says });
    }
    Ok(answer.into_fetched())
}

fn request(ask: &Fetch) -> Result<Request<Full<Bytes>>, Failure> {
    let wrong = |says: String| Failure { step: ProbeStep::Http, says };
    let method = Method::from_bytes(ask.method.as_bytes())
        .map_err(|_| wrong(format!("`{}` is not an HTTP method", plain(&ask.method, 40))))?;
    let usual = if ask.tls.is_some() { 443 } else { 80 };
    // Users of an edge come to its usual port, whichever one it was given here.
    let host = match ask.reach {
        Reach::Dns | Reach::Through(_) if ask.port != usual => format!("{}:{}", ask.host, ask.port),
        Reach::Dns | Reach::Through(_) | Reach::Edge(_) => ask.host.clone(),
    };
    let path = if ask.path.starts_with('/') { ask.path.clone() } else { format!("/{}", ask.path) };
    let has = |name: &str| ask.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    let mut request = Request::builder().method(method).uri(path);
    if !has("host") {
        request = request.header(header::HOST, host);
    }
    if !has("user-agent") {
        request = request.header(header::USER_AGENT, "simmer-test");
    }
    if !has("accept") {
        request = request.header(header::ACCEPT, "*/*");
    }
    if let Some((user, password)) = &ask.user {
        let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        request = request.header(header::AUTHORIZATION, format!("Basic {both}"));
    }
    for (name, value) in &ask.headers {
        request = request.header(name, value);
    }
    if let Some(body) = &ask.body {
        request = request.header(header::CONTENT_LENGTH, body.len());
    }
    let body = Full::new(Bytes::from(ask.body.clone().unwrap_or_default()));
    request.body(body).map_err(|e| wrong(format!("the request cannot be built from the settings: {e}")))
}
