//! `simmer.toml`: what holds for the whole instance.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::names::{Allotter, BadProvider};
use domain::retention::Retention;
use harness::backup::Program;

use crate::backups::{kind_of, misfit};
use crate::store::{Database, hide_passwords};

use super::canonicals::{RawCanonicals, check_canonicals};
use super::problem::{ConfigProblem, ConfigProblems, DURATION_HINT, read_duration, read_toml};

/// The file as written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSettings {
    base_domain: String,
    state: String,
    database: Option<String>,
    engine: Option<String>,
    endpoint: Option<RawEndpoint>,
    #[serde(default)]
    providers: BTreeMap<String, String>,
    #[serde(default)]
    edge: RawEdge,
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    backups: RawBackups,
    #[serde(default)]
    canonicals: RawCanonicals,
    #[serde(default)]
    sweep: RawSweep,
    #[serde(default)]
    serve: RawServe,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawServe {
    reconcile_every: Option<String>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSweep {
    minimum: Option<usize>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBackups {
    program: Option<RawProgram>,
    repository: Option<String>,
    keep: Option<usize>,
}

#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawProgram {
    Embedded,
    Restic,
}

#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawEndpoint {
    Auto,
    Vip,
    Dnsrr,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEdge {
    kind: Option<RawEdgeKind>,
    network: Option<String>,
    listen: Option<String>,
    address: Option<String>,
    ca: Option<String>,
}

#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawEdgeKind {
    Embedded,
    External,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    run: Option<String>,
    tier: Option<String>,
    memory_mib: Option<u64>,
    cpus: Option<f64>,
    disk_free_gib: Option<u64>,
}

/// Checked settings.
#[derive(Clone, Debug)]
pub struct Settings {
    pub allotter: Allotter,
    /// Where mirrors, runs and the local CA live. Absolute.
    pub state: PathBuf,
    /// Where the registry is.
    pub database: Database,
    /// `DOCKER_HOST` form; the environment decides where it is not set.
    pub engine: Option<String>,
    pub endpoint: Endpoint,
    pub edge: EdgeSettings,
    /// Longest time of a whole run (CC-044).
    pub run_limit: Duration,
    /// Longest time of a tier, from its first act that is no pull (CC-044).
    pub tier_limit: Option<Duration>,
    /// Memory limit, in bytes, of each task that names none itself.
    pub memory: Option<u64>,
    /// CPU limit, in billionths, of each task that names none itself.
    pub nano_cpus: Option<u64>,
    /// Free disk, in bytes, below which nothing is started (CC-012).
    pub disk_free: u64,
    pub backups: BackupSettings,
    /// Which generations of a canonical stay.
    pub retention: Retention,
    /// Fewer recipes judged, or known to be green, make a red sweep; at least 1.
    pub sweep_minimum: usize,
    /// Longest time between two comparisons of the registry with Docker, where `simmer serve` runs.
    pub reconcile_every: Duration,
}

/// Where backups go, and how many of them stay.
#[derive(Clone, Debug)]
pub struct BackupSettings {
    pub program: Program,
    /// Folder, or address as restic takes it; without it a folder in the state.
    pub repository: Option<String>,
    /// Snapshots of each recipe that stay; at least 1.
    pub keep: usize,
}

/// How services answer under their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Virtual IPs where the kernel has IPVS, `dnsrr` where not.
    Auto,
    Vip,
    Dnsrr,
}

/// Where the outside probe goes in.
#[derive(Clone, Debug)]
pub struct EdgeSettings {
    /// The shared network on which an edge meets its stacks.
    pub network: String,
    pub kind: EdgeKind,
}

#[derive(Clone, Debug)]
pub enum EdgeKind {
    /// The HTTPS front inside this program.
    Embedded { listen: SocketAddr },
    /// A Traefik that is already there.
    External { address: SocketAddr, ca: Option<PathBuf> },
}

