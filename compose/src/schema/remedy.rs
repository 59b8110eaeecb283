//! What to do about a value that the schema refuses.

use domain::spelling::distance;

use super::shape::{Field, Fields, Shape};
use crate::trouble::Path;
use crate::yaml::{Kind, Node};

/// Names what a shape wants: `a text or a list`.
pub(super) fn wanted(shape: &Shape, minor: u8) -> String {
    let mut names = Vec::new();
    collect(shape, minor, &mut names);
    match names.split_last() {
        None => "something else".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

fn collect(shape: &Shape, minor: u8, names: &mut Vec<&'static str>) {
    let name = match shape {
        Shape::OneOf(shapes) => {
            shapes.iter().for_each(|shape| collect(shape, minor, names));
            return;
        }
        Shape::Since(since, shape) => {
            if minor >= *since {
                collect(shape, minor, names);
            }
            return;
        }
        Shape::Null => "empty",
        Shape::Text | Shape::Choice(_) => "a text",
        Shape::Duration => "a duration",
        Shape::Bool => "a boolean",
        Shape::Whole | Shape::Natural => "a whole number",
        Shape::Number => "a number",
        Shape::List(..) => "a list",
        Shape::Fields(_) | Shape::Names(..) => "a map",
    };
    if !names.contains(&name) {
        names.push(name);
    }
}

/// Says how to give a value the right type.
pub(super) fn for_type(node: &Node, shape: &Shape, path: &Path<'_>) -> String {
    if matches!(shape, Shape::Duration) {
        return "write a number with a unit, such as `30s`, `1m30s` or `2h`".to_owned();
    }
    let wanted = wanted(shape, u8::MAX);
    let takes_text = wanted.contains("a text");
    let key = path.to_string();
    match &node.kind {
        Kind::Bool(_) | Kind::Int(_) | Kind::Uint(_) | Kind::Float(_) if takes_text => {
            "put the value in quotes".to_owned()
        }
        Kind::Text(text) if text.contains('$') => {
            "a variable cannot be read here without being filled in; write the value, or leave the key out"
                .to_owned()
        }
        Kind::Text(text) if !takes_text => {
            let number = wanted.contains("number") && text.parse::<f64>().is_ok();
            let boolean = wanted.contains("boolean")
                && matches!(text.as_str(), "true" | "false" | "yes" | "no" | "on" | "off");
            if number || boolean {
                "remove the quotes; a boolean is `true` or `false`".to_owned()
            } else {
                format!("write {wanted}")
            }
        }
        Kind::Null => "give it a value, or remove the key".to_owned(),
        Kind::Map(_) if key.ends_with(".depends_on") => {
            "write a list of service names; conditions are unknown to swarm".to_owned()
        }
        Kind::List(items) if items.is_empty() => "remove the key".to_owned(),
        Kind::Bool(_)
        | Kind::Int(_)
        | Kind::Uint(_)
        | Kind::Float(_)
        | Kind::Text(_)
        | Kind::Time(_)
        | Kind::List(_)
        | Kind::Map(_) => String::new(),
    }
}

/// Says what to write instead of an unknown key.
pub(super) fn for_unknown(key: &str, known: Option<&Field>, fields: &Fields, minor: u8) -> String {
    if let Some(field) = known {
        return format!("`{key}` needs version 3.{} or newer, and this file has 3.{minor}", field.since);
    }
    if key.starts_with("x-") {
        return "`x-` keys need a newer version: 3.4 at the top, 3.7 below".to_owned();
    }
    let nearest = fields
        .keys
        .iter()
        .filter(|field| field.since <= minor && key.len().abs_diff(field.name.len()) <= tolerance(field.name))
        .map(|field| (distance(key, field.name), field.name))
        .min()
        .filter(|(distance, name)| *distance <= tolerance(name));
    match (nearest, key) {
        (Some((_, name)), _) => format!("did you mean `{name}`?"),
        (None, "name") => "remove it: a stack gets its name when it is deployed".to_owned(),
        (
            None,
            "extends" | "profiles" | "pull_policy" | "platform" | "develop" | "include" | "gpus" | "runtime",
        ) => {
            format!("remove `{key}`: swarm does not know it")
        }
        (None, "mem_reservation" | "cpus" | "cpu_count" | "pids_limit") => {
            "use `deploy.resources`".to_owned()
        }
        (None, _) => format!("remove `{key}`, or name it `x-{key}`"),
    }
}

/// Most mistakes that still look like a slip.
fn tolerance(name: &str) -> usize {
    1 + name.len() / 4
}
