//! Any bytes in any place: in keys that are waited for, in ids, and in `WAIT` and `PRIORITY` themselves.

use super::TAKE;
use crate::common::conn::fill;
use crate::common::quota::Answer;
use crate::common::waiting::assert_no_waiters;
use crate::common::{Conn, Random, Server, Value, Waiter, wait_until};

#[track_caller]
fn assert_refused(conn: &mut Conn, template: &str, values: &[&str], error: &str) {
    for value in values {
        let reply = conn.call(&fill(template, value));
        assert!(reply.error().starts_with(error), "{template} with {value:?}: {reply:?}");
    }
}

#[test]
fn how_long_is_a_duration_from_1ms_to_3650d() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 5 1d");
    let long = "9".repeat(5_000);
    for command in [
        "RL.SLIDE k 5 60",
        "RL.WINDOW k 5 60",
        "RL.BUCKET k 5 1",
        "RL.QUOTA k LIMIT a 5 1d",
        "RL.MQUOTA 1 k POLICY p",
    ] {
        let error = "ERR wait must be a duration from 1ms to 3650d, such as 30, 250ms, 5m, 1h or 1d";
        let bad =
            ["0", "-1", "", "x", "1mo", "3651d", "0.0001", "1e3", "nan", "\0", "\r\n", "\u{100}", &long];
        assert_refused(&mut conn, &format!("{command} WAIT ?"), &bad, error);
        assert_refused(&mut conn, &format!("{command} WAIT ? PRIORITY HIGH"), &bad, error);
        let error = "ERR priority must be CRITICAL, HIGH, NORMAL or LOW, or 0 to 3";
        let bad = ["4", "-1", "00", "", "x", "HIGHER", "HI", "\0", "1\0", "\r\n", "\u{100}", &long];
        assert_refused(&mut conn, &format!("{command} WAIT 60 PRIORITY ?"), &bad, error);
        let error = "ERR syntax error, expected ";
        for words in [
            "WAIT",
            "WAIT 60 PRIORITY",
            "PRIORITY HIGH",
            "WAIT 60 WAIT 60",
            "WAIT 60 PRIORITY HIGH PRIORITY HIGH",
            "WAIT 60 ?",
        ] {
            assert_refused(&mut conn, &format!("{command} {words}"), &["HIGH"], error);
        }
        assert_eq!(conn.ask("DBSIZE").int(), 0, "{command}");
        for wait in ["1ms", "0.001", "3650d", "60", "1h"] {
            conn.done(&format!("{command} wait {wait} priority low"));
            conn.done("FLUSHALL");
        }
    }
    assert_no_waiters(&mut conn);
}

#[test]
fn wait_may_be_anywhere_among_the_options() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for line in [
        "RL.SLIDE s 5 1d WAIT 1h COST 2",
        "RL.SLIDE s 5 1d WAIT 1h PRIORITY 0 COST 2",
        "RL.WINDOW w 5 3650d WAIT 1h OFFSET 1 COST 2",
        "RL.WINDOW w 5 3650d COST 2 WAIT 1h PRIORITY LOW OFFSET 1",
        "RL.BUCKET b 5 1 WAIT 1h COST 2",
        "RL.BUCKET b 5 1 60 WAIT 1h COST 2",
    ] {
        assert_eq!(conn.ask(line).five()[..3], [1, 5, 3], "{line}");
        conn.done("FLUSHALL");
    }
    for line in [
        "RL.QUOTA k LIMIT a 5 1d WAIT 1h COST requests 2 RESERVE 60 ID r",
        "RL.QUOTA k LIMIT a 5 1d RESERVE 60 ID r WAIT 1h PRIORITY 2 COST requests 2",
    ] {
        assert_eq!(conn.quota(line).remaining(), [3], "{line}");
        conn.done("FLUSHALL");
    }
}

