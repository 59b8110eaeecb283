//! What earlier sweeps found, folded from their logs.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::RecipeName;
use domain::sweep::{Before, Glance, Hold, RowEnd, SweepId};
use reports::{SweepEnd, SweepView};

use super::record::{LOG, todo};

/// A sweep as it lies on disk.
#[derive(Clone, Debug)]
pub struct Past {
    pub folder: PathBuf,
    pub view: SweepView,
}

/// All earlier sweeps, and what they say of each recipe.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Oldest first.
    past: Vec<Past>,
    before: BTreeMap<RecipeName, Before>,
    glances: BTreeMap<RecipeName, Glance>,
}

impl History {
    /// Reads the sweeps below a folder. A folder without a readable start is none.
    pub fn read(sweeps: &Path) -> std::io::Result<Self> {
        let entries = match std::fs::read_dir(sweeps) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let mut history = Self::default();
        for entry in entries {
            let folder = entry?.path();
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if SweepId::parse(&name).is_err() {
                continue;
            }
            let view = match std::fs::read(folder.join(LOG)) {
                // A kill may have cut the last line within a character.
                Ok(bytes) => reports::read_sweep(&String::from_utf8_lossy(&bytes)),
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if view.id() == name {
                history.past.push(Past { folder, view });
            }
        }
        history.past.sort_by(|a, b| a.folder.cmp(&b.folder));
        for past in history.past.clone() {
            history.take(&past.view);
        }
        Ok(history)
    }

    fn take(&mut self, view: &SweepView) {
        let plan = view.start.as_ref().map(|start| start.plan.rows.as_slice()).unwrap_or_default();
        // Who left the list before this sweep was named as gone by it; nobody needs to hear that again.
        self.glances.retain(|recipe, _| plan.iter().any(|row| row.recipe == *recipe));
        for row in view.ended() {
            let before = self.before.entry(row.recipe.clone()).or_default();
            if let RowEnd::Ran { ran } = &row.end {
                // A stop says nothing about the recipe.
                if ran.was_interrupted() {
                    continue;
                }
                before.judged = Some(ran.judged());
                before.took.push(Duration::from_millis(ran.millis));
            }
            let glance = Glance::of(&row, self.glances.get(&row.recipe));
            self.glances.insert(row.recipe, glance);
        }
    }

    /// Adds what somebody holds.
    pub fn hold(&mut self, recipe: &RecipeName, hold: Hold) {
        self.before.entry(recipe.clone()).or_default().hold = Some(hold);
    }

    /// Returns what is known of each recipe.
    pub fn before(&self) -> &BTreeMap<RecipeName, Before> {
        &self.before
    }

    /// Returns how each recipe stands, for the next sweep to compare with.
    pub fn glances(&self) -> Vec<Glance> {
        self.glances.values().cloned().collect()
    }

    /// Returns the sweeps, oldest first.
    pub fn past(&self) -> &[Past] {
        &self.past
    }

    /// Returns the last sweep.
    pub fn last(&self) -> Option<&SweepView> {
        self.past.last().map(|past| &past.view)
    }

    /// Returns the last sweep, if it did not come to its end: it was killed or stopped, and something is to be run.
    pub fn unfinished(&self) -> Option<&SweepView> {
        let is_whole = |view: &SweepView| {
            matches!(view.end, SweepEnd::Ended { ending: domain::sweep::Ending::Whole, .. })
        };
        self.last().filter(|view| !is_whole(view) && (!todo(view).is_empty() || view.millis().is_none()))
    }
}
