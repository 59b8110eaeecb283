//! From a run's folder to its reports. The event log is the only input (DESIGN 9).

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use reports::{Log, RunView};

use crate::instance::Instance;

/// A run as it lies on disk.
#[derive(Debug)]
pub struct Kept {
    pub folder: PathBuf,
    pub view: RunView,
}

/// Reads the runs of an instance, newest first.
pub fn runs(instance: &Instance) -> std::io::Result<Vec<Kept>> {
    let folder = instance.settings.state.join("runs");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let folder = entry.path();
        // A run that is only being prepared has no log yet.
        if let Some(log) = read_log(&folder)? {
            let began = log.events.first().map(|e| e.at);
            runs.push((began, Kept { folder, view: log.view() }));
        }
    }
    runs.sort_by_key(|(began, _)| std::cmp::Reverse(*began));
    Ok(runs.into_iter().map(|(_, kept)| kept).collect())
}

/// Reads the log in a run's folder; `None` where there is none.
pub fn read_log(folder: &Path) -> std::io::Result<Option<Log>> {
    match std::fs::read_to_string(folder.join("events.jsonl")) {
        Ok(text) => Ok(Some(reports::read(&text))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes every form of a run's report into its folder; returns the page.
pub fn write(folder: &Path, view: &RunView) -> std::io::Result<PathBuf> {
    let logs = kept_logs(folder, view)?;
    let page = folder.join("report.html");
    replace(&page, &reports::run_page(view, &logs))?;
    replace(&folder.join("outcome.json"), &reports::outcome_json(view))?;
    replace(&folder.join("junit.xml"), &reports::junit(std::slice::from_ref(view)))?;
    replace(&folder.join("report.md"), &reports::markdown(view))?;
    replace(&folder.join("badge.svg"), &reports::badge(view.level(), view.state()))?;
    Ok(page)
}

/// Writes the page over all runs, and returns its path.
pub fn write_index(instance: &Instance) -> std::io::Result<PathBuf> {
    let views: Vec<RunView> = runs(instance)?.into_iter().map(|kept| kept.view).collect();
    let path = instance.settings.state.join("runs").join("index.html");
    replace(&path, &reports::index_page(&views))?;
    Ok(path)
}

fn kept_logs(folder: &Path, view: &RunView) -> std::io::Result<reports::Logs> {
    let mut logs = reports::Logs::new();
    for kept in view.sides.iter().flat_map(|side| &side.logs) {
        match std::fs::read(folder.join(&kept.file)) {
            Ok(bytes) => {
                logs.insert(kept.file.clone(), String::from_utf8_lossy(&bytes).into_owned());
            }
            // Somebody made room; the page says that it is gone.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(logs)
}

/// Writes a file whole or not at all: a reader never sees half a page.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    std::fs::write(&new, text)?;
    std::fs::rename(&new, path)
}
