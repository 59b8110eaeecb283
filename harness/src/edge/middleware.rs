//! Middlewares, applied: a request is changed, or answered at once.

use domain::route::{Middleware, Permanent};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri, header};

use super::forward::Body;
use super::page::body;
use super::routes::HttpRoute;

/// What is known of a request besides its head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// Without port.
    pub(super) host: &'a str,
    /// Where the edge takes HTTPS; named in redirects unless it is 443.
    pub(super) https_port: u16,
}

/// What the middlewares came to.
pub(super) enum Applied {
    /// Go on to the service; these headers belong on its answer, the empty ones come off.
    Forward(Vec<(HeaderName, HeaderValue)>),
    Answer(Box<Response<Body>>),
}

/// Applies the middlewares of a route in their order.
pub(super) fn apply(route: &HttpRoute, parts: &mut Parts, context: Context<'_>) -> Applied {
    let mut answer_headers = Vec::new();
    for (middleware, regex) in route.router.middlewares.iter().zip(&route.regexes) {
        let to = match middleware {
            Middleware::RedirectScheme { scheme, port, permanent } => {
                let port = match port {
                    Some(port) => Some(port.clone()),
                    None if scheme == "https" && context.https_port != 443 => {
                        Some(context.https_port.to_string())
                    }
                    None => None,
                };
                (scheme != context.scheme).then(|| {
                    let port = port.map(|p| format!(":{p}")).unwrap_or_default();
                    (format!("{scheme}://{}{port}{}", context.host, target(parts)), *permanent)
                })
            }
            Middleware::RedirectRegex { replacement, permanent, .. } => regex.as_ref().and_then(|regex| {
                let whole = format!("{}://{}{}", context.scheme, authority(parts, context), target(parts));
                let to = regex.replace(&whole, replacement.as_str());
                (to != whole).then(|| (to.into_owned(), *permanent))
            }),
            Middleware::ForceHost { host } => (!context.host.eq_ignore_ascii_case(host))
                .then(|| (format!("https://{host}{}{}", port_of(context), target(parts)), Permanent::Yes)),
            Middleware::StripPrefix { prefixes } => {
                strip(parts, prefixes);
                None
            }
            Middleware::AddPrefix { prefix } => {
                let path = format!("{prefix}{}", parts.uri.path());
                set_path(parts, &path);
                None
            }
            Middleware::Headers { request, response } => {
                for (name, value) in request {
                    set(&mut parts.headers, name, value);
                }
                answer_headers.extend(response.iter().filter_map(|(name, value)| {
                    Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
                }));
                None
            }
            Middleware::NotApplied { .. } => None,
        };
        if let Some((to, permanent)) = to {
            return Applied::Answer(Box::new(redirect(&parts.method, &to, permanent)));
        }
    }
    Applied::Forward(answer_headers)
}

/// Makes a redirect; methods other than `GET` keep theirs, as at Traefik.
pub(super) fn redirect(method: &Method, to: &str, permanent: Permanent) -> Response<Body> {
    let status = match (method == Method::GET, permanent) {
        (true, Permanent::Yes) => StatusCode::MOVED_PERMANENTLY,
        (true, Permanent::No) => StatusCode::FOUND,
        (false, Permanent::Yes) => StatusCode::PERMANENT_REDIRECT,
        (false, Permanent::No) => StatusCode::TEMPORARY_REDIRECT,
    };
    let mut answer = Response::new(body(status.canonical_reason().unwrap_or_default()));
    *answer.status_mut() = status;
    // A target that cannot stand in a header came from the request; then there is nowhere to go.
    match HeaderValue::try_from(to) {
        Ok(to) => {
            answer.headers_mut().insert(header::LOCATION, to);
        }
        Err(_) => *answer.status_mut() = StatusCode::BAD_REQUEST,
    }
    answer
}

/// Returns `:port` of the edge where it has to be named.
pub(super) fn port_of(context: Context<'_>) -> String {
    if context.https_port == 443 { String::new() } else { format!(":{}", context.https_port) }
}

/// Returns path and query.
pub(super) fn target(parts: &Parts) -> &str {
    parts.uri.path_and_query().map_or("/", |p| p.as_str())
}

fn authority(parts: &Parts, context: Context<'_>) -> String {
    let named = parts.headers.get(header::HOST).and_then(|h| h.to_str().ok());
    named.unwrap_or(context.host).to_owned()
}

fn strip(parts: &mut Parts, prefixes: &[String]) {
    let path = parts.uri.path().to_owned();
    for prefix in prefixes {
        if let Some(rest) = path.strip_prefix(prefix.as_str()) {
            let rest = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
            set_path(parts, &rest);
            set(&mut parts.headers, "x-forwarded-prefix", prefix);
            return;
        }
    }
}

/// Changes the path and keeps the query. A path that no address can hold changes nothing.
fn set_path(parts: &mut Parts, path: &str) {
    let query = parts.uri.query().map(|q| format!("?{q}")).unwrap_or_default();
    if let Ok(uri) = Uri::try_from(format!("{path}{query}")) {
        parts.uri = uri;
    }
}

/// Sets a header; an empty value takes it away.
pub(super) fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    let Ok(name) = HeaderName::try_from(name) else { return };
    if value.is_empty() {
        headers.remove(name);
    } else if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}
