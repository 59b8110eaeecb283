//! `up`: everything that the work needs around the code. Does nothing where that is already so.

use std::time::Instant;

use anyhow::Result;

use crate::images::{Catalogue, Group, Plan, build_all};
use crate::places::Places;
use crate::progress::{Progress, say, seconds};
use crate::record::Record;
use crate::{engine, lock, network, samples};

/// How much of the images an `up` builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The fast group.
    Fast,
    /// The fast group, then the heavy one.
    All,
}

/// Makes engine, swarm, network and images.
pub(crate) fn up(places: &Places, reach: Reach) -> Result<()> {
    let started = Instant::now();
    let _lock = lock::take(&places.state().join("xtask.lock"), "up")?;
    let mut record = Record::open(&places.state())?;
    let progress = Progress::new();
    progress.step("packages", || {
        engine::install(&mut record, &[("docker.io", "dockerd"), ("mmdebstrap", "mmdebstrap")])
    })?;
    progress.step("engine", || engine::start(places, &mut record))?;
    progress.step("swarm", || network::swarm(&mut record))?;
    progress.step("network", || network::proxy(&mut record))?;
    progress.step("sample recipes", || samples::repositories(places))?;
    images(places, &mut record, &progress, |group| match (group, reach) {
        (Group::Live | Group::Fast, _) | (Group::Heavy, Reach::All) => true,
        (Group::Heavy, Reach::Fast) | (Group::OnDemand, _) => false,
    })?;
    say(&format!("up after {}", seconds(started.elapsed())));
    Ok(())
}

/// Builds the images of some groups, and what they stand on.
fn images(
    places: &Places,
    record: &mut Record,
    progress: &Progress,
    wanted: impl Fn(Group) -> bool,
) -> Result<()> {
    let catalogue = Catalogue::read(&places.images())?;
    let picked = catalogue.pick(|image| wanted(image.group));
    let mut plan = None;
    progress.step("images", || {
        let found = Plan::of(&picked)?;
        let said = match (found.build.len(), found.fresh) {
            (0, fresh) => crate::progress::Outcome::Already(format!("{fresh} are as their folders say")),
            (build, fresh) => crate::progress::Outcome::Done(format!("{build} to build, {fresh} are there")),
        };
        plan = Some(found);
        Ok(said)
    })?;
    let Some(plan) = plan.filter(|plan| !plan.build.is_empty()) else { return Ok(()) };
    record.note(|made| made.images.extend(plan.build.iter().map(|image| image.name.clone())))?;
    build_all(places, progress, &plan, &record.label())
}
