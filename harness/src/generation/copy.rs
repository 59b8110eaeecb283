//! Copies trees: many small files by several threads, each name once and as it is, nothing left out.

use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::content::{BUFFER_BYTES, Came, Sharing, fill};
use super::dress::{dress, dress_unopened, undress};
use super::error::TreeError;
use super::files::{Name, hold, kind_of, length_of, names_in, open_below, open_held};
use super::pool::{Pool, When};
use crate::backup::stop::Stop;
use crate::backup::tree::{Held, open_ours};

/// Names that one thread takes at once: a folder with many is shared out.
const BATCH: usize = 128;
/// Files from this length on are work of their own.
const LARGE_BYTES: u64 = 4 << 20;
/// Fewest and most threads: two keep a disk busy while one thinks, more than eight only queue in the file system.
const THREADS: std::ops::RangeInclusive<usize> = 2..=8;

/// How the bytes of a tree came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// All are shared with the source until one side writes: no room and no time.
    Reflinked,
    /// All were copied, or there were none.
    Copied,
    Mixed,
}

/// A tree that was copied and is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Everything that is no folder: files, links, sockets, fifos, devices.
    pub files: u64,
    /// Lengths of the plain files; a file with several names counts once.
    pub bytes: u64,
    pub how: How,
    /// The whole of it.
    pub millis: u64,
    /// The part of it until the disk had everything.
    pub sync_millis: u64,
}

/// Copies a folder's tree into an empty folder, and the folder's own owner, rights and times with it. Keeps owners, modes,
/// times, attributes, access lists, hard links, holes, links as links, sockets, fifos, devices and empty folders. What
/// cannot be kept is an error that names it; the target is then garbage. When it returns, all is on the disk.
pub fn copy_tree(from: &Path, to: &Path, stop: &Stop) -> Result<Copied, TreeError> {
    let open = |path: &Path| open_ours(path).map_err(|error| TreeError::at("opened", path, error));
    let done = copy_trees(vec![(open(from)?, open(to)?)], stop).map_err(|(_, error)| error)?;
    Ok(done[0])
}

/// Copies several trees side by side. An error comes with the index of the tree that it is about.
pub(super) fn copy_trees(pairs: Vec<(Held, Held)>, stop: &Stop) -> Result<Vec<Copied>, (usize, TreeError)> {
    let began = Instant::now();
    let mut trees = Vec::new();
    for (nth, (from, to)) in pairs.into_iter().enumerate() {
        trees.push(Tree::new(from, to).map_err(|error| (nth, error))?);
    }
    let first = (0..trees.len()).rev().map(|tree| Job::Folder { tree, path: PathBuf::new() });
    let pool = Pool::new(first.collect());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    pool.run(
        threads.clamp(*THREADS.start(), *THREADS.end()),
        || vec![0; BUFFER_BYTES],
        |pool, buffer, job| {
            let nth = job.tree();
            let work = Work { tree: &trees[nth], nth, pool, stop };
            work.take(job, buffer).map_err(|error| (nth, error))
        },
    )?;
    let copied_after = began.elapsed();
    for (nth, tree) in trees.iter().enumerate() {
        if stop.is_raised() {
            return Err((nth, TreeError::Stopped));
        }
        let synced = rustix::fs::syncfs(&tree.to);
        synced.map_err(|error| (nth, TreeError::at("written to the disk", Path::new(""), error.into())))?;
    }
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (all, copied_after) = (millis(began.elapsed()), millis(copied_after));
    Ok(trees.iter().map(|tree| tree.done(all, all - copied_after)).collect())
}

struct Tree {
    from: Held,
    to: Held,
    /// Device and inode of the target.
    target: (u64, u64),
    sharing: Sharing,
    /// Files of the source that have several names, until all were met.
    linked: Mutex<HashMap<(u64, u64), Linked>>,
    files: AtomicU64,
    bytes: AtomicU64,
    cloned: AtomicU64,
    copied: AtomicU64,
}

/// A file that was made under its first name.
struct Linked {
    /// Where its first name is in the target, and what it is there.
    folder: PathBuf,
    name: CString,
    made: (u64, u64),
    /// Names that the source had when the first was met, less those that were met after it.
    left: u64,
}

/// A folder on both sides.
struct Both {
    from: OwnedFd,
    to: OwnedFd,
    path: PathBuf,
    stat: Stat,
}

enum Job {
    Folder { tree: usize, path: PathBuf },
    Names { tree: usize, both: Arc<Both>, names: Vec<Name> },
    Large { tree: usize, both: Arc<Both>, name: Name },
}

