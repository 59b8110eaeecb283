//! What can go wrong with an engine, with whose fault it is and what to do.

use std::time::Duration;

use domain::{Cause, Fault};

/// The engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// `DOCKER_HOST` is written in a way that we do not know.
    #[error("engine address `{host}` cannot be used: {rule}")]
    BadHost { host: String, rule: &'static str },
    /// No connection, or it broke.
    #[error("the engine at {host} cannot be reached while {doing}")]
    Unreachable { host: String, doing: String, source: std::io::Error },
    /// It took longer than our limit.
    #[error("the engine did not answer within {} s while {doing}", limit.as_secs())]
    Deadline { doing: String, limit: Duration },
    /// It answered with an error of its own.
    #[error("the engine refused with status {status} while {doing}: {says}")]
    Refused { doing: String, status: u16, says: String },
    /// It answered something that is not what its API promises, or too much of it.
    #[error("the engine's answer while {doing} cannot be read: {says}")]
    Garbled { doing: String, says: String },
    /// The engine is not a manager of a swarm, so that it takes no stacks.
    #[error("the engine at {host} is not a swarm manager")]
    NotManager { host: String },
    /// A stack uses a network that somebody else has to make, and nobody did.
    #[error("there is no swarm network `{network}`, which the stack uses as external")]
    NetworkMissing { network: String },
    /// A stack uses a secret or config that somebody else has to make, and nobody did.
    #[error("there is no {kind} `{name}`, which service `{service}` uses")]
    ReferenceMissing { kind: &'static str, name: String, service: String },
    /// The name is taken by something that is not of this stack.
    #[error("{kind} `{name}` exists and belongs to {owner}")]
    NameTaken { kind: &'static str, name: String, owner: String },
    /// A secret or config has other content than the one of that name in the swarm. The engine never changes one.
    #[error("{kind} `{name}` is already there with other content")]
    ContentChanged { kind: &'static str, name: String },
    /// The spec lacks what no spec may lack.
    #[error("a {kind} of the stack has no `{field}`")]
    BadSpec { kind: &'static str, field: &'static str },
}

impl EngineError {
    /// Returns who has to act. A full match, so that a new variant has to choose.
    pub fn fault(&self) -> Fault {
        match self {
            // Invalid arguments come as 400, names that swarm does not take too.
            Self::Refused { status: 400, .. } => Fault::Recipe,
            // A name conflict: an earlier run of ours was not cleared.
            Self::Refused { status: 409, .. } | Self::NameTaken { .. } | Self::BadSpec { .. } => {
                Fault::Runner
            }
            Self::ContentChanged { .. } | Self::ReferenceMissing { .. } => Fault::Recipe,
            Self::BadHost { .. }
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Deadline { .. }
            | Self::Garbled { .. }
            | Self::NotManager { .. }
            | Self::NetworkMissing { .. } => Fault::Platform,
        }
    }

    /// Returns what a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::BadHost { .. } => {
                Some("set `DOCKER_HOST` to `unix:///path/to/socket` or `tcp://address:port`, or unset it")
            }
            Self::Unreachable { .. } => Some("is the engine running, and is `DOCKER_HOST` right?"),
            Self::Deadline { .. } => Some("look at the engine's own log; `simmer doctor` shows its state"),
            Self::NotManager { .. } => Some("run `docker swarm init`, or point `DOCKER_HOST` at a manager"),
            Self::NetworkMissing { .. } => {
                Some("make it with `docker network create --driver overlay --attachable NAME`")
            }
            Self::ReferenceMissing { .. } => Some("declare it in the recipe, or make it before the deploy"),
            Self::NameTaken { .. } => Some("clear what an earlier run left: `simmer gc`"),
            Self::ContentChanged { .. } => {
                Some("raise the version in its name: secrets and configs never change in place")
            }
            Self::Refused { .. } | Self::Garbled { .. } | Self::BadSpec { .. } => None,
        }
    }

    /// Returns the cause that a verdict carries for it.
    pub fn cause(&self) -> Cause {
        let says = Chain(self).to_string();
        match self {
            Self::Refused { doing, status: 400, says } => {
                Cause::Rejected { service: service_in(doing), says: says.clone() }
            }
            Self::ContentChanged { .. } => {
                let hint = self.hint().unwrap_or_default();
                Cause::BadRecipe { says: format!("{says}; {hint}") }
            }
            Self::ReferenceMissing { service, .. } => Cause::Rejected { service: service.clone(), says },
            Self::NetworkMissing { .. } | Self::NotManager { .. } | Self::BadHost { .. } => {
                Cause::Node { says }
            }
            Self::NameTaken { .. } | Self::BadSpec { .. } => Cause::Ours { says },
            Self::Deadline { limit, .. } => {
                Cause::Engine { says: format!("{says} (limit {} s)", limit.as_secs()) }
            }
            Self::Refused { .. } | Self::Unreachable { .. } | Self::Garbled { .. } => Cause::Engine { says },
        }
    }

    /// Whether the engine itself was away, so that asking again later may help.
    pub(super) fn is_away(&self) -> bool {
        match self {
            // 503: the node is up and its swarm part is not yet (after a restart).
            Self::Unreachable { .. } | Self::Refused { status: 503, .. } => true,
            // After a restart a lone manager first elects itself leader.
            Self::Refused { status: 500, says, .. } => {
                says.contains("does not have a leader") || says.contains("not a swarm manager")
            }
            Self::BadHost { .. }
            | Self::Deadline { .. }
            | Self::Refused { .. }
            | Self::Garbled { .. }
            | Self::NotManager { .. }
            | Self::NetworkMissing { .. }
            | Self::ReferenceMissing { .. }
            | Self::NameTaken { .. }
            | Self::ContentChanged { .. }
            | Self::BadSpec { .. } => false,
        }
    }

    /// Whether the thing asked about is not there.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Takes bollard's error apart into ours.
    #[expect(clippy::wildcard_enum_match_arm, reason = "bollard's enum, which grows with it")]
    pub(super) fn of_bollard(error: bollard::errors::Error, host: &str, doing: &str) -> Self {
        let doing = doing.to_owned();
        match error {
            bollard::errors::Error::DockerResponseServerError { status_code, message } => {
                Self::Refused { doing, status: status_code, says: message }
            }
            bollard::errors::Error::IOError { err } => {
                Self::Unreachable { host: host.to_owned(), doing, source: err }
            }
            bollard::errors::Error::DockerStreamError { error } => {
                Self::Refused { doing, status: 500, says: error }
            }
            other => {
                let says = Chain(&other).to_string();
                Self::Unreachable { host: host.to_owned(), doing, source: std::io::Error::other(says) }
            }
        }
    }
}

/// Service creation says `creating service `name``; the name is what a report wants.
fn service_in(doing: &str) -> String {
    doing.split('`').nth(1).unwrap_or(doing).to_owned()
}

/// An error and everything under it, on one line. Errors name only themselves; this joins them.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut below = self.0.source();
        while let Some(error) = below {
            write!(f, ": {error}")?;
            below = error.source();
        }
        Ok(())
    }
}
