//! Test programs of any language: started with the stack's facts, kept together, bounded, and judged.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use domain::Cause;
use domain::data::Source;
use domain::test::{TestCase, TestOutcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;
use tokio::time::Instant;

use super::declared::{Asked, Came, closed, fit};
use super::ending::{Ending, Heard, judge};
use super::expect::{Reply, filled, otherwise};
use super::facts::{WorkFolder, hand_over};
use super::output::Kept;
use super::own::is_pytest;
use super::proxy::Proxy;
use super::scene::{Marker, Scene};
use super::text::{SAYS, last_line, last_lines};
use super::warden::{Ended, STOP, WORD};
use super::{junit, tap};
use crate::instance::ask::{Ask, Expect, Speaks};

/// Between asking a program to end and killing it.
const GRACE: Duration = Duration::from_secs(5);
/// Longest time for the warden to clear up and leave, after a program was killed.
const WARDEN_LIMIT: Duration = Duration::from_secs(15);
/// Longest time for the last of the output, once everybody who could write has ended.
const DRAIN: Duration = Duration::from_secs(2);
/// Most reports that are read of one program.
const REPORTS: usize = 50;

/// Which test it is, whose, and where its files are.
#[derive(Clone, Debug)]
pub(super) struct Called {
    pub(super) name: String,
    pub(super) source: Source,
    /// Relative programs are meant from it.
    pub(super) root: PathBuf,
}

/// A program to run.
pub(super) struct Order<'a> {
    pub(super) command: &'a [String],
    pub(super) speaks: Speaks,
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) ask: &'a Ask,
    pub(super) marker: &'a Marker,
    pub(super) called: &'a Called,
}

/// Runs a program to its end or its deadline, and judges it.
pub(super) async fn run(scene: &Scene, order: Order<'_>) -> Asked {
    let broken = |says: String| Asked { came: fit(scene, Came::Broken { says }), ..Asked::default() };
    if scene.cancel.is_asked() {
        return Asked { came: Came::Trouble(Box::new(Cause::Interrupted)), ..Asked::default() };
    }
    let services = match scene.door.services().await {
        Ok(services) => services,
        Err(error) => return Asked { came: fit(scene, closed(error)), ..Asked::default() },
    };
    let slug = slug(&format!("{}-{}", scene.tier, order.called.name));
    let ours = |error: std::io::Error| {
        let says = format!("no work folder could be made for `{}`: {error}", order.called.name);
        Asked { came: Came::Trouble(Box::new(Cause::Node { says })), ..Asked::default() }
    };
    let work = match WorkFolder::create(&scene.scratch, &slug) {
        Ok(work) => work,
        Err(error) => return ours(error),
    };
    let proxy = match Proxy::start(&scene.domain, scene.edge, &scene.published).await {
        Ok(proxy) => proxy,
        Err(error) => return ours(error),
    };
    let root = &order.called.root;
    let handed = match hand_over(scene, &work, root, order.marker, &services, &proxy.url()) {
        Ok(handed) => handed,
        Err(error) => return ours(error),
    };
    let words = scene.words(order.marker);
    let command: Vec<_> = order.command.iter().map(|word| words.fill(word)).collect();
    let start = match resolve(root, &command, &handed.junit, &scene.path) {
        Ok(start) => start,
        Err(says) => return broken(says),
    };
    let told = work.path.join("ended.json");
    let mut warden = tokio::process::Command::new(&scene.warden);
    warden
        .arg(WORD)
        .arg(&told)
        .arg(GRACE.as_millis().to_string())
        .args(&start.command)
        .env_clear()
        .envs(&handed.env)
        .envs(order.env.iter().map(|(name, value)| (name, words.fill(value))))
        .current_dir(&work.home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C at the terminal is for us alone; the warden ends when we do.
        .process_group(0);
    let child = match warden.spawn() {
        Ok(child) => child,
        Err(error) => {
            let says = format!("the warden `{}` could not be started: {error}", scene.warden.display());
            return Asked { came: Came::Trouble(Box::new(Cause::Ours { says })), ..Asked::default() };
        }
    };
    let ran = until_end(scene, child, order.ask.deadline).await;
    drop(proxy);
    let ended: Option<Ended> =
        std::fs::read(&told).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let judged = judged(scene, &order, &start, &ran, ended);
    let reports = judged.reports.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let file = keep(scene, &slug, &ran.both.masked(&scene.masker), reports);
    let lines = match judged.came {
        Came::Otherwise { .. } => last_lines(&ran.both.masked(&scene.masker), &scene.masker),
        Came::AsExpected | Came::Skipped { .. } | Came::Broken { .. } | Came::Trouble(_) => Vec::new(),
    };
    let text = ran.out.whole();
    // Its folder may be large.
    drop(tokio::task::spawn_blocking(move || drop(work)).await);
    Asked { came: fit(scene, judged.came), text, last_lines: lines, cases: judged.cases, file }
}

/// Why a program was ended by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    Deadline,
    Cancelled,
}

