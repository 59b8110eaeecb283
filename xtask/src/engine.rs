//! The engine: installed and started if there is none, stopped if we started it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::call::Call;
use crate::places::Places;
use crate::progress::Outcome;
use crate::record::Record;

/// An engine on a busy two-core machine answers after 2 to 8 s; one that needs longer has a reason in its log.
const START_LIMIT: Duration = Duration::from_secs(5 * 60);
/// It waits 15 s for containers that do not stop, and then some.
const STOP_LIMIT: Duration = Duration::from_secs(5 * 60);
const INSTALL_LIMIT: Duration = Duration::from_secs(30 * 60);
const LOOK: Duration = Duration::from_millis(50);

/// What can be asked of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// It answers with this version.
    Up { version: String },
    /// Nothing answers, and this is what the client said.
    Down { why: String },
}

/// Asks the engine that `DOCKER_HOST` or the default socket names.
pub(crate) fn ask() -> Result<Engine> {
    let answer = Call::docker(["version", "--format", "{{.Server.Version}}"]).ask()?;
    if answer.good() {
        Ok(Engine::Up { version: answer.stdout.trim().to_owned() })
    } else {
        let why = answer.stderr.lines().last().unwrap_or("the client said nothing").to_owned();
        Ok(Engine::Down { why })
    }
}

/// Installs what is missing: an engine where none answers and none is there, and on Debian what base images are
/// made with where none can be pulled.
pub(crate) fn install(record: &mut Record) -> Result<Outcome> {
    let no_engine =
        find("docker").is_none() || (matches!(ask()?, Engine::Down { .. }) && find("dockerd").is_none());
    let debian = Path::new("/etc/debian_version").exists() && find("apt-get").is_some();
    let can = debian && root()?;
    let mut missing = Vec::new();
    if no_engine {
        missing.push("docker.io");
        if !debian {
            bail!(
                "there is no engine and this is no Debian: install Docker with this system's packages and start it"
            );
        }
        if !can {
            bail!("there is no engine and only root can install one: run `sudo apt-get install docker.io`");
        }
    }
    // The second reader of JUnit in the tests of reports, and what the samples' test programs are written in.
    for program in ["python3", "curl"] {
        if can && find(program).is_none() {
            missing.push(program);
        }
    }
    // The other program for repositories: tests compare it with the one inside, and the bench measures both.
    if can && find("restic").is_none() {
        missing.push("restic");
    }
    // Elsewhere the base images are pulled, and the build says so if that fails.
    if can && find("mmdebstrap").is_none() {
        missing.push("mmdebstrap");
    }
    if missing.is_empty() {
        return Ok(Outcome::Already("nothing is missing".into()));
    }
    let client = find("docker");
    packages(record, &missing)?;
    let list = missing.join(" ");
    match (client, find("docker")) {
        (Some(before), Some(now)) if before != now => bail!(
            "`docker` was `{}` and is `{}` since `{list}` was installed: put the first one's folder first in PATH",
            before.display(),
            now.display()
        ),
        _ => Ok(Outcome::Done(format!("installed {list}"))),
    }
}

/// Makes sure of PostgreSQL's server, of which the store's tests start one of their own: Debian keeps its programs off the
/// path.
pub(crate) fn database(record: &mut Record) -> Result<()> {
    let servers = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    if servers.map(|version| version.path().join("bin/postgres")).any(|server| server.exists()) {
        return Ok(());
    }
    if find("apt-get").is_none() || !root()? {
        bail!("there is no PostgreSQL server for the store's tests: install the package `postgresql`");
    }
    packages(record, &["postgresql"])
}

/// Makes sure of a browser, which takes the pictures of the report's pages.
pub(crate) fn browser(record: &mut Record) -> Result<()> {
    let known = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    if std::env::var_os("CHROMIUM").is_some() || known.into_iter().any(|name| find(name).is_some()) {
        return Ok(());
    }
    if find("apt-get").is_none() || !root()? {
        bail!("there is no Chromium to take pictures with: install one, or name it as CHROMIUM");
    }
    packages(record, &["chromium"])
}

