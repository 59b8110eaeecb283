//! The model to what would be created in a swarm, as `docker stack deploy` (CLI 28.2.2) does it; and after
//! that, in passes of their own, what *we* change: endpoints, limits, labels of ownership.

mod adapt;
mod files;
mod go_sort;
mod image;
mod mounts;
mod objects;
mod service;
mod task;

use domain::StackName;

use crate::specs::StackSpecs;
use crate::{Model, Place, Problem, Problems};

pub use adapt::{Ceiling, Deviation, EndpointPolicy, adapt, limit, own, rename_volumes};

/// Label with the stack's name, on everything that belongs to a stack.
pub const NAMESPACE_LABEL: &str = "com.docker.stack.namespace";
/// Label of a service with its image as the file has it.
pub const IMAGE_LABEL: &str = "com.docker.stack.image";

/// A version of the engine's API, such as 1.41. Ordered as versions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    pub major: u16,
    pub minor: u16,
}

impl ApiVersion {
    /// Reads `1.41`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

/// What the conversion has to know about the engine. What is done about its *network* is [`adapt`]'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineFacts {
    pub api: ApiVersion,
}

impl Default for EngineFacts {
    /// The API of the CLI that is our oracle.
    fn default() -> Self {
        Self { api: ApiVersion { major: 1, minor: 50 } }
    }
}

/// Everything that the result depends on.
#[derive(Clone, Copy)]
pub struct ConvertInput<'a> {
    pub model: &'a Model,
    pub stack: &'a StackName,
    pub engine: EngineFacts,
    /// Reads the `file:` of a secret or config by its absolute path; the error is printed as it is.
    pub read_file: &'a dyn Fn(&str) -> Result<Vec<u8>, String>,
    /// Says where a key such as `services.app.ports[0]` stands: [`crate::Loaded::locate`]. Asked for the place
    /// of problems, and whether an empty `driver_opts` was written at all.
    pub locate: &'a dyn Fn(&str) -> Option<Place>,
}

impl std::fmt::Debug for ConvertInput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConvertInput").field("stack", self.stack).field("engine", &self.engine).finish()
    }
}

/// Converts a model. The result is what Docker would create; secrets and configs are referred to by name
/// until [`crate::specs::ServiceSpec::resolve`].
///
/// # Errors
/// Every problem for which `docker stack deploy` would stop, be it before or after it had created something.
pub fn convert(input: &ConvertInput<'_>) -> Result<StackSpecs, Problems> {
    let mut problems = Found { list: Vec::new(), locate: input.locate };
    let model = input.model;
    nulls(model, &mut problems);
    let services = model
        .services
        .iter()
        .map(|(key, service)| (key.clone(), service::service(input, key, service, &mut problems)))
        .collect();
    let specs = StackSpecs {
        stack: input.stack.clone(),
        services,
        networks: objects::networks(input),
        volumes: objects::volumes(input),
        secrets: objects::secrets(input, &mut problems),
        configs: objects::configs(input, &mut problems),
        external: objects::external(input),
    };
    match problems.list.is_empty() {
        true => Ok(specs),
        false => Err(Problems::new(problems.list)),
    }
}

/// Refuses what the CLI prints as null and crashes on when it deploys it.
fn nulls(model: &Model, problems: &mut Found<'_>) {
    let remedy = "give it a value, or drop the key";
    for (key, service) in &model.services {
        for (name, _) in service.ulimits.iter().filter(|(_, limit)| limit.is_null) {
            problems.add(format!("services.{key}.ulimits.{name}"), "has no value", remedy);
        }
    }
    for (key, network) in &model.networks {
        for (nth, _) in network.ipam.config.iter().enumerate().filter(|(_, pool)| pool.is_null) {
            problems.add(format!("networks.{key}.ipam.config[{nth}]"), "has no value", remedy);
        }
    }
}

/// Problems as they are found.
struct Found<'a> {
    list: Vec<Problem>,
    locate: &'a dyn Fn(&str) -> Option<Place>,
}

impl Found<'_> {
    /// Notes a problem at a key, or at the nearest key above it whose place is known.
    fn add(&mut self, key: String, says: impl Into<String>, remedy: impl Into<String>) {
        let mut near = key.as_str();
        let place = loop {
            match ((self.locate)(near), near.rfind(['.', '['])) {
                (Some(place), _) => break Some(place),
                (None, Some(end)) => near = &near[..end],
                (None, None) => break None,
            }
        };
        let (file, line, column) = place.map_or((String::new(), 0, 0), |p| (p.file, p.line, p.column));
        self.list.push(Problem { file, line, column, key, says: says.into(), remedy: remedy.into() });
    }
}

/// Returns the full name of something: its own, or the key with the stack's name in front.
fn full_name(stack: &StackName, own: &str, key: &str) -> String {
    if own.is_empty() { format!("{stack}_{key}") } else { own.to_owned() }
}

/// Returns the labels with the stack's added, which wins over one of the file.
fn stack_labels(
    stack: &StackName,
    labels: &std::collections::BTreeMap<String, String>,
) -> std::collections::BTreeMap<String, String> {
    let mut labels = labels.clone();
    labels.insert(NAMESPACE_LABEL.into(), stack.to_string());
    labels
}

/// Whether a network is one that swarm manages; `host`, `none` and the like are on every node.
fn is_user_defined(network: &str) -> bool {
    let kind = network.split(':').next().unwrap_or_default();
    !matches!(network, "default" | "bridge" | "host" | "none") && kind != "container"
}

#[cfg(test)]
mod tests;
