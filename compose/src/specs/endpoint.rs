//! How a service is reached.

use super::is_zero;

/// Name resolution and published ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EndpointSpec {
    /// `vip`, `dnsrr`; empty: `vip`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mode: String,
    /// Ordered by published port.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortConfig>,
}

/// One published port.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PortConfig {
    /// `tcp`, `udp`, `sctp`; empty: `tcp`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub target_port: u32,
    /// 0: chosen by the engine.
    #[serde(skip_serializing_if = "is_zero")]
    pub published_port: u32,
    /// `ingress`, `host`; empty: `ingress`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub publish_mode: String,
}
