//! What would be created in a swarm, in the words and the JSON of the engine's API.
//!
//! Each type serialises to the body that `docker stack deploy` (CLI 28.2.2) posts: field names are the
//! engine's, and a value that the CLI leaves out is left out here. The engine wants *ids* where a service
//! refers to secrets and configs; they are known only after those were created, so a [`ServiceSpec`] carries
//! names until [`ServiceSpec::resolve`] has put the ids in.

mod endpoint;
mod mount;
mod object;
mod service;
mod task;

use std::collections::{BTreeMap, BTreeSet};

use domain::StackName;

pub use endpoint::{EndpointSpec, PortConfig};
pub use mount::{BindOptions, ClusterOptions, Driver, ImageOptions, Mount, TmpfsOptions, VolumeOptions};
pub use object::{ConfigSpec, Ipam, IpamPool, NetworkSpec, SecretBytes, SecretSpec, VolumeSpec};
pub use service::{
    GlobalJob, GlobalService, MissingId, ReplicatedJob, ReplicatedService, ServiceMode, ServiceSpec,
    UpdateConfig,
};
pub use task::{
    ConfigReference, ContainerSpec, CredentialSpec, DiscreteResource, DnsConfig, FileTarget, GenericResource,
    Healthcheck, Limit, NetworkAttachment, Placement, PlacementPreference, Privileges, Reservation,
    Resources, RestartPolicy, RuntimeTarget, SecretReference, SpreadOver, TaskSpec, Ulimit,
};

/// Everything that one stack consists of.
#[derive(Clone, Debug, PartialEq)]
pub struct StackSpecs {
    pub stack: StackName,
    /// By the key in the compose file; the name in the swarm is in the spec.
    pub services: BTreeMap<String, ServiceSpec>,
    /// Networks to make, by name. Only those that a service uses.
    pub networks: Vec<NetworkSpec>,
    /// Volumes by their full name. Swarm makes them when a task first mounts them, from the options in the
    /// mounts; listed here for those who copy, label or clear them.
    pub volumes: BTreeMap<String, VolumeSpec>,
    /// Secrets to make, by name: those with a file or a driver of their own.
    pub secrets: Vec<SecretSpec>,
    /// Configs to make, by name.
    pub configs: Vec<ConfigSpec>,
    /// What has to be there before the first service is made.
    pub external: External,
}

/// Names of what a stack uses and does not make.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct External {
    /// Each has to exist with scope `swarm`. `host`, `bridge` and `none` always do and are not listed.
    pub networks: BTreeSet<String>,
    /// Volumes are made by the first task if they are not there, without the stack's labels.
    pub volumes: BTreeSet<String>,
    /// Only those that a service refers to.
    pub secrets: BTreeSet<String>,
    /// Only those that a service refers to.
    pub configs: BTreeSet<String>,
}

impl StackSpecs {
    /// Returns the stack as one JSON document for people and tools, with the content of secrets masked
    /// (law 11).
    #[must_use]
    pub fn masked_json(&self) -> serde_json::Value {
        #[derive(serde::Serialize)]
        struct Document<'a> {
            stack: &'a StackName,
            services: &'a BTreeMap<String, ServiceSpec>,
            networks: &'a [NetworkSpec],
            volumes: &'a BTreeMap<String, VolumeSpec>,
            secrets: Vec<object::MaskedSecret<'a>>,
            configs: &'a [ConfigSpec],
            external: &'a External,
        }
        let Self { stack, services, networks, volumes, secrets, configs, external } = self;
        let secrets = secrets.iter().map(object::MaskedSecret::of).collect();
        let document = Document { stack, services, networks, volumes, secrets, configs, external };
        json(&document)
    }
}

/// Returns a spec as JSON. By way of text, so that a 32-bit `0.3` stays `0.3`.
fn json(spec: &impl serde::Serialize) -> serde_json::Value {
    let text = serde_json::to_string(spec).expect("maps have text keys and nothing else can fail");
    serde_json::from_str(&text).expect("what was just written can be read")
}

/// Whether a flag is off, and so left out as the engine's client does.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_off(flag: &bool) -> bool {
    !*flag
}

/// Whether a number is 0, and so left out as the engine's client does.
fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}
