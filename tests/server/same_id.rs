//! An id makes a request safe to repeat: after a timeout, and while the first one is still in flight.

use std::sync::Barrier;
use std::thread;

use crate::common::clock::{now, wait_for_clock};
use crate::common::quota::{Answer, Row};
use crate::common::{Conn, Server, Value, aof};

const REQUEST: &str = "RL.QUOTA k LIMIT rpm 50 1h LIMIT tpm 100 1h UNIT tokens LIMIT day 500 3650d UNIT tokens WINDOW \
                       LIMIT burst 90 30d UNIT tokens BUCKET 90 LIMIT open 9 INFLIGHT COST tokens 30 RESERVE 1h ID r";

#[test]
fn a_repeated_request_is_answered_as_the_first_time_and_charged_once() {
    for protocol in ["2", "3"] {
        let server = Server::start(&["appendonly yes", "appendfsync always"]);
        let mut conn = server.connect();
        conn.done(&format!("HELLO {protocol}"));
        let first = conn.done(REQUEST);
        let before = (conn.digest(), aof::size(server.dir()));
        for _ in 0..5 {
            let later = now(&mut conn) + 2;
            wait_for_clock(&mut conn, later);
            assert_eq!(conn.ask(REQUEST), first);
        }
        assert_eq!((conn.digest(), aof::size(server.dir())), before);
        // Other requests in between change what remains, but not the repeated reply.
        conn.done(&REQUEST.replace("ID r", "ID other"));
        assert_eq!(conn.ask(REQUEST), first);
        // The cost of the repeated request does not matter: the request was already admitted.
        assert_eq!(conn.ask(&REQUEST.replace("tokens 30", "tokens 99")), first);
        assert_eq!(conn.used("k"), [2, 60, 60, 60, 2]);
    }
}

const POLICY: &str = "RL.POLICY SET p LIMIT rpm 50 1h LIMIT tpm 100 1h UNIT tokens LIMIT open 9 INFLIGHT";

#[test]
fn the_first_answer_stays_whatever_becomes_of_the_policy() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let request = "RL.QUOTA k POLICY p COST tokens 30 RESERVE 1h ID r";
    let both = "RL.MQUOTA 2 {k}1 {k}2 POLICY p p COST tokens 30 RESERVE 1h ID r";
    conn.done(POLICY);
    let (first, first_of_both) = (conn.done(request), conn.done(both));
    for change in [
        "RL.POLICY SET p LIMIT rpm 1 1h",
        "RL.POLICY SET p LIMIT other 5 1d LIMIT tpm 7 1h UNIT tokens BUCKET 7",
        "RL.POLICY DEL p",
    ] {
        conn.done(change);
        let before = conn.digest();
        assert_eq!(conn.ask(request), first, "{change}");
        assert_eq!(conn.ask(both), first_of_both, "{change}");
        assert_eq!(conn.digest(), before);
    }
    let unknown = "ERR no such policy, RL.POLICY LIST names those there are";
    assert_eq!(conn.ask(&request.replace("ID r", "ID s")).error(), unknown);
    assert_eq!(conn.ask("RL.SETTLE k r").int(), 1);
    assert_eq!(conn.ask(request).error(), unknown, "no request of that id is open any more");
}

#[test]
fn the_first_answer_stays_while_others_ask_by_other_limits() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(POLICY);
    let request = "RL.QUOTA k POLICY p COST tokens 30 RESERVE 1h ID r";
    let first = conn.quota(request);
    conn.done("RL.POLICY SET p LIMIT tpm 90 1h UNIT tokens BUCKET 90 LIMIT other 5 1d");
    conn.done("RL.QUOTA k POLICY p COST tokens 10");
    let again = conn.quota(request);
    assert!(again.allowed && again.reserved() == "r");
    // The limit that counts reservations does not exist any more.
    let told = |answer: &Answer| -> Vec<(String, i64, i64)> {
        let row = |row: &Row| (row.name.clone(), row.remaining, row.reset_after);
        answer.rows.iter().take(2).map(row).collect()
    };
    assert_eq!((told(&again), again.rows.len()), (told(&first), 2));
    assert_eq!(conn.quota("RL.PEEK k").remaining(), [50, 4], "and nothing was charged");
}

#[test]
fn the_first_answer_stays_when_such_windows_are_not_allowed_any_more() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let first = conn.done(REQUEST);
    conn.done("CONFIG SET rl.max-window 1m");
    assert_eq!(conn.ask(REQUEST), first);
    // The same holds if the limits are written differently.
    assert_eq!(conn.ask(&REQUEST.replace("1h LIMIT", "60m LIMIT")), first);
    let other = conn.ask(&REQUEST.replace("ID r", "ID s"));
    assert_eq!(other.error(), "ERR window or period is longer than rl.max-window allows");
}

