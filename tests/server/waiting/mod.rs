//! `WAIT`: the order and the time of admissions, and every way in which a wait ends.

mod aging;
mod applied;
mod at_once;
mod bounded;
mod busy_server;
mod clients;
mod cluster;
mod flows;
mod granted;
mod hostile;
mod idle;
mod info;
mod keyspace;
mod leaving;
mod many;
mod many_clients;
mod order;
mod pause;
mod policies;
mod refused;
mod replicated;
mod reservations;
mod restart;
mod roles;
mod server_events;
mod timed_out;

/// A request of one limit that takes all of it for a day. `WANT` then waits for a part of it.
const TAKE: &str = "RL.SLIDE k 5 1d COST 5";
const WANT: &str = "RL.SLIDE k 5 1d WAIT 1h";
/// The reply to `WANT` if nothing else is taken, for example after everything has been given back.
const GOT: [i64; 5] = [1, 5, 4, 0, 86_400_000];

/// Returns the median, which a short period of load on the machine does not move.
fn median(mut numbers: Vec<i64>) -> i64 {
    numbers.sort_unstable();
    numbers[numbers.len() / 2]
}
