//! The restic format by the `restic` command line: a second implementation, for repositories that only it can reach.
//!
//! It takes paths and not open folders, so that it trusts whoever owns a volume more than the library does: what is
//! restored goes through a folder of ours, and is put in place by the same careful hands.

mod program;

use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::FileType as Kind;

use program::{Ran, STORY_BYTES, run, said};

use super::landing::{Item, ItemKind, Landing, Meta};
use super::local::make_folder;
use super::place::Place;
use super::stop::Stop;
use super::store::{
    About, Checked, Contents, Entry, EntryKind, Forgotten, Kept, PutBack, ReadData, Saved, SnapshotId, Store,
    StoreError,
};
use super::tree::{Found, Walk, open_ours};

/// What `restic backup` ends with when it could not read everything, and made a snapshot all the same.
const INCOMPLETE: i32 = 3;
/// What the kernel says of a file that is gone.
const NOT_THERE: i64 = 2;

#[derive(Debug)]
pub(super) struct Restic {
    place: Arc<Place>,
}

impl Restic {
    pub(super) fn open(place: &Arc<Place>, stop: &Stop) -> Result<Self, StoreError> {
        let restic = Self { place: Arc::clone(place) };
        let ran = restic.run("open the repository", &["cat", "config"], stop, |_| Ok(()))?;
        if ran.status.success() {
            return Ok(restic);
        }
        let place = place.repository().to_owned();
        // The program has no codes for these before 0.17.
        if ran.story.contains("wrong password") || ran.status.code() == Some(12) {
            return Err(StoreError::Locked { place });
        }
        if ran.story.contains("Is there a repository") || ran.status.code() == Some(10) {
            return Err(StoreError::Missing { place });
        }
        Err(ran.failed("open the repository"))
    }

    pub(super) fn create(place: &Arc<Place>, stop: &Stop) -> Result<Self, StoreError> {
        let restic = Self { place: Arc::clone(place) };
        restic.run("make the repository", &["init"], stop, |_| Ok(()))?.good("make the repository")?;
        Ok(restic)
    }

    fn run(
        &self,
        doing: &'static str,
        args: &[&str],
        stop: &Stop,
        read: impl FnMut(&mut dyn Read) -> io::Result<()>,
    ) -> Result<Ran, StoreError> {
        let mut command = Command::new("restic");
        command
            .arg("--repo")
            .arg(self.place.repository())
            .arg("--password-file")
            .arg(self.place.password_file())
            .args(args);
        if Path::new(self.place.repository()).is_absolute() {
            command.arg("--no-cache");
        }
        run(command, doing, stop, read)
    }

    fn json_lines(
        &self,
        doing: &'static str,
        args: &[&str],
        stop: &Stop,
    ) -> Result<(Ran, Vec<serde_json::Value>), StoreError> {
        let mut lines = Vec::new();
        let ran = self.run(doing, args, stop, |out| {
            for line in BufReader::new(out).lines() {
                if let Ok(value) = serde_json::from_str::<serde_json::Value>(&line?) {
                    // Progress comes many times a second.
                    if value["message_type"] != "status" {
                        lines.push(value);
                    }
                }
            }
            Ok(())
        })?;
        Ok((ran, lines))
    }

    fn scratch(&self) -> Result<Scratch, StoreError> {
        static NTH: AtomicU64 = AtomicU64::new(0);
        let nth = NTH.fetch_add(1, Ordering::Relaxed);
        let path = self.place.scratch().join(format!("{}-{nth}", std::process::id()));
        make_folder(&path).map_err(|error| said("make a folder for a moment", &error))?;
        Ok(Scratch(path))
    }
}

/// A folder that goes when it is not needed any more.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "a folder was left behind");
        }
    }
}

impl Store for Restic {
    fn snapshots(&self, stop: &Stop) -> Result<Vec<Kept>, StoreError> {
        let doing = "list snapshots";
        let mut text = Vec::new();
        self.run(doing, &["snapshots", "--json"], stop, |out| out.read_to_end(&mut text).map(drop))?
            .good(doing)?;
        let all: Vec<serde_json::Value> = serde_json::from_slice(&text)
            .map_err(|error| StoreError::Failed { doing, says: error.to_string() })?;
        let mut all: Vec<Kept> = all.iter().filter_map(kept).collect();
        all.sort_by_key(|kept| kept.time);
        Ok(all)
    }