/// What was seen of a program from outside.
struct Ran {
    out: Kept,
    /// Both outputs as they came.
    both: Kept,
    stopped: Option<Stopped>,
}

async fn until_end(scene: &Scene, mut child: Child, deadline: Duration) -> Ran {
    let mut ran = Ran { out: Kept::default(), both: Kept::default(), stopped: None };
    // Held open while we live: the warden ends everything when it closes.
    let mut stdin = child.stdin.take();
    let (Some(mut out), Some(mut err)) = (child.stdout.take(), child.stderr.take()) else { return ran };
    let (mut from_out, mut from_err) = (vec![0; 16 << 10], vec![0; 16 << 10]);
    let (mut out_ended, mut err_ended, mut left) = (false, false, false);
    let mut ends = Instant::now() + deadline;
    while !(out_ended && err_ended && left) {
        tokio::select! {
            biased;
            () = scene.cancel.asked(), if ran.stopped.is_none() => {
                ran.stopped = Some(Stopped::Cancelled);
                ends = Instant::now() + GRACE + WARDEN_LIMIT;
                stop(&mut stdin).await;
            }
            () = tokio::time::sleep_until(ends) => {
                // What still writes after all of it has ended, or a warden that does not leave: given up.
                if left || ran.stopped.is_some() {
                    break;
                }
                ran.stopped = Some(Stopped::Deadline);
                ends = Instant::now() + GRACE + WARDEN_LIMIT;
                stop(&mut stdin).await;
            }
            read = out.read(&mut from_out), if !out_ended => match read {
                Ok(0) | Err(_) => out_ended = true,
                Ok(n) => {
                    ran.out.push(&from_out[..n]);
                    ran.both.push(&from_out[..n]);
                }
            },
            read = err.read(&mut from_err), if !err_ended => match read {
                Ok(0) | Err(_) => err_ended = true,
                Ok(n) => ran.both.push(&from_err[..n]),
            },
            _status = child.wait(), if !left => {
                left = true;
                ends = Instant::now() + DRAIN;
            }
        }
    }
    ran
}

async fn stop(stdin: &mut Option<tokio::process::ChildStdin>) {
    if let Some(stdin) = stdin {
        // A warden that has left already needs no telling.
        stdin.write_all(STOP).await.ok();
        stdin.flush().await.ok();
    }
}

struct Judged {
    came: Came,
    cases: Vec<TestCase>,
    /// Its JUnit reports, by file name.
    reports: Vec<(String, String)>,
}

