//! Clearing by label: everything in scope goes, the listing at the end is empty, and what stays is named.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::list::{Kind, Object, Scope};
use super::watch::Watch;
use super::{Chain, Engine, EngineError, filters, items, labels, text};

/// How containers are ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broom {
    /// Killed at once: for what is thrown away.
    AtOnce,
    /// Stopped with their `stop_grace_period`: for what holds data that is kept.
    WithGrace,
}

/// What stays though it is in scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Nothing,
    /// Named volumes and secrets, as an undeploy leaves them.
    VolumesAndSecrets,
}

/// Everything in scope is gone: the last listing was empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleared {
    /// Objects that were there and are not any more.
    pub removed: usize,
    pub millis: u64,
}

/// Clearing ended before everything was gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} after {} s: {}{}", match objects.len() { 0 => "clearing could not be proven".to_owned(), n => format!("{n} objects were left") }, deadline.as_secs(), names(objects), reason(says))]
pub struct Left {
    /// What is still there. Empty when the engine could not be asked.
    pub objects: Vec<Object>,
    /// What the engine said last when it refused.
    pub says: String,
    /// The limit that was hit.
    pub deadline: Duration,
}

impl Left {
    /// Returns who has to act: what holds on to our objects is not the recipe's doing.
    pub fn fault(&self) -> domain::Fault {
        domain::Fault::Platform
    }

    /// Returns what a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(
            "see who uses it with `docker network inspect` or `docker ps --filter volume=…`, then `simmer gc`",
        )
    }
}

fn names(objects: &[Object]) -> String {
    objects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn reason(says: &str) -> String {
    if says.is_empty() { String::new() } else { format!(" (the engine says: {says})") }
}

/// Pauses between two rounds that changed nothing, as long as no event comes before.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_millis(80),
    Duration::from_millis(160),
    Duration::from_millis(250),
];
/// Longest time for the listing that names what was left.
const LAST_LIST_LIMIT: Duration = Duration::from_secs(10);
/// Label that newer engines give to anonymous volumes; older ones give them none.
const ANONYMOUS_LABEL: &str = "com.docker.volume.anonymous";

