//! What a plain scalar means: null, boolean, number, time or text, as Go's YAML reader has it.

use super::node::{Kind, Time};
use super::token::Style;

/// Reads a scalar. `tag` is in short form or empty. The error is a text without a place.
pub(super) fn resolve(text: &str, style: Style, tag: &str) -> Result<Kind, String> {
    if tag == "!!str" || (tag.is_empty() && style == Style::Marked) {
        return Ok(Kind::Text(text.to_owned()));
    }
    match tag {
        "" | "!!bool" | "!!int" | "!!float" | "!!null" | "!!timestamp" => {}
        "!!binary" => return decode_binary(text),
        // `<<` as a plain value is a merge sign to the reader, and text to everybody else.
        _ => return Ok(Kind::Text(text.to_owned())),
    }
    let kind = resolve_plain(text, tag);
    let fits = match (tag, &kind) {
        ("!!float", Kind::Int(value)) => {
            #[expect(clippy::cast_precision_loss, reason = "that is what the tag asks for")]
            return Ok(Kind::Float(*value as f64));
        }
        ("", _)
        | ("!!bool", Kind::Bool(_))
        | ("!!int", Kind::Int(_) | Kind::Uint(_))
        | ("!!float", Kind::Float(_))
        | ("!!null", Kind::Null)
        | ("!!timestamp", Kind::Time(_)) => true,
        _ => false,
    };
    if fits { Ok(kind) } else { Err(format!("cannot decode `{text}` as a {tag}")) }
}

fn decode_binary(text: &str) -> Result<Kind, String> {
    use base64::Engine as _;
    let packed: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(packed)
        .map_err(|_| "!!binary value contains invalid base64 data".to_owned())?;
    Ok(Kind::Text(String::from_utf8_lossy(&bytes).into_owned()))
}

fn resolve_plain(text: &str, tag: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Kind::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Kind::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Kind::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let number = match text.as_bytes()[0] {
        b'.' => crate::number::parse_float(text).map(Kind::Float),
        b'+' | b'-' | b'0'..=b'9' => {
            let time = (tag.is_empty() || tag == "!!timestamp").then(|| time(text)).flatten();
            time.map(Kind::Time).or_else(|| number(text))
        }
        _ => None,
    };
    number.unwrap_or_else(|| Kind::Text(text.to_owned()))
}

fn number(text: &str) -> Option<Kind> {
    let plain = text.replace('_', "");
    if let Some(kind) = integer(&plain) {
        return Some(kind);
    }
    if looks_like_float(&plain) {
        return crate::number::parse_float(&plain).map(Kind::Float);
    }
    signed_inside(&plain).map(Kind::Int)
}

/// The CLI's reader looks at `0b` and `0o` a second time, and then a sign may follow them: `0o-7`.
fn signed_inside(plain: &str) -> Option<i64> {
    let (radix, rest) = match plain.split_at_checked(2)? {
        ("0b", rest) => (2, rest),
        ("0o", rest) => (8, rest),
        _ => return None,
    };
    rest.starts_with(['+', '-']).then(|| i64::from_str_radix(rest, radix).ok()).flatten()
}

/// Reads an integer with Go's prefixes; a leading zero means octal.
fn integer(plain: &str) -> Option<Kind> {
    let (negative, signed, digits) = match plain.as_bytes().first()? {
        b'-' => (true, true, &plain[1..]),
        b'+' => (false, true, &plain[1..]),
        _ => (false, false, plain),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let value = if negative { -value } else { value };
    match (i64::try_from(value), u64::try_from(value)) {
        (Ok(value), _) => Some(Kind::Int(value)),
        (Err(_), Ok(value)) if !signed => Some(Kind::Uint(value)),
        (Err(_), _) => None,
    }
}

/// Tells whether this is digits, point and exponent, as the reader's pattern wants them.
fn looks_like_float(plain: &str) -> bool {
    let rest = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        None => !mantissa.is_empty() && digits(mantissa),
        Some(("", after)) => !after.is_empty() && digits(after),
        Some((before, after)) => digits(before) && digits(after),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let bare = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !bare.is_empty() && digits(bare)
    });
    mantissa_fits && exponent_fits
}

