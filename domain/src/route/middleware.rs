//! Middlewares: the settings of each, collected label by label, then made into what is applied.

use std::collections::BTreeMap;

use super::{Middleware, Permanent};

/// The labels of one middleware: path below its name (fields in lower case, header names as written) and value.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) service: String,
    /// Kind, rest of the path, label, value.
    pub(super) labels: Vec<(String, Vec<String>, String, String)>,
}

/// What the labels of one middleware come to.
#[derive(Clone, Debug)]
pub(super) enum Made {
    Steps(Vec<Middleware>),
    /// Names of other middlewares, in order.
    Chain(Vec<String>),
}

/// What is wrong with one of the labels.
pub(super) struct Trouble {
    pub(super) label: String,
    pub(super) value: String,
    pub(super) why: String,
}

#[derive(Default)]
struct Headers {
    request: BTreeMap<String, String>,
    response: BTreeMap<String, String>,
    ssl_host: Option<String>,
    force_host: bool,
    ssl_redirect: bool,
    sts_seconds: Option<String>,
    sts_more: String,
}

/// Makes a middleware of its labels.
pub(super) fn make(settings: &Settings) -> (Made, Vec<Trouble>) {
    let mut trouble = Vec::new();
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut headers = None;
    let mut kind = String::new();
    for (k, path, label, value) in &settings.labels {
        let mut say = |why: &str| {
            trouble.push(Trouble { label: label.clone(), value: value.clone(), why: why.to_owned() });
        };
        if kind.is_empty() {
            kind.clone_from(k);
        } else if kind != *k {
            say("a middleware is of one kind, and an earlier label made it another");
            continue;
        }
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let known = match k.as_str() {
            "redirectscheme" => matches!(path[..], ["scheme" | "port" | "permanent"]),
            "redirectregex" => matches!(path[..], ["regex" | "replacement" | "permanent"]),
            "stripprefix" => matches!(path[..], ["prefixes" | "forceslash"]),
            "addprefix" => matches!(path[..], ["prefix"]),
            "chain" => matches!(path[..], ["middlewares"]),
            "headers" => {
                if let Err(why) = header(headers.get_or_insert_default(), &path, value) {
                    say(why);
                }
                continue;
            }
            _ => {
                say("this middleware is not applied here; requests pass as if it were not there");
                continue;
            }
        };
        if known {
            fields.insert(path.join("."), value.clone());
        } else {
            say("this setting of the middleware has no effect here");
        }
    }
    let mut need = |field: &str| match fields.get(field) {
        Some(value) => value.clone(),
        None => {
            trouble.push(Trouble {
                label: format!("{kind}.{field}"),
                value: String::new(),
                why: "the middleware needs this setting".to_owned(),
            });
            String::new()
        }
    };
    let permanent = if fields.get("permanent").is_some_and(|v| truth(v) == Some(true)) {
        Permanent::Yes
    } else {
        Permanent::No
    };
    let made = match kind.as_str() {
        "redirectscheme" => Made::Steps(vec![Middleware::RedirectScheme {
            scheme: need("scheme"),
            port: fields.get("port").filter(|p| !p.is_empty()).cloned(),
            permanent,
        }]),
        "redirectregex" => Made::Steps(vec![Middleware::RedirectRegex {
            regex: need("regex"),
            replacement: need("replacement"),
            permanent,
        }]),
        "stripprefix" => Made::Steps(vec![Middleware::StripPrefix { prefixes: list(&need("prefixes")) }]),
        "addprefix" => Made::Steps(vec![Middleware::AddPrefix { prefix: need("prefix") }]),
        "chain" => Made::Chain(list(&need("middlewares"))),
        "headers" => Made::Steps(headers.unwrap_or_default().steps()),
        _ => Made::Steps(vec![Middleware::NotApplied { kind }]),
    };
    (made, trouble)
}

fn header(headers: &mut Headers, path: &[&str], value: &str) -> Result<(), &'static str> {
    let yes = truth(value) == Some(true);
    let mut fixed = |name: &str, value: &str| {
        headers.response.insert(name.to_owned(), value.to_owned());
        Ok(())
    };
    match path {
        ["customrequestheaders", name] => {
            headers.request.insert((*name).to_owned(), value.to_owned());
            Ok(())
        }
        ["customresponseheaders", name] => fixed(name, value),
        ["framedeny"] if yes => fixed("x-frame-options", "DENY"),
        ["contenttypenosniff"] if yes => fixed("x-content-type-options", "nosniff"),
        ["browserxssfilter"] if yes => fixed("x-xss-protection", "1; mode=block"),
        ["customframeoptionsvalue"] => fixed("x-frame-options", value),
        ["custombrowserxssvalue"] => fixed("x-xss-protection", value),
        ["contentsecuritypolicy"] => fixed("content-security-policy", value),
        ["referrerpolicy"] => fixed("referrer-policy", value),
        ["permissionspolicy"] => fixed("permissions-policy", value),
        ["stsseconds"] => {
            headers.sts_seconds = Some(value.to_owned());
            Ok(())
        }
        ["stsincludesubdomains"] => {
            if yes {
                headers.sts_more.push_str("; includeSubdomains");
            }
            Ok(())
        }
        ["stspreload"] => {
            if yes {
                headers.sts_more.push_str("; preload");
            }
            Ok(())
        }
        ["sslhost"] => {
            headers.ssl_host = Some(value.to_owned());
            Ok(())
        }
        ["sslforcehost"] => {
            headers.force_host = yes;
            Ok(())
        }
        ["sslredirect"] => {
            headers.ssl_redirect = yes;
            Ok(())
        }
        // What is switched off asks for nothing; the others only matter behind a further proxy.
        ["framedeny" | "contenttypenosniff" | "browserxssfilter" | "forcestsheader" | "isdevelopment"]
        | ["ssltemporaryredirect"]
        | ["sslproxyheaders", _] => Ok(()),
        _ => Err("this header setting has no effect here"),
    }
}

impl Headers {
    fn steps(mut self) -> Vec<Middleware> {
        let mut steps = Vec::new();
        if self.ssl_redirect {
            let permanent = Permanent::Yes;
            steps.push(Middleware::RedirectScheme { scheme: "https".into(), port: None, permanent });
        }
        if let (true, Some(host)) = (self.force_host, self.ssl_host) {
            steps.push(Middleware::ForceHost { host: host.to_ascii_lowercase() });
        }
        if let Some(seconds) = self.sts_seconds.filter(|s| s != "0") {
            let value = format!("max-age={seconds}{}", self.sts_more);
            self.response.insert("strict-transport-security".into(), value);
        }
        if !self.request.is_empty() || !self.response.is_empty() {
            steps.push(Middleware::Headers { request: self.request, response: self.response });
        }
        steps
    }
}

/// Returns a truth value as Go reads it.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.trim() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Returns the parts of a list with commas.
pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