fn judged(scene: &Scene, order: &Order<'_>, start: &Start, ran: &Ran, ended: Option<Ended>) -> Judged {
    let bare = |came: Came| Judged { came, cases: Vec::new(), reports: Vec::new() };
    let all = ran.both.masked(&scene.masker);
    let last = last_line(&all).map(str::to_owned);
    match ran.stopped {
        Some(Stopped::Cancelled) => return bare(Came::Trouble(Box::new(Cause::Interrupted))),
        Some(Stopped::Deadline) => {
            let last = last.map(|l| format!("; its last line: {l}")).unwrap_or_default();
            let seconds = order.ask.deadline.as_secs_f32();
            return bare(Came::Broken {
                says: format!("it did not end within {seconds} s, and was ended{last}"),
            });
        }
        None => {}
    }
    let Some(ended) = ended else {
        return bare(Came::Broken {
            says: "its warden left without a word, so that nothing is known of it".into(),
        });
    };
    if let Some(error) = ended.error {
        return bare(Came::Broken { says: error });
    }
    if ended.left != 0 {
        let Ended { left, stuck, .. } = ended;
        tracing::info!(test = order.called.name, left, stuck, "processes that a test left were ended");
    }
    if start.is_pytest && ended.code == Some(1) && all.contains("No module named pytest") {
        let says = "pytest is not installed for `python3` on this machine: install it there (`python3 -m pip \
                    install pytest`), or give a `run` that brings its own";
        return bare(Came::Broken { says: says.into() });
    }
    let reports = reports(&start.home, &start.junit);
    let speaks = if start.is_pytest { Speaks::Junit } else { order.speaks };
    let out = ran.out.whole();
    let heard = Heard {
        tap: (speaks == Speaks::Tap || tap::is_tap(&out)).then(|| tap::read(&out)),
        junit: (!reports.is_empty()).then(|| {
            let read = reports.iter().map(|(name, text)| match text {
                Ok(text) => junit::read(text).map_err(|says| format!("`{name}`: {says}")),
                Err(says) => Err(format!("`{name}`: {says}")),
            });
            read.collect::<Result<Vec<_>, _>>().map(|all| all.concat())
        }),
    };
    let Expect { exit, .. } = order.ask.expect;
    let good = exit.and_then(|code| i32::try_from(code).ok()).unwrap_or(0);
    let ending = Ending { code: ended.code, signal: ended.signal, last_line: last };
    let (mut came, mut cases) = judge(speaks, good, &ending, heard);
    if came == Came::AsExpected {
        let reply = Reply { text: out, cut: ran.out.is_cut(), called: "output", ..Reply::default() };
        let mask = |text: &str| scene.masker.mask(text);
        let expect = filled(&order.ask.expect, &scene.words(order.marker));
        if let Some(says) = otherwise(&expect, &reply, &mask) {
            came = Came::Otherwise { says };
        }
    }
    for case in &mut cases {
        clean(scene, case);
    }
    let reports = reports.into_iter().filter_map(|(name, text)| Some((name, text.ok()?))).collect();
    Judged { came, cases, reports }
}

/// Makes what a program wrote of a case fit to show.
fn clean(scene: &Scene, case: &mut TestCase) {
    case.name = scene.fit(&case.name, 300);
    match &mut case.outcome {
        TestOutcome::Passed => {}
        TestOutcome::Failed { says } | TestOutcome::Broken { says } => *says = scene.fit(says, SAYS),
        TestOutcome::Skipped { why } => *why = scene.fit(why, SAYS),
    }
}

