//! A second engine beside the first, of another version: Debian 13's 26.1, in a root file system and a network of its
//! own. Live tests run on both.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::call::Call;
use crate::engine;
use crate::images::{Catalogue, Group};
use crate::lock;
use crate::network::{self, PROXY, Target};
use crate::places::Places;
use crate::progress::{Outcome, Progress};
use crate::record::Record;

/// Tells the live tests that restart an engine of their own in which root file system they find it.
pub(crate) const LIVE_ROOT: &str = "SIMMER_LIVE_ROOT";
/// Raised when the root file system has to be made anew.
const ROOT_VERSION: &str = "1";
const PACKAGES: &str = "usr-is-merged,docker.io,iptables,iproute2";
/// Downloads and unpacks 300 MB.
const ROOT_LIMIT: Duration = Duration::from_secs(30 * 60);
const START_LIMIT: Duration = Duration::from_secs(5 * 60);
const STOP_LIMIT: Duration = Duration::from_secs(5 * 60);
const LOAD_LIMIT: Duration = Duration::from_secs(20 * 60);
const LOOK: Duration = Duration::from_millis(50);
/// The control group of its tasks.
const CGROUP: &str = "simmer-second";
const CGROUPS: &str = "/sys/fs/cgroup";
/// What the kernel allows for the path of a socket.
const SOCKET_PATH: usize = 107;

/// Where the second engine keeps its things.
#[derive(Debug)]
struct Second {
    /// The root file system: only a download and some unpacking, so it is kept with the downloads.
    root: PathBuf,
    data: PathBuf,
    host: PathBuf,
}

impl Second {
    fn of(places: &Places) -> Self {
        let state = places.state().join("second");
        Self { root: places.cache().join("second-root"), data: state.join("data"), host: state.join("host") }
    }

    fn address(&self) -> String {
        format!("unix://{}", self.host.join("docker.sock").display())
    }

    fn running(&self) -> Result<Option<u32>> {
        engine::running(&self.host.join("dockerd.pid"))
    }
}

/// A second engine that is up.
#[derive(Debug)]
pub(crate) struct Up {
    /// Its address.
    pub(crate) address: String,
    /// The root file system that it runs in.
    pub(crate) root: PathBuf,
}

impl Up {
    /// What `env` before a command takes, so that the command meets this engine.
    pub(crate) fn variables(&self) -> String {
        format!("DOCKER_HOST={} {LIVE_ROOT}={}", self.address, self.root.display())
    }
}

/// Starts the second engine with a swarm, the shared network and the live tests' images.
pub(crate) fn up(places: &Places) -> Result<Up> {
    let _lock = lock::take(&places.state().join("xtask.lock"), "second-engine up")?;
    let record = Record::open(&places.state())?;
    let second = Second::of(places);
    let target = Target::At(second.address());
    let progress = Progress::new();
    progress.step("second engine: root", || root(&second, places))?;
    progress.step("second engine", || start(&second, &target, places))?;
    progress.step("second engine: swarm", || {
        let state = target.docker(["info", "--format", "{{.Swarm.LocalNodeState}}"]).run()?;
        if state == "active" {
            return Ok(Outcome::Already("this node manages one".into()));
        }
        network::init(&target)?;
        Ok(Outcome::Done("made, one node".into()))
    })?;
    progress.step("second engine: network", || {
        if target.docker(["network", "inspect", PROXY]).ask()?.good() {
            return Ok(Outcome::Already(format!("`{PROXY}` is there")));
        }
        network::create(&target, &record.label())?;
        Ok(Outcome::Done(format!("`{PROXY}` made")))
    })?;
    progress.step("second engine: images", || load(&target, places))?;
    Ok(Up { address: second.address(), root: second.root })
}

/// Stops the second engine and removes what it kept. The root file system stays with the downloads.
pub(crate) fn down(places: &Places) -> Result<()> {
    let _lock = lock::take(&places.state().join("xtask.lock"), "second-engine down")?;
    Progress::new().step("second engine", || stop(places))
}

/// The same for a caller that holds the lock.
pub(crate) fn stop(places: &Places) -> Result<Outcome> {
    let second = Second::of(places);
    let state = places.state().join("second");
    let outcome = match second.running()? {
        None => Outcome::Already("is not running".into()),
        Some(pid) => {
            clear(&Target::At(second.address()))?;
            engine::end(pid, STOP_LIMIT)?;
            Outcome::Done("stopped".into())
        }
    };
    cgroups();
    if state.exists() {
        fs::remove_dir_all(&state).with_context(|| format!("could not remove `{}`", state.display()))?;
    }
    Ok(outcome)
}

/// Removes services, then containers: an engine that stops with tasks waits for each, and their shims outlive it.
fn clear(target: &Target) -> Result<()> {
    let services = target.docker(["service", "ls", "--quiet"]).ask()?;
    if services.good() && !services.stdout.trim().is_empty() {
        target.docker(["service", "rm"]).args(services.stdout.split_whitespace()).run()?;
    }
    let started = Instant::now();
    loop {
        let containers = target.docker(["ps", "--all", "--quiet"]).run()?;
        if containers.is_empty() {
            return Ok(());
        }
        if STOP_LIMIT < started.elapsed() {
            bail!(
                "containers of the second engine are still there after {} s: {containers}",
                STOP_LIMIT.as_secs()
            );
        }
        // Fails for those that swarm is removing at this moment.
        target.docker(["rm", "--force", "--volumes"]).args(containers.split_whitespace()).ask()?;
        thread::sleep(LOOK);
    }
}

