//! What the fake remembers, and the one place where time passes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::app::App;
use crate::clock::{Clock, Step};
use crate::containers::Container;
use crate::exec::Exec;
use crate::services::Service;
use crate::tasks::Task;

/// Everything behind the API.
pub(crate) struct State {
    pub(crate) folder: PathBuf,
    pub(crate) api: &'static str,
    pub(crate) version: &'static str,
    pub(crate) clock: Clock,
    stamp: DateTime<Utc>,
    /// The cluster's version index: every change of an object of the swarm raises it.
    pub(crate) index: u64,
    numbers: u64,
    pub(crate) apps: BTreeMap<String, App>,
    /// References of images that are on the node.
    pub(crate) images: BTreeSet<String>,
    pub(crate) nodes: Vec<Value>,
    pub(crate) networks: Vec<Value>,
    pub(crate) volumes: Vec<Value>,
    pub(crate) secrets: Vec<Value>,
    pub(crate) configs: Vec<Value>,
    pub(crate) services: Vec<Service>,
    /// Oldest first.
    pub(crate) tasks: Vec<Task>,
    pub(crate) containers: Vec<Container>,
    pub(crate) execs: BTreeMap<String, Exec>,
    /// Oldest first, with the time by which they are asked for.
    pub(crate) events: Vec<(DateTime<Utc>, Value)>,
    /// No volume can be made.
    pub(crate) disk_full: bool,
    /// Lists with nothing in them are `null`.
    pub(crate) null_lists: bool,
    /// Networks that the swarm has forgotten and this node has not, since somebody is on them.
    pub(crate) lingering: BTreeSet<String>,
}

impl State {
    pub(crate) fn new(folder: PathBuf, api: &'static str, version: &'static str, nodes: usize) -> Self {
        let mut state = Self {
            folder,
            api,
            version,
            clock: Clock::default(),
            stamp: Utc::now(),
            index: 10,
            numbers: 0,
            apps: BTreeMap::new(),
            images: BTreeSet::new(),
            nodes: Vec::new(),
            networks: Vec::new(),
            volumes: Vec::new(),
            secrets: Vec::new(),
            configs: Vec::new(),
            services: Vec::new(),
            tasks: Vec::new(),
            containers: Vec::new(),
            execs: BTreeMap::new(),
            events: Vec::new(),
            disk_full: false,
            null_lists: false,
            lingering: BTreeSet::new(),
        };
        for nth in 0..nodes.max(1) {
            let node = state.node(nth);
            state.nodes.push(node);
        }
        state.own_networks();
        state
    }

    /// Returns what rests here, as the state of another fake in that folder.
    pub(crate) fn at_rest(&self, folder: &Path) -> Self {
        assert!(self.services.is_empty() && self.containers.is_empty(), "something runs");
        let mut state = Self::new(folder.to_owned(), self.api, self.version, self.nodes.len());
        state.null_lists = self.null_lists;
        (state.index, state.numbers, state.stamp) = (self.index, self.numbers, self.stamp);
        (state.apps, state.images) = (self.apps.clone(), self.images.clone());
        (state.nodes, state.networks) = (self.nodes.clone(), self.networks.clone());
        (state.secrets, state.configs) = (self.secrets.clone(), self.configs.clone());
        state.volumes = self.volumes.clone();
        for volume in &mut state.volumes {
            let (from, to) = (
                self.volume_folder(&text(&volume["Name"])),
                crate::volumes::folder_of(folder, &text(&volume["Name"])),
            );
            let above = to.parent().expect("a volume's folder has one above it");
            std::fs::create_dir_all(above).expect("a fake's folder takes folders");
            // Owners, modes, links and times as well.
            let copied = std::process::Command::new("cp").arg("-a").arg(&from).arg(&to).status();
            assert!(copied.is_ok_and(|status| status.success()), "`{}` cannot be copied", from.display());
            volume["Mountpoint"] = json!(to);
        }
        state
    }

