//! The engine's door: HTTP on a socket and on loopback, with faults where they are asked for.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use crate::clock::Pace;
use crate::events::{is_wanted, parse_time};
use crate::faults::{Fault, Faults};
use crate::filters::Filters;
use crate::route::{Answer, Refusal, Request};
use crate::state::State;

/// Between two looks of the clock at what is due, where nothing is known to be.
const LOOK: Duration = Duration::from_millis(20);

/// What happens at most between two looks. What crashes at once and for ever has more due at each look the longer the
/// last one took: a slow machine would do nothing else any more, and answer nobody. So its virtual time goes slower.
const STEPS: usize = 100;
/// For so many times as long as a look took the clock leaves the machine to the others.
const REST: u32 = 3;

type Body = UnsyncBoxBody<Bytes, Cut>;

/// What the server and the test share.
pub(crate) struct Shared {
    state: Mutex<State>,
    faults: Mutex<Faults>,
    /// Raised whenever something may have changed.
    changes: watch::Sender<u64>,
    /// How many calls were swallowed.
    pub(crate) silent: watch::Sender<usize>,
    /// Raised to break every open stream.
    pub(crate) cuts: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn new(state: State) -> Self {
        let (changes, silent, cuts) = (watch::Sender::new(0), watch::Sender::new(0), watch::Sender::new(0));
        Self { state: Mutex::new(state), faults: Mutex::default(), changes, silent, cuts }
    }

    /// Looks at the state or changes it; those who wait for changes look again.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let done = act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changes.send_modify(|count| *count += 1);
        done
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that ends in the middle.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// Serves until the runtime ends.
pub(crate) async fn serve(shared: Arc<Shared>, unix: UnixListener, tcp: TcpListener, pace: Pace) {
    tokio::spawn(run_clock(shared.clone(), pace));
    loop {
        tokio::select! {
            taken = unix.accept() => if let Ok((stream, _)) = taken { connection(&shared, stream) },
            taken = tcp.accept() => if let Ok((stream, _)) = taken {
                drop(stream.set_nodelay(true));
                connection(&shared, stream);
            },
        }
    }
}

async fn run_clock(shared: Arc<Shared>, pace: Pace) {
    let Pace::Times(speed) = pace else { return };
    let mut last = Instant::now();
    let mut changes = shared.changes.subscribe();
    loop {
        let passed = last.elapsed().saturating_mul(speed);
        last = Instant::now();
        let due = shared.with(|state| {
            let limit = state.clock.now.saturating_add(passed);
            state.run_some(limit, STEPS);
            state.clock.next().map(|next| next.saturating_sub(state.clock.now) / speed)
        });
        // Our own raise is not news.
        changes.mark_unchanged();
        let pause = due.unwrap_or(LOOK).clamp(Duration::from_micros(200), LOOK);
        tokio::time::sleep(last.elapsed().saturating_mul(REST)).await;
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = changes.changed() => {}
        }
    }
}

fn connection(shared: &Arc<Shared>, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let shared = shared.clone();
    tokio::spawn(async move {
        let service = service_fn(move |request| respond(shared.clone(), request));
        let mut server = hyper::server::conn::http1::Builder::new();
        // A client that broke off is no trouble of ours.
        drop(server.keep_alive(true).serve_connection(TokioIo::new(stream), service).with_upgrades().await);
    });
}

async fn respond(shared: Arc<Shared>, mut request: http::Request<Incoming>) -> Result<Response<Body>, Cut> {
    let upgrade = request.headers().contains_key(header::UPGRADE).then(|| hyper::upgrade::on(&mut request));
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes().to_vec();
    let (path, wanted) = without_version(parts.uri.path());
    let call =
        Request { method: parts.method, path, query: pairs(parts.uri.query().unwrap_or_default()), body };
    let fault = shared.faults().note(format!("{} {}", call.method, call.path));
    match &fault {
        Some(Fault::Refuse(status)) => {
            return Ok(refused(&Refusal::new(*status, "the fake was told to refuse")));
        }
        Some(Fault::ResetBefore) => return Err(Cut),
        Some(Fault::Silence) => {
            shared.silent.send_modify(|count| *count += 1);
            std::future::pending::<()>().await;
        }
        Some(Fault::DiskFull) if call.path == "/volumes/create" => {
            let says = "error while creating volume root path: mkdir: no space left on device";
            return Ok(refused(&Refusal::new(500, says)));
        }
        Some(Fault::ResetAfter | Fault::Cut | Fault::DiskFull | Fault::Unanswered) | None => {}
    }
    let told = shared.with(|state| {
        if let Some(wanted) = wanted.filter(|w| call.path != "/version" && too_new(w, state.api)) {
            let says =
                format!("client version {wanted} is too new. Maximum supported API version is {}", state.api);
            return Err(Refusal::new(400, says));
        }
        state.answer(&call)
    });
    if fault == Some(Fault::ResetAfter) {
        return Err(Cut);
    }
    if fault == Some(Fault::Unanswered) {
        shared.silent.send_modify(|count| *count += 1);
        std::future::pending::<()>().await;
    }
    match told {
        Ok(answer) => Ok(written(&shared, answer, upgrade, fault == Some(Fault::Cut))),
        Err(refusal) => Ok(refused(&refusal)),
    }
}