impl Engine {
    /// Removes what is in scope and waits until nothing of it is listed any more. The containers' anonymous
    /// volumes, which no label marks, go with them.
    #[tracing::instrument(skip_all, fields(?scope))]
    pub async fn clear(
        &self,
        scope: &Scope,
        how: Broom,
        keep: Keep,
        deadline: Duration,
    ) -> Result<Cleared, Left> {
        let began = Instant::now();
        let mut sweep = Sweep {
            how,
            keep,
            seen: BTreeSet::new(),
            services: BTreeSet::new(),
            anonymous: BTreeSet::new(),
            says: String::new(),
        };
        let mut watch = self.watch(&["container", "network", "volume"]);
        if timeout(deadline, self.sweep(scope, &mut sweep, &mut watch)).await.is_ok() {
            let millis = began.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
            return Ok(Cleared { removed: sweep.seen.len(), millis });
        }
        let left = match timeout(LAST_LIST_LIMIT, self.remaining(scope, &sweep)).await {
            Ok(Ok(objects)) => objects,
            Ok(Err(error)) => {
                sweep.says = Chain(&error).to_string();
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        Err(Left { objects: left, says: sweep.says, deadline })
    }

    /// Goes round until a whole round finds nothing.
    async fn sweep(&self, scope: &Scope, sweep: &mut Sweep, watch: &mut Watch) {
        let mut idle = 0;
        let mut before = None;
        loop {
            match self.round(scope, sweep).await {
                Ok(0) => return,
                Ok(found) => {
                    idle = if before == Some(found) { idle + 1 } else { 0 };
                    before = Some(found);
                }
                Err(error) => {
                    // An engine that restarts comes back; the deadline ends it if not.
                    sweep.says = Chain(&error).to_string();
                    idle += 1;
                }
            }
            let pause = PAUSES[idle.min(PAUSES.len() - 1)];
            tokio::select! {
                () = sleep(pause) => {}
                () = watch.next(|p| matches!(p.action.as_str(), "die" | "destroy" | "remove" | "disconnect")) => {}
            }
        }
    }

    /// Removes what it finds and says how much that was, tasks that still end included.
    async fn round(&self, scope: &Scope, sweep: &mut Sweep) -> Result<usize, EngineError> {
        let services = self.list_kind(Kind::Service, scope).await?;
        sweep.services.extend(services.iter().map(|s| s.id.clone()));
        let containers = self.containers_of(scope, sweep).await?;
        let mut found = services.len() + containers.len();
        sweep.note(&services);
        sweep.note(&containers);
        self.remove(sweep, &services, &[]).await;
        match sweep.how {
            // `v`: with its anonymous volumes.
            Broom::AtOnce => self.remove(sweep, &containers, &[("force", "true"), ("v", "true")]).await,
            // The engine stops them, now that their services are gone.
            Broom::WithGrace => {}
        }
        found += self.ending_tasks(scope, sweep).await?;
        let mut kinds = vec![Kind::Network, Kind::Config];
        match sweep.keep {
            Keep::Nothing => kinds.extend([Kind::Volume, Kind::Secret]),
            Keep::VolumesAndSecrets => {}
        }
        for kind in kinds {
            let objects = self.list_kind(kind, scope).await?;
            found += objects.len();
            sweep.note(&objects);
            self.remove(sweep, &objects, &[]).await;
        }
        found += self.remove_anonymous(sweep).await?;
        Ok(found)
    }

    /// Containers that carry the scope's labels, and those of its services whether they carry them or not.
    async fn containers_of(&self, scope: &Scope, sweep: &mut Sweep) -> Result<Vec<Object>, EngineError> {
        let mut containers = self.list_kind(Kind::Container, scope).await?;
        for service in sweep.services.clone() {
            let of = Scope::label("com.docker.swarm.service.id", &service);
            let more = self.list_kind(Kind::Container, &of).await?;
            containers.extend(
                more.into_iter().filter(|c| !containers.iter().any(|k| k.id == c.id)).collect::<Vec<_>>(),
            );
        }
        for container in &containers {
            if sweep.knows(container) {
                continue;
            }
            match self.mounts(&container.id).await {
                Ok(mounts) => {
                    sweep
                        .anonymous
                        .extend(mounts.into_iter().map(|m| m.volume).filter(|v| looks_anonymous(v)));
                }
                Err(error) if error.is_absent() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(containers)
    }

    /// Removes all at the same time. What cannot go yet is tried again in the next round.
    async fn remove(&self, sweep: &mut Sweep, objects: &[Object], query: &[(&str, &str)]) {
        let removals = objects.iter().map(|object| async move {
            let doing = format!("removing {object}");
            self.raw().delete(&object.kind.path(&object.id), query, &doing).await
        });
        for outcome in join_all(removals).await {
            if let Err(error) = outcome {
                tracing::debug!(error = %Chain(&error), "not yet");
                sweep.says = error.to_string();
            }
        }
    }

    /// Counts tasks of removed services that have not ended: their containers may be on other nodes, or not made
    /// yet.
    async fn ending_tasks(&self, scope: &Scope, sweep: &Sweep) -> Result<usize, EngineError> {
        let only = scope.filter();
        let tasks = self.raw().get("/tasks", &[("filters", &only)], "listing tasks").await?;
        let ended = |t: &&Value| {
            matches!(
                t["Status"]["State"].as_str(),
                Some("complete" | "shutdown" | "failed" | "rejected" | "orphaned" | "remove")
            )
        };
        // A task does not tell its service's labels or name: what is left out shows by its container's labels, and what
        // was named by the services that were found.
        let meant = |t: &&Value| {
            !scope.leaves_out(&labels(&t["Spec"]["ContainerSpec"]["Labels"]))
                && (!scope.is_named()
                    || t["ServiceID"].as_str().is_some_and(|id| sweep.services.contains(id)))
        };
        Ok(items(&tasks).iter().filter(|t| !ended(t) && meant(t)).count())
    }

    async fn remove_anonymous(&self, sweep: &mut Sweep) -> Result<usize, EngineError> {
        let mut left = 0;
        for name in sweep.anonymous.clone() {
            if self.anonymous(&name).await?.is_none() {
                sweep.anonymous.remove(&name);
                continue;
            }
            left += 1;
            let volume = anonymous_volume(&name);
            sweep.note(std::slice::from_ref(&volume));
            self.remove(sweep, &[volume], &[]).await;
        }
        Ok(left)
    }

    /// Finds a volume that is anonymous by all we can see: nobody named it, nobody labelled it.
    async fn anonymous(&self, name: &str) -> Result<Option<Object>, EngineError> {
        let only = filters(&[("name", vec![name.to_owned()])]);
        let found = self.raw().get("/volumes", &[("filters", &only)], "looking for a volume").await?;
        let exact = items(&found["Volumes"]).iter().find(|v| text(&v["Name"]) == name);
        let bare = |v: &Value| v["Labels"].as_object().is_none_or(|l| l.keys().all(|k| k == ANONYMOUS_LABEL));
        Ok(exact.filter(|v| bare(v)).map(|_| anonymous_volume(name)))
    }

    async fn remaining(&self, scope: &Scope, sweep: &Sweep) -> Result<Vec<Object>, EngineError> {
        let mut left = self.list(scope).await?;
        left.retain(|o| match (sweep.keep, o.kind) {
            (Keep::VolumesAndSecrets, Kind::Volume | Kind::Secret) => false,
            (
                Keep::Nothing | Keep::VolumesAndSecrets,
                Kind::Service | Kind::Container | Kind::Network | Kind::Config | Kind::Volume | Kind::Secret,
            ) => true,
        });
        for name in &sweep.anonymous {
            left.extend(self.anonymous(name).await?);
        }
        Ok(left)
    }
}

/// What one clearing remembers.
struct Sweep {
    how: Broom,
    keep: Keep,
    /// Kind and id of all that was ever found.
    seen: BTreeSet<(Kind, String)>,
    /// Services that were found, whose containers may outlive them.
    services: BTreeSet<String>,
    /// Anonymous volumes of containers that were found.
    anonymous: BTreeSet<String>,
    /// The last refusal.
    says: String,
}

impl Sweep {
    fn note(&mut self, objects: &[Object]) {
        self.seen.extend(objects.iter().map(|o| (o.kind, o.id.clone())));
    }

    fn knows(&self, object: &Object) -> bool {
        self.seen.contains(&(object.kind, object.id.clone()))
    }
}

fn anonymous_volume(name: &str) -> Object {
    Object {
        kind: Kind::Volume,
        id: name.to_owned(),
        name: name.to_owned(),
        labels: std::collections::BTreeMap::new(),
        created: None,
    }
}

/// The engine names anonymous volumes with 64 hexadecimal digits.
fn looks_anonymous(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_of_the_engines_own_making_is_anonymous() {
        assert!(looks_anonymous(&"0a".repeat(32)));
        assert!(!looks_anonymous(&"0A".repeat(32)));
        assert!(!looks_anonymous("run-1_data"));
    }

    #[test]
    fn what_was_left_is_named_with_the_limit_that_was_hit() {
        let left = Left {
            objects: vec![anonymous_volume("data")],
            says: "volume is in use".into(),
            deadline: Duration::from_secs(5),
        };
        assert_eq!(
            left.to_string(),
            "1 objects were left after 5 s: volume `data` (the engine says: volume is in use)"
        );
        assert!(left.hint().is_some());
        let blind = Left { objects: vec![], says: "no".into(), deadline: Duration::from_secs(5) };
        assert_eq!(blind.to_string(), "clearing could not be proven after 5 s:  (the engine says: no)");
    }
}
