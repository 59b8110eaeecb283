//! One request and one answer over a connection that somebody else made.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::EDGE_HEADER;
use super::ask::HttpAsk;
use super::fetch::Fetched;
use super::steps::Failure;
use super::text::plain;
use domain::cause::ProbeStep;

/// Largest head of an answer, in bytes.
const HEAD_BYTES: usize = 64 * 1024;
/// Most header lines of an answer.
const HEAD_LINES: usize = 200;
/// How much of a body is read, in bytes.
const BODY_BYTES: usize = 256 * 1024;

/// An answer, read as far as its bounds.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    cut: bool,
}

/// Asks over `stream`. The caller bounds the whole.
pub(super) async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
    left: Duration,
) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let failed = |says: String| Failure { step: ProbeStep::Http, says };
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_LINES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|e| failed(words(&e)))?;
    tokio::pin!(connection);
    let talk = async {
        let answer = sender.send_request(request).await.map_err(|e| failed(words(&e)))?;
        let (head, mut body) = answer.into_parts();
        let mut read = Vec::new();
        let mut cut = false;
        // A body that never ends is no fault of the head: take what came and judge that.
        let reading = async {
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|e| failed(format!("the body broke off: {}", words(&e))))?;
                let Ok(data) = frame.into_data() else { continue };
                let room = BODY_BYTES.saturating_sub(read.len());
                read.extend_from_slice(&data[..data.len().min(room)]);
                if room < data.len() {
                    cut = true;
                    break;
                }
            }
            Ok::<(), Failure>(())
        };
        match tokio::time::timeout(left.mul_f32(0.9), reading).await {
            Ok(done) => done?,
            Err(_) => cut = true,
        }
        Ok(Answer { status: head.status, headers: head.headers, body: read, cut })
    };
    tokio::pin!(talk);
    tokio::select! {
        answer = &mut talk => answer,
        // The rest of a body may still be with us; the connection knows better why there is none.
        ended = &mut connection => match ended {
            Ok(()) => talk.await,
            Err(error) => talk.await.map_err(|_| failed(words(&error))),
        },
    }
}

/// Returns the request of a probe, with `port` in the name of the host unless it is the usual one.
pub(super) fn request(ask: &HttpAsk, port: Option<u16>) -> Result<Request<Full<Bytes>>, Failure> {
    let usual = if ask.tls.is_some() { 443 } else { 80 };
    let host = match port {
        Some(port) if port != usual => format!("{}:{port}", ask.host),
        Some(_) | None => ask.host.clone(),
    };
    let path = if ask.path.starts_with('/') { ask.path.clone() } else { format!("/{}", ask.path) };
    let mut request =
        Request::get(path).header(header::HOST, host).header(header::USER_AGENT, "simmer-probe");
    if !ask.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
        request = request.header(header::ACCEPT, "*/*");
    }
    for (name, value) in &ask.headers {
        request = request.header(name, value);
    }
    request.body(Full::default()).map_err(|e| Failure {
        step: ProbeStep::Http,
        says: format!("the request cannot be built from the settings: {e}"),
    })
}

impl Answer {
    /// Returns what the embedded edge says, where the answer is not the app's but its own.
    pub(super) fn of_the_edge(&self) -> Option<Failure> {
        let mark = self.headers.get(EDGE_HEADER)?;
        let says = self.beginning();
        Some(match mark.as_bytes() {
            b"no-router" => Failure { step: ProbeStep::Route, says },
            b"backend" => Failure { step: ProbeStep::Tcp, says },
            _ => Failure { step: ProbeStep::Http, says },
        })
    }

    pub(super) fn into_fetched(self) -> Fetched {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = self.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        Fetched { status: self.status.as_u16(), headers, body: self.body, cut: self.cut }
    }

    /// Returns what the answer says in short, or the step at which it is wrong.
    pub(super) fn judge(&self, ask: &HttpAsk) -> Result<String, Failure> {
        let app = |says: String| Err(Failure { step: ProbeStep::App, says });
        if let Some(failure) = self.of_the_edge() {
            return Err(failure);
        }
        let status = self.status.as_u16();
        if !ask.expect.statuses.holds(status) {
            let mut says = format!("answered {status}, expected {}", ask.expect.statuses);
            if let Some(to) = self.headers.get(header::LOCATION) {
                says.push_str(&format!(" (to `{}`)", plain(&String::from_utf8_lossy(to.as_bytes()), 200)));
            }
            if status == 404 && self.body.trim_ascii() == b"404 page not found" {
                says.push_str("; Traefik says this where no router takes the name and path");
            } else if !self.body.is_empty() {
                says.push_str(&format!(": {}", self.beginning()));
            }
            return app(says);
        }
        for rule in &ask.expect.headers {
            let mut values = self.headers.get_all(&rule.name).iter();
            let found = match &rule.contains {
                None => values.next().is_some(),
                Some(text) => values.any(|v| String::from_utf8_lossy(v.as_bytes()).contains(text)),
            };
            if !found {
                let holding = rule.contains.as_ref().map(|t| format!(" with `{}`", plain(t, 80)));
                let name = plain(&rule.name, 80);
                return app(format!(
                    "answered {status} without header `{name}`{}",
                    holding.unwrap_or_default()
                ));
            }
        }
        for text in &ask.expect.body {
            if !contains(&self.body, text.as_bytes()) {
                let cut = if self.cut { " in what could be read of it" } else { "" };
                let text = plain(text, 80);
                return app(format!(
                    "answered {status}, and its body does not hold `{text}`{cut}: {}",
                    self.beginning()
                ));
            }
        }
        Ok(format!("answered {status}"))
    }

    fn beginning(&self) -> String {
        plain(&String::from_utf8_lossy(&self.body[..self.body.len().min(2000)]), 300)
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|w| w == text)
}

/// Returns hyper's error in plain words.
fn words(error: &hyper::Error) -> String {
    if error.is_parse() {
        return format!("the answer is not HTTP ({})", plain(&error.to_string(), 120));
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return "the connection was closed before the answer was complete".to_owned();
    }
    match std::error::Error::source(error).and_then(|e| e.downcast_ref::<std::io::Error>()) {
        Some(io) => super::text::io_words(io),
        None => plain(&error.to_string(), 200),
    }
}
