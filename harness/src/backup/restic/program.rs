//! Running the `restic` program: read while it runs, ended when nobody waits for it.

use std::io::{self, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::backup::stop::Stop;
use crate::backup::store::StoreError;

/// How often a running program is told that nobody waits for it.
const LOOK: Duration = Duration::from_millis(50);
/// Most bytes kept of what the program says beside its results.
pub(super) const STORY_BYTES: u64 = 64 << 10;
/// Between asking it to end and killing it: removing a lock from a far repository takes a round trip or two.
const GRACE: Duration = Duration::from_secs(10);

pub(super) struct Ran {
    pub(super) status: ExitStatus,
    /// What it said on stderr.
    pub(super) story: String,
}

impl Ran {
    pub(super) fn failed(&self, doing: &'static str) -> StoreError {
        let story = self.story.split_whitespace().collect::<Vec<_>>().join(" ");
        StoreError::Failed { doing, says: format!("`restic` ended with {}: {story}", self.status) }
    }

    pub(super) fn good(self, doing: &'static str) -> Result<(), StoreError> {
        if self.status.success() { Ok(()) } else { Err(self.failed(doing)) }
    }
}

/// Runs a program to its end, or until nobody waits for it.
pub(super) fn run(
    command: Command,
    doing: &'static str,
    stop: &Stop,
    read: impl FnMut(&mut dyn Read) -> io::Result<()>,
) -> Result<Ran, StoreError> {
    run_with_grace(command, doing, stop, GRACE, read)
}

fn run_with_grace(
    mut command: Command,
    doing: &'static str,
    stop: &Stop,
    grace: Duration,
    mut read: impl FnMut(&mut dyn Read) -> io::Result<()>,
) -> Result<Ran, StoreError> {
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            let says = "there is no program `restic`: install it, or take `program = \"embedded\"`".into();
            return StoreError::Failed { doing, says };
        }
        said(doing, &error)
    })?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (mut out, err) = (child.stdout.take(), child.stderr.take());
    let (done, is_done) = mpsc::channel::<()>();
    let (read, story) = std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut asked: Option<Instant> = None;
            while is_done.recv_timeout(LOOK) == Err(mpsc::RecvTimeoutError::Timeout) {
                if stop.is_raised()
                    && let Some(pid) = pid
                {
                    let since = *asked.get_or_insert_with(Instant::now);
                    // Asked, it removes its locks; one that hangs leaves them, and `unlock` finds their owner dead. It is
                    // not waited for yet, so that the id is still its own.
                    let how = if since.elapsed() < grace { Signal::TERM } else { Signal::KILL };
                    if let Err(error) = kill_process(pid, how) {
                        tracing::debug!(%error, "restic is gone already");
                    }
                }
            }
        });
        let story = scope.spawn(move || {
            let mut story = Vec::new();
            if let Some(mut err) = err {
                drop(err.by_ref().take(STORY_BYTES).read_to_end(&mut story));
                drop(io::copy(&mut err, &mut io::sink()));
            }
            String::from_utf8_lossy(&story).into_owned()
        });
        let read = out.as_mut().map_or(Ok(()), |out| {
            let read = read(out);
            // A program with nobody to read would wait for ever.
            drop(io::copy(out, &mut io::sink()));
            read
        });
        let story = story.join().unwrap_or_default();
        drop(done);
        (read, story)
    });
    let status = child.wait().map_err(|error| said(doing, &error))?;
    if stop.is_raised() {
        return Err(StoreError::Stopped);
    }
    read.map_err(|error| said(doing, &error))?;
    Ok(Ran { status, story })
}

pub(super) fn said(doing: &'static str, error: &io::Error) -> StoreError {
    StoreError::Failed { doing, says: error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::io::BufRead as _;

    use super::*;

    #[test]
    fn a_program_that_ignores_being_asked_is_killed_after_its_grace() {
        let stop = Stop::default();
        let mut command = Command::new("sh");
        // What is ignored stays so in the program that takes the shell's place.
        command.args(["-c", "trap '' TERM; echo up; exec sleep 600"]);
        let ran = run_with_grace(command, "try", &stop, Duration::from_millis(200), |out| {
            let mut line = String::new();
            io::BufReader::new(out).read_line(&mut line)?;
            assert_eq!(line, "up\n");
            stop.raise();
            Ok(())
        });
        assert!(matches!(ran, Err(StoreError::Stopped)));
    }
}