/// Finds the JUnit reports in a work folder: the named one, or else every `*.xml` that is one.
fn reports(home: &Path, named: &Path) -> Vec<(String, Result<String, String>)> {
    if named.symlink_metadata().is_ok() {
        return vec![("junit.xml".to_owned(), text_of(named))];
    }
    let Ok(entries) = std::fs::read_dir(home) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_str()?.to_owned();
            let text = name.ends_with(".xml").then(|| text_of(&entry.path()))?;
            // Of those that nobody named, only what is a report counts.
            let is_report = text.as_ref().is_ok_and(|text| junit::is_junit(text));
            is_report.then_some((name, text))
        })
        .take(REPORTS)
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// Reads a plain file within the bound; links are not followed, they could lead anywhere.
fn text_of(path: &Path) -> Result<String, String> {
    let about = path.symlink_metadata().map_err(|e| e.to_string())?;
    if !about.is_file() {
        return Err("it is not a plain file".into());
    }
    if junit::FILE_BYTES as u64 <= about.len() {
        return Err(format!("it has more than {} bytes", junit::FILE_BYTES));
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".into())
}

/// How a program is started.
struct Start {
    command: Vec<String>,
    is_pytest: bool,
    home: PathBuf,
    junit: PathBuf,
}

/// Finds the program that is meant. The error is for the author of the overlay.
fn resolve(root: &Path, command: &[String], junit: &Path, path: &str) -> Result<Start, String> {
    let Some((first, rest)) = command.split_first() else { return Err("no program is named".into()) };
    let home = junit.parent().unwrap_or(junit).to_owned();
    // A word that names a file beneath the folder is meant from there: the program starts elsewhere.
    let meant = |word: &String| match root.join(word) {
        found if word.contains('/') && found.exists() => found.display().to_string(),
        _ => word.clone(),
    };
    let rest = rest.iter().map(meant);
    let own = root.join(first);
    let start = |before: Vec<String>, is_pytest| Start {
        command: before.into_iter().chain(rest).collect(),
        is_pytest,
        home,
        junit: junit.to_owned(),
    };
    let shown = own.display().to_string();
    let Ok(about) = own.metadata() else {
        if first.contains('/') {
            return Err(format!("there is no file `{first}` in `{}`", root.display()));
        }
        if !std::env::split_paths(path).any(|folder| folder.join(first).is_file()) {
            return Err(format!(
                "there is no program `{first}`, neither in `{}` nor in PATH",
                root.display()
            ));
        }
        return Ok(start(vec![first.clone()], false));
    };
    let name = own.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    if about.is_dir() || is_pytest(name) {
        let words = ["python3", "-m", "pytest", "-p", "no:cacheprovider", "--color=no"];
        let mut before: Vec<_> = words.map(str::to_owned).into();
        // Names of cases begin there, wherever the overlay is.
        let folder = if about.is_dir() { own.as_path() } else { own.parent().unwrap_or(root) };
        before.push(format!("--junitxml={}", junit.display()));
        before.extend([format!("--rootdir={}", folder.display()), shown]);
        return Ok(start(before, true));
    }
    let is_program = about.permissions().mode() & 0o111 != 0;
    match own.extension().and_then(|e| e.to_str()) {
        _ if is_program => Ok(start(vec![shown], false)),
        Some("sh") => Ok(start(vec!["sh".into(), shown], false)),
        Some("py") => Ok(start(vec!["python3".into(), shown], false)),
        _ => Err(format!(
            "`{first}` is neither executable nor a `.sh` or `.py` file: `chmod +x` it, or name what runs it"
        )),
    }
}

/// Returns a name that may stand in a path.
fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    slug.truncate(60);
    slug
}

/// Keeps the output and the reports in the run's folder, without secrets; returns the output's path in it.
fn keep<'a>(
    scene: &Scene,
    slug: &str,
    output: &str,
    reports: impl Iterator<Item = (&'a str, &'a str)>,
) -> Option<String> {
    let folder = scene.evidence.join("tests");
    let written = std::fs::create_dir_all(&folder).and_then(|()| {
        // The same test may be made on several stacks of a run.
        let (file, name) = (1..10_000)
            .find_map(|nth: u32| {
                let name = if nth == 1 { slug.to_owned() } else { format!("{slug}-{nth}") };
                let path = folder.join(format!("{name}.txt"));
                let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
                match file {
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => None,
                    file => Some(file.map(|file| (file, name))),
                }
            })
            .unwrap_or_else(|| Err(std::io::ErrorKind::AlreadyExists.into()))?;
        std::io::Write::write_all(&mut &file, output.as_bytes())?;
        for (report, text) in reports {
            let report = report.trim_end_matches(".xml");
            let report = folder.join(format!("{name}.{}.xml", self::slug(report)));
            std::fs::write(report, scene.masker.mask(text))?;
        }
        Ok(format!("tests/{name}.txt"))
    });
    match written {
        Ok(file) => Some(file),
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "a test's output is not kept");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_may_stand_in_a_path() {
        assert_eq!(slug("custom-../../Etc passwd ü!"), "custom-etc-passwd");
    }
}
