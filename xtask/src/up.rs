//! `up`: everything that the work needs around the code. Does nothing where that is already so.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::call::Call;
use crate::images::{Catalogue, Group, Image, Plan, build_all, prune};
use crate::lock::{self, Lock};
use crate::places::Places;
use crate::progress::{Outcome, Progress, say, seconds};
use crate::record::Record;
use crate::{engine, network, samples};

/// A builder that was asked to end ends at once.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// How much of the images an `up` builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The fast ones.
    Fast,
    /// The fast ones, and what tests need beside them.
    Tests,
    /// The fast ones; the heavy ones behind them, by a process that goes on when this one has ended.
    Behind,
    /// The fast ones, then the heavy ones.
    All,
}

/// Makes engine, swarm, network, sample recipes and images.
pub(crate) fn up(places: &Places, reach: Reach) -> Result<()> {
    let started = Instant::now();
    let _lock = lock::take(&places.state().join("xtask.lock"), "up")?;
    let mut record = Record::open(&places.state())?;
    let progress = Progress::new();
    progress.step("packages", || engine::install(&mut record))?;
    progress.step("engine", || engine::start(places, &mut record))?;
    progress.step("swarm", || network::swarm(&mut record))?;
    progress.step("network", || network::proxy(&mut record))?;
    progress.step("sample recipes", || samples::repositories(places))?;
    images(places, &mut record, &progress, fast)?;
    match reach {
        Reach::Fast => {}
        Reach::Tests => images(places, &mut record, &progress, tested)?,
        Reach::Behind => progress.step("heavy images", || behind(places, &mut record))?,
        Reach::All => images(places, &mut record, &progress, heavy)?,
    }
    say(&format!("up after {}", seconds(started.elapsed())));
    Ok(())
}

fn fast(image: &Image) -> bool {
    match image.group {
        Group::Live | Group::Fast => true,
        Group::Tested | Group::Heavy | Group::OnDemand => false,
    }
}

fn tested(image: &Image) -> bool {
    image.group == Group::Tested
}

fn heavy(image: &Image) -> bool {
    match image.group {
        Group::Tested | Group::Heavy => true,
        Group::Live | Group::Fast | Group::OnDemand => false,
    }
}

/// Builds the images that `wanted` picks, and what they stand on.
pub(crate) fn images(
    places: &Places,
    record: &mut Record,
    progress: &Progress,
    wanted: impl Fn(&Image) -> bool,
) -> Result<()> {
    let catalogue = Catalogue::read(&places.images())?;
    let picked = catalogue.pick(wanted);
    let mut plan = None;
    progress.step("images", || {
        let found = Plan::of(&picked)?;
        let said = match (found.build.len(), found.fresh) {
            (0, fresh) => Outcome::Already(format!("{fresh} are as their folders say")),
            (build, fresh) => Outcome::Done(format!("{build} to build, {fresh} are there")),
        };
        plan = Some(found);
        Ok(said)
    })?;
    let Some(plan) = plan.filter(|plan| !plan.build.is_empty()) else { return Ok(()) };
    record.note(|made| made.images.extend(plan.build.iter().map(|image| image.name.clone())))?;
    let built = build_all(places, progress, &plan, &record.label());
    // Another builder's half-made stages have no names either.
    if builder(places).is_none() {
        prune(&record.label());
    }
    built
}

/// Starts a builder of the heavy images that goes on by itself.
fn behind(places: &Places, record: &mut Record) -> Result<Outcome> {
    let catalogue = Catalogue::read(&places.images())?;
    let picked = catalogue.pick(heavy);
    let plan = Plan::of(&picked)?;
    if plan.build.is_empty() {
        return Ok(Outcome::Already(format!("{} are as their folders say", plan.fresh)));
    }
    let log = places.logs().join("heavy.log");
    if let Some(pid) = builder(places) {
        return Ok(Outcome::Already(format!("are being built (pid {pid}), see `{}`", log.display())));
    }
    // Noted here and not by the builder: the record has one writer at a time.
    record.note(|made| made.images.extend(plan.build.iter().map(|image| image.name.clone())))?;
    fs::create_dir_all(places.logs()).context("could not make the log folder")?;
    let output = File::create(&log).with_context(|| format!("could not open `{}`", log.display()))?;
    Command::new("setsid")
        .arg("--fork")
        .arg(std::env::current_exe().context("this program cannot find itself")?)
        .arg("build-heavy")
        .stdin(Stdio::null())
        .stdout(output.try_clone().context("could not share the log")?)
        .stderr(output)
        .spawn()
        .context("could not start `setsid`")?
        .wait()
        .context("could not wait for `setsid`")?;
    Ok(Outcome::Done(format!("{} are being built behind this, see `{}`", plan.build.len(), log.display())))
}

/// Builds the heavy images: what `up` leaves running behind it.
pub(crate) fn build_heavy(places: &Places) -> Result<()> {
    let started = Instant::now();
    let pidfile = pidfile(places);
    let _lock: Lock = lock::take(&places.state().join("heavy.lock"), "build-heavy")?;
    fs::write(&pidfile, std::process::id().to_string())
        .with_context(|| format!("could not write `{}`", pidfile.display()))?;
    let label = Record::open(&places.state())?.label();
    let catalogue = Catalogue::read(&places.images())?;
    let picked = catalogue.pick(heavy);
    let built = build_all(places, &Progress::new(), &Plan::of(&picked)?, &label);
    fs::remove_file(&pidfile).with_context(|| format!("could not remove `{}`", pidfile.display()))?;
    // Not while an `up` builds: see above.
    let _up = lock::take(&places.state().join("xtask.lock"), "build-heavy")?;
    prune(&label);
    say(&format!("heavy images built after {}", seconds(started.elapsed())));
    built
}

/// Ends the builder that [`up`] left running, with all that it started.
pub(crate) fn stop_builder(places: &Places) -> Result<Outcome> {
    let Some(pid) = builder(places) else { return Ok(Outcome::Already("nobody builds".into())) };
    // It leads a session of its own: the minus means everything in it.
    Call::new("kill").args(["--", &format!("-{pid}")]).run()?;
    engine::gone(pid, STOP_LIMIT)?;
    Ok(Outcome::Done("stopped".into()))
}

/// The process that builds heavy images, if there is one.
fn builder(places: &Places) -> Option<u32> {
    let pid = fs::read_to_string(pidfile(places)).ok()?.trim().parse().ok()?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    // Ids are used again.
    (name.trim() == "xtask" && engine::alive(pid)).then_some(pid)
}

fn pidfile(places: &Places) -> PathBuf {
    places.state().join("heavy.pid")
}
