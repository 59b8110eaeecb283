//! `matrix`: the kill matrix on the fake swarm, at every place and call and with as many seeds as are asked for.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::places::Places;

/// The two tests of `runner/tests/it/kill_matrix`, by their names: places, and seeds.
const TESTS: [&str; 2] = [
    "kill_matrix::law_4_what_is_killed_before_in_the_middle_of_and_after_any_step_loses_nothing_and_leaves_nothing",
    "kill_matrix::seeds_that_kill_and_break_the_engine_anywhere_lose_nothing_and_leave_nothing",
];

/// Runs both; needs no engine. Errors: when one case fails, which has then said how it is tried again.
pub(crate) fn matrix(places: &Places, seeds: u64, from: u64) -> Result<()> {
    for test in TESTS {
        // Not nextest: it ends what takes hours.
        let status = Command::new("cargo")
            .current_dir(places.root())
            .args(["test", "--package", "simmer", "--test", "it", "--", "--exact", test, "--nocapture"])
            .env("SIMMER_MATRIX_ALL", "1")
            .env("SIMMER_MATRIX_SEEDS", seeds.to_string())
            .env("SIMMER_MATRIX_FROM", from.to_string())
            .status()
            .context("cargo did not start")?;
        if !status.success() {
            bail!("`{test}` does not hold");
        }
    }
    Ok(())
}
