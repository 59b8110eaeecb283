//! Puts files into a folder that a running app may be changing at the same time, and never outside of it.
//!
//! Every name is resolved from a folder that is held open, one part at a time and never through a link. A plain file
//! that is there is written in place, as restic does, so that an app which holds it open sees what it would see on
//! a real server. What is not in the snapshot stays.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::stop::Stop;
use super::store::{PutBack, StoreError};
use super::tree::{Held, in_folder_itself, open_folder, open_ours, pin};

/// Threads that write files. More than two help a disk and a few CPUs; many would take an app's share.
const WRITERS: usize = 4;
/// Files that wait for a writer.
const QUEUE: usize = 64;
const COPY_BYTES: usize = 256 << 10;

/// A folder to put things into.
#[derive(Clone, Debug)]
pub(super) struct Landing {
    root: Held,
}

/// One thing to put back.
pub(super) struct Item<'a> {
    /// Relative to the landing; empty for the landing itself.
    pub(super) path: PathBuf,
    pub(super) what: ItemKind<'a>,
    pub(super) meta: Meta,
}

pub(super) enum ItemKind<'a> {
    Folder,
    File {
        /// Opened on the thread that writes.
        open: Box<dyn FnOnce() -> io::Result<Box<dyn Read + 'a>> + Send + 'a>,
        /// Files of one key are one file under several names.
        same: Option<(u64, u64)>,
    },
    Link {
        target: PathBuf,
    },
    Pipe,
    /// A socket or a device: not put back.
    Other {
        says: &'static str,
    },
}

/// What belongs to a thing beside its bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Meta {
    /// Permissions with the three special bits.
    pub(super) mode: Option<u32>,
    pub(super) owner: Option<(u32, u32)>,
    /// Seconds and nanoseconds of the last change.
    pub(super) changed: Option<(i64, i64)>,
    pub(super) xattrs: Vec<(String, Vec<u8>)>,
}

impl Landing {
    pub(super) fn new(root: Held) -> Self {
        Self { root }
    }

    /// Opens a folder of ours, where links in its own path are fine.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self::new(open_ours(folder)?))
    }

    /// Puts all items where they belong; folders have to come before what is in them. The first trouble ends it.
    pub(super) fn put<'a>(
        &self,
        items: impl Iterator<Item = Result<Item<'a>, StoreError>>,
        stop: &Stop,
    ) -> Result<PutBack, StoreError> {
        let done = Mutex::new(PutBack::default());
        let queue = Queue::default();
        let mut folders = Vec::new();
        let mut links = Vec::new();
        let walked = std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| queue.work(&done, stop));
            }
            // Ends the writers however the walk ends, a panic included.
            let _closing = Closing(&queue);
            let mut firsts: HashMap<(u64, u64), PathBuf> = HashMap::new();
            let mut here = Here { root: &self.root, path: PathBuf::new(), folder: Arc::clone(&self.root) };
            for item in items {
                if stop.is_raised() {
                    return Err(StoreError::Stopped);
                }
                if queue.has_failed() {
                    break;
                }
                let Item { path, what, meta } = item?;
                let wrong = |source| StoreError::Landing { path: path.display().to_string(), source };
                let Some((folder, name)) = here.parent_of(&path).map_err(wrong)? else {
                    folders.push((path, meta));
                    continue;
                };
                match what {
                    ItemKind::Folder => {
                        make_way(&folder, &name, FileType::Directory).map_err(wrong)?;
                        match rustix::fs::mkdirat(&folder, name.as_os_str(), Mode::RWXU) {
                            Ok(()) | Err(Errno::EXIST) => {}
                            Err(error) => return Err(wrong(error.into())),
                        }
                        folders.push((path, meta));
                    }
                    ItemKind::File { open, same } => {
                        if let Some(key) = same {
                            if let Some(first) = firsts.get(&key) {
                                links.push((path, first.clone()));
                                continue;
                            }
                            firsts.insert(key, path.clone());
                        }
                        queue.add(Job { folder, name, path, meta, open });
                    }
                    ItemKind::Link { target } => {
                        put_link(&folder, &name, &target, &meta).map_err(wrong)?;
                    }
                    ItemKind::Pipe => put_pipe(&folder, &name, &meta).map_err(wrong)?,
                    ItemKind::Other { says } => {
                        let skipped = format!("{}: {says}", path.display());
                        done.lock().unwrap_or_else(PoisonError::into_inner).skipped.push(skipped);
                    }
                }
            }
            Ok(())
        });
        walked?;
        queue.into_trouble().map_or(Ok(()), Err)?;
        if stop.is_raised() {
            return Err(StoreError::Stopped);
        }
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (path, first) in links {
            let linked = self.link(&first, &path);
            linked.map_err(|source| StoreError::Landing { path: path.display().to_string(), source })?;
            done.files += 1;
        }
        // Last and deepest first: what is written into a folder changes its time.
        for (path, meta) in folders.into_iter().rev() {
            let dressed = self.folder(&path).and_then(|folder| dress(&folder, &meta));
            dressed.map_err(|source| StoreError::Landing { path: path.display().to_string(), source })?;
        }
        Ok(done)
    }

    fn folder(&self, path: &Path) -> io::Result<Held> {
        path.iter().try_fold(Arc::clone(&self.root), open_folder)
    }

    fn link(&self, first: &Path, second: &Path) -> io::Result<()> {
        let split = |path: &Path| -> io::Result<(Held, OsString)> {
            let name = path.file_name().unwrap_or_default().to_owned();
            Ok((self.folder(path.parent().unwrap_or(Path::new("")))?, name))
        };
        let ((from, old), (to, new)) = (split(first)?, split(second)?);
        make_way(&to, &new, FileType::Unknown)?;
        Ok(rustix::fs::linkat(from, old.as_os_str(), to, new.as_os_str(), AtFlags::empty())?)
    }
}

