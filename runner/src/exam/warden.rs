//! Keeps a test program and all that it starts together, and ends every one of them.
//!
//! A program may fork, change its process group and leave; and we may be killed ourselves. So between us and it stands
//! another process: the same binary, called as `simmer exam-warden`. Whatever the program leaves behind becomes the
//! warden's child (`PR_SET_CHILD_SUBREAPER`), wherever it went. It ends them all when the program ends, when we say so,
//! and when our end of its standard input closes, which happens however we die.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper};

/// The word by which the binary is called as a warden.
pub const WORD: &str = "exam-warden";
/// What we write to the warden to have the program ended.
pub(super) const STOP: &[u8] = b"stop\n";
/// Longest time for killed processes to go: one in the middle of a disk access takes its time.
const CLEAR_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks for what is left.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How a program ended, as the warden writes it down.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ended {
    /// Why it could not be started.
    pub error: Option<String>,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    /// Processes that it left behind, which were ended.
    pub left: usize,
    /// Processes that could not be ended in time.
    pub stuck: usize,
}

/// Acts as a warden where the binary was called as one, and returns how to exit. To be asked first of all: it wants no
/// runtime, no diary and no command line.
///
/// The arguments are the file for [`Ended`], the grace in milliseconds between asking and killing, and the program
/// with its own.
pub fn called(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args.into_iter().skip(1);
    if args.next()?.to_str() != Some(WORD) {
        return None;
    }
    let told = PathBuf::from(args.next()?);
    let grace = args.next()?.to_str()?.parse().map(Duration::from_millis).ok()?;
    let command: Vec<_> = args.collect();
    let (ended, waiting) = watch(&command, grace);
    if waiting == Waiting::Nobody {
        tidy(told.parent()?);
    }
    let text = serde_json::to_vec(&ended).expect("numbers and text are always JSON");
    Some(if std::fs::write(told, text).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether somebody still wants to know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Somebody,
    Nobody,
}

/// Removes what the program was handed and may have filled: whoever would have done so is gone, and there are
/// secrets in it. Only names that [`super::facts`] makes.
fn tidy(folder: &Path) {
    for name in [super::facts::SECRETS, super::facts::FACTS] {
        std::fs::remove_file(folder.join(name)).ok();
    }
    for name in [super::facts::HOME, super::facts::TMP] {
        std::fs::remove_dir_all(folder.join(name)).ok();
    }
}

enum News {
    /// The program itself ended; what it started may not have.
    Over(std::io::Result<ExitStatus>),
    /// End it, with grace.
    Stop,
    /// Nobody waits any more.
    Alone,
}

fn watch(command: &[OsString], grace: Duration) -> (Ended, Waiting) {
    let failed = |says: String| (Ended { error: Some(says), ..Ended::default() }, Waiting::Somebody);
    let Some((program, args)) = command.split_first() else { return failed("there is no program".into()) };
    if let Err(error) = set_child_subreaper(Some(getpid())) {
        return failed(format!("what it starts cannot be kept together: {error}"));
    }
    // A group of its own: its signals are not ours, and Ctrl-C at the terminal is for us alone.
    let started = Command::new(program).args(args).stdin(Stdio::null()).process_group(0).spawn();
    let child = match started {
        Ok(child) => child,
        Err(error) => {
            let is_script = error.kind() == ErrorKind::NotFound && Path::new(program).is_file();
            let why = match is_script {
                true => "what its first line names to run it is not there".to_owned(),
                false => error.to_string(),
            };
            return failed(format!("`{}` could not be started: {why}", program.display()));
        }
    };
    let (tell, news) = channel();
    let listener = tell.clone();
    std::thread::spawn(move || listen(&listener));
    std::thread::spawn(move || wait(child, &tell));
    let (status, waiting) = until_over(&news, grace);
    let (left, stuck) = clear();
    let (code, signal) = match status {
        Some(status) => (status.code(), status.signal()),
        None => (None, None),
    };
    (Ended { error: None, code, signal, left, stuck }, waiting)
}

/// Waits for the program's end, and passes on what it is told meanwhile.
fn until_over(news: &Receiver<News>, grace: Duration) -> (Option<ExitStatus>, Waiting) {
    let mut waiting = Waiting::Somebody;
    let mut kill_at: Option<Instant> = None;
    let mut give_up_at: Option<Instant> = None;
    loop {
        let until = give_up_at.or(kill_at);
        let next = match until {
            None => news.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => news.recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        match next {
            Ok(News::Over(status)) => return (status.ok(), waiting),
            Ok(News::Stop) => {
                signal_all(Signal::TERM);
                kill_at.get_or_insert(Instant::now() + grace);
            }
            Ok(News::Alone) => {
                waiting = Waiting::Nobody;
                signal_all(Signal::KILL);
                give_up_at = Some(Instant::now() + CLEAR_LIMIT);
            }
            Err(RecvTimeoutError::Timeout) if give_up_at.is_none() => {
                signal_all(Signal::KILL);
                give_up_at = Some(Instant::now() + CLEAR_LIMIT);
            }
            // It does not go even when killed: said as `stuck`.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return (None, waiting),
        }
    }
}

fn listen(tell: &Sender<News>) {
    let mut byte = [0];
    loop {
        let news = match std::io::stdin().read(&mut byte) {
            Ok(0) | Err(_) => News::Alone,
            Ok(_) if byte == [b'\n'] => News::Stop,
            Ok(_) => continue,
        };
        let is_last = matches!(news, News::Alone);
        if tell.send(news).is_err() || is_last {
            return;
        }
    }
}

fn wait(mut child: Child, tell: &Sender<News>) {
    let status = child.wait();
    // The other side ends only after this.
    tell.send(News::Over(status)).ok();
}

/// Kills everything that is still beneath us, until nothing is; returns how many there were, and how many stay.
fn clear() -> (usize, usize) {
    let ends = Instant::now() + CLEAR_LIMIT;
    let mut met: BTreeSet<i32> = BTreeSet::new();
    loop {
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        let left = beneath(getpid().as_raw_nonzero().get());
        met.extend(&left);
        if left.is_empty() || ends <= Instant::now() {
            return (met.len(), left.len());
        }
        signal(&left, Signal::KILL);
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn signal_all(what: Signal) {
    signal(&beneath(getpid().as_raw_nonzero().get()), what);
}

fn signal(pids: &BTreeSet<i32>, what: Signal) {
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        // Gone in the meantime is what we want.
        kill_process(pid, what).ok();
    }
}

/// Returns every living process beneath one, children of children included.
fn beneath(root: i32) -> BTreeSet<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeSet::new() };
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(parent) = living_parent(&entry.path()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            if found.insert(*child) {
                open.push(*child);
            }
        }
    }
    found
}

/// Reads the parent of a process; `None` for one that has ended and is only listed.
fn living_parent(folder: &Path) -> Option<i32> {
    let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
    parent_of(&stat)
}

/// Reads `pid (name) state parent …`; the name may hold anything, brackets too.
fn parent_of(stat: &str) -> Option<i32> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.next()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_read_behind_whatever_name() {
        assert_eq!(parent_of("12 (a) b (c)) S 7 12 12 0"), Some(7));
        assert_eq!(parent_of("12 (sh) Z 7 12"), None);
        assert_eq!(parent_of("nonsense"), None);
    }

    #[test]
    fn only_the_right_word_makes_a_warden() {
        let args = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert!(called(args(&["simmer", "run", "x"])).is_none());
        assert!(called(args(&["simmer"])).is_none());
        assert!(called(args(&["simmer", WORD])).is_none());
    }
}
