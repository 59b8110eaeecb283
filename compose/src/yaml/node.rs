//! The tree: every key and value knows where it stands.

use super::Value;

/// A place in one file: line and column from 1, the column in characters. Line 0 means nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: Mark,
    pub(crate) kind: Kind,
}

/// What a value is, as Go's YAML reader sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    /// Only what does not fit an `i64`.
    Uint(u64),
    Float(f64),
    Text(String),
    Time(Time),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A date or time without quotes: how Go prints it in its two ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    /// RFC 3339, as in JSON and YAML.
    pub(crate) rfc3339: String,
    /// `2020-01-01 00:00:00 +0000 UTC`, as in a text.
    pub(crate) spoken: String,
}

impl Time {
    /// Tells whether the zone is less than a day from UTC; JSON has no form for the others.
    pub(crate) fn has_near_zone(&self) -> bool {
        let zone = self.rfc3339.get(self.rfc3339.len().saturating_sub(6)..).unwrap_or_default();
        !zone.starts_with(['+', '-']) || zone.get(1..3).is_some_and(|hours| hours < "24")
    }
}

/// A key of a map and its value. Keys are unique within a map.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) at: Mark,
    pub(crate) key: String,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn new(at: Mark, kind: Kind) -> Self {
        Self { at, kind }
    }

    /// Returns the entries; none if this is not a map.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            Kind::Null
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Uint(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Time(_)
            | Kind::List(_) => &[],
        }
    }

    /// Returns the items; none if this is not a list.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            Kind::Null
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Uint(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Time(_)
            | Kind::Map(_) => &[],
        }
    }

    /// Returns the text, if this is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::Null
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Uint(_)
            | Kind::Float(_)
            | Kind::Time(_)
            | Kind::List(_)
            | Kind::Map(_) => None,
        }
    }

    /// Returns the number, if this is a whole one.
    pub(crate) fn as_int(&self) -> Option<i64> {
        match &self.kind {
            Kind::Int(value) => Some(*value),
            Kind::Null
            | Kind::Bool(_)
            | Kind::Uint(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Time(_)
            | Kind::List(_)
            | Kind::Map(_) => None,
        }
    }

    /// Returns the entry of this key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Returns the value of this key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Returns the value without the places.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Int(value) => Value::Int(*value),
            Kind::Uint(value) => Value::Uint(*value),
            Kind::Float(value) => Value::Float(*value),
            Kind::Text(value) => Value::Text(value.clone()),
            Kind::Time(value) => Value::Time(value.rfc3339.clone()),
            Kind::List(items) => Value::List(items.iter().map(Self::to_value).collect()),
            Kind::Map(entries) => {
                Value::Map(entries.iter().map(|entry| (entry.key.clone(), entry.value.to_value())).collect())
            }
        }
    }
}
