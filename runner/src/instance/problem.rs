//! What is wrong with a config file: what, where, why, what to do. All at once.

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing wrong, said where its author will look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    pub file: PathBuf,
    /// Counted from 1; 0 where the whole file is meant, or the line is not known.
    pub line: usize,
    /// Such as `health.window`; empty where the whole file is meant.
    pub key: String,
    pub says: String,
    pub remedy: String,
}

impl ConfigProblem {
    /// Makes a problem of a whole file.
    pub fn at_file(file: &Path, says: impl Into<String>, remedy: &str) -> Self {
        Self::at_key(file, "", says, remedy)
    }

    /// Makes a problem of one key.
    pub fn at_key(file: &Path, key: &str, says: impl Into<String>, remedy: &str) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            key: key.to_owned(),
            says: says.into(),
            remedy: remedy.to_owned(),
        }
    }

    /// Adds the line, counted from 1.
    #[must_use]
    pub fn on_line(mut self, line: usize) -> Self {
        self.line = line;
        self
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, ": `{}`", self.key)?;
        }
        write!(f, ": {}", self.says.trim_end())?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "\n  hint: {}", self.remedy) }
    }
}

impl std::error::Error for ConfigProblem {}

/// Everything that is wrong, in the order of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigProblems(Vec<ConfigProblem>);

impl ConfigProblems {
    /// Returns whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one problem.
    pub fn push(&mut self, problem: ConfigProblem) {
        self.0.push(problem);
    }

    /// Returns them one by one.
    pub fn list(&self) -> &[ConfigProblem] {
        &self.0
    }

    /// Adds those of another file.
    pub fn append(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Orders what is known of one file by line; what stands on one line keeps its order.
    pub(super) fn sort_by_line(&mut self) {
        self.0.sort_by_key(|problem| problem.line);
    }

    /// Keeps the problems of a failed check and returns the value of a good one.
    pub fn take<T>(&mut self, checked: Result<T, Self>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(Self(more)) => {
                self.0.extend(more);
                None
            }
        }
    }
}

impl From<ConfigProblem> for ConfigProblems {
    fn from(problem: ConfigProblem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, problem) in self.0.iter().enumerate() {
            if nth > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigProblems {}

/// Reads TOML into a raw type. The message of the toml crate has line, column, caret and the names that
/// were expected.
pub(super) fn read_toml<T: serde::de::DeserializeOwned>(
    text: &str,
    file: &Path,
) -> Result<T, ConfigProblems> {
    toml::from_str(text).map_err(|error| {
        ConfigProblem::at_file(file, error.to_string(), "see `docs/config.md` for the keys").into()
    })
}

/// Reads a duration such as `90s`, `10m`, `1h 30m`.
pub(crate) fn read_duration(text: &str) -> Result<std::time::Duration, String> {
    let mut total = 0_u64;
    let mut seen = false;
    for part in text.split_whitespace() {
        let cut = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (number, unit) = part.split_at(cut);
        let number: u64 = number.parse().map_err(|_| format!("`{text}` is not a duration"))?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "" => return Err(format!("`{text}` has no unit")),
            _ => return Err(format!("`{unit}` is not a unit of time")),
        };
        total = number
            .checked_mul(seconds)
            .and_then(|n| total.checked_add(n))
            .filter(|n| *n <= 7 * 24 * 3600)
            .ok_or_else(|| format!("`{text}` is longer than a week"))?;
        seen = true;
    }
    if seen { Ok(std::time::Duration::from_secs(total)) } else { Err("it is empty".into()) }
}

/// Reads a size as Docker does: `M` and `MiB` are both 1024² bytes.
pub(super) fn read_size(text: &str) -> Result<u64, String> {
    let cut = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(cut);
    let number: u64 = number.parse().map_err(|_| format!("`{text}` is not a size"))?;
    let unit = unit.trim().to_ascii_lowercase();
    let factor: u64 = match unit.trim_end_matches('b').trim_end_matches('i') {
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1 << 40,
        "" => return Err(format!("`{text}` has no unit")),
        _ => return Err(format!("`{unit}` is not a unit of size")),
    };
    number.checked_mul(factor).filter(|n| *n > 0).ok_or_else(|| format!("`{text}` is out of range"))
}

/// What to write where a duration is expected.
pub(super) const DURATION_HINT: &str = "write a number with `s`, `m` or `h`, such as \"90s\" or \"10m\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_an_end() {
        assert_eq!(read_duration("1h 30m").unwrap().as_secs(), 5400);
        assert_eq!(read_duration("10m").unwrap().as_secs(), 600);
        assert_eq!(read_duration("10").unwrap_err(), "`10` has no unit");
        assert_eq!(read_duration("10 parsecs").unwrap_err(), "`10 parsecs` has no unit");
        assert_eq!(read_duration("5d").unwrap_err(), "`d` is not a unit of time");
        assert!(read_duration("99999999999999999999s").is_err());
        assert!(read_duration("9999999h").is_err());
        assert!(read_duration("").is_err());
    }

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        assert_eq!(read_size("512M").unwrap(), 512 << 20);
        assert_eq!(read_size("2GiB").unwrap(), 2 << 30);
        assert_eq!(read_size("64 kb").unwrap(), 64 << 10);
        assert_eq!(read_size("3TB").unwrap(), 3 << 40);
        assert_eq!(read_size("512").unwrap_err(), "`512` has no unit");
        assert!(read_size("M").is_err() && read_size("0M").is_err() && read_size("99999999999G").is_err());
        assert!(read_size("5X").is_err() && read_size("-1M").is_err() && read_size("").is_err());
    }
}
