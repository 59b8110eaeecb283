//! The edge as a whole: what it listens on, its limits, its routes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use domain::StackName;
use domain::route::{PLAIN_ENTRY, TLS_ENTRY, Unknown};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::authority::{Authority, AuthorityError};
use super::routes::{Board, Route};
use super::serve::{self, Certificates, Shared};

/// Whether the edge may be met from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expose {
    /// Only addresses of this machine's loopback are taken.
    LoopbackOnly,
    /// Any address: whoever reaches it reaches the apps under test.
    Anywhere,
}

/// Limits of the edge (law 10). Their names stand in what is said when one is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; more wait in the listener's queue.
    pub connections: usize,
    /// From connecting to the end of a TLS greeting, and for each head of a request.
    pub greeting: Duration,
    /// To connect to a task.
    pub connect: Duration,
    /// For a task to begin its answer.
    pub answer: Duration,
    /// Without a byte in either direction.
    pub idle: Duration,
    /// One head, in bytes.
    pub head_bytes: usize,
    /// Header lines of one head.
    pub head_lines: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            greeting: Duration::from_secs(15),
            connect: Duration::from_secs(8),
            answer: Duration::from_secs(60),
            idle: Duration::from_secs(180),
            head_bytes: 64 * 1024,
            head_lines: 200,
        }
    }
}

/// How to start an edge. Port 0 takes any that is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub bind: IpAddr,
    pub expose: Expose,
    pub https_port: u16,
    pub http_port: u16,
    /// Further entry points, by name, for TCP routers.
    pub tcp: BTreeMap<String, u16>,
    /// Where the authority is kept.
    pub ca_dir: PathBuf,
    pub limits: Limits,
}

impl Options {
    /// Takes free ports on 127.0.0.1.
    pub fn loopback(ca_dir: impl Into<PathBuf>) -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            expose: Expose::LoopbackOnly,
            https_port: 0,
            http_port: 0,
            tcp: BTreeMap::new(),
            ca_dir: ca_dir.into(),
            limits: Limits::default(),
        }
    }
}

/// The edge cannot stand. All of it is the platform's fault.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    #[error("the edge may be met from elsewhere at {bind}, and nobody allowed that")]
    NotLoopback { bind: IpAddr },
    #[error("the edge cannot listen on {address} for entry point `{entry}`")]
    Listen { address: SocketAddr, entry: String, source: std::io::Error },
    #[error("the edge has no certificate authority")]
    Authority(#[from] AuthorityError),
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

impl EdgeError {
    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotLoopback { .. } => "bind it to 127.0.0.1, or allow it to be exposed",
            Self::Listen { .. } => "stop what listens there, or choose another port (0 takes any)",
            Self::Authority(_) => "check space and rights of the state folder",
            Self::Tls(_) => "this is a bug of ours",
        }
    }

    /// Returns who has to act.
    pub fn fault(&self) -> domain::Fault {
        match self {
            Self::NotLoopback { .. } | Self::Listen { .. } | Self::Authority(_) => domain::Fault::Platform,
            Self::Tls(_) => domain::Fault::Runner,
        }
    }
}

/// An edge that stands. Dropping it ends its listeners and connections.
#[derive(Debug)]
pub struct Edge {
    pub https_addr: SocketAddr,
    pub http_addr: SocketAddr,
    /// Addresses of the further entry points.
    pub tcp: BTreeMap<String, SocketAddr>,
    /// The authority's certificate, for probes: [`crate::probe::Trust::Ca`].
    pub ca_pem: String,
    shared: Arc<Shared>,
    entries: BTreeSet<String>,
    listeners: Vec<JoinHandle<()>>,
}

impl Drop for Edge {
    fn drop(&mut self) {
        // Each listener owns its connections, which end with it.
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

impl Edge {
    /// Binds everything, then serves. Nothing is routed yet.
    pub async fn start(options: Options) -> Result<Self, EdgeError> {
        let Options { bind, expose, https_port, http_port, tcp, ca_dir, limits } = options;
        if expose == Expose::LoopbackOnly && !bind.is_loopback() {
            return Err(EdgeError::NotLoopback { bind });
        }
        let authority = match tokio::task::spawn_blocking(move || Authority::open(&ca_dir)).await {
            Ok(authority) => authority?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let ca_pem = authority.pem().to_owned();
        let certificates = Arc::new(Certificates { authority, shared: OnceLock::new() });
        let (https, https_addr) = listen(bind, https_port, TLS_ENTRY).await?;
        let (http, http_addr) = listen(bind, http_port, PLAIN_ENTRY).await?;
        let mut further = Vec::new();
        for (entry, port) in tcp {
            let (listener, address) = listen(bind, port, &entry).await?;
            further.push((entry, listener, address));
        }
        let shared = Arc::new(Shared {
            board: Board::default(),
            limits,
            tls: server_tls(&certificates)?,
            https_port: https_addr.port(),
            further: Mutex::new(JoinSet::new()),
        });
        certificates.shared.get_or_init(|| Arc::downgrade(&shared));
        let room = Arc::new(Semaphore::new(limits.connections));
        let mut edge = Self {
            https_addr,
            http_addr,
            tcp: BTreeMap::new(),
            ca_pem,
            entries: BTreeSet::from([PLAIN_ENTRY.to_owned(), TLS_ENTRY.to_owned()]),
            listeners: Vec::new(),
            shared,
        };
        edge.take(https, &room, serve::secure);
        edge.take(http, &room, serve::plain);
        for (entry, listener, address) in further {
            let name: Arc<str> = Arc::from(entry.as_str());
            edge.take(listener, &room, move |shared, stream, client| {
                serve::tcp(shared, Arc::clone(&name), stream, client)
            });
            edge.entries.insert(entry.clone());
            edge.tcp.insert(entry, address);
        }
        Ok(edge)
    }

    /// Replaces the routes of a stack; requests under way go on. `unknown` is shown on pages for names that
    /// nobody serves. Returns what of the routes cannot be served, for people.
    pub fn set_routes(&self, stack: &StackName, routes: Vec<Route>, unknown: &[Unknown]) -> Vec<String> {
        self.shared.board.set(stack, routes, unknown, &self.entries)
    }

    /// Takes the routes of a stack away; requests under way go on.
    pub fn remove(&self, stack: &StackName) {
        self.shared.board.remove(stack);
    }

    fn take<F>(
        &mut self,
        listener: TcpListener,
        room: &Arc<Semaphore>,
        serve: impl Fn(Arc<Shared>, TcpStream, SocketAddr) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let (shared, room) = (Arc::clone(&self.shared), Arc::clone(room));
        self.listeners.push(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                while connections.try_join_next().is_some() {}
                match listener.accept().await {
                    Ok((stream, client)) => {
                        // Taken after the connection: a listener that nobody visits holds no place.
                        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
                        stream.set_nodelay(true).ok();
                        let served = serve(Arc::clone(&shared), stream, client);
                        connections.spawn(async move {
                            served.await;
                            drop(place);
                        });
                    }
                    // Too many open files, mostly: those that are open end by their idleness.
                    Err(error) => {
                        tracing::warn!(%error, "connection could not be taken");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        }));
    }
}

async fn listen(bind: IpAddr, port: u16, entry: &str) -> Result<(TcpListener, SocketAddr), EdgeError> {
    let address = SocketAddr::new(bind, port);
    let failed = |source| EdgeError::Listen { address, entry: entry.to_owned(), source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn server_tls(certificates: &Arc<Certificates>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(certificates) as Arc<dyn rustls::server::ResolvesServerCert>);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
