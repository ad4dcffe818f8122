//! The system's limit on open files. Each connection needs one. Some must be left for the snapshot and for Redis, or any
//! client could stop both by opening connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// Files for other uses than clients: the snapshot, the listeners, the connections to Redis.
const RESERVED: u64 = 64;

/// Raises the limit as far as needed. If the system allows fewer files, lowers `bounds.connections` and logs it.
pub(crate) fn raise(config: &mut Config) {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let wanted = number(config.bounds.connections);
    let waiting = number(config.redis.as_ref().map_or(0, |redis| redis.wait_connections));
    let ports = if config.envoy.is_some() { 2 } else { 1 };
    let needed = wanted.saturating_mul(ports).saturating_add(waiting).saturating_add(RESERVED);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < needed) {
        let more = maximum.map_or(needed, |maximum| maximum.min(needed));
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(more), maximum }); // the result is read below
    }
    let Some(files) = getrlimit(Resource::Nofile).current else { return };
    let most = connections(files, ports, waiting);
    if most < wanted {
        tracing::warn!(
            files,
            connections = most,
            "the system allows fewer files than bounds.connections needs"
        );
        config.bounds.connections = usize::try_from(most).unwrap_or(usize::MAX);
    }
}

/// The connections of each port. Waiting connections to Redis get at most the share of one port.
fn connections(files: u64, ports: u64, waiting: u64) -> u64 {
    let files = files.saturating_sub(RESERVED);
    let share = |shares: u64| files.checked_div(shares).unwrap_or(files);
    let waiting = waiting.min(share(ports.saturating_add(1)));
    files.saturating_sub(waiting).checked_div(ports).unwrap_or(files).max(1)
}

#[cfg(test)]
mod tests {
    use super::connections;

    #[test]
    fn some_files_are_left() {
        assert_eq!(connections(1_024, 1, 0), 960);
        assert_eq!(connections(1_024, 2, 0), 480);
        assert_eq!(connections(1_024, 1, 100), 860);
        assert_eq!(connections(1_024, 1, 1_000), 480);
        assert_eq!(connections(1_024, 2, 1_000), 320);
        assert_eq!(connections(0, 1, 0), 1);
    }
}
