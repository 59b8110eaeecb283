//! A TOML file as its author sees it: every key has a line, every problem is kept, and what was read is remembered
//! with where it came from, so that `simmer overlay explain` can never differ from what a run uses.
//!
//! Why not serde alone: it stops at the first unknown key and knows no line afterwards.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

use super::super::problem::{ConfigProblem, ConfigProblems, DURATION_HINT, read_duration};
use super::setting::{Origin, Setting};

/// One file while it is read.
#[derive(Debug)]
pub(super) struct Page<'a> {
    file: &'a Path,
    text: &'a str,
    problems: RefCell<ConfigProblems>,
    settings: RefCell<Vec<Setting>>,
}

/// One table of the file, or the absence of one: then every key takes its default.
#[derive(Debug)]
pub(super) struct Section<'a> {
    page: &'a Page<'a>,
    path: String,
    table: Option<&'a DeTable<'a>>,
    line: usize,
    known: RefCell<Vec<&'static str>>,
}

/// A value and the line of its key.
type Found<'a> = (&'a DeValue<'a>, usize);

impl<'a> Page<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str) -> Self {
        Self { file, text, problems: RefCell::default(), settings: RefCell::default() }
    }

    /// Returns the file's outermost table.
    pub(super) fn root(&'a self, table: &'a DeTable<'a>) -> Section<'a> {
        Section { page: self, path: String::new(), table: Some(table), line: 0, known: RefCell::default() }
    }

    /// Returns the line of a place in the text, counted from 1.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
    }

    pub(super) fn push(&self, problem: ConfigProblem) {
        self.problems.borrow_mut().push(problem);
    }

    /// Returns everything that was wrong, by line, and everything that was read.
    pub(super) fn close(self) -> (ConfigProblems, Vec<Setting>) {
        let mut problems = self.problems.into_inner();
        problems.sort_by_line();
        (problems, self.settings.into_inner())
    }
}

impl<'a> Section<'a> {
    /// Returns the key as written from the file's root, such as `test[0].http.path`.
    pub(super) fn key(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// Whether the table is in the file.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Whether a key is in the table. Does not count as reading it.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|t| t.contains_key(key))
    }

    /// Returns the line of a key, or of the table where the key is absent.
    fn line_of(&self, key: &str) -> usize {
        let found = self.table.and_then(|t| t.get_key_value(key));
        found.map_or(self.line, |(k, _)| self.page.line_of(k.span().start))
    }

    /// Says that something is wrong at a key.
    pub(super) fn wrong(&self, key: &str, says: impl Into<String>, remedy: &str) {
        let name = if key.is_empty() { self.path.clone() } else { self.key(key) };
        let problem = ConfigProblem::at_key(self.page.file, &name, says, remedy);
        self.page.push(problem.on_line(self.line_of(key)));
    }

    /// Says that something is wrong at a key of a table of texts.
    pub(super) fn wrong_in(&self, key: &str, name: &str, says: &str, remedy: &str) {
        let table = self.table.and_then(|t| t.get(key)).and_then(|v| v.get_ref().as_table());
        let line = table
            .and_then(|t| t.get_key_value(name))
            .map_or(self.line, |(k, _)| self.page.line_of(k.span().start));
        let full = join(&self.key(key), name);
        self.page.push(ConfigProblem::at_key(self.page.file, &full, says, remedy).on_line(line));
    }

    fn remember(&self, key: String, value: toml::Value, from: Origin) {
        self.page.settings.borrow_mut().push(Setting { key, value, from });
    }

    fn default(&self, key: &'static str, value: impl Into<toml::Value>, why: &str) {
        self.known.borrow_mut().push(key);
        self.remember(self.key(key), value.into(), Origin::Default { why: why.to_owned() });
    }

    fn find(&self, key: &'static str) -> Option<Found<'a>> {
        self.known.borrow_mut().push(key);
        let (name, value) = self.table?.get_key_value(key)?;
        Some((value.get_ref(), self.page.line_of(name.span().start)))
    }

    /// Finds a key that holds a value and remembers it.
    fn value(&self, key: &'static str) -> Option<&'a DeValue<'a>> {
        let (value, line) = self.find(key)?;
        self.remember(self.key(key), to_toml(value), Origin::File { line });
        Some(value)
    }

    fn mismatch(&self, key: &str, found: &DeValue<'_>, expected: &str, remedy: &str) {
        self.wrong(key, format!("it is {}, and {expected} is expected", kind(found)), remedy);
    }

    /// Reads a text.
    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        let value = self.value(key)?;
        if value.as_str().is_none() {
            self.mismatch(key, value, "a text", "write it in quotation marks");
        }
        value.as_str().map(str::to_owned)
    }

