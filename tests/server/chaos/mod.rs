//! Chaos: clients join, wait, leave, are killed and unblocked, their keys are deleted, overwritten and
//! flushed, and the primary changes, all at once. Nobody waits forever, nobody is answered twice, nothing is
//! admitted that may not be, and nothing is left of it.
//!
//! `REDIS_RL_CHAOS_SECONDS` is for how long, `REDIS_RL_CHAOS_SEED` what is drawn (the server's own timing
//! is not repeated by it), `REDIS_RL_CHAOS_SLACK` how many seconds late an answer may come: a server in
//! valgrind takes longer over everything.

mod callers;
mod ghosts;
mod record;
mod requests;
mod stage;
mod trouble;

use std::env;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use self::callers::Told;
use self::stage::Stage;
use crate::common::Random;

const CALLERS: u64 = 36;
/// Those of them that ask keys which nobody but a FLUSHALL deletes.
const QUIET: u64 = 6;
const TROUBLES: u64 = 2;

/// What a server may hold more of after the chaos than before. What grows with each request that is
/// leaked would be megabytes; what it keeps for good is a few tables that have grown to their size.
const TOLERANCE: i64 = 64 * 1024;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// All of it for so long, with so many changes of the primary: what clients were told.
fn round(stage: &mut Stage, run: Duration, seed: u64, failovers: u32) -> Told {
    stage.over.store(false, Relaxed);
    let mut told = Told::default();
    let stage = &*stage;
    let random = |stream: u64| Random::new(seed.wrapping_mul(1_000).wrapping_add(stream));
    thread::scope(|scope| {
        let over = stage::Over(stage); // also if something here panics
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                let random = random(number);
                scope.spawn(move || callers::run(stage, random, number < QUIET))
            })
            .collect();
        let ghosts = scope.spawn(move || ghosts::run(stage, random(100)));
        for number in 0..TROUBLES {
            let random = random(200 + number);
            scope.spawn(move || trouble::run(stage, random));
        }
        let begin = Instant::now();
        for failover in 1..=failovers {
            stage.run_until(begin + run * failover / (failovers + 1));
            stage.fail_over();
        }
        stage.run_until(begin + run);
        drop(over);
        for caller in callers {
            told.add(caller.join().unwrap());
        }
        told.gone = ghosts.join().unwrap();
    });
    told
}

#[test]
fn nobody_is_lost_or_answered_twice_and_nothing_is_left() {
    let run = Duration::from_secs(number("REDIS_RL_CHAOS_SECONDS").unwrap_or(15));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = number("REDIS_RL_CHAOS_SEED").unwrap_or(now);
    eprintln!("chaos for {run:?}, seed {seed}");
    let mut stage = Stage::start();

    // Once for a short time, so that what a server allocates once is there, as a primary and as a replica.
    round(&mut stage, (run / 3).min(Duration::from_secs(20)), seed, 2);
    stage.assert_nobody_waits();
    let before = stage.memory();

    let told = round(&mut stage, run, seed.wrapping_add(1), 2);
    stage.assert_nobody_waits();
    stage.assert_digests_equal();
    let record = record::read(stage.scribe.dir());
    record.assert_within_limits();
    record.assert_none_of(&told.gone);
    assert!(!stage.has_copied_anew(), "the scribe's record is whole");
    let after = stage.memory();
    eprintln!("{told}\n{record}\nbytes held before {before:?}, after {after:?}\n{}", stage.figures());
    for (before, after) in before.iter().zip(&after) {
        assert!(after - before < TOLERANCE, "{before} bytes before, {after} after");
    }
    stage.assert_ends_in_order();
    assert!(told.admitted > 50 && told.denied > 50 && told.cut > 5, "{told}");
}
