//! Judges what came against what was expected. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::text::{Words, shown};
use crate::instance::ask::Expect;

/// Longest piece of what came that is quoted, in characters.
const QUOTE: usize = 300;

/// What came of an ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    /// Status of an HTTP answer.
    pub(super) status: Option<u16>,
    /// Exit code of a command.
    pub(super) exit: Option<i64>,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    /// Output, body, reference or content.
    pub(super) text: String,
    /// What a command wrote to stderr: shown, never judged by `equals`.
    pub(super) errors: String,
    /// Whether there was more of it than is read.
    pub(super) cut: bool,
    /// How the text is called, such as `body`.
    pub(super) called: &'static str,
}

/// Returns an expectation with its words filled in.
pub(super) fn filled(expect: &Expect, words: &Words) -> Expect {
    let Expect { status, exit, contains, lacks, equals, headers, json } = expect;
    let all = |texts: &[String]| texts.iter().map(|t| words.fill(t)).collect();
    Expect {
        status: status.clone(),
        exit: *exit,
        contains: all(contains),
        lacks: all(lacks),
        equals: equals.as_ref().map(|t| words.fill(t)),
        headers: headers.iter().map(|(k, v)| (k.clone(), words.fill(v))).collect(),
        json: json.iter().map(|(k, v)| (words.fill(k), words.fill_json(v))).collect(),
    }
}

/// Returns what is otherwise than expected, the first of it, with what came. `mask` blanks secrets out of what is
/// quoted, before it is cut: half a secret would not be known as one.
pub(super) fn otherwise(expect: &Expect, reply: &Reply, mask: &dyn Fn(&str) -> String) -> Option<String> {
    let Expect { status, exit, contains, lacks, equals, headers, json } = expect;
    let quoted = |text: &str| format!("`{}`", shown(&mask(text), QUOTE));
    let called = reply.called;
    if let Some(code) = reply.exit {
        let wanted = exit.unwrap_or(0);
        if code != wanted {
            let said = [reply.errors.trim(), reply.text.trim()].into_iter().find(|t| !t.is_empty());
            let said = said.map_or_else(|| "it wrote nothing".to_owned(), |t| quoted(tail(&mask(t))));
            return Some(format!("expected exit code {wanted}, got {code}: {said}"));
        }
    }
    if let Some(came) = reply.status {
        let good = if status.is_empty() { (200..300).contains(&came) } else { status.contains(&came) };
        if !good {
            let wanted = match status.as_slice() {
                [] => "200–299".to_owned(),
                some => some.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "),
            };
            let to = header(&reply.headers, "location").map(|to| format!(" (to {})", quoted(to)));
            let body =
                if reply.text.is_empty() { String::new() } else { format!(": {}", quoted(&reply.text)) };
            return Some(format!("expected status {wanted}, got {came}{}{body}", to.unwrap_or_default()));
        }
    }
    for (name, wanted) in headers {
        let mut values = reply.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        match values.clone().next() {
            None => return Some(format!("expected header {}, and there is none", quoted(name))),
            Some(_) if values.any(|(_, v)| v.contains(wanted.as_str())) => {}
            Some((_, came)) => {
                return Some(format!(
                    "expected header {} with {}, got {}",
                    quoted(name),
                    quoted(wanted),
                    quoted(came)
                ));
            }
        }
    }
    if let Some(wanted) = equals
        && wanted.trim() != reply.text.trim()
    {
        let came = quoted(reply.text.trim());
        return Some(format!("expected the {called} {}, got {came}", quoted(wanted.trim())));
    }
    let cut = if reply.cut { " (of which only the beginning was read)" } else { "" };
    if let Some(wanted) = contains.iter().find(|t| !reply.text.contains(t.as_str())) {
        let came = quoted(&reply.text);
        return Some(format!("expected {} in the {called}{cut}, got {came}", quoted(wanted)));
    }
    if let Some(unwanted) = lacks.iter().find(|t| reply.text.contains(t.as_str())) {
        let came = quoted(around(&mask(&reply.text), unwanted));
        return Some(format!("expected no {} in the {called}, got {came}", quoted(unwanted)));
    }
    wrong_json(json, reply, quoted)
}

