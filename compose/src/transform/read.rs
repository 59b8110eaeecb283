//! One value of a checked tree to one value of the model.
//!
//! The schema has looked at most of it. Where the schema is lax, a value of the wrong type is refused here, as the
//! CLI's decoder does; numbers are cut to the type that they go into.

use std::collections::BTreeMap;

use crate::model::{Bytes, Duration, Extensions};
use crate::number::go_float;
use crate::schema::EmptyList;
use crate::trouble::{Path, Trouble};
use crate::yaml::{Kind, Node};

/// Reads values and collects what is wrong with them.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) troubles: Vec<Trouble>,
    pub(super) empty: EmptyList,
}

/// Finds a key the way the CLI's decoder does: exactly, or else without regard to case. Null counts as missing.
pub(super) fn find<'a>(map: &'a Node, key: &str) -> Option<&'a Node> {
    let entries = map.entries();
    entries
        .iter()
        .find(|entry| entry.key == key)
        .or_else(|| entries.iter().find(|entry| entry.key.to_lowercase() == key))
        .map(|entry| &entry.value)
        .filter(|node| !matches!(node.kind, Kind::Null))
}

/// Returns the keys that start with `x-`.
pub(super) fn extensions(map: &Node) -> Extensions {
    map.entries()
        .iter()
        .filter(|entry| entry.key.starts_with("x-"))
        .map(|entry| (entry.key.clone(), entry.value.to_value()))
        .collect()
}

/// Writes a value as Go's `%v` does.
pub(super) fn spoken(node: &Node) -> String {
    match &node.kind {
        Kind::Null => "<nil>".to_owned(),
        Kind::Bool(value) => value.to_string(),
        Kind::Int(value) => value.to_string(),
        Kind::Uint(value) => value.to_string(),
        Kind::Float(value) => go_float(*value),
        Kind::Text(text) => text.clone(),
        Kind::Time(time) => time.spoken.clone(),
        Kind::List(items) => {
            let items: Vec<String> = items.iter().map(spoken).collect();
            format!("[{}]", items.join(" "))
        }
        Kind::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by(|a, b| a.key.cmp(&b.key));
            let pairs: Vec<String> =
                entries.iter().map(|entry| format!("{}:{}", entry.key, spoken(&entry.value))).collect();
            format!("map[{}]", pairs.join(" "))
        }
    }
}

impl Reader {
    pub(super) fn refuse(&mut self, node: &Node, path: &Path<'_>, says: impl Into<String>, remedy: &str) {
        self.troubles.push(Trouble::at(node.at, path, says).remedy(remedy));
    }

    /// Reads a text that stands alone.
    pub(super) fn bare_text(&mut self, node: &Node, path: &Path<'_>) -> String {
        match &node.kind {
            Kind::Text(text) => text.clone(),
            Kind::Null => String::new(),
            Kind::Time(_) => {
                self.refuse(node, path, "is a date, where a text is wanted", "put the value in quotes");
                String::new()
            }
            Kind::Bool(_) | Kind::Int(_) | Kind::Uint(_) | Kind::Float(_) => {
                self.refuse(node, path, "must be a text", "put the value in quotes");
                String::new()
            }
            Kind::List(_) | Kind::Map(_) => {
                self.refuse(node, path, "must be a text", "");
                String::new()
            }
        }
    }

    pub(super) fn text(&mut self, map: &Node, path: &Path<'_>, key: &str) -> String {
        find(map, key).map(|node| self.bare_text(node, &path.key(key))).unwrap_or_default()
    }

