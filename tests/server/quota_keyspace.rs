//! A quota is a key like any other: it expires when it holds nothing, and can be renamed, copied, restored
//! and measured with all its reservations.

use crate::common::clock::{frozen, lives_until, now, wait_for_clock};
use crate::common::quota::Answer;
use crate::common::{Conn, Server, Value};

const REQUEST: &str = "RL.QUOTA k LIMIT a 9 1h LIMIT t 90 2h UNIT tokens LIMIT b 90 30d UNIT tokens BUCKET 90 \
                       LIMIT w 90 3650d UNIT tokens WINDOW LIMIT open 9 INFLIGHT COST tokens 20 RESERVE 1h ID r";

#[test]
fn it_expires_when_the_last_of_its_limits_is_whole_again() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for limits in [
        "LIMIT a 5 1h LIMIT b 5 2h",
        "LIMIT a 5 1h LIMIT b 5 2h UNIT tokens",
        "LIMIT a 5 3650d WINDOW LIMIT b 5 2h",
        "LIMIT a 5 50h BUCKET 3 LIMIT b 5 2h",
        "LIMIT a 5 1h LIMIT b 5 2h RESERVE 3h",
        "LIMIT a 5 1h LIMIT open 5 INFLIGHT RESERVE 10m",
    ] {
        conn.done("DEL k");
        let line = format!("RL.QUOTA k {limits}");
        let replies =
            conn.multi(&["DEL minute", "RL.HOLD minute 60", "PEXPIRETIME minute", &line, "PEXPIRETIME k"]);
        let now = replies[2].int() - 60_000;
        let last = Answer::of(&replies[3]).rows.iter().map(|row| row.reset_after).max().unwrap();
        let reserved = if limits.contains("3h") { 3 * 3_600_000 } else { 0 };
        assert_eq!(replies[4].int(), lives_until(now + last.max(reserved), 2 * 3_600_000), "{limits}");
    }
}

#[test]
fn only_what_is_charged_or_reserved_moves_its_expiry() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let mut expiries = vec![];
    for line in [
        "RL.QUOTA k LIMIT a 9 1h LIMIT t 90 2h UNIT tokens RESERVE 3h ID r",
        "RL.QUOTA k LIMIT a 9 1h LIMIT t 90 2h UNIT tokens COST tokens 91",
        "RL.QUOTA k LIMIT a 9 1h LIMIT t 90 2h UNIT tokens RESERVE 9h ID r",
        "RL.QUOTA k LIMIT a 9 1h",
        "RL.PEEK k",
        "RL.INFO k",
        "RL.RENEW k r 4h",
        "RL.QUOTA k LIMIT a 9 1h RESERVE 5h ID s",
    ] {
        let (now, reply) = frozen(&mut conn, line);
        assert!(!reply.is_error());
        expiries.push((conn.ask("PEXPIRETIME k").int() - now) / 60_000);
    }
    let minutes = [180, 180, 180, 180, 180, 180, 240, 300];
    for (told, expected) in expiries.iter().zip(minutes) {
        assert!((expected..=expected + 1).contains(told), "{expiries:?} minutes");
    }
    // Giving cost back makes the key expire sooner.
    conn.done("RL.CANCEL k s");
    let left = conn.ask("PTTL k").int();
    assert!((14_000_000..=14_460_000).contains(&left), "{left} ms");
}

#[test]
fn settling_moves_its_expiry_to_when_all_is_whole_again() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for limit in [
        "LIMIT t 90 2h UNIT tokens",
        "LIMIT t 90 3650d UNIT tokens WINDOW",
        "LIMIT t 90 9h UNIT tokens BUCKET 90",
    ] {
        for used in [1, 9, 20, 80, 9_000] {
            conn.done("DEL k");
            conn.done(&format!("RL.QUOTA k {limit} COST tokens 20 RESERVE 1s ID r"));
            let settle = format!("RL.SETTLE k r COST tokens {used}");
            conn.done(&settle);
            let (now, reply) = frozen(&mut conn, "RL.PEEK k");
            let whole_at = now + Answer::of(&reply).rows[0].reset_after;
            let expiry = conn.ask("PEXPIRETIME k").int();
            assert_eq!(expiry, lives_until(whole_at, 2 * 3_600_000), "{limit}, {used} used");
        }
    }
}

#[test]
fn it_is_gone_a_second_after_it_holds_nothing_at_the_latest() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for limits in [
        "LIMIT a 5 50ms LIMIT b 5 30ms WINDOW",
        "LIMIT a 5 30ms BUCKET 5 LIMIT b 5 60ms",
        "LIMIT a 5 20ms RESERVE 60ms",
        "LIMIT a 5 20ms LIMIT open 1 INFLIGHT RESERVE 60ms",
    ] {
        let (at, reply) = frozen(&mut conn, &format!("RL.QUOTA k {limits}"));
        assert!(Answer::of(&reply).allowed, "{limits}");
        wait_for_clock(&mut conn, lives_until(at + 60, 0) + 2); // the server keeps a key through its last ms
        assert_eq!(conn.ask("EXISTS k").int(), 0, "{limits}");
        assert_eq!(conn.ask("RL.PEEK k"), Value::Nil, "{limits}");
    }
}

