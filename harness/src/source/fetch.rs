//! One `git fetch`, with nothing of the user's or the repository's configuration in it.

use std::future::Future;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::SourceError;
use super::names::{scrub, without_credentials};

/// How often the size of a mirror is looked at while it is fetched.
const SIZE_PAUSE: Duration = Duration::from_millis(500);
/// How much of git's words is kept, in bytes. Its progress is off; what it says is short.
const SAID_LIMIT: u64 = 16 * 1024;

/// What git may see of our environment: where things are, and how to reach and trust a remote.
const PASSED_ON: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "GIT_SSH_COMMAND",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "SSL_CERT_FILE",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// Kills the whole group of a child, helpers such as `git-remote-https` included, unless it has ended.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // It may be gone already; there is nothing to be done about another error.
            kill_process_group(pid, Signal::KILL).ok();
        }
    }
}

/// What is left of a deadline, and the deadline as it was given, for the error.
pub(super) struct Clock {
    pub(super) left: Duration,
    pub(super) whole: Duration,
}

/// Fetches all branches, tags and the head of `source` into the bare repository `mirror`.
pub(super) async fn fetch(
    source: &str,
    mirror: &Path,
    config: &Path,
    clock: Clock,
    mirror_bytes: u64,
    cancel: impl Future<Output = ()>,
) -> Result<(), SourceError> {
    let both = async {
        let head = fetch_once(source, mirror, config, Head::Wanted).await;
        match head {
            // A repository without a commit on its head is still a repository.
            Err(SourceError::Fetch { says, .. }) if says.contains("couldn't find remote ref HEAD") => {
                fetch_once(source, mirror, config, Head::Left).await
            }
            other => other,
        }
    };
    let source_url = without_credentials(source);
    let done = tokio::select! {
        done = both => done,
        () = outgrown(mirror, mirror_bytes) => Ok(()),
        () = tokio::time::sleep(clock.left) => Err(SourceError::Deadline {
            source_url: source_url.clone(),
            seconds: clock.whole.as_secs(),
        }),
        () = cancel => Err(SourceError::Interrupted { source_url: source_url.clone() }),
    };
    if mirror_bytes < size_of(&mirror.join("objects"), 0) {
        return Err(SourceError::TooMuch { source_url, megabytes: mirror_bytes >> 20 });
    }
    done
}

/// Ends when the mirror is larger than it may be: a remote may send for as long as it likes.
async fn outgrown(mirror: &Path, mirror_bytes: u64) {
    loop {
        tokio::time::sleep(SIZE_PAUSE).await;
        let objects = mirror.join("objects");
        let size = tokio::task::spawn_blocking(move || size_of(&objects, 0)).await;
        if size.is_ok_and(|size| mirror_bytes < size) {
            return;
        }
    }
}

fn size_of(folder: &Path, depth: usize) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().filter_map(|entry| {
        let about = entry.metadata().ok()?;
        Some(if about.is_dir() && depth < 4 { size_of(&entry.path(), depth + 1) } else { about.len() })
    });
    sizes.sum()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Head {
    Wanted,
    Left,
}

