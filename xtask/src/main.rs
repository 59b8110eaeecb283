//! Set-up, demo, tests and benches of this repository: `cargo xtask up`, `down`, `test`, `demo`, `bench`.
//!
//! Everything that the work needs around the code is made here and unmade here: the engine, a one-node
//! swarm, the shared network, the sample images, the sample recipes as git repositories. What was made is
//! written to `.simmer/xtask.json` before it is made, so that `down` takes away exactly that.

mod bench;
mod call;
mod cli;
mod cores;
mod demo;
mod down;
mod engine;
mod images;
mod lock;
mod matrix;
mod network;
mod places;
mod progress;
mod record;
mod registry;
mod samples;
mod second;
mod stages;
mod tally;
mod up;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::main() {
        Ok(code) => code,
        Err(error) => {
            progress::say(&format!("error: {error}"));
            for cause in error.chain().skip(1) {
                progress::say(&format!("  cause: {cause}"));
            }
            ExitCode::FAILURE
        }
    }
}
