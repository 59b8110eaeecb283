//! The engine's events, in its own form.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::filters::Filters;
use crate::state::State;

impl State {
    /// Writes an event down. Container events also carry the older keys.
    pub(crate) fn event(&mut self, kind: &str, action: &str, id: &str, attributes: Value) {
        let swarm = matches!(kind, "service" | "node" | "secret" | "config");
        self.write_event(kind, action, id, attributes, if swarm { "swarm" } else { "local" });
    }

    /// Writes down what the swarm says of a kind that nodes speak of as well.
    pub(crate) fn swarm_event(&mut self, kind: &str, action: &str, id: &str, attributes: Value) {
        self.write_event(kind, action, id, attributes, "swarm");
    }

    fn write_event(&mut self, kind: &str, action: &str, id: &str, attributes: Value, scope: &str) {
        let at = self.moment();
        let mut event = Map::new();
        if kind == "container" {
            event.insert("status".into(), json!(action));
            event.insert("id".into(), json!(id));
            event.insert("from".into(), attributes["image"].clone());
        }
        event.insert("Type".into(), json!(kind));
        event.insert("Action".into(), json!(action));
        event.insert("Actor".into(), json!({"ID": id, "Attributes": attributes}));
        event.insert("scope".into(), json!(scope));
        event.insert("time".into(), json!(at.timestamp()));
        event.insert("timeNano".into(), json!(at.timestamp_nanos_opt().unwrap_or(i64::MAX)));
        self.events.push((at, Value::Object(event)));
    }
}

/// Whether an event is asked for.
pub(crate) fn is_wanted(event: &Value, filters: &Filters) -> bool {
    let actor = &event["Actor"];
    filters.any("type", |kind| event["Type"] == kind)
        // `health_status: healthy` is asked for as `health_status`.
        && filters.any("event", |action| event["Action"].as_str().is_some_and(|a| a.split(':').next() == Some(action)))
        && filters.any("container", |id| actor["ID"] == id || actor["Attributes"]["name"] == id)
        && filters.labels(&actor["Attributes"])
}

/// Reads `since` and `until`: seconds with an optional fraction.
pub(crate) fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanos: u32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    DateTime::from_timestamp(seconds.parse().ok()?, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_nanosecond() {
        assert_eq!(parse_time("12.5").unwrap().timestamp_subsec_millis(), 500);
        assert_eq!(parse_time("12").unwrap().timestamp(), 12);
        assert!(parse_time("x").is_none());
    }
}
