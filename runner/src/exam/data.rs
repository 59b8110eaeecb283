//! Real data of an app: planted, read back, destroyed, counted.
//!
//! What is planted is read back at once, and what is destroyed is shown to be gone: otherwise a later check would
//! prove nothing.

use std::time::Instant;

use domain::Cause;
use domain::data::{AfterBackup, Counts, Datum, Deed, Source};

use super::declared::{Came, carry_out};
use super::program::Called;
use super::scene::{Marker, Scene};
use super::test::millis;
use crate::instance::ask::{Ask, CountSpec, DatumSpec};

/// What was done with a datum, and why it is not well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    pub datum: Datum,
    pub cause: Option<Cause>,
}

/// What a check of a datum is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It came through an upgrade: [`Cause::DataLost`].
    Survived,
    /// A restore brought it back: [`Cause::NotRestored`].
    Restored,
    /// It was made after the backup, and a restore took it away or left it: [`Cause::AfterBackup`].
    AfterBackup(AfterBackup),
}

/// Plants a datum and reads it back. `None` where it does not apply to this release.
pub async fn plant(scene: &Scene, spec: &DatumSpec, marker: &Marker, stage: &str) -> Option<Done> {
    if scene.refuses(spec.applies_to.as_ref()).is_some() {
        return None;
    }
    let started = Instant::now();
    let seed = |says: String| Cause::Seed { what: spec.name.clone(), says };
    let cause = match asked(scene, spec, "seed", &spec.seed, marker).await {
        Came::AsExpected => match asked(scene, spec, "check", &spec.check, marker).await {
            Came::AsExpected => None,
            Came::Otherwise { says } => {
                Some(seed(format!("it was planted, and its check does not find it: {says}")))
            }
            came @ (Came::Skipped { .. } | Came::Broken { .. } | Came::Trouble(_)) => {
                untold(spec, "check", came)
            }
        },
        Came::Otherwise { says } => Some(seed(says)),
        came @ (Came::Skipped { .. } | Came::Broken { .. } | Came::Trouble(_)) => untold(spec, "seed", came),
    };
    Some(done(spec, Deed::Seeded, stage, "planted and read back", started, cause))
}

/// Reads a datum back. `None` where it does not apply to this release.
pub async fn check(
    scene: &Scene,
    spec: &DatumSpec,
    marker: &Marker,
    stage: &str,
    purpose: Purpose,
) -> Option<Done> {
    if scene.refuses(spec.applies_to.as_ref()).is_some() {
        return None;
    }
    let started = Instant::now();
    let came = asked(scene, spec, "check", &spec.check, marker).await;
    let what = spec.name.clone();
    let (cause, well) = match (purpose, came) {
        (Purpose::Survived | Purpose::Restored, Came::AsExpected) => (None, "there, and as it was"),
        (Purpose::AfterBackup(AfterBackup::Kept), Came::AsExpected) => (None, "there, as it should be"),
        (Purpose::AfterBackup(AfterBackup::Gone), Came::Otherwise { .. }) => (None, "gone, as it should be"),
        (Purpose::Survived, Came::Otherwise { says }) => (Some(Cause::DataLost { volume: what, says }), ""),
        (Purpose::Restored, Came::Otherwise { says }) => (Some(Cause::NotRestored { what, says }), ""),
        (Purpose::AfterBackup(AfterBackup::Gone), Came::AsExpected) => {
            let says = "it was made after the backup, and is still there after the restore".to_owned();
            (Some(Cause::AfterBackup { what, wanted: AfterBackup::Gone, says }), "")
        }
        (Purpose::AfterBackup(AfterBackup::Kept), Came::Otherwise { says }) => {
            (Some(Cause::AfterBackup { what, wanted: AfterBackup::Kept, says }), "")
        }
        (_, came @ (Came::Skipped { .. } | Came::Broken { .. } | Came::Trouble(_))) => {
            (untold(spec, "check", came), "")
        }
    };
    Some(done(spec, Deed::Checked, stage, well, started, cause))
}

/// Destroys a datum, and shows by its check that it is gone. `None` where the overlay has no way to, or it does
/// not apply to this release.
pub async fn destroy(scene: &Scene, spec: &DatumSpec, marker: &Marker, stage: &str) -> Option<Done> {
    let destroy = spec.destroy.as_ref()?;
    if scene.refuses(spec.applies_to.as_ref()).is_some() {
        return None;
    }
    let started = Instant::now();
    let broken = |says: String| broken(spec, "destroy", says);
    let cause = match asked(scene, spec, "destroy", destroy, marker).await {
        Came::AsExpected => match asked(scene, spec, "check", &spec.check, marker).await {
            Came::Otherwise { .. } => None,
            Came::AsExpected => {
                Some(broken("it destroys nothing: the check finds the datum after it as before".into()))
            }
            came @ (Came::Skipped { .. } | Came::Broken { .. } | Came::Trouble(_)) => {
                untold(spec, "check", came)
            }
        },
        Came::Otherwise { says } => Some(broken(says)),
        came @ (Came::Skipped { .. } | Came::Broken { .. } | Came::Trouble(_)) => {
            untold(spec, "destroy", came)
        }
    };
    Some(done(spec, Deed::Destroyed, stage, "destroyed, and its check misses it", started, cause))
}

async fn asked(scene: &Scene, spec: &DatumSpec, deed: &str, ask: &Ask, marker: &Marker) -> Came {
    let name = format!("{} {deed}", spec.name);
    let called = Called { name, source: Source::Overlay, root: scene.overlay.clone() };
    carry_out(scene, ask, marker, &called).await.came
}

