//! Static pages: no asset from elsewhere, everything escaped in one place. All of them work without the one script,
//! which filters log lines and says how old things are; the page's own policy lets no other script run.

mod cause;
mod index;
mod kept;
mod manifest;
mod promotion;
mod proof;
mod run;
mod timeline;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use domain::Verdict;
use domain::verdict::Depth;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde::Serialize;

use crate::text::plain;
use crate::view::{RunView, State};

/// Texts of the run's folder by the name that the events gave them: logs, output of tests and hooks; and what the run
/// was made with under [`MANIFEST`].
pub type Logs = BTreeMap<String, String>;

/// The name under which a run's folder, and [`Logs`], hold what the run was made with.
pub const MANIFEST: &str = "manifest.json";

const TEMPLATES: [(&str, &str); 10] = [
    ("style.css", include_str!("../../templates/style.css")),
    ("page.js", include_str!("../../templates/page.js")),
    ("time.html", include_str!("../../templates/time.html")),
    ("proof.html", include_str!("../../templates/proof.html")),
    ("promotion.html", include_str!("../../templates/promotion.html")),
    ("parts.html", include_str!("../../templates/parts.html")),
    ("base.html", include_str!("../../templates/base.html")),
    ("run.html", include_str!("../../templates/run.html")),
    ("index.html", include_str!("../../templates/index.html")),
    ("sweep.html", include_str!("../../templates/sweep.html")),
];

/// SHA-256 of `page.js` in base64, without its last new line: the only script that the pages' policy lets run. A test
/// says which it has to be.
const SCRIPT_HASH: &str = "TsBzTWsl1RketUIckJx7TB50IJhOjprKdH+bqq7U5r0=";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    env.set_syntax(syntax.expect("the usual delimiters do not clash"));
    env.set_auto_escape_callback(|name| {
        if name.ends_with(".css") || name.ends_with(".js") { AutoEscape::None } else { AutoEscape::Html }
    });
    // The one door of all text: control and direction characters are made visible before escaping, and a
    // value that is missing stops the page.
    env.set_formatter(|out, state, value| {
        if value.is_undefined() || value.is_none() {
            return Err(Error::new(ErrorKind::UndefinedError, "a value without text reached the page"));
        }
        match value.as_str() {
            Some(text) if !value.is_safe() => out.write_str(&escape(&plain(text))).map_err(Error::from),
            _ => minijinja::escape_formatter(out, state, value),
        }
    });
    env.add_global("script_hash", SCRIPT_HASH);
    env.add_filter("ticked", |text: &str| Value::from_safe_string(ticked(text)));
    for (name, source) in TEMPLATES {
        env.add_template(name, source).expect("the embedded templates parse: a test renders each");
    }
    env
});

pub(crate) fn render(template: &str, page: impl Serialize) -> String {
    let template = ENVIRONMENT.get_template(template).expect("the template is embedded");
    template
        .render(Value::from(Serde(page)))
        .expect("the model has every name that the template uses: tested")
}

/// Returns the page of one run. `logs` holds the kept texts by file name; a log that is not there is named
/// without its text. It is meant for the run's own folder, beside the kept logs and `events.jsonl`.
pub fn run_page(run: &RunView, logs: &Logs) -> String {
    render("run.html", run::model(run, logs))
}

/// Returns the matrix of recipes and tiers: one row a recipe, with its newest run; links go to
/// [`page_path`]. An empty list gives a page that says so, in red (law 1).
pub fn index_page(runs: &[RunView]) -> String {
    render("index.html", index::model(runs))
}

/// Returns the path of a run's page as seen from the index.
pub fn page_path(run: &RunView) -> String {
    run.run.as_ref().map(|id| format!("{id}/report.html")).unwrap_or_default()
}

/// The shape that stands for a verdict: also its class in the style sheet.
fn shape(verdict: Option<&Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Passed { depth: Depth::Asserted }) => "passed",
        Some(Verdict::Passed { depth: Depth::Superficial }) => "superficial",
        Some(Verdict::Failed { .. }) => "failed",
        Some(Verdict::Skipped { .. }) => "skipped",
        Some(Verdict::Unverified { .. }) => "unverified",
        None => "open",
    }
}

fn state_shape(state: State) -> &'static str {
    match state {
        State::Failed => "failed",
        State::DidNotEnd => "open",
        State::NotJudged | State::NothingJudged => "unverified",
        State::Superficial => "superficial",
        State::Passed => "passed",
    }
}

fn word(verdict: Option<&Verdict>) -> &'static str {
    verdict.map_or("no verdict", Verdict::word)
}

/// Escapes the text and sets what stands between two backticks as code, as our own sentences mean it.
fn ticked(text: &str) -> String {
    let escaped = escape(&plain(text));
    let parts: Vec<&str> = escaped.split('`').collect();
    // An odd number of backticks has no meaning: show them as they are.
    if parts.len().is_multiple_of(2) {
        return escaped;
    }
    let mut out = String::with_capacity(escaped.len() + 16 * parts.len());
    for (n, part) in parts.iter().enumerate() {
        if n % 2 == 1 {
            out.push_str(&format!("<code>{part}</code>"));
        } else {
            out.push_str(part);
        }
    }
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// A path for a link: only from here downwards, with every other character encoded.
fn link(path: &str) -> Option<String> {
    if !crate::is_inside(path) {
        return None;
    }
    let mut out = "./".to_owned();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_nowhere_but_downwards() {
        assert_eq!(link("logs/app 1.txt").as_deref(), Some("./logs/app%201.txt"));
        assert_eq!(link("javascript:alert(1)").as_deref(), Some("./javascript%3Aalert%281%29"));
        assert_eq!(link("../../etc/passwd"), None);
        assert_eq!(link("/etc/passwd"), None);
    }

    #[test]
    fn backticks_become_code_and_nothing_else_becomes_markup() {
        assert_eq!(ticked("`a<b>` left"), "<code>a&lt;b&gt;</code> left");
        assert_eq!(ticked("one ` only"), "one ` only");
        assert_eq!(ticked("<i>\u{1b}[1m`"), "&lt;i&gt;`");
    }

    #[test]
    fn a_value_that_is_missing_stops_the_page() {
        assert!(ENVIRONMENT.render_named_str("x.html", "{{ nothing }}", Value::from(Serde(()))).is_err());
        assert!(ENVIRONMENT.render_named_str("x.html", "{{ none }}", Value::from(Serde(()))).is_err());
    }
}
