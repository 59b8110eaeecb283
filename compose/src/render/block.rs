//! A tree to print, built without the keys that are not set.

use std::collections::BTreeMap;

use crate::model::Value;
use crate::number::{go_float, yaml_float32};

/// What is printed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Print {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    /// A float in Go's notation, which may look like a whole number.
    Float(String),
    Text(String),
    /// A text that Docker prints as a block of lines; ours is put in quotes.
    Lines(String),
    /// Printed without quotes.
    Time(String),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

impl Print {
    pub(super) fn float32(value: f32) -> Self {
        Self::Float(yaml_float32(value))
    }

    /// A text as it is found in Docker's output: one that is printed as a block of lines loses a newline at its start.
    pub(super) fn text(text: &str) -> Self {
        if is_block(text) { Self::Lines(printed(text)) } else { Self::Text(text.to_owned()) }
    }

    pub(super) fn into_json(self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => value.into(),
            Self::Int(value) => value.into(),
            Self::Uint(value) => value.into(),
            Self::Float(text) => match text.parse::<i64>() {
                Ok(whole) => whole.into(),
                // Infinity is no number in JSON; it is a text there.
                Err(_) => text.parse::<f64>().map_or_else(|_| text.into(), Json::from),
            },
            Self::Text(text) | Self::Lines(text) | Self::Time(text) => text.into(),
            Self::List(items) => items.into_iter().map(Self::into_json).collect(),
            Self::Map(mut entries) => {
                // Docker prints this key without quotes, so that whoever reads its output merges it.
                let merged = entries.remove("<<");
                let mut object: serde_json::Map<String, Json> =
                    entries.into_iter().map(|(key, value)| (key, value.into_json())).collect();
                for (key, value) in merged.into_iter().flat_map(Self::into_pairs) {
                    object.entry(key).or_insert_with(|| value.into_json());
                }
                Json::Object(object)
            }
        }
    }

    /// Returns what a merge would take: the entries of a map, or of a list of maps.
    fn into_pairs(self) -> Vec<(String, Self)> {
        match self {
            Self::Map(entries) => entries.into_iter().collect(),
            Self::List(items) => items.into_iter().flat_map(Self::into_pairs).collect(),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Uint(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Lines(_)
            | Self::Time(_) => Vec::new(),
        }
    }
}

impl From<&Value> for Print {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Uint(value) => Self::Uint(*value),
            Value::Float(value) => Self::Float(go_float(*value)),
            Value::Text(text) => Self::text(text),
            Value::Time(text) => Self::Time(text.clone()),
            Value::List(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Map(entries) => {
                Self::Map(entries.iter().map(|(key, value)| (printed(key), Self::from(value))).collect())
            }
        }
    }
}

/// A map under construction. What is empty is left out, as Docker does.
#[derive(Debug, Default)]
pub(super) struct Block {
    entries: BTreeMap<String, Print>,
}

impl Block {
    pub(super) fn put(&mut self, key: &str, value: Print) {
        self.entries.insert(key.to_owned(), value);
    }

    pub(super) fn put_some(&mut self, key: &str, value: Option<Print>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.put(key, Print::text(text));
        }
    }

    pub(super) fn flag(&mut self, key: &str, flag: bool) {
        if flag {
            self.put(key, Print::Bool(true));
        }
    }

    pub(super) fn texts(&mut self, key: &str, texts: &[String]) {
        self.list(key, texts.iter().map(|text| Print::text(text)));
    }

    pub(super) fn list(&mut self, key: &str, items: impl Iterator<Item = Print>) {
        let items: Vec<Print> = items.collect();
        if !items.is_empty() {
            self.put(key, Print::List(items));
        }
    }

    pub(super) fn pairs(&mut self, key: &str, pairs: &BTreeMap<String, String>) {
        self.map(key, pairs, |value| Print::text(value));
    }

    pub(super) fn map<T>(&mut self, key: &str, map: &BTreeMap<String, T>, print: impl Fn(&T) -> Print) {
        if !map.is_empty() {
            self.put(key, Print::Map(map.iter().map(|(key, value)| (printed(key), print(value))).collect()));
        }
    }

    /// Adds a block, unless it has nothing in it.
    pub(super) fn block(&mut self, key: &str, block: Self) {
        if !block.entries.is_empty() {
            self.put(key, block.into());
        }
    }

    /// Adds a block that is printed even when it has nothing in it.
    pub(super) fn some_block(&mut self, key: &str, block: Option<Self>) {
        self.put_some(key, block.map(Print::from));
    }

    pub(super) fn extend(&mut self, extensions: &BTreeMap<String, Value>) {
        self.entries.extend(extensions.iter().map(|(key, value)| (key.clone(), Print::from(value))));
    }
}

impl From<Block> for Print {
    fn from(block: Block) -> Self {
        Self::Map(block.entries)
    }
}

/// Returns the text as it is found in Docker's output.
fn printed(text: &str) -> String {
    if is_block(text) { text.strip_prefix('\n').unwrap_or(text) } else { text }.to_owned()
}

/// Tells whether Docker's writer prints the text as a block of lines: no blank before a line's end, nothing that
/// needs an escape.
fn is_block(text: &str) -> bool {
    let printable = |c: char| matches!(c, '\n' | '\t' | ' '..='~' | '\u{A0}'..='\u{FFFD}') && c != '\u{FEFF}';
    text.contains('\n') && !text.contains(" \n") && !text.ends_with(' ') && text.chars().all(printable)
}
