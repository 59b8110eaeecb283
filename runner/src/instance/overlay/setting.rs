//! One setting of an overlay, and where it came from.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::page::{Page, join, to_toml};

/// A setting as it holds: `simmer overlay explain` prints them.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// As written from the file's root, such as `test[0].http.path`.
    pub key: String,
    pub value: toml::Value,
    pub from: Origin,
}

impl Setting {
    /// Returns the key of a name in a table, quoted where TOML needs it.
    pub fn key_in(table: &str, name: &str) -> String {
        join(table, name)
    }

    /// Returns every value of a TOML text, with its line; nothing of one that does not read.
    pub fn of_text(text: &str) -> Vec<Self> {
        let page = Page::new(Path::new(""), text);
        let mut settings = Vec::new();
        if let Ok(table) = DeTable::parse(text) {
            flatten(&page, "", table.get_ref(), &mut settings);
        }
        settings
    }
}

fn flatten(page: &Page<'_>, path: &str, table: &DeTable<'_>, settings: &mut Vec<Setting>) {
    for (name, value) in table {
        let key = join(path, name.get_ref());
        match value.get_ref() {
            DeValue::Table(table) => flatten(page, &key, table, settings),
            value @ (DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)) => {
                let line = page.line_of(name.span().start);
                settings.push(Setting { key, value: to_toml(value), from: Origin::File { line } });
            }
        }
    }
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
