//! A higher lane comes first, and within a lane the first to arrive is the first to be admitted. No request
//! takes what a waiter is in line for.

use super::{TAKE, WANT};
use crate::common::clock::frozen;
use crate::common::waiting::{assert_no_waiters, still};
use crate::common::{Conn, Server, Waiter};

/// Gives back one unit at a time. Returns the order in which the waiters are admitted.
fn order(conn: &mut Conn, waiters: &[Waiter]) -> Vec<usize> {
    let mut order = Vec::new();
    let mut waited = still(waiters, conn);
    while !waited.is_empty() {
        conn.done("RL.REFUND k 1");
        let left = still(waiters, conn);
        assert_eq!(left.len() + 1, waited.len(), "each unit that is refunded admits one");
        order.extend(waited.iter().filter(|index| !left.contains(index)));
        waited = left;
    }
    order
}

#[test]
fn first_come_first_served() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let waiters: Vec<Waiter> = (0..6).map(|_| Waiter::start(&server, WANT)).collect();
    assert_eq!(order(&mut conn, &waiters), [0, 1, 2, 3, 4, 5]);
    assert_no_waiters(&mut conn);
}

#[test]
fn higher_lanes_first_by_name_and_by_number() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let lanes = ["3", "LOW", "2", "", "normal", "1", "High", "0", "critical"];
    let wait = |lane: &&str| match *lane {
        "" => WANT.to_owned(),
        lane => format!("{WANT} PRIORITY {lane}"),
    };
    let waiters: Vec<Waiter> = lanes.iter().map(|lane| Waiter::start(&server, &wait(lane))).collect();
    assert_eq!(order(&mut conn, &waiters), [7, 8, 5, 6, 2, 3, 4, 0, 1]);
}

#[test]
fn commands_of_all_kinds_share_one_line() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 3 INFLIGHT");
    for id in 0..3 {
        conn.done(&format!("RL.QUOTA k POLICY p RESERVE 1h ID {id}"));
    }
    let lines = ["RL.QUOTA k POLICY p", "RL.MQUOTA 1 k POLICY p", "RL.QUOTA k LIMIT a 3 INFLIGHT"];
    let wait = |line: &&str| Waiter::start(&server, &format!("{line} RESERVE 1h WAIT 1h"));
    let waiters: Vec<Waiter> = lines.iter().map(wait).collect();
    for (id, left) in [vec![1, 2], vec![2], vec![]].into_iter().enumerate() {
        assert_eq!(conn.ask(&format!("RL.CANCEL k {id}")).int(), 1);
        assert_eq!(still(&waiters, &mut conn), left);
    }
    assert_eq!(conn.open("k"), 3);
}

/// Takes four of five units, and starts a waiter for two.
fn large_head(server: &Server, conn: &mut Conn) -> Waiter {
    conn.done("RL.SLIDE k 5 1d COST 4");
    Waiter::start(server, "RL.SLIDE k 5 1d COST 2 WAIT 1h")
}

#[test]
fn a_plain_request_does_not_take_what_a_waiter_waits_for() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let head = large_head(&server, &mut conn);
    let [allowed, limit, remaining, retry_after, _] = conn.ask("RL.SLIDE k 5 1d").five();
    assert_eq!([allowed, limit, remaining], [0, 5, 0], "what is left is another's");
    assert!(retry_after > 0);
    assert_eq!(conn.ask("RL.PEEK k").five()[..3], [0, 5, 0]);
    assert_eq!(conn.ask("RL.INFO k").get("used").int(), 4);
    conn.done("RL.REFUND k 1");
    assert_eq!(head.five()[..3], [1, 5, 0]);
}

#[test]
fn small_requests_wait_for_a_large_one_ahead() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let head = large_head(&server, &mut conn);
    let same = Waiter::start(&server, "RL.SLIDE k 5 1d WAIT 1h PRIORITY NORMAL");
    let lower = Waiter::start(&server, "RL.SLIDE k 5 1d WAIT 1h PRIORITY LOW");
    conn.done("RL.REFUND k 1");
    assert_eq!(head.five()[..3], [1, 5, 0]);
    assert_eq!(still(&[same, lower], &mut conn), [0, 1]);
}

