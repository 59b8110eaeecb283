//! `demo`: the main job on real applications. Two sweeps: cold to canonical, then again with a newer release of each, so
//! that one sees data that aged carried on.
//!
//! Every demo begins from nothing: it gives back what an earlier one kept, also one that was stopped or killed.

mod stall;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::SIGINT;

use crate::call::Call;
use crate::lock::{self, Lock};
use crate::places::Places;
use crate::progress::{Outcome, Progress, say, seconds};
use crate::up::{self, Reach};
use stall::{Release, Stall};

/// One that keeps files, one that keeps a database and runs a job; both are up within seconds.
const RECIPES: [&str; 2] = ["radicale", "kinto"];
/// From nothing, on two busy cores.
const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);
/// Stacks are taken down, volumes removed.
const GIVE_BACK_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Sets up, sweeps twice and names the report to open. Returns the exit code of the sweep that ended it.
pub(crate) fn demo(places: &Places) -> Result<ExitCode> {
    let lock = hold(places, "demo")?;
    up::up(places, Reach::Fast)?;
    let progress = Progress::new();
    let mut simmer = PathBuf::new();
    progress.step("simmer", || {
        simmer = program(places)?;
        Ok(Outcome::Done("built".into()))
    })?;
    progress.step("earlier demo", || give_back(&simmer, places))?;
    let mut stall = None;
    progress.step("demo instance", || {
        stall = Some(Stall::make(places, &RECIPES)?);
        Ok(Outcome::Done(format!("made in `{}`", places.demo().display())))
    })?;
    let stall = stall.context("the demo instance was not made")?;
    // From here on Ctrl-C is for Simmer, which clears up before it ends; we only must not end before it.
    let stopped = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGINT, Arc::clone(&stopped)).context("could not listen for Ctrl-C")?;
    let show = Show { simmer, stall, lock, stopped, began: Instant::now() };
    show.play()
}

/// Makes sure that no demo is at work, as long as the lock is held.
pub(crate) fn hold(places: &Places, purpose: &str) -> Result<Lock> {
    lock::take(&places.state().join("demo.lock"), purpose)
}

/// Gives back what a demo left in the swarm, and removes its instance.
pub(crate) fn clear(places: &Places) -> Result<Outcome> {
    if !places.demo().exists() {
        return Ok(Outcome::Already("there is none".into()));
    }
    give_back(&program(places)?, places)
}

fn give_back(simmer: &Path, places: &Places) -> Result<Outcome> {
    let demo = places.demo();
    let kept = stall::enrolled(&demo)?;
    if kept.is_empty() {
        return Ok(Outcome::Already("there is none".into()));
    }
    let instance = |args: &[&str]| {
        let call = Call::new(simmer).arg("-C").arg(&demo).args(args).within(GIVE_BACK_LIMIT);
        call.run().with_context(|| {
            format!("could not give back what an earlier demo keeps; its instance is `{}`", demo.display())
        })
    };
    // First what runs and promotions of it left that were killed; then what it keeps by intention.
    instance(&["gc"])?;
    instance(&["reconcile"])?;
    for recipe in &kept {
        instance(&["canonical", "drop", recipe, "--delete-data"])?;
    }
    std::fs::remove_dir_all(&demo).with_context(|| format!("could not remove `{}`", demo.display()))?;
    Ok(Outcome::Done(format!("gave back {}", kept.join(", "))))
}

/// Builds the program and returns where it is.
fn program(places: &Places) -> Result<PathBuf> {
    let built = Call::new("cargo")
        .args(["build", "--package", "simmer", "--bin", "simmer"])
        .args(["--message-format", "json-render-diagnostics"])
        .folder(places.root())
        .within(BUILD_LIMIT)
        .run()?;
    executable(&built).context("cargo does not say where it put `simmer`")
}

/// Finds the program in what cargo says, a JSON object a line.
fn executable(said: &str) -> Option<PathBuf> {
    let lines = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines.filter_map(|line| line["executable"].as_str().map(PathBuf::from)).next_back()
}

/// The two sweeps.
struct Show {
    simmer: PathBuf,
    stall: Stall,
    lock: Lock,
    stopped: Arc<AtomicBool>,
    began: Instant,
}

