//! Whether a snapshot holds what the labels promise: there, not empty, and not cut off.

mod archive;
mod format;
mod pg_custom;

use std::path::{Path, PathBuf};

use compose::recipe::backup::PlannedVolume;
use domain::Cause;
use domain::data::HookMoment;

use super::job::{Job, SoFar, Verified, open_volumes, within};
use super::store::{Entry, EntryKind, SnapshotId};
use format::{Verdict, judge};

/// Shortest name of a file that is recognised in the text of a hook: shorter ones are in many texts.
const NAME_LENGTH: usize = 5;
/// Most dumps of one snapshot that are read to their end.
const DUMPS: usize = 50;

/// Looks at the snapshot that was just made.
pub(super) async fn verify(job: &Job<'_>, so_far: &mut SoFar) -> Result<Vec<Verified>, Cause> {
    let id = so_far.snapshot.as_ref().and_then(|snapshot| SnapshotId::parse(&snapshot.id));
    let Some(id) = id else { return Ok(Vec::new()) };
    let (_root, volumes) = open_volumes(job).await?;
    let entries = within(job.limits.files, "looking at a backup", job.repository.entries(&id)).await?;
    let hooks: Vec<&str> =
        job.plan.hooks_at(HookMoment::BeforeBackup).map(|hook| hook.command.as_str()).collect();
    let mut dumps = Vec::new();
    let mut any = false;
    for volume in &volumes {
        let looked = look(volume.planned, &volume.at, &entries)?;
        any |= looked.files > 0;
        if looked.files == 0 {
            so_far.notes.push(format!("volume `{}` is empty in the backup", volume.planned.key));
        }
        dumps.extend(dumps_of(volume.planned, &volume.at, &entries, &hooks));
    }
    if !any {
        let says = format!("none of {} has a file in it", super::job::paths_of(job.plan).join(", "));
        return Err(Cause::BackupEmpty { says });
    }
    if dumps.len() > DUMPS {
        so_far.notes.push(format!("only {DUMPS} of {} dumps were read to their end", dumps.len()));
        dumps.truncate(DUMPS);
    }
    let files = dumps.iter().map(|dump| dump.path.clone()).collect();
    let read = job.repository.read(&id, files, judge);
    let judged = within(job.limits.files, "reading the dumps of a backup", read).await?;
    let mut verified = Vec::new();
    for (dump, judged) in dumps.into_iter().zip(judged) {
        match judged {
            Ok(Verdict::Whole { is }) => verified.push(Verified { path: dump.name, is, bytes: dump.bytes }),
            Ok(Verdict::Unknown) => {}
            Ok(Verdict::Cut { is, says }) => {
                return Err(Cause::BackupBroken { path: dump.name, says: format!("{says} ({is})") });
            }
            Err(error) => {
                return Err(super::StoreError::Failed {
                    doing: "read a dump from the repository",
                    says: error.to_string(),
                }
                .cause());
            }
        }
    }
    Ok(verified)
}

/// What a volume has in the snapshot.
#[derive(Debug)]
struct Looked {
    files: usize,
}

/// Checks that a volume has what its labels name.
fn look(volume: &PlannedVolume, at: &Path, entries: &[Entry]) -> Result<Looked, Cause> {
    let below = |root: &Path| {
        let root = root.to_owned();
        entries.iter().filter(move |entry| entry.path.starts_with(&root))
    };
    let broken = |path: &str, says: &str| {
        Err(Cause::BackupBroken { path: format!("{}/{path}", volume.key), says: says.to_owned() })
    };
    if volume.paths.is_empty() && below(at).next().is_none() {
        return Err(Cause::BackupBroken {
            path: volume.key.clone(),
            says: "it is not in the snapshot".into(),
        });
    }
    for path in &volume.paths {
        let root = at.join(path);
        let Some(entry) = entries.iter().find(|entry| entry.path == root) else {
            return broken(path, "a label names it, and it was not there when the backup was made");
        };
        match entry.kind {
            EntryKind::File if entry.bytes == 0 => return broken(path, "a label names it, and it is empty"),
            EntryKind::Folder if !below(&root).any(|entry| entry.kind != EntryKind::Folder) => {
                return broken(path, "a label names it, and there is no file in it");
            }
            EntryKind::File | EntryKind::Folder | EntryKind::Link | EntryKind::Special => {}
        }
    }
    Ok(Looked { files: below(at).filter(|entry| entry.kind == EntryKind::File).count() })
}

