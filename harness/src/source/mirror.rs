//! The bare mirror of one recipe's repository, in the state folder.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::Release;
use domain::release::{BadTag, Version};
use git2::{ErrorCode, ObjectType, Repository, RepositoryInitOptions};

use super::names::{is_local, mirror_name, nearest, refuse_source, without_credentials};
use super::tree::{self, Bounds, WorkTree};
use super::{SourceError, fetch};

/// How often a mirror that another run holds is asked for again.
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// Largest mirror, in bytes. Recipes have some hundred kilobytes of history.
const MIRROR_BYTES: u64 = 2 << 30;
/// Written into a mirror once it holds everything that a fetch brought.
const FETCHED: &str = "simmer-fetched";
/// How many names an error gives for one that does not exist.
const NEAREST: usize = 3;

/// A bare copy of a repository. Cloning the value copies a path.
#[derive(Clone, Debug)]
pub struct Mirror {
    path: PathBuf,
    /// Without credentials.
    source_url: String,
}

/// How a tag was made. Lint rule R014 wants annotated ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TagKind {
    /// A tag object with author, date and message.
    Annotated,
    /// A name for a commit and nothing else.
    Light,
}

/// The tags of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Releases {
    /// Oldest first.
    pub releases: Vec<Release>,
    /// Tags that are no releases, with the reason; by name.
    pub bad: Vec<BadTag>,
    /// How each tag was made, bad ones included where that is known.
    pub kinds: BTreeMap<String, TagKind>,
}

impl Releases {
    /// Returns how a tag was made.
    pub fn kind(&self, tag: &str) -> Option<TagKind> {
        self.kinds.get(tag).copied()
    }
}

/// A commit, and how it was asked for. Pinned: nothing that is fetched later changes it (CC-004).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// 40 hexadecimal digits.
    pub id: String,
    /// The tag, branch or commit as the caller named it.
    pub reference: String,
    /// The tag, where the reference is one.
    pub tag: Option<String>,
}

impl Commit {
    /// Returns the value of the label `chaos-version` for a commit that is no release (CC-027).
    pub fn chaos_version(&self) -> &str {
        chaos_version(&self.id)
    }
}

impl From<&Release> for Commit {
    fn from(release: &Release) -> Self {
        Self { id: release.commit.clone(), reference: release.tag.clone(), tag: Some(release.tag.clone()) }
    }
}

/// Returns the first 8 digits of a commit's id: the value of the label `chaos-version`.
///
/// ```
/// assert_eq!(harness::source::chaos_version("f87c612d9e5e9a0d6c4b7a5f1e2d3c4b5a697887"), "f87c612d");
/// ```
pub fn chaos_version(commit: &str) -> &str {
    commit.get(..8).unwrap_or(commit)
}

impl Mirror {
    /// Fetches `source` (an address or a path) into its mirror below `store`, and prunes what is gone there.
    ///
    /// One run at a time holds a mirror; others wait for it, `deadline` included. May be dropped at any
    /// await: git and its helpers are killed and the lock is released.
    pub async fn sync(
        source: &str,
        store: &Path,
        deadline: Duration,
        cancel: impl Future<Output = ()>,
    ) -> Result<Self, SourceError> {
        Self::sync_within(source, store, deadline, MIRROR_BYTES, cancel).await
    }

    /// Like [`Mirror::sync`], with a bound of its own on the size of the mirror, in bytes.
    pub async fn sync_within(
        source: &str,
        store: &Path,
        deadline: Duration,
        mirror_bytes: u64,
        cancel: impl Future<Output = ()>,
    ) -> Result<Self, SourceError> {
        let (source, mirror) = Self::place(source, store)?;
        std::fs::create_dir_all(store).map_err(disk("create", store))?;
        let config = store.join("gitconfig");
        // The source is named by whoever runs us, so its owner on this machine does not matter.
        std::fs::write(&config, "[safe]\n\tdirectory = *\n").map_err(disk("write", &config))?;
        let started = Instant::now();
        tokio::pin!(cancel);
        let lock = tokio::select! {
            lock = mirror.lock(deadline) => lock?,
            () = &mut cancel => return Err(SourceError::Interrupted { source_url: mirror.source_url }),
        };
        let prepared = mirror.clone();
        // The lock goes along: dropped here, the work on the blocking pool goes on.
        let lock = blocking(move || prepared.prepare().map(|()| lock)).await?;
        let clock = fetch::Clock { left: deadline.saturating_sub(started.elapsed()), whole: deadline };
        let fetched = fetch::fetch(&source, &mirror.path, &config, clock, mirror_bytes, cancel).await;
        if matches!(fetched, Err(SourceError::TooMuch { .. })) {
            // What is too large to be kept is not kept; the disk is needed by others.
            std::fs::remove_dir_all(&mirror.path).ok();
        }
        fetched?;
        let mark = mirror.path.join(FETCHED);
        std::fs::write(&mark, b"").map_err(disk("write", &mark))?;
        drop(lock);
        tracing::debug!(source = %mirror.source_url, millis = started.elapsed().as_millis(), "source fetched");
        Ok(mirror)
    }