    /// Takes a key for known without reading it: somebody else refuses it with better words.
    pub(super) fn skip(&self, key: &'static str) {
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
    pub(super) fn needed_port(&self, key: &'static str) -> Option<u16> {
        if self.has(key) {
            return self.port(key);
        }
        self.missing(key, "8080` or another port on which the service listens");
        None
    }

    /// Reads a command that has to be there.
    pub(super) fn needed_command(&self, key: &'static str) -> Option<Vec<String>> {
        if self.has(key) {
            return self.command(key);
        }
        self.missing(key, "[\"…\"]`: a list of words, or a text for `sh -c`");
        None
    }

    /// Reads a text that has to be there and not empty.
    pub(super) fn needed_text(&self, key: &'static str, what: &str) -> Option<String> {
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
    pub(super) fn text_or(&self, key: &'static str, default: &str, why: &str) -> String {
        if !self.has(key) {
            self.default(key, default, why);
            return default.to_owned();
        }
        self.text(key).unwrap_or_else(|| default.to_owned())
    }

    /// Reads one of several words.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
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
    pub(super) fn word_or_first<T: Copy>(&self, key: &'static str, words: &[(&str, T)], why: &str) -> T {
        let (name, first) = words[0];
        if !self.has(key) {
            self.default(key, name, why);
            return first;
        }
        self.word(key, words).unwrap_or(first)
    }

    /// Reads a duration.
    pub(super) fn duration_or(&self, key: &'static str, default: &str, why: &str) -> Duration {
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
    pub(super) fn length_or(&self, key: &'static str, default: &str, why: &str) -> Duration {
        let text = self.text_or(key, default, why);
        read_duration(&text).map_err(|says| self.wrong(key, says, DURATION_HINT)).unwrap_or_default()
    }

    /// Reads yes or no.
    pub(super) fn flag_or(&self, key: &'static str, default: bool, why: &str) -> bool {
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
    pub(super) fn number(&self, key: &'static str, bounds: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = self.value(key)?;
        let number = self.whole(key, value)?;
        if bounds.contains(&number) {
            return Some(number);
        }
        self.wrong(key, format!("{number} is not from {} to {}", bounds.start(), bounds.end()), "");
        None
    }

    /// Reads a whole number within bounds that has a default.
    pub(super) fn number_or(
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
    pub(super) fn port(&self, key: &'static str) -> Option<u16> {
        self.number(key, 1..=65535).and_then(|n| u16::try_from(n).ok())
    }

    /// Reads a number that may have a fraction.
    pub(super) fn amount(&self, key: &'static str) -> Option<f64> {
        let value = self.value(key)?;
        let number =
            value.as_float().map(DeFloat::as_str).or_else(|| value.as_integer().map(DeInteger::as_str));
        if number.is_none() {
            self.mismatch(key, value, "a number", "write it without quotation marks");
        }
        number?.parse().ok()
    }

    /// Reads HTTP statuses: one, or a list.
    pub(super) fn statuses(&self, key: &'static str) -> Vec<u16> {
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
    pub(super) fn texts(&self, key: &'static str) -> Vec<String> {
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
    pub(super) fn command(&self, key: &'static str) -> Option<Vec<String>> {
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
    pub(super) fn map(&self, key: &'static str) -> BTreeMap<String, String> {
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
    pub(super) fn values(&self, key: &'static str) -> BTreeMap<String, serde_json::Value> {
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
    pub(super) fn day(&self, key: &'static str) -> Option<chrono::NaiveDate> {
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

    /// Returns a table in this one; an absent one gives defaults.
    pub(super) fn table(&self, key: &'static str) -> Self {
        let at = |table, line| Self {
            page: self.page,
            path: self.key(key),
            table,
            line,
            known: RefCell::default(),
        };
        match self.find(key) {
            None => at(None, self.line),
            Some((DeValue::Table(table), line)) => at(Some(table), line),
            Some((other, line)) => {
                self.mismatch(key, other, "a table", &format!("write `{key} = {{ … }}`"));
                at(None, line)
            }
        }
    }

    /// Returns the tables of a list such as `[[probe]]`.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Self> {
        let Some((value, line)) = self.find(key) else { return Vec::new() };
        let DeValue::Array(list) = value else {
            self.mismatch(key, value, "a list of tables", &format!("write `[[{key}]]`"));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (nth, item) in list.iter().enumerate() {
            let path = format!("{}[{nth}]", self.key(key));
            let Some(table) = item.get_ref().as_table() else {
                self.mismatch(key, item.get_ref(), "a list of tables", &format!("write `[[{key}]]`"));
                continue;
            };
            // The item of `[[probe]]` begins where its header does.
            let line = match item.span().start {
                0 => line,
                start => self.page.line_of(start),
            };
            let known = RefCell::default();
            sections.push(Self { page: self.page, path, table: Some(table), line, known });
        }
        sections
    }

    /// Refuses what nobody asked for. Every section ends with it.
    pub(super) fn finish(self) {
        let known = self.known.borrow();
        let mut names: Vec<&str> = known.clone();
        names.sort_unstable();
        names.dedup();
        for (key, _) in self.table.into_iter().flatten() {
            let name: &str = key.get_ref();
            if names.contains(&name) {
                continue;
            }
            let remedy = match nearest(name, &names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "remove it; `docs/overlay.md` has every key".to_owned(),
            };
            self.wrong(name, format!("there is no such key; expected one of {}", listed(&names)), &remedy);
        }
    }
}

/// Joins a path and a key; a key with odd letters is quoted as TOML does.
pub(super) fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    // As JSON quotes: TOML's own writer chooses between four kinds of quotation marks, and two of them are not for
    // keys. DEL is the one character that TOML wants escaped and JSON does not.
    let quoted = || serde_json::Value::from(key).to_string().replace('\u{7f}', "\\u007f");
    let key = if bare { key.to_owned() } else { quoted() };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

/// Returns the name that is at most two letters away.
fn nearest<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    let close = names.iter().map(|name| (distance(word, name), *name)).min()?;
    // More than half of the letters are no likeness.
    (close.0 <= 2 && close.0 * 2 <= word.chars().count()).then_some(close.1)
}

/// Counts the letters to add, drop or change between two words.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = corner + usize::from(a != *b);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[other.len()]
}

fn kind(value: &DeValue<'_>) -> &'static str {
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

pub(super) fn to_toml(value: &DeValue<'_>) -> toml::Value {
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
