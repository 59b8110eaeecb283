//! One setting of an overlay, and where it came from.

/// A setting as it holds: `simmer overlay explain` prints them.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// As written from the file's root, such as `test[0].http.path`.
    pub key: String,
    pub value: toml::Value,
    pub from: Origin,
}

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of `overlay.toml`, counted from 1.
    File { line: usize },
    /// Nobody set it.
    Default {
        /// Why this is the default, for people.
        why: String,
    },
}