async fn fetch_once(source: &str, mirror: &Path, config: &Path, head: Head) -> Result<(), SourceError> {
    let mut command = Command::new("git");
    command.env_clear();
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", config)
        .env("GIT_TERMINAL_PROMPT", "0")
        // An ssh that asks would wait for ever; without a terminal it says no.
        .env("SSH_ASKPASS_REQUIRE", "never")
        .env("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh")
        .current_dir(mirror)
        .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "core.hooksPath=/dev/null"])
        .args(["-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60"])
        .args(["--git-dir", ".", "fetch", "--quiet", "--force", "--prune", "--no-tags"])
        .args(["--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance", "--"])
        .arg(source)
        .args(["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]);
    if head == Head::Wanted {
        command.arg("+HEAD:refs/simmer/head");
    }
    if std::env::var_os("GIT_SSH_COMMAND").is_none() {
        command.env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes");
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|source| SourceError::NoGit { source })?;
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let (said, status) = words_and_end(&mut child).await.map_err(|e| SourceError::Fetch {
        source_url: without_credentials(source),
        says: format!("its output cannot be read ({e})"),
    })?;
    // It has been waited for: the number may belong to somebody else from here on.
    group.0 = None;
    if status.success() {
        return Ok(());
    }
    Err(classify(source, &scrub(&said, source)))
}

async fn words_and_end(child: &mut Child) -> std::io::Result<(String, std::process::ExitStatus)> {
    let said = match child.stderr.take() {
        Some(stderr) => read_bounded(stderr).await?,
        None => Vec::new(),
    };
    let status = child.wait().await?;
    Ok((String::from_utf8_lossy(&said).into_owned(), status))
}

/// Reads to the end and keeps the beginning, so that a talkative child is never blocked.
async fn read_bounded(from: impl AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let mut from = from;
    let mut kept = Vec::new();
    (&mut from).take(SAID_LIMIT).read_to_end(&mut kept).await?;
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    Ok(kept)
}

/// Finds the kind of trouble in git's words. They are stable in the C locale; what is new ends as `Fetch`.
fn classify(source: &str, said: &str) -> SourceError {
    let source_url = without_credentials(source);
    let has = |needles: &[&str]| needles.iter().any(|n| said.contains(n));
    let says = summary(said);
    if has(&[
        "certificate problem",
        "certificate verification failed",
        "server certificate",
        "Host key verification",
    ]) {
        return SourceError::Untrusted { source_url, says };
    }
    if has(&[
        "could not read Username",
        "could not read Password",
        "Authentication failed",
        "terminal prompts disabled",
        "Permission denied",
        "error: 401",
        "error: 403",
    ]) {
        return SourceError::AuthNeeded { source_url, says };
    }
    if has(&[
        "Could not resolve",
        "Failed to connect",
        "Couldn't connect",
        "Connection refused",
        "Connection timed out",
        "Connection reset",
        "No route to host",
        "Network is unreachable",
        "Operation too slow",
        "unable to connect",
        "unable to look up",
        "early EOF",
        "the remote end hung up unexpectedly",
        "Recv failure",
        "Empty reply from server",
        "error: 5",
    ]) {
        return SourceError::Unreachable { source_url, says };
    }
    if has(&[
        "does not appear to be a git repository",
        "not valid: is this a git repository",
        "not found",
        "does not exist",
        "error: 404",
    ]) {
        return SourceError::NotGit { source_url, says };
    }
    SourceError::Fetch { source_url, says }
}

/// Returns git's words on one line, without what it always adds, safe for a terminal.
fn summary(said: &str) -> String {
    let noise = ["Please make sure you have the correct access rights", "and the repository exists."];
    let lines: Vec<String> = said
        .lines()
        .map(|line| line.trim().chars().filter(|c| !c.is_control()).collect::<String>())
        .filter(|line| !line.is_empty() && !noise.contains(&line.as_str()))
        .map(|line| line.trim_start_matches("fatal: ").to_owned())
        .take(4)
        .collect();
    if lines.is_empty() { "git ended without a word".to_owned() } else { lines.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(said: &str) -> String {
        let text = format!("{:?}", classify("https://git.example.org/r", said));
        text.split(' ').next().unwrap().to_owned()
    }

    #[test]
    fn gits_words_are_told_apart() {
        let said = [
            "fatal: could not read Username for 'https://git.example.org': terminal prompts disabled",
            "fatal: unable to access 'https://git.example.org/r/': The requested URL returned error: 403",
            "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            "fatal: unable to access 'https://git.example.org/r/': Could not resolve host: git.example.org",
            "fatal: unable to access 'https://git.example.org/r/': Failed to connect to git.example.org port 443",
            "fatal: unable to access 'https://h/': SSL certificate problem: self-signed certificate",
            "fatal: https://git.example.org/r/info/refs not valid: is this a git repository?",
            "fatal: repository 'https://git.example.org/r/' not found",
            "fatal: '/srv/x' does not appear to be a git repository\nfatal: Could not read from remote repository.",
            "fatal: mismatched algorithms: client sha1; server sha256",
        ]
        .map(kind);
        insta::assert_snapshot!(said.join("\n"), @"
        AuthNeeded
        AuthNeeded
        AuthNeeded
        Unreachable
        Unreachable
        Untrusted
        NotGit
        NotGit
        NotGit
        Fetch
        ");
    }

    #[test]
    fn words_of_a_hostile_remote_come_without_control_characters() {
        assert_eq!(summary("remote: \u{1b}[31mboo\nfatal: no\n"), "remote: [31mboo; no");
        assert_eq!(summary(""), "git ended without a word");
    }
}
