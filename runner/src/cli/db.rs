//! `simmer db`.

use domain::Fault;
use domain::event::Severity;

use super::{Place, Trouble, say};
use crate::exit::Exit;
use crate::lease::Leases;
use crate::store::{Database, Finding, Store, StoreError};

#[derive(Clone, Debug, clap::Args)]
pub struct DbArgs {
    #[command(subcommand)]
    command: DbCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum DbCommand {
    /// Compare the database with itself, its tables with its events, and the evidence on disk with both
    Check {
        /// Print what was found as JSON on stdout
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn db(place: &Place, args: &DbArgs) -> Result<Exit, Trouble> {
    let DbCommand::Check { json } = args.command;
    let instance = place.open()?;
    let store = open(&instance.settings.database).await?;
    let state = &instance.settings.state;
    let leases = Leases::of(state);
    let found = store
        .check(&state.join("runs"), |run| leases.is_held(&format!("run-{run}")))
        .await
        .map_err(|error| of(&error, "could not check the database"))?;
    store.close().await;
    if json {
        say(&format!(
            "{:#}\n",
            serde_json::json!({"database": store.database().to_string(), "found": found})
        ));
    } else {
        say(&text(store.database(), &found));
    }
    let is_bad = found.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if is_bad { Exit::NotJudged } else { Exit::Passed })
}

/// Opens the registry.
pub(super) async fn open(database: &Database) -> Result<Store, Trouble> {
    Store::open(database).await.map_err(|error| of(&error, "could not open the registry"))
}

/// Makes trouble of an error of the store.
pub(super) fn of(error: &StoreError, says: &str) -> Trouble {
    let exit = match error.fault() {
        Fault::Recipe | Fault::Overlay | Fault::Platform => Exit::NotJudged,
        Fault::Runner => Exit::Bug,
    };
    Trouble::from_error(exit, says, error).hint_if(error.hint())
}

fn text(database: &Database, found: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { severity, what, says, remedy, wrong: _ } in found {
        let mark = match severity {
            Severity::Error => "ERROR  ",
            Severity::Warning => "warning",
            Severity::Info => "info   ",
        };
        text += &format!("{mark} {what}: {says}\n        -> {remedy}\n");
    }
    let errors = found.iter().filter(|finding| finding.severity == Severity::Error).count();
    text += &match errors {
        0 => format!("the database at `{database}` is whole\n"),
        _ => format!("the database at `{database}` is NOT whole\n"),
    };
    text
}
