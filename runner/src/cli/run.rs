//! `simmer run`.

use std::collections::BTreeSet;

use domain::Tier;
use domain::event::Context;

use super::args::RunArgs;
use super::{Place, Trouble, db, gc, say};
use crate::exit::Exit;
use crate::run::{FollowLogs, KeepStack, Manner, Wanted, remember, run as run_one};
use crate::view::{Story, Terminal};
use crate::{cancel, report};

pub(super) async fn run(place: &Place, args: RunArgs) -> Result<Exit, Trouble> {
    let instance = place.open()?;
    let manner = Manner {
        keep: if args.keep { KeepStack::Kept } else { KeepStack::Cleared },
        follow_logs: if args.logs { FollowLogs::Shown } else { FollowLogs::Hidden },
        view: Terminal::open(if args.quiet { Story::Silent } else { Story::Told }),
        cancel: listen()?,
    };
    let all = wanted(&args)?;
    // All names are looked up before the first run starts: a misspelt one must not be found out an hour later.
    for wanted in &all {
        instance.recipe(&wanted.recipe)?;
    }
    let engine = gc::connect(place, Some(&instance)).await?;
    let store = db::open(&instance.settings.database).await?;
    let mut exit = Exit::Passed;
    let mut views = Vec::new();
    let mut page = None;
    for wanted in &all {
        if manner.cancel.is_asked() {
            exit = exit.and(Exit::NotJudged);
            break;
        }
        match run_one(&instance, &engine, &store, wanted, &manner).await {
            Ok(outcome) => {
                exit = exit.and(outcome.exit());
                remember(&store, &outcome).await.map_err(|error| {
                    db::of(&error, "the run is over, and the registry cannot be told of it")
                })?;
                let view = reports::fold(&outcome.events);
                page = Some(report::write(&outcome.folder, &view).map_err(|error| unwritten(&error))?);
                views.push(view);
            }
            // One recipe that cannot be run does not keep the others from it (CC-008).
            Err(trouble) if all.len() > 1 => {
                super::tell(&format!("{trouble}\n"));
                exit = exit.and(trouble.exit);
            }
            Err(trouble) => return Err(trouble),
        }
    }
    if args.json {
        let all: Vec<String> = views.iter().map(reports::outcome_json).collect();
        say(&if all.len() == 1 { all.concat() } else { format!("[{}]\n", all.join(",")) });
    } else {
        say(&reports::table(&views));
    }
    let index = report::write_index(&instance).map_err(|error| unwritten(&error))?;
    if !args.quiet && !views.is_empty() {
        let page = page.filter(|_| views.len() == 1).unwrap_or(index);
        super::tell(&format!("report: {}\n", page.display()));
    }
    Ok(exit)
}

pub(super) fn unwritten(error: &std::io::Error) -> Trouble {
    Trouble::from_error(Exit::NotJudged, "could not write the report", error)
        .hint("is the state folder writable, and is there room?")
}

/// Reads what the arguments ask for.
pub(super) fn wanted(args: &RunArgs) -> Result<Vec<Wanted>, Trouble> {
    if args.recipes.len() > 1 && (args.reference.is_some() || !args.base.is_empty()) {
        return Err(Trouble::new(Exit::Usage, "`--ref` and `--base` speak of one recipe")
            .hint("run the recipes one by one"));
    }
    let tiers: BTreeSet<Tier> =
        if args.tier.is_empty() { Tier::COLD.into() } else { args.tier.iter().copied().collect() };
    Ok(args
        .recipes
        .iter()
        .map(|recipe| Wanted {
            recipe: recipe.clone(),
            reference: args.reference.clone(),
            bases: args.base.clone(),
            tiers: tiers.clone(),
            context: Context::Hand,
        })
        .collect())
}

pub(super) fn listen() -> Result<cancel::Cancel, Trouble> {
    cancel::listen(|| {
        super::tell("ending at once; `simmer gc` removes what is left\n");
        // The kernel lets go of our leases, so that `simmer gc` knows this run as dead.
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
            .unwrap_or_else(|error| tracing::error!(%error, "could not end at once"));
    })
    .map_err(|error| Trouble::from_error(Exit::Bug, "could not listen for Ctrl-C", &error))
}
