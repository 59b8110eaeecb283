//! JSON to and from the engine as it is on the wire, one connection for each question.
//!
//! Why beside bollard: bollard loses `Healthcheck` and `NetworksAttachments` on reading (dependencies.md, traps
//! 1 and 2), writes request bodies to its debug log (law 11: a secret's body is the secret), and knows only the
//! fields of its own version. Specs therefore go out and come in through here, word for word; bollard carries
//! the streams: events, logs, exec, archives, pulls.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::error::EngineError;

/// Longest time for a question that the engine answers from its own memory. On a node under full load the
/// slowest seen was 6 s; a manager without a leader answers with an error after 10 to 20 s.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Most bytes of one JSON answer: listing 5,000 tasks came to 20 MB.
const ANSWER_BYTES: usize = 64 << 20;

/// Where the engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Unix(PathBuf),
    Tcp(String),
}

impl Place {
    /// Reads the form of `DOCKER_HOST`.
    pub(super) fn parse(host: &str) -> Result<Self, EngineError> {
        let bad = |rule| EngineError::BadHost { host: host.to_owned(), rule };
        if let Some(path) = host.strip_prefix("unix://") {
            if path.is_empty() {
                return Err(bad("the socket's path is missing"));
            }
            return Ok(Self::Unix(path.into()));
        }
        if let Some(address) = host.strip_prefix("tcp://").or_else(|| host.strip_prefix("http://")) {
            let address = address.trim_end_matches('/');
            if address.is_empty() {
                return Err(bad("the address is missing"));
            }
            let port = address.rsplit(':').next().is_some_and(|p| p.parse::<u16>().is_ok());
            return Ok(Self::Tcp(if port { address.to_owned() } else { format!("{address}:2375") }));
        }
        if host.starts_with("ssh://") || host.starts_with("https://") {
            return Err(bad(
                "engines behind ssh or TLS are not supported yet: forward its socket and name that",
            ));
        }
        Err(bad("it begins neither with `unix://` nor with `tcp://`"))
    }
}

/// Asks the engine one thing at a time.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) place: Place,
    /// As the caller wrote it, for messages.
    pub(super) host: String,
    /// `/v1.41`, as negotiated.
    pub(super) prefix: String,
}

