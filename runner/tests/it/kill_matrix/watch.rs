//! Says what takes long, and where it stands, while it does: what hangs is ended from outside, and says nothing then.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

/// A case that takes longer is told of, each time that this has passed.
const LONG: Duration = Duration::from_secs(60);

/// What one thread is at.
struct At {
    thread: ThreadId,
    case: String,
    since: Instant,
    doing: String,
    doing_since: Instant,
    /// Where the command writes by what it comes.
    places: Option<PathBuf>,
}

static NOW: Mutex<Vec<At>> = Mutex::new(Vec::new());

/// Does something long, and tells of it.
pub(super) fn watched<T>(work: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        let (alive, over) = channel::<()>();
        scope.spawn(move || {
            while over.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
                for line in long() {
                    super::cases::tell(&line);
                }
            }
        });
        let done = work();
        drop(alive);
        done
    })
}

/// From here on this thread is at this case.
pub(super) fn begins(case: String) {
    change(|at| (at.case, at.since) = (case, Instant::now()));
}

/// It is over.
pub(super) fn ended() {
    NOW.lock().unwrap().retain(|at| at.thread != std::thread::current().id());
}

/// From here on this thread does this for its case.
pub(super) fn does(doing: String, places: Option<PathBuf>) {
    change(|at| (at.doing, at.doing_since, at.places) = (doing, Instant::now(), places));
}

/// Returns by what the command of this thread came last.
pub(super) fn last_place() -> String {
    let now = NOW.lock().unwrap();
    now.iter().find(|at| at.thread == std::thread::current().id()).map(At::last_place).unwrap_or_default()
}

fn change(change: impl FnOnce(&mut At)) {
    let (thread, now) = (std::thread::current().id(), Instant::now());
    let mut all = NOW.lock().unwrap();
    let nth = all.iter().position(|at| at.thread == thread).unwrap_or_else(|| {
        let (case, doing) = ("the worlds in which cases begin".to_owned(), "begins".to_owned());
        all.push(At { thread, case, since: now, doing, doing_since: now, places: None });
        all.len() - 1
    });
    change(&mut all[nth]);
}

fn long() -> Vec<String> {
    let now = NOW.lock().unwrap();
    let long = now.iter().filter(|at| at.since.elapsed() >= LONG);
    long.map(|at| {
        let seconds = |since: Instant| since.elapsed().as_secs();
        let (all, this, place) = (seconds(at.since), seconds(at.doing_since), at.last_place());
        format!("{all} s at {}: {this} s at `{}`, last place: {place}", at.case, at.doing)
    })
    .collect()
}

impl At {
    fn last_place(&self) -> String {
        let text = self.places.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        text.as_deref().and_then(|text| text.lines().next_back()).unwrap_or("none").to_owned()
    }
}