impl Job {
    fn tree(&self) -> usize {
        match self {
            Self::Folder { tree, .. } | Self::Names { tree, .. } | Self::Large { tree, .. } => *tree,
        }
    }
}

impl Tree {
    fn new(from: Held, to: Held) -> Result<Self, TreeError> {
        let wrong = |error| TreeError::at("prepared", Path::new(""), error);
        if !names_in(&to).map_err(wrong)?.is_empty() {
            return Err(TreeError::NotEmpty);
        }
        undress(&to).map_err(wrong)?;
        let target = place(&rustix::fs::fstat(&to).map_err(|error| wrong(error.into()))?);
        Ok(Self {
            from,
            to,
            target,
            sharing: Sharing::default(),
            linked: Mutex::default(),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            cloned: AtomicU64::new(0),
            copied: AtomicU64::new(0),
        })
    }

    fn done(&self, millis: u64, sync_millis: u64) -> Copied {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let how = match (count(&self.cloned), count(&self.copied)) {
            (1.., 0) => How::Reflinked,
            (1.., 1..) => How::Mixed,
            (0, _) => How::Copied,
        };
        Copied { files: count(&self.files), bytes: count(&self.bytes), how, millis, sync_millis }
    }
}

fn place(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

struct Work<'a> {
    tree: &'a Tree,
    nth: usize,
    pool: &'a Pool<Job, (usize, TreeError)>,
    stop: &'a Stop,
}

