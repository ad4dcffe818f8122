//! Chaos: clients connect, wait, leave, are killed and unblocked; keys are deleted, overwritten and flushed;
//! and the primary changes. All of this happens at once. No request waits forever, none is answered twice,
//! nothing is admitted that must not be, and nothing is left over.
//!
//! `REDIS_RL_CHAOS_SECONDS` sets the duration. `REDIS_RL_CHAOS_SEED` sets the random seed, which does not
//! repeat the server's own timing. `REDIS_RL_CHAOS_SLACK` sets how many seconds late a reply may arrive: a
//! server in valgrind is slower.

mod callers;
mod disconnects;
mod disturbances;
mod first_of_three;
mod record;
mod requests;
mod stage;

use std::env;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use self::callers::Counts;
use self::stage::Stage;
use crate::common::Random;

const CALLERS: u64 = 36;
/// The number of clients whose keys are deleted by a FLUSHALL only.
const QUIET: u64 = 6;
const DISTURBERS: u64 = 2;

/// How much more memory a server may hold after the chaos than before, in bytes. A leak with each request
/// would be megabytes. The tolerance is for a few tables that have grown to their full size.
const TOLERANCE: i64 = 64 * 1024;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// Runs everything for `run`, with this many changes of the primary. Returns the clients' results.
fn round(stage: &mut Stage, run: Duration, seed: u64, failovers: u32) -> Counts {
    stage.over.store(false, Relaxed);
    let mut counts = Counts::default();
    let stage = &*stage;
    let random = |stream: u64| Random::new(seed.wrapping_mul(1_000).wrapping_add(stream));
    thread::scope(|scope| {
        let over = stage::Over(stage); // also stops the others if this panics
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                let random = random(number);
                scope.spawn(move || callers::run(stage, random, number < QUIET))
            })
            .collect();
        let disconnects = scope.spawn(move || disconnects::run(stage, random(100)));
        for number in 0..DISTURBERS {
            let random = random(200 + number);
            scope.spawn(move || disturbances::run(stage, random));
        }
        let begin = Instant::now();
        for failover in 1..=failovers {
            stage.run_until(begin + run * failover / (failovers + 1));
            stage.fail_over();
        }
        stage.run_until(begin + run);
        drop(over);
        for caller in callers {
            counts.add(caller.join().unwrap());
        }
        counts.gone = disconnects.join().unwrap();
    });
    counts
}

#[test]
fn each_request_is_answered_once_and_nothing_is_left() {
    let run = Duration::from_secs(number("REDIS_RL_CHAOS_SECONDS").unwrap_or(15));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = number("REDIS_RL_CHAOS_SEED").unwrap_or(now);
    eprintln!("chaos for {run:?}, seed {seed}");
    let mut stage = Stage::start();

    // A short first round, so that each server has made its one-time allocations, both as a primary and as a
    // replica.
    round(&mut stage, (run / 3).min(Duration::from_secs(20)), seed, 2);
    stage.assert_no_waiters();
    let before = stage.memory();

    let counts = round(&mut stage, run, seed.wrapping_add(1), 2);
    stage.assert_no_waiters();
    stage.assert_digests_equal();
    let record = record::read(stage.scribe.dir());
    record.assert_within_limits();
    record.assert_none_of(&counts.gone);
    assert!(!stage.has_copied_anew(), "the scribe's record is whole");
    let after = stage.memory();
    eprintln!("{counts}\n{record}\nbytes held before {before:?}, after {after:?}\n{}", stage.figures());
    for (before, after) in before.iter().zip(&after) {
        assert!(after - before < TOLERANCE, "{before} bytes before, {after} after");
    }
    stage.assert_ends_in_order();
    assert!(counts.admitted > 50 && counts.denied > 50 && counts.cut > 5, "{counts}");
}
