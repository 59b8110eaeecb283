//! Numbers as Go reads them, numbers and values as Go prints them.

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

/// Writes a 32-bit float as the CLI's YAML has it, with no more digits than it needs.
pub(crate) fn yaml_float32(value: f32) -> String {
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    go_scientific(&format!("{value:e}"), PRINTED)
}

/// Reads a float as Go's `ParseFloat` does: with `_` between digits, and `0x1.8p3` for 12. Nothing for what is no number
/// or too large for one.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let text = without_separators(text)?;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text.strip_prefix('+').unwrap_or(&text)),
    };
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => hexadecimal(digits)?,
        None if digits.starts_with(|c: char| c == '.' || c.is_ascii_digit()) => digits.parse().ok()?,
        None => return None,
    };
    Some(sign * value).filter(|value: &f64| value.is_finite())
}

/// Takes out the `_`, each of which has to stand between two digits; the `0x` counts as one.
fn without_separators(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    if !text.contains('_') {
        return Some(text.into());
    }
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text).as_bytes();
    let prefixed = bare.len() > 2 && bare[0] == b'0' && bare[1].eq_ignore_ascii_case(&b'x');
    let digit = |byte: &u8| if prefixed { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
    let between = |at: usize| {
        let before = at > 0 && (digit(&bare[at - 1]) || (prefixed && at == 2));
        before && bare.get(at + 1).is_some_and(digit)
    };
    let fits = bare.iter().enumerate().all(|(at, byte)| *byte != b'_' || between(at));
    fits.then(|| text.replace('_', "").into())
}

/// Reads what follows `0x`: digits, maybe a point, and an exponent of two, which must be there.
fn hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let bare = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if whole.is_empty() && fraction.is_empty() || bare.is_empty() || !bare.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let mut exponent =
        exponent.parse::<i32>().unwrap_or(if exponent.starts_with('-') { -9999 } else { 9999 });
    let mut bits = 0_u64;
    for (at, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(digit.to_digit(16)?);
        if bits >> 60 == 0 {
            bits = bits << 4 | digit;
            exponent -= if at >= whole.len() { 4 } else { 0 };
        } else {
            // The lowest bit remembers that something was cut off, so that halves are rounded right.
            bits |= u64::from(digit != 0);
            exponent += if at >= whole.len() { 0 } else { 4 };
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "rounded to the nearest, as Go does")]
    let value = bits as f64;
    let half = (exponent / 2).clamp(-2000, 2000);
    Some(value * 2_f64.powi(half) * 2_f64.powi((exponent - half).clamp(-2000, 2000)))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn floats_are_read_as_go_reads_them() {
        for (text, value) in [
            ("1_0.2_5", 10.25),
            (".5_0", 0.5),
            ("+5.", 5.0),
            ("-1e1_0", -1e10),
            ("0x1p-2", 0.25),
            ("0x_1.8P+3", 12.0),
            ("-0X.8p1", -1.0),
            ("0x1p-1074", 5e-324),
            ("0x1.fffffffffffff8p0", 2.0),
            ("0x1.fffffffffffff7fffp0", 1.999_999_999_999_999_8),
            ("1e-400", 0.0),
        ] {
            assert_eq!(parse_float(text), Some(value), "{text}");
        }
        for text in [
            "", "_1", "1_", "1__0", "1_.5", "0x1", "0xp1", "0x1p", "0x1p1024", "1e400", "inf", "nan", "e1",
            ".",
        ] {
            assert_eq!(parse_float(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r"[-+]?(0x)?[0-9a-fA-F_.]{0,24}([pPeE][-+]?[0-9_]{0,12})?\PC{0,2}") {
            let _ = parse_float(&text);
        }
    }
}
