//! Prints of volumes: whether anything was written, told by a listing and not by reading (CC-081).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::StackName;
use domain::data::Print;

use super::raw::Place;
use super::{Engine, EngineError, STACK_LABEL, filters, items, text};

/// Longest time for the listing of one volume: a run does not wait longer to say what it does not have to.
const LIST_LIMIT: Duration = Duration::from_secs(5);
/// Entries of a volume that are listed. A larger one has no print: half a listing proves nothing.
const ENTRIES: u64 = 500_000;

impl Engine {
    /// Takes a print of each of the stack's named volumes, by its name in the swarm. `None` where this machine does not
    /// see the files: another node's, another driver's, or too many of them.
    pub async fn volume_prints(
        &self,
        stack: &StackName,
    ) -> Result<BTreeMap<String, Option<Print>>, EngineError> {
        let only = filters(&[("label", vec![format!("{STACK_LABEL}={stack}")])]);
        let found = self.raw().get("/volumes", &[("filters", &only)], "listing the stack's volumes").await?;
        let here = matches!(self.raw().place, Place::Unix(_));
        let mut prints = BTreeMap::new();
        for volume in items(&found["Volumes"]) {
            let folder = PathBuf::from(text(&volume["Mountpoint"]));
            // A volume with options is mounted only while a container uses it: an empty folder would be a lie.
            let plain =
                volume["Driver"] == "local" && volume["Options"].as_object().is_none_or(|o| o.is_empty());
            let print = if here && plain && folder.is_absolute() {
                tokio::task::spawn_blocking(move || print(&folder, LIST_LIMIT, ENTRIES)).await.ok().flatten()
            } else {
                None
            };
            prints.insert(text(&volume["Name"]), print);
        }
        Ok(prints)
    }
}

/// Lists a folder without following links. `None` when it cannot be listed whole, or not in time; a file that goes while
/// we look is no trouble.
fn print(root: &Path, limit: Duration, entries: u64) -> Option<Print> {
    let began = Instant::now();
    let mut print = Print { files: 0, bytes: 0, newest: None };
    let mut seen = 0;
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let list = match std::fs::read_dir(&folder) {
            Ok(list) => list,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && folder != root => continue,
            Err(_) => return None,
        };
        // The folder's own time tells of files that were taken away or replaced.
        if let Ok(meta) = std::fs::symlink_metadata(&folder) {
            print.newest = print.newest.max(written(&meta));
        }
        for entry in list {
            seen += 1;
            if seen > entries || began.elapsed() > limit {
                return None;
            }
            let Ok(entry) = entry else { continue };
            let Ok(meta) = std::fs::symlink_metadata(entry.path()) else { continue };
            if meta.is_dir() {
                folders.push(entry.path());
            } else {
                print.files += 1;
                print.bytes += meta.len();
                print.newest = print.newest.max(written(&meta));
            }
        }
    }
    Some(print)
}

fn written(meta: &std::fs::Metadata) -> Option<DateTime<Utc>> {
    meta.modified().ok().map(DateTime::<Utc>::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(folder: &Path) -> Option<Print> {
        print(folder, LIST_LIMIT, ENTRIES)
    }

    #[test]
    fn a_print_changes_with_whatever_is_written_and_with_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("sub/a"), "12345").unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("link")).unwrap();
        let first = of(folder.path()).unwrap();
        assert_eq!((first.files, first.bytes), (2, 5 + "/etc".len() as u64));
        assert_eq!(std::fs::read(folder.path().join("sub/a")).unwrap(), b"12345");
        assert_eq!(of(folder.path()).unwrap(), first, "reading changes nothing");

        // The same size, and a time of its own: that it differs does not hang on the clock's steps.
        let file = std::fs::File::options().write(true).open(folder.path().join("sub/a")).unwrap();
        file.set_modified(std::time::SystemTime::now() + Duration::from_secs(9)).unwrap();
        assert_ne!(of(folder.path()).unwrap(), first);
    }

    #[test]
    fn half_a_listing_is_no_print() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(print(folder.path(), LIST_LIMIT, 2), None);
        assert_eq!(print(folder.path(), Duration::ZERO, ENTRIES), None);
        assert_eq!(of(&folder.path().join("nothing")), None);
        assert_eq!(of(folder.path()).unwrap().files, 3);
    }
}
