//! Checks a file against the schema of its version and reports everything that is wrong with it.

mod remedy;
mod shape;
mod table;

use std::collections::HashMap;

use crate::time::Duration;
use crate::trouble::{Path, Trouble};
use crate::yaml::{Kind, Mark, Node};
use shape::{Fields, Names, Others, Repeats, Shape};

/// A schema version of the table: `3.0` to `3.13`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    minor: u8,
}

impl Version {
    /// Reads a version as Docker has it after [`normal_version`].
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let minor: u8 = text.strip_prefix("3.")?.parse().ok()?;
        (minor <= table::NEWEST && text == format!("3.{minor}")).then_some(Self { minor })
    }
}

/// Returns the version that a file is read with: the newest for none, for an empty one and for `3`.
pub(crate) fn normal_version(root: &Node) -> String {
    let newest = format!("3.{}", table::NEWEST);
    let written = match root.get("version").map(|node| &node.kind) {
        None => return newest,
        Some(kind) => match kind {
            Kind::Text(text) => text.clone(),
            Kind::Int(number) => number.to_string(),
            Kind::Uint(number) => number.to_string(),
            Kind::Float(number) => crate::number::go_float(*number),
            Kind::Null => "<nil>".to_owned(),
            Kind::Bool(value) => value.to_string(),
            Kind::Time(time) => time.spoken.clone(),
            Kind::List(_) | Kind::Map(_) => "?".to_owned(),
        },
    };
    if written.is_empty() || written == "3" { newest } else { written }
}

/// How an empty list looks to the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EmptyList {
    IsList,
    /// Without interpolation, the CLI mistakes it for null.
    IsNull,
}

/// Checks the whole file.
pub(crate) fn check(root: &Node, version: Version, empty: EmptyList, troubles: &mut Vec<Trouble>) {
    let mut check = Check { minor: version.minor, empty, troubles };
    check.numbers(root, &Path::root());
    check.fields(root, &table::ROOT, &Path::root());
}

struct Check<'a> {
    minor: u8,
    empty: EmptyList,
    troubles: &'a mut Vec<Trouble>,
}

