//! A tree to YAML text that every reader takes for the same tree.

use std::fmt::Write as _;

use super::block::Print;

/// Longest key that is printed before its colon without a mark, in bytes. Readers look for the colon of such a key
/// in 1,024 characters and no further; Docker's writer stops here.
const LONGEST_PLAIN_KEY: usize = 128;

pub(super) fn write(tree: &Print) -> String {
    let mut out = String::new();
    value(tree, 0, Place::Top, &mut out);
    out
}

/// What stands before a value on its line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Key,
    Dash,
}

fn value(tree: &Print, indent: usize, place: Place, out: &mut String) {
    match tree {
        Print::List(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                start_line(index, indent, place, out);
                out.push('-');
                value(item, indent + 1, Place::Dash, out);
            }
        }
        Print::Map(entries) if !entries.is_empty() => {
            for (index, (key, entry)) in entries.iter().enumerate() {
                start_line(index, indent, place, out);
                if key.len() > LONGEST_PLAIN_KEY {
                    out.push_str("? ");
                    text(key, out);
                    out.push('\n');
                    pad(indent, out);
                } else {
                    text(key, out);
                }
                out.push(':');
                value(entry, indent + 1, Place::Key, out);
            }
        }
        Print::Null
        | Print::Bool(_)
        | Print::Int(_)
        | Print::Uint(_)
        | Print::Float(_)
        | Print::Text(_)
        | Print::Lines(_)
        | Print::Time(_)
        | Print::List(_)
        | Print::Map(_) => {
            if place != Place::Top {
                out.push(' ');
            }
            scalar(tree, out);
            out.push('\n');
        }
    }
}

fn start_line(index: usize, indent: usize, place: Place, out: &mut String) {
    match (index, place) {
        // The first entry goes on the line of its dash.
        (0, Place::Dash) => out.push(' '),
        (0, Place::Key) => {
            out.push('\n');
            pad(indent, out);
        }
        (_, Place::Top | Place::Key | Place::Dash) => pad(indent, out),
    }
}

fn pad(indent: usize, out: &mut String) {
    (0..indent).for_each(|_| out.push_str("  "));
}

fn scalar(tree: &Print, out: &mut String) {
    match tree {
        Print::Null => out.push_str("null"),
        Print::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Print::Int(value) => write!(out, "{value}").expect("writing to a String cannot fail"),
        Print::Uint(value) => write!(out, "{value}").expect("writing to a String cannot fail"),
        Print::Float(number) => out.push_str(number),
        Print::Text(value) => text(value, out),
        Print::Lines(value) => quoted(value, out),
        Print::Time(value) => out.push_str(value),
        Print::List(_) => out.push_str("[]"),
        Print::Map(_) => out.push_str("{}"),
    }
}

fn text(value: &str, out: &mut String) {
    if is_plain(value) {
        out.push_str(value);
    } else {
        quoted(value, out);
    }
}

fn quoted(value: &str, out: &mut String) {
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}') =>
            {
                write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a String cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Tells whether Docker prints the text without quotes. Readers differ in what such a text means (`12:30`,
/// `2024-01-02 03:04:05+00:00`), so ours is printed without quotes exactly where Docker's is.
fn is_plain(text: &str) -> bool {
    if !crate::yaml::reads_as_text(text) || is_old_boolean(text) || is_base_60(text) {
        return false;
    }
    let document = text.starts_with("---") || text.starts_with("...");
    !document
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && text.chars().all(is_printable)
        && !has_indicator(text)
}

fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{A0}'..='\u{FFFD}') && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}')
}

/// Tells whether a sign in the text would be read as more than a sign.
fn has_indicator(text: &str) -> bool {
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        let ends_word = chars.peek().is_none_or(|&next| next == ' ');
        let special = match c {
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => first,
            '#' => before == ' ',
            '?' | '-' => first && ends_word,
            ':' => ends_word,
            _ => false,
        };
        if special {
            return true;
        }
        before = c;
        first = false;
    }
    false
}

fn is_old_boolean(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let known = matches!(lower.as_str(), "y" | "yes" | "on" | "n" | "no" | "off");
    let mut letters = text.chars();
    let first = letters.next();
    let tail = letters.as_str();
    let cased = tail == tail.to_ascii_lowercase()
        || (tail == tail.to_ascii_uppercase() && first.is_some_and(|c| c.is_ascii_uppercase()));
    known && cased
}

/// `12:30`, which some readers take for 750.
fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = text.split(':');
    let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let head = parts.next().unwrap_or_default();
    let mut tail: Vec<&str> = parts.collect();
    if tail.is_empty() || !head.starts_with(|c: char| c.is_ascii_digit()) || !number(head) {
        return false;
    }
    if let Some((last, fraction)) = tail.last().and_then(|last| last.split_once('.')) {
        if !number(fraction) {
            return false;
        }
        tail.pop();
        tail.push(last);
    }
    let sixty = |part: &&str| match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [b'0'..=b'5', digit] => digit.is_ascii_digit(),
        _ => false,
    };
    tail.iter().all(sixty)
}
