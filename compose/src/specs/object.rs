//! Networks, volumes, secrets and configs.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::is_off;
use super::mount::Driver;

/// The body of `POST /networks/create`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkSpec {
    /// Full name.
    pub name: String,
    pub driver: String,
    /// Always empty: the driver decides.
    pub scope: String,
    #[serde(rename = "IPAM")]
    pub ipam: Option<Ipam>,
    pub internal: bool,
    pub attachable: bool,
    pub ingress: bool,
    pub config_only: bool,
    /// Never set by a compose file; the engine's client writes the `null`.
    pub config_from: Option<()>,
    /// `None` and empty are two things to the engine's client.
    pub options: Option<BTreeMap<String, String>>,
    pub labels: BTreeMap<String, String>,
    /// Asked of engines before API 1.44; later ones always check.
    #[serde(skip_serializing_if = "is_off")]
    pub check_duplicate: bool,
}

/// Address management of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ipam {
    pub driver: String,
    /// Never set by a compose file.
    pub options: Option<BTreeMap<String, String>>,
    /// `None` if the file names no pool.
    pub config: Option<Vec<IpamPool>>,
}

/// One pool of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct IpamPool {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subnet: String,
}

/// A volume of the stack, as the mounts describe it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VolumeSpec {
    /// The key in the compose file: what `backupbot.backup.volumes.<key>` names.
    pub key: String,
    /// Empty: `local`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub driver: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub driver_opts: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
}

/// The body of `POST /secrets/create`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretSpec {
    /// Full name.
    pub name: String,
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "SecretBytes::is_empty")]
    pub data: SecretBytes,
    /// Who makes the content, if not we.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    /// Who renders the content at task start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub templating: Option<Driver>,
}

/// The body of `POST /configs/create`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfigSpec {
    /// Full name.
    pub name: String,
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_base64")]
    pub data: Vec<u8>,
    /// Who renders the content at task start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub templating: Option<Driver>,
}

/// The content of a secret. Shows its length only; serialises to base64, which the engine wants: use
/// [`super::StackSpecs::masked_json`] for anything that people see.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes the content.
    #[must_use]
    pub fn new(content: Vec<u8>) -> Self {
        Self(content)
    }

    /// Returns the content, to be sent and not to be shown.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<secret, {} bytes>", self.0.len())
    }
}

impl serde::Serialize for SecretBytes {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        as_base64(&self.0, to)
    }
}

fn as_base64<S: serde::Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&STANDARD.encode(bytes))
}

/// A secret for people: the content is replaced by its length.
#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MaskedSecret<'a> {
    name: &'a str,
    labels: &'a BTreeMap<String, String>,
    data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<&'a Driver>,
    #[serde(skip_serializing_if = "Option::is_none")]
    templating: Option<&'a Driver>,
}

impl<'a> MaskedSecret<'a> {
    pub(super) fn of(secret: &'a SecretSpec) -> Self {
        let SecretSpec { name, labels, data, driver, templating } = secret;
        Self {
            name,
            labels,
            data: format!("{data:?}"),
            driver: driver.as_ref(),
            templating: templating.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_its_length_and_nothing_else() {
        let secret = SecretSpec { data: SecretBytes::new(b"hunter2".to_vec()), ..SecretSpec::default() };
        let shown = format!("{secret:?} {}", super::super::json(&MaskedSecret::of(&secret)));
        assert!(!shown.contains("hunter2") && !shown.contains(&STANDARD.encode("hunter2")), "{shown}");
        assert!(shown.contains("<secret, 7 bytes>"));
    }
}
