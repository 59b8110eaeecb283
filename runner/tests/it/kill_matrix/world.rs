//! An instance of its own on a fake swarm of its own, with one recipe in a repository, and the real program.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use runner::kill::{KILL_AT, PLACES};
use serde_json::Value;
use testkit::{Fake, Fault, Pace, Setup};

use super::{recipe, watch};

/// Names a copy of the program, for a long matrix beside which somebody builds.
const PROGRAM: &str = "SIMMER_MATRIX_PROGRAM";
/// Longer than any command takes, on a busy machine too and with the limits of several waits in it; what waits for ever
/// is a finding.
const PATIENCE: Duration = Duration::from_secs(240);
/// Leaves out nearly all of the waiting.
const PACE: Pace = Pace::Times(500);

/// An instance and its engine.
pub(super) struct World {
    folder: tempfile::TempDir,
    pub(super) fake: Fake,
}

/// What a command came to.
#[derive(Debug)]
pub(super) struct Ran {
    /// `None` where it was killed.
    pub(super) exit: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ran {
    pub(super) fn was_killed(&self) -> bool {
        self.exit.is_none()
    }
}

/// How a process is ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kill {
    /// By itself, at a place: by its name, or as `#17`.
    At(String),
    /// By the engine, at the so-many-th call (from 0) of a step, such as `promotion/copy`; of the whole command where
    /// there is no step.
    Call { step: Option<String>, nth: usize, effect: Effect },
}

/// Whether the engine does what it is asked before the one who asks is killed. Nobody is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Undone,
    Done,
}

impl World {
    /// Makes one in which nothing was ever run.
    pub(super) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("matrix").tempdir().unwrap();
        let fake = Fake::with(Setup { pace: PACE, ..Setup::default() });
        fake.network("proxy");
        recipe::write(folder.path(), &fake);
        Self { folder, fake }
    }

    /// Makes another one in which all is as it is here, with an engine of its own.
    pub(super) fn fork(&self) -> Self {
        watch::does("copies the world".to_owned(), None);
        let folder = tempfile::Builder::new().prefix("matrix").tempdir().unwrap();
        let copied = Command::new("cp").arg("-a").arg(self.path().join(".")).arg(folder.path()).status();
        assert!(copied.unwrap().success());
        Self { folder, fake: self.fake.fork(PACE) }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn places_file(&self) -> PathBuf {
        self.path().join("places")
    }

    /// Returns the places that commands came by since they were asked for the last time.
    pub(super) fn places(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.places_file()).unwrap_or_default();
        drop(std::fs::remove_file(self.places_file()));
        text.lines().map(str::to_owned).collect()
    }

    fn command(&self, args: &[&str]) -> Command {
        watch::does(format!("simmer {}", args.join(" ")), Some(self.places_file()));
        let program = std::env::var_os(PROGRAM);
        let mut command = Command::new(program.unwrap_or_else(|| env!("CARGO_BIN_EXE_simmer").into()));
        command.arg("-C").arg(self.path()).args(args).stdin(Stdio::null());
        command.env("DOCKER_HOST", self.fake.host()).env("SIMMER_LOG", "error");
        command.env(PLACES, self.places_file()).env_remove(KILL_AT);
        command
    }

    /// Runs a command to its end.
    pub(super) fn simmer(&self, args: &[&str]) -> Ran {
        ended(spawn(&mut self.command(args)), args)
    }

    /// Runs a command that has to end well.
    pub(super) fn well(&self, args: &[&str]) -> Ran {
        let ran = self.simmer(args);
        assert_eq!(ran.exit, Some(0), "{args:?}: {}{}", ran.stdout, ran.stderr);
        ran
    }

    /// Runs a command that is killed, if it comes to where it is to be. The places that it came by are forgotten before.
    pub(super) fn killed(&self, kill: &Kill, args: &[&str]) -> Ran {
        drop(self.places());
        match kill {
            Kill::At(place) => ended(spawn(self.command(args).env(KILL_AT, place)), args),
            Kill::Call { step, nth, effect } => {
                let process = Arc::new(Mutex::new(None));
                let (file, mut left, asker) = (self.places_file(), *nth, Arc::clone(&process));
                let (step, effect) = (step.clone(), *effect);
                self.fake.judge_calls(move |_| {
                    if step.as_ref().is_some_and(|step| step_in(&file).as_ref() != Some(step)) {
                        return None;
                    }
                    if left > 0 {
                        left -= 1;
                        return None;
                    }
                    if let Some(pid) = asker.lock().unwrap().take() {
                        // One that has ended by itself meanwhile is found not to have been killed.
                        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                        return Some(match effect {
                            Effect::Undone => Fault::Silence,
                            Effect::Done => Fault::Unanswered,
                        });
                    }
                    None
                });
                let child = {
                    // Held until the process is known: its first call waits for that.
                    let mut process = process.lock().unwrap();
                    let child = spawn(&mut self.command(args));
                    *process = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap());
                    child
                };
                let ran = ended(child, args);
                self.fake.heal();
                ran
            }
        }
    }

    /// Runs a command to its end, and counts the calls that it makes in each step.
    pub(super) fn counted(&self, args: &[&str]) -> (Ran, BTreeMap<String, usize>) {
        drop(self.places());
        let (file, counts) = (self.places_file(), Arc::new(Mutex::new(BTreeMap::new())));
        let counter = Arc::clone(&counts);
        self.fake.judge_calls(move |_| {
            if let Some(step) = step_in(&file) {
                *counter.lock().unwrap().entry(step).or_insert(0) += 1;
            }
            None
        });
        let ran = self.simmer(args);
        self.fake.heal();
        (ran, Arc::into_inner(counts).unwrap().into_inner().unwrap())
    }

    /// Returns record and generations as the program tells them; nothing where there is no canonical.
    pub(super) fn shown(&self) -> Option<Value> {
        let ran = self.simmer(&["canonical", "show", recipe::NAME, "--json"]);
        match ran.exit {
            Some(0) => Some(serde_json::from_str(&ran.stdout).unwrap()),
            Some(2) if ran.stderr.contains("no canonical yet") => None,
            _ => panic!("{ran:?}"),
        }
    }

    /// Reads everything in a volume: path, kind and rights, and content or target.
    pub(super) fn content(&self, volume: &str) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        use std::os::unix::fs::MetadataExt as _;
        let root = self.fake.volume(volume);
        let mut found = BTreeMap::new();
        if !root.exists() {
            return found;
        }
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let about = std::fs::symlink_metadata(&path).unwrap();
                let content = if about.is_file() {
                    std::fs::read(&path).unwrap()
                } else if about.is_symlink() {
                    std::fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
                } else {
                    folders.push(path.clone());
                    Vec::new()
                };
                found.insert(path.strip_prefix(&root).unwrap().to_owned(), (about.mode(), content));
            }
        }
        found
    }
}