fn wrong_json(
    json: &BTreeMap<String, Value>,
    reply: &Reply,
    quoted: impl Fn(&str) -> String,
) -> Option<String> {
    if json.is_empty() {
        return None;
    }
    let called = reply.called;
    let body: Value = match serde_json::from_str(&reply.text) {
        Ok(body) => body,
        Err(error) => return Some(format!("the {called} is not JSON ({error}): {}", quoted(&reply.text))),
    };
    json.iter().find_map(|(pointer, wanted)| match body.pointer(pointer) {
        None => Some(format!(
            "expected {} at {} of the {called}, and there is nothing: {}",
            quoted(&wanted.to_string()),
            quoted(pointer),
            quoted(&reply.text)
        )),
        Some(came) if is_same(came, wanted) => None,
        Some(came) => Some(format!(
            "expected {} at {} of the {called}, got {}",
            quoted(&wanted.to_string()),
            quoted(pointer),
            quoted(&came.to_string())
        )),
    })
}

/// Compares JSON as its readers do: `1` is `1.0`, and the order of keys says nothing.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| is_same(v, w)))
        }
        (a, b) => a == b,
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
}

/// Returns the end of a long text: what a command says last is why it failed.
fn tail(text: &str) -> &str {
    let from = text.char_indices().rev().nth(QUOTE - 1).map_or(0, |(at, _)| at);
    &text[from..]
}

/// Returns the text from shortly before where `what` stands in it.
fn around<'a>(text: &'a str, what: &str) -> &'a str {
    let at = text.find(what).unwrap_or(0);
    let from = text[..at].char_indices().rev().nth(40).map_or(0, |(at, _)| at);
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(status: u16, text: &str) -> Reply {
        Reply { status: Some(status), text: text.into(), called: "body", ..Reply::default() }
    }

    fn says(expect: Expect, reply: &Reply) -> String {
        otherwise(&expect, reply, &str::to_owned).unwrap_or_else(|| "as expected".into())
    }

    #[test]
    fn what_is_otherwise_names_what_was_expected_and_what_came() {
        let exit = Reply { exit: Some(3), errors: "no\u{1b}[1m such\n".into(), ..body(0, "") };
        let exit = Reply { status: None, called: "output", ..exit };
        let mut answer = body(200, "{\"users\":[{\"name\":\"ann\"}],\"n\":1.0}");
        answer.headers.push(("content-type".into(), "text/html".into()));
        let told = [
            says(Expect::default(), &exit),
            says(Expect::default(), &body(502, "bad\tgateway")),
            says(Expect { status: vec![301, 302], ..Expect::default() }, &body(200, "")),
            says(Expect { contains: vec!["wolf".into()], ..Expect::default() }, &body(200, "sheep")),
            says(Expect { lacks: vec!["hee".into()], ..Expect::default() }, &body(200, "sheep")),
            says(Expect { equals: Some("1".into()), ..Expect::default() }, &body(200, " 2\n")),
            says(
                Expect { headers: [("Content-Type".into(), "json".into())].into(), ..Expect::default() },
                &answer,
            ),
            says(Expect { headers: [("ETag".into(), String::new())].into(), ..Expect::default() }, &answer),
            says(
                Expect { json: [("/users/0/name".into(), json!("bob"))].into(), ..Expect::default() },
                &answer,
            ),
            says(Expect { json: [("/none".into(), json!(1))].into(), ..Expect::default() }, &answer),
            says(Expect { json: [("/n".into(), json!(1))].into(), ..Expect::default() }, &answer),
            says(Expect { json: [("/n".into(), json!(1))].into(), ..Expect::default() }, &body(200, "<p>")),
        ];
        insta::assert_snapshot!(told.join("\n"), @r#"
        expected exit code 0, got 3: `no\u{1b}[1m such`
        expected status 200–299, got 502: `bad\tgateway`
        expected status 301 or 302, got 200
        expected `wolf` in the body, got `sheep`
        expected no `hee` in the body, got `sheep`
        expected the body `1`, got `2`
        expected header `Content-Type` with `json`, got `text/html`
        expected header `ETag`, and there is none
        expected `"bob"` at `/users/0/name` of the body, got `"ann"`
        expected `1` at `/none` of the body, and there is nothing: `{"users":[{"name":"ann"}],"n":1.0}`
        as expected
        the body is not JSON (expected value at line 1 column 1): `<p>`
        "#);
    }

    #[test]
    fn what_is_quoted_is_bounded_at_whole_characters() {
        let long = "é".repeat(5000);
        let exit = Reply { status: None, exit: Some(1), errors: long.clone(), ..body(0, "") };
        assert!(says(Expect::default(), &exit).chars().count() < 400);
        assert!(says(Expect { lacks: vec!["é".into()], ..Expect::default() }, &body(200, &long)).len() < 800);
    }
}
