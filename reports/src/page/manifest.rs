//! What a run was made with, as rows: the JSON of the run's folder, flattened.

use serde::Serialize;
use serde_json::Value;

use crate::text::{cut, one_line};

/// Most settings that are shown; the file beside the page has them all.
const ROWS: usize = 600;
/// Longest value.
const WIDTH: usize = 400;
/// Deepest nesting that is opened; what lies deeper is shown as JSON.
const DEPTH: usize = 12;

#[derive(Serialize)]
pub(super) struct Setting {
    name: String,
    value: String,
    /// Where it came from; empty where the manifest does not say.
    from: String,
}

/// Returns the settings in the order of the manifest. An object that holds `value`, and `from` beside it, is one
/// setting with its origin. What is no JSON is one row that says so.
pub(super) fn settings(text: &str) -> Vec<Setting> {
    let mut rows = Vec::new();
    match serde_json::from_str::<Value>(text) {
        Ok(value) => flatten(&value, "", 0, &mut rows),
        Err(error) => rows.push(Setting {
            name: "manifest".into(),
            value: format!("it cannot be read: {error}"),
            from: String::new(),
        }),
    }
    let more = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    if more > 0 {
        let value = format!("and {more} more, in the file");
        rows.push(Setting { name: "…".into(), value, from: String::new() });
    }
    rows
}

fn flatten(value: &Value, name: &str, depth: usize, rows: &mut Vec<Setting>) {
    let deeper = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Value::Object(fields) if is_sourced(value) => {
            let from = fields.get("from").map(text_of).unwrap_or_default();
            let inner = fields.get("value").unwrap_or(&Value::Null);
            rows.push(Setting { name: cut(name, WIDTH), value: text_of(inner), from });
        }
        Value::Object(fields) if !fields.is_empty() && depth < DEPTH => {
            for (part, inner) in fields {
                flatten(inner, &deeper(part), depth + 1, rows);
            }
        }
        Value::Array(items) if items.iter().any(|i| i.is_object() || i.is_array()) && depth < DEPTH => {
            for (n, inner) in items.iter().enumerate() {
                flatten(inner, &deeper(&n.to_string()), depth + 1, rows);
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            rows.push(Setting { name: cut(name, WIDTH), value: text_of(value), from: String::new() });
        }
    }
}

fn is_sourced(value: &Value) -> bool {
    let fields =
        value.as_object().map(|f| f.keys().map(String::as_str).collect::<Vec<_>>()).unwrap_or_default();
    fields.contains(&"value") && fields.iter().all(|f| ["value", "from"].contains(f))
}

fn text_of(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    };
    one_line(&text, WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let rows = settings(text).into_iter().map(|s| format!("{} = {} ({})", s.name, s.value, s.from));
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_setting_is_shown_with_where_it_came_from() {
        let text = r#"{"recipe":"gitea","health":{"path":{"value":"/api","from":"overlay.toml:3"},"window":"10m"},
            "tests":[{"name":"a","tiers":["upgrade","restore"]}],"none":{},"retries":null}"#;
        insta::assert_snapshot!(said(text), @r"
        recipe = gitea ()
        health.path = /api (overlay.toml:3)
        health.window = 10m ()
        tests.0.name = a ()
        tests.0.tiers = upgrade, restore ()
        none = {} ()
        retries = null ()
        ");
    }

    #[test]
    fn a_manifest_that_is_no_json_or_too_deep_or_too_long_is_still_a_page() {
        assert!(said("{\"a\"").contains("it cannot be read"));
        let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
        assert_eq!(settings(&deep).len(), 1);
        let long: Vec<usize> = (0..2000).collect();
        let long = serde_json::json!({ "x": long.iter().map(|n| serde_json::json!({ "n": n })).collect::<Vec<_>>() });
        assert_eq!(settings(&long.to_string()).len(), ROWS + 1);
        assert!(said(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))).contains("cannot be read"));
    }
}
