//! What the engine is and what its node can do. Nothing is guessed: what cannot be known is `None`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{Engine, EngineError, text};

/// The engine's part in a swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwarmRole {
    Manager,
    Worker,
    /// In no swarm, or not (yet) able to say.
    Inactive,
}

/// What is known of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineFacts {
    /// Such as `20.10.24+dfsg1`.
    pub version: String,
    /// The version of the API that we agreed on, such as `1.41`.
    pub api: String,
    pub swarm: SwarmRole,
    /// The node's id in the swarm; empty where it is in none.
    pub node: String,
    /// Nodes in the swarm, 0 where it is in none or is no manager.
    pub nodes: u64,
    /// Whether virtual IPs and ingress ports can work: the kernel has IPVS built in, loaded, or ready to load.
    /// `None` where the engine is not on this machine.
    pub ipvs: Option<bool>,
    pub root_dir: String,
    /// Bytes.
    pub memory: u64,
    pub cpus: u64,
    /// The storage driver, such as `overlay2`.
    pub driver: String,
    pub kernel: String,
    /// Whether the engine runs on this machine, with this machine's kernel and files.
    pub is_local: bool,
    /// Free bytes for an unprivileged user where the engine keeps its data. `None` where that is not on this
    /// machine.
    pub disk_free: Option<u64>,
    /// The engine's clock minus ours, in milliseconds; 0 where they differ by less than can be told.
    pub clock_ahead_millis: i64,
}

impl Engine {
    /// Asks the engine, and this machine where the engine is on it.
    pub async fn facts(&self) -> Result<EngineFacts, EngineError> {
        let info = self.raw().get("/info", &[], "asking for its facts").await?;
        let swarm = &info["Swarm"];
        let manager = swarm["ControlAvailable"].as_bool() == Some(true);
        let role = match (swarm["LocalNodeState"].as_str(), manager) {
            (Some("active"), true) => SwarmRole::Manager,
            (Some("active"), false) => SwarmRole::Worker,
            (Some(_) | None, _) => SwarmRole::Inactive,
        };
        let root_dir = text(&info["DockerRootDir"]);
        let is_local = self.host().starts_with("unix://") && is_this_machine(&info);
        Ok(EngineFacts {
            version: text(&info["ServerVersion"]),
            api: self.raw().prefix.trim_start_matches("/v").to_owned(),
            swarm: role,
            node: text(&swarm["NodeID"]),
            nodes: swarm["Nodes"].as_u64().unwrap_or(0),
            ipvs: is_local.then(|| has_ipvs(Path::new("/"))),
            memory: info["MemTotal"].as_u64().unwrap_or(0),
            cpus: info["NCPU"].as_u64().unwrap_or(0),
            driver: text(&info["Driver"]),
            kernel: text(&info["KernelVersion"]),
            disk_free: if is_local { disk_free(Path::new(&root_dir)) } else { None },
            is_local,
            root_dir,
            clock_ahead_millis: self.inner.ahead.num_milliseconds(),
        })
    }
}

/// A socket may be forwarded from elsewhere: the kernel and the memory have to be ours too.
fn is_this_machine(info: &Value) -> bool {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|l| l.starts_with("MemTotal:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    !kernel.is_empty()
        && info["KernelVersion"].as_str() == Some(kernel.trim())
        && info["MemTotal"].as_u64().map(|bytes| bytes / 1024) == memory
}

/// Whether the kernel under `root` has IPVS: `/proc/net/ip_vs` is there once it is loaded or built in (not in every
/// network namespace), the module lists name it where it is built in or can be loaded.
fn has_ipvs(root: &Path) -> bool {
    if root.join("proc/net/ip_vs").exists() {
        return true;
    }
    let Ok(release) = fs::read_to_string(root.join("proc/sys/kernel/osrelease")) else { return false };
    let modules = root.join("lib/modules").join(release.trim());
    let names_it = |line: &str| {
        let path = line.split(':').next().unwrap_or(line).trim();
        let file = path.rsplit('/').next().unwrap_or(path);
        file == "ip_vs.ko" || file.starts_with("ip_vs.ko.")
    };
    let lists =
        |file: &str| fs::read_to_string(modules.join(file)).is_ok_and(|text| text.lines().any(names_it));
    lists("modules.builtin") || lists("modules.dep")
}

fn disk_free(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files.iter().chain([&("proc/sys/kernel/osrelease", "6.1\n")]) {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_kernel_has_ipvs_when_it_is_loaded_built_in_or_loadable() {
        let ipvs = |files: &[(&str, &str)]| has_ipvs(kernel(files).path());
        assert!(!ipvs(&[]));
        assert!(ipvs(&[("proc/net/ip_vs", "")]));
        assert!(ipvs(&[("lib/modules/6.1/modules.builtin", "kernel/net/netfilter/ipvs/ip_vs.ko\n")]));
        assert!(ipvs(&[(
            "lib/modules/6.1/modules.dep",
            "kernel/net/netfilter/ipvs/ip_vs.ko.xz: kernel/a.ko.xz\n"
        )]));
        let only_a_part = "kernel/net/netfilter/ipvs/ip_vs_rr.ko: kernel/x/ip_vs.ko\n";
        assert!(!ipvs(&[("lib/modules/6.1/modules.dep", only_a_part)]));
        assert!(!ipvs(&[("lib/modules/5.0/modules.dep", "kernel/ip_vs.ko:\n")]), "another kernel's modules");
    }
}
