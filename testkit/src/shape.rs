//! Whether two answers have the same shape: keys and types, not values.

use serde_json::Value;

/// Names every place where `found` has not the shape of `expected`: a key too few or too many, another type. Lists are
/// compared by their first items; maps whose keys are data (labels, options, containers) only by being maps.
pub fn differences(expected: &Value, found: &Value) -> Vec<String> {
    let mut told = Vec::new();
    compare("", expected, found, &mut told);
    told
}

/// Maps with keys of the user's own.
const FREE: [&str; 6] = ["Labels", "Options", "Attributes", "Containers", "Networks", "DriverOpts"];

fn compare(at: &str, expected: &Value, found: &Value, told: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(want), Value::Object(has)) => {
            if FREE.iter().any(|free| at.ends_with(&format!("/{free}"))) {
                return;
            }
            for (key, value) in want {
                match has.get(key) {
                    Some(found) => compare(&format!("{at}/{key}"), value, found, told),
                    None => told.push(format!("{at}/{key} is missing")),
                }
            }
            for key in has.keys().filter(|key| !want.contains_key(*key)) {
                told.push(format!("{at}/{key} is not the engine's"));
            }
        }
        (Value::Array(want), Value::Array(has)) => match (want.first(), has.first()) {
            (Some(want), Some(has)) => compare(&format!("{at}/0"), want, has, told),
            (None, Some(_)) | (Some(_), None) => told.push(format!("{at} is empty in one of the two")),
            (None, None) => {}
        },
        (want, has) if kind(want) == kind(has) => {}
        (want, has) => told.push(format!("{at} is {} and should be {}", kind(has), kind(want))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a flag",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_and_types_count_and_values_do_not() {
        let engine = json!({"ID": "a", "Spec": {"Name": "n", "Labels": {"x": "y"}}, "List": [{"a": 1}]});
        let same = json!({"ID": "b", "Spec": {"Name": "m", "Labels": {}}, "List": [{"a": 2}, {"a": 3}]});
        assert_eq!(differences(&engine, &same), [] as [String; 0]);
        let other = json!({"ID": 1, "Spec": {"Labels": null}, "List": [], "New": true});
        assert_eq!(
            differences(&engine, &other),
            [
                "/ID is a number and should be text",
                "/Spec/Name is missing",
                "/Spec/Labels is null and should be a map",
                "/List is empty in one of the two",
                "/New is not the engine's",
            ]
        );
    }
}
