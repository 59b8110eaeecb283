//! Where the volumes and secrets of a stack are on this machine, opened so that nobody can lead us elsewhere.
//!
//! An engine says where a volume is in *its own* view of the file system, which need not be ours: it may run in a root
//! or a mount namespace of its own. So everything is looked up from the root of the process that answers on the
//! engine's socket. What has the same name in our own view may be another engine's.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, ResolveFlags};

use super::tree::Held;
use crate::engine::Engine;

/// Largest secret: the engine's own limit is 500 KB.
const SECRET_LIMIT: u64 = 1 << 20;

/// The root of the file system that the engine sees.
#[derive(Debug)]
pub(crate) struct EngineRoot {
    root: Held,
    /// How this process gets there; `/` where it is our own.
    path: PathBuf,
}

/// The engine's files cannot be reached from here.
#[derive(Debug, thiserror::Error)]
pub enum OutOfReach {
    #[error("the engine at {host} is not reached by a socket of this machine")]
    Remote { host: String },
    #[error("the engine's process cannot be found behind {host}")]
    NoProcess { host: String, source: io::Error },
    #[error("`{path}` cannot be opened")]
    Closed { path: String, source: io::Error },
}

impl OutOfReach {
    /// Returns what a person can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Remote { .. } | Self::NoProcess { .. } => {
                "volumes are read where they are: run simmer on the engine's own node, outside of a container"
            }
            Self::Closed { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "volumes belong to root: run simmer as root, or with CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE"
            }
            Self::Closed { .. } => "is the volume on this node, and is its driver one that keeps files?",
        }
    }
}

impl EngineRoot {
    pub(crate) fn of(engine: &Engine) -> Result<Self, OutOfReach> {
        let host = engine.host().to_owned();
        let Some(socket) = host.strip_prefix("unix://") else { return Err(OutOfReach::Remote { host }) };
        let peer = UnixStream::connect(socket)
            .and_then(|stream| Ok(rustix::net::sockopt::socket_peercred(&stream)?));
        let pid = match peer {
            Ok(peer) => peer.pid,
            Err(source) => return Err(OutOfReach::NoProcess { host, source }),
        };
        Self::of_process(pid.as_raw_pid())
    }

    /// The root of a process, such as one in a container.
    pub(super) fn of_process(pid: i32) -> Result<Self, OutOfReach> {
        let path = PathBuf::from(format!("/proc/{pid}/root"));
        let root = open_folder(&path)?;
        let ours = open_folder(Path::new("/"))?;
        let place = |held: &Held| rustix::fs::fstat(held).map(|stat| (stat.st_dev, stat.st_ino)).ok();
        let space = |of: &str| std::fs::read_link(format!("/proc/{of}/ns/mnt")).ok();
        let same = place(&root) == place(&ours) && space(&pid.to_string()) == space("self");
        Ok(Self { root, path: if same { PathBuf::from("/") } else { path } })
    }

    /// Opens a folder that the engine names. Links on the way stay in the engine's view.
    pub(crate) fn folder(&self, path: &Path) -> Result<Held, OutOfReach> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        self.open(path, flags).map(Arc::new)
    }

    fn open(&self, path: &Path, flags: OFlags) -> Result<rustix::fd::OwnedFd, OutOfReach> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve)
            .map_err(|error| OutOfReach::Closed { path: path.display().to_string(), source: error.into() })
    }

    /// Reads a small file.
    pub(super) fn small_file(&self, path: &Path) -> Result<Vec<u8>, OutOfReach> {
        use std::io::Read as _;
        let file = self.open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC)?;
        let wrong = |source| OutOfReach::Closed { path: path.display().to_string(), source };
        let mut bytes = Vec::new();
        let file = std::fs::File::from(file);
        if !file.metadata().map_err(wrong)?.is_file() {
            return Err(wrong(io::Error::other("it is not a plain file")));
        }
        file.take(SECRET_LIMIT).read_to_end(&mut bytes).map_err(wrong)?;
        Ok(bytes)
    }

    /// Returns the name under which this process, and what it starts, finds what the engine names.
    pub(super) fn on_disk(&self, path: &Path) -> PathBuf {
        self.path.join(path.strip_prefix("/").unwrap_or(path))
    }
}

fn open_folder(path: &Path) -> Result<Held, OutOfReach> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
        .map(Arc::new)
        .map_err(|error| OutOfReach::Closed { path: path.display().to_string(), source: error.into() })
}
