//! The command line of `cargo xtask`.

use std::io::{Write, stdout};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::down::{self, Left};
use crate::places::Places;
use crate::second;
use crate::up::{self, Reach};

/// The same number as `simmer` has for it.
const LEFT_BEHIND: u8 = 4;

/// Set-up, demo, tests and benches of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make engine, swarm, network, images and sample recipes, where they are not there yet
    Up {
        /// Build the heavy images as well
        #[arg(long)]
        all: bool,
    },
    /// Remove what `up` made, and nothing else; exits with 4 if something had to stay
    Down,
    /// A second engine of another version beside the first, for the live tests
    SecondEngine {
        #[command(subcommand)]
        verb: SecondEngine,
    },
}

#[derive(Debug, Subcommand)]
enum SecondEngine {
    /// Make and start it; its address, for DOCKER_HOST, is the only line on stdout
    Up,
    /// Stop it and remove what it kept
    Down,
}

/// Reads the command line and does what it says.
pub(crate) fn main() -> Result<ExitCode> {
    let Cli { command } = Cli::parse();
    let places = Places::find()?;
    match command {
        Command::Up { all } => up::up(&places, if all { Reach::All } else { Reach::Fast })?,
        Command::Down => {
            return Ok(match down::down(&places)? {
                Left::Nothing => ExitCode::SUCCESS,
                Left::Something => ExitCode::from(LEFT_BEHIND),
            });
        }
        Command::SecondEngine { verb: SecondEngine::Up } => print(&second::up(&places)?)?,
        Command::SecondEngine { verb: SecondEngine::Down } => second::down(&places)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a result: stdout has nothing else.
fn print(line: &str) -> Result<()> {
    writeln!(stdout(), "{line}").context("could not write to stdout")
}