    /// Opens the mirror that an earlier [`Mirror::sync`] left, and fetches nothing.
    pub fn open(source: &str, store: &Path) -> Result<Self, SourceError> {
        let (_, mirror) = Self::place(source, store)?;
        if !mirror.path.join(FETCHED).exists() {
            return Err(mirror.broken("it was never fetched to its end"));
        }
        Ok(mirror)
    }

    /// Returns the folder of the mirror.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lists the tags: releases in their order, the others with the reason why they are none.
    pub async fn releases(&self) -> Result<Releases, SourceError> {
        let mirror = self.clone();
        blocking(move || mirror.list()).await
    }

    /// Finds a tag, a branch, `HEAD`, or a commit by at least 4 digits of its id; in this order.
    pub async fn resolve(&self, reference: &str) -> Result<Commit, SourceError> {
        let (mirror, reference) = (self.clone(), reference.to_owned());
        blocking(move || mirror.find(&reference)).await
    }

    /// Writes the tree of a commit into the folder `into`, which must not exist or be empty. What was
    /// written is removed again if anything is wrong.
    pub async fn work_tree(
        &self,
        commit: &Commit,
        into: &Path,
        bounds: Bounds,
    ) -> Result<WorkTree, SourceError> {
        let (mirror, commit, into) = (self.clone(), commit.clone(), into.to_owned());
        blocking(move || {
            let repository = mirror.repository()?;
            tree::write_out(&repository, &commit.id, &into, bounds)
        })
        .await
    }

    fn place(source: &str, store: &Path) -> Result<(String, Self), SourceError> {
        let source_url = without_credentials(source);
        if let Some(why) = refuse_source(source) {
            return Err(SourceError::NotGit { source_url, says: why.to_owned() });
        }
        let source = if is_local(source) {
            let Ok(path) = std::fs::canonicalize(source) else {
                return Err(SourceError::Missing { source_url });
            };
            path.to_string_lossy().into_owned()
        } else {
            source.to_owned()
        };
        let store = std::path::absolute(store).map_err(disk("find", store))?;
        Ok((source.clone(), Self { path: store.join(mirror_name(&source)), source_url }))
    }

