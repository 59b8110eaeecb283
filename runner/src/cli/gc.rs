//! `simmer gc`.

use harness::engine::Engine;

use super::args::GcArgs;
use super::{Place, Trouble, say};
use crate::exit::Exit;
use crate::gc::{Fate, KeptToo, find, remove};
use crate::lease::Leases;

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
    for run in &found {
        let what = match run.fate {
            Fate::Removed if dry_run => "would be removed",
            Fate::Removed => {
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
    if found.is_empty() {
        text += "nothing of a run is in the swarm\n";
    }
    for object in &left {
        text += &format!("LEFT BEHIND: {object}\n");
    }
    if !json {
        say(&text);
    }
    Ok(if left.is_empty() { Exit::Passed } else { Exit::LeftBehind })
}

/// Connects to the engine that is meant.
pub(super) async fn connect(
    place: &Place,
    instance: Option<&crate::instance::Instance>,
) -> Result<Engine, Trouble> {
    Engine::connect(place.engine(instance).as_deref()).await.map_err(|error| {
        Trouble::from_error(Exit::NotJudged, "there is no engine to work with", &error).hint_if(error.hint())
    })
}
