//! What `up` made, kept in `.simmer/xtask.json`. The promise is written before the thing is made, so that an `up`
//! that was killed in the middle can still be undone.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The label that everything made here carries in the engine, with this checkout's id as its value.
pub(crate) const MADE_BY: &str = "simmer.xtask";

/// What was made, and so what `down` may take away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Made {
    /// Tells two checkouts on one engine apart.
    pub(crate) checkout: String,
    /// We installed these packages. `down` leaves and names them: others may use them by now.
    pub(crate) packages: BTreeSet<String>,
    /// We started the engine.
    pub(crate) engine: bool,
    /// We made this node a swarm; its id, or empty while it is being made.
    pub(crate) swarm: Option<String>,
    /// Networks by name.
    pub(crate) networks: BTreeSet<String>,
    /// Images by name and tag.
    pub(crate) images: BTreeSet<String>,
    /// Containers by name, such as the local registry.
    pub(crate) containers: BTreeSet<String>,
}

/// The record and its file.
#[derive(Debug)]
pub(crate) struct Record {
    path: PathBuf,
    made: Made,
}

impl Record {
    /// Reads the record; none yet is an empty one.
    pub(crate) fn open(state: &Path) -> Result<Self> {
        let path = state.join("xtask.json");
        let made = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("`{}` cannot be read: mend it, or move it away and clear by hand", path.display())
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Made {
                // The process id and the time are enough to tell two checkouts on one machine apart.
                checkout: format!("{:x}", std::process::id()) + &started(),
                ..Made::default()
            },
            Err(error) => {
                return Err(error).with_context(|| format!("could not read `{}`", path.display()));
            }
        };
        Ok(Self { path, made })
    }

    pub(crate) fn made(&self) -> &Made {
        &self.made
    }

    /// Changes the record and writes it, whole or not at all.
    pub(crate) fn note(&mut self, change: impl FnOnce(&mut Made)) -> Result<()> {
        let before = self.made.clone();
        change(&mut self.made);
        if before == self.made && self.path.exists() {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(&self.made).context("the record cannot be written as JSON")?;
        let beside = self.path.with_extension("json.new");
        fs::write(&beside, text)
            .and_then(|()| fs::rename(&beside, &self.path))
            .with_context(|| format!("could not write `{}`", self.path.display()))
    }

    /// The label, as `docker … --label` takes it.
    pub(crate) fn label(&self) -> String {
        format!("{MADE_BY}={}", self.made.checkout)
    }
}

fn started() -> String {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("{:x}", since.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_there_for_the_next_call() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = Record::open(folder.path()).unwrap();
        record.note(|made| made.swarm = Some(String::new())).unwrap();
        let again = Record::open(folder.path()).unwrap();
        assert_eq!(again.made(), record.made());
        assert_eq!(again.label(), record.label());
    }

    #[test]
    fn a_record_of_another_make_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("xtask.json"), r#"{"volumes": ["data"]}"#).unwrap();
        let error = Record::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("xtask.json` cannot be read"), "{error}");
    }
}
