//! Durations as Go reads and writes them: `1m30s`.

use std::fmt;

/// A span of time in nanoseconds; Docker allows a negative one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    nanos: i64,
}

impl Duration {
    /// Nothing at all: *not set* where the model has no `Option`.
    pub const ZERO: Self = Self { nanos: 0 };

    /// Makes a span of so many nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { nanos }
    }

    /// Returns the nanoseconds, as swarm specs want them.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.nanos
    }

    /// Reads a text such as `90s`, `1h2.5m` or `-1.5ms`. Nothing if Go would refuse it.
    ///
    /// ```
    /// use compose::model::Duration;
    /// assert_eq!(Duration::parse("1m30s"), Some(Duration::from_nanos(90_000_000_000)));
    /// assert_eq!(Duration::parse("90"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Some(Self::ZERO);
        }
        if rest.is_empty() {
            return None;
        }
        let mut total = 0_u64;
        while !rest.is_empty() {
            let (nanos, after) = part(rest)?;
            total = total.checked_add(nanos).filter(|&total| total <= 1 << 63)?;
            rest = after;
        }
        let nanos = if negative { -i128::from(total) } else { i128::from(total) };
        i64::try_from(nanos).ok().map(Self::from_nanos)
    }
}

/// Reads one number and its unit.
fn part(text: &str) -> Option<(u64, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at(digits(text));
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => after.split_at(digits(after)),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (unit, rest) =
        rest.split_at(rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len()));
    let scale: u64 = match unit {
        "ns" => 1,
        "us" | "\u{B5}s" | "\u{3BC}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let nanos = whole.checked_mul(scale).filter(|&nanos| nanos <= 1 << 63)?;
    Some((nanos.checked_add(fraction_of(fraction, scale))?, rest)).filter(|(nanos, _)| *nanos <= 1 << 63)
}

/// Scales a fraction in floating point, as Go does, ignoring digits past the range.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "Go's rounding is what we want"
)]
fn fraction_of(digits: &str, scale: u64) -> u64 {
    let mut value = 0_u64;
    let mut power = 1.0_f64;
    for digit in digits.bytes() {
        let next = value.checked_mul(10).and_then(|value| value.checked_add(u64::from(digit - b'0')));
        match next.filter(|&next| next < 1 << 63) {
            Some(next) => value = next,
            None => break,
        }
        power *= 10.0;
    }
    (value as f64 * (scale as f64 / power)) as u64
}

impl fmt::Display for Duration {
    /// Writes as Go does: `1m30s`, `1.5ms`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.nanos.unsigned_abs();
        if self.nanos < 0 {
            f.write_str("-")?;
        }
        if total < 1_000_000_000 {
            let (unit, scale) = match total {
                0 => return f.write_str("0s"),
                1..1_000 => ("ns", 1),
                1_000..1_000_000 => ("\u{B5}s", 1_000),
                _ => ("ms", 1_000_000),
            };
            return write!(f, "{}{unit}", decimal(total, scale));
        }
        let (minutes, seconds) = (total / 60_000_000_000, total % 60_000_000_000);
        if minutes >= 60 {
            write!(f, "{}h", minutes / 60)?;
        }
        if minutes > 0 {
            write!(f, "{}m", minutes % 60)?;
        }
        write!(f, "{}s", decimal(seconds, 1_000_000_000))
    }
}

/// Writes `value / scale` without needless zeros.
fn decimal(value: u64, scale: u64) -> String {
    let width = scale.ilog10() as usize;
    let fraction = format!("{:0width$}", value % scale);
    let fraction = fraction.trim_end_matches('0');
    if width == 0 || fraction.is_empty() {
        format!("{}", value / scale)
    } else {
        format!("{}.{fraction}", value / scale)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_read_and_written_as_in_go() {
        for (text, written) in [
            ("0", "0s"),
            ("0s", "0s"),
            ("1s", "1s"),
            ("90s", "1m30s"),
            ("1h", "1h0m0s"),
            ("1.5h", "1h30m0s"),
            ("100ms", "100ms"),
            ("1500us", "1.5ms"),
            ("1µs", "1µs"),
            ("10ns", "10ns"),
            ("-1m", "-1m0s"),
            ("+5m", "5m0s"),
            ("1h2m3.5s", "1h2m3.5s"),
            (".5s", "500ms"),
            ("1.s", "1s"),
            ("36h", "36h0m0s"),
            ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(Duration::parse(text).unwrap().to_string(), written, "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in
            ["", "1", "s", "1d", "1 s", "1s ", "-", ".s", "1m-1s", "1e3s", "9223372036854775808ns", "1S"]
        {
            assert_eq!(Duration::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r"[-+]?([0-9.]{0,22}(ns|us|µs|ms|s|m|h|\PC)?){0,4}") {
            let _ = Duration::parse(&text);
        }

        #[test]
        fn what_is_written_is_read_again(nanos: i64) {
            let span = Duration::from_nanos(nanos);
            prop_assert_eq!(Duration::parse(&span.to_string()), Some(span));
        }
    }
}
