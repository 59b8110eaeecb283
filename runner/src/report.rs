//! From a run's folder to its reports. The event log is the only input (DESIGN 9).

use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
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
    match std::fs::read(folder.join("events.jsonl")) {
        // A kill may have cut the last line within a character.
        Ok(bytes) => Ok(Some(reports::read(&String::from_utf8_lossy(&bytes)))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes every form of a run's report into its folder; returns the page.
pub fn write(folder: &Path, view: &RunView) -> std::io::Result<PathBuf> {
    let logs = kept_texts(folder, view)?;
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

/// Longest text of a kept file that a page takes in; the file itself has all.
const TEXT_LIMIT: u64 = 16 * 1024 * 1024;

/// Reads what the page shows beside the events: the files that they name, and what the run was made with.
pub(crate) fn kept_texts(folder: &Path, view: &RunView) -> std::io::Result<reports::Logs> {
    let mut texts = reports::Logs::new();
    let named = view.kept_files().into_iter().map(|kept| kept.file);
    for file in named.chain([reports::MANIFEST]) {
        if let Some(text) = read_within(folder, file)? {
            texts.insert(file.to_owned(), text);
        }
    }
    Ok(texts)
}

/// Reads a file of the run's folder from its end backwards to the limit. A name or a link that leads out of the
/// folder, and what is no file, is as if it were not there: an event may name anything.
fn read_within(folder: &Path, file: &str) -> std::io::Result<Option<String>> {
    if !reports::is_inside(file) {
        return Ok(None);
    }
    let found = match folder.join(file).canonicalize() {
        Ok(found) => found,
        // Somebody made room; the page says that it is gone.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if !found.starts_with(folder.canonicalize()?) || !found.is_file() {
        return Ok(None);
    }
    let mut opened = std::fs::File::open(found)?;
    let length = opened.metadata()?.len();
    if length > TEXT_LIMIT {
        opened.seek(SeekFrom::Start(length - TEXT_LIMIT))?;
    }
    let mut bytes = Vec::new();
    opened.take(TEXT_LIMIT).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Writes a file whole or not at all: a reader never sees half a page.
pub(crate) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    std::fs::write(&new, text)?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run's folder, and beside it a file that no report may hold.
    fn ground(file: &str) -> (tempfile::TempDir, PathBuf, RunView) {
        let ground = tempfile::tempdir().unwrap();
        let folder = ground.path().join("runs/5b1c0000");
        std::fs::create_dir_all(folder.join("logs")).unwrap();
        std::fs::write(ground.path().join("secret"), "not-yours").unwrap();
        std::fs::write(folder.join("logs/a0-app.log"), "mine").unwrap();
        let event = serde_json::json!({
            "v": 1, "seq": 1, "at": "2026-11-21T03:04:05Z", "run": "5b1c0000", "event": "log_kept",
            "side": "a", "nth": 0, "service": "app", "file": file, "lines": 1, "cut": false,
        });
        std::fs::write(folder.join("events.jsonl"), format!("{event}\n")).unwrap();
        let view = read_log(&folder).unwrap().unwrap().view();
        (ground, folder, view)
    }

    fn every_form(folder: &Path, view: &RunView) -> String {
        write(folder, view).unwrap();
        let files = ["report.html", "outcome.json", "junit.xml", "report.md", "badge.svg"];
        files.map(|name| std::fs::read_to_string(folder.join(name)).unwrap()).concat()
    }

    #[test]
    fn an_event_that_names_a_file_outside_of_the_runs_folder_reads_nothing() {
        for out in
            ["../../secret", "logs/../../../secret", "/etc/passwd", "../5b1c0000/../../secret", ".", "logs"]
        {
            let (_ground, folder, view) = ground(out);
            let all = every_form(&folder, &view);
            assert!(!all.contains("not-yours") && !all.contains("root:x:0"), "{out}");
            let is_linked = all.contains(&format!("href=\"./{out}"));
            assert!(!is_linked || reports::is_inside(out), "{out}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_link_in_the_runs_folder_that_leads_out_of_it_is_not_followed() {
        let (ground, folder, view) = ground("logs/x.log");
        std::os::unix::fs::symlink(ground.path().join("secret"), folder.join("logs/x.log")).unwrap();
        std::os::unix::fs::symlink(ground.path().join("secret"), folder.join(reports::MANIFEST)).unwrap();
        let all = every_form(&folder, &view);
        assert!(all.contains("the text is not here") && !all.contains("not-yours"));
    }

    #[test]
    fn a_log_that_is_there_is_shown_and_one_that_is_cut_within_a_character_is_read() {
        let (_ground, folder, view) = ground("logs/a0-app.log");
        assert!(every_form(&folder, &view).contains("mine"));
        let mut bytes = std::fs::read(folder.join("events.jsonl")).unwrap();
        bytes.extend([b'{', 0xc3]);
        std::fs::write(folder.join("events.jsonl"), bytes).unwrap();
        let view = read_log(&folder).unwrap().unwrap().view();
        assert_eq!(view.trouble.garbled.len(), 1);
    }

    #[test]
    fn written_again_every_file_has_the_same_bytes() {
        let (_ground, folder, view) = ground("logs/a0-app.log");
        let first = every_form(&folder, &view);
        let again = read_log(&folder).unwrap().unwrap().view();
        assert_eq!(first, every_form(&folder, &again));
    }
}
