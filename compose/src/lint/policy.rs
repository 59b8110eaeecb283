//! What an enrolment allows, and which findings it has accepted.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;

/// What the owner of the instance has decided about this recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub trust: Trust,
    /// Powers that this recipe may have even when it is not trusted.
    pub allowed: BTreeSet<Power>,
    /// The external networks that the instance offers, such as `proxy`.
    pub networks: BTreeSet<String>,
    pub waivers: Vec<Waiver>,
    /// Decides whether a waiver still holds.
    pub today: NaiveDate,
}

impl Policy {
    /// Returns the policy for code that anybody may have written: nothing but the shared network is allowed.
    #[must_use]
    pub fn untrusted(today: NaiveDate, network: &str) -> Self {
        Self {
            trust: Trust::Untrusted,
            allowed: BTreeSet::new(),
            networks: BTreeSet::from([network.to_owned()]),
            waivers: Vec::new(),
            today,
        }
    }

    /// Returns the policy for releases of a recipe that somebody chose to enrol.
    #[must_use]
    pub fn trusted(today: NaiveDate, network: &str) -> Self {
        Self { trust: Trust::Trusted, ..Self::untrusted(today, network) }
    }
}

/// Who wrote what is linted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A release of an enrolled recipe: broken policy rules are only told.
    Trusted,
    /// A pull request: broken policy rules are errors.
    Untrusted,
}

/// A finding that somebody has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// The rule's id.
    pub rule: String,
    pub reason: String,
    /// Last day on which it holds; nothing: for ever.
    pub until: Option<NaiveDate>,
    /// Only findings in this file of the recipe; nothing: wherever they are.
    pub at: Option<String>,
}

macro_rules! powers {
    ($($(#[$doc:meta])* $power:ident = $name:literal,)*) => {
        /// Something that reaches beyond a stack of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Power {
            $($(#[$doc])* $power,)*
        }

        impl Power {
            /// Every power, in the order of the policy rules.
            pub const ALL: &[Self] = &[$(Self::$power,)*];

            /// Returns the word that an enrolment uses.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$power => $name,)*
                }
            }
        }
    };
}

powers! {
    /// `privileged: true`
    Privileged = "privileged",
    /// Paths of the host, or volumes that are paths of the host.
    HostMounts = "host-mounts",
    /// The engine's socket: root on the host.
    DockerSocket = "docker-socket",
    /// The host's own network.
    HostNetwork = "host-network",
    /// Devices of the host.
    Devices = "devices",
    /// `cap_add`
    Capabilities = "capabilities",
    /// External networks that are not the instance's.
    ForeignNetworks = "foreign-networks",
    /// Ports of the host.
    PublishedPorts = "published-ports",
    /// No AppArmor, no seccomp.
    Unconfined = "unconfined",
    /// Process, IPC, user or cgroup namespace of the host.
    HostNamespaces = "host-namespaces",
    /// Kernel settings.
    Sysctls = "sysctls",
    /// Volumes, secrets and configs that belong to another stack.
    ForeignObjects = "foreign-objects",
    /// Routes and aliases that are not the stack's own.
    ForeignHosts = "foreign-hosts",
    /// Drivers of networks, volumes, secrets and logs that come from plugins or leave the stack.
    Drivers = "drivers",
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no power.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a power; expected one of {}", Power::ALL.iter().map(|p| p.as_str()).collect::<Vec<_>>().join(", "))]
pub struct UnknownPower {
    pub word: String,
}

impl FromStr for Power {
    type Err = UnknownPower;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|power| power.as_str() == word)
            .ok_or_else(|| UnknownPower { word: word.to_owned() })
    }
}
