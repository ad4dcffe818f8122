//! An operator who changes a policy also changes it for waiters.

use crate::common::quota::Answer;
use crate::common::waiting::{assert_no_waiters, still};
use crate::common::{Conn, Server, Waiter};

const REQUESTS: [&str; 2] = ["RL.QUOTA k POLICY p WAIT 1h", "RL.MQUOTA 2 k l POLICY p p WAIT 1h"];

/// Creates a policy and takes everything of it.
fn full(conn: &mut Conn) {
    conn.done("FLUSHALL");
    conn.done("RL.POLICY SET p LIMIT a 1 1d");
    conn.done("RL.QUOTA k POLICY p");
}

#[test]
fn a_higher_limit_admits_as_many_as_have_room() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for request in REQUESTS {
        full(&mut conn);
        let waiters: Vec<Waiter> = (0..3).map(|_| Waiter::start(&server, request)).collect();
        conn.done("RL.POLICY SET p LIMIT a 3 1d");
        assert_eq!(still(&waiters, &mut conn), [2], "{request}");
        for waiter in waiters.into_iter().take(2) {
            let answer = Answer::of(&waiter.answer());
            assert!(answer.allowed);
            assert_eq!(answer.rows[0].limit, 3, "it is told of the limit that it was admitted by");
        }
    }
}

#[test]
fn another_limit_of_that_name_admits_waiters() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    full(&mut conn);
    let waiter = Waiter::start(&server, REQUESTS[0]);
    conn.done("RL.POLICY SET p LIMIT b 1 1d LIMIT c 2 1d");
    let answer = Answer::of(&waiter.answer());
    assert_eq!((answer.allowed, answer.remaining()), (true, vec![0, 1]));
}

#[test]
fn a_policy_that_is_deleted_is_none() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for request in REQUESTS {
        full(&mut conn);
        let waiter = Waiter::start(&server, request);
        conn.done("RL.POLICY DEL p");
        assert!(waiter.answer().error().starts_with("ERR no such policy"), "{request}");
    }
    assert_no_waiters(&mut conn);
}

#[test]
fn a_change_without_effect_admits_no_waiter() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    full(&mut conn);
    let waiters: Vec<Waiter> = REQUESTS.iter().map(|request| Waiter::start(&server, request)).collect();
    for line in ["RL.POLICY SET p LIMIT a 1 1d", "RL.POLICY SET other LIMIT a 9 1d", "RL.POLICY DEL none"] {
        conn.done(line);
        assert_eq!(still(&waiters, &mut conn), [0, 1], "{line}");
    }
    assert_eq!(conn.used("k"), [1]);
}

#[test]
fn inline_limits_wait_by_their_own_numbers() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    full(&mut conn);
    let waiter = Waiter::start(&server, "RL.QUOTA k LIMIT a 1 1d WAIT 1h");
    for line in ["RL.POLICY SET p LIMIT a 3 1d", "RL.POLICY DEL p"] {
        conn.done(line);
        assert!(waiter.waits(&mut conn), "{line}");
    }
}
