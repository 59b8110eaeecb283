//! The releases that a test was written for (CC-036): read, printed and judged.

use std::fmt;

use domain::release::Version;

use super::ask::{AppliesTo, Comparison};

/// What a test would judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    Release(Version),
    /// A branch, a pull request or a commit without a tag; with the newest release, which it is taken to follow.
    Head {
        newest: Option<Version>,
    },
}

impl AppliesTo {
    /// Reads `head`, or comparisons of the recipe's own version with commas between them.
    ///
    /// ```
    /// use runner::instance::ask::AppliesTo;
    /// assert!(AppliesTo::parse(">= 1.2.0, < 2").is_ok());
    /// assert_eq!(
    ///     AppliesTo::parse("1.2").unwrap_err(),
    ///     "`1.2` does not begin with one of `>=`, `>`, `<=`, `<`, `=`"
    /// );
    /// ```
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim() == "head" {
            return Ok(Self::Head);
        }
        text.split(',').map(|part| comparison(part.trim())).collect::<Result<_, _>>().map(Self::Range)
    }

    /// Returns why a test that was written for these releases may not judge this one; `None` where it may.
    ///
    /// A head is newer than every release: what begins after the newest one begins with it, and what ends at or
    /// before the newest one has ended.
    pub fn refuses(&self, judged: &Judged) -> Option<String> {
        let ends = match (self, judged) {
            (Self::Head, Judged::Head { .. }) => return None,
            (Self::Head, Judged::Release(version)) => {
                return Some(format!("written for what is not released; this is release {version}"));
            }
            (Self::Range(ends), _) => ends,
        };
        let holds = |how: Comparison, bound: &semver::Version| match judged {
            Judged::Release(version) => how.holds(version.recipe(), bound),
            Judged::Head { newest } => match how {
                Comparison::Greater | Comparison::GreaterOrEqual => true,
                Comparison::Equal => false,
                Comparison::Less | Comparison::LessOrEqual => {
                    newest.as_ref().is_none_or(|newest| newest.recipe() < bound)
                }
            },
        };
        ends.iter().find(|(how, bound)| !holds(*how, bound)).map(|_| {
            let what = match judged {
                Judged::Release(version) => format!("release {version}"),
                Judged::Head { newest: Some(newest) } => format!("what follows {newest}"),
                Judged::Head { newest: None } => "what is not released".to_owned(),
            };
            format!("written for {self}; this is {what}")
        })
    }
}

impl fmt::Display for AppliesTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("head"),
            Self::Range(ends) => {
                for (nth, (how, bound)) in ends.iter().enumerate() {
                    let comma = if nth == 0 { "" } else { ", " };
                    write!(f, "{comma}{how}{bound}")?;
                }
                Ok(())
            }
        }
    }
}

impl Comparison {
    fn holds(self, version: &semver::Version, bound: &semver::Version) -> bool {
        match self {
            Self::Less => version < bound,
            Self::LessOrEqual => version <= bound,
            Self::Equal => version == bound,
            Self::GreaterOrEqual => version >= bound,
            Self::Greater => version > bound,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        })
    }
}

fn comparison(text: &str) -> Result<(Comparison, semver::Version), String> {
    // The longer signs first.
    let signs = [
        (">=", Comparison::GreaterOrEqual),
        ("<=", Comparison::LessOrEqual),
        (">", Comparison::Greater),
        ("<", Comparison::Less),
        ("=", Comparison::Equal),
    ];
    let found = signs.iter().find_map(|(sign, how)| Some((*how, text.strip_prefix(sign)?.trim())));
    let Some((how, rest)) = found else {
        return Err(format!("`{text}` does not begin with one of `>=`, `>`, `<=`, `<`, `=`"));
    };
    if rest.contains('+') {
        return Err(format!("`{rest}` names an upstream version; only the half before the `+` is compared"));
    }
    // `<4` and `>=4` can mean one thing only; `=4` and `>4` leave open what becomes of 4.1.0.
    let filled = match (rest.split('.').count(), how) {
        (1, Comparison::GreaterOrEqual | Comparison::Less) => format!("{rest}.0.0"),
        (2, Comparison::GreaterOrEqual | Comparison::Less) => format!("{rest}.0"),
        (1 | 2, Comparison::LessOrEqual | Comparison::Equal | Comparison::Greater) => {
            return Err(format!("`{text}` leaves open which {rest}.x is meant; give all three numbers"));
        }
        _ => rest.to_owned(),
    };
    let version = semver::Version::parse(&filled)
        .map_err(|error| format!("`{rest}` is not a semantic version ({error})"))?;
    Ok((how, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(range: &str, judged: &Judged) -> String {
        AppliesTo::parse(range).unwrap().refuses(judged).unwrap_or_else(|| "judged".into())
    }

    #[test]
    fn cc_036_a_test_judges_no_release_that_it_was_not_written_for() {
        let judge = |range: &str, tag: &str| judge(range, &Judged::Release(Version::parse(tag).unwrap()));
        assert_eq!(judge(">=3.5.0, <4", "3.5.0+1"), "judged");
        assert_eq!(judge(">=3.5, <4", "3.9.9+1"), "judged");
        assert_eq!(judge(">=3.5.0, <4", "4.0.0+2"), "written for >=3.5.0, <4.0.0; this is release 4.0.0+2");
        assert_eq!(judge("=1.2.3", "1.2.3+x"), "judged");
        assert_eq!(judge(">1.2.3", "1.2.3+x"), "written for >1.2.3; this is release 1.2.3+x");
        assert_eq!(judge("head", "1.2.3+x"), "written for what is not released; this is release 1.2.3+x");
    }

    #[test]
    fn cc_036_a_head_follows_the_newest_release() {
        let head = Judged::Head { newest: Some(Version::parse("2.0.0+1").unwrap()) };
        assert_eq!(judge("head", &head), "judged");
        assert_eq!(judge(">=2.1.0", &head), "judged");
        assert_eq!(judge("<3.0.0", &head), "judged");
        assert_eq!(judge("<2.0.0", &head), "written for <2.0.0; this is what follows 2.0.0+1");
        assert_eq!(judge("=2.0.0", &head), "written for =2.0.0; this is what follows 2.0.0+1");
        assert_eq!(judge("<2.0.0", &Judged::Head { newest: None }), "judged");
    }

    #[test]
    fn a_range_that_could_mean_two_things_is_refused() {
        let says = |text: &str| AppliesTo::parse(text).unwrap_err();
        assert_eq!(says("3.5.0"), "`3.5.0` does not begin with one of `>=`, `>`, `<=`, `<`, `=`");
        assert_eq!(says("=3.5"), "`=3.5` leaves open which 3.5.x is meant; give all three numbers");
        assert_eq!(
            says(">=1.0.0+2"),
            "`1.0.0+2` names an upstream version; only the half before the `+` is compared"
        );
        assert_eq!(says(">=1, "), "`` does not begin with one of `>=`, `>`, `<=`, `<`, `=`");
        assert!(says(">=one").starts_with("`one` is not a semantic version"));
    }

    #[test]
    fn a_range_is_printed_as_it_is_read() {
        for text in ["head", ">=3.5.0, <4.0.0", "=1.2.3-rc1"] {
            let range = AppliesTo::parse(text).unwrap();
            assert_eq!(range.to_string(), text);
            assert_eq!(AppliesTo::parse(&range.to_string()).unwrap(), range);
        }
    }
}
