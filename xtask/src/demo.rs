//! `demo`: the main job on real applications, from nothing to a report to open.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Result, anyhow};

use crate::places::Places;
use crate::progress::say;
use crate::up::{self, Reach};

/// One of each kind that is quick: a static one, one that ends TLS itself, one with a database and a job.
const RECIPES: [&str; 3] = ["radicale", "caddy", "kinto"];

/// Sets up and becomes `simmer run`, which names the report to open: its exit code is ours, and Ctrl-C reaches nobody
/// who would end before it has cleared up. Returns only when it could not be started.
pub(crate) fn demo(places: &Places) -> Result<()> {
    up::up(places, Reach::Fast)?;
    say(&format!("\n── simmer run {}", RECIPES.join(" ")));
    let error = Command::new("cargo")
        .args(["run", "--quiet", "--package", "simmer", "--", "--instance"])
        .arg(places.samples().join("instance"))
        .arg("run")
        .args(RECIPES)
        .current_dir(places.root())
        .exec();
    Err(anyhow!(error).context("could not start `cargo run --package simmer`"))
}