/// A file that is probably a dump.
#[derive(Debug)]
struct Dump {
    path: PathBuf,
    /// As `<volume>/<path>`.
    name: String,
    bytes: u64,
}

/// Picks files that are meant as dumps: those that a label names, those right in a folder that a label names, and
/// those that a hook before the backup names. Other files are the app's own business, and may be as broken as they
/// like.
fn dumps_of(volume: &PlannedVolume, at: &Path, entries: &[Entry], hooks: &[&str]) -> Vec<Dump> {
    let named_by_label = |path: &Path| {
        let of = |limit: &String| {
            let limit = at.join(limit);
            path == limit || path.parent() == Some(limit.as_path())
        };
        volume.paths.iter().any(of)
    };
    let named_by_hook = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.len() >= NAME_LENGTH
            && name.contains('.')
            && hooks.iter().any(|hook| hook.contains(name.as_ref()))
    };
    let files = entries.iter().filter(|entry| entry.kind == EntryKind::File && entry.path.starts_with(at));
    files
        .filter(|entry| named_by_label(&entry.path) || named_by_hook(&entry.path))
        .map(|entry| Dump {
            path: entry.path.clone(),
            name: format!("{}/{}", volume.key, entry.path.strip_prefix(at).unwrap_or(&entry.path).display()),
            bytes: entry.bytes,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use compose::recipe::backup::OfLabelled;

    use super::*;

    fn volume(paths: &[&str]) -> PlannedVolume {
        PlannedVolume {
            key: "data".into(),
            name: "run-1_data".into(),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            mounts: Vec::new(),
            of_labelled: OfLabelled::Yes,
        }
    }

    /// Entries below `/v`, folders with a slash, files with their size.
    fn entries(text: &str) -> Vec<Entry> {
        let entry = |word: &str| {
            let (path, kind, bytes) = match word.split_once('=') {
                Some((path, bytes)) => (path, EntryKind::File, bytes.parse().unwrap()),
                None => (word.trim_end_matches('/'), EntryKind::Folder, 0),
            };
            Entry { path: Path::new("/v").join(path), kind, bytes, mode: 0 }
        };
        std::iter::once(Entry { path: "/v".into(), kind: EntryKind::Folder, bytes: 0, mode: 0 })
            .chain(text.split_whitespace().map(entry))
            .collect()
    }

    fn says(paths: &[&str], text: &str) -> String {
        match look(&volume(paths), Path::new("/v"), &entries(text)) {
            Ok(looked) => format!("{} files", looked.files),
            Err(cause) => cause.to_string(),
        }
    }

    #[test]
    fn what_a_label_names_has_to_be_there_with_something_in_it() {
        assert_eq!(says(&[], "a=1 b/ b/c=2"), "2 files");
        assert_eq!(says(&["b"], "b/ b/c=2"), "1 files");
        assert_eq!(
            says(&["dump.sql"], ""),
            "the backup of `data/dump.sql` is no good: a label names it, and it was not there when the backup was made"
        );
        assert_eq!(
            says(&["dump.sql"], "dump.sql=0"),
            "the backup of `data/dump.sql` is no good: a label names it, and it is empty"
        );
        assert_eq!(
            says(&["dumps"], "dumps/ dumps/old/"),
            "the backup of `data/dumps` is no good: a label names it, and there is no file in it"
        );
        let nothing = look(&volume(&[]), Path::new("/v"), &[]).unwrap_err();
        assert_eq!(nothing.to_string(), "the backup of `data` is no good: it is not in the snapshot");
    }

    #[test]
    fn dumps_are_what_labels_and_hooks_name_and_nothing_of_the_app_s() {
        let names = |paths: &[&str], hooks: &[&str], text: &str| {
            let found = dumps_of(&volume(paths), Path::new("/v"), &entries(text), hooks);
            found.into_iter().map(|dump| dump.name).collect::<Vec<_>>()
        };
        let text = "a.sql=1 dumps/ dumps/b.gz=1 dumps/deep/ dumps/deep/c.gz=1 photo.gz=1";
        assert_eq!(names(&["a.sql", "dumps"], &[], text), ["data/a.sql", "data/dumps/b.gz"]);
        assert_eq!(names(&[], &["pg_dump > /var/lib/x/a.sql"], text), ["data/a.sql"]);
        assert!(names(&[], &["echo a"], text).is_empty());
    }
}
