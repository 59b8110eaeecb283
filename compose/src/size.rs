//! Byte sizes as Docker reads them: `64m`, `1.5GiB`, `100`.

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub i64);

impl Bytes {
    /// Reads a number with an optional unit `b`, `k`, `m`, `g`, `t`, `p` (powers of 1024), itself optionally
    /// followed by `b` or `ib`. Nothing if Docker would refuse it.
    ///
    /// ```
    /// use compose::model::Bytes;
    /// assert_eq!(Bytes::parse("1.5 KiB"), Some(Bytes(1536)));
    /// assert_eq!(Bytes::parse("-1"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let last = text.rfind(|c: char| c.is_ascii_digit() || matches!(c, '.' | ' '))?;
        let (number, unit) = text.split_at(last + 1);
        let number = number.strip_suffix(' ').unwrap_or(number);
        let size = crate::number::parse_float(number).or_else(|| without_bound(number))?;
        if size < 0.0 || unit.len() > 3 {
            return None;
        }
        let scale = scale_of(&unit.to_lowercase())?;
        Some(Self(truncate(size * scale)))
    }
}

/// Reads the words that Go takes for floats.
fn without_bound(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "inf" | "+inf" | "infinity" | "+infinity" => Some(f64::INFINITY),
        "nan" => Some(f64::NAN),
        _ => None,
    }
}

fn scale_of(unit: &str) -> Option<f64> {
    if unit.is_empty() || unit == "b" {
        return Some(1.0);
    }
    let power = "kmgtp".find(unit.chars().next()?)?;
    let tail = &unit[1..];
    matches!(tail, "" | "b" | "ib").then(|| 1024_f64.powi(i32::try_from(power).unwrap_or(0) + 1))
}

/// Cuts to a whole number; one too large wraps to the lowest, as it does in the CLI on amd64.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
fn truncate(size: f64) -> i64 {
    if size < 9_223_372_036_854_775_808.0 { size as i64 } else { i64::MIN }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_powers_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("100", 100),
            ("100b", 100),
            ("1k", 1024),
            ("1K", 1024),
            ("1kb", 1024),
            ("1KiB", 1024),
            ("1.5 m", 1_572_864),
            ("2G", 2_147_483_648),
            ("1t", 1_099_511_627_776),
            ("0.5p", 562_949_953_421_312),
            ("1e3", 1000),
            ("5.", 5),
            (".5k", 512),
            ("+3", 3),
        ] {
            assert_eq!(Bytes::parse(text), Some(Bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        for text in ["", "m", "-1", "1x", "1 kx", "1bb", "1kibb", "1  m", " 1", "1,5m", "inf", "nan", "1e999"]
        {
            assert_eq!(Bytes::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r"[-+ 0-9.eE]{0,12}(\PC){0,4}") {
            let _ = Bytes::parse(&text);
        }
    }
}
