//! The merged and interpolated model of a stack, as `docker stack config` prints it.
//!
//! Where Docker cannot tell "not set" from "empty", neither can this model: an empty `String`, list or map
//! and a zero number mean *not set*, and are left out when the model is printed. `Option` is used only where
//! Docker keeps the difference. Keys that swarm ignores (`privileged`, `restart`, `container_name`, …) are
//! kept, because Docker prints them and because `restart` is the fallback for a missing restart policy.

use std::collections::BTreeMap;

pub use crate::size::Bytes;
pub use crate::time::Duration;
pub use crate::yaml::Value;

/// Keys that start with `x-`, with their values as written.
pub type Extensions = BTreeMap<String, Value>;

/// A whole stack: all files merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// Schema version, the same in every file; the newest known one if none was written.
    pub version: String,
    /// By service name.
    pub services: BTreeMap<String, Service>,
    /// By the key in the file, which is not the name in Docker.
    pub networks: BTreeMap<String, Network>,
    /// By the key in the file.
    pub volumes: BTreeMap<String, Volume>,
    /// By the key in the file.
    pub secrets: BTreeMap<String, FileObject>,
    /// By the key in the file.
    pub configs: BTreeMap<String, FileObject>,
    /// Top-level `x-` keys of the first file (Docker drops those of the others).
    pub extensions: Extensions,
}

/// One service. Field names are the keys of the compose file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Service {
    pub build: Build,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub cgroupns_mode: String,
    pub cgroup_parent: String,
    /// Split into words. Becomes the container's *args*.
    pub command: Vec<String>,
    pub configs: Vec<FileReference>,
    pub container_name: String,
    pub credential_spec: CredentialSpec,
    pub depends_on: Vec<String>,
    pub deploy: Deploy,
    pub devices: Vec<String>,
    pub dns: Vec<String>,
    pub dns_search: Vec<String>,
    pub domainname: String,
    /// Split into words. Becomes the container's *command*.
    pub entrypoint: Vec<String>,
    /// `None`: named without a value, and the caller's environment has none either.
    pub environment: BTreeMap<String, Option<String>>,
    /// Already read into `environment`; kept because Docker prints it.
    pub env_file: Vec<String>,
    pub expose: Vec<String>,
    pub external_links: Vec<String>,
    /// As written: `host:address`.
    pub extra_hosts: Vec<String>,
    pub hostname: String,
    pub healthcheck: Option<Healthcheck>,
    pub image: String,
    pub init: Option<bool>,
    pub ipc: String,
    pub isolation: String,
    /// Labels of the container, not of the service (those are `deploy.labels`).
    pub labels: BTreeMap<String, String>,
    pub links: Vec<String>,
    pub logging: Option<Logging>,
    pub mac_address: String,
    pub network_mode: String,
    /// `None`: attached without options.
    pub networks: BTreeMap<String, Option<ServiceNetwork>>,
    pub pid: String,
    pub ports: Vec<Port>,
    pub privileged: bool,
    pub read_only: bool,
    pub restart: String,
    pub secrets: Vec<FileReference>,
    pub security_opt: Vec<String>,
    pub shm_size: String,
    pub stdin_open: bool,
    pub stop_grace_period: Option<Duration>,
    pub stop_signal: String,
    pub sysctls: BTreeMap<String, String>,
    pub tmpfs: Vec<String>,
    pub tty: bool,
    pub ulimits: BTreeMap<String, Ulimit>,
    pub user: String,
    pub userns_mode: String,
    pub volumes: Vec<Mount>,
    pub working_dir: String,
    pub extensions: Extensions,
    /// Not printed.
    pub emptied: Emptied,
}

/// Which lists of a service were written without an item. Nobody prints that, but a merge tells such a list from one that
/// was not written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Emptied {
    pub configs: bool,
    pub ports: bool,
    pub secrets: bool,
    pub volumes: bool,
    /// The map `logging.options`, in the same way.
    pub logging_options: bool,
}

