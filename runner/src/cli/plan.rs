//! `simmer plan`: what `run` would do.

use domain::RunId;
use domain::plan::Room;

use super::args::RunArgs;
use super::{Place, Trouble, run, say};
use crate::exit::Exit;
use crate::run::prepare;

pub(super) async fn plan(place: &Place, args: RunArgs) -> Result<Exit, Trouble> {
    let instance = place.open()?;
    let cancel = run::listen()?;
    let mut text = String::new();
    for wanted in run::wanted(&args)? {
        let id = RunId::from_random(crate::run::random_bytes()?);
        let folder = instance.settings.state.join("runs").join(id.as_str());
        let prepared = prepare(&instance, &wanted, id, &cancel).await;
        crate::run::drop_folder(&folder);
        let prepared = prepared?;
        let subject = &prepared.subject;
        text += &format!("{} {} ({})\n", subject.recipe, subject.at, &subject.commit[..8]);
        for side in &prepared.plan.sides {
            let from = side.base.as_ref().map(|b| format!(" from {}", b.tag)).unwrap_or_default();
            let judges: Vec<_> = side.tiers.iter().map(|tier| tier.name()).collect();
            text += &format!("  {} judges {}{from}\n", side.side, judges.join(", "));
            for of_tier in side.acts.chunk_by(|a, b| a.tier == b.tier) {
                let acts: Vec<_> = of_tier.iter().map(|planned| planned.act.name()).collect();
                text += &format!("    {:<8} {}\n", of_tier[0].tier, acts.join(", "));
            }
        }
        for (tier, why) in &prepared.plan.skipped {
            text += &format!("  - {tier}: skipped, {why}\n");
        }
        match &prepared.plan.room {
            Room::SideBySide => {}
            Room::OneByOne(why) => text += &format!("  one stack at a time: {why}\n"),
        }
    }
    say(&text);
    Ok(Exit::Passed)
}