#[test]
fn a_higher_lane_passes() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let head = large_head(&server, &mut conn);
    for lane in ["HIGH", "CRITICAL"] {
        let line = format!("RL.SLIDE k 5 1d WAIT 1h PRIORITY {lane}");
        assert_eq!(conn.ask(&line).five()[..3], [1, 5, 0], "{lane}");
        conn.done("RL.REFUND k 1");
    }
    assert!(head.waits(&mut conn));
}

#[test]
fn a_request_without_cost_passes_waiters() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let head = large_head(&server, &mut conn);
    for line in ["RL.SLIDE k 5 1d COST 0", "RL.SLIDE k 5 1d COST 0 WAIT 1h PRIORITY LOW", "RL.PEEK k COST 0"]
    {
        assert_eq!(conn.ask(line).five()[..3], [1, 5, 1], "{line}");
    }
    assert!(head.waits(&mut conn));
}

#[test]
fn a_quota_is_not_taken_from_a_waiter_by_any_of_its_limits() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let limits = "RL.QUOTA k LIMIT a 5 1d LIMIT b 5 1d UNIT tokens";
    conn.done(&format!("{limits} COST requests 4 COST tokens 5"));
    let head = Waiter::start(&server, &format!("{limits} COST tokens 1 WAIT 1h"));
    let answer = conn.quota(limits);
    assert!(!answer.allowed);
    assert_eq!(answer.blocking, ["a"], "it takes nothing of the other");
    assert!(!conn.quota("RL.PEEK k").allowed);
    assert!(conn.quota(&format!("{limits} COST requests 0")).allowed);
    assert_eq!(conn.used("k"), [4, 5]);
    assert!(head.waits(&mut conn));
}

#[test]
fn a_forecast_counts_the_waiter_ahead() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 2 1h COST 2");
    let _head = Waiter::start(&server, "RL.SLIDE k 2 1h COST 2 WAIT 2h");
    // The first hour is the usage, the second is the waiter's.
    for line in ["RL.SLIDE k 2 1h", "RL.PEEK k"] {
        let (_, reply) = frozen(&mut conn, line);
        let [allowed, _, remaining, retry_after, reset_after] = reply.five();
        assert_eq!([allowed, remaining], [0, 0], "{line}");
        assert_eq!(retry_after, reset_after + 3_600_000, "{line}");
    }
}

#[test]
fn a_forecast_is_the_time_of_admission() {
    let server = Server::start(&["appendonly yes"]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 2 150ms COST 2");
    let head = Waiter::start(&server, "RL.SLIDE k 2 150ms COST 2 WAIT 1h");
    let (now, reply) = frozen(&mut conn, "RL.SLIDE k 2 150ms");
    let [allowed, _, _, retry_after, _] = reply.five();
    assert_eq!(allowed, 0);
    crate::common::wait_for_clock(&mut conn, now + retry_after + 60);
    assert_eq!(head.five()[0], 1);
    assert_eq!(conn.ask("RL.SLIDE k 2 150ms").five()[0], 1, "told to come again in {retry_after} ms");
}

#[test]
fn lines_of_other_keys_and_databases_are_others() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let head = large_head(&server, &mut conn);
    assert_eq!(conn.ask("RL.SLIDE other 5 1d").five()[..3], [1, 5, 4]);
    conn.done("SELECT 3");
    assert_eq!(conn.ask("RL.SLIDE k 5 1d COST 5").five()[..3], [1, 5, 0]);
    let mut far = server.connect();
    far.done("SELECT 3");
    let far = Waiter::on(&server, far, WANT);
    conn.done("RL.REFUND k 1");
    assert_eq!(far.five()[..3], [1, 5, 0]);
    assert!(head.waits(&mut conn));
    conn.done("SELECT 0");
    assert_eq!(conn.ask("RL.INFO k").get("used").int(), 4);
}
