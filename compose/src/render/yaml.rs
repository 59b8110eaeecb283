//! A tree to YAML text that every reader takes for the same tree.

use std::fmt::Write as _;

use super::block::Print;

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
                text(key, out);
                out.push(':');
                value(entry, indent + 1, Place::Key, out);
            }
        }
        scalar => {
            if place != Place::Top {
                out.push(' ');
            }
            self::scalar(scalar, out);
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
        Print::Time(value) => out.push_str(value),
        Print::List(_) => out.push_str("[]"),
        Print::Map(_) => out.push_str("{}"),
    }
}

/// Words that some reader takes for something else than a text.
const TAKEN: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"];

fn text(value: &str, out: &mut String) {
    let plain = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./-".contains(&b))
        && !TAKEN.contains(&value.to_ascii_lowercase().as_str());
    if plain {
        out.push_str(value);
        return;
    }
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
