//! `demo`: the main job on real applications, from nothing to a report to open.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::places::Places;
use crate::progress::say;
use crate::up::{self, Reach};

/// One of each kind that is quick: a static one, one that ends TLS itself, one with a database and a job.
const RECIPES: [&str; 3] = ["radicale", "caddy", "kinto"];

/// Sets up and runs the recipes; the program names the report to open. Errors: when one did not come out green.
pub(crate) fn demo(places: &Places) -> Result<()> {
    up::up(places, Reach::Fast)?;
    say(&format!("\n── simmer run {}", RECIPES.join(" ")));
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--package", "simmer", "--", "--instance"])
        .arg(places.samples().join("instance"))
        .arg("run")
        .args(RECIPES)
        .current_dir(places.root())
        .status()
        .context("could not start `cargo run --package simmer`")?;
    if !status.success() {
        bail!("not all recipes came out green: see above");
    }
    Ok(())
}
