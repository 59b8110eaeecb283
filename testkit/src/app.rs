//! What an image does when it is started: told by the test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What one start of a container will come to, in the virtual clock's time since that start.
#[derive(Clone, Debug)]
pub struct Life {
    pub(crate) healthy_after: Option<Duration>,
    pub(crate) sickens_after: Option<Duration>,
    pub(crate) ends: Option<(Duration, i64)>,
    pub(crate) term: Term,
    pub(crate) oom: bool,
    pub(crate) says: Vec<String>,
}

/// What a process does when it is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// It leaves at once with this code.
    Leaves(i64),
    /// It has to be killed when its grace is over.
    Ignores,
}

impl Life {
    /// Runs for ever; healthy at its first check, where it has one.
    pub fn steady() -> Self {
        Self {
            healthy_after: Some(Duration::ZERO),
            sickens_after: None,
            ends: None,
            term: Term::Leaves(143),
            oom: false,
            says: Vec::new(),
        }
    }

    /// Ends by itself with this code.
    pub fn ends(after: Duration, code: i64) -> Self {
        Self { ends: Some((after, code)), ..Self::steady() }
    }

    /// Is killed for the memory that it took.
    pub fn runs_out_of_memory(after: Duration) -> Self {
        Self { oom: true, ..Self::ends(after, 137) }
    }

    /// Its first good check comes no earlier than this.
    #[must_use]
    pub fn healthy_after(self, after: Duration) -> Self {
        Self { healthy_after: Some(after), ..self }
    }

    /// No check is ever good.
    #[must_use]
    pub fn never_healthy(self) -> Self {
        Self { healthy_after: None, ..self }
    }

    /// From this moment on no check is good any more.
    #[must_use]
    pub fn sickens_after(self, after: Duration) -> Self {
        Self { sickens_after: Some(after), ..self }
    }

    /// What it does when it is asked to end.
    #[must_use]
    pub fn on_term(self, term: Term) -> Self {
        Self { term, ..self }
    }

    /// Writes this line to its log when it starts.
    #[must_use]
    pub fn says(mut self, line: &str) -> Self {
        self.says.push(line.to_owned());
        self
    }
}

type Start = dyn Fn(&Disk) -> Life + Send + Sync;
type Exec = dyn Fn(&ExecCall, &Disk) -> ExecAnswer + Send + Sync;

/// An image.
#[derive(Clone)]
pub struct App {
    pub(crate) start: Arc<Start>,
    pub(crate) exec: Option<Arc<Exec>>,
    pub(crate) volumes: Vec<String>,
    pub(crate) is_local: bool,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("volumes", &self.volumes).finish_non_exhaustive()
    }
}

impl App {
    /// The same life at every start.
    pub fn new(life: Life) -> Self {
        Self::that(move |_| life.clone())
    }

    /// A life that hangs on what it finds on its disk, and may write there.
    pub fn that(start: impl Fn(&Disk) -> Life + Send + Sync + 'static) -> Self {
        Self { start: Arc::new(start), exec: None, volumes: Vec::new(), is_local: true }
    }

    /// Answers commands. Without it a few of the shell's are known, see [`ExecCall`].
    #[must_use]
    pub fn exec(self, answer: impl Fn(&ExecCall, &Disk) -> ExecAnswer + Send + Sync + 'static) -> Self {
        Self { exec: Some(Arc::new(answer)), ..self }
    }

    /// A `VOLUME` of the image: anonymous where no mount names one.
    #[must_use]
    pub fn volume(mut self, path: &str) -> Self {
        self.volumes.push(path.to_owned());
        self
    }

    /// Known to the registry, not on the node before it is pulled.
    #[must_use]
    pub fn remote(self) -> Self {
        Self { is_local: false, ..self }
    }
}

/// A command that was asked for in a container. By itself the fake knows `true`, `false`, `exit N`, `echo …` and
/// `cat PATH`, plainly or after `sh -c`.
#[derive(Clone, Debug, Default)]
pub struct ExecCall {
    /// Program and arguments.
    pub cmd: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Empty where none was attached.
    pub stdin: Vec<u8>,
}

/// What a command came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecAnswer {
    pub code: i64,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl ExecAnswer {
    /// Ended with this code and said nothing.
    pub fn code(code: i64) -> Self {
        Self { code, ..Self::default() }
    }

    /// Ended well and said this.
    pub fn said(stdout: impl Into<Vec<u8>>) -> Self {
        Self { stdout: stdout.into(), ..Self::default() }
    }
}

/// The files that a container sees: its volumes, and a folder of its own for the rest.
#[derive(Clone, Debug)]
pub struct Disk {
    pub(crate) root: PathBuf,
    /// Path in the container and folder on this machine.
    pub(crate) mounts: Vec<(String, PathBuf)>,
}

impl Disk {
    /// Returns where a path of the container is on this machine.
    pub fn place(&self, path: &str) -> PathBuf {
        let clean: PathBuf = Path::new(path)
            .components()
            .filter(|part| matches!(part, std::path::Component::Normal(_)))
            .collect();
        let under = |mount: &str| clean.strip_prefix(mount.trim_matches('/')).ok().map(Path::to_path_buf);
        let best = self.mounts.iter().filter(|(at, _)| under(at).is_some()).max_by_key(|(at, _)| at.len());
        match best {
            Some((at, folder)) => folder.join(under(at).unwrap_or_default()),
            None => self.root.join(clean),
        }
    }

    /// Reads a file; `None` where there is none.
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        std::fs::read(self.place(path)).ok()
    }

    /// Writes a file and the folders above it. What cannot be written is lost, as an app that does not look would have it.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let place = self.place(path);
        if let Some(folder) = place.parent() {
            drop(std::fs::create_dir_all(folder));
        }
        drop(std::fs::write(place, bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_in_the_innermost_volume_and_never_outside() {
        let disk = Disk {
            root: "/r".into(),
            mounts: vec![("/data".into(), "/v/a".into()), ("/data/deep/".into(), "/v/b".into())],
        };
        assert_eq!(disk.place("/data/x"), Path::new("/v/a/x"));
        assert_eq!(disk.place("/data/deep/x/y"), Path::new("/v/b/x/y"));
        assert_eq!(disk.place("/database"), Path::new("/r/database"));
        assert_eq!(disk.place("/data/../../etc/passwd"), Path::new("/v/a/etc/passwd"));
    }
}
