//! The section `[bounds]`: limits on memory, connections and time.

use std::time::Duration;

use serde::Deserialize;

use super::duration::ConfigDuration;

/// The section `[bounds]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Bounds {
    /// Bytes of one body.
    pub(crate) body_bytes: usize,
    /// Bytes of all bodies that are being read.
    pub(crate) bodies_bytes: usize,
    /// Keys in memory.
    pub(crate) keys: usize,
    /// Waiters.
    pub(crate) waiters: usize,
    /// Waiters for one key.
    pub(crate) waiters_per_key: usize,
    /// The longest wait. A request that asks for more waits this long.
    pub(crate) wait: ConfigDuration,
    /// Streams of `/v1/watch`.
    pub(crate) watchers: i64,
    /// Connections to one port.
    pub(crate) connections: usize,
    /// The time for the head of a request, counted from the previous answer.
    pub(crate) header_timeout: ConfigDuration,
    /// The time for a body.
    pub(crate) read_timeout: ConfigDuration,
    /// How long a write may make no progress because the client does not read.
    pub(crate) write_timeout: ConfigDuration,
    /// The time for the requests that are being answered when the program ends.
    pub(crate) shutdown_timeout: ConfigDuration,
}

impl Default for Bounds {
    fn default() -> Self {
        let seconds = |seconds| ConfigDuration(Duration::from_secs(seconds));
        Self {
            body_bytes: 65_536,
            bodies_bytes: 67_108_864,
            keys: 1_000_000,
            waiters: 100_000,
            waiters_per_key: 10_000,
            wait: seconds(3_600),
            watchers: 64,
            connections: 16_384,
            header_timeout: seconds(30),
            read_timeout: seconds(10),
            write_timeout: seconds(30),
            shutdown_timeout: seconds(10),
        }
    }
}
