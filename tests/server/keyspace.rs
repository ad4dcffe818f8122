//! A limit's state is a key like any other: it has a type, and can expire, be renamed, copied, measured and
//! deleted.

use crate::common::clock::{ahead, judged, now};
use crate::common::{Conn, Random, Server, Value, wait_for_clock};

fn one_of_each(conn: &mut Conn) -> [&'static str; 3] {
    conn.done("RL.SLIDE slide 5 1h COST 2");
    conn.done("RL.WINDOW window 5 3650d COST 2");
    conn.done("RL.BUCKET bucket 5 1 1h COST 2");
    ["slide", "window", "bucket"]
}

#[test]
fn its_type_is_ratelimit() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for key in one_of_each(&mut conn) {
        assert_eq!(conn.ask(&format!("TYPE {key}")).text(), "ratelimit");
    }
    conn.done("SET string x");
    let found = conn.ask("SCAN 0 COUNT 100 TYPE ratelimit");
    assert_eq!(found.list()[1].list().len(), 3, "{found:?}");
}

#[test]
fn it_expires_by_itself_when_it_holds_nothing_that_a_new_key_would_not() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for (line, lives_on) in [
        ("RL.SLIDE k 5 1h", 60_000),
        ("RL.SLIDE k 5 40", 5_000),
        ("RL.SLIDE k 5 10ms", 1_000),
        ("RL.WINDOW k 5 1h", 60_000),
        ("RL.WINDOW k 5 1mo", 60_000),
        ("RL.BUCKET k 5 1 1h COST 3", 60_000),
        ("RL.BUCKET k 5 1000", 1_000),
    ] {
        conn.done("DEL k");
        let before = now(&mut conn);
        let replies = conn.multi(&[line, "PEXPIRETIME k"]);
        let after = now(&mut conn);
        let (expiry, reset_after) = (replies[1].int(), replies[0].five()[4]);
        assert_eq!(expiry % lives_on, 0, "{line}");
        assert!(
            (before + reset_after..after + reset_after + lives_on).contains(&expiry),
            "{line}: full again {reset_after} ms after {before} or {after}, gone at {expiry}"
        );
    }
}

#[test]
fn each_admission_moves_the_expiry_and_nothing_else_does() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    let expiry = |conn: &mut Conn| conn.ask("PEXPIRETIME k").int();
    conn.apply("k", &format!("slide {begin} 1 2 1000"));
    assert_eq!(expiry(&mut conn), begin + 1_000);
    for after in [7, 8, 1_000] {
        conn.apply("k", &format!("slide {} 1 5 1000", begin + after));
        assert_eq!(expiry(&mut conn), begin + 2_000, "not moved again for {after}");
    }
    conn.apply("k", &format!("slide {} 1 5 1000", begin + 1_001));
    assert_eq!(expiry(&mut conn), begin + 3_000);
    for line in ["RL.SLIDE k 2 1", "RL.SLIDE k 2 1 COST 0", "RL.PEEK k", "RL.INFO k", "RL.SLIDE k x 1"] {
        conn.ask(line);
        assert_eq!(expiry(&mut conn), begin + 3_000, "{line}");
    }
}

#[test]
fn a_key_that_was_used_longer_ago_than_its_window_is_gone() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for line in ["RL.SLIDE k 5 50ms", "RL.WINDOW k 5 50ms", "RL.BUCKET k 5 20"] {
        let admitted = judged(&mut conn, line);
        wait_for_clock(&mut conn, admitted.reset_at() + 1_001); // the server keeps a key through its last ms
        assert_eq!(conn.ask("EXISTS k").int(), 0, "{line}");
        assert_eq!(conn.ask("RL.PEEK k"), Value::Nil, "{line}");
    }
}

#[test]
fn a_user_may_delete_it_and_begins_anew() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for way in ["DEL k", "UNLINK k", "EXPIRE k 0", "FLUSHDB", "FLUSHALL ASYNC", "FLUSHALL SYNC"] {
        conn.done("RL.SLIDE k 5 60 COST 5");
        conn.done(way);
        assert_eq!(conn.ask("RL.SLIDE k 5 60").five(), [1, 5, 4, 0, 60_000], "{way}");
        conn.done("DEL k");
    }
}

#[test]
fn a_user_may_move_its_expiry() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for key in one_of_each(&mut conn) {
        assert_eq!(conn.ask(&format!("EXPIRE {key} 100000")).int(), 1);
        assert_eq!(conn.ask(&format!("TTL {key}")).int(), 100_000);
        assert_eq!(conn.ask(&format!("PERSIST {key}")).int(), 1);
        assert_eq!(conn.ask(&format!("TTL {key}")).int(), -1);
        assert_eq!(conn.ask(&format!("RL.PEEK {key}")).five()[..3], [1, 5, 3], "{key}");
    }
    assert_eq!(conn.ask("RL.SLIDE slide 5 1h COST 4").five()[..3], [0, 5, 3]);
    assert_eq!(conn.ask("RL.SLIDE slide 5 1h COST 3").five()[..3], [1, 5, 0]);
}