/// How an image would be built. Swarm ignores it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Build {
    pub context: String,
    pub dockerfile: String,
    pub args: BTreeMap<String, Option<String>>,
    pub labels: BTreeMap<String, String>,
    pub cache_from: Vec<String>,
    pub extra_hosts: Vec<String>,
    pub network: String,
    pub target: String,
}

/// Credential spec of a Windows container: at most one is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CredentialSpec {
    pub config: String,
    pub file: String,
    pub registry: String,
}

/// A service's use of a secret or config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileReference {
    /// Key in the model's `secrets` or `configs`.
    pub source: String,
    /// Path or file name in the container; empty: the source's name.
    pub target: String,
    pub uid: String,
    pub gid: String,
    /// Unix mode bits.
    pub mode: Option<u32>,
}

/// The `deploy` block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deploy {
    /// `replicated`, `global`, `replicated-job`, `global-job`; empty is `replicated`. Not checked by the loader.
    pub mode: String,
    pub replicas: Option<u64>,
    /// Labels of the service.
    pub labels: BTreeMap<String, String>,
    pub update_config: Option<UpdateConfig>,
    pub rollback_config: Option<UpdateConfig>,
    pub resources: Resources,
    pub restart_policy: Option<RestartPolicy>,
    pub placement: Placement,
    /// As written; the conversion lower-cases it.
    pub endpoint_mode: String,
}

/// `update_config` and `rollback_config`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateConfig {
    pub parallelism: Option<u64>,
    pub delay: Duration,
    pub failure_action: String,
    pub monitor: Duration,
    pub max_failure_ratio: f32,
    pub order: String,
}

/// `deploy.resources`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    pub limits: Option<Limits>,
    pub reservations: Option<Reservations>,
}

/// `deploy.resources.limits`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Decimal number of CPUs, as written.
    pub cpus: String,
    pub memory: Bytes,
    pub pids: i64,
}

/// `deploy.resources.reservations`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reservations {
    /// Decimal number of CPUs, as written.
    pub cpus: String,
    pub memory: Bytes,
    pub generic_resources: Vec<GenericResource>,
}

/// One entry of `generic_resources`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenericResource {
    pub discrete_resource_spec: Option<DiscreteResource>,
}

/// A counted resource of a node, such as two GPUs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiscreteResource {
    pub kind: String,
    pub value: i64,
}

/// `deploy.restart_policy`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestartPolicy {
    pub condition: String,
    pub delay: Option<Duration>,
    pub max_attempts: Option<u64>,
    pub window: Option<Duration>,
}

/// `deploy.placement`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    pub constraints: Vec<String>,
    pub preferences: Vec<PlacementPreference>,
    /// 0: no limit.
    pub max_replicas_per_node: u64,
}

/// One entry of `deploy.placement.preferences`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlacementPreference {
    pub spread: String,
}

/// The `healthcheck` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Healthcheck {
    /// `CMD`, `CMD-SHELL` or `NONE` first; a plain string has become `CMD-SHELL`.
    pub test: Vec<String>,
    pub timeout: Option<Duration>,
    pub interval: Option<Duration>,
    pub retries: Option<u64>,
    pub start_period: Option<Duration>,
    pub start_interval: Option<Duration>,
    pub disable: bool,
}

/// The `logging` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    pub driver: String,
    pub options: BTreeMap<String, String>,
}

/// A service's place in one network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceNetwork {
    pub aliases: Vec<String>,
    pub driver_opts: BTreeMap<String, String>,
    pub ipv4_address: String,
    pub ipv6_address: String,
}

/// One published or exposed port. A short form may have become several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// `ingress`, `host`; may be empty in the long form.
    pub mode: String,
    pub target: u32,
    /// 0: chosen by the engine.
    pub published: u32,
    /// `tcp`, `udp`, `sctp`; may be empty in the long form.
    pub protocol: String,
}

/// One entry of a service's `volumes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs`, `npipe`, `cluster`, `image`: the key `type`, not checked by the loader.
    pub kind: String,
    /// Volume key, or absolute path for `bind`; empty: anonymous.
    pub source: String,
    pub target: String,
    pub read_only: bool,
    pub consistency: String,
    pub bind: Option<BindOptions>,
    pub volume: Option<VolumeOptions>,
    pub image: Option<ImageOptions>,
    pub tmpfs: Option<TmpfsOptions>,
    pub cluster: Option<ClusterOptions>,
}

