//! `registry`: a real image registry on loopback, for digests, moved tags and pulls that fail. Only when a test asks.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::call::Call;
use crate::lock;
use crate::places::Places;
use crate::progress::{Outcome, Progress};
use crate::record::Record;
use crate::up;

/// The container's name.
const NAME: &str = "simmer-registry";
const IMAGE: &str = "127.0.0.1:5055/simmer/registry:2";
const START_LIMIT: Duration = Duration::from_secs(2 * 60);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// Starts the registry on a free port and returns its address, `127.0.0.1:<port>`. A running one is used.
pub(crate) fn up(places: &Places) -> Result<String> {
    let _lock = lock::take(&places.state().join("xtask.lock"), "registry up")?;
    let mut record = Record::open(&places.state())?;
    let progress = Progress::new();
    if let Some(address) = address()? {
        return Ok(address);
    }
    up::images(places, &mut record, &progress, |image| image.name == IMAGE)?;
    progress.step("registry", || {
        record.note(|made| {
            made.containers.insert(NAME.to_owned());
        })?;
        // One that has ended keeps its name.
        Call::docker(["rm", "--force", "--volumes", NAME]).ask()?;
        // The engine would choose a port too, but another after each restart.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .context("could not find a free port")?
            .port();
        Call::docker(["run", "--detach", "--name", NAME, "--label", &record.label()])
            .args(["--publish", &format!("127.0.0.1:{port}:5000"), IMAGE])
            .run()?;
        answers(port)?;
        Ok(Outcome::Done(format!("127.0.0.1:{port}")))
    })?;
    address()?.context("the registry ended as soon as it was started: see `docker logs simmer-registry`")
}

/// Removes the registry and what was pushed to it.
pub(crate) fn down(places: &Places) -> Result<()> {
    let _lock = lock::take(&places.state().join("xtask.lock"), "registry down")?;
    let mut record = Record::open(&places.state())?;
    Progress::new().step("registry", || {
        if !record.made().containers.contains(NAME) {
            return Ok(Outcome::Already("none of ours".into()));
        }
        Call::docker(["rm", "--force", "--volumes", NAME]).ask()?;
        record.note(|made| {
            made.containers.remove(NAME);
        })?;
        Ok(Outcome::Done("removed".into()))
    })
}

/// Where a running registry listens.
fn address() -> Result<Option<String>> {
    let answer = Call::docker(["port", NAME, "5000/tcp"]).ask()?;
    Ok(answer.good().then(|| answer.stdout.lines().next().unwrap_or_default().trim().to_owned()))
}

/// Waits until the registry speaks HTTP: the port takes connections before the program behind it does.
fn answers(port: u16) -> Result<()> {
    let started = Instant::now();
    while !speaks(port).unwrap_or(false) {
        if START_LIMIT < started.elapsed() {
            bail!(
                "the registry does not answer on 127.0.0.1:{port} after {} s: see `docker logs {NAME}`",
                START_LIMIT.as_secs()
            );
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

fn speaks(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.write_all(b"GET /v2/ HTTP/1.0\r\n\r\n")?;
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    Ok(&head == b"HTTP")
}
