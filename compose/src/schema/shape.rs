//! The words of the table: what a value may look like, and since which version.

/// Minor number of a schema version: 8 for `3.8`.
pub(super) type Minor = u8;

/// What a value may look like.
#[derive(Debug)]
pub(super) enum Shape {
    Null,
    Text,
    /// A text that Go reads as a duration.
    Duration,
    Choice(&'static [&'static str]),
    Bool,
    /// A number without a fraction.
    Whole,
    /// A whole number from 0.
    Natural,
    Number,
    /// The alternative whose type fits; no two have the same type.
    OneOf(&'static [Self]),
    /// An alternative that came with a version.
    Since(Minor, &'static Self),
    List(&'static Self, Repeats),
    /// Known keys.
    Fields(&'static Fields),
    /// Free keys, all with the same shape.
    Names(Names, &'static Self),
}

/// Whether a list may hold the same item twice.
#[derive(Clone, Copy, Debug)]
pub(super) enum Repeats {
    Allowed,
    Refused,
    /// Allowed since this version.
    RefusedBefore(Minor),
}

/// A map with known keys.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) keys: &'static [Field],
    pub(super) required: &'static [&'static str],
    pub(super) others: Others,
}

/// One known key.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) since: Minor,
    pub(super) shape: Shape,
}

/// What becomes of keys that are not known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Others {
    Refused,
    Ignored,
    IgnoredSince(Minor),
    /// Those that start with `x-`, since this version.
    Extensions(Minor),
}

/// Which free keys are read, and what becomes of the others.
#[derive(Clone, Copy, Debug)]
pub(super) enum Names {
    /// Letters, digits, `.`, `_`, `-`.
    Plain,
    /// The same, but others pass unchecked.
    PlainOrUnchecked,
    /// Small letters only; others pass unchecked.
    SmallOrUnchecked,
    /// Everything but the empty key.
    Full,
    /// The same, but others pass unchecked.
    FullOrUnchecked,
}

impl Names {
    /// Tells whether the shape counts for this key; nothing if the key is refused.
    pub(super) fn reads(self, key: &str) -> Option<bool> {
        let plain = || {
            !key.is_empty()
                && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        let full = || key.chars().any(|c| c != '\n');
        match self {
            Self::Plain => plain().then_some(true),
            Self::PlainOrUnchecked => Some(plain()),
            Self::SmallOrUnchecked => Some(!key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase())),
            Self::Full => full().then_some(true),
            Self::FullOrUnchecked => Some(full()),
        }
    }
}

/// A key of the first version.
pub(super) const fn key(name: &'static str, shape: Shape) -> Field {
    Field { name, since: 0, shape }
}

/// A key that came with a later version.
pub(super) const fn since(since: Minor, name: &'static str, shape: Shape) -> Field {
    Field { name, since, shape }
}

/// A map that refuses unknown keys.
pub(super) const fn strict(keys: &'static [Field]) -> Fields {
    Fields { keys, required: &[], others: Others::Refused }
}

/// A map that lets unknown keys pass.
pub(super) const fn lax(keys: &'static [Field]) -> Fields {
    Fields { keys, required: &[], others: Others::Ignored }
}

/// A map that lets `x-` keys pass since 3.7.
pub(super) const fn extensible(keys: &'static [Field]) -> Fields {
    Fields { keys, required: &[], others: Others::Extensions(7) }
}
