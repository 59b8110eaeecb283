//! What the mirrors of all recipes say. One broken remote stops nothing (CC-008).

use std::collections::BTreeMap;
use std::time::Duration;

use domain::RecipeName;
use domain::release::newest;
use domain::sweep::{Asked, Membership, Newest};
use futures_util::stream::{self, StreamExt as _};
use harness::source::{Mirror, SourceError};

use crate::cancel::Cancel;
use crate::instance::{Enrolment, Instance};

/// Longest time for one remote. Shorter than that of a run: a remote that hangs is not to hold up a hundred others, and
/// recipes are small.
const REMOTE_LIMIT: Duration = Duration::from_secs(120);
/// Remotes that are asked at a time: a hundred recipes often live on one server.
const AT_A_TIME: usize = 8;

/// Fetches every recipe that takes part, and returns what its newest release is, or why that is not known.
pub async fn newest_of_all(
    instance: &Instance,
    asked: &Asked,
    cancel: &Cancel,
) -> BTreeMap<RecipeName, Newest> {
    let wanted = instance.recipes.iter().filter(|(recipe, enrolment)| {
        enrolment.membership == Membership::In && (asked.only.is_empty() || asked.only.contains(recipe))
    });
    stream::iter(wanted)
        .map(|(recipe, enrolment)| async move {
            let found = newest_of(instance, recipe, enrolment, cancel).await;
            (recipe.clone(), found.unwrap_or_else(|error| lost(&error)))
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await
}

async fn newest_of(
    instance: &Instance,
    recipe: &RecipeName,
    enrolment: &Enrolment,
    cancel: &Cancel,
) -> Result<Newest, SourceError> {
    let store = instance.settings.state.join("mirrors").join(recipe.as_str());
    let mirror = Mirror::sync(&enrolment.source, &store, REMOTE_LIMIT, cancel.asked()).await?;
    let releases = mirror.releases().await?;
    Ok(match newest(&releases.releases) {
        Some(release) => Newest::Release { tag: release.tag.clone(), commit: release.commit.clone() },
        None => Newest::NoRelease,
    })
}

fn lost(error: &SourceError) -> Newest {
    let mut says = error.to_string();
    let mut below = std::error::Error::source(error);
    while let Some(cause) = below {
        says = format!("{says}: {cause}");
        below = cause.source();
    }
    Newest::Unreachable { says, fault: error.fault() }
}
