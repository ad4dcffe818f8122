//! The section `[envoy]` as it is written. `envoy/configure.rs` makes rules of it.
//!
//! ```toml
//! [envoy]
//! listen = "127.0.0.1:8081"
//!
//! [[envoy.rule]]
//! domain = "shop"
//! descriptor = [{ key = "path", value = "/checkout" }, { key = "remote_address" }]
//! limit = 10
//! window = "1m"
//! ```

use std::net::{Ipv4Addr, SocketAddr};

use rl_core::limit::Kind;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::on_error::OnError;

/// The section `[envoy]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnvoySettings {
    /// The address of Envoy's port.
    #[serde(default = "EnvoySettings::listen")]
    pub(crate) listen: SocketAddr,
    /// The answer to calls that cannot be decided.
    #[serde(default)]
    pub(crate) on_error: EnvoyOnError,
    /// Adds header fields with the limit to answers, for Envoy's own clients.
    #[serde(default)]
    pub(crate) response_headers: bool,
    /// The rules.
    #[serde(default)]
    pub(crate) rule: Vec<RuleSettings>,
}

impl EnvoySettings {
    fn listen() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 8081).into()
    }
}

/// `on_error` of `[envoy]`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EnvoyOnError {
    /// An error, so that Envoy's own `failure_mode_deny` decides.
    #[default]
    Unavailable,
    /// Allowed.
    Allow,
    /// Denied.
    Deny,
}

impl EnvoyOnError {
    /// The decision; `None` if Envoy decides.
    pub(crate) const fn decision(self) -> Option<OnError> {
        match self {
            Self::Unavailable => None,
            Self::Allow => Some(OnError::Allow),
            Self::Deny => Some(OnError::Deny),
        }
    }
}

/// One `[[envoy.rule]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleSettings {
    pub(crate) domain: String,
    pub(crate) descriptor: Vec<EntrySettings>,
    pub(crate) name: Option<String>,
    pub(crate) limit: Option<u64>,
    pub(crate) window: Option<String>,
    #[serde(default, deserialize_with = "algorithm")]
    pub(crate) algorithm: Option<Kind>,
    pub(crate) offset: Option<String>,
    pub(crate) capacity: Option<u64>,
    pub(crate) policy: Option<String>,
    #[serde(default)]
    pub(crate) unlimited: bool,
    #[serde(default)]
    pub(crate) shadow_mode: bool,
    #[serde(default)]
    pub(crate) overdraw: bool,
}

/// One entry of a rule's descriptor. Without a value it matches any; a value may end with `*`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntrySettings {
    pub(crate) key: String,
    pub(crate) value: Option<String>,
}

/// Reads `algorithm` of a rule.
fn algorithm<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Kind>, D::Error> {
    let name = String::deserialize(deserializer)?;
    Kind::from_name(&name).map(Some).ok_or_else(|| D::Error::custom(Kind::wanted()))
}
