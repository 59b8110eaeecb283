//! The tiers that a release is taken through.

use std::fmt;
use std::str::FromStr;

/// One kind of proof. The order is the order of judging (CC-020).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    Lint,
    Install,
    Upgrade,
    Backup,
    Restore,
    Custom,
    /// The canonical's: a release proves itself on data that aged through all before it. No cold run judges it.
    Advance,
}

impl Tier {
    /// All tiers, in order.
    pub const ALL: [Self; 7] =
        [Self::Lint, Self::Install, Self::Upgrade, Self::Backup, Self::Restore, Self::Custom, Self::Advance];

    /// The tiers of a cold run, in order.
    pub const COLD: [Self; 6] =
        [Self::Lint, Self::Install, Self::Upgrade, Self::Backup, Self::Restore, Self::Custom];

    /// Returns the name as written in config and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::Custom => "custom",
            Self::Advance => "advance",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no tier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no tier `{0}`; expected one of lint, install, upgrade, backup, restore, custom")]
pub struct NoSuchTier(String);

impl FromStr for Tier {
    type Err = NoSuchTier;

    fn from_str(word: &str) -> Result<Self, NoSuchTier> {
        Self::COLD.into_iter().find(|t| t.name() == word).ok_or_else(|| NoSuchTier(word.to_owned()))
    }
}
