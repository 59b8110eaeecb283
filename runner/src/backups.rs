//! The backups of an instance: where they are, and what the command line does with them.

use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Local, SecondsFormat, Utc};
use harness::backup::{Entry, EntryKind, Kept, Place, Program};

use crate::instance::Settings;

/// Repositories that only restic reaches are written as `kind:address`.
const KINDS: [&str; 9] = ["sftp", "rest", "s3", "swift", "b2", "azure", "gs", "rclone", "local"];

/// Returns where the backups of an instance are kept.
#[must_use]
pub fn place(settings: &Settings) -> Place {
    let place = Place::under(&settings.state.join("backups"), settings.backups.program);
    match &settings.backups.repository {
        Some(repository) => place.at(repository.clone()),
        None => place,
    }
}

/// Returns the kind of an address that is no folder.
pub(crate) fn kind_of(repository: &str) -> Option<&str> {
    let (kind, _) = repository.split_once(':')?;
    KINDS.contains(&kind).then_some(kind)
}

/// Says why a repository cannot be used by a program.
pub(crate) fn misfit(program: Program, repository: &str) -> Option<String> {
    let kind = kind_of(repository)?;
    match program {
        Program::Restic => None,
        Program::Embedded => {
            Some(format!("a repository of the kind `{kind}` is only reached by the restic command line"))
        }
    }
}

/// A folder into which nothing may be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum BadTarget {
    #[error("`{path}` is not empty")]
    NotEmpty { path: PathBuf },
    #[error("`{path}` is part of a volume")]
    Volume { path: PathBuf },
    #[error("`{path}` is not a folder that can be used")]
    Unusable { path: PathBuf, source: io::Error },
}

/// Checks that a restore may go into a folder: an empty one, or one that is not there yet, and no volume.
pub fn check_target(to: &Path) -> Result<(), BadTarget> {
    let path = to.to_owned();
    // The longest part that is there tells where it really is.
    let there = to.ancestors().find_map(|part| {
        let part = if part.as_os_str().is_empty() { Path::new(".") } else { part };
        part.canonicalize().ok()
    });
    let parts: Vec<_> = there.iter().flat_map(|there| there.iter()).collect();
    if parts.windows(3).any(|parts| parts[0] == "volumes" && parts[2] == "_data") {
        return Err(BadTarget::Volume { path });
    }
    match std::fs::read_dir(to) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(BadTarget::NotEmpty { path }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(BadTarget::Unusable { path, source }),
    }
}

/// Returns a table of snapshots, newest first.
#[must_use]
pub fn table(all: &[Kept]) -> String {
    let mut rows = vec![["snapshot", "made", "recipe", "release", "run", "files", "size"].map(str::to_owned)];
    for kept in all.iter().rev() {
        let known = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let number = |number: Option<u64>| number.map_or_else(|| "-".into(), |n| n.to_string());
        rows.push([
            kept.id.short().to_owned(),
            local(kept.time),
            known(&kept.about.recipe),
            known(&kept.about.release),
            known(&kept.about.run),
            number(kept.files),
            kept.bytes.map_or_else(|| "-".into(), size),
        ]);
    }
    columns(&rows)
}

/// Returns what a snapshot holds, one thing a line.
#[must_use]
pub fn listing(entries: &[Entry]) -> String {
    let line = |entry: &Entry| {
        let size = match entry.kind {
            EntryKind::File => size(entry.bytes),
            EntryKind::Folder => "folder".into(),
            EntryKind::Link => "link".into(),
            EntryKind::Special => "special".into(),
        };
        format!("{:04o} {size:>10}  {}\n", entry.mode, printable(&entry.path))
    };
    entries.iter().map(line).collect()
}

/// A name may hold anything, line breaks and control sequences too.
fn printable(path: &Path) -> String {
    let text = path.display().to_string();
    if text.chars().any(char::is_control) { text.escape_debug().to_string() } else { text }
}

fn local(time: DateTime<Utc>) -> String {
    time.with_timezone(&Local).to_rfc3339_opts(SecondsFormat::Secs, false)
}

/// Returns a number of bytes as people say it.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS[unit])
}

fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use harness::backup::{About, SnapshotId};

    use super::*;

    #[test]
    fn a_restore_goes_into_an_empty_folder_and_never_into_a_volume() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert!(check_target(&root.join("new/deep")).is_ok());
        assert!(check_target(root).is_ok());
        std::fs::create_dir_all(root.join("volumes/run-1_data/_data/empty")).unwrap();
        for within in
            ["volumes/run-1_data/_data", "volumes/run-1_data/_data/empty", "volumes/run-1_data/_data/new"]
        {
            assert!(matches!(check_target(&root.join(within)), Err(BadTarget::Volume { .. })), "{within}");
        }
        std::os::unix::fs::symlink(root.join("volumes/run-1_data/_data"), root.join("link")).unwrap();
        assert!(matches!(check_target(&root.join("link")), Err(BadTarget::Volume { .. })));
        assert!(matches!(check_target(root), Err(BadTarget::NotEmpty { .. })));
        std::fs::write(root.join("file"), "").unwrap();
        assert!(matches!(check_target(&root.join("file")), Err(BadTarget::Unusable { .. })));
    }

    #[test]
    fn snapshots_are_listed_newest_first() {
        let kept = |nth: u8, recipe: &str, bytes: Option<u64>| Kept {
            id: SnapshotId::parse(&format!("{nth:02x}").repeat(32)).unwrap(),
            time: DateTime::from_timestamp(1_795_000_000 + i64::from(nth), 0).unwrap(),
            about: About { recipe: recipe.into(), release: "1.0.0+2".into(), ..About::default() },
            paths: Vec::new(),
            files: bytes.map(|_| 3),
            bytes,
        };
        let table = table(&[kept(1, "gitea", Some(2048)), kept(2, "", None)]);
        // The time is local, so that only its place is looked at.
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["snapshot", "made", "recipe", "release", "run", "files", "size"]);
        assert_eq!((lines[1][0], &lines[1][2..]), ("02020202", &["-", "1.0.0+2", "-", "-", "-"][..]));
        assert_eq!(
            (lines[2][0], &lines[2][2..]),
            ("01010101", &["gitea", "1.0.0+2", "-", "3", "2.0", "KiB"][..])
        );
    }

    #[test]
    fn a_hostile_name_moves_no_cursor() {
        let entry = Entry { path: "/a\u{1b}[2J\nb".into(), kind: EntryKind::File, bytes: 0, mode: 0o644 };
        assert_eq!(listing(&[entry]), "0644        0 B  /a\\u{1b}[2J\\nb\n");
    }

    #[test]
    fn only_restic_reaches_what_is_no_folder() {
        assert!(misfit(Program::Embedded, "s3:https://store/bucket").is_some());
        assert!(misfit(Program::Restic, "s3:https://store/bucket").is_none());
        assert!(misfit(Program::Embedded, "/var/backups").is_none());
    }
}
