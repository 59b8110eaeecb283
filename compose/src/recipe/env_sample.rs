//! `.env.sample` and an app's env file.
//!
//! One `NAME=value` a line. Single quotes are literal; in double quotes and without quotes `$NAME` stands for
//! what was set *earlier in the same file*, so that `COMPOSE_FILE="$COMPOSE_FILE:compose.x.yml"` may be
//! repeated. Later lines win. A comment after a value may carry [`Modifiers`]. A commented-out assignment is
//! the documentation of an optional feature and is kept as such.

use std::collections::BTreeMap;

use super::expand::{Escapes, expand};
use super::{problem, variable_name};
use crate::Problem;

/// Longest value after expansion, in bytes: no real one comes near, and doubling a value with each line
/// would otherwise fill the memory.
const VALUE_LIMIT: usize = 64 * 1024;
/// Most bytes in all values of one file together, for the same reason.
const TOTAL_LIMIT: usize = 4 * 1024 * 1024;
/// Longest secret that a modifier may ask for, in characters.
const LENGTH_LIMIT: u32 = 4096;
/// What `$COMPOSE_FILE` stands for before the file sets it.
const DEFAULT_FILES: (&str, &str) = ("COMPOSE_FILE", "compose.yml");

/// A file, read line by line. Never fails as a whole: what could not be read is in `problems`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvFile {
    /// As printed in problems.
    pub file: String,
    /// In the order of the file.
    pub lines: Vec<Assignment>,
    /// Lines that could not be read, and modifiers that mean nothing.
    pub problems: Vec<Problem>,
}

/// One `NAME=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub name: String,
    /// With variables replaced; as written if it is commented out.
    pub value: String,
    /// From 1.
    pub line: usize,
    pub state: State,
    pub modifiers: Modifiers,
}

/// Whether an assignment counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Set,
    /// Documents what could be set.
    CommentedOut,
}

/// What the comment behind a secret's version says about its value: `# length=64 charset=hex generate=false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modifiers {
    /// In characters; `None`: a passphrase.
    pub length: Option<u32>,
    pub charset: Option<Charset>,
    pub generate: Generate,
}

/// Which characters a secret is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// `a-z`, `A-Z`, `0-9`: `alnum`, `alphanumeric`, `default`.
    #[default]
    Alnum,
    /// `0-9`, `a-f`.
    Hex,
    /// `0-9`.
    Numeric,
    /// Letters, digits and `!@#$%^&*_-+=`.
    Special,
    /// As `special`, without the dollar that compose files and shells would replace.
    SafeSpecial,
}

/// Whether we may make the value up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generate {
    #[default]
    Yes,
    /// A key from somebody else: it has to be given.
    No,
}

impl EnvFile {
    /// Returns the variables that are set, the last assignment of each.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, String> {
        self.set().map(|line| (line.name.clone(), line.value.clone())).collect()
    }

    /// Returns the value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.last(name).map(|line| line.value.as_str())
    }

    /// Returns the last assignment of a variable that counts.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&Assignment> {
        self.set().filter(|line| line.name == name).last()
    }

    /// Returns what the file says about a secret whose version is in this variable. A commented-out line
    /// speaks too: the version of a secret of an optional feature often stands there.
    #[must_use]
    pub fn modifiers(&self, variable: &str) -> Option<Modifiers> {
        let named = self.lines.iter().filter(|line| line.name == variable);
        named.max_by_key(|line| (line.state == State::Set, line.line)).map(|line| line.modifiers)
    }

    fn set(&self) -> impl Iterator<Item = &Assignment> {
        self.lines.iter().filter(|line| line.state == State::Set)
    }
}

