//! Problems on their way out: a place in one file, not yet that file's name.

use std::fmt;

use crate::yaml::Mark;

/// One thing wrong in the file at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) at: Mark,
    pub(crate) key: String,
    pub(crate) says: String,
    pub(crate) remedy: String,
}

impl Trouble {
    pub(crate) fn at(at: Mark, path: &Path<'_>, says: impl Into<String>) -> Self {
        Self { at, key: path.to_string(), says: shortened(says.into(), LONGEST_TEXT), remedy: String::new() }
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

/// Longest key shown whole, in bytes.
const LONGEST_KEY: usize = 100;

/// Longest sentence shown whole, in bytes: it may quote a value.
const LONGEST_TEXT: usize = 400;

fn shortened(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A key path such as `services.app.ports[0]`, cheap to extend while walking down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'a> {
    above: Option<&'a Self>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Item(usize),
}

impl<'a> Path<'a> {
    pub(crate) fn root() -> Self {
        Self { above: None, step: Step::Root }
    }

    pub(crate) fn key(&'a self, key: &'a str) -> Self {
        Self { above: Some(self), step: Step::Key(key) }
    }

    pub(crate) fn item(&'a self, index: usize) -> Self {
        Self { above: Some(self), step: Step::Item(index) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = match self.above {
            Some(above) => {
                above.fmt(f)?;
                matches!(above.step, Step::Root)
            }
            None => true,
        };
        match self.step {
            Step::Root => Ok(()),
            Step::Key(key) => {
                if !first {
                    f.write_str(".")?;
                }
                f.write_str(&shortened(key.to_owned(), LONGEST_KEY))
            }
            Step::Item(index) => write!(f, "[{index}]"),
        }
    }
}
