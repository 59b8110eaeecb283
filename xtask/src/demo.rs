//! `demo`: the main job on real applications, from nothing to a report to open.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::places::Places;
use crate::progress::say;
use crate::up::{self, Reach};

/// One of each kind that is quick: a static one, one that ends TLS itself, one with a database and a job.
const RECIPES: [&str; 3] = ["radicale", "caddy", "kinto"];

/// Sets up, runs the recipes, and returns the report to open. Errors: when a run did not come out green.
pub(crate) fn demo(places: &Places) -> Result<PathBuf> {
    up::up(places, Reach::Fast)?;
    let mut red = Vec::new();
    for recipe in RECIPES {
        say(&format!("\n── simmer run {recipe}"));
        if !run(places, recipe)? {
            red.push(recipe);
        }
    }
    if !red.is_empty() {
        bail!("`{}` did not come out green: see above", red.join("`, `"));
    }
    report(places)
}

/// The one place that knows how the program is called. Answers whether all tiers passed.
fn run(places: &Places, recipe: &str) -> Result<bool> {
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--package", "simmer", "--", "--instance"])
        .arg(places.samples().join("instance"))
        .args(["run", recipe])
        .current_dir(places.root())
        .status()
        .context("could not start `cargo run --package simmer`")?;
    Ok(status.success())
}

/// The page of the newest run.
fn report(places: &Places) -> Result<PathBuf> {
    let runs = places.state().join("state").join("runs");
    let entries = fs::read_dir(&runs).with_context(|| format!("could not read `{}`", runs.display()))?;
    entries
        .filter_map(Result::ok)
        .map(|run| run.path().join("report.html"))
        .filter_map(|page| Some((page.metadata().ok()?.modified().ok()?, page)))
        .max()
        .map(|(_, page)| page)
        .with_context(|| format!("no run in `{}` has a `report.html`", runs.display()))
}
