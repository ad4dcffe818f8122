//! A waiter that times out gets the denial that a new request would get now.

use std::time::Instant;

use super::{TAKE, WANT, median};
use crate::common::clock::ahead;
use crate::common::conn::words;
use crate::common::quota::{admission, slide};
use crate::common::waiting::{assert_no_waiters, still};
use crate::common::{Conn, Server, Value, Waiter};

/// Creates keys that are full for days, and returns requests on them.
fn full(conn: &mut Conn) -> [&'static str; 9] {
    let at = ahead(conn);
    conn.done("RL.POLICY SET p LIMIT a 5 9d");
    conn.apply("s", &format!("slide {at} 5 5 777600000"));
    conn.apply("b", &format!("bucket {at} 5 5 1 777600000"));
    conn.apply("w", &format!("window {at} 5 5 777600000 0"));
    conn.apply_quota("q", &admission(&[slide("a", "requests", 5, 777_600_000)], at, &[5], None));
    [
        "RL.SLIDE s 5 9d",
        "RL.SLIDE s 5 9d COST 3",
        "RL.SLIDE s 3 9d",
        "RL.SLIDE s 9 9d COST 5",
        "RL.BUCKET b 5 1 9d",
        "RL.WINDOW w 5 9d",
        "RL.QUOTA q LIMIT a 5 9d",
        "RL.QUOTA q LIMIT a 5 9d LIMIT b 5 9d RESERVE 60 ID r",
        "RL.MQUOTA 2 new q POLICY p p",
    ]
}

/// Moves the times out of a reply into `times`. The times are so long that they differ from all other
/// numbers.
fn apart(reply: Value, times: &mut Vec<i64>) -> Value {
    match reply {
        Value::Int(time) if time > 100_000 => {
            times.push(time);
            Value::Nil
        }
        Value::Array(fields) => Value::Array(fields.into_iter().map(|field| apart(field, times)).collect()),
        other => other,
    }
}

#[test]
fn it_is_answered_as_one_that_is_denied_at_once() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for line in full(&mut conn) {
        for hello in ["HELLO 2", "HELLO 3"] {
            let mut client = server.connect();
            client.done(hello);
            let digest = conn.digest();
            let (mut before, mut after) = (Vec::new(), Vec::new());
            let expected = apart(client.done(line), &mut before);
            let reply = apart(client.done(&format!("{line} WAIT 20ms")), &mut after);
            assert_eq!(reply, expected, "{hello} {line}");
            assert_eq!(before.len(), after.len());
            for (before, after) in before.into_iter().zip(after) {
                assert!((19..10_000).contains(&(before - after)), "{line}: {before}, then {after}");
            }
            assert_eq!(conn.digest(), digest, "{line}: it changes nothing");
        }
    }
    assert_eq!(conn.info_number("rl_waiters_timed_out"), 18);
    assert_no_waiters(&mut conn);
}

#[test]
fn it_gets_the_denial_of_that_moment_not_of_its_arrival() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let waiter = Waiter::start(&server, "RL.SLIDE k 5 1d COST 5 WAIT 300ms");
    conn.done("RL.REFUND k 2");
    assert_eq!(waiter.five()[..3], [0, 5, 2]);
}

#[test]
fn it_waits_as_long_as_it_said() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let mut late = Vec::new();
    for _ in 0..15 {
        let begin = Instant::now();
        assert_eq!(conn.ask("RL.SLIDE k 5 1d WAIT 50ms").five()[0], 0);
        late.push(i64::try_from(begin.elapsed().as_micros()).unwrap() - 50_000);
    }
    assert!(late.iter().all(|late| *late > -1_000), "none before: {late:?}");
    assert!(median(late.clone()) <= 8_000, "{late:?}");
}

#[test]
fn waiters_are_admitted_when_one_ahead_times_out() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 5 1d COST 3");
    let large = Waiter::start(&server, "RL.SLIDE k 5 1d COST 5 WAIT 400ms");
    let small: Vec<Waiter> = (0..3).map(|_| Waiter::start(&server, WANT)).collect();
    assert_eq!(still(&small, &mut conn), [0, 1, 2]);
    // Its reply is that of a new request, and the two waiters are ahead of a new request in line.
    assert_eq!(large.five()[..3], [0, 5, 0]);
    crate::common::wait_until("the first two are admitted", || still(&small, &mut conn) == [2]);
    assert_eq!(conn.ask("RL.INFO k").get("used").int(), 5);
}

#[test]
fn many_that_end_at_once_are_all_answered() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let mut clients: Vec<Conn> = (0..300).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(&words("RL.SLIDE k 5 1d WAIT 100ms"));
        client.flush().unwrap();
    }
    for client in &mut clients {
        assert_eq!(client.receive().five()[..3], [0, 5, 0]);
    }
    assert_eq!(conn.info_number("rl_waiters_timed_out"), 300);
    assert_no_waiters(&mut conn);
}

#[test]
fn a_request_above_the_limit_does_not_wait() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 5 1d");
    for line in ["RL.SLIDE k 5 1d COST 6", "RL.WINDOW k 5 1d COST 6", "RL.BUCKET k 5 1 COST 6"] {
        assert_eq!(conn.ask(&format!("{line} WAIT 1h")).five(), [0, 5, 5, -1, 0], "{line}");
    }
    for line in ["RL.QUOTA k LIMIT a 5 1d COST requests 6", "RL.MQUOTA 2 k l POLICY p p COST requests 6"] {
        let answer = conn.quota(&format!("{line} WAIT 1h"));
        assert_eq!((answer.allowed, answer.retry_after), (false, -1), "{line}");
    }
    assert_eq!(conn.info_number("rl_slide_denied"), 1);
    assert_no_waiters(&mut conn);
    // The same holds while others wait.
    conn.done(TAKE);
    let _first = Waiter::start(&server, WANT);
    assert_eq!(conn.ask("RL.SLIDE k 5 1d COST 6 WAIT 1h").five()[3], -1);
    assert_eq!(conn.ask("RL.SLIDE k 5 1d COST 6").five()[3], -1);
    assert_eq!(conn.ask("RL.PEEK k COST 6").five()[3], -1);
}

#[test]
fn a_request_that_can_no_longer_be_admitted_is_denied_at_once() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 5 1d");
    conn.done("RL.QUOTA k POLICY p COST requests 5");
    let waiter = Waiter::start(&server, "RL.QUOTA k POLICY p COST requests 3 WAIT 1h");
    conn.done("RL.POLICY SET p LIMIT a 2 1d");
    let answer = crate::common::quota::Answer::of(&waiter.answer());
    assert_eq!((answer.allowed, answer.retry_after), (false, -1));
}
