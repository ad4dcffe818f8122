//! A limit of 0 admits nobody, and still lets a request pass that takes nothing of it.

use std::sync::Arc;

use rl_core::limit::decision::Retry;
use rl_core::quota::decide::QuotaDecision;
use rl_core::quota::shape::Shape;
use rl_core::value::Value;

use crate::key::Key;
use crate::plain::limits;

const EACH: [&str; 5] = ["0 60", "0 60 WINDOW", "0 1mo WINDOW", "0 60 BUCKET 50", "5 60 BUCKET 0"];

/// Returns a limit of this text that counts tokens, beside one that has room.
fn shape(clause: &str) -> Arc<Shape> {
    limits(&format!("LIMIT none {} UNIT tokens LIMIT some 9 60", clause))
}

fn none(decision: &QuotaDecision) -> (bool, u64, u64, Retry, u64) {
    let row = decision.rows[0];
    (row.allowed, row.limit, row.remaining, row.retry, row.reset_after_ms)
}

#[test]
fn each_algorithm_denies_for_good_and_lets_a_cost_of_0_pass() {
    for clause in EACH {
        let (shape, mut key) = (shape(clause), Key::default());
        let denied = key.ask(&shape, 1, None, 0);
        assert_eq!(none(&denied), (false, 0, 0, Retry::Never, 0), "{clause}");
        assert_eq!(denied.retry().reply(), -1, "{clause}");
        assert!(key.quota().is_none(), "{clause}: a denied request makes no key");
        assert_eq!(none(&key.ask(&shape, 0, None, 0)), (true, 0, 0, Retry::Now, 0), "{clause}");
        assert_eq!(key.left(&shape, 0), [0, 8], "{clause}");
        assert_eq!(key.ask(&shape, 1, None, 1).retry(), Retry::Never, "{clause}");
    }
}

#[test]
fn no_reservation_is_in_flight_under_a_limit_of_0() {
    let (shape, mut key) = (limits("LIMIT none 0 INFLIGHT LIMIT some 9 60"), Key::default());
    let denied = key.ask(&shape, 0, Some((b"id", 100)), 0);
    assert_eq!(none(&denied), (false, 0, 0, Retry::Never, 0));
    // Open reservations do not make it a matter of time.
    let one = limits("LIMIT none 1 INFLIGHT LIMIT some 9 60");
    assert!(key.ask(&one, 0, Some((b"id", 100)), 0).allowed());
    assert_eq!(none(&key.ask(&shape, 0, Some((b"other", 100)), 0)), (false, 0, 0, Retry::Never, 100));
    assert!(key.ask(&one, 0, Some((b"other", 100)), 100).allowed());
}

#[test]
fn a_limit_that_falls_to_0_and_rises_again_keeps_what_was_used() {
    for (zero, five) in [("0 60", "5 60"), ("0 60 WINDOW", "5 60 WINDOW"), ("5 60 BUCKET 0", "5 60 BUCKET 5")]
    {
        let (zero, five, mut key) = (shape(zero), shape(five), Key::default());
        assert_eq!(key.take(&five, 3, None, 0), [2, 8]);
        let denied = key.ask(&zero, 1, None, 0);
        assert_eq!((denied.retry(), denied.rows[0].remaining), (Retry::Never, 0));
        assert_eq!(key.take(&zero, 0, None, 0), [0, 7], "a cost of 0 passes, and puts it in force");
        assert_eq!(key.left(&five, 0), [2, 7]);
    }
}

#[test]
fn keys_and_clauses_with_a_limit_of_0_are_written_and_read() {
    for clause in EACH {
        let (shape, mut key) = (shape(clause), Key::default());
        assert_eq!(key.take(&shape, 0, None, 0), [0, 8], "{clause}");
        let bytes = key.bytes().unwrap();
        assert_eq!(Value::decode(&bytes).map(|again| again.encode()), Some(bytes), "{clause}");
    }
}
