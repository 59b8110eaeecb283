//! What an upgrade has to prove beside its data: the images changed, the label says so.

use std::collections::BTreeMap;

use domain::data::Source;
use domain::test::{TestOutcome, Tested};
use domain::{Cause, StackName, Tier};
use harness::engine::{Kind, Scope, TaskFacts};

use super::build::Built;
use super::shared::Shared;
use super::witness::is_up;

/// What runs: image id or digest of each service, and the stack's version label.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running {
    digests: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
}

/// Reads what runs, of the tasks as they were just listed.
pub(crate) async fn running(
    shared: &Shared,
    stack: &StackName,
    tasks: &[TaskFacts],
) -> Result<Running, Cause> {
    let mut running = Running::default();
    let prefix = format!("{stack}_");
    for task in tasks {
        if is_up(task) {
            let digest = task.repo_digests.first().or(task.image_id.as_ref());
            let service = task.service.strip_prefix(&prefix).unwrap_or(&task.service);
            running.digests.insert(service.to_owned(), digest.unwrap_or(&task.image).clone());
        }
    }
    for object in shared.engine.list(&Scope::stack(stack)).await.map_err(|e| e.cause())? {
        if object.kind == Kind::Service {
            running.labels.extend(object.labels);
        }
    }
    Ok(running)
}

/// Decides whether what runs now is another version than before, and the one that was meant (law 1, CC-027); returns
/// what a report says of it, and what it means when it is not.
pub(crate) fn changed(before: Option<&Running>, now: &Running, built: &Built) -> (Tested, Option<Cause>) {
    let cause = another_version(before, now, built).err();
    let tested = Tested {
        name: "another image runs, and the label says which release".into(),
        tier: Tier::Upgrade,
        source: Source::Generic,
        kind: "image".into(),
        outcome: match &cause {
            Some(cause) => TestOutcome::Failed { says: cause.to_string() },
            None => TestOutcome::Passed,
        },
        millis: 0,
        cases: Vec::new(),
        file: None,
    };
    (tested, cause)
}

fn another_version(before: Option<&Running>, now: &Running, built: &Built) -> Result<(), Cause> {
    for (key, wanted) in &built.version_labels {
        let found = now.labels.get(key).map_or("nothing", String::as_str);
        if found != wanted {
            return Err(Cause::WrongVersion {
                says: format!("label `{key}` says {found}, selected was {wanted}"),
            });
        }
    }
    let Some(before) = before else { return Ok(()) };
    let same_labels = built.version_labels.iter().all(|(key, wanted)| before.labels.get(key) == Some(wanted));
    if same_labels && !built.version_labels.is_empty() {
        return Err(Cause::UpgradeChangesNothing {
            says: "upgrade changes nothing: the version label is the same before and after".into(),
        });
    }
    let any_changed = now.digests.iter().any(|(service, digest)| before.digests.get(service) != Some(digest));
    if !any_changed {
        let images: Vec<_> =
            now.digests.iter().map(|(service, digest)| format!("`{service}` {}", short(digest))).collect();
        return Err(Cause::UpgradeChangesNothing {
            says: format!(
                "upgrade changes nothing: every service runs the same image as before ({})",
                images.join(", ")
            ),
        });
    }
    Ok(())
}

fn short(digest: &str) -> &str {
    let digest = digest.trim_start_matches("sha256:");
    digest.get(..12).unwrap_or(digest)
}