/// `/v1.41/info` as `/info` and `1.41`.
fn without_version(path: &str) -> (String, Option<String>) {
    let rest = path.strip_prefix("/v").and_then(|rest| rest.split_once('/'));
    match rest {
        Some((version, rest)) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            (decoded(&format!("/{rest}")), Some(version.to_owned()))
        }
        Some(_) | None => (decoded(path), None),
    }
}

fn too_new(wanted: &str, known: &str) -> bool {
    let minor = |version: &str| version.split('.').nth(1).and_then(|m| m.parse::<u32>().ok());
    minor(wanted) > minor(known)
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    let pair = |part: &str| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        (decoded(&key.replace('+', " ")), decoded(&value.replace('+', " ")))
    };
    query.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match (first, code.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

fn head(status: u16, kind: &str) -> http::response::Builder {
    Response::builder().status(status).header(header::CONTENT_TYPE, kind)
}

fn refused(refusal: &Refusal) -> Response<Body> {
    let body = json!({"message": refusal.says}).to_string() + "\n";
    head(refusal.status, "application/json").body(full(body)).expect("a status and a content type are valid")
}

fn written(
    shared: &Arc<Shared>,
    answer: Answer,
    upgrade: Option<hyper::upgrade::OnUpgrade>,
    cut: bool,
) -> Response<Body> {
    let response = match answer {
        Answer::Json(status, value) => head(status, "application/json").body(full(value.to_string() + "\n")),
        Answer::Empty(status) => Response::builder().status(status).body(full(Bytes::new())),
        Answer::Lines(lines) => {
            let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            head(200, "application/json").body(full(text))
        }
        Answer::Bytes { bytes, kind, stat } => {
            let mut head = head(200, kind);
            if let Some(stat) = stat {
                head = head.header("X-Docker-Container-Path-Stat", stat);
            }
            head.body(full(bytes))
        }
        Answer::Events { since, until, filters } => head(200, "application/json").body(streamed(
            shared,
            cut,
            events(shared.clone(), since, until, filters),
        )),
        Answer::Log { container, follow, tail } => {
            let lines = log(shared.clone(), container, follow, tail);
            head(200, "application/vnd.docker.raw-stream").body(streamed(shared, cut, lines))
        }
        Answer::Exec { id, takes_input } => match upgrade {
            Some(upgrade) => {
                tokio::spawn(run_exec(shared.clone(), upgrade, id, takes_input, cut));
                Response::builder()
                    .status(101)
                    .header(header::CONTENT_TYPE, "application/vnd.docker.raw-stream")
                    .header(header::CONNECTION, "Upgrade")
                    .header(header::UPGRADE, "tcp")
                    .body(full(Bytes::new()))
            }
            None => {
                let answer = shared.with(|state| state.run_exec(&id, Vec::new()));
                let bytes =
                    answer.map(|a| [frame(1, &a.stdout), frame(2, &a.stderr)].concat()).unwrap_or_default();
                head(200, "application/vnd.docker.raw-stream").body(full(bytes))
            }
        },
    };
    response.expect("statuses and headers are valid")
}

/// A body that comes bit by bit, until it ends or every stream is cut.
fn streamed(shared: &Shared, cut: bool, parts: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    let mut cuts = shared.cuts.subscribe();
    let broken = stream::once(async move {
        if !cut {
            drop(cuts.changed().await);
        }
        Err(Cut)
    });
    let parts = parts.map(Some).chain(stream::iter([None]));
    let both = stream::select(parts.map(Ok), broken.map(|cut: Result<Option<Bytes>, Cut>| cut));
    // The head goes out before anything comes, as the engine has it.
    let ends = both.take_while(|part| std::future::ready(!matches!(part, Ok(None))));
    let frames =
        ends.filter_map(|part| std::future::ready(part.transpose())).map(|part| part.map(Frame::data));
    BodyExt::boxed_unsync(StreamBody::new(frames))
}

fn events(
    shared: Arc<Shared>,
    since: Option<String>,
    until: Option<String>,
    filters: Filters,
) -> impl Stream<Item = Bytes> + Send {
    let until = until.as_deref().and_then(parse_time);
    let first = shared.with(|state| match since.as_deref().and_then(parse_time) {
        Some(since) => state.events.partition_point(|(at, _)| *at < since),
        None => state.events.len(),
    });
    let changes = shared.changes.subscribe();
    stream::unfold(
        (shared, changes, first, filters),
        move |(shared, mut changes, mut next, filters)| async move {
            loop {
                changes.mark_unchanged();
                let fresh = {
                    let state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
                    let fresh = state.events[next..].iter().filter(|(_, event)| is_wanted(event, &filters));
                    let fresh = fresh.filter(|(at, _)| until.is_none_or(|until| *at <= until));
                    let text: String = fresh.map(|(_, event)| format!("{event}\n")).collect();
                    next = state.events.len();
                    text
                };
                if !fresh.is_empty() {
                    return Some((Bytes::from(fresh), (shared, changes, next, filters)));
                }
                if until.is_some_and(|until| until <= chrono::Utc::now()) || changes.changed().await.is_err()
                {
                    return None;
                }
            }
        },
    )
}

fn log(
    shared: Arc<Shared>,
    container: String,
    follow: bool,
    tail: Option<usize>,
) -> impl Stream<Item = Bytes> + Send {
    let first = shared.with(|state| {
        let lines = state.containers.iter().find(|c| c.id == container).map_or(0, |c| c.log.len());
        tail.map_or(0, |tail| lines.saturating_sub(tail))
    });
    let changes = shared.changes.subscribe();
    stream::unfold((shared, changes, first), move |(shared, mut changes, mut next)| {
        let container = container.clone();
        async move {
            loop {
                changes.mark_unchanged();
                let (fresh, over) = {
                    let state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
                    let found = state.containers.iter().find(|c| c.id == container);
                    let lines = found.map_or(&[][..], |c| c.log.get(next..).unwrap_or_default());
                    next += lines.len();
                    let frames: Vec<u8> =
                        lines.iter().flat_map(|l| frame(1, format!("{l}\n").as_bytes())).collect();
                    (frames, found.is_none_or(|c| !c.is_running()))
                };
                if !fresh.is_empty() {
                    return Some((Bytes::from(fresh), (shared, changes, next)));
                }
                if over || !follow || changes.changed().await.is_err() {
                    return None;
                }
            }
        }
    })
}

/// Output as the engine wraps it: 1 is stdout, 2 stderr.
fn frame(which: u8, bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[which, 0, 0, 0], &length[..], bytes].concat()
}

async fn run_exec(
    shared: Arc<Shared>,
    upgrade: hyper::upgrade::OnUpgrade,
    id: String,
    takes_input: bool,
    cut: bool,
) {
    let Ok(upgraded) = upgrade.await else { return };
    let mut stream = TokioIo::new(upgraded);
    if cut {
        return;
    }
    let mut input = Vec::new();
    if takes_input && stream.read_to_end(&mut input).await.is_err() {
        return;
    }
    let Some(answer) = shared.with(|state| state.run_exec(&id, input)) else { return };
    let output = [frame(1, &answer.stdout), frame(2, &answer.stderr)].concat();
    drop(stream.write_all(&output).await);
    drop(stream.shutdown().await);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_without_its_version_and_its_escapes() {
        assert_eq!(
            without_version("/v1.41/images/a/b:1/json"),
            ("/images/a/b:1/json".into(), Some("1.41".into()))
        );
        assert_eq!(without_version("/volumes/x%20y"), ("/volumes/x y".into(), None));
        assert_eq!(pairs("filters=%7B%7D&all=1")["filters"], "{}");
        assert!(too_new("1.53", "1.41") && !too_new("1.41", "1.45"));
    }
}
