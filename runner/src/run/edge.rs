//! Where users come in: the embedded edge of this process, or a Traefik that is already there.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use domain::StackName;
use domain::route::{Table, To};
use harness::edge::{Edge, EdgeError, Expose, Options, Route};
use harness::probe::Trust;

use super::build::Built;
use super::outside::task_connector;
use super::shared::Shared;
use crate::instance::{EdgeKind, Settings};

/// The way in. Clones lead to the same door.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    https: SocketAddr,
    trust: Trust,
    /// The edge of this process; it ends with the last clone.
    embedded: Option<Arc<Edge>>,
}

/// The way in could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrontError {
    #[error("the embedded edge did not start")]
    Embedded(#[source] EdgeError),
    #[error("the external edge's CA file `{}` could not be read", path.display())]
    Ca { path: PathBuf, source: std::io::Error },
}

impl Front {
    /// Opens the way in. Nothing is routed yet.
    pub(crate) async fn start(settings: &Settings) -> Result<Self, FrontError> {
        match &settings.edge.kind {
            EdgeKind::Embedded { listen } => {
                let options = Options {
                    bind: listen.ip(),
                    https_port: listen.port(),
                    // Whoever wrote another address into simmer.toml has told us so.
                    expose: if listen.ip().is_loopback() { Expose::LoopbackOnly } else { Expose::Anywhere },
                    ..Options::loopback(settings.state.join("edge"))
                };
                let edge = Edge::start(options).await.map_err(FrontError::Embedded)?;
                Ok(Self {
                    https: edge.https_addr,
                    trust: Trust::Ca(edge.ca_pem.clone().into_bytes()),
                    embedded: Some(Arc::new(edge)),
                })
            }
            EdgeKind::External { address, ca } => {
                let trust = match ca {
                    Some(path) => Trust::Ca(
                        std::fs::read(path)
                            .map_err(|source| FrontError::Ca { path: path.clone(), source })?,
                    ),
                    None => Trust::System,
                };
                Ok(Self { https: *address, trust, embedded: None })
            }
        }
    }

    /// Returns the address of the HTTPS entry point.
    pub(crate) fn https(&self) -> SocketAddr {
        self.https
    }

    /// Returns whether it ends with this process.
    pub(crate) fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// Returns who may vouch for what answers there.
    pub(crate) fn trust(&self) -> Trust {
        self.trust.clone()
    }

    /// Routes a stack as its labels ask for; returns what the embedded edge cannot do, for people. An
    /// external one reads the labels itself.
    pub(crate) fn route(&self, shared: &Shared, stack: &StackName, built: &Built) -> Vec<String> {
        let Some(edge) = &self.embedded else { return Vec::new() };
        let Table { http, tcp, unknown } = &built.routes;
        let backend = |service: &str, port: u16| task_connector(shared, stack, service, port);
        let http = http.iter().map(|router| {
            // A router whose middlewares answer themselves still needs a backend that is never called.
            let (service, port) = match &router.to {
                To::Service(target) => (target.service.as_str(), target.port),
                To::Noop => ("", 0),
            };
            Route::Http { router: router.clone(), backend: backend(service, port) }
        });
        let tcp = tcp.iter().map(|router| Route::Tcp {
            router: router.clone(),
            backend: backend(&router.service, router.port),
        });
        edge.set_routes(stack, http.chain(tcp).collect(), unknown)
    }

    /// Takes a stack's routes away.
    pub(crate) fn forget(&self, stack: &StackName) {
        if let Some(edge) = &self.embedded {
            edge.remove(stack);
        }
    }
}
