//! The TOML file as it is written, with the default of each setting. `examples/rl-coordinator.toml` shows all of them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::args::LogFormat;
use super::bounds::Bounds;
use super::duration::ConfigDuration;
use super::envoy::EnvoySettings;
use super::lease_keys::LeaseKeys;
use super::token::TokenSection;
use crate::on_error::OnError;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) listen: Option<SocketAddr>,
    pub(super) threads: Option<usize>,
    pub(super) policies: Option<PathBuf>,
    pub(super) on_error: Option<OnError>,
    pub(super) max_window: Option<ConfigDuration>,
    pub(super) lane_aging: Option<ConfigDuration>,
    pub(super) insecure_bind_anyway: bool,
    pub(super) log: Option<LogFormat>,
    pub(super) allow: AllowSection,
    pub(super) snapshot: SnapshotSection,
    pub(super) redis: Option<RedisSettings>,
    pub(super) lease: Option<LeaseKeys>,
    pub(super) lease_ttl: Option<ConfigDuration>,
    pub(super) lease_holders: Option<u64>,
    pub(super) bounds: Bounds,
    pub(super) tls: Option<TlsSettings>,
    pub(super) token: Vec<TokenSection>,
    pub(super) envoy: Option<EnvoySettings>,
}

/// The section `[allow]`: the limit of `POST /allow`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AllowSection {
    pub(super) key: String,
    pub(super) limit: u64,
    pub(super) window: String,
}

impl Default for AllowSection {
    fn default() -> Self {
        Self { key: "allow".to_owned(), limit: 500, window: "60s".to_owned() }
    }
}

/// The section `[snapshot]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SnapshotSection {
    pub(super) path: Option<PathBuf>,
    pub(super) interval: Option<ConfigDuration>,
}

/// The section `[redis]`: the server that keeps the limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedisSettings {
    /// Its URL; `backend/redis/source.rs` lists the schemes.
    pub(crate) url: String,
    /// The time for a connection, and for an answer.
    #[serde(default = "RedisSettings::timeout")]
    pub(crate) timeout: ConfigDuration,
    /// How many requests may wait at a time. Each has a connection of its own.
    #[serde(default = "RedisSettings::wait_connections")]
    pub(crate) wait_connections: usize,
    /// A PEM file of the authorities that may have signed the server's certificate, instead of the system's.
    #[serde(default)]
    pub(crate) ca: Option<PathBuf>,
}

impl RedisSettings {
    const fn timeout() -> ConfigDuration {
        ConfigDuration(Duration::from_secs(1))
    }

    const fn wait_connections() -> usize {
        1_000
    }

    /// The server at this URL, with the defaults.
    pub(super) const fn at(url: String) -> Self {
        Self { url, timeout: Self::timeout(), wait_connections: Self::wait_connections(), ca: None }
    }
}

/// The section `[tls]`: TLS for clients.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSettings {
    /// A PEM file of the server's certificate and its chain.
    pub(crate) cert: PathBuf,
    /// A PEM file of the server's key.
    pub(crate) key: PathBuf,
    /// A PEM file of the authorities that sign clients' certificates. If it is set, each client needs a certificate.
    pub(crate) client_ca: Option<PathBuf>,
}
