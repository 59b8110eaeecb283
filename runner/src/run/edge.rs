//! Where users come in: the embedded edge of this process, or a Traefik that is already there.

use std::net::SocketAddr;

use domain::StackName;
use harness::probe::Trust;

use super::build::Built;
use super::side::Shared;
use crate::instance::{EdgeKind, Settings};

/// The way in. Clones lead to the same door.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    https: SocketAddr,
    trust: Trust,
}

impl Front {
    pub(crate) async fn start(settings: &Settings) -> std::io::Result<Self> {
        match &settings.edge.kind {
            EdgeKind::Embedded { listen } => Ok(Self { https: *listen, trust: Trust::Unchecked }),
            EdgeKind::External { address, ca } => {
                let trust = match ca {
                    Some(path) => Trust::Ca(std::fs::read(path)?),
                    None => Trust::System,
                };
                Ok(Self { https: *address, trust })
            }
        }
    }

    pub(crate) fn https(&self) -> SocketAddr {
        self.https
    }

    pub(crate) fn trust(&self) -> Trust {
        self.trust.clone()
    }

    pub(crate) fn route(&self, _shared: &Shared, _stack: &StackName, _built: &Built) {}

    pub(crate) fn forget(&self, _stack: &StackName) {}
}