impl Check<'_> {
    fn report(&mut self, at: Mark, path: &Path<'_>, says: impl Into<String>, remedy: impl Into<String>) {
        self.troubles.push(Trouble::at(at, path, says).remedy(remedy));
    }

    /// Infinity, not-a-number and some times have no form in JSON, which the CLI needs for its check.
    fn numbers(&mut self, node: &Node, path: &Path<'_>) {
        match &node.kind {
            Kind::Float(value) if !value.is_finite() => {
                self.report(node.at, path, "is not a finite number", "write a number, or put it in quotes");
            }
            Kind::Time(time) if !time.has_near_zone() => {
                let says = "is a time whose zone is a day away from UTC";
                self.report(node.at, path, says, "write a nearer zone, or put it in quotes");
            }
            Kind::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.numbers(item, &path.item(index));
                }
            }
            Kind::Map(entries) => {
                for entry in entries {
                    self.numbers(&entry.value, &path.key(&entry.key));
                }
            }
            Kind::Null
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Uint(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Time(_) => {}
        }
    }

    fn value(&mut self, node: &Node, shape: &Shape, path: &Path<'_>) {
        if !self.type_fits(node, shape) {
            let wanted = remedy::wanted(shape, self.minor);
            self.report(
                node.at,
                path,
                format!("must be {wanted}, but is {}", self.type_name(node)),
                remedy::for_type(node, shape, path),
            );
            return;
        }
        match shape {
            Shape::Null | Shape::Text | Shape::Bool | Shape::Whole | Shape::Number => {}
            Shape::Duration => self.duration(node, path),
            Shape::Choice(choices) => self.choice(node, choices, path),
            Shape::Natural => {
                if matches!(node.kind, Kind::Int(value) if value < 0)
                    || matches!(node.kind, Kind::Float(value) if value < 0.0)
                {
                    self.report(node.at, path, "must be 0 or more", "");
                }
            }
            Shape::Since(_, inner) => self.value(node, inner, path),
            Shape::OneOf(shapes) => {
                if let Some(shape) = shapes.iter().find(|shape| self.type_fits(node, shape)) {
                    self.value(node, shape, path);
                }
            }
            Shape::List(item, repeats) => self.list(node, item, *repeats, path),
            Shape::Fields(fields) => self.fields(node, fields, path),
            Shape::Names(names, shape) => self.names(node, *names, shape, path),
        }
    }

    fn duration(&mut self, node: &Node, path: &Path<'_>) {
        // A time without quotes is a text here, and no duration.
        let text = node.as_text().unwrap_or_default();
        if Duration::parse(text).is_none() {
            self.report(
                node.at,
                path,
                "is not a duration",
                "write a number with a unit, such as `30s`, `1m30s` or `2h`",
            );
        }
    }

    fn choice(&mut self, node: &Node, choices: &[&str], path: &Path<'_>) {
        if !node.as_text().is_some_and(|text| choices.contains(&text)) {
            self.report(node.at, path, format!("must be one of: {}", choices.join(", ")), "");
        }
    }

    fn list(&mut self, node: &Node, item: &Shape, repeats: Repeats, path: &Path<'_>) {
        for (index, node) in node.items().iter().enumerate() {
            self.value(node, item, &path.item(index));
        }
        let refused = match repeats {
            Repeats::Allowed => false,
            Repeats::Refused => true,
            Repeats::RefusedBefore(minor) => self.minor < minor,
        };
        if !refused {
            return;
        }
        let mut seen: HashMap<String, Mark> = HashMap::new();
        for (index, node) in node.items().iter().enumerate() {
            if let Some(first) = seen.insert(crate::number::json(node), node.at) {
                self.report(
                    node.at,
                    &path.item(index),
                    format!("items must be unique, and this one stands on line {} already", first.line),
                    "remove one of the two",
                );
            }
        }
    }

    fn fields(&mut self, node: &Node, fields: &Fields, path: &Path<'_>) {
        for entry in node.entries() {
            let path = path.key(&entry.key);
            match fields.keys.iter().find(|field| field.name == entry.key) {
                Some(field) if field.since <= self.minor => self.value(&entry.value, &field.shape, &path),
                known => {
                    let passes = match fields.others {
                        Others::Refused => false,
                        Others::Ignored => true,
                        Others::IgnoredSince(minor) => self.minor >= minor,
                        Others::Extensions(minor) => self.minor >= minor && entry.key.starts_with("x-"),
                    };
                    // A forbidden key was reported before, with a better remedy.
                    let reported =
                        std::ptr::eq(fields, &table::SERVICE) && crate::support::is_forbidden(&entry.key);
                    if !passes && !reported {
                        let remedy = remedy::for_unknown(&entry.key, known, fields, self.minor);
                        self.report(entry.at, &path, "is not a known key", remedy);
                    }
                }
            }
        }
        for required in fields.required {
            if node.get(required).is_none() {
                self.report(node.at, path, format!("{required} is required"), format!("add `{required}:`"));
            }
        }
    }

    fn names(&mut self, node: &Node, names: Names, shape: &Shape, path: &Path<'_>) {
        for entry in node.entries() {
            let path = path.key(&entry.key);
            match names.reads(&entry.key) {
                Some(true) => self.value(&entry.value, shape, &path),
                Some(false) => {}
                None => self.report(
                    entry.at,
                    &path,
                    "is not a known key",
                    "use letters, digits, `.`, `_` and `-` in the name",
                ),
            }
        }
    }

    fn is_null(&self, node: &Node) -> bool {
        matches!(node.kind, Kind::Null)
            || (self.empty == EmptyList::IsNull
                && matches!(&node.kind, Kind::List(items) if items.is_empty()))
    }

    fn type_fits(&self, node: &Node, shape: &Shape) -> bool {
        match shape {
            Shape::Null => self.is_null(node),
            Shape::Text | Shape::Duration | Shape::Choice(_) => {
                matches!(node.kind, Kind::Text(_) | Kind::Time(_))
            }
            Shape::Bool => matches!(node.kind, Kind::Bool(_)),
            Shape::Whole | Shape::Natural => match node.kind {
                Kind::Int(_) | Kind::Uint(_) => true,
                Kind::Float(value) => value.fract() == 0.0,
                Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::Time(_) | Kind::List(_) | Kind::Map(_) => {
                    false
                }
            },
            Shape::Number => matches!(node.kind, Kind::Int(_) | Kind::Uint(_) | Kind::Float(_)),
            Shape::OneOf(shapes) => shapes.iter().any(|shape| self.type_fits(node, shape)),
            Shape::Since(minor, shape) => self.minor >= *minor && self.type_fits(node, shape),
            Shape::List(..) => matches!(node.kind, Kind::List(_)) && !self.is_null(node),
            Shape::Fields(_) | Shape::Names(..) => matches!(node.kind, Kind::Map(_)),
        }
    }

    fn type_name(&self, node: &Node) -> &'static str {
        match &node.kind {
            Kind::Null => "empty",
            Kind::Bool(_) => "a boolean",
            Kind::Int(_) | Kind::Uint(_) => "a whole number",
            Kind::Float(_) => "a number",
            Kind::Text(_) | Kind::Time(_) => "a text",
            Kind::List(items) if items.is_empty() && self.empty == EmptyList::IsNull => "an empty list",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }
}
