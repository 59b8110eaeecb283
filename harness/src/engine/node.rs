//! Where the ports are that stacks publish on the engine's node.

use std::path::Path;

use super::Engine;

impl Engine {
    /// Returns a process in whose network the node's published ports are found, where that network is not
    /// ours: an engine on this machine in a network namespace of its own, as tests with several engines have
    /// it. `None`: they are at this machine's own addresses, as far as can be known.
    pub async fn foreign_network(&self) -> Option<u32> {
        let socket = self.host().strip_prefix("unix://")?;
        // The kernel remembers who listens on a socket.
        let stream = tokio::net::UnixStream::connect(socket).await.ok()?;
        let pid = u32::try_from(stream.peer_cred().ok()?.pid()?).ok()?;
        let network = |pid: &str| std::fs::read_link(Path::new("/proc").join(pid).join("ns/net")).ok();
        let (theirs, ours) = (network(&pid.to_string())?, network("self")?);
        (theirs != ours).then_some(pid)
    }
}
