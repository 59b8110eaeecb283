//! Which run is meant: an id or its beginning, `last`, or a recipe.

use crate::report::Kept;

/// No run, or more than one, is meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRun {
    #[error("there are no runs yet")]
    Empty,
    #[error("no run is called `{asked}`, and no recipe of that name was run")]
    Unknown { asked: String },
    #[error("`{asked}` is the beginning of {} runs: {}", runs.len(), runs.join(", "))]
    Several { asked: String, runs: Vec<String> },
}

/// Finds the run that is meant among all runs, newest first. A whole id wins over a recipe's name, and that over the
/// beginning of an id.
pub fn pick<'a>(runs: &'a [Kept], asked: &str) -> Result<&'a Kept, NoRun> {
    let id = |kept: &Kept| kept.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if asked == "last" {
        return runs.first().ok_or(NoRun::Empty);
    }
    let exact = runs.iter().find(|kept| id(kept) == asked);
    if let Some(found) = exact.or_else(|| runs.iter().find(|kept| kept.view.recipe() == asked)) {
        return Ok(found);
    }
    let begin: Vec<&Kept> =
        runs.iter().filter(|kept| !asked.is_empty() && id(kept).starts_with(asked)).collect();
    match begin.as_slice() {
        [found] => Ok(found),
        [] if runs.is_empty() => Err(NoRun::Empty),
        [] => Err(NoRun::Unknown { asked: asked.to_owned() }),
        several => Err(NoRun::Several {
            asked: asked.to_owned(),
            runs: several.iter().map(|kept| id(kept)).collect(),
        }),
    }
}
