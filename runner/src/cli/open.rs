//! `simmer canonical open` and `close`.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use domain::event::KeptCopy;

use super::{Place, Trouble, gc, say, tell};
use crate::canonical::{Closed, Closing, Opened, Opening, close as close_it, open as open_it, standing};
use crate::exit::Exit;
use crate::instance::{Instance, read_duration};
use crate::run::{FollowLogs, KeepStack, Manner};
use crate::store::{HoldKind, Store};
use crate::view::{Story, Terminal};

/// How often the one who serves looks whether it is still open.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, clap::Args)]
pub(super) struct OpenArgs {
    /// Name of a recipe with a canonical
    #[arg(value_name = "RECIPE")]
    recipe: String,
    /// How long it stays open; then `simmer reconcile` closes it
    #[arg(long = "for", default_value = "2h", value_name = "TIME", value_parser = length)]
    length: TimeDelta,
    /// Return at once, also where the embedded edge ends with this command and nobody comes in after it
    #[arg(long)]
    detach: bool,
    /// Print where it is as JSON on stdout
    #[arg(long)]
    json: bool,
    /// Follow the containers' logs on stderr while it comes up
    #[arg(long)]
    logs: bool,
    /// Say nothing on stderr but errors
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct CloseArgs {
    /// Name of a recipe
    #[arg(value_name = "RECIPE")]
    recipe: String,
    /// Make the copy the canonical's generation: all that was ever planted has to be there, and the app has to answer
    #[arg(long)]
    keep: bool,
    /// Print what was closed as JSON on stdout
    #[arg(long)]
    json: bool,
    /// Say nothing on stderr but errors
    #[arg(long, short)]
    quiet: bool,
}

/// Reads a length of time such as `2h`.
pub(super) fn length(text: &str) -> Result<TimeDelta, String> {
    let length = read_duration(text)?;
    match TimeDelta::from_std(length) {
        Ok(length) if length > TimeDelta::zero() => Ok(length),
        Ok(_) | Err(_) => Err(format!("`{text}` is no time at all")),
    }
}

pub(super) async fn open(
    place: &Place,
    instance: &Instance,
    store: &Store,
    args: OpenArgs,
) -> Result<Exit, Trouble> {
    let OpenArgs { recipe, length, detach, json, logs, quiet } = args;
    let manner = manner(quiet, if logs { FollowLogs::Shown } else { FollowLogs::Hidden })?;
    instance.recipe(&recipe)?;
    let engine = gc::connect(place, Some(instance)).await?;
    let wanted = Opening { recipe, length };
    let opened = Box::pin(open_it(instance, &engine, store, &wanted, &manner)).await?;
    say(&if json { as_json(&opened) } else { told(&opened) });
    if !opened.is_served_here() {
        return Ok(Exit::Passed);
    }
    if detach {
        tell(
            "the embedded edge ends with this command, and the way in with it; without `--detach` it stays\n",
        );
        return Ok(Exit::Passed);
    }
    if !quiet {
        let (address, ca) = (opened.address(), instance.settings.state.join("edge/ca.pem"));
        tell(&format!(
            "served at {address} by this command (CA: {}); Ctrl-C ends that, and leaves it open\n",
            ca.display()
        ));
    }
    serve(instance, &engine, store, &opened, &manner).await
}

/// Keeps the way in open until somebody closes it, its end comes, or Ctrl-C.
async fn serve(
    instance: &Instance,
    engine: &harness::engine::Engine,
    store: &Store,
    opened: &Opened,
    manner: &Manner,
) -> Result<Exit, Trouble> {
    let recipe = &opened.recipe;
    loop {
        tokio::select! {
            biased;
            () = manner.cancel.asked() => {
                tell(&format!(
                    "not served any more, and open until {}; `simmer canonical close {recipe}` closes it\n",
                    opened.until.format("%Y-%m-%d %H:%M UTC")
                ));
                return Ok(Exit::Passed);
            }
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if Utc::now() >= opened.until {
            let wanted = Closing { recipe: recipe.to_string(), keep: KeptCopy::No };
            let closed = close_it(instance, engine, store, &wanted, manner).await?;
            tell(&format!("its end has come: {}", closed_told(&closed)));
            return Ok(exit(&closed));
        }
        let there =
            standing(store, recipe).await.map_err(|e| super::db::of(&e, "could not read what is open"))?;
        if !there.iter().any(|hold| hold.owner == opened.run.as_str()) {
            tell("closed by somebody else\n");
            return Ok(Exit::Passed);
        }
    }
}

pub(super) async fn close(
    place: &Place,
    instance: &Instance,
    store: &Store,
    args: CloseArgs,
) -> Result<Exit, Trouble> {
    let CloseArgs { recipe, keep, json, quiet } = args;
    let manner = manner(quiet, FollowLogs::Hidden)?;
    let engine = gc::connect(place, Some(instance)).await?;
    let wanted = Closing { recipe, keep: if keep { KeptCopy::Yes } else { KeptCopy::No } };
    let closed = Box::pin(close_it(instance, &engine, store, &wanted, &manner)).await?;
    if json {
        let Closed { recipe, was, generation, kept, left } = &closed;
        let text = serde_json::json!({
            "recipe": recipe, "was": was.name(), "generation": generation, "kept": kept, "left": left,
        });
        say(&format!("{}\n", serde_json::to_string_pretty(&text).expect("what was closed is plain data")));
    } else {
        say(&closed_told(&closed));
    }
    for object in &closed.left {
        tell(&format!("LEFT BEHIND: {object}\n"));
    }
    Ok(exit(&closed))
}

fn manner(quiet: bool, follow_logs: FollowLogs) -> Result<Manner, Trouble> {
    Ok(Manner {
        keep: KeepStack::Cleared,
        follow_logs,
        view: Terminal::open(if quiet { Story::Silent } else { Story::Told }),
        cancel: super::run::listen()?,
    })
}

fn exit(closed: &Closed) -> Exit {
    if closed.left.is_empty() { Exit::Passed } else { Exit::LeftBehind }
}

fn told(opened: &Opened) -> String {
    let Opened { recipe, release, from, generation, url, secrets, until, .. } = opened;
    format!(
        "the canonical of {recipe} is open: {release} on {generation}, a copy of {from}, which stays as it is\n  look at   {url}\n  secrets   {}\n  until     {}\n  close     simmer canonical close {recipe}   (--keep makes the copy the canonical's generation)\n",
        secrets.display(),
        until.format("%Y-%m-%d %H:%M UTC"),
    )
}

fn as_json(opened: &Opened) -> String {
    let Opened { run, recipe, release, from, generation, url, secrets, until, .. } = opened;
    let text = serde_json::json!({
        "run": run, "recipe": recipe, "release": release, "from": from, "generation": generation,
        "url": url, "secrets": secrets, "until": until,
        "edge": opened.is_served_here().then(|| opened.address().to_string()),
    });
    format!("{}\n", serde_json::to_string_pretty(&text).expect("where it is is plain data"))
}

fn closed_told(closed: &Closed) -> String {
    let Closed { recipe, was, generation, kept, left: _ } = closed;
    let copy = generation.map_or_else(|| "the copy".to_owned(), |generation| generation.to_string());
    match (kept, was) {
        (KeptCopy::Yes, _) => format!("closed: the canonical of {recipe} stands on {copy}, as it was left\n"),
        (KeptCopy::No, HoldKind::Diagnosis) => {
            format!(
                "closed: the failed candidate of {recipe} ({copy}) is gone; the canonical stands where it stood\n"
            )
        }
        (KeptCopy::No, _) => {
            format!("closed: {copy} is gone; the canonical of {recipe} stands where it stood, unchanged\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Generation, RecipeName};

    use super::*;

    #[test]
    fn a_length_has_a_unit_and_is_more_than_nothing() {
        assert_eq!(length("2h"), Ok(TimeDelta::hours(2)));
        assert_eq!(length("1h 30m"), Ok(TimeDelta::minutes(90)));
        for bad in ["", "2", "0s", "two hours", "9999h"] {
            assert!(length(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_became_of_the_copy_is_told_in_a_line() {
        let closed = |was, kept| {
            closed_told(&Closed {
                recipe: RecipeName::parse("gitea").unwrap(),
                was,
                generation: Some(Generation(4)),
                kept,
                left: Vec::new(),
            })
        };
        let all = [
            closed(HoldKind::Open, KeptCopy::No),
            closed(HoldKind::Open, KeptCopy::Yes),
            closed(HoldKind::Diagnosis, KeptCopy::No),
        ];
        insta::assert_snapshot!(all.concat(), @r"
        closed: g4 is gone; the canonical of gitea stands where it stood, unchanged
        closed: the canonical of gitea stands on g4, as it was left
        closed: the failed candidate of gitea (g4) is gone; the canonical stands where it stood
        ");
    }
}
