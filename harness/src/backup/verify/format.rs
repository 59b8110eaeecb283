//! What a dump is, and whether it goes to its end.

use std::io::{self, Read};
use std::path::Path;

/// What was found out about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes to its end.
    Whole { is: String },
    /// Its end is missing.
    Cut { is: String, says: String },
    /// Of no form whose end can be told.
    Unknown,
}

/// Reads a file to its end and says what it is. Errors: it could not be read.
pub(super) fn judge(_path: &Path, content: &mut dyn Read) -> io::Result<Verdict> {
    io::copy(content, &mut io::sink())?;
    Ok(Verdict::Unknown)
}
