//! What stands between the program and a PostgreSQL: lets everything through, and cuts where it is told to.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

/// What becomes of a commit of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It comes to the server, and the answer does not come back.
    Answer,
    /// It does not come to the server either.
    Commit,
}

/// Whether the server can be reached once something was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// At once: only that one connection broke.
    Back,
    /// Not before [`Between::heal`].
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Open,
    Waiting(Cut, Then),
    Down,
}

/// The one between. Its threads end with the connections; the listener ends with the process.
pub(crate) struct Between {
    folder: tempfile::TempDir,
    line: Arc<Line>,
}

/// What the threads share.
struct Line {
    mood: Mutex<Mood>,
    clients: Mutex<Vec<UnixStream>>,
}

impl Line {
    fn is_down(&self) -> bool {
        *self.mood.lock().unwrap() == Mood::Down
    }

    /// Breaks every connection: a pool has more than the one that is cut.
    fn go_down(&self) {
        for client in self.clients.lock().unwrap().drain(..) {
            drop(client.shutdown(Shutdown::Both));
        }
    }
}

/// The name of a server's socket in its folder.
const SOCKET: &str = ".s.PGSQL.5432";
/// How an event of a commit begins in what is sent, and how the end of a transaction is.
const COMMITTED: &[u8] = b"{\"committed\":";
const COMMIT: &[u8] = b"COMMIT\0";

impl Between {
    /// Stands in front of the server whose socket is in that folder.
    pub(crate) fn of(server: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("simmer-cut-").tempdir_in("/tmp").unwrap();
        let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
        let line = Arc::new(Line { mood: Mutex::new(Mood::Open), clients: Mutex::default() });
        let (shared, server) = (Arc::clone(&line), server.join(SOCKET));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !shared.is_down() {
                    carry(client, &server, &shared);
                }
            }
        });
        Self { folder, line }
    }

    /// Where it is to be reached, in the place of the server.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The next commit of a canonical's record is cut.
    pub(crate) fn cut(&self, cut: Cut, then: Then) {
        *self.line.mood.lock().unwrap() = Mood::Waiting(cut, then);
    }

    /// Returns whether something was cut, and lets everything through again.
    pub(crate) fn heal(&self) -> bool {
        let before = std::mem::replace(&mut *self.line.mood.lock().unwrap(), Mood::Open);
        !matches!(before, Mood::Waiting(..))
    }
}

fn carry(client: UnixStream, server: &Path, line: &Arc<Line>) {
    line.clients.lock().unwrap().push(client.try_clone().unwrap());
    let server = UnixStream::connect(server).unwrap();
    let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    // Once it is set no answer goes back, and the first that does not is told.
    let swallow = Arc::new(AtomicBool::new(false));
    let (tell, answered) = mpsc::channel();
    let swallowed = Arc::clone(&swallow);
    std::thread::spawn(move || {
        pass(from, to, |_| {
            let is_swallowed = swallowed.load(Ordering::SeqCst);
            if is_swallowed {
                let _nobody_waits = tell.send(());
            }
            if is_swallowed { After::Close } else { After::PassOn }
        });
    });
    let (line, mut seen) = (Arc::clone(line), Vec::new());
    let mut ask = server.try_clone().unwrap();
    std::thread::spawn(move || {
        pass(client, server, |part| {
            seen.extend_from_slice(part);
            let is_commit = find(&seen, COMMITTED).is_some_and(|at| find(&seen[at..], COMMIT).is_some());
            let mut mood = line.mood.lock().unwrap();
            let Mood::Waiting(cut, then) = *mood else { return After::PassOn };
            if !is_commit {
                return After::PassOn;
            }
            if cut == Cut::Answer {
                swallow.store(true, Ordering::SeqCst);
                ask.write_all(part).unwrap();
                // It answers nothing before it is carried out.
                answered.recv().unwrap();
            }
            *mood = match then {
                Then::Back => Mood::Open,
                Then::Down => {
                    line.go_down();
                    Mood::Down
                }
            };
            After::Close
        });
    });
}

/// What becomes of a part.
enum After {
    PassOn,
    Close,
}

/// Passes on what comes until one side ends or `each` says so; then both are closed.
fn pass(mut from: UnixStream, mut to: UnixStream, mut each: impl FnMut(&[u8]) -> After) {
    let mut part = [0; 65536];
    while let Ok(n) = from.read(&mut part) {
        if n == 0 || matches!(each(&part[..n]), After::Close) || to.write_all(&part[..n]).is_err() {
            break;
        }
    }
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}

fn find(all: &[u8], part: &[u8]) -> Option<usize> {
    all.windows(part.len()).position(|window| window == part)
}
