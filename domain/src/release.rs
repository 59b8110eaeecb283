//! Releases and their order: `<semver>+<upstream>`.

use std::cmp::Ordering;
use std::fmt;

/// The version in a release tag: the recipe's own semver, then the upstream's free text.
///
/// Ordered by the semver; the upstream half only breaks ties, in natural order (`2.9` before `2.10`).
///
/// ```
/// use domain::Version;
/// let old = Version::parse("1.9.0+v2.9").unwrap();
/// let new = Version::parse("1.10.0+v2.9-rootless").unwrap();
/// assert!(old < new);
/// assert!(Version::parse("v1.0.3").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    recipe: semver::Version,
    upstream: String,
}

/// A tag that is not a release, with the reason. Tolerated and reported, never fatal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tag `{tag}` is not a release: {why}")]
pub struct BadTag {
    pub tag: String,
    pub why: String,
}

impl Version {
    /// Reads a tag. The part before the first `+` has to be a semver without build metadata.
    pub fn parse(tag: &str) -> Result<Self, BadTag> {
        let bad = |why: String| BadTag { tag: tag.to_owned(), why };
        let Some((recipe, upstream)) = tag.split_once('+') else {
            return Err(bad("there is no `+` between the recipe's version and the upstream's".into()));
        };
        if upstream.is_empty() {
            return Err(bad("nothing follows the `+`".into()));
        }
        let recipe = semver::Version::parse(recipe)
            .map_err(|e| bad(format!("`{recipe}` is not a semantic version ({e})")))?;
        Ok(Self { recipe, upstream: upstream.to_owned() })
    }

    /// Returns the recipe's own half.
    pub fn recipe(&self) -> &semver::Version {
        &self.recipe
    }

    /// Returns the upstream's half, free text.
    pub fn upstream(&self) -> &str {
        &self.upstream
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.recipe, self.upstream)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.recipe
            .cmp(&other.recipe)
            .then_with(|| natural(&self.upstream, &other.upstream))
            // Equal in natural order, yet not equal (`1.0` and `1.00`): keep `Ord` and `Eq` agreed.
            .then_with(|| self.upstream.cmp(&other.upstream))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Compares texts with their runs of digits as numbers of any length.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left, right);
    loop {
        let (a, b) = (chunk(left), chunk(right));
        let order = match (a, b) {
            ("", "") => return Ordering::Equal,
            (a, b) if is_number(a) && is_number(b) => {
                let (x, y) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
                x.len().cmp(&y.len()).then_with(|| x.cmp(y))
            }
            (a, b) => a.cmp(b),
        };
        if order != Ordering::Equal {
            return order;
        }
        left = &left[a.len()..];
        right = &right[b.len()..];
    }
}

fn is_number(chunk: &str) -> bool {
    chunk.starts_with(|c: char| c.is_ascii_digit())
}

fn chunk(text: &str) -> &str {
    let digits = is_number(text);
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    &text[..end]
}

/// One version of a recipe at a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    pub version: Version,
    /// The tag as written.
    pub tag: String,
    /// The commit that the tag resolves to, 40 hexadecimal digits.
    pub commit: String,
}

/// Returns the newest release that is strictly older than `target`: the base of its upgrade
/// (DESIGN 4, CC-026).
pub fn base_of<'a>(releases: &'a [Release], target: &Version) -> Option<&'a Release> {
    releases.iter().filter(|r| r.version < *target).max_by(|a, b| a.version.cmp(&b.version))
}

/// Returns the newest release.
pub fn newest(releases: &[Release]) -> Option<&Release> {
    releases.iter().max_by(|a, b| a.version.cmp(&b.version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn release(tag: &str) -> Release {
        Release { version: Version::parse(tag).unwrap(), tag: tag.into(), commit: "0".repeat(40) }
    }

    #[test]
    fn the_recipes_half_decides_and_the_upstreams_half_breaks_ties() {
        let mut tags = ["2.0.0+1.0", "1.10.0+9", "1.9.0+10", "1.10.0+10-rootless", "1.10.0-rc1+9"];
        tags.sort_by_key(|t| Version::parse(t).unwrap());
        assert_eq!(tags, ["1.9.0+10", "1.10.0-rc1+9", "1.10.0+9", "1.10.0+10-rootless", "2.0.0+1.0"]);
    }

    #[test]
    fn tags_from_the_wild_parse_or_say_why_not() {
        for good in ["2.0.1+1.0.6-social-amd64", "1.0.0+v1.6.870-0", "3.0.2+2024.06.52", "1.0.0+8.0_beta"] {
            assert_eq!(Version::parse(good).unwrap().to_string(), good);
        }
        insta::assert_snapshot!(Version::parse("v1.0.3").unwrap_err(), @"tag `v1.0.3` is not a release: there is no `+` between the recipe's version and the upstream's");
        insta::assert_snapshot!(Version::parse("v1.0.0+2").unwrap_err(), @"tag `v1.0.0+2` is not a release: `v1.0.0` is not a semantic version (unexpected character 'v' while parsing major version number)");
        assert!(Version::parse("1.0.0+").is_err());
    }

    #[test]
    fn cc_026_the_base_is_the_newest_strictly_older_release() {
        let releases = ["1.0.0+a", "1.1.0+b", "1.1.0+c", "2.0.0+d"].map(release);
        let base = |tag: &str| base_of(&releases, &Version::parse(tag).unwrap()).map(|r| r.tag.clone());
        assert_eq!(base("2.0.0+d").unwrap(), "1.1.0+c");
        assert_eq!(base("1.0.0+a"), None);
        assert_eq!(newest(&releases).unwrap().tag, "2.0.0+d");
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in "[0-9a-z.-]{0,12}", b in "[0-9a-z.-]{0,12}", c in "[0-9a-z.-]{0,12}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            if natural(&a, &b).is_le() && natural(&b, &c).is_le() {
                prop_assert!(natural(&a, &c).is_le());
            }
        }

        #[test]
        fn parsing_never_panics_and_printing_gives_the_tag_back(tag in "\\PC{0,40}") {
            if let Ok(version) = Version::parse(&tag) {
                prop_assert_eq!(version.to_string(), tag);
            }
        }
    }
}
