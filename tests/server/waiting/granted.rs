//! A waiter is admitted at the very moment its limit has room, and gets the same reply as any request.

use super::median;
use crate::common::waiting::assert_no_waiters;
use crate::common::{Conn, Server, Value, Waiter, aof};

/// Returns the instants at which the waiters of a line were admitted, one after the other.
fn moments(line: &str) -> Vec<i64> {
    let server = Server::start(&["appendonly yes"]);
    let mut waiters: Vec<Waiter> = Vec::new();
    let mut conn = server.connect();
    while conn.ask(line).five()[0] == 1 {} // use up what fits at once
    for _ in 0..15 {
        let mut conn = server.connect();
        conn.send(&crate::common::conn::words(&format!("{line} WAIT 1h")));
        conn.flush().unwrap();
        waiters.push(Waiter { conn, id: 0 });
    }
    for waiter in waiters {
        assert_eq!(waiter.five()[0], 1, "{line}");
    }
    assert_no_waiters(&mut conn);
    aof::effects(server.dir()).iter().map(|effect| i64::try_from(effect.at).unwrap()).collect()
}

/// Checks that no admission is early, and that none is later than a timer is on a machine that is also used
/// by others.
#[track_caller]
fn assert_on_time(late: Vec<i64>, line: &str) {
    assert!(late.len() > 10, "{line}: {late:?}");
    assert!(late.iter().all(|late| *late >= 0), "{line}: one was admitted early, {late:?}");
    assert!(median(late.clone()) <= 8, "{line}: {late:?}");
}

#[test]
fn a_slide_admits_a_waiter_to_the_ms_when_cost_leaves_its_window() {
    let line = "RL.SLIDE k 1 40ms";
    let moments = moments(line);
    assert_on_time(moments.windows(2).map(|pair| pair[1] - pair[0] - 40).collect(), line);
}

#[test]
fn a_window_admits_waiters_when_it_begins() {
    let line = "RL.WINDOW k 1 40ms";
    let moments = moments(line);
    assert!(moments.windows(2).all(|pair| pair[0] / 40 < pair[1] / 40), "{moments:?}");
    assert_on_time(moments[1..].iter().map(|at| at % 40).collect(), line);
}

#[test]
fn a_bucket_admits_one_waiter_with_each_token() {
    let line = "RL.BUCKET k 2 25";
    let moments = moments(line);
    // The due times count from the first admission, so a token that was due while the one before it was late
    // is not late itself.
    let due = (1..moments.len() - 1).map(|index| i64::try_from(index).unwrap() * 40 + moments[0]);
    assert_on_time(moments[2..].iter().zip(due).map(|(at, due)| at - due).collect(), line);
}

/// A request of each command, and the part of its reply that does not depend on the clock.
const REQUESTS: [(&str, &str); 6] = [
    ("RL.SLIDE", "RL.SLIDE k 5 1d COST 5"),
    ("RL.BUCKET", "RL.BUCKET k 5 1 COST 5"),
    ("RL.WINDOW", "RL.WINDOW k 5 3650d COST 5"),
    ("RL.QUOTA", "RL.QUOTA k LIMIT a 5 1d LIMIT b 9 1d UNIT tokens COST requests 5 COST tokens 2"),
    ("RL.QUOTA", "RL.QUOTA k LIMIT a 5 1d COST requests 5 RESERVE 60 ID r"),
    ("RL.MQUOTA", "RL.MQUOTA 2 k {k}2 POLICY p p COST requests 5"),
];

fn without_window_clock(command: &str, reply: Value) -> Value {
    match reply {
        Value::Array(fields) if command == "RL.WINDOW" => Value::Array(fields[..4].to_vec()),
        reply => reply,
    }
}

#[test]
fn it_is_answered_as_one_that_is_admitted_at_once() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 5 1d");
    for hello in ["HELLO 2", "HELLO 3"] {
        for (command, request) in REQUESTS {
            let mut client = server.connect();
            client.done(hello);
            let expected = without_window_clock(command, client.done(request));
            let waiter = Waiter::on(&server, client, &other_id(request));
            conn.done("DEL k {k}2");
            let reply = without_window_clock(command, waiter.answer());
            assert_eq!(other_name(reply), expected, "{hello} {request}");
            conn.done("FLUSHALL");
        }
    }
    assert_no_waiters(&mut conn);
}

/// Returns the same request with `WAIT` and another reservation id. With the same id it would be a repeated
/// request.
fn other_id(request: &str) -> String {
    format!("{} WAIT 1h", request.replace("ID r", "ID s"))
}

fn other_name(reply: Value) -> Value {
    match reply {
        Value::Array(mut fields) => {
            for field in &mut fields {
                if *field == Value::Bulk(b"s".to_vec()) {
                    *field = Value::Bulk(b"r".to_vec());
                }
            }
            Value::Array(fields)
        }
        other => other,
    }
}

#[test]
fn a_request_that_is_admitted_at_once_does_not_wait() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 5 1d");
    for (command, request) in REQUESTS {
        let expected = without_window_clock(command, conn.done(request));
        conn.done("FLUSHALL");
        let reply = conn.done(&format!("{request} WAIT 1h PRIORITY LOW"));
        assert_eq!(without_window_clock(command, reply), expected, "{request}");
        conn.done("FLUSHALL");
    }
    assert_eq!(granted(&mut conn), 0);
}

#[test]
fn a_generated_id_is_in_the_reply_and_can_be_settled() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let request = "RL.QUOTA k LIMIT open 1 INFLIGHT RESERVE 1h";
    let held = conn.quota(request).reserved();
    let waiter = Waiter::start(&server, &format!("{request} WAIT 1h"));
    assert_eq!(conn.ask(&format!("RL.SETTLE k {held}")).int(), 1);
    let reserved = crate::common::quota::Answer::of(&waiter.answer()).reserved();
    assert_ne!(reserved, held);
    assert_eq!(conn.open("k"), 1);
    assert_eq!(conn.ask(&format!("RL.SETTLE k {reserved}")).int(), 1);
    assert_eq!(conn.open("k"), 0);
}

#[test]
fn a_refund_admits_as_many_as_it_makes_room_for() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(super::TAKE);
    let waiters: Vec<Waiter> = (0..4).map(|_| Waiter::start(&server, super::WANT)).collect();
    conn.done("RL.REFUND k 3");
    assert_eq!(crate::common::waiting::still(&waiters, &mut conn), [3]);
    assert_eq!(conn.ask("RL.INFO k").get("used").int(), 5);
    let remaining: Vec<i64> = waiters.into_iter().take(3).map(|waiter| waiter.five()[2]).collect();
    assert_eq!(remaining, [2, 1, 0]);
}

fn granted(conn: &mut Conn) -> i64 {
    conn.info_number("rl_waiters_granted")
}
