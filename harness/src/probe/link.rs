//! How a connection is made, and which way it went.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::net::TcpStream;

/// Longest wait for one TCP connection. A task on the same machine answers in microseconds.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Which way a connection went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// To an address, as anybody would.
    Address(SocketAddr),
    /// From inside the network namespace of the task.
    Namespace(SocketAddr),
    /// To the task's address on `docker_gwbridge`, because its namespace could not be entered.
    Bridge { address: SocketAddr, why: String },
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Namespace(address) => write!(f, "{address} in the task's namespace"),
            Self::Bridge { address, why } => write!(f, "{address} on the bridge ({why})"),
        }
    }
}

/// A connection and the way it went.
#[derive(Debug)]
pub struct Link {
    pub stream: TcpStream,
    pub via: Via,
}

type Connect = dyn Fn() -> BoxFuture<'static, std::io::Result<Link>> + Send + Sync;

/// Makes connections to one place. Cheap to clone.
#[derive(Clone)]
pub struct Connector {
    connect: Arc<Connect>,
    /// Such as `app:3000`; for people.
    name: Arc<str>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connector").field(&self.name).finish()
    }
}

impl Connector {
    /// Makes a connector of a closure. `name` is shown to people.
    pub fn new<F, C>(name: impl Into<String>, connect: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = std::io::Result<Link>> + Send + 'static,
    {
        Self { connect: Arc::new(move || Box::pin(connect())), name: Arc::from(name.into()) }
    }

    /// Connects to an address.
    pub fn address(address: SocketAddr) -> Self {
        Self::new(address.to_string(), move || async move {
            let stream = tcp(address).await?;
            Ok(Link { stream, via: Via::Address(address) })
        })
    }

    /// Makes one connection, with Nagle's delay off.
    pub async fn connect(&self) -> std::io::Result<Link> {
        let link = (self.connect)().await?;
        link.stream.set_nodelay(true)?;
        Ok(link)
    }

    /// Returns the name for people.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Connects within [`CONNECT_LIMIT`].
pub(crate) async fn tcp(address: SocketAddr) -> std::io::Result<TcpStream> {
    match tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
        Ok(stream) => stream,
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}