    fn save(&self, contents: &Contents, about: &About, stop: &Stop) -> Result<Saved, StoreError> {
        let doing = "write a snapshot";
        let scratch = self.scratch()?;
        let mut paths: Vec<PathBuf> = Vec::new();
        for tree in &contents.trees {
            match tree.only.as_slice() {
                [] => paths.push(tree.on_disk.clone()),
                only => {
                    let there = only.iter().map(|path| tree.on_disk.join(path));
                    // What is not there is found out when the snapshot is looked at.
                    paths.extend(there.filter(|path| path.symlink_metadata().is_ok()));
                }
            }
        }
        for file in &contents.loose {
            let path = scratch.0.join(file.at.strip_prefix("/").unwrap_or(&file.at));
            let write = || -> io::Result<()> {
                make_folder(path.parent().unwrap_or(&scratch.0))?;
                let mut to =
                    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
                to.write_all(&file.bytes)
            };
            write().map_err(|error| said(doing, &error))?;
            paths.push(path);
        }
        let mut args = vec!["backup".to_owned(), "--json".into(), "--host".into(), about.instance.clone()];
        for tag in about.tags() {
            args.extend(["--tag".to_owned(), tag]);
        }
        args.push("--".into());
        args.extend(paths.iter().map(|path| path.display().to_string()));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let (ran, lines) = self.json_lines(doing, &args, stop)?;
        let summary = lines.iter().find(|line| line["message_type"] == "summary");
        let id = summary.and_then(|summary| summary["snapshot_id"].as_str()).unwrap_or_default();
        let code = ran.status.code();
        let (Some(summary), false, Some(0 | INCOMPLETE)) = (summary, id.is_empty(), code) else {
            return Err(ran.failed(doing));
        };
        // Before 0.17 the id is the short one.
        let id = self
            .snapshots(stop)?
            .into_iter()
            .map(|kept| kept.id)
            .find(|kept| kept.as_str().starts_with(id))
            .ok_or_else(|| StoreError::NoSnapshot { id: id.to_owned() })?;
        // Its errors are lines of JSON on stderr.
        let troubles: Vec<String> = ran
            .story
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|line| {
                line["message_type"] == "error" && line["error"]["Err"].as_i64() != Some(NOT_THERE)
            })
            .map(|line| format!("{}: {}", line["item"].as_str().unwrap_or_default(), line["error"]))
            .collect();
        if code == Some(INCOMPLETE) && !troubles.is_empty() {
            self.run(doing, &["forget", id.as_str()], stop, |_| Ok(()))?.good(doing)?;
            return Err(StoreError::Unreadable { says: troubles });
        }
        let number = |key: &str| summary[key].as_u64().unwrap_or_default();
        Ok(Saved {
            id,
            files: number("total_files_processed"),
            bytes: number("total_bytes_processed"),
            added: number("data_added"),
        })
    }

    fn entries(&self, id: &SnapshotId, stop: &Stop) -> Result<Vec<Entry>, StoreError> {
        let doing = "list a snapshot";
        let (ran, lines) = self.json_lines(doing, &["ls", "--json", id.as_str()], stop)?;
        ran.good(doing)?;
        Ok(lines.iter().filter_map(entry).collect())
    }

    fn read(
        &self,
        id: &SnapshotId,
        files: &[PathBuf],
        each: &mut dyn FnMut(&Path, &mut dyn Read),
        stop: &Stop,
    ) -> Result<(), StoreError> {
        let doing = "read a file of a snapshot";
        for file in files {
            let path = file.display().to_string();
            let args = ["dump", id.as_str(), &path];
            self.run(doing, &args, stop, |out| {
                each(file, out);
                Ok(())
            })?
            .good(doing)?;
        }
        Ok(())
    }

    fn put(
        &self,
        id: &SnapshotId,
        from: &Path,
        landing: &Landing,
        stop: &Stop,
    ) -> Result<PutBack, StoreError> {
        let doing = "restore a snapshot";
        let scratch = self.scratch()?;
        let (target, include) = (scratch.0.display().to_string(), from.display().to_string());
        let mut args = vec!["restore", id.as_str(), "--target", &target];
        if from.file_name().is_some() {
            args.extend(["--include", &include]);
        }
        self.run(doing, &args, stop, |_| Ok(()))?.good(doing)?;
        let folder = scratch.0.join(from.strip_prefix("/").unwrap_or(from));
        if !folder.is_dir() {
            let says = format!("`{}` is not in it, or is no folder", from.display());
            return Err(StoreError::Failed { doing, says });
        }
        let wrong = |source| StoreError::Landing { path: folder.display().to_string(), source };
        let root = open_ours(&folder).map_err(wrong)?;
        let walk = Walk::whole(&root).map_err(wrong)?;
        let items = walk.map(|found| {
            let found = found
                .map_err(|(path, source)| StoreError::Landing { path: path.display().to_string(), source })?;
            let path = found.path.clone();
            item_of(found).map_err(|source| StoreError::Landing { path: path.display().to_string(), source })
        });
        landing.put(items, stop)
    }

    fn check(&self, read: ReadData, stop: &Stop) -> Result<Checked, StoreError> {
        let doing = "check the repository";
        let mut text = String::new();
        let mut args = vec!["check"];
        if read == ReadData::Yes {
            args.push("--read-data");
        }
        let ran =
            self.run(doing, &args, stop, |out| out.take(STORY_BYTES).read_to_string(&mut text).map(drop))?;
        let mut checked = Checked::default();
        if !ran.status.success() {
            let said = ran.story.lines().chain(text.lines()).map(str::trim).filter(|line| !line.is_empty());
            checked.errors.extend(said.map(str::to_owned));
        }
        Ok(checked)
    }

    fn forget(&self, ids: &[SnapshotId], stop: &Stop) -> Result<Forgotten, StoreError> {
        let doing = "remove snapshots";
        // Locks of its own whose process is dead: others would wait for them.
        self.run(doing, &["unlock"], stop, |_| Ok(()))?.good(doing)?;
        let before = bytes_in(Path::new(self.place.repository()));
        let mut args = vec!["forget", "--prune"];
        args.extend(ids.iter().map(SnapshotId::as_str));
        self.run(doing, &args, stop, |_| Ok(()))?.good(doing)?;
        let after = bytes_in(Path::new(self.place.repository()));
        Ok(Forgotten { snapshots: ids.to_vec(), freed: before.saturating_sub(after) })
    }
}