/// Reads a file; `file` is its name in problems.
///
/// ```
/// use compose::recipe::env_sample::parse;
/// let sample = parse(".env.sample", "COMPOSE_FILE=\"$COMPOSE_FILE:compose.x.yml\"\nA='$B' # why\n");
/// assert_eq!(sample.get("COMPOSE_FILE"), Some("compose.yml:compose.x.yml"));
/// assert_eq!(sample.get("A"), Some("$B"));
/// ```
#[must_use]
pub fn parse(file: &str, text: &str) -> EnvFile {
    let mut reader = Reader {
        out: EnvFile { file: file.into(), ..EnvFile::default() },
        values: BTreeMap::from([(DEFAULT_FILES.0.into(), DEFAULT_FILES.1.into())]),
        total: 0,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split('\n').enumerate();
    while let Some((nth, line)) = lines.next() {
        let mut line = line.trim_end_matches('\r').to_owned();
        // A quoted value may go on for several lines; an open quote that nothing closes stays on its own.
        if let Some(quote) = open_quote(&line) {
            let mut further = lines.clone();
            let mut joined = line.clone();
            for (_, next) in further.by_ref().take(CONTINUATION_LIMIT) {
                joined.push('\n');
                joined.push_str(next.trim_end_matches('\r'));
                if next.contains(quote) {
                    if open_quote(&joined).is_none() {
                        line = joined;
                        lines = further;
                    }
                    break;
                }
            }
        }
        if !reader.line(nth + 1, line.trim()) {
            break;
        }
    }
    reader.out
}

/// Most lines that one quoted value may go on for: a certificate has about forty.
const CONTINUATION_LIMIT: usize = 200;

/// Returns the quote that an assignment opens and does not close.
fn open_quote(line: &str) -> Option<char> {
    let (_, value) = assignment(line.trim_start())?;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    quoted(value, quote).is_none().then_some(quote)
}

struct Reader {
    out: EnvFile,
    values: BTreeMap<String, String>,
    total: usize,
}

impl Reader {
    fn problem(&mut self, line: usize, key: &str, says: impl Into<String>, remedy: &str) {
        let problem = problem(&self.out.file, line, key, says, remedy);
        self.out.problems.push(problem);
    }

    /// Reads one line; `false`: the rest of the file is left out.
    fn line(&mut self, nth: usize, line: &str) -> bool {
        if line.is_empty() {
            return true;
        }
        if let Some(comment) = line.strip_prefix('#') {
            self.commented_out(nth, comment.trim_start_matches('#').trim());
            return true;
        }
        let Some((name, written)) = assignment(line) else {
            self.problem(
                nth,
                "",
                "this is not `NAME=value`",
                "write an assignment, or begin the line with `#`",
            );
            return true;
        };
        let name = name.to_owned();
        let value = match split(written) {
            Split::Literal(value, comment) => Ok((value.to_owned(), comment)),
            Split::Expand(value, escapes, comment) => {
                let lookup = |name: &str| self.values.get(name).map(String::as_str);
                match expand(value, escapes, VALUE_LIMIT, &lookup) {
                    Some(value) => Ok((value, comment)),
                    None => Err(format!("the value is longer than {VALUE_LIMIT} bytes")),
                }
            }
            Split::Open => Err("a quote is opened and not closed".to_owned()),
            Split::Trailing => Err("something follows the closing quote".to_owned()),
        };
        let (value, comment) = match value {
            Ok(found) => found,
            Err(says) => {
                self.problem(nth, &name, says, "quote the whole value, or nothing of it");
                return true;
            }
        };
        self.total += value.len() + name.len();
        if self.total > TOTAL_LIMIT {
            let says = format!("the values of this file are longer than {TOTAL_LIMIT} bytes together");
            self.problem(nth, &name, says, "do not repeat a value in itself");
            return false;
        }
        let modifiers = self.modifiers(nth, &name, comment);
        self.values.insert(name.clone(), value.clone());
        self.out.lines.push(Assignment { name, value, line: nth, state: State::Set, modifiers });
        true
    }

    fn commented_out(&mut self, nth: usize, comment: &str) {
        let Some((name, written)) = assignment(comment) else { return };
        // `NAME = …` in prose is no assignment; a sample's own lines have no space there.
        if !comment.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')) {
            return;
        }
        let (value, after) = match split(written) {
            Split::Literal(value, comment) | Split::Expand(value, _, comment) => (value, comment),
            Split::Open | Split::Trailing => (written, ""),
        };
        let modifiers = self.modifiers(nth, name, after);
        let (name, value) = (name.to_owned(), value.to_owned());
        self.out.lines.push(Assignment { name, value, line: nth, state: State::CommentedOut, modifiers });
    }

    /// Reads `key=value` words of a comment. Other words are somebody's remark.
    fn modifiers(&mut self, nth: usize, name: &str, comment: &str) -> Modifiers {
        let mut modifiers = Modifiers::default();
        for word in comment.split_whitespace().map(|word| word.trim_end_matches([',', ';', '.'])) {
            match word.split_once('=') {
                Some(("length", length)) => match length.parse::<u32>() {
                    Ok(length) if (1..=LENGTH_LIMIT).contains(&length) => modifiers.length = Some(length),
                    Ok(_) | Err(_) => {
                        let says = format!("`{word}` is not a length from 1 to {LENGTH_LIMIT}");
                        self.problem(nth, name, says, "write a number of characters");
                    }
                },
                Some(("charset", charset)) => match Charset::parse(charset) {
                    Some(charset) => modifiers.charset = Some(charset),
                    None => {
                        let says = format!("`{charset}` is not a set of characters");
                        let remedy = "use default, alnum, hex, numeric, special or safespecial";
                        self.problem(nth, name, says, remedy);
                    }
                },
                Some(("generate", "false")) => modifiers.generate = Generate::No,
                Some(("generate", "true")) => modifiers.generate = Generate::Yes,
                Some(("generate", other)) => {
                    let says = format!("`generate={other}` says neither yes nor no");
                    self.problem(nth, name, says, "write `generate=false`, or nothing");
                }
                Some(_) | None => {}
            }
        }
        modifiers
    }
}