/// Removes the control groups that the engine made for its tasks; empty folders of the kernel's, and no harm if they stay.
fn cgroups() {
    // The unified hierarchy has it at the top, the older ones in a folder for each controller.
    let mut parents = vec![PathBuf::from(CGROUPS)];
    parents.extend(fs::read_dir(CGROUPS).into_iter().flatten().flatten().map(|entry| entry.path()));
    for group in parents.iter().map(|parent| parent.join(CGROUP)) {
        for task in fs::read_dir(&group).into_iter().flatten().flatten() {
            fs::remove_dir(task.path()).ok();
        }
        fs::remove_dir(&group).ok();
    }
}

/// Makes the root file system, whole or not at all.
fn root(second: &Second, places: &Places) -> Result<Outcome> {
    let mark = second.root.join("simmer-root-version");
    if fs::read_to_string(&mark).is_ok_and(|version| version == ROOT_VERSION) {
        return Ok(Outcome::Already("is there".into()));
    }
    if !engine::root()? {
        bail!(
            "a second engine needs a root file system and namespaces, which only root can make: run as root"
        );
    }
    fs::create_dir_all(places.cache()).context("could not make the cache folder")?;
    fs::create_dir_all(places.logs()).context("could not make the log folder")?;
    if second.root.exists() {
        fs::remove_dir_all(&second.root)
            .with_context(|| format!("could not clear `{}`", second.root.display()))?;
    }
    Call::new("sh")
        .args(["-c", include_str!("second/root.sh"), "root.sh"])
        .arg(&second.root)
        .arg(PACKAGES)
        .within(ROOT_LIMIT)
        .log_to(&places.logs().join("second-root.log"))
        .run()?;
    fs::write(&mark, ROOT_VERSION).with_context(|| format!("could not write `{}`", mark.display()))?;
    Ok(Outcome::Done("made".into()))
}

fn start(second: &Second, target: &Target, places: &Places) -> Result<Outcome> {
    let Second { root, data, host } = second;
    let version = || target.docker(["version", "--format", "{{.Server.Version}}"]).ask();
    if second.running()?.is_some() {
        let answer = version()?;
        if answer.good() {
            return Ok(Outcome::Already(format!("{} is running", answer.stdout.trim())));
        }
    }
    let socket = host.join("docker.sock");
    if SOCKET_PATH < socket.as_os_str().len() {
        bail!(
            "`{}` is too long for a socket: check the repository out under a shorter path",
            socket.display()
        );
    }
    for folder in [data, host] {
        fs::create_dir_all(folder).with_context(|| format!("could not make `{}`", folder.display()))?;
    }
    let log = places.logs().join("second-engine.log");
    fs::create_dir_all(places.logs()).context("could not make the log folder")?;
    let output = File::create(&log).with_context(|| format!("could not open `{}`", log.display()))?;
    launch(root, data, host, &output)?;
    let started = Instant::now();
    loop {
        let answer = version()?;
        if answer.good() {
            return Ok(Outcome::Done(format!("started {}", answer.stdout.trim())));
        }
        if START_LIMIT < started.elapsed() {
            bail!(
                "the second engine did not answer within {} s: its log is `{}`",
                START_LIMIT.as_secs(),
                log.display()
            );
        }
        thread::sleep(LOOK);
    }
}

fn launch(root: &Path, data: &Path, host: &Path, output: &File) -> Result<()> {
    Command::new("setsid")
        .args(["--fork", "unshare", "--mount", "--net", "--propagation", "private"])
        .args(["sh", "-c", include_str!("second/enter.sh"), "sh"])
        .args([root, data, host])
        .arg(format!("/{CGROUP}"))
        .stdin(Stdio::null())
        .stdout(output.try_clone().context("could not share the log")?)
        .stderr(output.try_clone().context("could not share the log")?)
        .spawn()
        .context("could not start `setsid unshare`")?
        .wait()
        .context("could not wait for `setsid`")?;
    Ok(())
}

/// Copies the live tests' images from the first engine.
fn load(target: &Target, places: &Places) -> Result<Outcome> {
    let catalogue = Catalogue::read(&places.images())?;
    let format = "{{.Repository}}:{{.Tag}} {{.ID}}";
    let list = |target: &Target| target.docker(["image", "ls", "--no-trunc", "--format", format]).run();
    let (here, there) = (list(&Target::Default)?, list(target)?);
    let there: Vec<&str> = there.lines().collect();
    let wanted = catalogue.pick(|image| matches!(image.group, Group::Live | Group::Fast));
    let missing: Vec<&str> = here
        .lines()
        .filter(|line| !there.contains(line))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, _)| name)
        .filter(|name| wanted.iter().any(|image| image.name == *name))
        .collect();
    if missing.is_empty() {
        return Ok(Outcome::Already(format!("{} are there", wanted.len())));
    }
    let file = places.state().join("second").join("images.tar");
    Target::Default.docker(["save", "--output"]).arg(&file).args(&missing).within(LOAD_LIMIT).run()?;
    target.docker(["load", "--input"]).arg(&file).within(LOAD_LIMIT).run()?;
    fs::remove_file(&file).with_context(|| format!("could not remove `{}`", file.display()))?;
    Ok(Outcome::Done(format!("{} loaded", missing.len())))
}
