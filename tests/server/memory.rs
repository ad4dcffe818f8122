//! Memory that was taken is given back, and may be moved while keys live.

use crate::common::clock::ahead;
use crate::common::load;
use crate::common::{Conn, Random, Server, wait_until};

fn settles_at(conn: &mut Conn, most: i64) {
    wait_until("memory has been given back", || conn.info_number("used_memory") <= most);
}

#[test]
fn keys_that_come_and_go_leave_nothing_behind() {
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
fn a_hundred_thousand_parameter_sets_leave_nothing_behind() {
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
fn a_reload_in_place_leaves_nothing_behind() {
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
fn values_survive_active_defragmentation() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    if conn.ask("CONFIG SET activedefrag yes").is_error() {
        eprintln!("this server was built without active defragmentation: nothing to see");
        return;
    }
    for line in [
        "active-defrag-ignore-bytes 1",
        "active-defrag-threshold-lower 0",
        "active-defrag-cycle-min 25",
        "active-defrag-cycle-max 75",
        "hz 100",
    ] {
        conn.done(&format!("CONFIG SET {line}"));
    }
    let begin = ahead(&mut conn);
    for key in 0..5_000 {
        for after in 0..20 {
            conn.send(&[
                "RL.APPLY",
                &format!("s{key}"),
                &format!("slide {} 1 90 86400000", begin + after * 500 + key),
            ]);
        }
        conn.send(&["RL.APPLY", &format!("b{key}"), &format!("bucket {begin} 2 {} 1 86400000", key + 5)]);
    }
    for _ in 0..5_000 * 21 {
        assert!(!conn.receive().is_error());
    }
    for key in (0..5_000).filter(|key| key % 3 != 0) {
        conn.done(&format!("DEL s{key} b{key}"));
    }
    let before = conn.digest();
    wait_until("something was moved", || conn.info_number("active_defrag_hits") > 100);
    let rounds = conn.info_number("active_defrag_key_hits") + conn.info_number("active_defrag_key_misses");
    wait_until("every key was looked at", || {
        let now = conn.info_number("active_defrag_key_hits") + conn.info_number("active_defrag_key_misses");
        now > rounds + 4_000 || conn.info_number("active_defrag_running") == 0
    });
    assert_eq!(conn.digest(), before);
    assert_eq!(conn.ask("RL.INFO s0").get("used").int(), 20);
    conn.done("FLUSHALL");
    server.assert_alive();
}
