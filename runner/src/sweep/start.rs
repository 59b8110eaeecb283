//! What a sweep does before it begins: nights are when nobody looks, and the one before may have ended with the power.

use harness::engine::{Chain, Engine};

use crate::gc::{Fate, KeptToo, find, remove, scratch};
use crate::instance::Instance;
use crate::lease::Leases;
use crate::reconcile::{Mode, Order, Outcome, reconcile};
use crate::run::drop_folder;
use crate::store::Store;

/// Removes what dead runs left, which would take the room of the living, and repairs what differs between the registry and
/// Docker. Trouble is told and stops nothing: each promotion compares again for itself, and refuses where it has to.
pub async fn tidy_up(instance: &Instance, engine: &Engine, store: &Store, story: &dyn Fn(&str)) {
    let leases = Leases::of(&instance.settings.state);
    let cleared = async {
        let id = instance.id().map_err(|error| Chain(&error).to_string())?;
        let found = find(engine, &id, &leases, KeptToo::No).await;
        for run in found.map_err(|error| Chain(&error).to_string())? {
            if run.fate == Fate::Removed {
                let left = remove(engine, &run).await;
                story(&format!(
                    "run {} of `{}` is dead, {} objects removed\n",
                    run.run,
                    run.recipe,
                    run.objects.len()
                ));
                for object in left {
                    story(&format!("LEFT BEHIND: {object}\n"));
                }
            }
        }
        Ok::<(), String>(())
    };
    if let Err(says) = cleared.await {
        story(&format!("what dead runs left was not cleared: {says}\n"));
    }
    for folder in scratch(&instance.settings.state.join("runs"), &leases) {
        // It takes room and does no harm: nobody has to hear of it at night.
        drop_folder(&folder);
    }
    let order = Order { only: None, mode: Mode::Repair, me: None };
    match reconcile(engine, store, &leases, instance, &order).await {
        Ok(done) => {
            for one in &done {
                let (recipe, says) = (&one.difference.recipe, &one.difference.says);
                let became = match &one.outcome {
                    Outcome::Repaired => format!("done: {}", one.difference.repair),
                    Outcome::Found | Outcome::Told => one.difference.repair.to_string(),
                    Outcome::Failed { says } => format!("NOT DONE: {}: {says}", one.difference.repair),
                };
                story(&format!("{recipe}: {says} -> {became}\n"));
            }
        }
        Err(error) => story(&format!("the registry was not compared with Docker: {}\n", Chain(&error))),
    }
}
