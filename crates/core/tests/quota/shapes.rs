//! Tests a key whose limits change: what was used stays, by the name of the limit.

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
        play(&shapes, &history, begin, Mix { reserve: 40, settle: 0, renew: 0, excess: false, ttl_windows: 2 });
    }

    #[test]
    fn a_reservation_settles_what_it_took_of_each_limit_whichever_are_in_force(
        shapes in shapes(), begin in begin(), history in steps(40),
    ) {
        play(&shapes, &history, begin, Mix { reserve: 110, settle: 80, renew: 16, excess: false, ttl_windows: 2 });
    }

    #[test]
    fn what_was_used_beyond_an_estimate_counts_whichever_limits_are_in_force(
        shapes in shapes(), begin in begin(), history in steps(40),
    ) {
        play(&shapes, &history, begin, Mix { reserve: 110, settle: 80, renew: 16, excess: true, ttl_windows: 2 });
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

const SLIDE: &str = "LIMIT a 10 60 UNIT tokens";
const LARGE: &str = "LIMIT a 1000000 1 UNIT tokens BUCKET 1000000";
const WINDOW: &str = "LIMIT a 1000000 1d UNIT tokens WINDOW";

#[test]
fn a_limit_that_comes_back_to_its_algorithm_knows_all_that_was_admitted_meanwhile() {
    let [slide, bucket, window] = [SLIDE, LARGE, WINDOW].map(limits);
    let mut key = Key::default();
    (0..10).for_each(|ms| drop(key.take(&slide, 1, None, ms)));
    key.take(&bucket, 1, None, 10);
    assert!(!key.ask(&slide, 1, None, 11).allowed());
    assert_eq!(key.left(&slide, 60_000), [0], "what the bucket was asked for counts as well");
    assert_eq!(key.left(&slide, 60_001), [1]);
    key.take(&window, 3, None, 20);
    key.take(&bucket, 5, None, 60_000);
    assert_eq!(key.take(&slide, 0, None, 60_009), [1], "of 3 and 5 that others took");
    assert_eq!(key.left(&slide, 60_010), [2]);
}

#[test]
fn an_algorithm_whose_state_has_aged_out_takes_over_what_the_one_in_force_has_counted() {
    let [slide, day] = [SLIDE, "LIMIT a 20 1d UNIT tokens WINDOW"].map(limits);
    let mut key = Key::default();
    key.take(&slide, 10, None, 0);
    key.take(&day, 1, None, 1);
    key.take(&day, 1, None, 60_000);
    key.take(&day, 1, None, 120_000);
    assert_eq!(key.left(&slide, 120_000), [0], "13 since the day began");
    assert_eq!(key.left(&slide, 180_000), [10]);
}

#[test]
fn a_reservation_is_settled_with_each_algorithm_that_counts_it() {
    let [slide, window] = ["LIMIT a 100 60 UNIT tokens", "LIMIT a 100 1d UNIT tokens WINDOW"].map(limits);
    let mut key = Key::default();
    key.take(&slide, 50, Some((b"r", 600_000)), 0);
    assert_eq!(key.take(&window, 20, Some((b"s", 600_000)), 1), [30]);
    assert!(key.used(b"r", 40, 2));
    assert_eq!(key.left(&window, 2), [30], "closed: it was made by the other one");
    assert_eq!(key.left(&slide, 2), [40]);
    assert!(key.used(b"s", 0, 3));
    assert_eq!((key.left(&window, 3), key.left(&slide, 3)), (vec![50], vec![60]), "open on both");
}

#[test]
fn what_was_used_beyond_an_estimate_counts_by_each_algorithm() {
    let [slide, window] = ["LIMIT a 100 60 UNIT tokens", "LIMIT a 100 1d UNIT tokens WINDOW"].map(limits);
    let mut key = Key::default();
    key.take(&slide, 50, Some((b"r", 600_000)), 0);
    key.take(&window, 20, Some((b"s", 600_000)), 1);
    assert!(key.used(b"r", 55, 2));
    assert!(key.used(b"s", 22, 2));
    assert_eq!((key.left(&window, 2), key.left(&slide, 2)), (vec![23], vec![23]));
}

#[test]
fn what_is_charged_along_is_of_the_unit_that_is_asked_for() {
    let tokens = limits("LIMIT a 100 60 UNIT tokens");
    let requests = limits("LIMIT a 100 1d WINDOW");
    let mut key = Key::default();
    key.take(&tokens, 50, Some((b"r", 600_000)), 0);
    assert_eq!(key.take(&requests, 30, Some((b"s", 600_000)), 1), [49]);
    assert!(key.used(b"s", 40, 2), "of tokens it took none");
    assert_eq!((key.left(&tokens, 2), key.left(&requests, 2)), (vec![49], vec![49]));
    assert!(!key.cancel(b"s", 3) && key.cancel(b"r", 3));
    assert_eq!((key.left(&tokens, 3), key.left(&requests, 3)), (vec![49], vec![49]));
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

#[test]
fn a_denied_request_does_not_bring_its_limits_into_force() {
    let (wide, narrow) =
        (limits("LIMIT a 10 60 UNIT tokens"), limits("LIMIT a 3 60 UNIT tokens LIMIT b 5 1d"));
    let mut key = Key::default();
    assert_eq!(key.take(&wide, 5, None, 0), [5]);
    assert!(!key.ask(&narrow, 1, None, 1).allowed());
    assert_eq!(key.quota().unwrap().shape(), &wide);
    assert_eq!(key.take(&narrow, 0, None, 2), [0, 4]);
    assert_eq!(key.quota().unwrap().shape(), &narrow);
}
