//! `simmer gc`.

use chrono::Utc;
use domain::{RecipeName, RunId};
use harness::engine::Engine;

use super::args::GcArgs;
use super::{Place, Trouble, db, say};
use crate::exit::Exit;
use crate::gc::{Fate, Found, KeptToo, find, remove, scratch};
use crate::instance::Instance;
use crate::journal;
use crate::lease::{Lease, Leases, Owner};
use crate::run::random_bytes;
use crate::store::{JournalEntry, Store, Work};

pub(super) async fn gc(place: &Place, args: &GcArgs) -> Result<Exit, Trouble> {
    let GcArgs { dry_run, kept, json } = *args;
    let instance = place.open()?;
    let engine = connect(place, Some(&instance)).await?;
    let id = instance
        .id()
        .map_err(|error| Trouble::from_error(Exit::NotJudged, "could not read the instance's id", &error))?;
    let kept_too = if kept { KeptToo::Yes } else { KeptToo::No };
    let leases = Leases::of(&instance.settings.state);
    let found = find(&engine, &id, &leases, kept_too).await.map_err(|error| {
        Trouble::from_error(Exit::NotJudged, "could not list what is in the swarm", &error)
            .hint_if(error.hint())
    })?;
    if json {
        say(&format!("{}\n", serde_json::to_string_pretty(&found).expect("what was found is plain data")));
    }
    let mut left = Vec::new();
    let mut text = String::new();
    let journal = if dry_run || found.iter().all(|run| run.fate != Fate::Removed) {
        None
    } else {
        Journal::open(&instance).await?
    };
    for run in &found {
        let what = match run.fate {
            Fate::Removed if dry_run => "would be removed",
            Fate::Removed => {
                if let Some(journal) = &journal {
                    journal.removes(run).await;
                }
                left.extend(remove(&engine, run).await);
                "removed"
            }
            Fate::InUse => "in use, its run is alive",
            Fate::Kept => "kept on purpose (`--kept` removes it)",
            Fate::Foreign => "of another instance, not ours to touch",
        };
        text += &format!("run {} of `{}`: {} objects, {what}\n", run.run, run.recipe, run.objects.len());
        // Names are for what goes; of the rest it is enough to know that it stays.
        if run.fate == Fate::Removed {
            for object in &run.objects {
                text += &format!("  {object}\n");
            }
        }
    }
    if let Some(journal) = journal {
        journal.done().await;
    }
    if found.is_empty() {
        text += "nothing of a run is in the swarm\n";
    }
    for folder in scratch(&instance.settings.state.join("runs"), &leases) {
        let became = if dry_run { "would be removed".to_owned() } else { removed(&folder) };
        text += &format!("work folder {} of a dead run: {became}\n", folder.display());
    }
    for object in &left {
        text += &format!("LEFT BEHIND: {object}\n");
    }
    if !json {
        say(&text);
    }
    Ok(if left.is_empty() { Exit::Passed } else { Exit::LeftBehind })
}

/// Removes a folder and says what became of it.
fn removed(folder: &std::path::Path) -> String {
    match std::fs::remove_dir_all(folder) {
        Ok(()) => "removed".into(),
        Err(error) => format!("stays: {error}"),
    }
}

/// What a gc removes, written down before it goes. A registry that cannot be used keeps nobody from clearing up.
struct Journal {
    run: RunId,
    store: Store,
    /// Says that we are alive.
    _alive: Lease,
}

impl Journal {
    async fn open(instance: &Instance) -> Result<Option<Self>, Trouble> {
        let run = RunId::from_random(random_bytes()?);
        let owner = Owner::here(run.to_string(), "gc");
        let leases = Leases::of(&instance.settings.state);
        let opened =
            match (leases.take(&format!("run-{run}"), &owner), db::open(&instance.settings.database).await) {
                (Ok(alive), Ok(store)) => Some(Self { run, store, _alive: alive }),
                (Err(error), _) => {
                    tracing::warn!(%error, "what is removed is not journaled");
                    None
                }
                (_, Err(trouble)) => {
                    tracing::warn!(%trouble, "what is removed is not journaled");
                    None
                }
            };
        Ok(opened)
    }

    async fn removes(&self, found: &Found) {
        let entry = JournalEntry {
            recipe: RecipeName::parse(&found.recipe).ok(),
            run: self.run.clone(),
            kind: Work::Gc,
            step: journal::REMOVE_RUN.to_owned(),
            since: Utc::now(),
        };
        if let Err(error) = self.store.journal(&entry).await {
            tracing::warn!(%error, "what is removed is not journaled");
        }
    }

    async fn done(self) {
        if let Err(error) = self.store.journal_done(&self.run).await {
            tracing::warn!(%error, "gc's own journal stays open");
        }
        self.store.close().await;
    }
}

/// Connects to the engine that is meant.
pub(super) async fn connect(place: &Place, instance: Option<&Instance>) -> Result<Engine, Trouble> {
    Engine::connect(place.engine(instance).as_deref()).await.map_err(|error| {
        Trouble::from_error(Exit::NotJudged, "there is no engine to work with", &error).hint_if(error.hint())
    })
}