/// Installs Debian packages, and writes down that it was us, before it is so.
fn packages(record: &mut Record, missing: &[&str]) -> Result<()> {
    record.note(|made| made.packages.extend(missing.iter().map(|&name| name.to_owned())))?;
    let apt = |args: &[&str]| {
        let mut apt = Call::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive");
        if missing.contains(&"postgresql") {
            // Its package would start a server of its own, which nobody asked for.
            apt = apt.env("RUNLEVEL", "1");
        }
        apt.within(INSTALL_LIMIT)
    };
    let get =
        || apt(&["-qy", "-o", "Dpkg::Use-Pty=0", "install", "--no-install-recommends"]).args(missing).run();
    // A fresh machine has no package lists; one that has them needs no new ones.
    if get().is_err() {
        apt(&["-q", "update"]).run()?;
        get()?;
    }
    Ok(())
}

/// Starts `dockerd` unless one answers.
pub(crate) fn start(places: &Places, record: &mut Record) -> Result<Outcome> {
    let why = match ask()? {
        Engine::Up { version } => return Ok(Outcome::Already(format!("{version} is running"))),
        Engine::Down { why } => why,
    };
    if let Some(host) = std::env::var_os("DOCKER_HOST") {
        bail!(
            "the engine at DOCKER_HOST `{}` does not answer ({why}): start it, or unset DOCKER_HOST",
            host.to_string_lossy()
        );
    }
    if !root()? {
        bail!("no engine answers ({why}) and only root can start one: run as root, or start the engine");
    }
    let folder = places.state().join("engine");
    fs::create_dir_all(&folder).with_context(|| format!("could not make `{}`", folder.display()))?;
    let log = folder.join("dockerd.log");
    let output = File::options()
        .create(true)
        .append(true)
        .open(&log)
        .with_context(|| format!("could not open `{}`", log.display()))?;
    record.note(|made| made.engine = true)?;
    // setsid: the engine must outlive this program and its terminal.
    let mut launcher = Command::new("setsid")
        .args(["--fork", "dockerd", "--log-level", "warn", "--pidfile"])
        .arg(pidfile(places))
        .stdin(Stdio::null())
        .stdout(output.try_clone().context("could not share the engine's log")?)
        .stderr(output)
        .spawn()
        .context("could not start `setsid dockerd`")?;
    launcher.wait().context("could not wait for `setsid`")?;
    let started = Instant::now();
    loop {
        if let Engine::Up { version } = ask()? {
            return Ok(Outcome::Done(format!("started {version}, log in `{}`", log.display())));
        }
        if START_LIMIT < started.elapsed() {
            bail!(
                "the engine did not answer within {} s: its log is `{}`",
                START_LIMIT.as_secs(),
                log.display()
            );
        }
        thread::sleep(LOOK);
    }
}

/// Stops the engine that [`start`] started.
pub(crate) fn stop(places: &Places, record: &mut Record) -> Result<Outcome> {
    if !record.made().engine {
        return Ok(Outcome::Already("not ours, left alone".into()));
    }
    let outcome = match running(&pidfile(places))? {
        None => Outcome::Already("is not running".into()),
        Some(pid) => {
            end(pid, STOP_LIMIT)?;
            Outcome::Done("stopped".into())
        }
    };
    record.note(|made| made.engine = false)?;
    Ok(outcome)
}

fn pidfile(places: &Places) -> PathBuf {
    places.state().join("engine").join("dockerd.pid")
}

/// The process that a pidfile names, if it still is a `dockerd`: ids are used again.
pub(crate) fn running(pidfile: &Path) -> Result<Option<u32>> {
    let Ok(text) = fs::read_to_string(pidfile) else { return Ok(None) };
    let pid: u32 = text.trim().parse().with_context(|| {
        format!("`{}` holds `{}`, which is no process id", pidfile.display(), text.trim())
    })?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Ok((name.trim() == "dockerd").then_some(pid))
}

/// Asks a process to end and waits until it has.
pub(crate) fn end(pid: u32, limit: Duration) -> Result<()> {
    Call::new("kill").arg(pid.to_string()).run()?;
    gone(pid, limit)
}

/// Waits until a process that was asked to end has.
pub(crate) fn gone(pid: u32, limit: Duration) -> Result<()> {
    let started = Instant::now();
    while alive(pid) {
        if limit < started.elapsed() {
            bail!(
                "process {pid} did not end within {} s of being asked: look at it, then `kill -9 {pid}`",
                limit.as_secs()
            );
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

/// Whether a process runs; one that ended and that nobody has waited for does not.
pub(crate) fn alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

/// Where a program is found on the path, or in the system's own folders.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

pub(crate) fn root() -> Result<bool> {
    Ok(Call::new("id").arg("-u").run()? == "0")
}