impl Settings {
    pub(super) fn check(text: &str, file: &Path, folder: &Path) -> Result<Self, ConfigProblems> {
        // Destructured, so that a new key cannot be forgotten here.
        let RawSettings {
            base_domain,
            state,
            database,
            engine,
            endpoint,
            providers,
            edge,
            limits,
            backups,
            canonicals,
            sweep,
            serve,
        } = read_toml(text, file).map_err(|problems| without_passwords(&problems))?;
        let mut problems = ConfigProblems::default();
        let allotter = Allotter::new(&base_domain)
            .map_err(|bad| {
                problems.push(ConfigProblem::at_key(
                    file,
                    "base_domain",
                    bad.to_string(),
                    "give a domain whose subdomains are yours, such as \"ci.example.org\"",
                ));
            })
            .ok();
        let allotter = allotter.and_then(|allotter| {
            let with = allotter.with_providers(&providers);
            with.map_err(|bad| {
                bad.iter().for_each(|bad| problems.push(bad_provider(file, bad)));
            })
            .ok()
        });
        if state.is_empty() {
            problems.push(ConfigProblem::at_key(file, "state", "it is empty", "name a folder"));
        }
        let state = clean(&folder.join(state));
        let database = Database::parse(database.as_deref().unwrap_or("sqlite"), &state)
            .map_err(|bad| {
                problems.push(ConfigProblem::at_key(file, "database", bad.says, bad.remedy));
            })
            .ok();
        let edge = problems.take(check_edge(edge, file, folder));
        let backups = problems.take(check_backups(backups, file, folder));
        let retention = problems.take(check_canonicals(canonicals, file));
        let RawLimits { run, tier, memory_mib, cpus, disk_free_gib } = limits;
        let run_limit = match run.as_deref().map(read_duration).transpose() {
            Ok(limit) => limit.unwrap_or(Duration::from_secs(3600)),
            Err(says) => {
                problems.push(ConfigProblem::at_key(file, "limits.run", says, DURATION_HINT));
                Duration::ZERO
            }
        };
        if sweep.minimum == Some(0) {
            let remedy = "give the number of recipes that a sweep has to judge, at least 1";
            problems.push(ConfigProblem::at_key(file, "sweep.minimum", "it is 0", remedy));
        }
        let every = serve.reconcile_every.as_deref().map(read_duration).transpose().unwrap_or_else(|says| {
            problems.push(ConfigProblem::at_key(file, "serve.reconcile_every", says, DURATION_HINT));
            None
        });
        let tier_limit = tier.as_deref().map(read_duration).transpose().unwrap_or_else(|says| {
            problems.push(ConfigProblem::at_key(file, "limits.tier", says, DURATION_HINT));
            None
        });
        if let Some(cpus) = cpus.filter(|c| !(0.01..=1024.0).contains(c)) {
            problems.push(ConfigProblem::at_key(
                file,
                "limits.cpus",
                format!("{cpus} is out of range"),
                "give a number of CPUs from 0.01 to 1024",
            ));
        }
        let (Some(allotter), Some(database), Some(edge), Some(backups), Some(retention), true) =
            (allotter, database, edge, backups, retention, problems.is_empty())
        else {
            return Err(problems);
        };
        Ok(Self {
            allotter,
            state,
            database,
            engine,
            endpoint: match endpoint {
                None | Some(RawEndpoint::Auto) => Endpoint::Auto,
                Some(RawEndpoint::Vip) => Endpoint::Vip,
                Some(RawEndpoint::Dnsrr) => Endpoint::Dnsrr,
            },
            edge,
            run_limit,
            tier_limit,
            memory: memory_mib.map(|m| m * 1024 * 1024),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be 0.01 to 1024"
            )]
            nano_cpus: cpus.map(|c| (c * 1e9) as u64),
            disk_free: disk_free_gib.unwrap_or(2) * 1024 * 1024 * 1024,
            backups,
            retention,
            sweep_minimum: sweep.minimum.unwrap_or(1),
            reconcile_every: every.unwrap_or(RECONCILE_EVERY),
        })
    }
}

/// What the toml crate says quotes the line, and the line may hold the address of a database (law 11).
fn without_passwords(problems: &ConfigProblems) -> ConfigProblems {
    let mut hidden = ConfigProblems::default();
    for problem in problems.list() {
        hidden.push(ConfigProblem { says: hide_passwords(&problem.says), ..problem.clone() });
    }
    hidden
}

fn bad_provider(file: &Path, bad: &BadProvider) -> ConfigProblem {
    let remedy = match bad {
        BadProvider::Name { .. } => {
            "write `name = \"domain\"`, or an empty text for `live-<name>.<base_domain>`"
        }
        BadProvider::Taken { .. } => "give it a domain of its own; runs and the dashboard keep theirs",
    };
    ConfigProblem::at_key(file, &format!("providers.{}", bad.key()), bad.to_string(), remedy)
}

