//! Can this machine and its engine do the work? Each finding says what to do about it (CC-012).

use std::collections::BTreeSet;
use std::time::Duration;

use harness::engine::{Engine, EngineError, EngineFacts, SwarmRole};

use crate::instance::{EdgeKind, Instance};

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Good,
    /// Works, with the consequence that is told.
    Fair,
    /// Could not be looked at from here.
    Unknown,
    /// No run can be done like this.
    Bad,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    pub name: &'static str,
    pub state: State,
    pub says: String,
    /// Empty where nothing has to be done.
    pub remedy: String,
}

impl Check {
    fn new(name: &'static str, state: State, says: impl Into<String>, remedy: &str) -> Self {
        let remedy = if state == State::Good { "" } else { remedy };
        Self { name, state, says: says.into(), remedy: remedy.to_owned() }
    }

    /// Makes a bad check of an engine that does not answer.
    pub fn of_error(name: &'static str, error: &EngineError) -> Self {
        let says = harness::engine::Chain(error).to_string();
        Self::new(name, State::Bad, says, error.hint().unwrap_or("look at the engine's own log"))
    }
}

/// The oldest engine that the live tests pass on.
const OLDEST_MAJOR: u32 = 20;
/// A clock that is off by more makes deadlines and certificates lie.
const CLOCK_LIMIT_MILLIS: i64 = 5_000;
/// How long an interface has to stay to be called left: one that is being made goes to its network within milliseconds.
const LINK_PAUSE: Duration = Duration::from_secs(1);
/// Less memory than this holds no two small stacks.
const MEMORY_LIMIT: u64 = 2 * GIB;
const GIB: u64 = 1024 * 1024 * 1024;

/// Judges what the engine says of itself.
pub fn judge(facts: &EngineFacts, instance: Option<&Instance>) -> Vec<Check> {
    let major: u32 = facts.version.split('.').next().and_then(|v| v.parse().ok()).unwrap_or(0);
    let disk_limit = instance.map_or(2 * GIB, |i| i.settings.disk_free);
    let mut checks = vec![
        Check::new(
            "engine",
            if major >= OLDEST_MAJOR { State::Good } else { State::Bad },
            format!("Docker {} (API {}), {}", facts.version, facts.api, facts.driver),
            "install Docker 20.10 or newer",
        ),
        match facts.swarm {
            SwarmRole::Manager => {
                Check::new("swarm", State::Good, format!("manager of {} nodes", facts.nodes), "")
            }
            SwarmRole::Worker => Check::new(
                "swarm",
                State::Bad,
                "the engine is a worker, and takes no stacks",
                "point `engine` in simmer.toml, or DOCKER_HOST, at a manager",
            ),
            SwarmRole::Inactive => Check::new(
                "swarm",
                State::Bad,
                "the engine is in no swarm",
                "run `docker swarm init` (or `cargo xtask up` in a checkout)",
            ),
        },
        match facts.ipvs {
            Some(true) => Check::new("ipvs", State::Good, "the kernel has virtual IPs", ""),
            Some(false) => Check::new(
                "ipvs",
                State::Fair,
                "the kernel has no IPVS: virtual IPs and ingress ports do not work",
                "nothing has to be done: services run with `dnsrr` and host ports, noted as deviations; \
                 to test as written, use a kernel with `ip_vs`",
            ),
            None => Check::new(
                "ipvs",
                State::Unknown,
                "the engine is on another machine",
                "if its kernel has no IPVS, set `endpoint = \"dnsrr\"` in simmer.toml",
            ),
        },
        match facts.disk_free {
            Some(free) => Check::new(
                "disk",
                if free >= disk_limit { State::Good } else { State::Bad },
                format!("{} free in {}, {} are wanted", gib(free), facts.root_dir, gib(disk_limit)),
                "make room with `docker image prune -a`, or lower `limits.disk_free_gib` in simmer.toml",
            ),
            None => Check::new("disk", State::Unknown, "the engine is on another machine", "look there"),
        },
        Check::new(
            "memory",
            if facts.memory >= MEMORY_LIMIT { State::Good } else { State::Fair },
            format!("{}, {} CPUs", gib(facts.memory), facts.cpus),
            "stacks run one at a time; large recipes may not fit",
        ),
        Check::new(
            "clock",
            if facts.clock_ahead_millis.abs() <= CLOCK_LIMIT_MILLIS { State::Good } else { State::Bad },
            match facts.clock_ahead_millis {
                0 => "the engine's clock is ours".to_owned(),
                ahead => format!("the engine's clock is {ahead} ms ahead of ours"),
            },
            "set both machines' clocks by NTP",
        ),
    ];
    checks.sort_by_key(|c| std::cmp::Reverse(c.state == State::Bad));
    checks
}

