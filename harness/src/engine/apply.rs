//! A stack created or updated as one unit. Doing it twice changes nothing; doing it again after a stop half-way
//! does the rest.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use compose::specs::StackSpecs;
use domain::StackName;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::wanted::{Wanted, WantedService};
use super::{APPLY_LABEL, Engine, EngineError, STACK_LABEL, filters, items, labels, text};

/// What was applied: what settling and soaking compare the engine with.
#[derive(Clone, Debug)]
pub struct Applied {
    pub stack: StackName,
    /// When, on the engine's clock.
    pub at: DateTime<Utc>,
    pub services: Vec<AppliedService>,
}

/// One service after it was applied.
#[derive(Clone)]
pub struct AppliedService {
    /// The name in the recipe.
    pub name: String,
    /// The name in the swarm.
    pub full_name: String,
    pub id: String,
    pub touched: Touched,
    /// Which spec of ours it holds, see [`APPLY_LABEL`].
    pub mark: String,
    /// The mark that the spec before this one carried.
    pub before: Option<String>,
    /// The spec as the engine shows it.
    pub(super) spec: Value,
    /// Tasks older than this are of the old version, though their own spec may be the same (ports changed).
    pub(super) born_after: Option<DateTime<Utc>>,
}

impl AppliedService {
    /// Returns the spec as the engine showed it after it was applied.
    pub fn spec(&self) -> &Value {
        &self.spec
    }
}

impl std::fmt::Debug for AppliedService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppliedService")
            .field("name", &self.name)
            .field("id", &self.id)
            .field("touched", &self.touched)
            .field("mark", &self.mark)
            .field("before", &self.before)
            .finish_non_exhaustive()
    }
}

/// What applying did to one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched {
    Created,
    Updated,
    /// It held this very spec before.
    Same,
}

/// How often a stale version index is read again: each try loses only to another writer, and there is one at most,
/// the engine's own update loop.
const STALE_TRIES: usize = 20;

/// Ids by name of what specs refer to.
#[derive(Default)]
struct Ids {
    networks: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    configs: BTreeMap<String, String>,
}

impl Engine {
    /// Makes the swarm hold the stack, see [`Engine::apply_wanted`].
    pub async fn apply(
        &self,
        stack: &StackSpecs,
        previous: Option<&Applied>,
    ) -> Result<Applied, EngineError> {
        self.apply_wanted(&Wanted::from(stack), previous).await
    }

    /// Makes the swarm hold the stack as wanted: networks, secrets, configs, then services. What is there and the
    /// same stays as it is, and so do services of `previous` that are not wanted any more (as `docker stack
    /// deploy` leaves them). `previous` says what the stack held before, where the caller knows.
    #[tracing::instrument(skip_all, fields(stack = %wanted.stack))]
    pub async fn apply_wanted(
        &self,
        wanted: &Wanted,
        previous: Option<&Applied>,
    ) -> Result<Applied, EngineError> {
        let at = self.now();
        let ids = Ids {
            networks: self.apply_networks(wanted).await?,
            secrets: self.apply_data("secret", "/secrets", &wanted.stack, &wanted.secrets).await?,
            configs: self.apply_data("config", "/configs", &wanted.stack, &wanted.configs).await?,
        };
        let there = self.services_of(&wanted.stack).await?;
        let mut services = Vec::new();
        for service in &wanted.services {
            let spec = self.resolved(service, &ids).await?;
            let before = previous.and_then(|p| p.services.iter().find(|s| s.name == service.name));
            services.push(self.apply_service(service, spec, &there, &wanted.stack, before).await?);
        }
        Ok(Applied { stack: wanted.stack.clone(), at, services })
    }

    async fn services_of(&self, stack: &StackName) -> Result<Vec<Value>, EngineError> {
        let only = filters(&[("label", vec![format!("{STACK_LABEL}={stack}")])]);
        let found =
            self.raw().get("/services", &[("filters", &only)], "listing the stack's services").await?;
        Ok(items(&found).to_vec())
    }

