//! While an operator pauses clients, no waiter is admitted. Right after the pause, all waiters with room are
//! admitted.

use std::time::{Duration, Instant};

use super::TAKE;
use crate::common::clock::now;
use crate::common::waiting::{assert_no_waiters, still};
use crate::common::{Conn, Server, Waiter, aof, wait_for_clock};

/// Starts two waiters, on two keys, whose turns come soon. Also returns the instant at which both have come.
fn two(server: &Server, conn: &mut Conn) -> ([Waiter; 2], i64) {
    conn.done("RL.SLIDE a 1 200ms");
    conn.done("RL.SLIDE b 1 200ms");
    let waiters = ["a", "b"].map(|key| Waiter::start(server, &format!("RL.SLIDE {key} 1 200ms WAIT 1h")));
    (waiters, now(conn) + 200)
}

#[test]
fn while_writes_are_paused_no_waiter_is_admitted() {
    let server = Server::start(&["appendonly yes"]);
    let mut conn = server.connect();
    let (waiters, due) = two(&server, &mut conn);
    conn.done("CLIENT PAUSE 100000 WRITE");
    wait_for_clock(&mut conn, due + 100);
    assert_eq!(still(&waiters, &mut conn), [0, 1]);
    let ended = now(&mut conn);
    conn.done("CLIENT UNPAUSE");
    for waiter in waiters {
        assert_eq!(waiter.five()[0], 1);
    }
    let late: Vec<i64> = aof::effects(server.dir())[2..]
        .iter()
        .map(|effect| i64::try_from(effect.at).unwrap() - ended)
        .collect();
    assert!(late.len() == 2 && late.iter().all(|late| (0..500).contains(late)), "{late:?}");
    assert_no_waiters(&mut conn);
}

#[test]
fn while_all_is_paused_no_waiter_is_admitted() {
    let server = Server::start(&["appendonly yes"]);
    let mut conn = server.connect();
    let (waiters, due) = two(&server, &mut conn);
    let paused = now(&mut conn);
    conn.done("CLIENT PAUSE 500 ALL");
    for waiter in waiters {
        assert_eq!(waiter.five()[0], 1);
    }
    for effect in &aof::effects(server.dir())[2..] {
        let at = i64::try_from(effect.at).unwrap();
        assert!(
            at >= due - 50 && (500..1_500).contains(&(at - paused)),
            "paused at {paused}, admitted at {at}"
        );
    }
    assert_no_waiters(&mut conn);
}

#[test]
fn a_request_during_a_pause_is_held_back() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    conn.done("CLIENT PAUSE 100000 WRITE");
    let late = Waiter::start(&server, "RL.SLIDE k 5 1d WAIT 1h"); // the server itself holds it back
    assert_eq!(conn.info_number("rl_waiting_normal"), 0);
    conn.done("CLIENT UNPAUSE");
    crate::common::wait_until("it stands in line", || conn.info_number("rl_waiting_normal") == 1);
    conn.done("RL.REFUND k 1");
    assert_eq!(late.five()[..3], [1, 5, 0]);
}

#[test]
fn a_wait_ends_during_a_pause_as_at_any_time() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for pause in ["CLIENT PAUSE 100000 WRITE", "CLIENT PAUSE 300 ALL"] {
        conn.done("FLUSHALL");
        conn.done("RL.SLIDE k 1 120ms"); // its turn would come before its wait times out
        let begin = Instant::now();
        let waiter = Waiter::start(&server, "RL.SLIDE k 1 120ms WAIT 200ms");
        conn.done(pause);
        let [allowed, limit, ..] = waiter.five();
        let waited = begin.elapsed();
        assert_eq!([allowed, limit], [0, 1], "{pause}: {waited:?}");
        assert!(waited >= Duration::from_millis(199), "{pause}: {waited:?}");
        conn.done("CLIENT UNPAUSE");
    }
    assert_no_waiters(&mut conn);
}

#[test]
fn a_pause_that_many_wait_through_keeps_no_processor_busy() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let mut waiters = Vec::new();
    for key in 0..50 {
        let line = format!("RL.SLIDE k{key} 1 500ms");
        conn.done(&line);
        waiters.push(Waiter::start(&server, &format!("{line} WAIT 1h")));
    }
    conn.done("CLIENT PAUSE 100000 WRITE");
    let due = now(&mut conn) + 500;
    wait_for_clock(&mut conn, due);
    let busy = super::idle::busy(&mut conn, 700);
    assert!(busy < 100, "{busy} thousandths of a processor, while it is the turn of all");
    conn.done("CLIENT UNPAUSE");
    for waiter in waiters {
        assert_eq!(waiter.five()[0], 1);
    }
}