#[test]
fn keys_of_any_bytes_are_waited_for() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let mut random = Random::new(71);
    let huge = vec![b'k'; 100_000];
    let mut keys: Vec<Vec<u8>> = vec![b"".to_vec(), b"\0".to_vec(), b"\r\n".to_vec(), b"a\0b".to_vec(), huge];
    keys.extend((0..20).map(|_| random.bytes(40)));
    for key in &keys {
        let words =
            |cost: &'static [u8]| [b"RL.SLIDE".as_slice(), key, b"5", b"1d", b"COST", cost, b"WAIT", b"1h"];
        assert_eq!(conn.call(&words(b"5")).five()[0], 1);
        let waiter = Waiter::call(&server, server.connect(), &words(b"2"));
        assert_eq!(conn.call(&[b"RL.INFO".as_slice(), key]).get("waiting").get("normal"), Value::Int(1));
        conn.call(&[b"RL.REFUND".as_slice(), key, b"2"]);
        assert_eq!(waiter.five()[..3], [1, 5, 0]);
        conn.call(&[b"DEL".as_slice(), key]);
    }
    assert_no_waiters(&mut conn);
}

#[test]
fn ids_of_any_bytes_are_reserved_after_a_wait() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let long = "i".repeat(64);
    for id in ["r", "\0", "\r\n", "a\0b", "\u{100}", long.as_str()] {
        let words = |id| fill("RL.QUOTA k LIMIT open 1 INFLIGHT RESERVE 1h ID ? WAIT 1h", id);
        let first = conn.call(&words("first"));
        assert_eq!(first.list()[0], Value::Int(1), "{first:?}");
        let waiter = Waiter::call(&server, server.connect(), &words(id));
        conn.done("RL.CANCEL k first");
        let answer = Answer::of(&waiter.answer());
        assert_eq!(answer.id, Some(Some(id.as_bytes().to_vec())));
        assert_eq!(conn.call(&["RL.CANCEL", "k", id]).int(), 1);
    }
    conn.done("RL.QUOTA k LIMIT open 1 INFLIGHT RESERVE 1h ID first");
    for id in [String::new(), "i".repeat(100_000)] {
        let reply = conn.call(&fill("RL.QUOTA k LIMIT open 1 INFLIGHT RESERVE 1h ID ? WAIT 1h", &id));
        assert!(reply.is_error(), "an id of {} bytes does not wait: {reply:?}", id.len());
    }
    assert_no_waiters(&mut conn);
}

#[test]
fn a_request_that_is_wrong_does_not_wait() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("SET string x");
    conn.done(TAKE);
    for (line, error) in [
        ("RL.SLIDE string 5 1d WAIT 1h", "WRONGTYPE"),
        ("RL.BUCKET k 5 1 WAIT 1h", "WRONGTYPE"),
        ("RL.QUOTA k LIMIT a 5 1d WAIT 1h", "WRONGTYPE"),
        ("RL.QUOTA q POLICY none WAIT 1h", "ERR no such policy"),
        ("RL.QUOTA q LIMIT a 5 INFLIGHT WAIT 1h", "ERR"),
        ("RL.MQUOTA 2 q q POLICY p p WAIT 1h", "ERR"),
        ("RL.SLIDE k -1 1d WAIT 1h", "ERR limit"),
    ] {
        assert!(conn.ask(line).error().starts_with(error), "{line}");
    }
    assert_no_waiters(&mut conn);
}

#[test]
fn connections_that_break_off_at_any_byte_leave_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let mut random = Random::new(72);
    for _ in 0..300 {
        let mut client = server.connect();
        for _ in 0..random.between(1, 4) {
            client.send(&[
                "RL.SLIDE",
                "k",
                "5",
                "1d",
                "WAIT",
                "1h",
                "PRIORITY",
                *random.pick(&["0", "1", "2", "3"]),
            ]);
        }
        client.flush().unwrap();
        if random.one_in(3) {
            client.send(&["RL.SLIDE", "k"]);
        }
        let _ = client.flush();
    }
    wait_until("all are gone", || crate::common::waiting::waiting(&mut conn) == (0, 0));
    assert_eq!(conn.ask("RL.INFO k").get("used").int(), 5);
    server.assert_alive();
}
