//! `down`: takes away what `up` made, and nothing else. What others still use stays, and is named.

use std::fs;

use anyhow::{Context, Result};

use crate::call::Call;
use crate::demo;
use crate::engine::{self, Engine};
use crate::images;
use crate::lock;
use crate::network;
use crate::places::Places;
use crate::progress::{Outcome, Progress, say};
use crate::record::Record;
use crate::second;
use crate::up;

/// Whether everything that we made is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    Something,
}

/// Undoes `up`. What it had to leave is in the answer and on the screen.
pub(crate) fn down(places: &Places) -> Result<Left> {
    let _demo = demo::hold(places, "down")?;
    let _lock = lock::take(&places.state().join("xtask.lock"), "down")?;
    let mut record = Record::open(&places.state())?;
    let progress = Progress::new();
    let mut left = Vec::new();
    progress.step("second engine", || second::stop(places))?;
    progress.step("heavy images", || up::stop_builder(places))?;
    if matches!(engine::ask()?, Engine::Up { .. }) {
        progress.step("demo", || demo::clear(places))?;
        progress.step("containers", || containers(&mut record))?;
        let users = users()?;
        if users.is_empty() {
            progress.step("network", || network::remove_proxy(&mut record))?;
            progress.step("swarm", || network::leave(&mut record))?;
        } else if record.made().swarm.is_some() || !record.made().networks.is_empty() {
            left.push(format!(
                "network, swarm and engine, because these still run on them: {}. Remove them \
                 (`docker stack rm …`, `docker rm -f …`), then run `cargo xtask down` again",
                users.join(", ")
            ));
        }
        images::prune(&record.label());
        progress.step("images", || images::remove(&mut record, &mut left))?;
        if users.is_empty() {
            progress.step("engine", || engine::stop(places, &mut record))?;
        }
    } else {
        say("no engine answers: nothing to remove from it");
        record.note(|made| made.engine = false)?;
    }
    if left.is_empty() {
        progress.step("state", || state(places))?;
    }
    let packages: Vec<&str> = record.made().packages.iter().map(String::as_str).collect();
    if !packages.is_empty() {
        say(&format!("left: the packages `{}`, which others may use by now", packages.join("`, `")));
    }
    if places.cache().exists() {
        say(&format!(
            "left: the downloads in `{}`, which make the next `up` quick",
            places.cache().display()
        ));
    }
    for runs in ["state", "state-aged", "state-broken"]
        .map(|name| places.state().join(name))
        .iter()
        .filter(|runs| runs.exists())
    {
        say(&format!("left: what runs recorded in `{}`", runs.display()));
    }
    for what in &left {
        say(&format!("left: {what}"));
    }
    Ok(if left.is_empty() { Left::Nothing } else { Left::Something })
}

/// Removes containers that we run, such as the local registry.
fn containers(record: &mut Record) -> Result<Outcome> {
    let ours: Vec<String> = record.made().containers.iter().cloned().collect();
    if ours.is_empty() {
        return Ok(Outcome::Already("none of ours".into()));
    }
    // Says nothing about those that are gone already.
    Call::docker(["rm", "--force", "--volumes"]).args(&ours).ask()?;
    record.note(|made| made.containers.clear())?;
    Ok(Outcome::Done(format!("removed {}", ours.join(", "))))
}

/// What runs on the engine and is not ours: services by name, then containers that are no tasks.
fn users() -> Result<Vec<String>> {
    let mut users = Vec::new();
    let services = Call::docker(["service", "ls", "--format", "service `{{.Name}}`"]).ask()?;
    // On an engine that manages no swarm there are none to ask for.
    if services.good() {
        users.extend(services.stdout.lines().map(str::to_owned));
    }
    let containers =
        Call::docker(["ps", "--format", "{{.Label \"com.docker.swarm.task.id\"}}\tcontainer `{{.Names}}`"])
            .run()?;
    users.extend(
        containers
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .filter(|(task, _)| task.is_empty())
            .map(|(_, name)| name.to_owned()),
    );
    Ok(users)
}

/// What `up` and the other commands here keep in the state folder. Runs keep theirs beside it.
const OURS: [&str; 13] = [
    "aged",
    "broken",
    "build",
    "demo",
    "demo.new",
    "engine",
    "heavy.holder",
    "heavy.lock",
    "heavy.pid",
    "log",
    "samples",
    "second",
    // Last: without it nothing is known to be ours.
    "xtask.json",
];

/// Removes what we keep in the state folder, but for the downloads and the locks that we hold.
fn state(places: &Places) -> Result<Outcome> {
    for path in OURS.map(|name| places.state().join(name)) {
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else if path.exists() {
            fs::remove_file(&path)
        } else {
            continue;
        };
        removed.with_context(|| format!("could not remove `{}`", path.display()))?;
    }
    Ok(Outcome::Done("removed".into()))
}
