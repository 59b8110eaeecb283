//! `simmer backups`.

use std::path::PathBuf;

use harness::backup::{Kept, ReadData, Repository, StoreError};

use super::{Place, Trouble, say};
use crate::backups;
use crate::exit::Exit;

#[derive(Clone, Debug, clap::Args)]
pub struct BackupsArgs {
    #[command(subcommand)]
    command: BackupsCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum BackupsCommand {
    /// List the snapshots in the repository, newest first
    List {
        /// Only those of this recipe
        #[arg(long, value_name = "RECIPE")]
        recipe: Option<String>,
        /// Print them as JSON on stdout
        #[arg(long)]
        json: bool,
    },
    /// Show what a snapshot holds
    Show {
        /// Its id, the beginning of its id, or `latest`
        #[arg(value_name = "SNAPSHOT")]
        snapshot: String,
        /// Print it as JSON on stdout
        #[arg(long)]
        json: bool,
    },
    /// Unpack a snapshot into an empty folder
    Restore {
        /// Its id, the beginning of its id, or `latest`
        #[arg(value_name = "SNAPSHOT")]
        snapshot: String,
        /// The folder; made if it is not there
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// Only this folder of the snapshot, as `show` names it
        #[arg(long, value_name = "PATH", default_value = "/")]
        path: PathBuf,
        /// Print what was done as JSON on stdout
        #[arg(long)]
        json: bool,
    },
    /// Check that the repository is whole
    Check {
        /// Read all data too, not only what tells what there is
        #[arg(long)]
        read_data: bool,
        /// Print what was found as JSON on stdout
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn backups(place: &Place, args: &BackupsArgs) -> Result<Exit, Trouble> {
    let instance = place.open()?;
    let place = backups::place(&instance.settings);
    match &args.command {
        BackupsCommand::List { recipe, json } => {
            let mut all = match Repository::open(&place).await {
                // Nothing was backed up yet: that is an answer.
                Err(StoreError::Missing { .. }) => Vec::new(),
                opened => {
                    let opened = opened.map_err(|error| of(&error))?;
                    opened.snapshots().await.map_err(|error| of(&error))?
                }
            };
            all.retain(|kept| recipe.as_ref().is_none_or(|recipe| kept.about.recipe == *recipe));
            list(&all, *json);
            Ok(Exit::Passed)
        }
        BackupsCommand::Show { snapshot, json } => {
            let repository = Repository::open(&place).await.map_err(|error| of(&error))?;
            let kept = repository.find(snapshot).await.map_err(|error| of(&error))?;
            let entries = repository.entries(&kept.id).await.map_err(|error| of(&error))?;
            if *json {
                print(&serde_json::json!({"snapshot": kept, "entries": entries}));
            } else {
                let table = backups::table(std::slice::from_ref(&kept));
                say(&format!("{table}id {}\n\n{}", kept.id, backups::listing(&entries)));
            }
            Ok(Exit::Passed)
        }
        BackupsCommand::Restore { snapshot, to, path, json } => {
            backups::check_target(to).map_err(|error| {
                Trouble::from_error(Exit::Usage, "nothing is restored over what is there", &error)
                    .hint("name a folder that is empty or not there yet")
            })?;
            let repository = Repository::open(&place).await.map_err(|error| of(&error))?;
            let kept = repository.find(snapshot).await.map_err(|error| of(&error))?;
            let put = repository.unpack(&kept.id, path, to).await.map_err(|error| of(&error))?;
            if *json {
                print(&serde_json::json!({"snapshot": kept.id, "to": to, "put": put}));
            } else {
                let mut text = format!(
                    "snapshot {}: {} files, {}, put into `{}`\n",
                    kept.id.short(),
                    put.files,
                    backups::size(put.bytes),
                    to.display()
                );
                put.skipped.iter().for_each(|path| text += &format!("  left out: {path}\n"));
                say(&text);
            }
            Ok(Exit::Passed)
        }
        BackupsCommand::Check { read_data, json } => {
            let repository = Repository::open(&place).await.map_err(|error| of(&error))?;
            let read = if *read_data { ReadData::Yes } else { ReadData::No };
            let checked = repository.check(read).await.map_err(|error| of(&error))?;
            if *json {
                print(&serde_json::json!(checked));
            } else {
                let mut text = String::new();
                checked.warnings.iter().for_each(|says| text += &format!("warning: {says}\n"));
                checked.errors.iter().for_each(|says| text += &format!("error: {says}\n"));
                text += match checked.errors.as_slice() {
                    [] => "the repository is whole\n",
                    _ => "the repository is NOT whole\n",
                };
                say(&text);
            }
            Ok(if checked.errors.is_empty() { Exit::Passed } else { Exit::NotJudged })
        }
    }
}

fn list(all: &[Kept], json: bool) {
    if json {
        print(&serde_json::json!(all.iter().rev().collect::<Vec<_>>()));
    } else if all.is_empty() {
        say("no backups yet; a run of a recipe with backup labels makes one\n");
    } else {
        say(&backups::table(all));
    }
}

fn print(value: &serde_json::Value) {
    say(&format!("{value:#}\n"));
}

fn of(error: &StoreError) -> Trouble {
    let exit = match error {
        // What the caller named is not there.
        StoreError::Missing { .. } | StoreError::NoSnapshot { .. } => Exit::Usage,
        StoreError::Locked { .. }
        | StoreError::Unreadable { .. }
        | StoreError::Landing { .. }
        | StoreError::Failed { .. }
        | StoreError::Stopped => Exit::NotJudged,
    };
    Trouble::from_error(exit, "could not work with the backups", error).hint_if(error.hint())
}