fn gib(bytes: u64) -> String {
    format!("{}.{} GiB", bytes / GIB, bytes % GIB * 10 / GIB)
}

/// Looks for the shared network on which stacks meet the edge.
pub async fn network(engine: &Engine, name: &str) -> Check {
    match engine.network(name).await {
        Ok(Some(network)) if network.scope == "swarm" && network.driver == "overlay" => {
            Check::new("network", State::Good, format!("overlay network `{name}`"), "")
        }
        Ok(Some(network)) => Check::new(
            "network",
            State::Bad,
            format!("network `{name}` is a {} network of scope {}", network.driver, network.scope),
            "stacks need an overlay network; name another one under `[edge] network`",
        ),
        Ok(None) => Check::new(
            "network",
            State::Bad,
            format!("there is no network `{name}`"),
            &format!("docker network create --driver overlay --attachable {name}"),
        ),
        Err(error) => Check::new("network", State::Unknown, error.to_string(), "look at the engine's log"),
    }
}

/// Says whether tasks on an overlay network reach each other, by trying.
pub async fn overlay_traffic(engine: &Engine) -> Check {
    match crate::traffic::try_traffic(engine).await {
        Ok(millis) => Check::new(
            "overlay",
            State::Good,
            format!("two tasks on an overlay network reached each other in {millis} ms"),
            "",
        ),
        Err(crate::traffic::Untried::NoImage) => Check::new(
            "overlay",
            State::Unknown,
            "not tried: there is no image on the node to try it with",
            "`cargo xtask up` builds one; any run shows it as well",
        ),
        Err(crate::traffic::Untried::Remote) => Check::new(
            "overlay",
            State::Unknown,
            "not tried: the engine is on another machine",
            "run this there",
        ),
        Err(crate::traffic::Untried::Broken(says)) => Check::new(
            "overlay",
            State::Bad,
            format!("tasks on an overlay network do not reach each other: {says}"),
            "does the kernel have vxlan, and is UDP 4789 open between the nodes?",
        ),
    }
}

/// Looks for interfaces that an engine left on its node when it ended while it made a network. Its numbers are given out
/// again, so sooner or later a run's own network gets that one and none of its tasks starts (JOURNAL F-013).
///
/// `list` returns the names of the node's interfaces.
pub async fn left_links(mut list: impl FnMut() -> Vec<String>) -> Check {
    let mut look = || list().into_iter().filter(|name| is_overlay_link(name)).collect::<BTreeSet<_>>();
    let mut left = look();
    if !left.is_empty() {
        tokio::time::sleep(LINK_PAUSE).await;
        left = &left & &look();
    }
    if left.is_empty() {
        return Check::new(
            "links",
            State::Good,
            "no interface of an earlier network is left on the node",
            "",
        );
    }
    let names: Vec<_> = left.into_iter().collect();
    let says = format!(
        "left of earlier networks: {}; tasks on a network of that number do not start",
        names.join(", ")
    );
    Check::new("links", State::Fair, says, &format!("ip link delete {}", names.join("; ip link delete ")))
}

/// The names of this machine's network interfaces.
pub fn links() -> Vec<String> {
    let folder = std::fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
    folder.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Whether the engine names an overlay network's interface so while it makes it: the network's number in hexadecimal
/// and the beginning of its id (libnetwork, engines 20.10 to 26.1).
fn is_overlay_link(name: &str) -> bool {
    let parts = name.strip_prefix("vx-").and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(number, id)| {
        number.len() == 6 && number.chars().all(|c| c.is_ascii_hexdigit()) && id.len() == 5
    })
}

