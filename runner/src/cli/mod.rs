//! The command line: arguments in, an exit code out. The only door to clap.

mod args;
mod backups;
mod canonical;
mod compose;
mod db;
mod diff;
mod doctor;
mod gc;
mod lint;
mod open;
mod overlay;
mod plan;
mod promote;
mod reconcile;
mod report;
mod run;
mod serve;
mod sweep;
mod trouble;
mod why;

pub use args::Args;
pub use trouble::Trouble;

use crate::exit::Exit;
use args::Command;
use clap::Parser as _;

/// Reads the command line. What is wrong with it, or was asked for (`--help`), is printed; then the exit code
/// is all that is left.
pub fn read_args() -> Result<Args, Exit> {
    Args::try_parse().map_err(|error| {
        let asked_for = !error.use_stderr();
        match error.print() {
            Ok(()) if asked_for => Exit::Passed,
            Ok(()) | Err(_) => Exit::Usage,
        }
    })
}

/// Carries out one command.
pub async fn dispatch(args: Args) -> Result<Exit, Trouble> {
    let Args { instance, engine, command } = args;
    let place = Place { instance, engine };
    match command {
        Command::Run(args) => run::run(&place, args).await,
        Command::Sweep(args) => sweep::sweep(&place, args).await,
        Command::Lint(args) => lint::lint(&place, &args).await,
        Command::Plan(args) => plan::plan(&place, args).await,
        Command::Reconcile(args) => reconcile::reconcile(&place, &args).await,
        Command::Serve(args) => serve::serve(&place, &args).await,
        Command::Gc(args) => gc::gc(&place, &args).await,
        Command::Doctor(args) => doctor::doctor(&place, &args).await,
        Command::Runs(args) => report::runs(&place, &args),
        Command::Report(args) => report::report(&place, &args),
        Command::Why(args) => why::why(&place, &args).await,
        Command::Diff(args) => diff::diff(&place, &args).await,
        Command::Backups(args) => backups::backups(&place, &args).await,
        Command::Overlay(args) => overlay::overlay(&place, args).await,
        Command::Db(args) => db::db(&place, &args).await,
        Command::Promote(args) => promote::promote(&place, args).await,
        Command::Canonical(args) => canonical::canonical(&place, args).await,
        Command::Compose(args) => compose::compose(&args),
    }
}

/// Where the instance is and which engine is meant.
#[derive(Clone, Debug)]
pub struct Place {
    instance: std::path::PathBuf,
    engine: Option<String>,
}

impl Place {
    /// Opens and checks the instance.
    pub fn open(&self) -> Result<crate::instance::Instance, Trouble> {
        crate::instance::Instance::open(&self.instance).map_err(Trouble::from)
    }

    /// Returns the engine's address: the command line, else the instance, else the environment's own.
    pub fn engine(&self, instance: Option<&crate::instance::Instance>) -> Option<String> {
        self.engine.clone().or_else(|| instance.and_then(|i| i.settings.engine.clone()))
    }
}

/// Tells a part of the story on stderr.
pub(crate) fn tell(text: &str) {
    use std::io::Write as _;
    // A closed stderr is no reason to stop.
    if let Err(error) = std::io::stderr().lock().write_all(text.as_bytes()) {
        tracing::debug!(%error, "stderr is gone");
    }
}

/// Writes the result of a command to stdout.
pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    // A reader who has gone (`| head`) has had enough.
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        tracing::debug!(%error, "stdout is gone");
    }
}
