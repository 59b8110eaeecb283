//! Numbers and values as Go prints them.

use std::fmt::Write as _;

use crate::yaml::{Kind, Node};

/// Writes a float as Go's `%v` does: `0.5`, `1e+08`.
pub(crate) fn go_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    go_scientific(&format!("{value:e}"), PRINTED)
}

/// Writes a 32-bit float as Go does, with no more digits than it needs.
pub(crate) fn go_float32(value: f32) -> String {
    go_scientific(&format!("{value:e}"), PRINTED)
}

/// Exponents that Go prints without `e`.
const PRINTED: std::ops::Range<i32> = -4..6;

/// The same for JSON, which the CLI compares list items in.
const IN_JSON: std::ops::Range<i32> = -6..21;

/// Turns Rust's shortest scientific form into Go's choice of forms.
fn go_scientific(shortest: &str, plain: std::ops::Range<i32>) -> String {
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", mantissa),
    };
    let digits = digits.replace('.', "");
    if !plain.contains(&exponent) {
        let point = if digits.len() > 1 { "." } else { "" };
        let sign_of = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{}{point}{}e{sign_of}{:02}", &digits[..1], &digits[1..], exponent.abs());
    }
    if exponent < 0 {
        let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or(0));
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole = usize::try_from(exponent).unwrap_or(0) + 1;
    if digits.len() <= whole {
        format!("{sign}{digits}{}", "0".repeat(whole - digits.len()))
    } else {
        format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
    }
}

/// Writes a value as compact JSON with sorted keys, so that equal values give equal texts.
pub(crate) fn json(node: &Node) -> String {
    let mut out = String::new();
    write_json(node, &mut out);
    out
}

fn write_json(node: &Node, out: &mut String) {
    match &node.kind {
        Kind::Null => out.push_str("null"),
        Kind::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Kind::Int(value) => write!(out, "{value}").expect("writing to a String cannot fail"),
        Kind::Uint(value) => write!(out, "{value}").expect("writing to a String cannot fail"),
        Kind::Float(value) => out.push_str(&go_scientific(&format!("{value:e}"), IN_JSON)),
        Kind::Text(text) => write!(out, "{text:?}").expect("writing to a String cannot fail"),
        Kind::Time(time) => write!(out, "{:?}", time.rfc3339).expect("writing to a String cannot fail"),
        Kind::List(items) => {
            out.push('[');
            for item in items {
                write_json(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Kind::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by(|a, b| a.key.cmp(&b.key));
            out.push('{');
            for entry in entries {
                write!(out, "{:?}:", entry.key).expect("writing to a String cannot fail");
                write_json(&entry.value, out);
                out.push(',');
            }
            out.push('}');
        }
    }
}
