//! `simmer promote`.

use chrono::TimeDelta;
use domain::Cause;
use domain::event::Context;

use super::{Place, Trouble, db, gc, say};
use crate::canonical::{Promoted, Promotion, PromotionEnd, Way, promote as carry};
use crate::exit::Exit;
use crate::report;
use crate::run::{FollowLogs, KeepStack, Manner};
use crate::view::{Story, Terminal};

#[derive(Clone, Debug, clap::Args)]
pub struct PromoteArgs {
    /// Name of an enrolled recipe with `canonical = true`
    #[arg(value_name = "RECIPE")]
    recipe: String,
    /// Do everything but the commit, and leave nothing
    #[arg(long)]
    dry: bool,
    /// Tag of a release, or with `--dry` any ref [default: the newest release]
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,
    /// Where it fails, leave the candidate deployed for diagnosis for that long, such as `2h`; the canonical stands where
    /// it stood, `simmer canonical close` ends it earlier, and the next promotion closes it first
    #[arg(long, value_name = "TIME", value_parser = super::open::length)]
    keep_failed: Option<TimeDelta>,
    /// Print the outcome as JSON on stdout
    #[arg(long)]
    json: bool,
    /// Follow the containers' logs on stderr
    #[arg(long)]
    logs: bool,
    /// Say nothing on stderr but errors
    #[arg(long, short)]
    quiet: bool,
}

pub(super) async fn promote(place: &Place, args: PromoteArgs) -> Result<Exit, Trouble> {
    let PromoteArgs { recipe, dry, reference, keep_failed, json, logs, quiet } = args;
    let instance = place.open()?;
    let manner = Manner {
        keep: KeepStack::Cleared,
        follow_logs: if logs { FollowLogs::Shown } else { FollowLogs::Hidden },
        view: Terminal::open(if quiet { Story::Silent } else { Story::Told }),
        cancel: super::run::listen()?,
    };
    instance.recipe(&recipe)?;
    let store = db::open(&instance.settings.database).await?;
    let engine = gc::connect(place, Some(&instance)).await?;
    let way = if dry { Way::Dry } else { Way::Commit };
    let wanted = Promotion { recipe, reference, way, keep_failed, context: Context::Hand };
    let promoted = carry(&instance, &engine, &store, &wanted, &manner).await;
    store.close().await;
    let promoted = promoted?;
    let view = reports::fold(&promoted.events);
    let page = report::write(&promoted.folder, &view).map_err(|error| super::run::unwritten(&error))?;
    report::write_index(&instance).map_err(|error| super::run::unwritten(&error))?;
    if json {
        say(&reports::outcome_json(&view));
    } else {
        say(&told(&promoted));
    }
    if let Some(until) = promoted.kept {
        let recipe = &promoted.recipe;
        let until = until.format("%Y-%m-%d %H:%M UTC");
        super::tell(&format!(
            "the failed candidate stays deployed until {until}; `simmer canonical close {recipe}` ends that\n"
        ));
    }
    if !quiet {
        super::tell(&format!("report: {}\n", page.display()));
    }
    Ok(promoted.exit())
}

fn told(promoted: &Promoted) -> String {
    let Promoted { recipe, release, end, left, .. } = promoted;
    match end {
        PromotionEnd::Promoted { generation, advances: 0 } => {
            format!("promoted: the canonical of {recipe} is born on {release} ({generation})\n")
        }
        PromotionEnd::Promoted { generation, advances } => {
            format!(
                "promoted: the canonical of {recipe} stands on {release} ({generation}, {})\n",
                super::canonical::survived(*advances)
            )
        }
        PromotionEnd::Proven => {
            format!("proven: {release} holds on the data of {recipe}; nothing was committed\n")
        }
        PromotionEnd::Failed { verdict } => {
            let why = verdict.cause().map(|cause| format!(": {cause}")).unwrap_or_default();
            let stands = match verdict.cause() {
                // The commit's answer was lost: it may have held.
                Some(Cause::Registry { .. }) if !left.is_empty() => {
                    format!("`simmer reconcile {recipe}` finds out where the canonical stands")
                }
                Some(_) | None => "the canonical stands where it stood".to_owned(),
            };
            format!("not promoted: {recipe} {release} {}{why}\n{stands}\n", verdict.word())
        }
    }
}