    async fn apply_networks(&self, wanted: &Wanted) -> Result<BTreeMap<String, String>, EngineError> {
        let mut ids = BTreeMap::new();
        if wanted.networks.is_empty() && wanted.external_networks.is_empty() {
            return Ok(ids);
        }
        let there = self.raw().get("/networks", &[], "listing networks").await?;
        let find = |name: &str| items(&there).iter().find(|n| n["Name"].as_str() == Some(name));
        for name in &wanted.external_networks {
            // `host`, `bridge` and `none` are the node's own; swarm takes them by name.
            let network = find(name).ok_or_else(|| EngineError::NetworkMissing { network: name.clone() })?;
            let local = network["Scope"].as_str() == Some("local");
            ids.insert(name.clone(), if local { name.clone() } else { text(&network["Id"]) });
        }
        for body in &wanted.networks {
            let name = text(&body["Name"]);
            if name.is_empty() {
                return Err(EngineError::BadSpec { kind: "network", field: "Name" });
            }
            let id = match find(&name) {
                Some(network) => {
                    owned("network", &name, &network["Labels"], &wanted.stack)?;
                    text(&network["Id"])
                }
                None => {
                    let mut body = body.clone();
                    body["CheckDuplicate"] = json!(true);
                    let doing = format!("creating network `{name}`");
                    text(&self.raw().post("/networks/create", &[], &body, &doing).await?["Id"])
                }
            };
            ids.insert(name, id);
        }
        Ok(ids)
    }

    /// Secrets and configs. The engine never changes their data: what is there under the name either holds the
    /// same, or the deploy fails, as it does with `docker stack deploy`.
    async fn apply_data(
        &self,
        kind: &'static str,
        path: &str,
        stack: &StackName,
        bodies: &[Value],
    ) -> Result<BTreeMap<String, String>, EngineError> {
        let mut ids = BTreeMap::new();
        if bodies.is_empty() {
            return Ok(ids);
        }
        let there = self.raw().get(path, &[], &format!("listing {kind}s")).await?;
        for body in bodies {
            let name = text(&body["Name"]);
            if name.is_empty() {
                return Err(EngineError::BadSpec { kind, field: "Name" });
            }
            let id = match items(&there).iter().find(|o| o["Spec"]["Name"].as_str() == Some(&name)) {
                Some(found) => {
                    owned(kind, &name, &found["Spec"]["Labels"], stack)?;
                    let id = text(&found["ID"]);
                    self.check_data(kind, path, &name, found, body).await?;
                    id
                }
                None => {
                    let doing = format!("creating {kind} `{name}`");
                    let made = self.raw().post(&format!("{path}/create"), &[], body, &doing).await?;
                    text(&made["ID"])
                }
            };
            ids.insert(name, id);
        }
        Ok(ids)
    }

    async fn check_data(
        &self,
        kind: &'static str,
        path: &str,
        name: &str,
        found: &Value,
        body: &Value,
    ) -> Result<(), EngineError> {
        // A config shows its data. A secret does not: the engine compares when it is asked to update.
        if let Some(data) = found["Spec"]["Data"].as_str() {
            let same = data == body["Data"].as_str().unwrap_or_default();
            return if same {
                Ok(())
            } else {
                Err(EngineError::ContentChanged { kind, name: name.to_owned() })
            };
        }
        if body["Data"].as_str().is_none_or(str::is_empty) {
            return Ok(());
        }
        let version = found["Version"]["Index"].to_string();
        let mut body = body.clone();
        body["Labels"] = found["Spec"]["Labels"].clone();
        let target = format!("{path}/{}/update", text(&found["ID"]));
        let doing = format!("comparing {kind} `{name}`");
        match self.raw().post(&target, &[("version", &version)], &body, &doing).await {
            Err(EngineError::Refused { says, .. }) if says.contains("only updates to Labels") => {
                Err(EngineError::ContentChanged { kind, name: name.to_owned() })
            }
            other => other.map(drop),
        }
    }