impl Drop for World {
    fn drop(&mut self) {
        watch::does("takes the world away".to_owned(), None);
    }
}

/// Reads which step is being taken: the last one that began, unless it has ended.
fn step_in(places: &Path) -> Option<String> {
    let text = std::fs::read_to_string(places).unwrap_or_default();
    let steps = text.lines().rev().filter(|place| !place.contains("/act ") && !place.starts_with('-'));
    let last = steps.clone().next()?;
    let (step, moment) = last.rsplit_once('/')?;
    (moment != runner::kill::Moment::After.name()).then(|| step.to_owned())
}

fn spawn(command: &mut Command) -> Child {
    // Into files: a pipe that nobody reads yet would hold the process up.
    let file = || tempfile::tempfile().unwrap();
    let (out, err) = (file(), file());
    let child = command.stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap()).spawn().unwrap();
    OUTPUTS.lock().unwrap().insert(child.id(), (out, err));
    child
}

/// What running commands write, by their process.
static OUTPUTS: Mutex<BTreeMap<u32, (std::fs::File, std::fs::File)>> = Mutex::new(BTreeMap::new());

fn ended(mut child: Child, args: &[&str]) -> Ran {
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > PATIENCE {
            drop(child.kill());
            drop(child.wait());
            let place = watch::last_place();
            panic!("{args:?} takes longer than {} s, last place: {place}", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let (out, err) = OUTPUTS.lock().unwrap().remove(&child.id()).unwrap();
    let read = |mut file: std::fs::File| {
        use std::io::{Read as _, Seek as _};
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (stdout, stderr) = (read(out), read(err));
    assert!(status.code().is_some() || status.signal() == Some(9), "{args:?}: {status} {stderr}");
    Ran { exit: status.code(), stdout, stderr }
}
