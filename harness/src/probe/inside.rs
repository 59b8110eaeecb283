//! Connections from inside a task: the vantage that needs no published port, no route and no name.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::link::{self, Connector, Link, Via};

/// Longest wait for one address inside of a task.
const ONE_ADDRESS: Duration = Duration::from_secs(2);
/// Most addresses that are tried, its loopback included.
const ADDRESSES: usize = 6;

/// Where a task can be met, as the engine says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Process id on this machine.
    pub pid: Option<u32>,
    /// Address on `docker_gwbridge`; a task on internal networks only has none.
    pub bridge: Option<IpAddr>,
}

impl Task {
    /// Returns a connector to a port of the task.
    pub fn connector(self, name: impl Into<String>, port: u16) -> Connector {
        Connector::new(name, move || self.connect(port))
    }

    /// Connects from inside the task's namespace, or over the bridge where we may not enter.
    pub async fn connect(self, port: u16) -> io::Result<Link> {
        let why = match self.pid {
            None => "the engine gives no process id".to_owned(),
            Some(pid) => match connect(pid, port).await {
                Ok(link) => return Ok(link),
                Err(Refused::Entering(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                    "we may not enter its namespace".to_owned()
                }
                Err(Refused::Entering(error)) if error.kind() == io::ErrorKind::NotFound => {
                    "its process is gone or on another machine".to_owned()
                }
                Err(Refused::Entering(error)) => format!("its namespace cannot be entered: {error}"),
                // Inside, and nobody answers: the bridge would show the same, later.
                Err(Refused::Connecting(error)) => return Err(error),
            },
        };
        let Some(bridge) = self.bridge else {
            return Err(io::Error::other(format!("{why}, and the task has no address on the bridge")));
        };
        let address = SocketAddr::new(bridge, port);
        let stream = link::tcp(address).await?;
        Ok(Link { stream, via: Via::Bridge { address, why } })
    }
}

/// Why there is no connection from inside.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The namespace could not be entered.
    #[error("the task's network namespace cannot be entered")]
    Entering(#[source] io::Error),
    /// It was entered, and no address of the task took the connection.
    #[error("no address of the task took the connection")]
    Connecting(#[source] io::Error),
}

/// Connects to a port at the loopback or at an own address of the process `pid`, in its network namespace.
///
/// Needs the right to enter it (`CAP_SYS_ADMIN`). The namespace is entered by a thread of its own, which
/// ends with the call: no thread of a pool is ever left in a foreign namespace.
pub async fn connect(pid: u32, port: u16) -> Result<Link, Refused> {
    in_a_thread(move || in_namespace(pid, port)).await
}

/// Connects from the network namespace of the process `pid` to any address, such as that of another task on
/// an overlay network of theirs.
pub async fn connect_to(pid: u32, address: SocketAddr) -> Result<Link, Refused> {
    in_a_thread(move || {
        enter(pid)?;
        let stream = TcpStream::connect_timeout(&address, ONE_ADDRESS).map_err(Refused::Connecting)?;
        Ok((stream, address))
    })
    .await
}

/// Runs in a thread of its own, which ends with the call and takes the foreign namespace with it.
async fn in_a_thread(
    connect: impl FnOnce() -> Result<(TcpStream, SocketAddr), Refused> + Send + 'static,
) -> Result<Link, Refused> {
    let (send, receive) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("inside".to_owned())
        .spawn(move || {
            // Nobody waits any more if the probe was dropped.
            send.send(connect()).ok();
        })
        .map_err(Refused::Entering)?;
    let (stream, address) = receive
        .await
        .unwrap_or_else(|_| Err(Refused::Entering(io::Error::other("the thread ended without an answer"))))?;
    stream.set_nonblocking(true).map_err(Refused::Connecting)?;
    let stream = tokio::net::TcpStream::from_std(stream).map_err(Refused::Connecting)?;
    Ok(Link { stream, via: Via::Namespace(address) })
}

fn enter(pid: u32) -> Result<(), Refused> {
    let place = format!("/proc/{pid}/ns/net");
    let namespace = std::fs::File::open(Path::new(&place)).map_err(Refused::Entering)?;
    move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), Some(LinkNameSpaceType::Network))
        .map_err(|errno| Refused::Entering(errno.into()))
}

fn in_namespace(pid: u32, port: u16) -> Result<(TcpStream, SocketAddr), Refused> {
    enter(pid)?;
    let own = std::fs::read_to_string("/proc/thread-self/net/fib_trie").unwrap_or_default();
    let first = [IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let last = [IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let mut refused = None;
    let started = Instant::now();
    for ip in first.into_iter().chain(own_addresses(&own)).take(ADDRESSES).chain(last) {
        let address = SocketAddr::new(ip, port);
        if link::CONNECT_LIMIT <= started.elapsed() {
            break;
        }
        match TcpStream::connect_timeout(&address, ONE_ADDRESS) {
            Ok(stream) => return Ok((stream, address)),
            // The first one speaks: what comes later is only tried in hope.
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(Refused::Connecting(refused.unwrap_or_else(|| io::ErrorKind::TimedOut.into())))
}

/// Reads the addresses of a namespace from its routing table, loopback left out.
fn own_addresses(fib_trie: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in fib_trie.lines() {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
        } else if line == "/32 host LOCAL"
            && let Some(address) = last.take()
            && !address.is_loopback()
            && !found.contains(&IpAddr::V4(address))
        {
            found.push(IpAddr::V4(address));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_a_task_are_read_from_its_routing_table() {
        let table = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.1.0\n        /24 link UNICAST\n     |-- 10.0.1.7\n\
                     \u{20}       /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\nLocal:\n     |-- 10.0.1.7\n\
                     \u{20}       /32 host LOCAL\n     |-- 172.18.0.3\n        /32 host LOCAL\n     |-- 10.0.1.255\n        /32 link BROADCAST\n";
        assert_eq!(own_addresses(table), [IpAddr::from([10, 0, 1, 7]), IpAddr::from([172, 18, 0, 3])]);
        assert_eq!(own_addresses("nonsense"), Vec::<IpAddr>::new());
    }
}
