//! What is wrong with the files, said at the place where their author will look.

use std::fmt;

use crate::Source;

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

/// Everything that is wrong: never empty. Displayed, each problem is a picture with the line at fault.
#[derive(Clone, Debug)]
pub struct Problems {
    problems: Vec<Problem>,
    /// The part of the line at fault, for each problem, where it is known.
    lines: Vec<Option<Line>>,
}

/// Part of a line, and how far the problem's column stands in it.
type Line = (String, usize);

/// Longest part of a line that is shown, in characters.
const SHOWN: usize = 96;

/// Most problems that are kept: nobody reads more, and a hostile file could have millions.
const KEPT: usize = 200;

impl Problems {
    /// Takes problems as they are, without pictures of their lines.
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Self { lines: vec![None; problems.len()], problems }
    }

    /// Sorts the problems by file and line, and keeps the lines at fault.
    pub(crate) fn in_files(mut problems: Vec<Problem>, files: &[Source]) -> Self {
        let order = |problem: &Problem| files.iter().position(|file| file.name == problem.file);
        problems.sort_by_key(|problem| (order(problem), problem.line, problem.column));
        problems.dedup();
        let left_out = problems.len().saturating_sub(KEPT);
        problems.truncate(KEPT);
        if left_out > 0 {
            let says = format!("{left_out} more problems are left out");
            problems.push(Problem { says, ..Problem::default() });
        }
        let texts: Vec<(&str, Vec<&str>)> =
            files.iter().map(|file| (file.name.as_str(), file.text.lines().collect())).collect();
        let line_of = |problem: &Problem| {
            let (_, lines) = texts.iter().find(|(name, _)| *name == problem.file)?;
            lines.get(problem.line.checked_sub(1)?).map(|line| window(line, problem.column))
        };
        Self { lines: problems.iter().map(line_of).collect(), problems }
    }

    /// Returns the problems, in the order of files and lines.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.problems
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problem {
    /// Writes one line: place, key, what is wrong, what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}", self.file)?;
            if self.line > 0 {
                write!(f, ":{}:{}", self.line, self.column)?;
            }
            f.write_str(": ")?;
        }
        if !self.key.is_empty() {
            write!(f, "`{}` ", self.key)?;
        }
        f.write_str(&self.says)?;
        if !self.remedy.is_empty() {
            write!(f, " ({})", self.remedy)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (problem, line)) in self.problems.iter().zip(&self.lines).enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            picture(f, problem, line.as_ref())?;
        }
        let count = self.problems.len();
        write!(f, "\n{count} problem{} in the compose files", if count == 1 { "" } else { "s" })
    }
}

fn picture(f: &mut fmt::Formatter<'_>, problem: &Problem, line: Option<&Line>) -> fmt::Result {
    let Problem { file, line: number, column, key, says, remedy } = problem;
    if key.is_empty() {
        writeln!(f, "error: {says}")?;
    } else {
        writeln!(f, "error: `{key}` {says}")?;
    }
    if !file.is_empty() {
        match number {
            0 => writeln!(f, "  --> {file}")?,
            _ => writeln!(f, "  --> {file}:{number}:{column}")?,
        }
    }
    if let Some((shown, offset)) = line {
        let width = number.to_string().len();
        writeln!(f, "{:width$} |", "")?;
        writeln!(f, "{number} | {shown}")?;
        writeln!(f, "{:width$} | {:offset$}^", "", "", offset = *offset)?;
    }
    if !remedy.is_empty() {
        writeln!(f, "  hint: {remedy}")?;
    }
    Ok(())
}

/// Cuts a long line around the column. Returns the part and how far the column stands in it.
fn window(line: &str, column: usize) -> Line {
    let at = column.saturating_sub(1);
    let visible = |c: char| if c == '\t' || c.is_control() { ' ' } else { c };
    if line.chars().count() <= SHOWN {
        return (line.chars().map(visible).collect(), at);
    }
    let start = at.saturating_sub(SHOWN / 2);
    let part: String = line.chars().skip(start).take(SHOWN).map(visible).collect();
    let (head, offset) = if start > 0 { ("…", at - start + 1) } else { ("", at) };
    (format!("{head}{part}…"), offset)
}
