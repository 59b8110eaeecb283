//! Answers of the edge itself. Each carries the header that keeps a probe from blaming the app.

use bytes::Bytes;
use domain::route::RouterTls;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};

use super::forward::Body;
use super::routes::Snapshot;
use crate::probe::EDGE_HEADER;

/// Most lines of either list on a page.
const LINES: usize = 50;

/// Why the edge answers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// No router takes the request.
    NoRouter,
    /// The task takes no connection.
    Backend,
    /// The task took the connection, and what it answers is not HTTP, or comes too late.
    BackendHttp,
    /// The request itself is wrong.
    Request,
}

/// Makes a page of plain text.
pub(super) fn page(status: StatusCode, mark: Mark, text: String) -> Response<Body> {
    let mut page = Response::new(body(text));
    *page.status_mut() = status;
    let mark = match mark {
        Mark::NoRouter => "no-router",
        Mark::Backend => "backend",
        Mark::BackendHttp => "backend-http",
        Mark::Request => "request",
    };
    page.headers_mut().insert(EDGE_HEADER, HeaderValue::from_static(mark));
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    page.headers_mut().insert(header::CONTENT_TYPE, text);
    page
}

/// Makes a body of text.
pub(super) fn body(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed()
}

/// Says that nobody serves a request, and what is served.
pub(super) fn no_router(snapshot: &Snapshot, entry: &str, host: &str, path: &str) -> Response<Body> {
    let plain = |text: &str| text.chars().filter(|c| !c.is_control()).take(200).collect::<String>();
    let mut text = format!("no router takes `{}{}` on entry point `{entry}`\n", plain(host), plain(path));
    let routers: Vec<String> = snapshot
        .http
        .iter()
        .map(|r| {
            let entries: Vec<&str> = r.router.entrypoints.iter().map(String::as_str).collect();
            let (stack, router) = (&r.stack, &r.router);
            let tls = match router.tls {
                RouterTls::On => "TLS",
                RouterTls::Off => "plain",
            };
            format!("{stack}: `{}` takes {} on {} ({tls})", router.name, router.rule, entries.join(", "))
        })
        .chain(
            snapshot
                .tcp
                .iter()
                .map(|r| format!("{}: `{}` takes {} (TCP)", r.stack, r.router.name, r.router.rule)),
        )
        .collect();
    list(&mut text, "routers", &routers);
    list(&mut text, "not served", &snapshot.unknown);
    page(StatusCode::NOT_FOUND, Mark::NoRouter, text)
}

fn list(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        text.push_str(&format!("{title}: none\n"));
        return;
    }
    text.push_str(&format!("{title}:\n"));
    for line in lines.iter().take(LINES) {
        text.push_str(&format!("  {line}\n"));
    }
    if LINES < lines.len() {
        text.push_str(&format!("  and {} more\n", lines.len() - LINES));
    }
}