/// Reads a date, or a date and a time, as Go prints them.
fn time(text: &str) -> Option<Time> {
    let bytes = text.as_bytes();
    if bytes.len() < 6 || bytes[4] != b'-' || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut walk = Walk(text);
    let year = walk.number(4, 4)?;
    walk.expect('-')?;
    let month = walk.number(1, 2)?;
    walk.expect('-')?;
    let day = walk.number(1, 2)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    if walk.0.is_empty() {
        return Some(written(&[year, month, day, 0, 0, 0], "", ""));
    }
    let zoned = match walk.next()? {
        'T' | 't' => true,
        ' ' => false,
        _ => return None,
    };
    if !zoned {
        while walk.0.starts_with(' ') {
            walk.next();
        }
    }
    let hour = walk.number(1, 2)?;
    walk.expect(':')?;
    let minute = walk.number(1, 2)?;
    walk.expect(':')?;
    let second = walk.number(1, 2)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = walk.fraction()?;
    let zone = if zoned { walk.zone()? } else { String::new() };
    if !walk.0.is_empty() {
        return None;
    }
    Some(written(&[year, month, day, hour, minute, second], &fraction, &zone))
}

fn written(parts: &[u32; 6], fraction: &str, zone: &str) -> Time {
    let [year, month, day, hour, minute, second] = parts;
    let date = format!("{year:04}-{month:02}-{day:02}");
    let clock = format!("{hour:02}:{minute:02}:{second:02}{fraction}");
    if zone.is_empty() {
        return Time { rfc3339: format!("{date}T{clock}Z"), spoken: format!("{date} {clock} +0000 UTC") };
    }
    let short = zone.replace(':', "");
    Time { rfc3339: format!("{date}T{clock}{zone}"), spoken: format!("{date} {clock} {short} {short}") }
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

struct Walk<'a>(&'a str);

impl<'a> Walk<'a> {
    fn next(&mut self) -> Option<char> {
        let c = self.0.chars().next()?;
        self.0 = &self.0[c.len_utf8()..];
        Some(c)
    }

    fn expect(&mut self, wanted: char) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        let digits = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if digits < least {
            return None;
        }
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        number.parse().ok()
    }

    /// Returns `.5` for `.500`, and nothing for `.000`.
    fn fraction(&mut self) -> Option<String> {
        if !self.0.starts_with(['.', ',']) {
            return Some(String::new());
        }
        let digits = self.0[1..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        let kept: String = self.0[1..=digits].chars().take(9).collect();
        self.0 = &self.0[1 + digits..];
        let kept = kept.trim_end_matches('0');
        Some(if kept.is_empty() { String::new() } else { format!(".{kept}") })
    }

    /// Returns an offset such as `+02:00`, or nothing for UTC.
    fn zone(&mut self) -> Option<String> {
        if self.0 == "Z" {
            self.0 = "";
            return Some(String::new());
        }
        let zone = self.0;
        let bytes = zone.as_bytes();
        let shaped = bytes.len() == 6
            && matches!(bytes[0], b'+' | b'-')
            && bytes[3] == b':'
            && [1, 2, 4, 5].iter().all(|&at| bytes[at].is_ascii_digit());
        if !shaped {
            return None;
        }
        let (hours, minutes): (u32, u32) = (zone[1..3].parse().ok()?, zone[4..6].parse().ok()?);
        if hours > 24 || minutes > 60 {
            return None;
        }
        self.0 = "";
        // Sixty minutes are allowed, and make an hour.
        let offset = hours * 60 + minutes;
        let written = format!("{}{:02}:{:02}", &zone[..1], offset / 60, offset % 60);
        Some(if offset == 0 { String::new() } else { written })
    }
}
