//! `test`: everything that has to pass before anything lands, in order, all of it even after a failure.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::call::Call;
use crate::cores::Cores;
use crate::engine::{self, find};
use crate::places::Places;
use crate::progress::{say, seconds};
use crate::record::Record;
use crate::tally::{Runner, Tally};
use crate::up::Reach;
use crate::{second, up};

/// Compiles cargo-deny on two cores.
const INSTALL_LIMIT: Duration = Duration::from_secs(20 * 60);
/// What `live` means to nextest: the tests in binaries of that name, one at a time.
const LIVE: [&str; 6] = ["nextest", "run", "--workspace", "--profile", "live", "--no-fail-fast"];
/// Left out on the second engine: recipes that lose data, or do not do their job, do so on any; so does a release that its
/// data refuses, and what ages over many releases; whoever is killed, opens a canonical, or sweeps over many recipes, does
/// there what the tests beside show one by one; and of the real applications three ask an engine for all that the others ask
/// it for. A promotion with a provider beside it, and what was left of one, are the engine's business and shown on both.
const FIRST_ENGINE_ONLY: &str = "not test(/^(shelf_data|aged|lineage|killed|canonical_open|sweep)::/) \
     and not test(/^samples::.*(node_red|radicale|syncthing|sign_on|in_memory)/)";

/// How much is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// No engine, no network.
    Fast,
    /// Also on real swarms of two engine versions.
    Full,
}

/// What came of one stage.
#[derive(Debug)]
struct Stage {
    name: &'static str,
    took: Duration,
    /// How busy the machine was, with all that ran on it.
    busy: Option<String>,
    tally: Tally,
    passed: bool,
}

/// Whether all of it passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed,
}

/// Runs the stages and ends with one line, `N passed, N failed`, on stdout.
pub(crate) fn test(places: &Places, depth: Depth) -> Result<(Verdict, String)> {
    let mut stages = Vec::new();
    let cargo = |args: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(args).current_dir(places.root()).env("INSTA_UPDATE", "no");
        // An assertion says what and where; fifty lines of the runtime's own below each hide the next one.
        command.env("RUST_BACKTRACE", "0");
        command
    };
    let mut run = |name, work: &dyn Fn() -> Result<Tally>| stages.push(stage(name, work));
    let tools = places.cache().join("tools");
    run("room", &|| room(places.root()).map(|()| Tally::default()));
    run("tools", &|| {
        tool(&tools, "cargo-nextest", "^0.9.100")?;
        tool(&tools, "cargo-deny", "^0.20")?;
        pytest(&tools)?;
        engine::database(&mut Record::open(&places.state())?)?;
        Ok(Tally::default())
    });
    // The set-up mostly waits for downloads, and the compiler for nobody.
    let set_up = thread::scope(|scope| {
        let set_up = (depth == Depth::Full).then(|| {
            scope.spawn(|| stage("set-up", &|| up::up(places, Reach::Tests).map(|()| Tally::default())))
        });
        run("format", &|| tee(cargo(&["fmt", "--all", "--check"]), Runner::None, &tools, ""));
        run("clippy", &|| {
            let lints = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
            tee(cargo(&lints), Runner::None, &tools, "")
        });
        set_up.map(|set_up| set_up.join().expect("a stage tells its trouble and does not panic"))
    });
    stages.extend(set_up);
    let mut run = |name, work: &dyn Fn() -> Result<Tally>| stages.push(stage(name, work));
    run("tests", &|| {
        tee(cargo(&["nextest", "run", "--workspace", "--profile", "ci"]), Runner::Nextest, &tools, "")
    });
    run("examples", &|| tee(cargo(&["test", "--workspace", "--doc"]), Runner::Libtest, &tools, ""));
    run("dependencies", &|| {
        tee(
            cargo(&["deny", "--log-level", "error", "check", "bans", "licenses", "sources"]),
            Runner::None,
            &tools,
            "",
        )
    });
    if depth == Depth::Full {
        run("pictures", &|| {
            engine::browser(&mut Record::open(&places.state())?)?;
            let gallery = places.state().join("gallery");
            let folder = gallery.to_string_lossy().into_owned();
            // Of the whole workspace, as the tests were: a build of one package takes other features of what all share,
            // and compiles it all again.
            tee(cargo(&["build", "--quiet", "--workspace", "--examples"]), Runner::None, &tools, "")?;
            let mut example = Command::new(beside_this("examples/gallery")?);
            example.args([&folder, "--shots"]).current_dir(places.root());
            let tally = tee(example, Runner::None, &tools, "")?;
            say(&format!("every state of a report, as it looks: `{}`", gallery.join("shots").display()));
            Ok(tally)
        });
        // Side by side: what one waits for, the other computes in; the engines share neither network nor stacks.
        let (first, second) = thread::scope(|scope| {
            let second = scope.spawn(|| {
                stage("live tests, engine 26.1", &|| {
                    let result = second::up(places).and_then(|second| {
                        let mut live = cargo(&LIVE);
                        live.args(["-E", FIRST_ENGINE_ONLY]);
                        live.env("DOCKER_HOST", second.address).env(second::LIVE_ROOT, second.root);
                        tee(live, Runner::Nextest, &tools, "26.1 | ")
                    });
                    // Also after a start that failed half-way.
                    second::down(places)?;
                    result
                })
            });
            let first = stage("live tests", &|| tee(cargo(&LIVE), Runner::Nextest, &tools, ""));
            (first, second.join().expect("a stage tells its trouble and does not panic"))
        });
        stages.extend([first, second]);
    }
    Ok(close(&stages))
}