/// What came of a sweep.
enum Swept {
    Green { page: PathBuf },
    Other { code: u8, page: Option<PathBuf> },
}

impl Show {
    fn play(&self) -> Result<ExitCode> {
        say("");
        say(
            "── Simmer's demo: two real applications, and two nights of their lives. It takes some four minutes.",
        );
        let releases = self.stall.publish_older()?;
        say("");
        say(&format!("── The first night. Newest releases: {}", names(&releases)));
        say(
            "   Each is linted, installed from nothing, upgraded from the release before, backed up, restored and tested.",
        );
        say("   What is green is deployed once more as its canonical: from here on its data is kept.");
        let first = match self.sweep()? {
            Swept::Green { page } => page,
            Swept::Other { code, page } => return Ok(self.ended(code, page)),
        };
        let releases = self.stall.publish_newest()?;
        say("");
        say(&format!("── The second night. New releases have come out: {}", names(&releases)));
        say(
            "   They go through the same tiers. What is green is deployed on a copy of the data that the canonical has kept,",
        );
        say(
            "   and has to show everything that was ever planted there; only then does the canonical advance.",
        );
        let second = match self.sweep()? {
            Swept::Green { page } => page,
            Swept::Other { code, page } => return Ok(self.ended(code, page)),
        };
        say("");
        say(
            "── What there is now. Each canonical stands on its newest release, and what was planted at the first is still read:",
        );
        for recipe in RECIPES {
            self.run(&["canonical", "show", recipe])?;
        }
        say("");
        say(&format!("demo after {}", seconds(self.began.elapsed())));
        say(&format!("first night: {}", first.display()));
        say(&format!("report to open: {}", second.display()));
        say(&format!(
            "go on with `{0} -C {1}`, such as `{0} -C {1} sweep`, which says that there is nothing new",
            self.simmer.display(),
            self.stall.folder().display()
        ));
        say("another `cargo xtask demo` begins from nothing; `cargo xtask down` takes all of it away");
        Ok(ExitCode::SUCCESS)
    }

    fn ended(&self, code: u8, page: Option<PathBuf>) -> ExitCode {
        say("");
        if self.stopped.load(Ordering::Acquire) {
            say(
                "stopped; another `cargo xtask demo` gives back what this one keeps, and begins from nothing",
            );
        } else {
            say("the demo ends here: this sweep is not green");
        }
        if let Some(page) = page {
            say(&format!("report to open: {}", page.display()));
        }
        ExitCode::from(code)
    }

    fn sweep(&self) -> Result<Swept> {
        let code = self.run(&["sweep"])?;
        let page = self.stall.newest_page()?;
        Ok(match (code, page) {
            // A sweep that was stopped between two recipes is not green, and nor is the demo.
            (0, Some(page)) if !self.stopped.load(Ordering::Acquire) => Swept::Green { page },
            (0, page) => Swept::Other { code: if page.is_some() { 3 } else { 70 }, page },
            (code, page) => Swept::Other { code, page },
        })
    }

    /// Calls Simmer on this terminal and returns its exit code.
    fn run(&self, args: &[&str]) -> Result<u8> {
        let folder = self.stall.folder();
        say(&format!("\n$ simmer -C {} {}", folder.display(), args.join(" ")));
        let mut command = Command::new(&self.simmer);
        command.arg("-C").arg(folder).args(args);
        // Whatever becomes of us: as long as Simmer is at work no other demo begins.
        command.stdin(Stdio::from(self.lock.share()?));
        let status =
            command.status().with_context(|| format!("could not start `{}`", self.simmer.display()))?;
        match status.code().map(u8::try_from) {
            Some(Ok(code)) => Ok(code),
            Some(Err(_)) | None => bail!("`simmer {}` was killed", args.join(" ")),
        }
    }
}

fn names(releases: &[Release]) -> String {
    let names: Vec<String> = releases.iter().map(|r| format!("{} {}", r.recipe, r.tag)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_where_cargo_says() {
        let said = r#"{"reason":"compiler-artifact","target":{"name":"domain"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"simmer"},"executable":"/build/debug/simmer"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(said), Some(PathBuf::from("/build/debug/simmer")));
        assert_eq!(executable("warning: something\n"), None);
    }
}