    fn node(&mut self, nth: usize) -> Value {
        let at = self.now();
        let (role, manager) = match nth {
            0 => ("manager", json!({"Leader": true, "Reachability": "reachable", "Addr": "127.0.0.1:2377"})),
            _ => ("worker", Value::Null),
        };
        let mut node = json!({
            "ID": self.id25(), "Version": {"Index": self.next_index()}, "CreatedAt": at, "UpdatedAt": at,
            "Spec": {"Labels": {}, "Role": role, "Availability": "active"},
            "Description": {
                "Hostname": format!("fake{nth}"),
                "Platform": {"Architecture": "x86_64", "OS": "linux"},
                "Resources": {"NanoCPUs": 2_000_000_000_u64, "MemoryBytes": 4_u64 << 30},
                "Engine": {"EngineVersion": self.version, "Plugins": [{"Type": "Volume", "Name": "local"}]},
                "TLSInfo": {"TrustRoot": "", "CertIssuerSubject": "", "CertIssuerPublicKey": ""},
            },
            "Status": {"State": "ready", "Addr": "127.0.0.1"},
        });
        if manager.is_object() {
            node["ManagerStatus"] = manager;
        }
        node
    }

    /// Returns the time as answers show it. No two are equal, so that what happened in one moment keeps its order.
    pub(crate) fn moment(&mut self) -> DateTime<Utc> {
        self.stamp = Utc::now().max(self.stamp + TimeDelta::microseconds(1));
        self.stamp
    }

    pub(crate) fn now(&mut self) -> String {
        self.moment().to_rfc3339_opts(SecondsFormat::Nanos, true)
    }

    pub(crate) fn next_index(&mut self) -> u64 {
        self.index += 1;
        self.index
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        mix(self.numbers)
    }

    /// An id as swarm makes them.
    pub(crate) fn id25(&mut self) -> String {
        let (mut one, mut two) = (self.number(), self.number());
        let digit = |left: &mut u64| {
            let digit = u32::try_from(*left % 36).expect("a remainder of 36 fits");
            *left /= 36;
            char::from_digit(digit, 36).expect("36 digits")
        };
        (0..12).map(|_| digit(&mut one)).collect::<String>()
            + &(0..13).map(|_| digit(&mut two)).collect::<String>()
    }

    /// An id as the engine makes them for what lives on a node.
    pub(crate) fn id64(&mut self) -> String {
        (0..4).map(|_| format!("{:016x}", self.number())).collect()
    }

    pub(crate) fn node_id(&self) -> String {
        text(&self.nodes[0]["ID"])
    }

    /// Lets everything happen that is due until then.
    pub(crate) fn run_until(&mut self, limit: Duration) {
        while let Some(step) = self.clock.take(limit) {
            self.happen(step);
        }
        self.clock.now = self.clock.now.max(limit);
    }

    /// Lets what is due until then happen, at most so many things. Where that is not all, the clock stays behind.
    pub(crate) fn run_some(&mut self, limit: Duration, at_most: usize) {
        for _ in 0..at_most {
            match self.clock.take(limit) {
                Some(step) => self.happen(step),
                None => {
                    self.clock.now = self.clock.now.max(limit);
                    return;
                }
            }
        }
    }

    /// Lets everything happen that is going to, at most for so long: a crash loop never ends. Says whether it did end.
    pub(crate) fn run_until_idle(&mut self, at_most: Duration) -> bool {
        let limit = self.clock.now.saturating_add(at_most);
        while let Some(step) = self.clock.take(limit) {
            self.happen(step);
        }
        self.clock.next().is_none()
    }

    fn happen(&mut self, step: Step) {
        match step {
            Step::Move { task } => self.move_task(&task),
            Step::Wake { task } => self.wake(&task),
            Step::End { container, start, code } => self.end_container(&container, Some(start), code),
            Step::Healthy { container, start } => self.set_health(&container, start, "healthy"),
            Step::Unhealthy { container, start } => self.set_health(&container, start, "unhealthy"),
            Step::Kill { container, start } => self.kill_container(&container, Some(start)),
            Step::Forget { task } => self.forget(&task),
            Step::Begin { service, round } => self.begin_update(&service, round),
            Step::Next { service, round } => self.drive_update(&service, round),
            Step::Watched { service, round } => self.watched(&service, round),
        }
    }

    /// Whether it is an engine before 23: some words and a few keys differ.
    pub(crate) fn is_old(&self) -> bool {
        self.version
            .split('.')
            .next()
            .and_then(|major| major.parse::<u32>().ok())
            .is_some_and(|major| major < 23)
    }

    /// The app behind a reference: pinned by digest, by id, or as it is.
    pub(crate) fn app(&self, reference: &str) -> Option<(&String, &App)> {
        let plain = reference.split('@').next().unwrap_or(reference);
        self.apps
            .iter()
            .find(|(name, _)| *name == plain || *name == reference || crate::images::id_of(name) == reference)
    }
}

/// Spreads a number over all 64 bits (SplitMix64).
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(crate) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
