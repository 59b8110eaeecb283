//! A one-node swarm and the shared network on it.

use anyhow::{Result, bail};

use crate::call::Call;
use crate::progress::Outcome;
use crate::record::{MADE_BY, Record};

/// The network that recipes meet the proxy on, as Co-op Cloud names it.
pub(crate) const PROXY: &str = "proxy";

/// Where and what a `docker` call talks to: the default engine, or another one's socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// What `DOCKER_HOST` or the default socket names.
    Default,
    /// An engine at this address.
    At(String),
}

impl Target {
    /// Prepares a `docker` call to it.
    pub(crate) fn docker<I: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Call {
        match self {
            Self::Default => Call::docker(args),
            Self::At(address) => Call::docker(args).env("DOCKER_HOST", address),
        }
    }
}

/// Makes the node a swarm of one, unless it belongs to one.
pub(crate) fn swarm(record: &mut Record) -> Result<Outcome> {
    let state = Target::Default
        .docker([
            "info",
            "--format",
            "{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}} {{with .Swarm.Cluster}}{{.ID}}{{end}}",
        ])
        .run()?;
    let mut words = state.split_whitespace();
    match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
        ("active", "true") => {
            let id = words.next().unwrap_or_default().to_owned();
            // Made by a call of ours that did not live to write the id down.
            if record.made().swarm.as_deref() == Some("") {
                record.note(|made| made.swarm = Some(id))?;
            }
            Ok(Outcome::Already("this node manages one".into()))
        }
        ("active", _) => {
            bail!("this node is a worker of a swarm: run this on a manager, or point DOCKER_HOST at one")
        }
        ("locked", _) => bail!("the swarm is locked: unlock it with `docker swarm unlock`"),
        _ => {
            record.note(|made| made.swarm = Some(String::new()))?;
            init(&Target::Default)?;
            let id = Target::Default.docker(["info", "--format", "{{.Swarm.Cluster.ID}}"]).run()?;
            record.note(|made| made.swarm = Some(id))?;
            Ok(Outcome::Done("made, one node".into()))
        }
    }
}

/// Makes a swarm of one that listens on loopback only: nobody is meant to join it.
pub(crate) fn init(target: &Target) -> Result<()> {
    target
        .docker(["swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377"])
        .run()
        .map(|_| ())
}

/// Makes the shared network, unless there is one.
pub(crate) fn proxy(record: &mut Record) -> Result<Outcome> {
    // Asked by its exact name: the filters of `network ls` match differently on a swarm's networks.
    let there =
        Target::Default.docker(["network", "inspect", "--format", "{{.Driver}} {{.Scope}}", PROXY]).ask()?;
    match there.stdout.trim() {
        "" => {
            record.note(|made| {
                made.networks.insert(PROXY.to_owned());
            })?;
            create(&Target::Default, &record.label())?;
            Ok(Outcome::Done(format!("`{PROXY}` made")))
        }
        "overlay swarm" => Ok(Outcome::Already(format!("`{PROXY}` is there"))),
        other => bail!(
            "there is a network `{PROXY}` of kind `{other}`, and stacks need an overlay: rename or remove it \
             (`docker network rm {PROXY}`), then run again"
        ),
    }
}

/// Makes the shared network on an engine.
pub(crate) fn create(target: &Target, label: &str) -> Result<()> {
    target
        .docker(["network", "create", "--driver", "overlay", "--attachable", "--label", label, PROXY])
        .run()
        .map(|_| ())
}

/// Removes the shared network if we made it.
pub(crate) fn remove_proxy(record: &mut Record) -> Result<Outcome> {
    if !record.made().networks.contains(PROXY) {
        return Ok(Outcome::Already("not ours, left alone".into()));
    }
    // The record may promise a network that was never made, or name one that somebody made anew.
    let format = format!("{{{{index .Labels \"{MADE_BY}\"}}}}");
    let label = Target::Default.docker(["network", "inspect", "--format", &format, PROXY]).ask()?;
    let outcome = if !label.good() {
        Outcome::Already("is gone".into())
    } else if label.stdout.trim() == record.made().checkout {
        Target::Default.docker(["network", "rm", PROXY]).run()?;
        Outcome::Done(format!("`{PROXY}` removed"))
    } else {
        Outcome::Already(format!("`{PROXY}` carries another label, left alone"))
    };
    record.note(|made| {
        made.networks.remove(PROXY);
    })?;
    Ok(outcome)
}

/// Ends the swarm if it is the one that we made.
pub(crate) fn leave(record: &mut Record) -> Result<Outcome> {
    let Some(ours) = record.made().swarm.clone() else {
        return Ok(Outcome::Already("not ours, left alone".into()));
    };
    let format = "{{with .Swarm.Cluster}}{{.ID}}{{end}}";
    let now = Target::Default.docker(["info", "--format", format]).run()?;
    let outcome = if now.is_empty() {
        Outcome::Already("is gone".into())
    } else if ours.is_empty() || now == ours {
        Target::Default.docker(["swarm", "leave", "--force"]).run()?;
        Outcome::Done("left, and so ended".into())
    } else {
        Outcome::Already("is another one than we made, left alone".into())
    };
    record.note(|made| made.swarm = None)?;
    Ok(outcome)
}
