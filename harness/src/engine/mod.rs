//! The one door to the container engine: stacks as units, settled or not, and cleared without a trace.
//!
//! bollard carries streams (events, logs, exec, archives, pulls); JSON goes through [`raw`] word for word, which
//! says why. Times are the engine's: a clock that differs from ours is measured once, when we connect.

mod apply;
mod build;
mod clear;
mod error;
mod exec;
mod facts;
mod files;
mod images;
mod list;
mod logs;
mod network;
mod node;
mod nodes;
mod observe;
mod raw;
mod settle;
mod tasks;
mod volume;
mod volumes;
mod wanted;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use chrono::{DateTime, TimeDelta, Utc};

pub use apply::{Applied, AppliedService, Touched};
pub use build::{BuildError, BuildOrder, ImageBuilt};
pub use clear::{Broom, Cleared, Keep, Left};
pub use error::{Chain, EngineError};
pub use exec::{ExecError, ExecOutput, ExecRequest};
pub use facts::{EngineFacts, SwarmRole};
pub use images::{DigestOf, Freshness, PullError, ResolvedImage};
pub use list::{Kind, Object, Scope};
pub use logs::{Follow, LogBounds, LogLine, TaskLog};
pub use network::NetworkFacts;
pub use settle::{Settled, Trouble};
pub use tasks::{TaskFacts, TaskMount};
pub use volume::{RemoveError, VolumeFacts};
pub use wanted::{Wanted, WantedService};

use raw::{Place, Raw};

/// The label by which a stack's objects are known, to us and to the Docker CLI.
pub const STACK_LABEL: &str = "com.docker.stack.namespace";
/// A service's label that tells which spec of ours it holds: it is in the service's labels, not in the tasks', so
/// that it restarts nothing, and swarm puts the old one back when it rolls back.
pub const APPLY_LABEL: &str = "simmer.apply";

/// Where Docker listens when nobody says otherwise.
const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";
/// Longest time to find an engine and agree on a version: a present engine answers within milliseconds, one that
/// is just starting within 8 s.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A clock that differs by less is taken for the same: an answer tells its
/// time to the second, and may take another on a busy node.
const CLOCK_NOISE: TimeDelta = TimeDelta::milliseconds(1500);

/// A connection to one engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    docker: Docker,
    raw: Raw,
    /// The engine's clock minus ours.
    ahead: TimeDelta,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({})", self.inner.raw.host)
    }
}

impl Engine {
    /// Finds the engine and agrees with it on a version. `host` has the form of `DOCKER_HOST`; without it the
    /// environment decides, then the default socket. Fails within 10 s.
    pub async fn connect(host: Option<&str>) -> Result<Self, EngineError> {
        let host = match host {
            Some(host) => host.to_owned(),
            None => match std::env::var("DOCKER_HOST") {
                Ok(host) if !host.is_empty() => host,
                Ok(_) | Err(_) => DEFAULT_HOST.to_owned(),
            },
        };
        let place = Place::parse(&host)?;
        let doing = "connecting";
        let connect = async {
            let wrong = |bad| EngineError::of_bollard(bad, &host, doing);
            let mut raw = Raw { place, host: host.clone(), prefix: String::new() };
            // Raw first: its errors tell a missing socket from a refused one. Not `/info`: it starts programs, and
            // took 4 to 10 s on a node under full load.
            let asked = Utc::now();
            let (version, theirs) = raw.version(doing).await?;
            let middle = asked + (Utc::now() - asked) / 2;
            let ahead = theirs.map_or(TimeDelta::zero(), |theirs| theirs - middle);
            let ahead = if ahead.abs() < CLOCK_NOISE { TimeDelta::zero() } else { ahead };
            tracing::debug!(%host, version = version["Version"].as_str(), "engine answers");
            let docker = Docker::connect_with_host(&host).map_err(wrong)?;
            let docker = docker.negotiate_version().await.map_err(wrong)?;
            let agreed = docker.client_version();
            raw.prefix = format!("/v{}.{}", agreed.major_version, agreed.minor_version);
            Ok(Self { inner: Arc::new(Inner { docker, raw, ahead }) })
        };
        tokio::time::timeout(CONNECT_LIMIT, connect)
            .await
            .unwrap_or_else(|_| Err(EngineError::Deadline { doing: doing.to_owned(), limit: CONNECT_LIMIT }))
    }

    /// Returns the address as given, in the form of `DOCKER_HOST`.
    pub fn host(&self) -> &str {
        &self.inner.raw.host
    }

    /// Returns the time on the engine's clock, by which all times in its answers go.
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + self.inner.ahead
    }

    fn raw(&self) -> &Raw {
        &self.inner.raw
    }

    fn docker(&self) -> &Docker {
        &self.inner.docker
    }

    fn wrong(&self, doing: &str) -> impl Fn(bollard::errors::Error) -> EngineError {
        let (host, doing) = (self.inner.raw.host.clone(), doing.to_owned());
        move |error| EngineError::of_bollard(error, &host, &doing)
    }
}

/// Filters as the engine takes them: `{"label":["a=b"]}`.
fn filters(pairs: &[(&str, Vec<String>)]) -> String {
    let map: serde_json::Map<_, _> =
        pairs.iter().map(|(key, values)| ((*key).to_owned(), serde_json::json!(values))).collect();
    serde_json::Value::Object(map).to_string()
}

/// A JSON array, or nothing where the engine says `null`.
fn items(value: &serde_json::Value) -> &[serde_json::Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn time(value: &serde_json::Value) -> Option<DateTime<Utc>> {
    value.as_str()?.parse().ok()
}

fn labels(value: &serde_json::Value) -> std::collections::BTreeMap<String, String> {
    value.as_object().map(|map| map.iter().map(|(k, v)| (k.clone(), text(v))).collect()).unwrap_or_default()
}