/// Tries the address of the edge.
pub async fn edge(instance: &Instance) -> Check {
    match &instance.settings.edge.kind {
        EdgeKind::Embedded { listen } => match tokio::net::TcpListener::bind(listen).await {
            Ok(_free) => Check::new("edge", State::Good, format!("embedded, can listen on {listen}"), ""),
            Err(error) => Check::new(
                "edge",
                State::Bad,
                format!("cannot listen on {listen}: {error}"),
                "free the port, or set `[edge] listen` to \"127.0.0.1:0\"",
            ),
        },
        EdgeKind::External { address, .. } => {
            let limit = Duration::from_secs(5);
            match tokio::time::timeout(limit, tokio::net::TcpStream::connect(address)).await {
                Ok(Ok(_)) => Check::new("edge", State::Good, format!("external, {address} answers"), ""),
                Ok(Err(error)) => Check::new(
                    "edge",
                    State::Bad,
                    format!("{address} does not answer: {error}"),
                    "is your Traefik running, and is that its HTTPS entry point?",
                ),
                Err(_) => Check::new(
                    "edge",
                    State::Bad,
                    format!("{address} does not answer within 5 s"),
                    "is there a firewall between?",
                ),
            }
        }
    }
}

/// Returns the first thing that makes every run impossible.
pub(crate) async fn first_blocker(
    facts: &EngineFacts,
    instance: &Instance,
    engine: &Engine,
) -> Option<Check> {
    let mut checks = judge(facts, Some(instance));
    if facts.swarm == SwarmRole::Manager {
        checks.push(network(engine, &instance.settings.edge.network).await);
    }
    checks.into_iter().find(|c| c.state == State::Bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> EngineFacts {
        EngineFacts {
            version: "20.10.24+dfsg1".into(),
            api: "1.41".into(),
            swarm: SwarmRole::Manager,
            node: "n1".into(),
            nodes: 1,
            ipvs: Some(false),
            root_dir: "/var/lib/docker".into(),
            memory: 24 * GIB,
            cpus: 2,
            driver: "overlay2".into(),
            kernel: "6.18".into(),
            is_local: true,
            disk_free: Some(80 * GIB),
            clock_ahead_millis: 0,
        }
    }

    fn told(facts: &EngineFacts) -> String {
        let line = |c: Check| format!("{:?} {}: {} | {}\n", c.state, c.name, c.says, c.remedy);
        judge(facts, None).into_iter().filter(|c| c.state != State::Good).map(line).collect()
    }

    #[test]
    fn what_is_missing_comes_first_and_says_what_to_do() {
        let facts = EngineFacts {
            swarm: SwarmRole::Inactive,
            disk_free: Some(GIB),
            clock_ahead_millis: -7_000,
            ..facts()
        };
        insta::assert_snapshot!(told(&facts), @r"
        Bad swarm: the engine is in no swarm | run `docker swarm init` (or `cargo xtask up` in a checkout)
        Bad disk: 1.0 GiB free in /var/lib/docker, 2.0 GiB are wanted | make room with `docker image prune -a`, or lower `limits.disk_free_gib` in simmer.toml
        Bad clock: the engine's clock is -7000 ms ahead of ours | set both machines' clocks by NTP
        Fair ipvs: the kernel has no IPVS: virtual IPs and ingress ports do not work | nothing has to be done: services run with `dnsrr` and host ports, noted as deviations; to test as written, use a kernel with `ip_vs`
        ");
    }

    #[test]
    fn a_good_machine_has_nothing_to_say() {
        assert_eq!(told(&EngineFacts { ipvs: Some(true), ..facts() }), "");
    }

    #[tokio::test(start_paused = true)]
    async fn an_interface_that_stays_is_left_and_one_that_goes_was_being_made() {
        let told = async |looks: [&[&str]; 2]| {
            let mut looks = looks.into_iter().map(|names| names.iter().map(|n| (*n).to_owned()).collect());
            let check = left_links(|| looks.next().unwrap_or_default()).await;
            format!("{:?} {} | {}", check.state, check.says, check.remedy)
        };
        let others = ["lo", "eth0", "docker0", "vx-1", "vx-00100g-4yb6x", "vx-001002-4yb6xy"];
        let none = told([&others, &others]).await;
        assert!(none.starts_with("Good "), "{none}");
        assert_eq!(told([&["vx-001002-4yb6x"], &["lo"]]).await, none, "gone a moment later");
        insta::assert_snapshot!(
            told([&["lo", "vx-001002-4yb6x", "vx-001003-abcde"], &["vx-001003-abcde", "vx-001002-4yb6x"]]).await,
            @"Fair left of earlier networks: vx-001002-4yb6x, vx-001003-abcde; tasks on a network of that number do not start | ip link delete vx-001002-4yb6x; ip link delete vx-001003-abcde"
        );
    }
}