    pub(super) fn flag(&mut self, map: &Node, path: &Path<'_>, key: &str) -> Option<bool> {
        let node = find(map, key)?;
        match node.kind {
            Kind::Bool(value) => Some(value),
            Kind::Null
            | Kind::Int(_)
            | Kind::Uint(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Time(_)
            | Kind::List(_)
            | Kind::Map(_) => {
                self.refuse(node, &path.key(key), "must be a boolean", "write `true` or `false`");
                None
            }
        }
    }

    /// Reads a list of texts.
    pub(super) fn texts(&mut self, map: &Node, path: &Path<'_>, key: &str) -> Vec<String> {
        let Some(node) = find(map, key) else { return Vec::new() };
        self.bare_texts(node, &path.key(key))
    }

    pub(super) fn bare_texts(&mut self, node: &Node, path: &Path<'_>) -> Vec<String> {
        let Kind::List(items) = &node.kind else {
            self.refuse(node, path, "must be a list", "");
            return Vec::new();
        };
        items.iter().enumerate().map(|(index, item)| self.bare_text(item, &path.item(index))).collect()
    }

    /// Reads a list of texts, where a date is what Go says for it.
    fn lines(&mut self, node: &Node, path: &Path<'_>) -> Vec<String> {
        let line = |(index, item): (usize, &Node)| match &item.kind {
            Kind::Time(time) => time.spoken.clone(),
            Kind::Null
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Uint(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::List(_)
            | Kind::Map(_) => self.bare_text(item, &path.item(index)),
        };
        node.items().iter().enumerate().map(line).collect()
    }

    /// Reads a text or a list of texts.
    pub(super) fn text_or_texts(&mut self, map: &Node, path: &Path<'_>, key: &str) -> Vec<String> {
        match find(map, key) {
            Some(node) if matches!(node.kind, Kind::Text(_)) => vec![self.bare_text(node, &path.key(key))],
            Some(node) => self.bare_texts(node, &path.key(key)),
            None => Vec::new(),
        }
    }

    /// Reads a command: a list, or a line to be split into words.
    pub(super) fn command(&mut self, map: &Node, path: &Path<'_>, key: &str) -> Vec<String> {
        let Some(node) = find(map, key) else { return Vec::new() };
        let Kind::Text(line) = &node.kind else { return self.bare_texts(node, &path.key(key)) };
        crate::short::split_words(line).unwrap_or_else(|says| {
            self.refuse(node, &path.key(key), says, "close the quote, or write the command as a list");
            Vec::new()
        })
    }

    /// Reads `NAME: value` or `- NAME=value`; a name alone has no value.
    pub(super) fn variables(
        &mut self,
        map: &Node,
        path: &Path<'_>,
        key: &str,
    ) -> BTreeMap<String, Option<String>> {
        let Some(node) = find(map, key) else { return BTreeMap::new() };
        let Kind::List(items) = &node.kind else { return self.map_of(node, &path.key(key)) };
        let path = path.key(key);
        let mut variables = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            let text = self.bare_text(item, &path.item(index));
            match text.split_once('=') {
                Some((name, value)) => variables.insert(name.to_owned(), Some(value.to_owned())),
                None => variables.insert(text, None),
            };
        }
        variables
    }

    fn map_of(&mut self, node: &Node, path: &Path<'_>) -> BTreeMap<String, Option<String>> {
        let Kind::Map(entries) = &node.kind else {
            self.refuse(node, path, "must be a map", "");
            return BTreeMap::new();
        };
        let value = |node: &Node| (!matches!(node.kind, Kind::Null)).then(|| spoken(node));
        entries.iter().map(|entry| (entry.key.clone(), value(&entry.value))).collect()
    }

    /// The same, but a name alone has an empty value.
    pub(super) fn labels(&mut self, map: &Node, path: &Path<'_>, key: &str) -> BTreeMap<String, String> {
        filled(self.variables(map, path, key))
    }

    /// Reads a map of texts and numbers.
    pub(super) fn options(&mut self, map: &Node, path: &Path<'_>, key: &str) -> BTreeMap<String, String> {
        match find(map, key) {
            Some(node) => filled(self.map_of(node, &path.key(key))),
            None => BTreeMap::new(),
        }
    }

    /// Reads hosts: `name:address` or `name=address`, or a map. What has no separator is dropped, as by the CLI.
    pub(super) fn hosts(&mut self, map: &Node, path: &Path<'_>, key: &str) -> Vec<String> {
        let Some(node) = find(map, key) else { return Vec::new() };
        let path = path.key(key);
        let mut hosts: Vec<String> = match &node.kind {
            Kind::Map(entries) => {
                let mut hosts: Vec<String> =
                    entries.iter().filter_map(|entry| host_line(&entry.key, &entry.value)).collect();
                hosts.sort();
                hosts
            }
            Kind::Null
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Uint(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Time(_)
            | Kind::List(_) => self
                .lines(node, &path)
                .iter()
                .filter_map(|line| line.split_once('=').or_else(|| line.split_once(':')))
                .map(|(name, address)| format!("{name}:{address}"))
                .collect(),
        };
        for host in &mut hosts {
            let (name, address) = host.split_once(':').unwrap_or((host, ""));
            let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
            *host = format!("{name}:{bare}");
        }
        hosts
    }

    /// Reads a number that cannot be negative; a fraction is cut off.
    pub(super) fn natural(&mut self, map: &Node, path: &Path<'_>, key: &str) -> Option<u64> {
        let node = find(map, key)?;
        let value = match node.kind {
            Kind::Int(value) => u64::try_from(value).ok(),
            Kind::Uint(value) => Some(value),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the CLI cuts it, too"
            )]
            Kind::Float(value) => (value >= 0.0).then_some(value as u64),
            Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::Time(_) | Kind::List(_) | Kind::Map(_) => {
                self.refuse(node, &path.key(key), "must be a number", "");
                return None;
            }
        };
        if value.is_none() {
            self.refuse(node, &path.key(key), "must not be negative", "");
        }
        value
    }

