//! `bench`: the programs that measure, one after the other; each prints its own figures.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::places::Places;
use crate::progress::{say, seconds};
use crate::up::{self, Reach};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// 500 compose files against the Docker CLI
    Compose,
    /// Settling, crash loop and clearing against the Docker CLI
    Settle,
    /// Backup and restore against the restic command line
    Backup,
    /// Copying a generation against `cp -a`
    Copy,
    /// 1,000 canonicals against a fake swarm
    Reconcile,
    /// 30 installs and upgrades in a row: wrong verdicts, leftovers
    Runs,
}

/// What cargo is called with for each that is a program of its own.
const PROGRAMS: [(Bench, &str, &[&str]); 5] = [
    (
        Bench::Compose,
        "500 compose files against one `docker stack config` process each",
        &["run", "--quiet", "--release", "--package", "simmer-compose", "--example", "speed"],
    ),
    (
        Bench::Settle,
        "settling, crash loop and clearing against the Docker CLI",
        &["bench", "--quiet", "--package", "simmer-harness", "--bench", "settle"],
    ),
    (
        Bench::Backup,
        "backup and restore of 500 MB against the restic command line",
        &["bench", "--quiet", "--package", "simmer-harness", "--bench", "backup"],
    ),
    (
        Bench::Copy,
        "copying a generation of 1 GB against `cp -a --reflink=auto`",
        &["bench", "--quiet", "--package", "simmer-harness", "--bench", "copy"],
    ),
    (
        Bench::Reconcile,
        "the registry of 1,000 canonicals against a fake swarm",
        &["bench", "--quiet", "--package", "simmer", "--bench", "reconcile"],
    ),
];

/// Installs and upgrades in a row.
const RUNS: usize = 30;
/// The samples of the fast set, taken in turn.
const RECIPES: [&str; 7] = ["radicale", "caddy", "kinto", "nodered", "mumble", "syncthing", "oidc"];

/// Sets up and measures what is asked for, everything if nothing is. Errors: when one of the programs fails.
pub(crate) fn bench(places: &Places, only: &[Bench]) -> Result<()> {
    let asked = |bench| only.is_empty() || only.contains(&bench);
    up::up(places, Reach::Fast)?;
    for (_, name, args) in PROGRAMS.into_iter().filter(|(bench, ..)| asked(*bench)) {
        say(&format!("\n── {name}"));
        let status = Command::new("cargo")
            .args(args)
            .current_dir(places.root())
            .status()
            .context("could not start `cargo`")?;
        if !status.success() {
            bail!("`{name}` failed: see above");
        }
    }
    if asked(Bench::Runs) { in_a_row(places) } else { Ok(()) }
}

/// Takes the samples through install and upgrade again and again, and counts what is wrong or left.
fn in_a_row(places: &Places) -> Result<()> {
    say(&format!("\n── {RUNS} installs and upgrades in a row"));
    // Once: whoever edits the source meanwhile still measures one and the same program.
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--package", "simmer"])
        .current_dir(places.root())
        .status()
        .context("could not start `cargo build`")?;
    if !built.success() {
        bail!("`simmer` could not be built: see above");
    }
    let this = std::env::current_exe().context("this program cannot find itself")?;
    let target = this.parent().and_then(Path::parent).context("this program is in no target folder")?;
    let program = target.join("release/simmer");
    let simmer = |args: &[&str]| {
        let mut command = Command::new(&program);
        command.arg("--instance").arg(places.samples().join("instance")).args(args);
        command.output().with_context(|| format!("could not start `{}`", program.display()))
    };
    let (mut wrong, mut left) = (0, 0);
    let started = Instant::now();
    for (nth, recipe) in (1..=RUNS).zip(RECIPES.iter().cycle()) {
        let run = simmer(&["run", recipe, "--quiet"])?;
        let gc = simmer(&["gc", "--dry-run", "--json"])?;
        let ours = serde_json::from_slice::<Vec<serde_json::Value>>(&gc.stdout)
            .context("`simmer gc --json` printed no list")?
            .into_iter()
            .filter(|run| run["fate"] != "foreign")
            .count();
        let verdict = if run.status.success() { "green" } else { "NOT GREEN" };
        say(&format!("{nth:>3} {recipe:<12} {verdict}, {ours} runs left something"));
        if !run.status.success() {
            wrong += 1;
            say(&String::from_utf8_lossy(&run.stdout));
        }
        left += ours;
    }
    say(&format!("{RUNS} runs in {}: {wrong} wrong verdicts, {left} leftovers", seconds(started.elapsed())));
    if wrong + left > 0 {
        bail!("{wrong} wrong verdicts, {left} leftovers");
    }
    Ok(())
}
