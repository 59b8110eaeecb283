//! `bench`: the programs that measure, by name, one after the other; each prints its own figures.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::places::Places;
use crate::progress::say;
use crate::up::{self, Reach};

/// Package and benchmark of each.
const BENCHES: [(&str, &str); 0] = [];

/// Sets up and runs all benchmarks. Errors: when there are none, or one fails.
pub(crate) fn bench(places: &Places) -> Result<()> {
    if BENCHES.is_empty() {
        bail!("there are no benchmarks yet: name them in `xtask/src/bench.rs`");
    }
    up::up(places, Reach::Fast)?;
    for (package, name) in BENCHES {
        say(&format!("\n── {package} {name}"));
        let status = Command::new("cargo")
            .args(["bench", "--package", package, "--bench", name])
            .current_dir(places.root())
            .status()
            .context("could not start `cargo bench`")?;
        if !status.success() {
            bail!("benchmark `{name}` failed: see above");
        }
    }
    Ok(())
}
