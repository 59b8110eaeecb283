//! One request to one task, and its answer back; upgrades (WebSocket) included.

use std::net::IpAddr;

use bytes::Bytes;
use domain::route::{HostHeader, Scheme, Target};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version, header};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::Backend;
use super::idle::Idle;
use super::middleware::{Context, set, target};
use super::page::{Mark, page};
use super::serve::Shared;
use crate::probe::unchecked;

/// The body of an answer, ours or an app's.
pub(super) type Body = BoxBody<Bytes, hyper::Error>;

/// Headers that belong to one connection (RFC 9110, 7.6.1).
const HOP: [header::HeaderName; 6] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A request on its way to a task.
pub(super) struct Errand {
    pub(super) parts: Parts,
    pub(super) body: Incoming,
    /// To what the client wants to change the connection.
    pub(super) upgrade: Option<HeaderValue>,
}

/// Sends a request to the task and returns its answer, or a page that says why there is none.
pub(super) async fn forward(
    shared: &Shared,
    backend: &Backend,
    to: &Target,
    errand: Errand,
    context: Context<'_>,
) -> Response<Body> {
    let limits = shared.limits;
    let Errand { mut parts, body, upgrade } = errand;
    let gone = |says: String| {
        let text = format!("`{}` takes no connection on port {}: {says}\n", to.service, to.port);
        page(StatusCode::BAD_GATEWAY, Mark::Backend, text)
    };
    let link = match tokio::time::timeout(limits.connect, backend.connect()).await {
        Ok(Ok(link)) => link,
        Ok(Err(error)) => return gone(error.to_string()),
        Err(_) => return gone(format!("no answer in {} s (limit: connect)", limits.connect.as_secs())),
    };
    let stream = Idle::new(link.stream, limits.idle);
    let stream: Box<dyn Stream> = match to.scheme {
        Scheme::Http => Box::new(stream),
        Scheme::Https => {
            let name = ServerName::try_from(context.host.to_owned());
            let name = name.unwrap_or_else(|_| ServerName::IpAddress(IpAddr::from([127, 0, 0, 1]).into()));
            let greeting = TlsConnector::from(unchecked()).connect(name, stream);
            match tokio::time::timeout(limits.connect, greeting).await {
                Ok(Ok(stream)) => Box::new(stream),
                Ok(Err(error)) => return not_http(to, &format!("its TLS greeting failed: {error}")),
                Err(_) => return not_http(to, "its TLS greeting came to no end (limit: connect)"),
            }
        }
    };
    let client_side =
        upgrade.is_some().then(|| parts.extensions.remove::<hyper::upgrade::OnUpgrade>()).flatten();
    if let Some(upgrade) = upgrade {
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        parts.headers.insert(header::UPGRADE, upgrade);
    }
    if to.host_header == HostHeader::Own {
        set(&mut parts.headers, "host", &format!("{}:{}", to.service, to.port));
    }
    parts.version = Version::HTTP_11;
    // Only path and query: with a host in front, some servers take us for a proxy.
    parts.uri = Uri::try_from(target(&parts)).unwrap_or_default();
    let answer = match exchange(shared, stream, Request::from_parts(parts, body)).await {
        Ok(answer) => answer,
        Err(says) => return not_http(to, &says),
    };
    finish(shared, answer, client_side)
}

fn not_http(to: &Target, says: &str) -> Response<Body> {
    let text = format!("`{}` took the connection on port {}, and {says}\n", to.service, to.port);
    page(StatusCode::BAD_GATEWAY, Mark::BackendHttp, text)
}

async fn exchange(
    shared: &Shared,
    stream: Box<dyn Stream>,
    request: Request<Incoming>,
) -> Result<Response<Incoming>, String> {
    let limits = shared.limits;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.head_lines)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|e| format!("the connection broke: {e}"))?;
    // It ends with the answer's body, with the upgrade, or by its own idleness.
    shared.spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "connection to a task ended");
        }
    });
    match tokio::time::timeout(limits.answer, sender.send_request(request)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("its answer is not HTTP or broke off: {error}")),
        Err(_) => Err(format!("did not answer in {} s (limit: answer)", limits.answer.as_secs())),
    }
}

/// Takes off what belongs to the client's connection, and says who asks, as Traefik does: before the
/// middlewares, so that those may change it. Returns to what the client wants to change the connection.
pub(super) fn enter(parts: &mut Parts, context: Context<'_>, client: IpAddr) -> Option<HeaderValue> {
    let headers = &mut parts.headers;
    let upgrade = upgrade_of(headers);
    strip_hop(headers);
    let websocket = upgrade.as_ref().is_some_and(|u| u.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let scheme = match (context.scheme, websocket) {
        ("https", true) => "wss",
        (_, true) => "ws",
        (scheme, false) => scheme,
    };
    if !headers.contains_key(header::HOST) {
        set(headers, "host", context.host);
    }
    let asked = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or(context.host).to_owned();
    // What a client says of itself here is not believed: it is overwritten.
    set(headers, "x-forwarded-for", &client.to_string());
    set(headers, "x-real-ip", &client.to_string());
    set(headers, "x-forwarded-proto", scheme);
    set(headers, "x-forwarded-host", &asked);
    // A user meets the usual ports, whichever ones this edge was given.
    set(headers, "x-forwarded-port", if context.scheme == "https" { "443" } else { "80" });
    set(headers, "x-forwarded-server", "simmer-edge");
    headers.remove("x-forwarded-prefix");
    headers.remove("forwarded");
    upgrade
}

fn strip_hop(headers: &mut HeaderMap) {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(',').map(|n| n.trim().to_owned()))
        .collect();
    for name in named {
        // The length of a body is ours to know, whatever a client lists.
        if !name.eq_ignore_ascii_case("content-length") && !name.eq_ignore_ascii_case("host") {
            headers.remove(name);
        }
    }
    for name in HOP {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
}

/// Returns to what the client wants to change the connection, if it does.
fn upgrade_of(headers: &HeaderMap) -> Option<HeaderValue> {
    let wants = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .any(|v| v.split(',').any(|n| n.trim().eq_ignore_ascii_case("upgrade")));
    wants.then(|| headers.get(header::UPGRADE).cloned()).flatten()
}

/// Hands the answer on; after an upgrade both sides talk as they like.
fn finish(
    shared: &Shared,
    mut answer: Response<Incoming>,
    client_side: Option<hyper::upgrade::OnUpgrade>,
) -> Response<Body> {
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let to = answer.headers().get(header::UPGRADE).cloned();
        let task_side = hyper::upgrade::on(&mut answer);
        if let Some(client_side) = client_side {
            shared.spawn(async move {
                let (Ok(client), Ok(task)) = (client_side.await, task_side.await) else { return };
                let (mut client, mut task) = (TokioIo::new(client), TokioIo::new(task));
                // It ends when a side closes, or by the idleness of either.
                if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut task).await {
                    tracing::debug!(%error, "upgraded connection ended");
                }
            });
        }
        strip_hop(answer.headers_mut());
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        if let Some(to) = to {
            answer.headers_mut().insert(header::UPGRADE, to);
        }
    } else {
        strip_hop(answer.headers_mut());
    }
    // Only the edge may speak for the edge: an app must not pass for a missing route.
    answer.headers_mut().remove(crate::probe::EDGE_HEADER);
    answer.map(BodyExt::boxed)
}