    /// Reads a port or mode: a number that cannot be negative, of which the lowest 32 bits count.
    pub(super) fn natural32(&mut self, map: &Node, path: &Path<'_>, key: &str) -> Option<u32> {
        #[expect(clippy::cast_possible_truncation, reason = "the CLI wraps it, too")]
        self.natural(map, path, key).map(|value| value as u32)
    }

    /// Reads a number; a fraction is cut off.
    pub(super) fn whole(&mut self, map: &Node, path: &Path<'_>, key: &str) -> i64 {
        let Some(node) = find(map, key) else { return 0 };
        match node.kind {
            Kind::Int(value) => value,
            #[expect(clippy::cast_possible_wrap, reason = "the CLI wraps it, too")]
            Kind::Uint(value) => value as i64,
            #[expect(clippy::cast_possible_truncation, reason = "the CLI cuts it, too")]
            Kind::Float(value) => value as i64,
            Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::Time(_) | Kind::List(_) | Kind::Map(_) => {
                self.refuse(node, &path.key(key), "must be a number", "");
                0
            }
        }
    }

    pub(super) fn ratio(&mut self, map: &Node, path: &Path<'_>, key: &str) -> f32 {
        let Some(node) = find(map, key) else { return 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "swarm has 32 bits for it"
        )]
        match node.kind {
            Kind::Float(value) => value as f32,
            Kind::Int(value) => value as f32,
            Kind::Uint(value) => value as f32,
            Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::Time(_) | Kind::List(_) | Kind::Map(_) => {
                self.refuse(node, &path.key(key), "must be a number", "");
                0.0
            }
        }
    }

    pub(super) fn duration(&mut self, map: &Node, path: &Path<'_>, key: &str) -> Option<Duration> {
        let node = find(map, key)?;
        let span = match &node.kind {
            Kind::Text(text) => Duration::parse(text),
            Kind::Null
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Uint(_)
            | Kind::Float(_)
            | Kind::Time(_)
            | Kind::List(_)
            | Kind::Map(_) => None,
        };
        if span.is_none() {
            self.refuse(
                node,
                &path.key(key),
                "is not a duration",
                "write a number with a unit, such as `30s`",
            );
        }
        span
    }

    pub(super) fn bytes(&mut self, map: &Node, path: &Path<'_>, key: &str) -> Bytes {
        let Some(node) = find(map, key) else { return Bytes::default() };
        let size = match &node.kind {
            Kind::Text(text) => Bytes::parse(text),
            Kind::Int(value) => Some(Bytes(*value)),
            Kind::Null
            | Kind::Bool(_)
            | Kind::Uint(_)
            | Kind::Float(_)
            | Kind::Time(_)
            | Kind::List(_)
            | Kind::Map(_) => None,
        };
        size.unwrap_or_else(|| {
            self.refuse(
                node,
                &path.key(key),
                "is not a size",
                "write a number with a unit, such as `512m` or `2g`",
            );
            Bytes::default()
        })
    }

    /// Reads a block, if it is there. A date where the schema lets one pass is a block without keys to the CLI.
    pub(super) fn block<T>(
        &mut self,
        map: &Node,
        path: &Path<'_>,
        key: &str,
        read: impl FnOnce(&mut Self, &Node, &Path<'_>) -> T,
    ) -> Option<T> {
        let node = find(map, key)?;
        let path = path.key(key);
        let is_nothing =
            self.empty == EmptyList::IsNull && matches!(&node.kind, Kind::List(items) if items.is_empty());
        if is_nothing {
            return None;
        }
        if !matches!(node.kind, Kind::Map(_) | Kind::Time(_)) {
            self.refuse(node, &path, "must be a map", "");
            return None;
        }
        Some(read(self, node, &path))
    }

    /// Reads a list of blocks; a null counts as an empty one.
    pub(super) fn blocks<T: Default>(
        &mut self,
        map: &Node,
        path: &Path<'_>,
        key: &str,
        read: impl Fn(&mut Self, &Node, &Path<'_>) -> T,
    ) -> Vec<T> {
        self.blocks_or_nulls(map, path, key, |reader, node, path| match node.kind {
            Kind::Null => T::default(),
            Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Uint(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Time(_)
            | Kind::List(_)
            | Kind::Map(_) => read(reader, node, path),
        })
    }

    /// Reads a list of blocks, some of which may be null.
    pub(super) fn blocks_or_nulls<T: Default>(
        &mut self,
        map: &Node,
        path: &Path<'_>,
        key: &str,
        read: impl Fn(&mut Self, &Node, &Path<'_>) -> T,
    ) -> Vec<T> {
        self.each(map, path, key, |reader, node, path| match node.kind {
            Kind::Map(_) | Kind::Time(_) | Kind::Null => read(reader, node, path),
            Kind::Bool(_) | Kind::Int(_) | Kind::Uint(_) | Kind::Float(_) | Kind::Text(_) | Kind::List(_) => {
                reader.refuse(node, path, "must be a map", "");
                T::default()
            }
        })
    }

    /// Reads a list of whatever `read` understands.
    pub(super) fn each<T>(
        &mut self,
        map: &Node,
        path: &Path<'_>,
        key: &str,
        mut read: impl FnMut(&mut Self, &Node, &Path<'_>) -> T,
    ) -> Vec<T> {
        let Some(node) = find(map, key) else { return Vec::new() };
        let path = path.key(key);
        let Kind::List(items) = &node.kind else {
            self.refuse(node, &path, "must be a list", "");
            return Vec::new();
        };
        items.iter().enumerate().map(|(index, item)| read(self, item, &path.item(index))).collect()
    }
}

fn filled(variables: BTreeMap<String, Option<String>>) -> BTreeMap<String, String> {
    variables.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect()
}

/// Writes one entry of a map of hosts. The CLI formats a number as if it were a text, and so do we.
fn host_line(name: &str, value: &Node) -> Option<String> {
    match &value.kind {
        Kind::Null => None,
        Kind::Int(number) => Some(format!("{name}:%!s(int={number})")),
        Kind::Uint(number) => Some(format!("{name}:%!s(uint64={number})")),
        Kind::Float(number) => Some(format!("{name}:%!s(float64={})", go_float(*number))),
        Kind::Bool(_) | Kind::Text(_) | Kind::Time(_) | Kind::List(_) | Kind::Map(_) => {
            Some(format!("{name}:{}", spoken(value)))
        }
    }
}
