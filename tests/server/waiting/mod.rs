//! `WAIT`: whose turn it is and when, and every way in which a wait ends.

mod aging;
mod at_once;
mod bounded;
mod clients;
mod cluster;
mod crowd;
mod granted;
mod hostile;
mod idle;
mod keyspace;
mod left;
mod many;
mod order;
mod pause;
mod policies;
mod refused;
mod replicated;
mod reservations;
mod restart;
mod roles;
mod timed_out;
mod told;

/// A request of one limit that takes all of it for a day, and one that then waits for a part of it.
const TAKE: &str = "RL.SLIDE k 5 1d COST 5";
const WANT: &str = "RL.SLIDE k 5 1d WAIT 1h";
/// What the latter is told when all has been given back, and when nothing has been.
const GOT: [i64; 5] = [1, 5, 4, 0, 86_400_000];

/// The one in the middle, which a machine that is busy for a moment does not move.
fn median(mut numbers: Vec<i64>) -> i64 {
    numbers.sort_unstable();
    numbers[numbers.len() / 2]
}