/// Returns the cause of an ask that says nothing about the data.
fn untold(spec: &DatumSpec, deed: &str, came: Came) -> Option<Cause> {
    match came {
        Came::AsExpected => None,
        Came::Otherwise { says } | Came::Broken { says } => Some(broken(spec, deed, says)),
        Came::Skipped { why } => {
            Some(broken(spec, deed, format!("it was skipped ({why}), so that nothing is known of the data")))
        }
        Came::Trouble(cause) => Some(*cause),
    }
}

fn broken(spec: &DatumSpec, deed: &str, says: String) -> Cause {
    Cause::TestBroken { test: format!("{} ({deed})", spec.name), source: Source::Overlay, says }
}

fn done(
    spec: &DatumSpec,
    deed: Deed,
    stage: &str,
    well: &str,
    started: Instant,
    cause: Option<Cause>,
) -> Done {
    let datum = Datum {
        name: spec.name.clone(),
        source: Source::Overlay,
        deed,
        stage: stage.to_owned(),
        ok: cause.is_none(),
        says: cause.as_ref().map_or_else(|| well.to_owned(), ToString::to_string),
        millis: millis(started),
    };
    Done { datum, cause }
}

/// Counts what the overlay names.
pub async fn count(scene: &Scene, specs: &[CountSpec], marker: &Marker) -> Result<Counts, Cause> {
    let mut counts = Counts::new();
    for spec in specs {
        let broken = |says: String| Cause::TestBroken {
            test: format!("{} (count)", spec.name),
            source: Source::Overlay,
            says,
        };
        let called = Called {
            name: format!("{} count", spec.name),
            source: Source::Overlay,
            root: scene.overlay.clone(),
        };
        let asked = carry_out(scene, &spec.ask, marker, &called).await;
        match asked.came {
            Came::AsExpected => {}
            Came::Otherwise { says } | Came::Broken { says } => return Err(broken(says)),
            Came::Skipped { why } => return Err(broken(format!("it was skipped ({why})"))),
            Came::Trouble(cause) => return Err(*cause),
        }
        let number = number(&asked.text, spec.pointer.as_deref())
            .map_err(|says| broken(scene.fit(&says, super::text::SAYS)))?;
        counts.insert(spec.name.clone(), number);
    }
    Ok(counts)
}

fn number(text: &str, pointer: Option<&str>) -> Result<i64, String> {
    let quoted = || super::text::shown(text.trim(), 200);
    match pointer {
        None => text.trim().parse().map_err(|_| format!("expected a number, got `{}`", quoted())),
        Some(pointer) => {
            let value: serde_json::Value = serde_json::from_str(text)
                .map_err(|error| format!("expected JSON ({error}), got `{}`", quoted()))?;
            match value.pointer(pointer) {
                Some(serde_json::Value::Number(number)) => number
                    .as_i64()
                    .ok_or_else(|| format!("expected a whole number at `{pointer}`, got `{number}`")),
                // How many there are is what a list is counted for.
                Some(serde_json::Value::Array(items)) => Ok(i64::try_from(items.len()).unwrap_or(i64::MAX)),
                _ => Err(format!("expected a number or a list at `{pointer}`, got `{}`", quoted())),
            }
        }
    }
}

/// A count that went down though it may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fewer {
    pub name: String,
    pub before: i64,
    /// `None` where it could not be counted any more.
    pub after: Option<i64>,
}

impl Fewer {
    /// Returns the cause: data is gone.
    pub fn cause(&self) -> Cause {
        let Self { name, before, after } = self;
        let says = match after {
            Some(after) => format!("there were {before} and are {after}"),
            None => format!("there were {before}, and now they are not counted"),
        };
        Cause::DataLost { volume: name.clone(), says }
    }
}

/// Returns the counts that went down though they may not.
pub fn compare(specs: &[CountSpec], before: &Counts, after: &Counts) -> Vec<Fewer> {
    let kept = specs.iter().filter(|s| !s.may_shrink);
    kept.filter_map(|spec| {
        let (before, after) = (*before.get(&spec.name)?, after.get(&spec.name).copied());
        let fewer = after.is_none_or(|after| after < before);
        fewer.then(|| Fewer { name: spec.name.clone(), before, after })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_count_is_the_output_or_what_stands_at_a_pointer() {
        assert_eq!(number(" 42\n", None), Ok(42));
        assert_eq!(number("{\"a\":{\"n\":7}}", Some("/a/n")), Ok(7));
        assert_eq!(number("[1,2,3]", Some("")), Ok(3));
        assert_eq!(number("4.5", None).unwrap_err(), "expected a number, got `4.5`");
        assert_eq!(
            number("{\"n\":\"7\"}", Some("/n")).unwrap_err(),
            "expected a number or a list at `/n`, got `{\"n\":\"7\"}`"
        );
    }

    #[test]
    fn fewer_than_before_is_a_loss_unless_it_may_shrink() {
        let spec = |name: &str, may_shrink| CountSpec {
            name: name.into(),
            ask: Ask {
                how: crate::instance::ask::How::Image { service: "app".into() },
                expect: Default::default(),
                deadline: Duration::from_secs(1),
            },
            pointer: None,
            may_shrink,
        };
        let specs = [spec("rows", false), spec("sessions", true), spec("users", false), spec("new", false)];
        let before = Counts::from([("rows".into(), 5), ("sessions".into(), 5), ("users".into(), 2)]);
        let after = Counts::from([("rows".into(), 4), ("sessions".into(), 0), ("users".into(), 2)]);
        let fewer = compare(&specs, &before, &after);
        assert_eq!(fewer, [Fewer { name: "rows".into(), before: 5, after: Some(4) }]);
        let none = compare(&specs, &before, &Counts::new());
        assert_eq!(none.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["rows", "users"]);
    }
}