/// Names what was built into the same folder as this program.
fn beside_this(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe().context("this program cannot find itself")?;
    Ok(this.with_file_name(name))
}

/// Runs one stage; a failure is told and kept, so that the next stage runs all the same.
fn stage(name: &'static str, work: &dyn Fn() -> Result<Tally>) -> Stage {
    say(&format!("\n── {name}"));
    let (started, cores) = (Instant::now(), Cores::now());
    let (tally, passed) = match work() {
        Ok(tally) => {
            let passed = tally.failed == 0;
            (tally, passed)
        }
        Err(error) => {
            say(&format!("error: {error:#}"));
            // What did not come so far as to count still failed once.
            (Tally { failed: 1, ..Tally::default() }, false)
        }
    };
    let busy = cores.and_then(|then| Cores::now()?.since(then));
    Stage { name, took: started.elapsed(), busy, tally, passed }
}

/// Tells what came of the stages; the runners' own closing lines stand last but one.
fn close(stages: &[Stage]) -> (Verdict, String) {
    say("\n── all");
    for Stage { name, took, busy, tally: _, passed } in stages {
        let word = if *passed { "passed" } else { "failed" };
        let busy = busy.as_deref().unwrap_or_default();
        say(format!("{name:<26} {:>8}  {word}  {busy}", seconds(*took)).trim_end());
    }
    for stage in stages {
        for line in &stage.tally.closing {
            say(&format!("{}: {line}", stage.name));
        }
        for name in &stage.tally.names {
            say(&format!("{}: did not pass: {name}", stage.name));
        }
    }
    let passed: u64 = stages.iter().map(|stage| stage.tally.passed).sum();
    let failed: u64 = stages.iter().map(|stage| stage.tally.failed).sum();
    let verdict = if stages.iter().all(|stage| stage.passed) { Verdict::Passed } else { Verdict::Failed };
    (verdict, format!("{passed} passed, {failed} failed"))
}

/// What a full run writes: 2.5 GB of compiled code without and 6.5 GB with incremental builds, 2 GB of images for each of
/// two engines (measured).
const ROOM_KIB: u64 = 8 * 1024 * 1024;

/// Says at once that the disk is too full, and not after a quarter of an hour in the words of thirty tests.
fn room(root: &Path) -> Result<()> {
    let told = Call::new("df").args(["-Pk"]).arg(root).run()?;
    let free = free_kib(&told).with_context(|| format!("`df` was not understood: {told}"))?;
    if free < ROOM_KIB {
        bail!(
            "{} MiB are free at `{}` and a run of all tests wants {}: make room first",
            free / 1024,
            root.display(),
            ROOM_KIB / 1024
        );
    }
    Ok(())
}