/// Returns everything that a user sees of a quota, except times.
fn seen(conn: &mut Conn, key: &str) -> (Vec<i64>, i64, Vec<i64>) {
    (conn.used(key), conn.open(key), conn.quota(&format!("RL.PEEK {key}")).remaining())
}

#[test]
fn a_renamed_a_copied_and_a_restored_quota_hold_the_same() {
    let server = Server::start(&[]);
    let other = Server::start(&[]);
    let (mut conn, mut far) = (server.connect(), other.connect());
    let first = conn.done(REQUEST);
    conn.done(&REQUEST.replace("ID r", "ID s"));
    conn.done("RL.SETTLE k s COST tokens 30");
    let expected = seen(&mut conn, "k");
    let digest = |conn: &mut Conn, key: &str| conn.ask(&format!("DEBUG DIGEST-VALUE {key}")).words();
    let before = digest(&mut conn, "k");
    let expiry = conn.ask("PEXPIRETIME k").int();

    assert_eq!(conn.ask("COPY k copy").int(), 1);
    assert_eq!(conn.ask("COPY k far DB 3").int(), 1);
    let dump = conn.ask("DUMP k").bytes();
    conn.done("RENAME k renamed");
    for conn in [&mut conn, &mut far] {
        let expiry = expiry.to_string();
        conn.call(&[b"RESTORE", b"restored" as &[u8], expiry.as_bytes(), &dump, b"ABSTTL"]);
        assert_eq!(conn.ask("DUMP restored").bytes(), dump, "it is written as it was read");
        assert_eq!(seen(conn, "restored"), expected);
    }
    for key in ["copy", "renamed", "restored"] {
        assert_eq!(
            (seen(&mut conn, key), digest(&mut conn, key)),
            (expected.clone(), before.clone()),
            "{key}"
        );
        assert_eq!(conn.ask(&format!("PEXPIRETIME {key}")).int(), expiry, "{key}");
        // The copy continues from the same state, independently of the original.
        assert_eq!(conn.ask(&REQUEST.replace(" k ", &format!(" {key} "))), first, "an open id: {key}");
        assert_eq!(conn.ask(&format!("RL.SETTLE {key} r COST tokens 1")).int(), 1, "{key}");
        assert_eq!(conn.used(key), [2, 31, 31, 31, 0], "{key}");
    }
    conn.done("SELECT 3");
    assert_eq!(seen(&mut conn, "far"), expected);
}

#[test]
fn a_reload_in_place_changes_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(REQUEST);
    conn.done("RL.QUOTA k LIMIT new 5 1h LIMIT t 9 2h UNIT tokens RESERVE 2h ID s");
    conn.done("RL.QUOTA other LIMIT b 50 30d BUCKET 50 RESERVE 2h ID s COST requests 20");
    conn.done("RL.SETTLE other s COST requests 5");
    let (digest, before) = (conn.digest(), seen(&mut conn, "k"));
    for _ in 0..3 {
        conn.done("DEBUG RELOAD");
        assert_eq!((conn.digest(), seen(&mut conn, "k")), (digest.clone(), before.clone()));
    }
}

#[test]
fn a_digest_does_not_change_with_time() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.QUOTA k LIMIT a 9 30ms LIMIT b 9 30d BUCKET 9 LIMIT open 2 INFLIGHT RESERVE 20ms");
    let before = conn.digest();
    let later = now(&mut conn) + 40;
    wait_for_clock(&mut conn, later);
    assert_eq!(conn.quota("RL.PEEK k").remaining(), [9, 8, 2]);
    assert_eq!(conn.digest(), before);
}

#[test]
fn it_is_typed_and_known_to_object_and_memory() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(REQUEST);
    assert_eq!(conn.ask("TYPE k").text(), "ratelimit");
    assert_eq!(conn.ask("SCAN 0 COUNT 100 TYPE ratelimit").list()[1].list().len(), 1);
    conn.done("OBJECT ENCODING k");
    assert_eq!(conn.ask("OBJECT REFCOUNT k").int(), 1);
    let alone = conn.ask("MEMORY USAGE k").int();
    for id in 0..1_000 {
        conn.done(&format!("RL.QUOTA k LIMIT open 5000 INFLIGHT RESERVE 1h ID {id}"));
    }
    let many = conn.ask("MEMORY USAGE k").int();
    assert!((100..3_000).contains(&alone) && many > alone + 50 * 1_000, "{alone} and {many} bytes");
}
