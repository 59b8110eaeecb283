//! `$NAME`, `${NAME}` and `${NAME:-default}` in the values of an env file.

use super::variable_name;

/// What a backslash means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// In double quotes: `\n`, `\r`, `\t`, and `\"`, `\\`, `\$` and an escaped backquote for themselves.
    Replace,
    /// Without quotes: nothing.
    Keep,
}

/// Replaces variables in a text; an unknown one is empty. A dollar that starts no variable stays.
/// Returns `None` once the result is longer than `limit` bytes.
pub(super) fn expand<'a>(
    text: &'a str,
    escapes: Escapes,
    limit: usize,
    lookup: &dyn Fn(&str) -> Option<&'a str>,
) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c| c == '$' || (c == '\\' && escapes == Escapes::Replace)) {
        out.push_str(&rest[..at]);
        let (value, then) = match rest[at..].strip_prefix('$') {
            Some(after) => variable(after, lookup),
            None => escaped(&rest[at..]),
        };
        out.push_str(value);
        rest = then;
        if out.len() > limit {
            return None;
        }
    }
    out.push_str(rest);
    (out.len() <= limit).then_some(out)
}

/// Returns what stands for the text behind a dollar, and what follows.
fn variable<'a>(after: &'a str, lookup: &dyn Fn(&str) -> Option<&'a str>) -> (&'a str, &'a str) {
    if let Some((name, default, then)) = braced(after) {
        let value = lookup(name);
        let value = match default {
            Some(Default { text, for_empty }) => {
                value.filter(|value| !(value.is_empty() && for_empty)).unwrap_or(text)
            }
            None => value.unwrap_or_default(),
        };
        return (value, then);
    }
    match variable_name(after) {
        Some((name, then)) => (lookup(name).unwrap_or_default(), then),
        None => ("$", after),
    }
}

/// Returns what stands for an escape, and what follows; an unknown one stays as it is.
fn escaped(text: &str) -> (&str, &str) {
    let end = text.chars().take(2).map(char::len_utf8).sum();
    let (escape, then) = text.split_at(end);
    let value = match escape {
        "\\n" => "\n",
        "\\r" => "\r",
        "\\t" => "\t",
        "\\\"" | "\\\\" | "\\$" | "\\`" => &escape[1..],
        _ => escape,
    };
    (value, then)
}

struct Default<'a> {
    text: &'a str,
    /// `:-` stands in for an empty value too, `-` only for a missing one.
    for_empty: bool,
}

/// Reads `{NAME}`, `{NAME:-default}` or `{NAME-default}`, and returns what follows.
fn braced(text: &str) -> Option<(&str, Option<Default<'_>>, &str)> {
    let (name, rest) = variable_name(text.strip_prefix('{')?)?;
    if let Some(then) = rest.strip_prefix('}') {
        return Some((name, None, then));
    }
    let (default, for_empty) = match rest.strip_prefix(":-") {
        Some(default) => (default, true),
        None => (rest.strip_prefix('-')?, false),
    };
    let (text, then) = default.split_once('}')?;
    Some((name, Some(Default { text, for_empty }), then))
}
