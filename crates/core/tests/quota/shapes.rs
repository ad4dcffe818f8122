//! A key whose limits change: what was used stays, by the name of the limit.

use proptest::prelude::*;

use crate::common::{begin, cases, steps};
use crate::history::{Mix, play, shapes};
use crate::key::Key;
use crate::plain::{limits, remaining};

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn clients_with_different_limits_are_answered_as_if_each_limit_had_its_own_key(
        shapes in shapes(), begin in begin(), history in steps(40),
    ) {
        play(&shapes, &history, begin, Mix { reserve: 40, settle: 0, renew: 0, excess: false, patience: 2 });
    }

    #[test]
    fn a_reservation_settles_what_it_took_of_each_limit_whichever_are_in_force(
        shapes in shapes(), begin in begin(), history in steps(40),
    ) {
        play(&shapes, &history, begin, Mix { reserve: 110, settle: 80, renew: 16, excess: false, patience: 2 });
    }

    #[test]
    fn what_was_used_beyond_an_estimate_counts_whichever_limits_are_in_force(
        shapes in shapes(), begin in begin(), history in steps(40),
    ) {
        play(&shapes, &history, begin, Mix { reserve: 110, settle: 80, renew: 16, excess: true, patience: 2 });
    }
}

const DAILY: &str = "LIMIT keeps 1000 1d UNIT tokens";

#[test]
fn what_was_used_beyond_an_estimate_counts_for_a_limit_that_is_not_in_force_and_was_full_again() {
    let (both, one) = (limits(&format!("LIMIT a 10 1 UNIT tokens BUCKET 100 {DAILY}")), limits(DAILY));
    let mut key = Key::default();
    key.take(&both, 10, Some((b"r", 60_000)), 0);
    key.take(&one, 1, None, 5_000);
    assert!(key.used(b"r", 60, 5_000));
    assert_eq!(key.left(&both, 5_000), [50, 939]);
}

#[test]
fn the_first_answer_is_repeated_also_for_a_limit_that_is_not_in_force_and_counts_nothing_any_more() {
    let (both, one) = (limits(&format!("LIMIT a 10 1 UNIT tokens {DAILY}")), limits(DAILY));
    let mut key = Key::default();
    let first = key.ask(&both, 10, Some((b"r", 60_000)), 0);
    key.take(&one, 1, None, 5_000);
    let again = key.ask(&both, 10, Some((b"r", 60_000)), 5_000);
    assert_eq!(remaining(&again), remaining(&first));
}

#[test]
fn a_limit_that_comes_back_longer_counts_what_it_was_asked_with() {
    let short = limits(&format!("LIMIT a 20 1 UNIT tokens {DAILY}"));
    let long = limits(&format!("LIMIT a 20 60 UNIT tokens {DAILY}"));
    let mut key = Key::default();
    key.take(&short, 10, None, 0);
    key.take(&limits(DAILY), 1, None, 500);
    let answered = key.take(&long, 1, None, 5_000);
    assert_eq!(key.left(&long, 5_000), answered);
}

#[test]
fn a_name_that_counts_reservations_for_a_while_still_knows_what_it_counted_over_time() {
    let rate = limits("LIMIT a 10 60 UNIT tokens");
    let in_flight = limits(&format!("LIMIT a 10 INFLIGHT {DAILY}"));
    let mut key = Key::default();
    key.take(&rate, 10, None, 0);
    assert_eq!(key.take(&in_flight, 1, Some((b"r", 9_000)), 1), [9, 999]);
    assert_eq!(key.left(&rate, 2), [0]);
    assert_eq!(key.left(&in_flight, 2), [9, 999]);
}