/// `volumes[].bind`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindOptions {
    pub propagation: String,
}

/// `volumes[].volume`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeOptions {
    pub nocopy: bool,
    pub subpath: String,
}

/// `volumes[].image`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageOptions {
    pub subpath: String,
}

/// `volumes[].tmpfs`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TmpfsOptions {
    pub size: Bytes,
}

/// `volumes[].cluster`, which has no options yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterOptions;

/// One entry of `ulimits`: either `single`, or `soft` and `hard`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ulimit {
    /// Not 0: counts for both.
    pub single: i64,
    pub soft: i64,
    pub hard: i64,
    /// Written as null, which only odd names allow. Docker prints it so, and crashes when it deploys it.
    pub is_null: bool,
}

/// One top-level network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// Full name in Docker; empty: made from the stack's name and the key. Set for external ones.
    pub name: String,
    pub driver: String,
    pub driver_opts: BTreeMap<String, String>,
    pub ipam: Ipam,
    /// Made by somebody else and expected to be there.
    pub external: bool,
    pub internal: bool,
    pub attachable: bool,
    pub labels: BTreeMap<String, String>,
    /// Kept by Docker only for external networks.
    pub extensions: Extensions,
}

/// `networks.*.ipam`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ipam {
    pub driver: String,
    pub config: Vec<IpamPool>,
}

/// One entry of `networks.*.ipam.config`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpamPool {
    pub subnet: String,
    /// Written as null, which only odd network names allow. Docker prints it so, and crashes when it deploys it.
    pub is_null: bool,
}

/// One top-level volume.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Volume {
    /// Full name in Docker; empty: made from the stack's name and the key. Set for external ones.
    pub name: String,
    pub driver: String,
    pub driver_opts: BTreeMap<String, String>,
    /// Made by somebody else and expected to be there.
    pub external: bool,
    pub labels: BTreeMap<String, String>,
    /// Kept by Docker only for external volumes.
    pub extensions: Extensions,
    /// `x-cluster-spec`.
    pub cluster_spec: Option<ClusterVolumeSpec>,
}

/// `volumes.*.x-cluster-spec`: a CSI volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterVolumeSpec {
    pub group: String,
    pub access_mode: Option<AccessMode>,
    pub accessibility_requirements: Option<TopologyRequirement>,
    pub capacity_range: Option<CapacityRange>,
    pub secrets: Vec<VolumeSecret>,
    pub availability: String,
}

/// Who may use a CSI volume, and as what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessMode {
    pub scope: String,
    pub sharing: String,
    pub mount_volume: Option<MountVolume>,
    pub block_volume: Option<BlockVolume>,
}

/// A CSI volume used as a file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountVolume {
    pub fs_type: String,
    pub mount_flags: Vec<String>,
}

/// A CSI volume used as a block device, which has no options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockVolume;

/// Where a CSI volume must be reachable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopologyRequirement {
    pub requisite: Vec<Topology>,
    pub preferred: Vec<Topology>,
}

/// One group of places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    pub segments: BTreeMap<String, String>,
}

/// How large a CSI volume may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapacityRange {
    pub required_bytes: Bytes,
    pub limit_bytes: Bytes,
}

/// A secret that the CSI plugin needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeSecret {
    pub key: String,
    pub secret: String,
}

/// One top-level secret or config.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileObject {
    /// Full name in Docker; empty: made from the stack's name and the key. Set for external ones.
    pub name: String,
    /// Absolute path of the content; the working folder itself if no `file` was written.
    pub file: String,
    /// Made by somebody else and expected to be there.
    pub external: bool,
    pub labels: BTreeMap<String, String>,
    pub extensions: Extensions,
    /// Secrets only: who makes the content.
    pub driver: String,
    pub driver_opts: BTreeMap<String, String>,
    /// `golang`: the engine renders the content at task start.
    pub template_driver: String,
}
