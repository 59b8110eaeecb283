//! Values of a table: of the kind that is wanted, within their bounds, or told what is wrong with them.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeValue};

use super::{Section, join, listed, nearest};
use crate::instance::overlay::setting::Origin;
use crate::instance::problem::{ConfigProblem, DURATION_HINT, read_duration};

impl<'a> Section<'a> {
    /// Reads a text.
    pub(in crate::instance::overlay) fn text(&self, key: &'static str) -> Option<String> {
        let value = self.value(key)?;
        if value.as_str().is_none() {
            self.mismatch(key, value, "a text", "write it in quotation marks");
        }
        value.as_str().map(str::to_owned)
    }

    /// Takes a key for known without reading it: somebody else refuses it with better words.
    pub(in crate::instance::overlay) fn skip(&self, key: &'static str) {
        self.known.borrow_mut().push(key);
    }

    /// Says that a key is missing, where its table is there.
    fn missing(&self, key: &'static str, example: &str) {
        self.skip(key);
        if self.is_there() {
            let problem = ConfigProblem::at_key(
                self.page.file,
                &self.key(key),
                "it is missing",
                &format!("add `{key} = {example}"),
            );
            self.page.push(problem.on_line(self.line));
        }
    }

    /// Reads a port that has to be there.
    pub(in crate::instance::overlay) fn needed_port(&self, key: &'static str) -> Option<u16> {
        if self.has(key) {
            return self.port(key);
        }
        self.missing(key, "8080` or another port on which the service listens");
        None
    }

    /// Reads a command that has to be there.
    pub(in crate::instance::overlay) fn needed_command(&self, key: &'static str) -> Option<Vec<String>> {
        if self.has(key) {
            return self.command(key);
        }
        self.missing(key, "[\"…\"]`: a list of words, or a text for `sh -c`");
        None
    }

    /// Reads a text that has to be there and not empty.
    pub(in crate::instance::overlay) fn needed_text(&self, key: &'static str, what: &str) -> Option<String> {
        if !self.has(key) {
            self.missing(key, &format!("\"…\"`: {what}"));
            return None;
        }
        let text = self.text(key)?;
        if text.trim().is_empty() {
            self.wrong(key, "it is empty", &format!("give {what}"));
            return None;
        }
        Some(text)
    }

    /// Reads a text that has a default, and why that is the default.
    pub(in crate::instance::overlay) fn text_or(
        &self,
        key: &'static str,
        default: &str,
        why: &str,
    ) -> String {
        if !self.has(key) {
            self.default(key, default, why);
            return default.to_owned();
        }
        self.text(key).unwrap_or_else(|| default.to_owned())
    }