    /// Turns names into ids, so that the mark of the spec changes when what stands behind a name does.
    async fn resolved(&self, service: &WantedService, ids: &Ids) -> Result<Value, EngineError> {
        let mut spec = service.spec.clone();
        let task = &mut spec["TaskTemplate"];
        if let Some(networks) = task["Networks"].as_array_mut() {
            for network in networks {
                let name = text(&network["Target"]);
                if let Some(id) = ids.networks.get(&name) {
                    network["Target"] = json!(id);
                }
            }
        }
        for (kind, list, name_key, id_key, made) in [
            ("secret", "Secrets", "SecretName", "SecretID", &ids.secrets),
            ("config", "Configs", "ConfigName", "ConfigID", &ids.configs),
        ] {
            let Some(uses) = task["ContainerSpec"][list].as_array_mut() else { continue };
            for used in uses {
                let name = text(&used[name_key]);
                let id = match made.get(&name) {
                    Some(id) => id.clone(),
                    None => self.id_by_name(kind, &name, &service.name).await?,
                };
                used[id_key] = json!(id);
            }
        }
        // What is not there must not appear as null: indexing a value for writing creates keys.
        prune_nulls(&mut spec);
        Ok(spec)
    }

    async fn id_by_name(&self, kind: &'static str, name: &str, service: &str) -> Result<String, EngineError> {
        let only = filters(&[("name", vec![name.to_owned()])]);
        let doing = format!("looking for {kind} `{name}`");
        let found = self.raw().get(&format!("/{kind}s"), &[("filters", &only)], &doing).await?;
        // The engine's filter takes prefixes too.
        let exact = items(&found).iter().find(|o| o["Spec"]["Name"].as_str() == Some(name));
        exact.map(|o| text(&o["ID"])).ok_or_else(|| EngineError::ReferenceMissing {
            kind,
            name: name.to_owned(),
            service: service.to_owned(),
        })
    }

    async fn apply_service(
        &self,
        service: &WantedService,
        mut spec: Value,
        there: &[Value],
        stack: &StackName,
        previous: Option<&AppliedService>,
    ) -> Result<AppliedService, EngineError> {
        let full_name = text(&spec["Name"]);
        if full_name.is_empty() {
            return Err(EngineError::BadSpec { kind: "service", field: "Name" });
        }
        let mark = mark_of(&spec);
        if !spec["Labels"].is_object() {
            spec["Labels"] = json!({});
        }
        spec["Labels"][APPLY_LABEL] = json!(mark);
        let mut found = there.iter().find(|s| s["Spec"]["Name"].as_str() == Some(&full_name)).cloned();
        if found.is_none() {
            let doing = format!("creating service `{}`", service.name);
            match self.raw().post("/services/create", &[], &spec, &doing).await {
                Ok(made) => {
                    let now = self.inspect_service(&text(&made["ID"])).await?;
                    return Ok(applied(service, &full_name, mark, &now, Touched::Created, None));
                }
                Err(EngineError::Refused { status: 409, .. }) => {
                    // Somebody made it since we listed; if it is of this stack we go on with it.
                    let now = self.inspect_service(&full_name).await?;
                    owned("service", &full_name, &now["Spec"]["Labels"], stack)?;
                    found = Some(now);
                }
                Err(other) => return Err(other),
            }
        }
        let doing = format!("updating service `{}`", service.name);
        for _ in 0..STALE_TRIES {
            let now = match found.take() {
                Some(now) => now,
                None => self.inspect_service(&full_name).await?,
            };
            if is_same(&now, &mark, previous) {
                let before = now["PreviousSpec"]["Labels"][APPLY_LABEL].as_str().map(str::to_owned);
                return Ok(applied(service, &full_name, mark, &now, Touched::Same, before));
            }
            let target = format!("/services/{}/update", text(&now["ID"]));
            let version = now["Version"]["Index"].to_string();
            match self.raw().post(&target, &[("version", &version)], &spec, &doing).await {
                Ok(_) => {
                    let after = self.inspect_service(&text(&now["ID"])).await?;
                    let before = now["Spec"]["Labels"][APPLY_LABEL].as_str().map(str::to_owned);
                    let mut done = applied(service, &full_name, mark, &after, Touched::Updated, before);
                    if now["Spec"]["EndpointSpec"] != after["Spec"]["EndpointSpec"] {
                        done.born_after = super::time(&after["UpdatedAt"]);
                    }
                    return Ok(done);
                }
                // Trap 7: a stale index is a 500.
                Err(EngineError::Refused { says, .. }) if says.contains("update out of sequence") => {}
                Err(other) => return Err(other),
            }
        }
        Err(EngineError::Garbled {
            doing,
            says: format!("its version index was stale {STALE_TRIES} times: somebody else keeps updating it"),
        })
    }