#[test]
fn a_denied_request_may_be_repeated_until_it_is_admitted() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let request = "RL.QUOTA k LIMIT a 10 40ms UNIT tokens COST tokens 8 RESERVE 1h ID r";
    let mut tries = (0..100).map(|_| {
        conn.done("DEL k");
        conn.done("RL.QUOTA k LIMIT a 10 40ms UNIT tokens COST tokens 8");
        conn.quota(request)
    });
    assert_eq!(tries.find(|answer| !answer.allowed).expect("a denial").id, Some(None));
    let admitted = (0..1_000_000).map(|_| conn.ask(request)).find(|reply| reply.list()[0].int() == 1);
    let admitted = admitted.expect("an admission");
    assert_eq!(conn.ask(request), admitted);
    assert_eq!(conn.open("k"), 1);
}

#[test]
fn a_settled_id_may_be_used_anew() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for ends in ["RL.SETTLE k r COST tokens 5", "RL.CANCEL k r"] {
        conn.done("DEL k");
        conn.done(REQUEST);
        assert_eq!(conn.ask(ends).int(), 1);
        let again = conn.quota(REQUEST);
        assert!(again.allowed && again.reserved() == "r");
        assert_eq!(conn.open("k"), 1);
    }
}

#[test]
fn ids_are_any_bytes_and_of_one_key() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let ids: [&[u8]; 6] = [b"\0", b"a\0b", b"\r\n+OK\r\n", b"\xff\xfe", &[b'x'; 128], b" "];
    for (made, id) in ids.iter().enumerate() {
        for _ in 0..2 {
            let request: [&[u8]; 10] =
                [b"RL.QUOTA", b"k", b"LIMIT", b"open", b"9", b"INFLIGHT", b"RESERVE", b"1h", b"ID", id];
            assert_eq!(conn.call(&request).list()[4], Value::Bulk(id.to_vec()));
        }
        assert_eq!(conn.open("k"), i64::try_from(made).unwrap() + 1);
    }
    for id in ids {
        assert_eq!(conn.call(&[b"RL.SETTLE", b"other" as &[u8], id]).int(), 0);
        assert_eq!(conn.call(&[b"RL.RENEW", b"k" as &[u8], id, b"2h"]).int(), 1);
        assert_eq!(conn.call(&[b"RL.SETTLE", b"k" as &[u8], id]).int(), 1);
        assert_eq!(conn.call(&[b"RL.CANCEL", b"k" as &[u8], id]).int(), 0);
    }
    assert_eq!(conn.open("k"), 0);
}

/// Sends `line` on all connections at once, and returns the replies.
fn at_once(conns: &mut [Conn], line: &str) -> Vec<Value> {
    let barrier = Barrier::new(conns.len());
    thread::scope(|scope| {
        let ask = |conn| {
            barrier.wait();
            Conn::ask(conn, line)
        };
        let threads: Vec<_> = conns.iter_mut().map(|conn| scope.spawn(move || ask(conn))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn of_many_clients_with_one_id_one_is_charged_and_all_get_one_answer() {
    let server = Server::start(&[]);
    let mut conns: Vec<Conn> = (0..32).map(|_| server.connect()).collect();
    for round in 0..40 {
        let id = format!("ID round:{round}");
        let replies = at_once(&mut conns, &REQUEST.replace("ID r", &id).replace("tokens 30", "tokens 2"));
        assert!(replies.iter().all(|reply| *reply == replies[0]), "{replies:?}");
        assert_eq!(replies[0].list()[0], Value::Int(1));
        let expected: Vec<i64> = [1, 2, 2, 2].iter().map(|cost| cost * (round + 1)).collect();
        assert_eq!(conns[0].used("k")[..4], expected);
        // One client settles or cancels it, and the others are too late.
        let ends = if round % 2 == 0 { "RL.SETTLE" } else { "RL.RENEW" };
        let line = format!("{ends} k round:{round} {}", if round % 2 == 0 { "" } else { "1h" });
        let done: i64 = at_once(&mut conns, &line).iter().map(Value::int).sum();
        assert_eq!(done, if round % 2 == 0 { 1 } else { 32 });
        conns[0].ask(&format!("RL.SETTLE k round:{round}"));
    }
    assert_eq!(conns[0].open("k"), 0);
}