/// Reads the free kibibytes out of what POSIX wants `df -Pk` to say.
fn free_kib(told: &str) -> Option<u64> {
    told.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

/// Makes sure that a cargo tool is there: on the path, or compiled once into the cache.
fn tool(tools: &Path, name: &str, version: &str) -> Result<()> {
    if find(name).is_some() || tools.join("bin").join(name).exists() {
        return Ok(());
    }
    say(&format!("compiling {name}, once; it is kept in `{}`", tools.display()));
    Call::new("cargo")
        // It works for a second at a time: half of compiling it would be for making it fast.
        .args(["install", "--locked", "--quiet", "--debug", name, "--version", version, "--root"])
        .arg(tools)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .within(INSTALL_LIMIT)
        .run()
        .map(|_| ())
        .with_context(|| format!("could not install `{name}`: try `cargo install --locked {name}`"))
}

/// Gives the tests a `python3` with pytest, in a folder of its own: overlays' pytest files have to run without glue.
fn pytest(tools: &Path) -> Result<()> {
    let python = tools.join("python/bin/python3");
    let has = |python: &Path| {
        Call::new(python).args(["-m", "pytest", "--version"]).ask().is_ok_and(|answer| answer.good())
    };
    if has(Path::new("python3")) || has(&python) {
        return Ok(());
    }
    say(&format!("installing pytest, once; it is kept in `{}`", tools.display()));
    Call::new("python3").args(["-m", "venv"]).arg(tools.join("python")).within(INSTALL_LIMIT).run()?;
    Call::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pytest"])
        .within(INSTALL_LIMIT)
        .run()
        .map(|_| ())
        .context("could not install `pytest`: try `python3 -m pip install pytest`")
}

/// Runs a command, shows what it says as it says it, each line after `mark`, and counts the tests that it tells of.
fn tee(mut command: Command, runner: Runner, tools: &Path, mark: &'static str) -> Result<Tally> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = [tools.join("python/bin")].into_iter().filter(|folder| folder.join("pytest").exists());
    let folders: Vec<PathBuf> = own.chain(std::env::split_paths(&path)).chain([tools.join("bin")]).collect();
    command.env("PATH", std::env::join_paths(folders).context("a folder of PATH cannot be used")?);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start `{}`", words(&command)))?;
    let (stdout, stderr) = (
        child.stdout.take().map(|from| show(from, runner, mark)),
        child.stderr.take().map(|from| show(from, runner, mark)),
    );
    // No limit of our own: nextest has one for each test, and a compiler ends.
    let status = child.wait().context("could not wait for it")?;
    let mut tally = Tally::default();
    for shown in [stdout, stderr].into_iter().flatten() {
        tally.add(shown.join().unwrap_or_default());
    }
    if !status.success() && tally.failed == 0 {
        bail!("`{}` failed: see above", words(&command));
    }
    Ok(tally)
}

fn words(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn show(from: impl Read + Send + 'static, runner: Runner, mark: &'static str) -> thread::JoinHandle<Tally> {
    thread::spawn(move || {
        let mut tally = Tally::default();
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            say(&format!("{mark}{line}"));
            tally.read(runner, &line);
        }
        tally
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(work: &dyn Fn() -> Result<Tally>) -> (Verdict, String) {
        close(&[stage("good", &|| Ok(Tally { passed: 3, ..Tally::default() })), stage("other", work)])
    }

    #[test]
    fn free_room_is_read_as_posix_has_it_written() {
        let told = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 264000000 21000000 71000000 23% /\n";
        assert_eq!(free_kib(told), Some(71_000_000));
        assert_eq!(free_kib("df: no such file"), None);
    }

    #[test]
    fn a_stage_that_could_not_count_fails_the_whole() {
        let (verdict, line) = ran(&|| bail!("does not compile"));
        assert_eq!((verdict, line.as_str()), (Verdict::Failed, "3 passed, 1 failed"));
    }

    #[test]
    fn counts_of_all_stages_are_summed() {
        let (verdict, line) = ran(&|| Ok(Tally { passed: 4, ..Tally::default() }));
        assert_eq!((verdict, line.as_str()), (Verdict::Passed, "7 passed, 0 failed"));
    }

    #[test]
    fn a_command_that_fails_without_tests_is_an_error() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo broken >&2; exit 1"]);
        assert!(tee(command, Runner::Nextest, Path::new("/none"), "").is_err());
    }

    #[test]
    fn failed_tests_are_counted_and_their_closing_line_kept() {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "echo '     Summary [ 0.1s] 3 tests run: 2 passed, 1 failed, 0 skipped' >&2; exit 100",
        ]);
        let tally = tee(command, Runner::Nextest, Path::new("/none"), "").unwrap();
        assert_eq!((tally.passed, tally.failed, tally.closing.len()), (2, 1, 1));
    }
}
