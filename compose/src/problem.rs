//! What is wrong with the files, said at the place where their author will look.

/// One thing wrong (or, among the warnings, one thing that will not do what it seems to).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// Name of the file, as the caller named it; empty if no file is at fault.
    pub file: String,
    /// From 1; 0 if not known.
    pub line: usize,
    /// From 1, in characters; 0 if not known.
    pub column: usize,
    /// Path of the key, such as `services.app.ports[0]`; empty for the file as a whole.
    pub key: String,
    /// What is wrong, in lower case.
    pub says: String,
    /// What to do about it; empty if nothing better than the obvious can be said.
    pub remedy: String,
}

/// Where something stands in the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the file, as the caller named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// Everything that is wrong: never empty.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} problems", problems.len())]
pub struct Problems {
    problems: Vec<Problem>,
}

impl Problems {
    /// Takes what was found: at least one problem. Puts them in the order of files and lines.
    pub(crate) fn new(mut problems: Vec<Problem>) -> Self {
        debug_assert!(!problems.is_empty(), "no problem is no error");
        problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        Self { problems }
    }

    /// Returns the problems, in the order of files and lines.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.problems
    }
}