impl Raw {
    /// Gets JSON. `query` holds pairs that are not yet encoded.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, &str)],
        doing: &str,
    ) -> Result<Value, EngineError> {
        let body = self.send(Method::GET, path, query, None, doing, ANSWER_LIMIT).await?;
        Self::read(&body, doing)
    }

    /// Posts JSON and returns the answer, `Null` where there is none.
    pub(super) async fn post(
        &self,
        path: &str,
        query: &[(&str, &str)],
        body: &Value,
        doing: &str,
    ) -> Result<Value, EngineError> {
        let answer = self.send(Method::POST, path, query, Some(body), doing, ANSWER_LIMIT).await?;
        if answer.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        Self::read(&answer, doing)
    }

    /// Deletes; what is not there counts as deleted.
    pub(super) async fn delete(
        &self,
        path: &str,
        query: &[(&str, &str)],
        doing: &str,
    ) -> Result<(), EngineError> {
        match self.send(Method::DELETE, path, query, None, doing, ANSWER_LIMIT).await {
            Err(error) if error.is_absent() => Ok(()),
            other => other.map(drop),
        }
    }

    fn read(body: &Bytes, doing: &str) -> Result<Value, EngineError> {
        serde_json::from_slice(body)
            .map_err(|bad| EngineError::Garbled { doing: doing.to_owned(), says: bad.to_string() })
    }

    /// Asks for the version and for the engine's time, which its answer carries to the second.
    pub(super) async fn version(&self, doing: &str) -> Result<(Value, Option<DateTime<Utc>>), EngineError> {
        let (body, date) = self.exchange(Method::GET, "/version", &[], None, doing).await?;
        // In the middle of the second.
        let date = date.map(|d| d + TimeDelta::milliseconds(500));
        Ok((Self::read(&body, doing)?, date))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
        doing: &str,
        limit: Duration,
    ) -> Result<Bytes, EngineError> {
        tokio::time::timeout(limit, self.exchange(method, path, query, body, doing))
            .await
            .unwrap_or_else(|_| Err(EngineError::Deadline { doing: doing.to_owned(), limit }))
            .map(|(body, _)| body)
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
        doing: &str,
    ) -> Result<(Bytes, Option<DateTime<Utc>>), EngineError> {
        let away = |source: io::Error| EngineError::Unreachable {
            host: self.host.clone(),
            doing: doing.to_owned(),
            source,
        };
        let target = format!("{}{path}{}", self.prefix, encode(query));
        let payload = body.map(|b| Bytes::from(b.to_string()));
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, "engine")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(payload.unwrap_or_default()))
            .map_err(|bad| EngineError::Garbled { doing: doing.to_owned(), says: bad.to_string() })?;
        let stream: Box<dyn Wire> = match &self.place {
            Place::Unix(path) => Box::new(UnixStream::connect(path).await.map_err(away)?),
            Place::Tcp(address) => {
                let stream = TcpStream::connect(address).await.map_err(away)?;
                stream.set_nodelay(true).map_err(away)?;
                Box::new(stream)
            }
        };
        let broke = |error: hyper::Error| away(io::Error::other(error));
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broke)?;
        // It ends by itself when the sender is dropped; its error reaches us through the answer.
        drop(tokio::spawn(connection));
        let answer = sender.send_request(request).await.map_err(broke)?;
        let status = answer.status();
        let date = answer.headers().get(header::DATE).and_then(|d| d.to_str().ok());
        let date = date.and_then(|d| DateTime::parse_from_rfc2822(d).ok()).map(|d| d.to_utc());
        let body = Limited::new(answer.into_body(), ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| away(io::Error::other(error)))?
            .to_bytes();
        // 304: it was in that state before.
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok((body, date));
        }
        Err(EngineError::Refused {
            doing: doing.to_owned(),
            status: status.as_u16(),
            says: message_of(&body),
        })
    }
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// The engine's errors are `{"message": "…"}`.
fn message_of(body: &Bytes) -> String {
    let told = serde_json::from_slice::<Value>(body).ok();
    match told.as_ref().and_then(|v| v.get("message")).and_then(Value::as_str) {
        Some(message) => message.trim().to_owned(),
        None => String::from_utf8_lossy(body).trim().chars().take(500).collect(),
    }
}

fn encode(query: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (nth, (key, value)) in query.iter().enumerate() {
        text.push(if nth == 0 { '?' } else { '&' });
        text.push_str(key);
        text.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    text.push(char::from(byte));
                }
                other => text.push_str(&format!("%{other:02X}")),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_addressed_as_docker_host_is_written() {
        assert_eq!(Place::parse("unix:///run/d.sock").unwrap(), Place::Unix("/run/d.sock".into()));
        assert_eq!(Place::parse("tcp://127.0.0.1:2380").unwrap(), Place::Tcp("127.0.0.1:2380".into()));
        assert_eq!(Place::parse("tcp://engine/").unwrap(), Place::Tcp("engine:2375".into()));
        assert_eq!(Place::parse("tcp://[::1]:99").unwrap(), Place::Tcp("[::1]:99".into()));
    }

    #[test]
    fn an_address_that_cannot_be_used_says_why_and_what_to_do() {
        let bad = Place::parse("ssh://somewhere").unwrap_err();
        assert_eq!(
            bad.to_string(),
            "engine address `ssh://somewhere` cannot be used: engines behind ssh or TLS are not supported yet: forward its socket and name that"
        );
        assert!(bad.hint().is_some());
        assert!(Place::parse("unix://").is_err());
        assert!(Place::parse("/var/run/docker.sock").is_err());
    }

    #[test]
    fn queries_are_encoded_byte_for_byte() {
        assert_eq!(
            encode(&[("filters", r#"{"a":["b=ü"]}"#), ("all", "true")]),
            "?filters=%7B%22a%22%3A%5B%22b%3D%C3%BC%22%5D%7D&all=true"
        );
        assert_eq!(encode(&[]), "");
    }

    #[test]
    fn the_engines_own_words_are_kept_and_others_are_cut() {
        assert_eq!(
            message_of(&Bytes::from_static(b"{\"message\":\"no such service\\n\"}")),
            "no such service"
        );
        assert_eq!(message_of(&Bytes::from(vec![b'x'; 9000])).len(), 500);
    }
}
