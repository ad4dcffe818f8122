//! The end of a reservation admits the waiters for what it held.

use super::median;
use crate::common::conn::words;
use crate::common::quota::{Answer, Event, entries};
use crate::common::waiting::{assert_no_waiters, still};
use crate::common::{Conn, Server, Waiter};

/// A request for the only slot, and for some tokens.
const REQUEST: &str = "RL.QUOTA k LIMIT open 1 INFLIGHT LIMIT t 9 1d UNIT tokens COST tokens 3 RESERVE";

fn reserve(conn: &mut Conn, ttl: &str, id: &str) {
    assert!(conn.quota(&format!("{REQUEST} {ttl} ID {id}")).allowed);
}

fn wait(server: &Server, id: &str) -> Waiter {
    Waiter::start(server, &format!("{REQUEST} 1h ID {id} WAIT 1h"))
}

#[test]
fn a_slot_that_is_settled_or_cancelled_goes_to_the_next_at_once() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    reserve(&mut conn, "1h", "r0");
    let waiters = ["r1", "r2"].map(|id| wait(&server, id));
    assert_eq!(conn.ask("RL.SETTLE k r0 COST tokens 3").int(), 1);
    assert_eq!(still(&waiters, &mut conn), [1]);
    assert_eq!(conn.ask("RL.CANCEL k r1").int(), 1);
    assert_eq!(still(&waiters, &mut conn), [0; 0]);
    assert_eq!((conn.used("k"), conn.open("k")), (vec![1, 6], 1));
}

#[test]
fn unused_cost_of_a_reservation_admits_waiters() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let request = "RL.QUOTA k LIMIT t 9 1d UNIT tokens";
    conn.done(&format!("{request} COST tokens 9 RESERVE 1h ID r"));
    let waiters = [4, 4].map(|cost| Waiter::start(&server, &format!("{request} COST tokens {cost} WAIT 1h")));
    conn.done("RL.SETTLE k r COST tokens 5");
    assert_eq!(still(&waiters, &mut conn), [1]);
    assert_eq!(conn.ask("RL.SETTLE k r COST tokens 0").int(), 0, "it was settled");
    assert_eq!(still(&waiters, &mut conn), [1]);
}

#[test]
fn a_reservation_that_runs_out_frees_its_slot_on_time() {
    let server = Server::start(&["appendonly yes"]);
    let request = "RL.QUOTA k LIMIT open 1 INFLIGHT RESERVE 40ms";
    let mut clients: Vec<Conn> = (0..15).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(&words(&format!("{request} WAIT 1h")));
        client.flush().unwrap();
    }
    for client in &mut clients {
        assert!(Answer::of(&client.receive()).allowed);
    }
    let moments: Vec<i64> = entries(server.dir())
        .into_iter()
        .filter_map(|entry| match entry.event {
            Event::Admitted { at, .. } => i64::try_from(at).ok(),
            _ => None,
        })
        .collect();
    assert_eq!(moments.len(), 15);
    let late: Vec<i64> = moments.windows(2).map(|pair| pair[1] - pair[0] - 40).collect();
    assert!(late.iter().all(|late| *late >= 0) && median(late.clone()) <= 8, "{late:?}");
}

#[test]
fn a_reservation_that_is_renewed_is_waited_for_until_it_then_runs_out() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    reserve(&mut conn, "1h", "r0");
    let first = wait(&server, "r1");
    conn.done("RL.RENEW k r0 80ms"); // sooner than before
    assert!(Answer::of(&first.answer()).allowed);

    conn.done("RL.RENEW k r1 300ms");
    let second = wait(&server, "r2");
    conn.done("RL.RENEW k r1 1h"); // later than the timer was set for
    let later = crate::common::clock::now(&mut conn) + 350;
    crate::common::wait_for_clock(&mut conn, later);
    assert!(second.waits(&mut conn));
    conn.done("RL.CANCEL k r1");
    assert!(Answer::of(&second.answer()).allowed);
}

#[test]
fn two_waiters_with_one_id_are_one_request() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    reserve(&mut conn, "1h", "r0");
    let same = [wait(&server, "x"), wait(&server, "x")];
    let other = wait(&server, "y");
    conn.done("RL.CANCEL k r0");
    let [first, second] = same.map(|waiter| Answer::of(&waiter.answer()));
    assert!(first.allowed);
    assert_eq!(second, first, "it is answered once more");
    assert_eq!((conn.used("k"), conn.open("k")), (vec![1, 3], 1), "and charged once");
    assert!(other.waits(&mut conn));
    assert_eq!(conn.info_number("rl_quota_repeated"), 1);
    assert_eq!(conn.info_number("rl_quota_admitted"), 2);
}

#[test]
fn a_repeated_admission_passes_waiters() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    reserve(&mut conn, "1h", "r0");
    let waiter = wait(&server, "r1");
    assert!(conn.quota(&format!("{REQUEST} 1h ID r0 WAIT 1h")).allowed);
    assert!(waiter.waits(&mut conn));
    assert_eq!(conn.open("k"), 1);
}

#[test]
fn a_waiter_whose_id_gets_reserved_is_answered_on_its_turn() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    reserve(&mut conn, "1h", "r0");
    let waiter = wait(&server, "x");
    // A request in a higher lane has the same id and gets the slot.
    let higher = Waiter::start(&server, &format!("{REQUEST} 1h ID x WAIT 1h PRIORITY HIGH"));
    conn.done("RL.CANCEL k r0");
    assert_eq!(Answer::of(&higher.answer()), Answer::of(&waiter.answer()));
    assert_eq!((conn.used("k"), conn.open("k")), (vec![1, 3], 1));
    assert_no_waiters(&mut conn);
}