/// A quarter of an hour: a comparison of 1,000 canonicals takes half a second.
const RECONCILE_EVERY: Duration = Duration::from_secs(15 * 60);
/// Snapshots of a recipe that stay where nobody says otherwise: a fortnight of nights.
const KEEP: usize = 14;

fn check_backups(raw: RawBackups, file: &Path, folder: &Path) -> Result<BackupSettings, ConfigProblems> {
    let RawBackups { program, repository, keep } = raw;
    let mut problems = ConfigProblems::default();
    let program = match program {
        None | Some(RawProgram::Embedded) => Program::Embedded,
        Some(RawProgram::Restic) => Program::Restic,
    };
    if let Some(says) = repository.as_deref().and_then(|repository| misfit(program, repository)) {
        let remedy = "set `program = \"restic\"` and install restic, or name a folder";
        problems.push(ConfigProblem::at_key(file, "backups.repository", says, remedy));
    }
    if keep == Some(0) {
        let remedy = "give the number of snapshots of each recipe that stay, at least 1";
        problems.push(ConfigProblem::at_key(file, "backups.keep", "it is 0", remedy));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let repository = repository.map(|repository| match kind_of(&repository) {
        Some(_) => repository,
        None => clean(&folder.join(repository)).display().to_string(),
    });
    Ok(BackupSettings { program, repository, keep: keep.unwrap_or(KEEP) })
}

/// Takes `a/../b` out of a path, so that what is printed reads well. A link on the way keeps its meaning:
/// the path is only cleaned where it leads to the same folder.
fn clean(path: &Path) -> PathBuf {
    let mut parts: Vec<std::path::Component<'_>> = Vec::new();
    for part in path.components() {
        match (part, parts.last()) {
            (std::path::Component::ParentDir, Some(std::path::Component::Normal(_))) => {
                parts.pop();
            }
            (std::path::Component::CurDir, _) => {}
            _ => parts.push(part),
        }
    }
    let cleaned: PathBuf = parts.iter().collect();
    let same = |a: &Path, b: &Path| match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        // Neither is there yet: nothing on the way can be a link that matters.
        (Err(_), Err(_)) => true,
        _ => false,
    };
    if same(&cleaned, path) { cleaned } else { path.to_owned() }
}

fn check_edge(raw: RawEdge, file: &Path, folder: &Path) -> Result<EdgeSettings, ConfigProblems> {
    let RawEdge { kind, network, listen, address, ca } = raw;
    let mut problems = ConfigProblems::default();
    let mut socket = |key: &str, text: &str| {
        text.parse::<SocketAddr>()
            .map_err(|error| {
                problems.push(ConfigProblem::at_key(
                    file,
                    key,
                    format!("`{text}`: {error}"),
                    "give an IP address and a port, such as \"127.0.0.1:8443\"",
                ));
            })
            .ok()
    };
    let kind = match kind.unwrap_or(RawEdgeKind::Embedded) {
        RawEdgeKind::Embedded => {
            let listen = socket("edge.listen", listen.as_deref().unwrap_or("127.0.0.1:0"));
            if address.is_some() || ca.is_some() {
                problems.push(ConfigProblem::at_key(
                    file,
                    "edge.kind",
                    "`address` and `ca` belong to an external edge",
                    "set `kind = \"external\"` or drop them",
                ));
            }
            listen.map(|listen| EdgeKind::Embedded { listen })
        }
        RawEdgeKind::External => match address.as_deref() {
            Some(address) => socket("edge.address", address)
                .map(|address| EdgeKind::External { address, ca: ca.map(|ca| folder.join(ca)) }),
            None => {
                problems.push(ConfigProblem::at_key(
                    file,
                    "edge.address",
                    "an external edge needs an address",
                    "give that of your Traefik's HTTPS entry point, such as \"127.0.0.1:443\"",
                ));
                None
            }
        },
    };
    match kind {
        Some(kind) if problems.is_empty() => {
            Ok(EdgeSettings { network: network.unwrap_or_else(|| "proxy".into()), kind })
        }
        Some(_) | None => Err(problems),
    }
}
