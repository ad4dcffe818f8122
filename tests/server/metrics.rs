//! The INFO section: admissions, denials and errors of each command.

use crate::common::{Conn, Server};

fn counts(conn: &mut Conn, command: &str) -> [i64; 3] {
    ["admitted", "denied", "errors"].map(|what| conn.info_number(&format!("rl_{command}_{what}")))
}

#[test]
fn each_command_counts_its_decisions() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for (command, request, cost) in [
        ("slide", "RL.SLIDE s 2 1d", "COST"),
        ("window", "RL.WINDOW w 2 3650d", "COST"),
        ("bucket", "RL.BUCKET b 2 1 1d", "COST"),
        ("quota", "RL.QUOTA q LIMIT a 2 1d", "COST requests"),
    ] {
        assert_eq!(counts(&mut conn, command), [0, 0, 0]);
        for _ in 0..5 {
            conn.done(request);
        }
        conn.ask(&format!("{request} {cost} 3"));
        conn.ask(&format!("{request} {cost} x"));
        conn.ask(&format!("{request} {cost} x"));
        assert_eq!(counts(&mut conn, command), [2, 4, 2], "{command}");
    }
}

#[test]
fn reads_and_refunds_are_counted_by_calls_and_errors() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 5 1d");
    conn.done("RL.QUOTA q LIMIT a 5 1d RESERVE 1d ID r");
    conn.done("SET string x");
    for (command, good, bad) in [
        ("peek", "RL.PEEK k", "RL.PEEK string"),
        ("refund", "RL.REFUND k 1", "RL.REFUND k -1"),
        ("hold", "RL.HOLD h 5", "RL.HOLD h -1"),
        ("sync", "RL.SYNC k REMAINING 1", "RL.SYNC q REMAINING 1"),
        ("info", "RL.INFO k", "RL.INFO string"),
        ("settle", "RL.SETTLE q r", "RL.SETTLE q r COST"),
        ("cancel", "RL.CANCEL q r", "RL.CANCEL k r"),
        ("renew", "RL.RENEW q r 1d", "RL.RENEW q r x"),
    ] {
        for _ in 0..3 {
            conn.done(good);
        }
        assert!(conn.ask(bad).is_error());
        assert_eq!(conn.info_number(&format!("rl_{command}_errors")), 1, "{command}");
        assert!(matches!(conn.info_number(&format!("rl_{command}_calls")), 3 | 4), "{command}");
    }
    assert_eq!(counts(&mut conn, "slide"), [1, 0, 0]);
}

#[test]
fn the_section_is_given_by_its_name() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let section = conn.ask("INFO rl").text();
    assert!(section.contains("rl_slide_admitted:0"), "{section}");
    assert!(!conn.ask("INFO").text().contains("rl_slide_admitted") || section.starts_with('#'));
}

#[test]
fn what_a_replica_applies_is_not_counted_as_asked() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.apply("k", "slide 1 1 5 315360000000");
    assert_eq!(counts(&mut conn, "slide"), [0, 0, 0]);
}

#[test]
fn what_is_stored_once_is_counted_once_and_goes_with_its_last_key() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let stored =
        |conn: &mut Conn| ["rl_parameter_sets", "rl_quota_shapes"].map(|name| conn.info_number(name));
    assert_eq!(stored(&mut conn), [0, 0]);
    for key in ["a", "b"] {
        conn.done(&format!("RL.WINDOW {key} 5 60"));
        conn.done(&format!("RL.QUOTA q{key} LIMIT x 5 INFLIGHT LIMIT y 6 INFLIGHT RESERVE 1d"));
        conn.done(&format!("RL.POLICY SET {key} LIMIT x 5 INFLIGHT"));
    }
    assert_eq!(stored(&mut conn), [1, 3], "a policy's limits are its own");
    conn.done("DEL a qa");
    conn.done("RL.POLICY DEL a");
    assert_eq!(stored(&mut conn), [1, 2]);
    conn.done("FLUSHALL SYNC");
    assert_eq!(stored(&mut conn), [0, 1]);
    conn.done("RL.POLICY DEL b");
    assert_eq!(stored(&mut conn), [0, 0]);
}
