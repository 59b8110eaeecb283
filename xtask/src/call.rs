//! Calling another program: with a limit, a log, and an error that says what to look at.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

/// Long enough for every question that an engine or git answers without work; a call that does work says
/// its own limit.
const ORDINARY_LIMIT: Duration = Duration::from_secs(5 * 60);
/// How often a running program is looked at. Short against the fastest call that matters (a `docker` call is 20 ms).
const LOOK: Duration = Duration::from_millis(5);
/// How many of the last lines of a failed program are worth reading in an error.
const LAST_LINES: usize = 12;

/// One call of another program.
#[derive(Debug)]
pub(crate) struct Call {
    command: Command,
    limit: Duration,
    log: Option<PathBuf>,
}

/// What a program that ended said.
#[derive(Debug)]
pub(crate) struct Answer {
    code: Option<i32>,
    /// What it wrote to stdout, with invalid UTF-8 replaced.
    pub(crate) stdout: String,
    /// What it wrote to stderr, with invalid UTF-8 replaced.
    pub(crate) stderr: String,
    words: String,
}

impl Call {
    /// Prepares a call of `program`, found on the path.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self { command: Command::new(program), limit: ORDINARY_LIMIT, log: None }
    }

    /// Prepares a `docker` call. The classic builder is asked for: it is there with and without buildx, and it
    /// sees local base images.
    pub(crate) fn docker<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Self {
        Self::new("docker").args(args).env("DOCKER_BUILDKIT", "0")
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<I: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = I>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    pub(crate) fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Sends both outputs to a file instead of keeping them.
    pub(crate) fn log_to(mut self, log: &Path) -> Self {
        self.log = Some(log.to_path_buf());
        self
    }

    /// The call as a person would type it, but for scripts, of which the first line says enough.
    fn words(&self) -> String {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        let words: Vec<String> = words
            .map(|word| {
                let word = word.to_string_lossy();
                word.split_once('\n').map_or_else(|| word.to_string(), |(first, _)| format!("{first} …"))
            })
            .collect();
        words.join(" ")
    }

    /// Runs it to its end, whatever that is. Errors: it could not be started, or it outlasted its limit.
    pub(crate) fn ask(mut self) -> Result<Answer> {
        let words = self.words();
        if let Some(log) = &self.log {
            let file = File::options()
                .create(true)
                .append(true)
                .open(log)
                .with_context(|| format!("could not open the log `{}`", log.display()))?;
            self.command.stdout(file.try_clone().context("could not share the log")?).stderr(file);
        } else {
            self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        self.command.stdin(Stdio::null());
        let mut child = self.command.spawn().map_err(|error| {
            anyhow!("could not start `{}`: {error}", self.command.get_program().to_string_lossy())
        })?;
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(collect);
        let code = wait(&mut child, self.limit).with_context(|| format!("`{words}`"))?;
        let text = |reader: Option<thread::JoinHandle<String>>| {
            reader.map_or_else(String::new, |reader| reader.join().unwrap_or_default())
        };
        let mut answer = Answer { code, stdout: text(stdout), stderr: text(stderr), words };
        if let Some(log) = &self.log {
            answer.stderr = fs::read_to_string(log).unwrap_or_default();
        }
        Ok(answer)
    }

    /// Runs it and returns its stdout, trimmed. Errors: as [`Call::ask`], and when it exits with anything but 0.
    pub(crate) fn run(self) -> Result<String> {
        let log = self.log.clone();
        let answer = self.ask()?;
        if answer.good() {
            return Ok(answer.stdout.trim().to_owned());
        }
        let Answer { code, stderr, stdout, words } = answer;
        let code = code.map_or_else(|| "a signal".to_owned(), |code| format!("code {code}"));
        let said = last_lines(if stderr.trim().is_empty() { &stdout } else { &stderr });
        let log = log.map(|log| format!("\n  the whole story is in `{}`", log.display())).unwrap_or_default();
        bail!("`{words}` ended with {code}{said}{log}")
    }
}

impl Answer {
    /// Whether it exited with 0.
    pub(crate) fn good(&self) -> bool {
        self.code == Some(0)
    }
}

fn collect(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).ok();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for the end; past the limit the program is killed, so that nothing of ours runs on unseen.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<i32>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("could not wait for it")? {
            return Ok(status.code());
        }
        if limit < started.elapsed() {
            child.kill().context("could not kill it")?;
            child.wait().context("could not wait for it")?;
            bail!("took longer than {} s and was killed", limit.as_secs());
        }
        thread::sleep(LOOK);
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(LAST_LINES);
    lines[from..].iter().map(|line| format!("\n    {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_program_is_named_with_its_code_and_last_words() {
        let error =
            Call::new("sh").args(["-c", "echo no room left >&2; exit 3"]).run().unwrap_err().to_string();
        assert_eq!(error, "`sh -c echo no room left >&2; exit 3` ended with code 3\n    no room left");
    }

    #[test]
    fn a_program_that_outlasts_its_limit_is_killed_and_the_limit_named() {
        let call = Call::new("sh").args(["-c", "exec sleep 60"]).within(Duration::from_millis(50));
        let error = format!("{:#}", call.run().unwrap_err());
        assert!(error.contains("took longer than 0 s and was killed"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Call::new("no-such-program-of-ours").run().unwrap_err().to_string();
        assert!(error.starts_with("could not start `no-such-program-of-ours`"), "{error}");
    }
}