impl Work<'_> {
    fn take(&self, job: Job, buffer: &mut [u8]) -> Result<(), TreeError> {
        let both = match job {
            Job::Folder { path, .. } => {
                let (both, names) = self.folder(path)?;
                self.names(&both, names, buffer)?;
                both
            }
            Job::Names { both, names, .. } => {
                self.names(&both, names, buffer)?;
                both
            }
            Job::Large { both, name, .. } => {
                let wrong = |error| self.wrong(&both, &name, error);
                self.stopped()?;
                let (held, stat) = hold(&both.from, &name.name).map_err(wrong)?;
                if kind_of(&stat) != FileType::RegularFile {
                    return Err(TreeError::Changed { path: super::error::shown(&name.path(&both.path)) });
                }
                self.file(&both, &name, &held, &stat, buffer)?;
                both
            }
        };
        // Whoever is the last in a folder dresses it: what is made in a folder changes its time.
        if let Some(both) = Arc::into_inner(both) {
            let dressed = dress(&both.from, &both.to, &both.stat);
            dressed.map_err(|error| TreeError::at("copied", &both.path, error))?;
        }
        Ok(())
    }

    fn stopped(&self) -> Result<(), TreeError> {
        if self.stop.is_raised() { Err(TreeError::Stopped) } else { Ok(()) }
    }

    fn wrong(&self, both: &Both, name: &Name, error: io::Error) -> TreeError {
        TreeError::at("copied", &name.path(&both.path), error)
    }

    /// Opens a folder on both sides, shares out what is in it, and returns the first share.
    fn folder(&self, path: PathBuf) -> Result<(Arc<Both>, Vec<Name>), TreeError> {
        let wrong = |error| TreeError::at("copied", &path, error);
        self.stopped()?;
        let from = open_below(&self.tree.from, &path).map_err(wrong)?;
        let stat = rustix::fs::fstat(&from).map_err(|error| wrong(error.into()))?;
        if place(&stat) == self.tree.target {
            return Err(TreeError::Inside { path: super::error::shown(&path) });
        }
        let to = open_below(&self.tree.to, &path).map_err(wrong)?;
        let mut names = names_in(&from).map_err(wrong)?;
        let both = Arc::new(Both { from, to, path, stat });
        let mut shares = Vec::new();
        while BATCH < names.len() {
            let names = names.split_off(names.len() - BATCH);
            shares.push(Job::Names { tree: self.nth, both: Arc::clone(&both), names });
        }
        if !shares.is_empty() {
            self.pool.add(When::Near, shares);
        }
        Ok((both, names))
    }

    fn names(&self, both: &Arc<Both>, names: Vec<Name>, buffer: &mut [u8]) -> Result<(), TreeError> {
        let mut folders = Vec::new();
        for name in names {
            self.stopped()?;
            let path = || name.path(&both.path);
            let wrong = |error: io::Error| self.wrong(both, &name, error);
            if name.kind == FileType::Directory {
                make_folder(both, &name).map_err(wrong)?;
                folders.push(Job::Folder { tree: self.nth, path: path() });
                continue;
            }
            let (held, stat) = hold(&both.from, &name.name).map_err(wrong)?;
            match kind_of(&stat) {
                FileType::Directory => {
                    make_folder(both, &name).map_err(wrong)?;
                    folders.push(Job::Folder { tree: self.nth, path: path() });
                }
                FileType::RegularFile if LARGE_BYTES <= length_of(&stat) => {
                    let job = Job::Large { tree: self.nth, both: Arc::clone(both), name };
                    self.pool.add(When::Near, [job]);
                }
                FileType::RegularFile => self.file(both, &name, &held, &stat, buffer)?,
                FileType::Symlink
                | FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown => self.other(both, &name, &held, &stat).map_err(wrong)?,
            }
        }
        if !folders.is_empty() {
            self.pool.add(When::Far, folders);
        }
        Ok(())
    }

    fn file(
        &self,
        both: &Both,
        name: &Name,
        held: &OwnedFd,
        stat: &Stat,
        buffer: &mut [u8],
    ) -> Result<(), TreeError> {
        let wrong = |error| self.wrong(both, name, error);
        let made = if stat.st_nlink > 1 {
            self.make_linked(both, name, stat).map_err(wrong)?
        } else {
            Some(make_file(&both.to, name).map_err(wrong)?)
        };
        self.tree.files.fetch_add(1, Ordering::Relaxed);
        let Some(made) = made else { return Ok(()) };
        let from = open_held(held).map_err(wrong)?;
        let came = fill((&from, &made), stat, &self.tree.sharing, buffer, self.stop).map_err(wrong)?;
        let counter = match came.ok_or(TreeError::Stopped)? {
            Came::Empty => None,
            Came::Cloned => Some(&self.tree.cloned),
            Came::Copied => Some(&self.tree.copied),
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.tree.bytes.fetch_add(length_of(stat), Ordering::Relaxed);
        let after = rustix::fs::fstat(&from).map_err(|error| wrong(error.into()))?;
        let state = |s: &Stat| (s.st_size, s.st_mtime, s.st_mtime_nsec, s.st_mode, s.st_uid, s.st_gid);
        if state(&after) != state(stat) {
            return Err(TreeError::Changed { path: super::error::shown(&name.path(&both.path)) });
        }
        dress(&from, &made, stat).map_err(wrong)
    }

    /// Makes a file that has several names at the first of them, to be filled; at the others it is the same file, and
    /// `None`.
    fn make_linked(&self, both: &Both, name: &Name, stat: &Stat) -> io::Result<Option<OwnedFd>> {
        let mut linked = self.tree.linked.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = linked.get_mut(&place(stat)) else {
            let made = make_file(&both.to, name)?;
            let first = Linked {
                folder: both.path.clone(),
                name: name.name.clone(),
                made: place(&rustix::fs::fstat(&made)?),
                // The width of the kernel's count differs between machines.
                left: stat.st_nlink as _,
            };
            linked.insert(place(stat), first);
            return Ok(Some(made));
        };
        let folder = open_below(&self.tree.to, &first.folder)?;
        let to = name.name.as_c_str();
        rustix::fs::linkat(&folder, first.name.as_c_str(), &both.to, to, AtFlags::empty())?;
        if place(&rustix::fs::statat(&both.to, to, AtFlags::SYMLINK_NOFOLLOW)?) != first.made {
            return Err(Errno::EXIST.into());
        }
        first.left -= 1;
        if first.left == 1 {
            linked.remove(&place(stat));
        }
        Ok(None)
    }

    fn other(&self, both: &Both, name: &Name, held: &OwnedFd, stat: &Stat) -> io::Result<()> {
        let kind = kind_of(stat);
        let (to, name) = (&both.to, name.name.as_c_str());
        let mode = match kind {
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(held, c"", Vec::new())?;
                rustix::fs::symlinkat(target.as_c_str(), to, name)?;
                None
            }
            FileType::Fifo | FileType::Socket | FileType::CharacterDevice | FileType::BlockDevice => {
                rustix::fs::mknodat(to, name, kind, Mode::RUSR | Mode::WUSR, stat.st_rdev)?;
                Some(Mode::from_raw_mode(stat.st_mode))
            }
            FileType::RegularFile | FileType::Directory | FileType::Unknown => {
                return Err(Errno::NOTSUP.into());
            }
        };
        self.tree.files.fetch_add(1, Ordering::Relaxed);
        dress_unopened((&both.from, to), name, stat, mode)
    }
}

/// For its owner only, until it is dressed.
fn make_folder(both: &Both, name: &Name) -> io::Result<()> {
    Ok(rustix::fs::mkdirat(&both.to, name.name.as_c_str(), Mode::RWXU)?)
}

fn make_file(folder: &OwnedFd, name: &Name) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(folder, name.name.as_c_str(), flags, Mode::RUSR | Mode::WUSR)?)
}
