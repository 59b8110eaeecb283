//! `?filters={"label":["a=b"]}`, in both spellings that clients use.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a listing is narrowed by.
#[derive(Debug, Default)]
pub(crate) struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// Reads `{"label":["a=b"]}` and the older `{"label":{"a=b":true}}`.
    pub(crate) fn parse(json: Option<&String>) -> Option<Self> {
        let Some(json) = json else { return Some(Self::default()) };
        let Value::Object(map) = serde_json::from_str(json).ok()? else { return None };
        let values = |value: &Value| match value {
            Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Value::Object(map) => map.keys().cloned().collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        };
        Some(Self(map.iter().map(|(key, value)| (key.clone(), values(value))).collect()))
    }

    /// A key that this kind of listing does not know is refused, as the engine does.
    pub(crate) fn unknown(&self, known: &[&str]) -> Option<&str> {
        self.0.keys().map(String::as_str).find(|key| !known.contains(key))
    }

    /// Whether one of the values is met; also where there is no such filter.
    pub(crate) fn any(&self, key: &str, meets: impl Fn(&str) -> bool) -> bool {
        self.0.get(key).is_none_or(|values| values.is_empty() || values.iter().any(|v| meets(v)))
    }

    /// Whether the labels meet every one of the `label` filters.
    pub(crate) fn labels(&self, labels: &Value) -> bool {
        let wanted = self.0.get("label").map(Vec::as_slice).unwrap_or_default();
        wanted.iter().all(|wanted| match wanted.split_once('=') {
            Some((key, value)) => labels[key].as_str() == Some(value),
            None => labels[wanted.as_str()].is_string(),
        })
    }

    /// Names by their beginning and ids by theirs, as swarm's lists take them.
    pub(crate) fn named(&self, name: &str, id: &str) -> bool {
        self.any("name", |wanted| name.starts_with(wanted)) && self.any("id", |wanted| id.starts_with(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_label_has_to_be_there_and_one_of_the_names() {
        let parse = |text: &str| Filters::parse(Some(&text.to_owned())).unwrap();
        let both = parse(r#"{"label":["a=b","c"],"name":["x","y"]}"#);
        assert!(both.labels(&json!({"a": "b", "c": ""})) && !both.labels(&json!({"a": "b"})));
        assert!(both.named("y_app", "id") && !both.named("z_app", "id"));
        let old = parse(r#"{"label":{"a=b":true}}"#);
        assert!(old.labels(&json!({"a": "b"})) && !old.labels(&Value::Null));
        assert!(Filters::parse(Some(&"[]".to_owned())).is_none());
        assert_eq!(both.unknown(&["label"]), Some("name"));
    }
}