    pub(super) async fn inspect_service(&self, id: &str) -> Result<Value, EngineError> {
        self.raw().get(&format!("/services/{id}"), &[], &format!("inspecting service `{id}`")).await
    }
}

/// Whether a service holds the marked spec, and nobody changed it since we read it back.
fn is_same(now: &Value, mark: &str, previous: Option<&AppliedService>) -> bool {
    if now["Spec"]["Labels"][APPLY_LABEL].as_str() != Some(mark) {
        return false;
    }
    match previous {
        Some(previous) if previous.mark == mark => previous.spec == now["Spec"],
        Some(_) | None => true,
    }
}

fn applied(
    service: &WantedService,
    full_name: &str,
    mark: String,
    now: &Value,
    touched: Touched,
    before: Option<String>,
) -> AppliedService {
    AppliedService {
        name: service.name.clone(),
        full_name: full_name.to_owned(),
        id: text(&now["ID"]),
        touched,
        mark,
        before,
        spec: now["Spec"].clone(),
        born_after: None,
    }
}

/// A digest of the whole spec: the same spec has the same mark, in any process.
fn mark_of(spec: &Value) -> String {
    hex::encode(&Sha256::digest(sorted(spec).to_string())[..8])
}

/// The same value with the keys of every map in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<_, _> = map.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            Value::Object(ordered.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn prune_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.values_mut().for_each(prune_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(prune_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Refuses to take over what is not of this stack (law 5).
fn owned(kind: &'static str, name: &str, found: &Value, stack: &StackName) -> Result<(), EngineError> {
    let labels = labels(found);
    match labels.get(STACK_LABEL) {
        Some(owner) if owner == stack.as_str() => Ok(()),
        Some(owner) => {
            Err(EngineError::NameTaken { kind, name: name.to_owned(), owner: format!("stack `{owner}`") })
        }
        None => Err(EngineError::NameTaken { kind, name: name.to_owned(), owner: "no stack".into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_the_same_for_the_same_spec_in_any_order() {
        let one = json!({"Name": "a", "Labels": {"x": "1", "y": "2"}, "TaskTemplate": {"Networks": [{"Target": "n"}]}});
        let two = json!({"TaskTemplate": {"Networks": [{"Target": "n"}]}, "Labels": {"y": "2", "x": "1"}, "Name": "a"});
        let other = json!({"Name": "a", "Labels": {"x": "1", "y": "3"}});
        assert_eq!(mark_of(&one), mark_of(&two));
        assert_ne!(mark_of(&one), mark_of(&other));
        assert_eq!(mark_of(&one).len(), 16);
    }

    #[test]
    fn what_belongs_to_another_stack_is_not_taken_over() {
        let ours = StackName::parse("run-1").unwrap();
        assert!(owned("network", "n", &json!({STACK_LABEL: "run-1"}), &ours).is_ok());
        let taken = owned("network", "n", &json!({STACK_LABEL: "live-x"}), &ours).unwrap_err();
        assert_eq!(taken.to_string(), "network `n` exists and belongs to stack `live-x`");
        assert_eq!(taken.fault(), domain::Fault::Runner);
        assert!(owned("network", "n", &json!(null), &ours).is_err());
    }
}