/// The folder of the item before: most items share it.
struct Here<'r> {
    root: &'r Held,
    path: PathBuf,
    folder: Held,
}

impl Here<'_> {
    /// Returns the folder of a path, and the last part of the path; `None` for the root itself.
    fn parent_of(&mut self, path: &Path) -> io::Result<Option<(Held, OsString)>> {
        let Some(name) = path.file_name() else { return Ok(None) };
        let parent = path.parent().unwrap_or(Path::new(""));
        if parent != self.path {
            // From the root each time: a folder that was moved away must not be written to under its old name.
            self.folder = parent.iter().try_fold(Arc::clone(self.root), open_folder)?;
            parent.clone_into(&mut self.path);
        }
        Ok(Some((Arc::clone(&self.folder), name.to_owned())))
    }
}

/// A file that waits for a writer.
struct Job<'a> {
    folder: Held,
    name: OsString,
    path: PathBuf,
    meta: Meta,
    open: Box<dyn FnOnce() -> io::Result<Box<dyn Read + 'a>> + Send + 'a>,
}

#[derive(Default)]
struct Queue<'a> {
    state: Mutex<QueueState<'a>>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState<'a> {
    jobs: std::collections::VecDeque<Job<'a>>,
    closed: bool,
    trouble: Option<StoreError>,
}

struct Closing<'q, 'a>(&'q Queue<'a>);

impl Drop for Closing<'_, '_> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl<'a> Queue<'a> {
    fn lock(&self) -> std::sync::MutexGuard<'_, QueueState<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_failed(&self) -> bool {
        self.lock().trouble.is_some()
    }

    fn into_trouble(self) -> Option<StoreError> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).trouble
    }

    /// Waits for room.
    fn add(&self, job: Job<'a>) {
        let mut state = self.lock();
        while state.jobs.len() >= QUEUE && state.trouble.is_none() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.jobs.push_back(job);
        self.changed.notify_all();
    }

    fn work(&self, done: &Mutex<PutBack>, stop: &Stop) {
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            let mut state = self.lock();
            let job = loop {
                if state.trouble.is_some() || stop.is_raised() {
                    // Room for whoever waits to add: it looks at the flags next.
                    state.jobs.clear();
                    self.changed.notify_all();
                    if state.closed {
                        return;
                    }
                }
                match state.jobs.pop_front() {
                    Some(job) => break job,
                    None if state.closed => return,
                    None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                }
            };
            drop(state);
            self.changed.notify_all();
            let path = job.path.display().to_string();
            match put_file(job, &mut buffer, stop) {
                Ok(bytes) => {
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.files += 1;
                    done.bytes += bytes;
                }
                Err(source) => {
                    self.lock().trouble.get_or_insert(StoreError::Landing { path, source });
                    self.changed.notify_all();
                }
            }
        }
    }
}