impl Charset {
    /// Reads the word of a modifier.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "alnum" | "alphanumeric" | "default" => Self::Alnum,
            "hex" => Self::Hex,
            "numeric" => Self::Numeric,
            "special" => Self::Special,
            "safespecial" => Self::SafeSpecial,
            _ => return None,
        })
    }
}

/// Splits `NAME=value`; spaces around the sign are let pass.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (name, rest) = variable_name(line)?;
    Some((name, rest.trim_start_matches([' ', '\t']).strip_prefix('=')?))
}

/// A value told from the comment behind it.
enum Split<'a> {
    Literal(&'a str, &'a str),
    /// Variables are still to be replaced.
    Expand(&'a str, Escapes, &'a str),
    Open,
    Trailing,
}

fn split(written: &str) -> Split<'_> {
    let value = written.trim_start_matches([' ', '\t']);
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return unquoted(written);
    };
    let Some((inner, after)) = quoted(value, quote) else { return Split::Open };
    let comment = match after.trim() {
        "" => "",
        after => match after.strip_prefix('#') {
            Some(comment) => comment,
            None => return Split::Trailing,
        },
    };
    match quote {
        '"' => Split::Expand(inner, Escapes::Replace, comment),
        _ => Split::Literal(inner, comment),
    }
}

/// Splits a text that begins with a quote at the quote that closes it.
fn quoted(value: &str, quote: char) -> Option<(&str, &str)> {
    let inner = value.strip_prefix(quote)?;
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote == '"' {
            escaped = true;
        } else if c == quote {
            return Some((&inner[..at], &inner[at + 1..]));
        }
    }
    None
}

/// Without quotes a comment begins at a `#` that follows a space.
fn unquoted(written: &str) -> Split<'_> {
    let comment = written
        .char_indices()
        .zip(written.chars().skip(1))
        .find(|((_, before), c)| *c == '#' && before.is_whitespace())
        .map(|((at, before), _)| at + before.len_utf8());
    let (value, comment) = match comment {
        Some(at) => (&written[..at], &written[at + 1..]),
        None => (written, ""),
    };
    Split::Expand(value.trim(), Escapes::Keep, comment)
}

#[cfg(test)]
#[path = "env_sample_tests.rs"]
mod tests;
