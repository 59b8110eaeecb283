//! A TOML file as its author sees it: every key has a line, every problem is kept, and what was read is remembered
//! with where it came from, so that `simmer overlay explain` can never differ from what a run uses.
//!
//! Why not serde alone: it stops at the first unknown key and knows no line afterwards.

mod values;

use std::cell::RefCell;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use domain::spelling::distance;
use values::kind;
pub(super) use values::to_toml;

use super::super::problem::{ConfigProblem, ConfigProblems};
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

    /// Returns the text of a key, or the first of its list. Does not count as reading it.
    pub(super) fn first_text(&self, key: &str) -> Option<&str> {
        let value = self.table?.get(key)?.get_ref();
        value.as_str().or_else(|| value.as_array()?.first()?.get_ref().as_str())
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