fn put_file(job: Job<'_>, buffer: &mut [u8], stop: &Stop) -> io::Result<u64> {
    let Job { folder, name, meta, open, .. } = job;
    let mut content = open()?;
    let mut file = open_to_write(&folder, &name)?;
    let mut bytes = 0;
    loop {
        if stop.is_raised() {
            return Err(io::Error::other("stopped"));
        }
        let read = content.read(buffer)?;
        if read == 0 {
            break;
        }
        file.write_all(&buffer[..read])?;
        bytes += read as u64;
    }
    // What was longer before must not keep its end.
    file.set_len(bytes)?;
    dress(&file, &meta)?;
    Ok(bytes)
}

/// Opens a plain file for writing: the one that is there, if it has one name only, else a new one.
fn open_to_write(folder: &OwnedFd, name: &OsStr) -> io::Result<File> {
    if let Ok(pinned) = pin(folder, name) {
        if rustix::fs::fstat(&pinned)?.st_nlink == 1 {
            let path = in_folder_itself(&pinned);
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            return Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?));
        }
        make_way(folder, name, FileType::Unknown)?;
    } else {
        make_way(folder, name, FileType::RegularFile)?;
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?))
}

/// Removes what has the name, unless it is of the kind that is wanted. A folder goes with all that is in it only if
/// it is empty: what is not in the snapshot is not ours to remove.
fn make_way(folder: &OwnedFd, name: &OsStr, wanted: FileType) -> io::Result<()> {
    let kind = match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => FileType::from_raw_mode(stat.st_mode),
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if kind == wanted {
        return Ok(());
    }
    let flags = if kind == FileType::Directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
    match rustix::fs::unlinkat(folder, name, flags) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::NOTEMPTY) => Err(io::Error::other(
            "a folder with something in it has its name, and the restore removes nothing",
        )),
        Err(error) => Err(error.into()),
    }
}

fn put_link(folder: &OwnedFd, name: &OsStr, target: &Path, meta: &Meta) -> io::Result<()> {
    make_way(folder, name, FileType::Unknown)?;
    rustix::fs::symlinkat(target, folder, name)?;
    if let Some((uid, gid)) = meta.owner {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        allow_unowned(rustix::fs::chownat(folder, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW))?;
    }
    if let Some(times) = meta.times() {
        rustix::fs::utimensat(folder, name, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}

fn put_pipe(folder: &OwnedFd, name: &OsStr, meta: &Meta) -> io::Result<()> {
    make_way(folder, name, FileType::Fifo)?;
    match rustix::fs::mknodat(folder, name, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    if let Some((uid, gid)) = meta.owner {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        allow_unowned(rustix::fs::chownat(folder, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW))?;
    }
    if let Some(mode) = meta.mode {
        // Through the open folder: `fchmodat` follows links, and what is there may have changed.
        let pinned = rustix::fs::openat(
            folder,
            name,
            OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        if FileType::from_raw_mode(rustix::fs::fstat(&pinned)?.st_mode) == FileType::Fifo {
            rustix::fs::chmod(in_folder_itself(&pinned), Mode::from_raw_mode(mode))?;
        }
    }
    if let Some(times) = meta.times() {
        rustix::fs::utimensat(folder, name, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}

/// Gives an open file or folder its owner, attributes, permissions and time, in the order in which they undo each
/// other least: a change of owner clears special bits and capabilities.
fn dress(file: impl AsFd, meta: &Meta) -> io::Result<()> {
    let file = file.as_fd();
    if let Some((uid, gid)) = meta.owner {
        allow_unowned(rustix::fs::fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))))?;
    }
    for (name, value) in &meta.xattrs {
        match rustix::fs::fsetxattr(file, name.as_str(), value, rustix::fs::XattrFlags::empty()) {
            // A file system without them, or attributes that the kernel keeps to itself.
            Ok(()) | Err(Errno::NOTSUP | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(mode) = meta.mode {
        rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?;
    }
    if let Some(times) = meta.times() {
        rustix::fs::futimens(file, &times)?;
    }
    Ok(())
}

/// Owners are only for root to give; who unpacks into a folder of their own owns what comes out.
fn allow_unowned(given: rustix::io::Result<()>) -> io::Result<()> {
    match given {
        Err(Errno::PERM) if !rustix::process::geteuid().is_root() => Ok(()),
        given => Ok(given?),
    }
}

impl Meta {
    fn times(&self) -> Option<Timestamps> {
        let (tv_sec, tv_nsec) = self.changed?;
        let time = Timespec { tv_sec, tv_nsec: tv_nsec as _ };
        Some(Timestamps { last_access: time, last_modification: time })
    }
}
