//! The log as text, read without refusing anything.

use std::collections::BTreeMap;

use domain::Event;
use domain::event::FORMAT;

use crate::view::RunView;

/// A line that is no event: cut by a crash, or damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Garbled {
    /// Counted from 1.
    pub line: usize,
    pub says: String,
}

/// What a log holds: the events that we know, and an account of all else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    pub events: Vec<Event>,
    /// Events that this version does not know, by name, with their number. A newer Simmer wrote them, or
    /// their shape has changed.
    pub unknown: BTreeMap<String, u64>,
    pub garbled: Vec<Garbled>,
    /// The highest format version in the log, where it is newer than ours.
    pub newer_format: Option<u32>,
}

/// Reads the text of an `events.jsonl`. It does not fail: what cannot be read is reported in the [`Log`].
/// A file that was cut within a character is read by way of `String::from_utf8_lossy`.
///
/// ```
/// let log = reports::read("{\"v\":1,\"seq\":1,\"at\":\"2026-11-2");
/// assert!(log.events.is_empty());
/// assert_eq!(log.garbled[0].line, 1);
/// ```
pub fn read(text: &str) -> Log {
    let mut log = Log::default();
    for (at, line) in text.lines().enumerate() {
        if !line.trim().is_empty() {
            log.take(at + 1, line);
        }
    }
    log
}

impl Log {
    /// Folds the events, and carries over what could not be read.
    pub fn view(&self) -> RunView {
        let mut view = crate::fold(&self.events);
        view.trouble.unknown = self.unknown.clone();
        view.trouble.garbled = self.garbled.clone();
        view.trouble.newer_format = self.newer_format;
        // A line that we cannot read had a number too: only what is missing beyond those is lost.
        let accounted = self.unknown.values().sum::<u64>()
            + u64::try_from(self.garbled.len()).expect("a count of lines fits 64 bits");
        view.trouble.lost = view.trouble.lost.saturating_sub(accounted);
        view
    }

    fn take(&mut self, line: usize, text: &str) {
        let json: serde_json::Value = match serde_json::from_str(text) {
            Ok(json) => json,
            Err(error) => {
                let says = if error.is_eof() { "the line is cut".to_owned() } else { error.to_string() };
                self.garbled.push(Garbled { line, says });
                return;
            }
        };
        let version = json.get("v").and_then(serde_json::Value::as_u64);
        if let Some(version) = version.and_then(|v| u32::try_from(v).ok())
            && version > FORMAT
        {
            self.newer_format = self.newer_format.max(Some(version));
        }
        let name = json.get("event").and_then(serde_json::Value::as_str).map(str::to_owned);
        match (serde_json::from_value::<Event>(json), name) {
            (Ok(event), _) => self.events.push(event),
            (Err(_), Some(name)) => *self.unknown.entry(name).or_default() += 1,
            (Err(error), None) => self.garbled.push(Garbled { line, says: error.to_string() }),
        }
    }
}
