//! Refuses a configuration with which the program would be useless or unsafe.

use std::net::SocketAddr;

use super::{Bounds, Config, Result, Wrong};

impl Config {
    /// Checks numbers: with 0 the program would be useless, and some have an upper limit.
    pub(super) fn is_in_bounds(&self) -> Result<()> {
        const MANY: usize = 10_000_000;
        let Bounds { connections, keys, body_bytes, .. } = self.bounds;
        let wait_connections = self.redis.as_ref().map_or(0, |redis| redis.wait_connections);
        let threads = self.threads.unwrap_or(1);
        let all = [
            ("bounds.connections", connections, 1..=MANY),
            ("bounds.keys", keys, 1..=usize::MAX),
            ("bounds.body_bytes", body_bytes, 1..=usize::MAX),
            ("redis.wait_connections", wait_connections, 0..=MANY),
            ("threads", threads, 1..=1_024),
        ];
        match all.iter().find(|(_, value, range)| !range.contains(value)) {
            None => Ok(()),
            Some((name, _, range)) if *range.end() == usize::MAX => {
                Err(Wrong::at(*name, format!("{name} must be 1 or more")))
            }
            Some((name, _, range)) => {
                Err(Wrong::at(*name, format!("{name} must be {} to {}", range.start(), range.end())))
            }
        }
    }

    /// Refuses to serve other machines without a token or a certificate: any client could use up every limit.
    pub(super) fn is_safe(&self) -> Result<()> {
        let needs_certificate = self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        if needs_certificate || !self.tokens.is_empty() || self.insecure_bind_anyway {
            return Ok(());
        }
        let envoy = self.envoy.as_ref().map(|envoy| envoy.listen);
        let is_elsewhere = |listen: &SocketAddr| !listen.ip().is_loopback();
        match std::iter::once(self.listen).chain(envoy).find(is_elsewhere) {
            None => Ok(()),
            Some(listen) => Err(Wrong::at(
                if listen == self.listen { "listen" } else { "envoy.listen" },
                format!(
                    "listening on {listen} serves other machines, and nobody would need a token or a certificate: \
                     add [[token]] or tls.client_ca to the configuration, or --insecure-bind-anyway"
                ),
            )),
        }
    }
}
