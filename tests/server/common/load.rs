//! Mixed commands on limits of all types and on quotas: admitted and denied requests, refunds, changed
//! parameters, reads, errors, and commands that work on any key.

use super::conn::{Conn, words};
use super::quota_load;
use super::random::Random;

/// Returns one command. Keys with windows under a second are named `short:…`.
pub fn command(random: &mut Random) -> String {
    if random.one_in(2) { of_one_limit(random) } else { quota_load::command(random) }
}

fn of_one_limit(random: &mut Random) -> String {
    let number = random.below(40);
    let cost = random.between(0, 9);
    let limit = *random.pick(&[1, 5, 50, 500, 5_000]);
    let length = *random.pick(&["1d", "36h", "30d", "3650d"]);
    let short = random.between(20, 400);
    let refill = *random.pick(&["0.0005", "0.001", "0.002"]);
    let offset = *random.pick(&["0", "-5h", "90m"]);
    let kind = *random.pick(&["slide", "window", "bucket"]);
    match random.below(24) {
        0..=4 => format!("RL.SLIDE slide:{number} {limit} {length} COST {cost}"),
        5..=8 => format!("RL.WINDOW window:{number} {limit} {length} COST {cost} OFFSET {offset}"),
        9 => format!("RL.WINDOW window:{number} {limit} 1mo"),
        10..=14 => format!("RL.BUCKET bucket:{number} {limit} {refill} COST {cost}"),
        15 => format!("RL.SLIDE short:slide:{number} {limit} {short}ms COST {cost}"),
        16 => format!("RL.WINDOW short:window:{number} {limit} {short}ms COST {cost}"),
        17 => format!("RL.BUCKET short:bucket:{number} 9 {limit} 0.1 COST {cost}"),
        18..=20 => format!("RL.REFUND {kind}:{number} {cost}"),
        21 => format!("RL.PEEK {kind}:{number} COST {cost}"),
        22 => (*random.pick(&[
            "RL.SLIDE window:1 5 60",
            "RL.BUCKET b 0 0",
            "RL.INFO slide:1",
            "RL.REFUND x -1",
        ]))
        .to_owned(),
        _ => match random.below(12) {
            0 => format!("DEL {kind}:{number}"),
            1 => format!("RENAME {kind}:{number} {kind}:{}", random.below(40)),
            2 => format!("COPY {kind}:{number} {kind}:{} REPLACE", random.below(40)),
            3 => format!("EXPIRE {kind}:{number} 100000"),
            4 => format!("PERSIST {kind}:{number}"),
            _ => format!("RL.REFUND short:{kind}:{number} {cost}"),
        },
    }
}

/// Runs `count` of these commands, pipelined.
pub fn run(conn: &mut Conn, random: &mut Random, count: usize) {
    run_with(conn, random, count, command);
}

/// Runs `count` commands from the given generator, pipelined.
pub fn run_with(conn: &mut Conn, random: &mut Random, count: usize, command: fn(&mut Random) -> String) {
    let batch = 500;
    for begin in (0..count).step_by(batch) {
        let batch = batch.min(count - begin);
        for _ in 0..batch {
            conn.send(&words(&command(random)));
        }
        for _ in 0..batch {
            conn.receive();
        }
    }
}

/// Returns all keys with their expiry, sorted.
pub fn expiries(conn: &mut Conn) -> Vec<(String, i64)> {
    let mut keys = conn.ask("KEYS *").words();
    keys.sort_unstable();
    for key in &keys {
        conn.send(&["PEXPIRETIME", key]);
    }
    keys.into_iter().map(|key| (key, conn.receive().int())).collect()
}

/// Reads every short-lived key until all of them have expired and have been deleted.
pub fn let_short_ones_expire(conn: &mut Conn) {
    super::wait_until("short-lived keys have expired", || {
        let keys = conn.ask("KEYS short:*").words();
        keys.iter().all(|key| conn.ask(&format!("EXISTS {key}")).int() == 0)
    });
    super::wait_until("they are gone from the keyspace", || {
        // DBSIZE counts keys that have expired but are not deleted yet. KEYS does not list them.
        let listed = conn.ask("KEYS *").list().len();
        conn.ask("DBSIZE").int() == i64::try_from(listed).unwrap()
    });
}
