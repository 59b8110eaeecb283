//! The command line of `cargo xtask`.

use std::io::{Write, stdout};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::bench::{self, Bench};
use crate::demo;
use crate::down::{self, Left};
use crate::matrix;
use crate::places::Places;
use crate::registry;
use crate::second;
use crate::stages::{self, Depth, Verdict};
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
    /// Make engine, swarm, network, images and sample recipes, where they are not there yet. The heavy images are
    /// built behind it, by a process that goes on
    Up {
        /// Wait for the heavy images too
        #[arg(long, conflicts_with = "fast")]
        all: bool,
        /// Leave the heavy images out
        #[arg(long)]
        fast: bool,
    },
    /// Remove what `up` made, and nothing else; exits with 4 if something had to stay
    Down,
    /// Run everything that has to pass before anything lands; ends with one line, `N passed, N failed`
    Test {
        /// Leave out what needs an engine
        #[arg(long)]
        fast: bool,
    },
    /// Sweep over real applications twice, cold to canonical and then to a newer release; names the report to open
    Demo,
    /// Measure, all of it or what is named
    Bench {
        #[arg(value_enum, value_name = "WHAT")]
        only: Vec<Bench>,
    },
    /// Kill every step of all work on the fake swarm, at every place and call, and with seeds; takes hours, needs no
    /// engine
    Matrix {
        /// How many seeds
        #[arg(long, value_name = "N", default_value_t = 2000)]
        seeds: u64,
        /// The first of them
        #[arg(long, value_name = "SEED", default_value_t = 0)]
        from: u64,
    },
    /// A second engine of another version beside the first, for the live tests
    SecondEngine {
        #[command(subcommand)]
        verb: SecondEngine,
    },
    /// A real image registry on loopback, for tests of digests, moved tags and failing pulls
    Registry {
        #[command(subcommand)]
        verb: Registry,
    },
    /// What `up` leaves running behind it
    #[command(hide = true)]
    BuildHeavy,
}

#[derive(Debug, Subcommand)]
enum Registry {
    /// Start it; its address is the only line on stdout
    Up,
    /// Remove it and what was pushed to it
    Down,
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
        Command::Up { all, fast } => up::up(
            &places,
            match (all, fast) {
                (true, _) => Reach::All,
                (false, true) => Reach::Fast,
                (false, false) => Reach::Behind,
            },
        )?,
        Command::Down => {
            return Ok(match down::down(&places)? {
                Left::Nothing => ExitCode::SUCCESS,
                Left::Something => ExitCode::from(LEFT_BEHIND),
            });
        }
        Command::Test { fast } => {
            let (verdict, line) = stages::test(&places, if fast { Depth::Fast } else { Depth::Full })?;
            print(&line)?;
            return Ok(match verdict {
                Verdict::Passed => ExitCode::SUCCESS,
                Verdict::Failed => ExitCode::FAILURE,
            });
        }
        Command::Demo => return demo::demo(&places),
        Command::Bench { only } => bench::bench(&places, &only)?,
        Command::Matrix { seeds, from } => matrix::matrix(&places, seeds, from)?,
        Command::SecondEngine { verb: SecondEngine::Up } => print(&second::up(&places)?.variables())?,
        Command::SecondEngine { verb: SecondEngine::Down } => second::down(&places)?,
        Command::Registry { verb: Registry::Up } => print(&registry::up(&places)?)?,
        Command::Registry { verb: Registry::Down } => registry::down(&places)?,
        Command::BuildHeavy => up::build_heavy(&places)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a result: stdout has nothing else.
fn print(line: &str) -> Result<()> {
    writeln!(stdout(), "{line}").context("could not write to stdout")
}