    async fn lock(&self, deadline: Duration) -> Result<File, SourceError> {
        let path = self.path.with_extension("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(disk("open", &path))?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(source)) => {
                    return Err(SourceError::Disk { doing: "lock", path, source });
                }
                Err(TryLockError::WouldBlock) if deadline <= started.elapsed() => {
                    return Err(SourceError::Locked {
                        mirror: self.path.clone(),
                        seconds: deadline.as_secs(),
                    });
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
            }
        }
    }

    /// Makes sure that there is a bare repository, and takes away what a killed git left. Under the lock.
    fn prepare(&self) -> Result<(), SourceError> {
        if Repository::open_bare(&self.path).is_ok() {
            remove_stale_packs(&self.path.join("objects"));
            return remove_stale_locks(&self.path, 0);
        }
        if self.path.exists() {
            tracing::info!(mirror = %self.path.display(), "mirror is no repository and is made anew");
            std::fs::remove_dir_all(&self.path).map_err(disk("remove", &self.path))?;
        }
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false).no_reinit(true);
        Repository::init_opts(&self.path, &options).map(drop).map_err(|e| self.broken(e.message()))
    }

    pub(super) fn repository(&self) -> Result<Repository, SourceError> {
        Repository::open_bare(&self.path).map_err(|e| self.broken(e.message()))
    }

    fn broken(&self, says: &str) -> SourceError {
        SourceError::Broken { mirror: self.path.clone(), says: says.to_owned() }
    }

    fn list(&self) -> Result<Releases, SourceError> {
        let repository = self.repository()?;
        let mut all = Releases::default();
        let tags = repository.references_glob("refs/tags/*").map_err(|e| self.broken(e.message()))?;
        for tag in tags {
            let tag = match tag {
                Ok(tag) => tag,
                Err(error) => {
                    all.bad.push(BadTag { tag: "(unreadable)".to_owned(), why: error.message().to_owned() });
                    continue;
                }
            };
            let full = String::from_utf8_lossy(tag.name_bytes()).into_owned();
            let name = full.trim_start_matches("refs/tags/").to_owned();
            let first = tag.target().and_then(|id| repository.find_object(id, None).ok());
            let Some(first) = first else {
                all.bad.push(BadTag { tag: name, why: "what it points to is not in the repository".into() });
                continue;
            };
            let kind =
                if first.kind() == Some(ObjectType::Tag) { TagKind::Annotated } else { TagKind::Light };
            all.kinds.insert(name.clone(), kind);
            let Ok(commit) = first.peel_to_commit() else {
                let what = match first.peel(ObjectType::Any).ok().and_then(|o| o.kind()) {
                    Some(ObjectType::Tree) => "a folder",
                    Some(ObjectType::Blob) => "a file",
                    _ => "something that is missing",
                };
                all.bad.push(BadTag { tag: name, why: format!("it points to {what}, not to a commit") });
                continue;
            };
            match Version::parse(&name) {
                Ok(version) => {
                    all.releases.push(Release { version, tag: name, commit: commit.id().to_string() });
                }
                Err(bad) => all.bad.push(bad),
            }
        }
        all.releases.sort_by(|a, b| a.version.cmp(&b.version));
        all.bad.sort_by(|a, b| a.tag.cmp(&b.tag));
        Ok(all)
    }

    fn find(&self, reference: &str) -> Result<Commit, SourceError> {
        let repository = self.repository()?;
        let found = |id: git2::Oid, tag: Option<String>| Commit {
            id: id.to_string(),
            reference: reference.to_owned(),
            tag,
        };
        // Names with `..`, `@{` and the like are refused by the look-up itself; nothing is evaluated.
        let named = |full: String| {
            let name = repository.find_reference(&full).ok()?;
            name.peel_to_commit().ok().map(|commit| commit.id())
        };
        if let Some(id) = named(format!("refs/tags/{reference}")) {
            return Ok(found(id, Some(reference.to_owned())));
        }
        if let Some(id) = named(format!("refs/heads/{reference}")) {
            return Ok(found(id, None));
        }
        if reference == "HEAD"
            && let Some(id) = named("refs/simmer/head".to_owned())
        {
            return Ok(found(id, None));
        }
        let digits = reference.len();
        if (4..=40).contains(&digits) && reference.chars().all(|c| c.is_ascii_hexdigit()) {
            match repository.find_commit_by_prefix(&reference.to_ascii_lowercase()) {
                Ok(commit) => return Ok(found(commit.id(), None)),
                Err(error) if error.code() == ErrorCode::Ambiguous => {
                    return Err(SourceError::Ambiguous {
                        source_url: self.source_url.clone(),
                        reference: reference.to_owned(),
                    });
                }
                Err(_) => {}
            }
        }
        let tags = self.list()?.kinds;
        let reference: String = reference.chars().filter(|c| !c.is_control()).take(200).collect();
        Err(SourceError::NoSuchReference {
            source_url: self.source_url.clone(),
            nearest: nearest(&reference, tags.keys().map(String::as_str), NEAREST),
            reference,
        })
    }
}

/// Removes `*.lock` files: we hold the mirror, so whoever made them is dead.
fn remove_stale_locks(folder: &Path, depth: usize) -> Result<(), SourceError> {
    let entries = std::fs::read_dir(folder).map_err(disk("list", folder))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            // Objects have no locks and are many.
            if depth < 16 && entry.file_name() != "objects" {
                remove_stale_locks(&path, depth + 1)?;
            }
        } else if path.extension().is_some_and(|e| e == "lock") {
            std::fs::remove_file(&path).map_err(disk("remove", &path))?;
        }
    }
    Ok(())
}

/// Removes packs and folders that were never finished. What cannot be removed is only in the way of the disk.
fn remove_stale_packs(objects: &Path) {
    for folder in [objects.to_owned(), objects.join("pack")] {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with("tmp_") {
                let path = entry.path();
                if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) }.ok();
            }
        }
    }
}

/// Names what we were doing to a path when the disk said no.
pub(super) fn disk(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SourceError {
    let path = path.to_owned();
    move |source| SourceError::Disk { doing, path, source }
}

/// Runs what blocks where blocking is allowed.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(SourceError::Interrupted { source_url: "(the runtime is stopping)".to_owned() }),
        },
    }
}
