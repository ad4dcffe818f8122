//! Memory that was used is freed.

use crate::common::conn::words;
use crate::common::load;
use crate::common::{Conn, Random, Server, wait_until};

fn settles_at(conn: &mut Conn, most: i64) {
    wait_until("memory has been given back", || conn.info_number("used_memory") <= most);
}

#[test]
fn created_and_deleted_keys_leave_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let mut random = Random::new(16);
    let mut round = |conn: &mut Conn| {
        load::run(conn, &mut random, 5_000);
        conn.done("FLUSHALL ASYNC");
    };
    round(&mut conn);
    round(&mut conn);
    let before = conn.info_number("used_memory");
    for _ in 0..10 {
        round(&mut conn);
    }
    settles_at(&mut conn, before + 500_000);
}

#[test]
fn a_hundred_thousand_parameter_sets_leave_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let mut round = |limits: std::ops::Range<u32>| {
        let count = limits.len();
        for limit in limits {
            let limit = limit.to_string();
            conn.send(&["RL.BUCKET", "b", &limit, &limit, &format!("{limit}s")]);
            conn.send(&["RL.WINDOW", "w", &limit, &format!("{limit}s"), "OFFSET", &limit]);
        }
        for _ in 0..count * 2 {
            assert!(!conn.receive().is_error());
        }
        conn.done("FLUSHALL");
        conn.info_number("used_memory")
    };
    let before = round(1_000_000..1_010_000);
    let after = round(2_000_000..2_100_000);
    assert!(after < before + 1_000_000, "{before} bytes became {after}");
}

#[test]
fn a_hundred_thousand_shapes_leave_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let mut round = |limits: std::ops::Range<u32>| {
        let count = limits.len();
        for limit in limits {
            let line = format!("RL.QUOTA k LIMIT a {limit} {limit} LIMIT b {limit} 1d BUCKET {limit}");
            conn.send(&words(&line));
        }
        for _ in 0..count {
            assert!(!conn.receive().is_error());
        }
        conn.done("FLUSHALL");
        conn.info_number("used_memory")
    };
    let before = round(1_000_000..1_010_000);
    let after = round(2_000_000..2_100_000);
    assert!(after < before + 1_000_000, "{before} bytes became {after}");
}

#[test]
fn a_hundred_thousand_reservations_leave_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let mut round = || {
        for id in 0..50_000 {
            let ttl = id % 2 * 3_600_000 + 1; // half of them expire, half are settled
            let limits = "LIMIT a 900000 1h LIMIT b 900000 30d BUCKET 900000 LIMIT open 90000 INFLIGHT";
            conn.send(&words(&format!("RL.QUOTA k {limits} RESERVE {ttl}ms ID {id}")));
            conn.send(&words(&format!(
                "RL.{} k {}",
                if id % 4 == 1 { "SETTLE" } else { "CANCEL" },
                id - id % 8
            )));
            conn.send(&words(&format!("RL.SETTLE k {}", id - 7)));
        }
        for _ in 0..50_000 * 3 {
            assert!(!conn.receive().is_error());
        }
        conn.done("FLUSHALL");
        conn.info_number("used_memory")
    };
    let before = round();
    round();
    let after = round();
    assert!(after < before + 500_000, "{before} bytes became {after}");
}

const WINDOWS: &str = "LIMIT rpm 1000 3650d WINDOW LIMIT tpm 80000 3650d UNIT tokens WINDOW \
                       LIMIT tpd 2000000 3650d UNIT tokens WINDOW";

/// Measures how many bytes the server uses for one of many keys. Each key gets one request: `line` with the
/// key's number for `#`.
fn bytes_a_key(line: &str) -> i64 {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(&format!("RL.POLICY SET p {WINDOWS}"));
    let keys = 60_000; // so many that a table of 65,536 places is nearly full, on every server
    let before = conn.info_number("used_memory");
    for key in 0..keys {
        conn.send(&words(&line.replace('#', &format!("{key:010}"))));
    }
    for _ in 0..keys {
        assert!(!conn.receive().is_error());
    }
    let told = conn.ask("MEMORY USAGE k:0000000000").int();
    let each = (conn.info_number("used_memory") - before) / keys;
    // A server does not include its own tables in MEMORY USAGE.
    assert!((each / 3..=each).contains(&told), "MEMORY USAGE says {told} where {each} are used");
    each
}

#[test]
fn a_quota_of_three_windows_takes_at_most_260_bytes() {
    let spelled = bytes_a_key(&format!("RL.QUOTA k:# {WINDOWS} COST tokens 500"));
    let policy = bytes_a_key("RL.QUOTA k:# POLICY p COST tokens 500");
    let string = bytes_a_key("SET k:# x EX 3600");
    eprintln!("{spelled} bytes a key, {policy} by a policy, {string} of a string that expires");
    assert!(spelled <= 260 && policy <= 260, "{spelled} and {policy} bytes a key");
}

#[test]
fn a_reload_in_place_leaves_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    load::run(&mut conn, &mut Random::new(17), 5_000);
    conn.done("DEBUG RELOAD");
    let before = conn.info_number("used_memory");
    for _ in 0..10 {
        conn.done("DEBUG RELOAD");
    }
    settles_at(&mut conn, before + 500_000);
}

#[test]
fn the_table_of_parameter_sets_stays_small_whatever_keys_hold() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let before = conn.info_number("used_memory");
    for first in (0..300_000).step_by(1_000) {
        for nth in first..first + 1_000 {
            conn.send(&words(&format!("RL.BUCKET k{nth} {} 1 1d", nth + 1)));
        }
        conn.flush().unwrap();
        for nth in first..first + 1_000 {
            let reply = conn.receive();
            let remaining: i64 = nth;
            assert_eq!((reply.list()[0].int(), reply.list()[2].int()), (1, remaining));
        }
    }
    assert_eq!(conn.ask("RL.PEEK k299999").list()[1].int(), 300_000);
    conn.done("FLUSHALL");
    settles_at(&mut conn, before + 5_000_000);
}

#[test]
fn memory_usage_counts_the_limits_of_a_key_that_has_its_own() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let before = conn.info_number("used_memory");
    for key in 0..500 {
        let limits: String = (0..16).map(|nth| format!(" LIMIT l{nth} {} 1d BUCKET 5", key + 10)).collect();
        assert_eq!(conn.ask(&format!("RL.QUOTA k{key}{limits}")).list()[0].int(), 1);
    }
    let taken = conn.info_number("used_memory") - before;
    let told: i64 = (0..500).map(|key| conn.ask(&format!("MEMORY USAGE k{key}")).int()).sum();
    assert!(told * 10 >= taken * 7 && told <= taken * 12 / 10, "{told} of {taken} bytes");
}
