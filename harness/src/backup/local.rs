//! A folder as a repository of the restic format: the same layout as restic's own.
//!
//! Written instead of taken from `rustic_backend`: that one writes files under their final names, so that a killed
//! process leaves half an index behind; this one renames when all is on the disk. It is also where work is stopped,
//! and where a snapshot of files that could not all be read is refused: the archiver skips such files with a warning.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};

use super::stop::Stop;

/// Part of the name of a file that is being written; restic calls its own so too, and skips them when it lists.
const UNFINISHED: &str = "-tmp-";
/// Most troubles kept of one snapshot: one is enough to refuse it, some help to understand.
const TROUBLES: usize = 20;

/// What stands between an operation and the repository.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate {
    stop: Stop,
    troubles: Arc<Mutex<Vec<String>>>,
}

impl Gate {
    pub(super) fn new(stop: Stop) -> Self {
        Self { stop, troubles: Arc::default() }
    }

    pub(super) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Notes a file that could not be read, so that the snapshot is refused.
    pub(super) fn refuse(&self, says: String) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if troubles.len() < TROUBLES {
            troubles.push(says);
        }
    }

    pub(super) fn troubles(&self) -> Vec<String> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn pass(&self) -> RusticResult<()> {
        if self.stop.is_raised() {
            return Err(RusticError::new(ErrorKind::InputOutput, "stopped: the work is not wanted any more"));
        }
        Ok(())
    }
}

/// A repository in a folder.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: PathBuf,
    gate: Gate,
}

impl Folder {
    pub(super) fn new(root: &Path, gate: Gate) -> Self {
        Self { root: root.to_owned(), gate }
    }

    fn folder(&self, kind: FileType, id: &Id) -> PathBuf {
        match kind {
            FileType::Config => self.root.clone(),
            FileType::Pack => self.root.join("data").join(&id.to_hex()[..2]),
            FileType::Snapshot | FileType::Index | FileType::Key => self.root.join(kind.dirname()),
        }
    }

    fn path(&self, kind: FileType, id: &Id) -> PathBuf {
        match kind {
            FileType::Config => self.root.join("config"),
            FileType::Pack | FileType::Snapshot | FileType::Index | FileType::Key => {
                self.folder(kind, id).join(id.to_hex().as_str())
            }
        }
    }
}

impl ReadBackend for Folder {
    fn location(&self) -> String {
        format!("local:{}", self.root.display())
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.gate.pass()?;
        let wrong = |error| failed("list", &self.root.join(kind.dirname()), error);
        if kind == FileType::Config {
            return match fs::metadata(self.root.join("config")) {
                Ok(found) => Ok(vec![(Id::default(), size(found.len()))]),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                Err(error) => Err(wrong(error)),
            };
        }
        let mut found = Vec::new();
        let mut folders = vec![self.root.join(kind.dirname())];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(wrong(error)),
            };
            for entry in entries {
                let entry = entry.map_err(wrong)?;
                let file = entry.file_type().map_err(wrong)?;
                if file.is_dir() && kind == FileType::Pack {
                    folders.push(entry.path());
                } else if file.is_file()
                    && let Some(id) = entry.file_name().to_str().and_then(read_id)
                {
                    found.push((id, size(entry.metadata().map_err(wrong)?.len())));
                }
            }
        }
        Ok(found)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.gate.pass()?;
        let path = self.path(kind, id);
        fs::read(&path).map(Bytes::from).map_err(|error| failed("read", &path, error))
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        _cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        self.gate.pass()?;
        let path = self.path(kind, id);
        let read = || {
            let mut bytes = vec![0; length as usize];
            File::open(&path)?.read_exact_at(&mut bytes, offset.into())?;
            Ok(Bytes::from(bytes))
        };
        read().map_err(|error| failed("read", &path, error))
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.path(kind, id).display().to_string()
    }
}

impl WriteBackend for Folder {
    fn create(&self) -> RusticResult<()> {
        self.gate.pass()?;
        let folders = ["data", "index", "keys", "locks", "snapshots"].map(|name| self.root.join(name));
        for folder in folders {
            make_folder(&folder).map_err(|error| failed("make", &folder, error))?;
        }
        Ok(())
    }

    fn write_bytes(&self, kind: FileType, id: &Id, _cacheable: bool, content: BytesList) -> RusticResult<()> {
        self.gate.pass()?;
        if kind == FileType::Snapshot && !self.gate.troubles().is_empty() {
            return Err(RusticError::new(ErrorKind::InputOutput, "not everything could be read"));
        }
        let (folder, path) = (self.folder(kind, id), self.path(kind, id));
        write_whole(&folder, &path, content.slice()).map_err(|error| failed("write", &path, error))
    }

    fn remove(&self, kind: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        self.gate.pass()?;
        let path = self.path(kind, id);
        fs::remove_file(&path).map_err(|error| failed("remove", &path, error))
    }
}

/// Puts a file where it belongs when all of it is on the disk, and never before.
fn write_whole(folder: &Path, path: &Path, parts: &[Bytes]) -> io::Result<()> {
    static NTH: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let nth = NTH.fetch_add(1, Ordering::Relaxed);
    let unfinished = folder.join(format!("{name}{UNFINISHED}{}-{nth}", std::process::id()));
    let open = || fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished);
    let file = match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_folder(folder)?;
            open()
        }
        other => other,
    };
    let written = file.and_then(|mut file| {
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        // The name is as much a part of the promise as the bytes.
        File::open(folder)?.sync_all()
    });
    if written.is_err() {
        drop(fs::remove_file(&unfinished));
    }
    written
}

/// Removes what killed writers left. Only the holder of the exclusive lock may: others may be writing now.
pub(super) fn clear_unfinished(root: &Path) -> io::Result<u64> {
    let mut removed = 0;
    let mut folders: Vec<PathBuf> =
        ["data", "index", "keys", "snapshots"].iter().map(|name| root.join(name)).collect();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_string_lossy().contains(UNFINISHED) {
                fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// Makes a folder that only its owner sees.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Reads the name of a repository's file.
pub(super) fn read_id(name: &str) -> Option<Id> {
    (name.len() == 64).then(|| name.parse().ok())?
}

fn size(bytes: u64) -> u32 {
    // The library counts so; no file of a repository comes near.
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn failed(doing: &str, path: &Path, error: io::Error) -> Box<RusticError> {
    RusticError::with_source(ErrorKind::Backend, format!("could not {doing} `{{path}}`"), error)
        .attach_context("path", path.display().to_string())
}
