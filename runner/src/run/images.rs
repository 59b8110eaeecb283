//! The overlay's own images are built before any stack is made, and none of it counts as a tier's time.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::plan::{RunPlan, SidePlan};
use domain::signature::Known;
use domain::{Cause, Fault};
use harness::engine::{BuildError, BuildOrder, Chain};

use super::labels;
use super::shared::Shared;
use super::side::SideEnd;
use crate::instance::ImageSpec;

/// Longest time for building one image: a compiler may be at work.
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Builds what the overlay asks for. What is there with the same content is left as it is.
pub(crate) async fn build(shared: &Shared) -> Result<(), Cause> {
    for spec in &shared.overlay.images {
        let order = order(shared, spec);
        let built = tokio::select! {
            biased;
            () = shared.cancel.asked() => return Err(Cause::Interrupted),
            () = tokio::time::sleep_until(shared.ends) => {
                return Err(Cause::Timeout { limit: "run".into(), seconds: shared.run_limit.as_secs() });
            }
            built = shared.engine.build_image(&order, BUILD_LIMIT) => built,
        };
        match built {
            Ok(image) => {
                tracing::info!(image = %spec.name, id = %image.id, built = image.built, "image is there");
            }
            Err(error) => return Err(cause(shared, spec, &error)),
        }
    }
    Ok(())
}

/// Returns how every side ends that could not begin for want of an image.
pub(crate) fn unbuilt(plan: &RunPlan, cause: &Cause) -> Vec<(SidePlan, SideEnd)> {
    plan.sides.iter().map(|side| (side.clone(), SideEnd::never_began(side, cause.clone()))).collect()
}

fn order(shared: &Shared, spec: &ImageSpec) -> BuildOrder {
    let ImageSpec { name, context, dockerfile, args } = spec.clone();
    let labels = BTreeMap::from([
        (labels::INSTANCE.to_owned(), shared.instance.clone()),
        (labels::RECIPE.to_owned(), shared.recipe.to_string()),
        (labels::ROLE.to_owned(), "overlay-image".to_owned()),
    ]);
    BuildOrder { name, context, dockerfile, args, labels }
}

fn cause(shared: &Shared, spec: &ImageSpec, error: &BuildError) -> Cause {
    let says = shared.masker.mask(&Chain(error).to_string());
    let kept = keep(shared, spec, error.output());
    match (error.fault(), error) {
        (_, BuildError::Engine { source }) => source.cause(),
        (Fault::Platform | Fault::Runner, _) => {
            Cause::ImagePull { service: "overlay".into(), image: spec.name.clone(), says }
        }
        (Fault::Overlay | Fault::Recipe, _) => {
            let hint = error.hint().unwrap_or_default();
            let remedy =
                kept.map_or_else(|| hint.to_owned(), |file| format!("{hint}; its output is in `{file}`"));
            let known = Known {
                name: "image_build".into(),
                fault: Fault::Overlay,
                says: "an image of the overlay cannot be built".into(),
                remedy,
            };
            let line = says.lines().last().unwrap_or_default().trim().to_owned();
            let beneath = Cause::BadRecipe { says: format!("`[[image]]` `{}`", spec.name) };
            Cause::Named { known: Box::new(known), service: String::new(), line, beneath: Box::new(beneath) }
        }
    }
}

/// Keeps what the build said in the run's folder; returns where.
fn keep(shared: &Shared, spec: &ImageSpec, output: &str) -> Option<String> {
    if output.is_empty() {
        return None;
    }
    let slug: String =
        spec.name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let file = format!("builds/{}.log", slug.trim_matches('.'));
    match shared.log.keep(&file, &shared.masker.mask(output)) {
        Ok(()) => Some(file),
        Err(error) => {
            tracing::warn!(%file, %error, "the output of a build could not be kept");
            None
        }
    }
}
