//! Units with a COST that no limit counts: an error if the limits are spelled out, else ignored and counted.

use crate::common::waiting::Waiter;
use crate::common::{Conn, Server, wait_until};

const ERROR: &str = "ERR a COST names a unit that no LIMIT counts";

fn counted(conn: &mut Conn) -> i64 {
    conn.info_number("rl_units_uncounted")
}

#[test]
fn with_limits_spelled_out_it_is_an_error_that_changes_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for line in [
        "RL.QUOTA k LIMIT rpm 5 60 COST tokens 1",
        "RL.QUOTA k LIMIT rpm 5 60 COST tokens 0",
        "RL.QUOTA k LIMIT tpm 5 60 UNIT tokens COST tokens 1 COST requests 1",
        "RL.QUOTA k LIMIT rpm 5 60 UNIT Tokens COST tokens 1",
        "RL.QUOTA k LIMIT open 5 INFLIGHT COST requests 1 RESERVE 60",
        "RL.QUOTA k LIMIT rpm 5 60 COST tokens 1 WAIT 60",
    ] {
        for _ in 0..2 {
            assert_eq!(conn.ask(line).error(), ERROR, "{line}");
        }
    }
    assert_eq!(conn.ask("EXISTS k").int(), 0);
    assert_eq!(counted(&mut conn), 0, "errors have a counter of their own");
    assert_eq!(conn.info_number("rl_quota_errors"), 12);
    assert!(conn.quota("RL.QUOTA k LIMIT rpm 5 60 LIMIT tpm 5 60 UNIT tokens COST tokens 1").allowed);
}

#[test]
fn with_a_policy_it_is_ignored_and_counted_and_logged_once() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT rpm 10 1h");
    for times in 1..=3 {
        let answer = conn.quota("RL.QUOTA k POLICY p COST tokens 7 COST cents 1");
        assert_eq!(answer.remaining(), [10 - times]);
        assert_eq!(counted(&mut conn), 2 * times);
    }
    conn.done("RL.QUOTA other POLICY p COST requests 1");
    conn.done("RL.QUOTA other POLICY p COST requests 11"); // denied
    assert_eq!(counted(&mut conn), 6);
    conn.done("RL.QUOTA other POLICY p COST requests 11 COST tokens 1");
    assert_eq!(counted(&mut conn), 7, "also if it is denied");
    wait_until("it is logged", || server.log().contains("counts the unit cents,"));
    let lines = |unit: &str| server.log().matches(&format!("counts the unit {unit},")).count();
    assert_eq!([lines("tokens"), lines("cents"), lines("requests")], [1, 1, 0]);
    // From the moment on at which the policy counts it, it is not uncounted any more.
    conn.done("RL.POLICY SET p LIMIT rpm 10 1h LIMIT tpm 10 1h UNIT tokens");
    conn.done("RL.QUOTA k POLICY p COST tokens 7 COST cents 1");
    assert_eq!(counted(&mut conn), 8);
    conn.done("RL.POLICY SET p LIMIT cpm 10 1h UNIT cents");
    conn.done("RL.QUOTA k POLICY p COST tokens 7 COST cents 1");
    assert_eq!(counted(&mut conn), 9);
}

#[test]
fn one_policy_of_several_is_enough() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET rpm LIMIT rpm 10 1h");
    conn.done("RL.POLICY SET tpm LIMIT tpm 10 1h UNIT tokens");
    conn.done("RL.MQUOTA 2 a b POLICY rpm tpm COST tokens 1 COST requests 1");
    assert_eq!(counted(&mut conn), 0);
    conn.done("RL.MQUOTA 2 a b POLICY rpm tpm COST tokens 1 COST cents 1 COST requests 1");
    assert_eq!(counted(&mut conn), 1);
    conn.done("RL.MQUOTA 1 a POLICY rpm COST tokens 1");
    assert_eq!(counted(&mut conn), 2);
}

#[test]
fn a_request_that_waits_or_is_repeated_counts_once() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT rpm 1 1h");
    conn.done("RL.QUOTA k POLICY p");
    let waiter = Waiter::start(&server, "RL.QUOTA k POLICY p COST tokens 1 WAIT 60");
    assert_eq!(counted(&mut conn), 0, "it has no answer yet");
    conn.done("DEL k");
    waiter.answer();
    assert_eq!(counted(&mut conn), 1);
    for _ in 0..3 {
        conn.done("RL.QUOTA r POLICY p COST tokens 1 RESERVE 60 ID x");
    }
    assert_eq!(counted(&mut conn), 2);
}

#[test]
fn settling_and_looking_ignore_it() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.QUOTA k LIMIT rpm 10 1h RESERVE 60 ID x");
    assert_eq!(conn.quota("RL.PEEK k COST tokens 7").remaining(), [9]);
    assert_eq!(conn.ask("RL.SETTLE k x COST tokens 7").int(), 1);
    assert_eq!(counted(&mut conn), 0);
}

#[test]
fn a_caller_cannot_fill_the_log() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT rpm 1000000 1h");
    for number in 0..200 {
        conn.done(&format!("RL.QUOTA k POLICY p COST u{number} 1"));
    }
    assert_eq!(counted(&mut conn), 200);
    wait_until("they are logged", || server.log().contains("counts the unit u63,"));
    assert_eq!(server.log().matches("counts the unit").count(), 64);
}