/// Bytes of a repository that is a folder; 0 for others.
fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_in(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.map(of).sum()
}

fn kept(found: &serde_json::Value) -> Option<Kept> {
    let texts = |key: &str| -> Vec<&str> {
        found[key].as_array().into_iter().flatten().filter_map(|text| text.as_str()).collect()
    };
    Some(Kept {
        id: SnapshotId::parse(found["id"].as_str()?)?,
        time: found["time"].as_str()?.parse().ok()?,
        about: About::read(found["hostname"].as_str().unwrap_or_default(), texts("tags")),
        paths: texts("paths").into_iter().map(str::to_owned).collect(),
        // Kept in the snapshot since 0.17.
        files: found["summary"]["total_files_processed"].as_u64(),
        bytes: found["summary"]["total_bytes_processed"].as_u64(),
    })
}

fn entry(found: &serde_json::Value) -> Option<Entry> {
    let kind = match found["type"].as_str()? {
        "file" => EntryKind::File,
        "dir" => EntryKind::Folder,
        "symlink" => EntryKind::Link,
        _ => EntryKind::Special,
    };
    let bytes = if kind == EntryKind::File { found["size"].as_u64().unwrap_or_default() } else { 0 };
    let mode = u32::try_from(found["mode"].as_u64().unwrap_or_default()).unwrap_or_default();
    Some(Entry {
        path: found["path"].as_str()?.into(),
        kind,
        bytes,
        mode: super::embedded::permissions::mode_from_go(mode),
    })
}

fn item_of(found: Found) -> io::Result<Item<'static>> {
    let stat = found.stat;
    #[expect(
        clippy::unnecessary_cast,
        reason = "the fields differ in width from one architecture to the next"
    )]
    let (links, file) = (stat.st_nlink as u64, (stat.st_dev as u64, stat.st_ino as u64));
    #[expect(
        clippy::unnecessary_cast,
        reason = "the fields differ in width from one architecture to the next"
    )]
    let changed = Some((stat.st_mtime as i64, stat.st_mtime_nsec as i64));
    let meta = Meta {
        mode: Some(stat.st_mode & 0o7777),
        owner: Some((stat.st_uid, stat.st_gid)),
        changed,
        xattrs: found.xattrs()?,
    };
    let path = found.path.clone();
    let what = match found.kind() {
        Kind::Directory => ItemKind::Folder,
        Kind::Symlink => ItemKind::Link { target: found.link_target()? },
        Kind::Fifo => ItemKind::Pipe,
        Kind::RegularFile => ItemKind::File {
            same: (links > 1).then_some(file),
            open: Box::new(move || Ok(Box::new(found.open()?) as Box<dyn Read>)),
        },
        Kind::Socket => ItemKind::Other { says: "a socket" },
        Kind::BlockDevice | Kind::CharacterDevice => ItemKind::Other { says: "a device" },
        Kind::Unknown => ItemKind::Other { says: "of no known kind" },
    };
    Ok(Item { path, what, meta })
}
