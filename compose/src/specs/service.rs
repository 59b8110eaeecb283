//! A service: what runs, how many, and how it is changed.

use std::collections::BTreeMap;

use super::endpoint::EndpointSpec;
use super::is_zero;
use super::task::TaskSpec;

/// The body of `POST /services/create`.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceSpec {
    /// Full name.
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub task_template: TaskSpec,
    pub mode: ServiceMode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_config: Option<UpdateConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_config: Option<UpdateConfig>,
    pub endpoint_spec: EndpointSpec,
}

/// How many tasks there are, and whether they end.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub enum ServiceMode {
    Replicated(ReplicatedService),
    Global(GlobalService),
    ReplicatedJob(ReplicatedJob),
    GlobalJob(GlobalJob),
}

impl Default for ServiceMode {
    fn default() -> Self {
        Self::Replicated(ReplicatedService::default())
    }
}

/// So many tasks, kept running.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReplicatedService {
    /// `None`: 1, filled in by the engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u64>,
}

/// One task on each node, kept running.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct GlobalService {}

/// So many tasks that end.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReplicatedJob {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_completions: Option<u64>,
}

/// One task on each node that ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct GlobalJob {}

/// How tasks are replaced, forwards or backwards.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateConfig {
    /// 0: all at once.
    pub parallelism: u64,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub delay: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub failure_action: String,
    /// Nanoseconds; 0: the engine's default of 5 s.
    #[serde(skip_serializing_if = "is_zero")]
    pub monitor: i64,
    #[serde(serialize_with = "ratio")]
    pub max_failure_ratio: f32,
    /// Empty: `stop-first`.
    pub order: String,
}

/// Writes a whole number without a decimal point, as Go does.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn ratio<S: serde::Serializer>(ratio: &f32, to: S) -> Result<S::Ok, S::Error> {
    if ratio.fract() == 0.0 && ratio.abs() < 1e9 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 1e9")]
        return to.serialize_i64(*ratio as i64);
    }
    to.serialize_f32(*ratio)
}

/// A service refers to something that was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("service `{service}` uses {kind} `{name}`, which does not exist")]
pub struct MissingId {
    pub service: String,
    /// `secret` or `config`.
    pub kind: &'static str,
    pub name: String,
}

impl ServiceSpec {
    /// Puts in the ids of the secrets and configs that the service refers to; each closure answers for a
    /// full name.
    ///
    /// # Errors
    /// The first name without an id: the spec is not fit for sending then.
    pub fn resolve(
        &mut self,
        secret: &dyn Fn(&str) -> Option<String>,
        config: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), MissingId> {
        let missing = |kind, name: &str| MissingId { service: self.name.clone(), kind, name: name.into() };
        let container = &mut self.task_template.container_spec;
        for used in &mut container.secrets {
            used.secret_id = secret(&used.secret_name).ok_or_else(|| missing("secret", &used.secret_name))?;
        }
        for used in &mut container.configs {
            used.config_id = config(&used.config_name).ok_or_else(|| missing("config", &used.config_name))?;
        }
        if let Some(credentials) = &mut container.privileges.credential_spec
            && !credentials.config_name.is_empty()
        {
            let name = &credentials.config_name;
            credentials.config = config(name).ok_or_else(|| missing("config", name))?;
        }
        Ok(())
    }
}
