//! `simmer canonical`.

use std::fmt::Write as _;

use chrono::Utc;
use domain::retention::{Kept, Retention, way_back};
use domain::{Canonical, Generation, RecipeName, RunId};

use super::{Place, Trouble, db, gc, say};
use crate::canonical::{committed, lease_name, let_go, refuse_while_open, standing};
use crate::exit::Exit;
use crate::instance::Instance;
use crate::journal;
use crate::lease::{Lease, Leases, Owner};
use crate::run::random_bytes;
use crate::store::{GenerationRecord, JournalEntry, Store, Work};

#[derive(Clone, Debug, clap::Args)]
pub struct CanonicalArgs {
    #[command(subcommand)]
    command: CanonicalCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum CanonicalCommand {
    /// List all canonicals and where they stand
    List {
        /// Print the records as JSON on stdout
        #[arg(long)]
        json: bool,
    },
    /// Show the lineage of one: born, advances, generations, markers, fingerprint
    Show {
        /// Name of a recipe
        #[arg(value_name = "RECIPE")]
        recipe: String,
        /// Print record and generations as JSON on stdout
        #[arg(long)]
        json: bool,
    },
    /// Deploy its release on a copy of its data, for a person to look at
    Open(super::open::OpenArgs),
    /// End what `open` or `promote --keep-failed` left deployed
    Close(super::open::CloseArgs),
    /// Make the record name an older committed generation; no data is changed
    Rollback {
        /// Name of a recipe
        #[arg(value_name = "RECIPE")]
        recipe: String,
        /// Number of the generation, such as 3 [default: the one that the present one came from]
        #[arg(long, value_name = "N")]
        to: Option<u32>,
    },
    /// Give a canonical up: record, volumes and secrets go, and nothing brings them back
    Drop {
        /// Name of a recipe
        #[arg(value_name = "RECIPE")]
        recipe: String,
        /// Its data is deleted for ever
        #[arg(long, required = true)]
        delete_data: bool,
    },
}

pub(super) async fn canonical(place: &Place, args: CanonicalArgs) -> Result<Exit, Trouble> {
    let instance = place.open()?;
    let store = db::open(&instance.settings.database).await?;
    let done = match args.command {
        CanonicalCommand::Open(args) => super::open::open(place, &instance, &store, args).await,
        CanonicalCommand::Close(args) => super::open::close(place, &instance, &store, args).await,
        CanonicalCommand::List { json } => list(&store, json).await,
        CanonicalCommand::Show { recipe, json } => show(&instance, &store, &recipe, json).await,
        CanonicalCommand::Rollback { recipe, to } => rollback(&instance, &store, &recipe, to).await,
        CanonicalCommand::Drop { recipe, delete_data: _ } => drop_it(place, &instance, &store, &recipe).await,
    };
    store.close().await;
    done
}

async fn list(store: &Store, json: bool) -> Result<Exit, Trouble> {
    let all = store.canonicals().await.map_err(unread)?;
    if json {
        say(&format!("{}\n", serde_json::to_string_pretty(&all).expect("records are plain data")));
        return Ok(Exit::Passed);
    }
    if all.is_empty() {
        super::tell("no canonical yet: `simmer run RECIPE`, then `simmer promote RECIPE`\n");
    }
    let width = all.iter().map(|c| c.recipe.as_str().len()).max().unwrap_or(0);
    let mut text = String::new();
    for Canonical { recipe, release, generation, advances, born, at, .. } in &all {
        let (born, at) = (born.format("%Y-%m-%d"), at.format("%Y-%m-%d %H:%M"));
        writeln!(
            text,
            "{recipe:<width$}  {release}  {generation}  {}  born {born}  at {at}",
            survived(*advances)
        )
        .expect("a text takes all");
    }
    say(&text);
    Ok(Exit::Passed)
}

/// `1 advance`, `2 advances`.
pub(super) fn survived(advances: u32) -> String {
    reports::count(usize::try_from(advances).unwrap_or(usize::MAX), "advance", "advances")
}

async fn known(instance: &Instance, store: &Store, recipe: &str) -> Result<(RecipeName, Canonical), Trouble> {
    let (name, _) = instance.recipe(recipe)?;
    let record = store.canonical(name).await.map_err(unread)?;
    let record = record.ok_or_else(|| {
        Trouble::new(Exit::Usage, format!("recipe `{name}` has no canonical yet"))
            .hint(format!("`simmer promote {name}` makes one of a green release"))
    })?;
    Ok((name.clone(), record))
}

async fn show(instance: &Instance, store: &Store, recipe: &str, json: bool) -> Result<Exit, Trouble> {
    let (name, record) = known(instance, store, recipe).await?;
    let generations = store.generations(&name).await.map_err(unread)?;
    if json {
        let both = serde_json::json!({ "canonical": record, "generations": generations });
        say(&format!("{}\n", serde_json::to_string_pretty(&both).expect("records are plain data")));
    } else {
        say(&lineage(&record, &generations, instance.settings.retention));
    }
    Ok(Exit::Passed)
}

/// The lineage for people.
fn lineage(record: &Canonical, generations: &[GenerationRecord], retention: Retention) -> String {
    let Canonical {
        recipe,
        release,
        commit,
        generation,
        advances,
        born,
        at,
        planted,
        fingerprint,
        run,
        cold,
        ..
    } = record;
    let (files, bytes) = fingerprint.totals();
    let oldest =
        planted.first().map_or("none".to_owned(), |p| format!("{} ({})", p.release, p.at.format("%Y-%m-%d")));
    let mut text = format!(
        "{recipe} {release} ({generation}, commit {})\n  born      {}, {} survived\n  at        {}, by run {run} on the word of run {cold}\n  markers   {}, the oldest readable of {oldest}\n  data      {files} files, {bytes} bytes{}\n",
        commit.get(..8).unwrap_or(commit),
        born.format("%Y-%m-%d %H:%M"),
        survived(*advances),
        at.format("%Y-%m-%d %H:%M"),
        reports::count(planted.len(), "release", "releases"),
        fingerprint.counts.iter().map(|(name, count)| format!(", {name} {count}")).collect::<String>(),
    );
    for g in generations {
        let here = if g.number == *generation { "  <- here" } else { "" };
        let standing = match g.standing {
            domain::canonical::Standing::Candidate => "candidate",
            domain::canonical::Standing::Committed => "committed",
            domain::canonical::Standing::Dropped => "dropped",
        };
        let held = g.fingerprint().map_or("not printed".to_owned(), |print| {
            let (files, bytes) = print.totals();
            format!("{files} files, {}", reports::bytes(bytes))
        });
        let (number, release, run) = (g.number.to_string(), &g.release, &g.run);
        writeln!(text, "  {number:<5} {standing:<10} {release}  {held}  run {run}{here}")
            .expect("a text takes all");
    }
    text + &keeping(&committed(generations), *generation, retention)
}

/// What the retention says of them.
fn keeping(committed: &[Kept], record: Generation, retention: Retention) -> String {
    let Retention { keep, days, bytes } = retention;
    let held = committed.iter().map(|one| one.bytes).fold(0, u64::saturating_add);
    let days = days.map_or_else(String::new, |days| format!(", {days} days"));
    let most = bytes.map_or_else(String::new, |bytes| format!(", {}", reports::bytes(bytes)));
    let back = way_back(committed, record).map_or("nothing".to_owned(), |back| back.to_string());
    format!(
        "  kept      {} of {keep} generations{days}, {} together{most}; the way back is {back}\n",
        committed.len(),
        reports::bytes(held)
    )
}

async fn rollback(
    instance: &Instance,
    store: &Store,
    recipe: &str,
    to: Option<u32>,
) -> Result<Exit, Trouble> {
    let (name, record) = known(instance, store, recipe).await?;
    let (run, _ours) = lease(instance, &name, "roll back")?;
    refuse_while_open(store, &name, "roll back").await?;
    let generations = store.generations(&name).await.map_err(unread)?;
    // What the retention keeps as the way back, so that it is always there.
    let back = way_back(&crate::canonical::committed(&generations), record.generation);
    let committed = generations
        .iter()
        .filter(|g| g.standing == domain::canonical::Standing::Committed && g.number != record.generation)
        .map(|g| g.number);
    let committed: Vec<Generation> = committed.collect();
    let wanted = match to {
        Some(number) => committed.iter().find(|g| g.0 == number),
        None => committed.iter().find(|g| Some(**g) == back),
    };
    let Some(wanted) = wanted else {
        let kept: Vec<String> = committed.iter().map(ToString::to_string).collect();
        let kept =
            if kept.is_empty() { "none is kept".to_owned() } else { format!("kept are {}", kept.join(", ")) };
        return Err(Trouble::new(Exit::Usage, format!("`{name}` has no such generation to go back to"))
            .hint(format!("{kept}; see `simmer canonical show {name}`")));
    };
    let step = |step: &str| JournalEntry {
        recipe: Some(name.clone()),
        run: run.clone(),
        kind: Work::Rollback,
        step: step.to_owned(),
        since: Utc::now(),
    };
    store.journal(&step(journal::ROLL_BACK)).await.map_err(unread)?;
    store.roll_back(&name, *wanted, Utc::now(), &run).await.map_err(unread)?;
    store.journal(&step(journal::READ_BACK)).await.map_err(unread)?;
    let now = store.canonical(&name).await.map_err(unread)?;
    store.journal_done(&run).await.map_err(unread)?;
    let Some(now) = now.filter(|now| now.generation == *wanted) else {
        return Err(Trouble::new(
            Exit::NotJudged,
            format!("the record of `{name}` does not say what was written"),
        )
        .hint("look with `simmer db check`"));
    };
    say(&format!("the canonical of {name} stands on {} ({}) again\n", now.release, now.generation));
    Ok(Exit::Passed)
}

async fn drop_it(place: &Place, instance: &Instance, store: &Store, recipe: &str) -> Result<Exit, Trouble> {
    let (name, _) = instance.recipe(recipe)?;
    let (run, _ours) = lease(instance, name, "drop the canonical of")?;
    refuse_while_open(store, name, "drop the canonical of").await?;
    // A failed candidate that is kept goes with all the rest.
    let_go(store, &standing(store, name).await.map_err(unread)?).await.map_err(unread)?;
    let engine = gc::connect(place, Some(instance)).await?;
    let left = crate::canonical::forget(instance, &engine, store, name, &run).await?;
    if left.is_empty() {
        say(&format!("the canonical of {name} is no more\n"));
        return Ok(Exit::Passed);
    }
    super::tell(&format!("LEFT BEHIND: {}\n", left.join(", ")));
    Ok(Exit::LeftBehind)
}

/// Says that this process works on the canonical, or who does.
fn lease(instance: &Instance, recipe: &RecipeName, doing: &str) -> Result<(RunId, Lease), Trouble> {
    let run = RunId::from_random(random_bytes()?);
    let owner = Owner::here(run.to_string(), recipe.to_string());
    let taken = Leases::of(&instance.settings.state).take(&lease_name(recipe), &owner);
    let lease = taken.map_err(|error| {
        Trouble::from_error(Exit::NotJudged, format!("could not {doing} `{recipe}`"), &error)
            .hint("wait until that has ended, or stop it")
    })?;
    Ok((run, lease))
}

fn unread(error: crate::store::StoreError) -> Trouble {
    db::of(&error, "the registry cannot be used")
}
