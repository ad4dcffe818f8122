//! How many files the system lets the program have. Each connection is one; without one left, no snapshot could be
//! written and no server be asked, and whoever reaches the port could bring that about.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// So many are for all that is not a connection: the snapshot, what it listens to, the server that it asks.
const OTHERS: u64 = 64;

/// Has as many as are needed, if it may; else takes fewer connections, and says so.
pub(crate) fn suffice(config: &mut Config) {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let wanted = number(config.bounds.connections);
    let waiting = number(config.redis.as_ref().map_or(0, |redis| redis.wait_connections));
    let ports = if config.envoy.is_some() { 2 } else { 1 };
    let needed = wanted.saturating_mul(ports).saturating_add(waiting).saturating_add(OTHERS);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < needed) {
        let more = maximum.map_or(needed, |maximum| maximum.min(needed));
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(more), maximum }); // it is looked at below
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

/// How many connections each port may have. Those to a Redis server that wait have no more than one port has.
fn connections(files: u64, ports: u64, waiting: u64) -> u64 {
    let files = files.saturating_sub(OTHERS);
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
