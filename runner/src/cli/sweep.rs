//! `simmer sweep`.

use chrono::Utc;
use domain::spelling::distance;
use domain::sweep::{Asked, Hold};
use domain::{RecipeName, RunId};
use reports::{SweepEnd, SweepView};

use super::args::SweepArgs;
use super::run::listen;
use super::{Place, Trouble, db, gc, say, tell};
use crate::exit::Exit;
use crate::instance::Instance;
use crate::report;
use crate::run::{FollowLogs, KeepStack, Manner};
use crate::store::{HoldKind, Store, SweepRecord};
use crate::sweep::{self, OnSwarm, Resume};
use crate::view::{Story, Terminal};

pub(super) async fn sweep(place: &Place, args: SweepArgs) -> Result<Exit, Trouble> {
    let instance = place.open()?;
    let cancel = listen()?;
    let asked = Asked {
        only: named(&instance, &args.only)?,
        force: args.force,
        minimum: instance.settings.sweep_minimum,
    };
    let manner = sweep::Manner {
        asked,
        resume: if args.anew { Resume::Never } else { Resume::Automatic },
        jobs: args.jobs.get(),
        cancel: cancel.clone(),
    };
    let state = &instance.settings.state;
    let lease = (!args.dry_run).then(|| sweep::take_lease(state)).transpose()?;
    // Asked before the mirrors, so that nobody waits for them to hear that there is no engine.
    let engine = if args.dry_run { None } else { Some(gc::connect(place, Some(&instance)).await?) };
    let store = db::open(&instance.settings.database).await?;
    let story = |text: &str| {
        if !args.quiet {
            tell(text);
        }
    };
    if let Some(engine) = &engine {
        sweep::tidy_up(&instance, engine, &store, &story).await;
    }
    let prospect = sweep::look_ahead(&instance, &manner, holds(&store).await?, Utc::now()).await?;
    if let Some(open) = prospect.resumed.as_ref().filter(|_| !args.quiet) {
        let id = open.id();
        tell(&if lease.is_none() && sweep::is_at_work(state) {
            format!("sweep {id} is at work; this is what it has before it\n")
        } else {
            format!("sweep {id} has not ended, and goes on (`--anew` begins a new one)\n")
        });
    }
    let Some(engine) = engine else {
        say(&planned(&prospect, &manner, args.json));
        return Ok(Exit::Passed);
    };
    // Two runs cannot share one screen; of several at a time only the rows are told.
    let screen = if args.quiet || manner.jobs > 1 { Story::Silent } else { Story::Told };
    let work = OnSwarm {
        instance: &instance,
        engine: &engine,
        store: &store,
        manner: Manner {
            keep: KeepStack::Cleared,
            follow_logs: FollowLogs::Hidden,
            view: Terminal::open(screen),
            cancel,
        },
    };
    let outcome = sweep::carry_out(&instance, prospect, &manner, &work, &story).await?;
    note(&store, &outcome.view).await;
    store.close().await;
    drop(lease);
    if let Err(error) = report::write_index(&instance) {
        tracing::warn!(%error, "the index of runs is not up to date");
    }
    say(&if args.json { reports::sweep_json(&outcome.view) } else { reports::sweep_table(&outcome.view) });
    if !args.quiet {
        tell(&format!("report: {}\n", outcome.page.display()));
    }
    Ok(outcome.exit())
}

fn planned(prospect: &sweep::Prospect, manner: &sweep::Manner, json: bool) -> String {
    let plan = prospect.rest();
    if json {
        serde_json::to_string_pretty(&plan).expect("a plan is plain data") + "\n"
    } else {
        reports::plan_table(&plan, &manner.asked, manner.jobs)
    }
}

/// Tells the registry how the sweep ended. The sweep's own log is the record, so trouble is for the diary.
async fn note(store: &Store, view: &SweepView) {
    let (Some(start), SweepEnd::Ended { at, .. }, Ok(bytes)) =
        (&view.start, &view.end, crate::run::random_bytes())
    else {
        return;
    };
    let rows = serde_json::json!({ "sweep": start.sweep, "rows": view.ended() });
    let record = SweepRecord { id: RunId::from_random(bytes), began: start.at, ended: *at, rows };
    if let Err(error) = store.sweep_ended(&record).await {
        tracing::warn!(sweep = %start.sweep, %error, "the registry cannot be told of the sweep");
    }
}

/// Returns who is held from sweeps. What holds only a canonical keeps no release from being judged cold.
async fn holds(store: &Store) -> Result<Vec<(RecipeName, Hold)>, Trouble> {
    let all = store.holds().await.map_err(|error| db::of(&error, "could not read what is held"))?;
    let swept = all.into_iter().filter(|hold| match hold.kind {
        HoldKind::Freeze | HoldKind::Pin | HoldKind::Defer | HoldKind::Quarantine => true,
        HoldKind::Lease | HoldKind::Open | HoldKind::Diagnosis => false,
    });
    let told = swept.map(|hold| {
        let reason = format!("{} by {}: {}", hold.kind.name(), hold.owner, hold.reason);
        (hold.recipe, Hold { reason, until: hold.until })
    });
    Ok(told.collect())
}

/// Looks up the names of `--only`. A misspelt one must not look like a recipe with nothing new.
fn named(instance: &Instance, only: &[String]) -> Result<Vec<RecipeName>, Trouble> {
    let mut names = Vec::new();
    for word in only {
        if let Some(name) = instance.recipes.keys().find(|name| name.as_str() == word) {
            names.push(name.clone());
            continue;
        }
        let near = instance.recipes.keys().min_by_key(|name| distance(word, name.as_str()));
        let near = near.filter(|name| distance(word, name.as_str()) <= word.len().max(4) / 2);
        let trouble = Trouble::new(Exit::Usage, format!("no recipe `{word}` is enrolled here"));
        return Err(match near {
            Some(near) => trouble.hint(format!("did you mean `{near}`?")),
            None => trouble.hint("`simmer sweep --dry-run` lists those that are"),
        });
    }
    names.sort();
    names.dedup();
    Ok(names)
}