    /// Reads one of several words.
    pub(in crate::instance::overlay) fn word<T: Copy>(
        &self,
        key: &'static str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let remedy = nearest(&text, &names).map(|n| format!("did you mean `{n}`?")).unwrap_or_default();
            self.wrong(key, format!("`{text}` is none of {}", listed(&names)), &remedy);
        }
        found
    }

    /// Reads one of several words, the first of which is the default.
    pub(in crate::instance::overlay) fn word_or_first<T: Copy>(
        &self,
        key: &'static str,
        words: &[(&str, T)],
        why: &str,
    ) -> T {
        let (name, first) = words[0];
        if !self.has(key) {
            self.default(key, name, why);
            return first;
        }
        self.word(key, words).unwrap_or(first)
    }

    /// Reads a duration.
    pub(in crate::instance::overlay) fn duration_or(
        &self,
        key: &'static str,
        default: &str,
        why: &str,
    ) -> Duration {
        let text = self.text_or(key, default, why);
        match read_duration(&text) {
            Ok(length) if length.is_zero() => {
                self.wrong(key, "it is no time at all", DURATION_HINT);
                length
            }
            Ok(length) => length,
            Err(says) => {
                self.wrong(key, says, DURATION_HINT);
                Duration::ZERO
            }
        }
    }

    /// Reads a duration that may be zero, such as how long a soak lasts.
    pub(in crate::instance::overlay) fn length_or(
        &self,
        key: &'static str,
        default: &str,
        why: &str,
    ) -> Duration {
        let text = self.text_or(key, default, why);
        read_duration(&text).map_err(|says| self.wrong(key, says, DURATION_HINT)).unwrap_or_default()
    }

    /// Reads yes or no.
    pub(in crate::instance::overlay) fn flag_or(&self, key: &'static str, default: bool, why: &str) -> bool {
        match self.has(key).then(|| self.value(key)).flatten() {
            None => {
                self.default(key, default, why);
                default
            }
            Some(DeValue::Boolean(flag)) => *flag,
            Some(other) => {
                self.mismatch(key, other, "`true` or `false`", "write it without quotation marks");
                default
            }
        }
    }

    /// Reads a whole number within bounds.
    pub(in crate::instance::overlay) fn number(
        &self,
        key: &'static str,
        bounds: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let value = self.value(key)?;
        let number = self.whole(key, value)?;
        if bounds.contains(&number) {
            return Some(number);
        }
        self.wrong(key, format!("{number} is not from {} to {}", bounds.start(), bounds.end()), "");
        None
    }

    /// Reads a whole number within bounds that has a default.
    pub(in crate::instance::overlay) fn number_or(
        &self,
        key: &'static str,
        bounds: std::ops::RangeInclusive<i64>,
        default: i64,
        why: &str,
    ) -> i64 {
        if self.has(key) {
            return self.number(key, bounds).unwrap_or(default);
        }
        self.default(key, default, why);
        default
    }

    fn whole(&self, key: &str, value: &DeValue<'_>) -> Option<i64> {
        let Some(number) = value.as_integer() else {
            self.mismatch(key, value, "a whole number", "write it without quotation marks");
            return None;
        };
        let read = i64::from_str_radix(number.as_str(), number.radix()).ok();
        if read.is_none() {
            self.wrong(key, format!("{number} is too large"), "");
        }
        read
    }

    /// Reads a TCP port.
    pub(in crate::instance::overlay) fn port(&self, key: &'static str) -> Option<u16> {
        self.number(key, 1..=65535).and_then(|n| u16::try_from(n).ok())
    }

    /// Reads a number that may have a fraction.
    pub(in crate::instance::overlay) fn amount(&self, key: &'static str) -> Option<f64> {
        let value = self.value(key)?;
        let number =
            value.as_float().map(DeFloat::as_str).or_else(|| value.as_integer().map(DeInteger::as_str));
        if number.is_none() {
            self.mismatch(key, value, "a number", "write it without quotation marks");
        }
        number?.parse().ok()
    }

    /// Reads HTTP statuses: one, or a list.
    pub(in crate::instance::overlay) fn statuses(&self, key: &'static str) -> Vec<u16> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let values: Vec<&DeValue<'_>> = match value.as_array() {
            Some(list) => list.iter().map(Spanned::get_ref).collect(),
            None => vec![value],
        };
        let mut good = Vec::new();
        for number in values.into_iter().filter_map(|v| self.whole(key, v)) {
            match u16::try_from(number) {
                Ok(status) if (100..600).contains(&status) => good.push(status),
                Ok(_) | Err(_) => {
                    self.wrong(key, format!("{number} is not an HTTP status"), "statuses go from 100 to 599");
                }
            }
        }
        good
    }

    /// Reads a list of texts; a single text is a list of one.
    pub(in crate::instance::overlay) fn texts(&self, key: &'static str) -> Vec<String> {
        match self.value(key) {
            None => Vec::new(),
            Some(DeValue::String(one)) => vec![one.clone().into_owned()],
            Some(other) => self.list(key, other),
        }
    }

    fn list(&self, key: &str, value: &DeValue<'_>) -> Vec<String> {
        let DeValue::Array(list) = value else {
            self.mismatch(key, value, "a list of texts", "write `[\"…\", \"…\"]`");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in list.iter() {
            match item.get_ref().as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => {
                    let remedy = "write every item in quotation marks";
                    self.mismatch(key, item.get_ref(), "a list of texts", remedy);
                }
            }
        }
        texts
    }

    /// Reads a command: a list of words, or a text for the shell of the container.
    pub(in crate::instance::overlay) fn command(&self, key: &'static str) -> Option<Vec<String>> {
        let value = self.value(key)?;
        let command = match value.as_str() {
            Some(line) if line.trim().is_empty() => Vec::new(),
            Some(line) => vec!["sh".to_owned(), "-c".to_owned(), line.to_owned()],
            None => self.list(key, value),
        };
        if command.first().is_none_or(|c| c.is_empty()) {
            self.wrong(key, "it is empty", "give a list of words, or a text for `sh -c`");
            return None;
        }
        Some(command)
    }

    /// Reads a table of texts.
    pub(in crate::instance::overlay) fn map(&self, key: &'static str) -> BTreeMap<String, String> {
        let Some((value, _)) = self.find(key) else { return BTreeMap::new() };
        let DeValue::Table(table) = value else {
            self.mismatch(key, value, "a table", &format!("write `{key} = {{ NAME = \"value\" }}`"));
            return BTreeMap::new();
        };
        let mut map = BTreeMap::new();
        for (name, value) in table {
            let line = self.page.line_of(name.span().start);
            let full = join(&self.key(key), name.get_ref());
            self.remember(full.clone(), to_toml(value.get_ref()), Origin::File { line });
            let value = value.get_ref();
            match value.as_str() {
                Some(text) => {
                    map.insert(name.get_ref().clone().into_owned(), text.to_owned());
                }
                None => {
                    let says = format!("it is {}, and a text is expected", kind(value));
                    let remedy = format!("write it in quotation marks: \"{}\"", plain(value));
                    let problem = ConfigProblem::at_key(self.page.file, &full, says, &remedy);
                    self.page.push(problem.on_line(line));
                }
            }
        }
        map
    }

    /// Reads a table of values of any kind, as JSON.
    pub(in crate::instance::overlay) fn values(
        &self,
        key: &'static str,
    ) -> BTreeMap<String, serde_json::Value> {
        let Some((value, _)) = self.find(key) else { return BTreeMap::new() };
        let DeValue::Table(table) = value else {
            self.mismatch(key, value, "a table", &format!("write `{key} = {{ \"/pointer\" = value }}`"));
            return BTreeMap::new();
        };
        let mut map = BTreeMap::new();
        for (name, value) in table {
            let line = self.page.line_of(name.span().start);
            let full = join(&self.key(key), name.get_ref());
            self.remember(full, to_toml(value.get_ref()), Origin::File { line });
            map.insert(name.get_ref().clone().into_owned(), to_json(value.get_ref()));
        }
        map
    }

    /// Reads a day.
    pub(in crate::instance::overlay) fn day(&self, key: &'static str) -> Option<chrono::NaiveDate> {
        const HINT: &str = "write a day without quotation marks, such as 2027-01-31";
        let value = self.value(key)?;
        let Some(toml::value::Datetime { date: Some(date), time: None, offset: None }) = value.as_datetime()
        else {
            self.mismatch(key, value, "a day", HINT);
            return None;
        };
        let (month, day) = (u32::from(date.month), u32::from(date.day));
        let day = chrono::NaiveDate::from_ymd_opt(i32::from(date.year), month, day);
        if day.is_none() {
            self.wrong(key, format!("there is no day {date}"), HINT);
        }
        day
    }
}

pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The value as one would write it into a text.
fn plain(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Array(_) | DeValue::Table(_) => "…".to_owned(),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => to_toml(value).to_string(),
    }
}

pub(in crate::instance::overlay) fn to_toml(value: &DeValue<'_>) -> toml::Value {
    match value {
        DeValue::String(text) => toml::Value::String(text.clone().into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| toml::Value::String(number.to_string()), toml::Value::Integer),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map_or_else(|_| toml::Value::String(number.to_string()), toml::Value::Float),
        DeValue::Boolean(flag) => toml::Value::Boolean(*flag),
        DeValue::Datetime(day) => toml::Value::Datetime(*day),
        DeValue::Array(list) => toml::Value::Array(list.iter().map(|v| to_toml(v.get_ref())).collect()),
        DeValue::Table(table) => toml::Value::Table(
            table.iter().map(|(k, v)| (k.get_ref().clone().into_owned(), to_toml(v.get_ref()))).collect(),
        ),
    }
}

fn to_json(value: &DeValue<'_>) -> serde_json::Value {
    use serde_json::Value;
    match value {
        DeValue::String(text) => Value::String(text.clone().into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::String(number.to_string()), Value::from),
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(day) => Value::String(day.to_string()),
        DeValue::Array(list) => Value::Array(list.iter().map(|v| to_json(v.get_ref())).collect()),
        DeValue::Table(table) => Value::Object(
            table.iter().map(|(k, v)| (k.get_ref().clone().into_owned(), to_json(v.get_ref()))).collect(),
        ),
    }
}