#[test]
fn an_admission_lets_no_key_expire_while_anything_in_it_counts() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for (first, second) in [
        ("RL.SLIDE k 5 1d COST 2", "RL.SLIDE k 5 1"),
        ("RL.WINDOW k 5 3650d COST 2", "RL.WINDOW k 5 1"),
        ("RL.BUCKET k 5 1 1d COST 2", "RL.BUCKET k 5 10"),
    ] {
        conn.done("DEL k");
        let counts_until = now(&mut conn) + conn.ask(first).five()[4];
        conn.done(second);
        assert!(conn.ask("PEXPIRETIME k").int() >= counts_until, "{second} after {first}");
    }
}

#[test]
fn a_renamed_key_keeps_what_it_holds() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for key in one_of_each(&mut conn) {
        let expiry = conn.ask(&format!("PEXPIRETIME {key}"));
        conn.done(&format!("RENAME {key} other"));
        assert_eq!(conn.ask("RL.PEEK other").five()[..3], [1, 5, 3], "{key}");
        assert_eq!(conn.ask("PEXPIRETIME other"), expiry);
        assert_eq!(conn.ask(&format!("RL.PEEK {key}")), Value::Nil);
    }
}

#[test]
fn a_copy_goes_its_own_way() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for key in one_of_each(&mut conn) {
        assert_eq!(conn.ask(&format!("COPY {key} copy REPLACE")).int(), 1);
        assert_eq!(conn.ask(&format!("PEXPIRETIME {key}")), conn.ask("PEXPIRETIME copy"));
        assert_eq!(conn.ask(&format!("DEBUG DIGEST-VALUE {key}")), conn.ask("DEBUG DIGEST-VALUE copy"));
        conn.done("RL.REFUND copy 1");
        assert_eq!(conn.ask("RL.PEEK copy").five()[2], 4, "{key}");
        assert_eq!(conn.ask(&format!("RL.PEEK {key}")).five()[2], 3, "{key}");
        assert_ne!(conn.ask(&format!("DEBUG DIGEST-VALUE {key}")), conn.ask("DEBUG DIGEST-VALUE copy"));
        conn.done(&format!("DEL {key}"));
        assert_eq!(conn.ask("RL.PEEK copy").five()[2], 4, "{key}");
        assert_eq!(conn.ask("COPY copy far DB 3").int(), 1);
        conn.done("SELECT 3");
        assert_eq!(conn.ask("RL.PEEK far").five()[2], 4);
        conn.done("FLUSHDB");
        conn.done("SELECT 0");
    }
}

#[test]
fn object_and_memory_know_it() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for key in one_of_each(&mut conn) {
        conn.done(&format!("OBJECT ENCODING {key}"));
        assert_eq!(conn.ask(&format!("OBJECT REFCOUNT {key}")).int(), 1);
        assert!(conn.ask(&format!("OBJECT IDLETIME {key}")).int() >= 0);
        let bytes = conn.ask(&format!("MEMORY USAGE {key}")).int();
        assert!((8..400).contains(&bytes), "{key}: {bytes}");
    }
}

#[test]
fn a_digest_tells_states_apart_and_does_not_change_with_time() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for key in one_of_each(&mut conn) {
        let digest = |conn: &mut Conn| conn.ask(&format!("DEBUG DIGEST-VALUE {key}")).words();
        let before = digest(&mut conn);
        let later = now(&mut conn) + 20;
        wait_for_clock(&mut conn, later);
        conn.done(&format!("RL.PEEK {key}"));
        assert_eq!(digest(&mut conn), before, "{key}");
        conn.done(&format!("RL.REFUND {key} 1"));
        assert_ne!(digest(&mut conn), before, "{key}");
    }
}

#[test]
fn five_hundred_admissions_in_a_minute_take_at_most_2200_bytes() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let mut random = Random::new(1);
    let begin = ahead(&mut conn);
    let keys = 200;
    let before = conn.info_number("used_memory");
    for key in 0..keys {
        let mut moments: Vec<i64> = (0..500).map(|_| begin + random.between(0, 59_999)).collect();
        moments.sort_unstable();
        for at in moments {
            conn.send(&["RL.APPLY", &format!("k:{key:010}"), &format!("slide {at} 1 500 60000")]);
        }
        for _ in 0..500 {
            assert!(!conn.receive().is_error());
        }
    }
    let each = (conn.info_number("used_memory") - before) / keys;
    assert!(each <= 2_200, "{each} bytes a key");
    let told = conn.ask("MEMORY USAGE k:0000000000").int();
    assert!((each / 2..=2_200).contains(&told), "MEMORY USAGE says {told} where {each} are used");
}
