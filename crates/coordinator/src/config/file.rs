//! The file as it is written, in TOML: every setting with its default. `examples/rl-coordinator.toml` shows all of them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rl_core::fault::Fault;
use rl_core::number;
use rl_core::time::Span;
use serde::{Deserialize, Deserializer, de};

use crate::app::OnError;
use crate::args::LogFormat;
use crate::rls;

/// The file, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) listen: Option<SocketAddr>,
    pub(super) threads: Option<usize>,
    pub(super) policies: Option<PathBuf>,
    pub(super) on_error: Option<OnError>,
    pub(super) max_window: Option<Time>,
    pub(super) lane_aging: Option<Time>,
    pub(super) insecure_bind_anyway: bool,
    pub(super) log: Option<LogFormat>,
    pub(super) allow: AllowFile,
    pub(super) snapshot: SnapshotFile,
    pub(super) redis: Option<Redis>,
    pub(super) bounds: Bounds,
    pub(super) tls: Option<Tls>,
    pub(super) token: Vec<TokenFile>,
    pub(super) envoy: Option<rls::File>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AllowFile {
    pub(super) key: String,
    pub(super) limit: u64,
    pub(super) window: String,
}

impl Default for AllowFile {
    fn default() -> Self {
        Self { key: "allow".to_owned(), limit: 500, window: "60s".to_owned() }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SnapshotFile {
    pub(super) path: Option<PathBuf>,
    pub(super) interval: Option<Time>,
}

/// The server to ask.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redis {
    /// See `backend/redis`.
    pub(crate) url: String,
    /// How long to wait for a connection, and for an answer.
    #[serde(default = "Redis::timeout")]
    pub(crate) timeout: Time,
    /// How many requests may wait at a time; each has a connection of its own.
    #[serde(default = "Redis::wait_connections")]
    pub(crate) wait_connections: usize,
    /// Certificates of whoever may have signed the server's own, in PEM, in place of those that the system knows.
    #[serde(default)]
    pub(crate) ca: Option<PathBuf>,
}

impl Redis {
    const fn timeout() -> Time {
        Time(Duration::from_secs(1))
    }

    const fn wait_connections() -> usize {
        1_000
    }

    /// A server at this address, and the defaults.
    pub(super) const fn at(url: String) -> Self {
        Self { url, timeout: Self::timeout(), wait_connections: Self::wait_connections(), ca: None }
    }
}

/// How much of everything there may be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Bounds {
    /// Bytes of a body.
    pub(crate) body_bytes: usize,
    /// Bytes of all bodies that are being read.
    pub(crate) bodies_bytes: usize,
    /// Keys in memory.
    pub(crate) keys: usize,
    /// Requests that wait.
    pub(crate) waiters: usize,
    /// Of these, for one key.
    pub(crate) waiters_per_key: usize,
    /// How long one waits at most, however long it would.
    pub(crate) wait: Time,
    /// Streams of `/v1/watch`.
    pub(crate) watchers: i64,
    /// Connections.
    pub(crate) connections: usize,
    /// How long the head of a request may take, from when it is waited for.
    pub(crate) header_timeout: Time,
    /// How long its body may take.
    pub(crate) read_timeout: Time,
    /// For how long a client may take nothing of what it is sent.
    pub(crate) write_timeout: Time,
    /// How long requests may take that are under way when the program ends.
    pub(crate) shutdown_timeout: Time,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            body_bytes: 65_536,
            bodies_bytes: 67_108_864,
            keys: 1_000_000,
            waiters: 100_000,
            waiters_per_key: 10_000,
            wait: Time(Duration::from_secs(3_600)),
            watchers: 64,
            connections: 16_384,
            header_timeout: Time(Duration::from_secs(30)),
            read_timeout: Time(Duration::from_secs(10)),
            write_timeout: Time(Duration::from_secs(30)),
            shutdown_timeout: Time(Duration::from_secs(10)),
        }
    }
}

/// TLS for those who ask.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// The server's certificate and those that lead to it, in PEM.
    pub(crate) cert: PathBuf,
    /// Its key, in PEM.
    pub(crate) key: PathBuf,
    /// Who may have signed the certificates of clients, in PEM: then each must have one.
    pub(crate) client_ca: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenFile {
    pub(super) name: String,
    pub(super) sha256: Option<String>,
    pub(super) token: Option<String>,
    pub(super) file: Option<PathBuf>,
    #[serde(default)]
    pub(super) prefixes: Vec<String>,
}

/// A duration as commands have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Duration);

impl Time {
    /// As limits have it.
    pub(crate) fn span(self) -> Span {
        Span::from_ms(u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        time(&text).ok_or_else(|| {
            de::Error::custom("expected a duration such as \"250ms\", \"10s\", \"5m\" or \"1h\"")
        })
    }
}

/// A duration, if it is one.
pub(super) fn time(text: &str) -> Option<Time> {
    let span = number::duration(text.as_bytes(), Fault::Window).ok()?;
    Some(Time(Duration::from_millis(span.ms())))
}
