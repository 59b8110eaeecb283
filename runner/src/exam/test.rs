//! One test of a tier: does it apply, what came of it, what is its cause.

use std::time::Instant;

use domain::Cause;
use domain::data::Source;
use domain::test::{TestOutcome, Tested};

use super::declared::{Asked, Came, carry_out};
use super::program::Called;
use super::scene::{Marker, Scene};
use crate::instance::ask::TestSpec;

/// A test that was made, and why it did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    pub tested: Tested,
    /// `None` where it passed or was left out.
    pub cause: Option<Cause>,
}

/// Makes a test of the overlay.
pub async fn test(scene: &Scene, spec: &TestSpec, marker: &Marker) -> Examined {
    let scene = &scene.at(spec.tier);
    let called = Called { name: spec.name.clone(), source: Source::Overlay, root: scene.overlay.clone() };
    let started = Instant::now();
    let asked = match scene.refuses(spec.applies_to.as_ref()) {
        Some(why) => Asked { came: Came::Skipped { why }, ..Asked::default() },
        None => carry_out(scene, &spec.ask, marker, &called).await,
    };
    examined(scene, called, spec.ask.how.kind(), asked, started)
}

/// Puts what came into the words of reports.
pub(super) fn examined(
    scene: &Scene,
    called: Called,
    kind: &str,
    asked: Asked,
    started: Instant,
) -> Examined {
    let Asked { came, text: _, last_lines, cases, file } = asked;
    let Called { name, source, root: _ } = called;
    let (outcome, cause) = match came {
        Came::AsExpected => (TestOutcome::Passed, None),
        Came::Skipped { why } => (TestOutcome::Skipped { why }, None),
        Came::Otherwise { says } => {
            let cause = Cause::Test { test: name.clone(), source, says: says.clone(), last_lines };
            (TestOutcome::Failed { says }, Some(cause))
        }
        Came::Broken { says } => {
            let cause = Cause::TestBroken { test: name.clone(), source, says: says.clone() };
            (TestOutcome::Broken { says }, Some(cause))
        }
        Came::Trouble(cause) => (TestOutcome::Broken { says: cause.to_string() }, Some(*cause)),
    };
    let millis = millis(started);
    let tested =
        Tested { name, tier: scene.tier, source, kind: kind.to_owned(), outcome, millis, cases, file };
    Examined { tested, cause }
}

pub(super) fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
