//! Tests that after settling, a limit is as if the actual cost had been charged at first.

use proptest::prelude::*;
use rl_core::fault::Fault;
use rl_core::limit::decision::Retry;
use rl_core::number::COUNT_MAX;

use crate::common::{TODAY, at, begin, cases, steps};
use crate::history::{Mix, buckets, play, shapes};
use crate::key::{Ask, Key, costs};
use crate::plain::{limits, remaining};

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn what_is_settled_below_its_estimate_is_as_if_only_that_had_been_charged(
        shapes in shapes(), begin in begin(), history in steps(40),
    ) {
        play(&shapes[..1], &history, begin, Mix { reserve: 110, settle: 80, renew: 16, excess: false, ttl_windows: 2 });
    }

    #[test]
    fn a_bucket_is_as_if_it_had_been_charged_what_was_used_whatever_is_settled_in_which_order(
        shapes in buckets(), begin in begin(), history in steps(60), excess in any::<bool>(),
    ) {
        play(&shapes, &history, begin, Mix { reserve: 150, settle: 90, renew: 0, excess, ttl_windows: 40 });
    }

    #[test]
    fn what_is_settled_above_its_estimate_is_charged_where_it_was_reserved_and_a_bucket_at_once(
        shapes in shapes(), begin in begin(), history in steps(40),
    ) {
        play(&shapes[..1], &history, begin, Mix { reserve: 110, settle: 80, renew: 16, excess: true, ttl_windows: 2 });
    }
}

/// A minute in ms. `TODAY` is the start of an hour, and so of a minute.
const MINUTE: u64 = 60_000;

#[test]
fn a_sliding_window_gets_back_what_was_not_used_until_it_has_aged_out() {
    let shape = limits("LIMIT a 100 60 UNIT tokens LIMIT keeps 1000 1d UNIT tokens");
    let mut key = Key::default();
    assert_eq!(key.take(&shape, 60, Some((b"r", 2 * MINUTE)), 0)[0], 40);
    assert_eq!(key.take(&shape, 10, Some((b"s", 2 * MINUTE)), 30_000)[0], 30);
    assert!(key.used(b"r", 20, MINUTE - 1));
    assert_eq!(key.left(&shape, MINUTE - 1)[0], 70);
    assert_eq!(key.left(&shape, MINUTE)[0], 90, "what was used went with the estimate");
    assert!(key.used(b"s", 90, MINUTE));
    assert_eq!(key.left(&shape, MINUTE)[0], 10, "80 more, at the instant of the reservation");
    assert_eq!(key.left(&shape, 30_000 + MINUTE)[0], 100);
}

#[test]
fn a_fixed_window_gets_back_only_what_was_reserved_in_it() {
    let shape = limits("LIMIT a 100 60 UNIT tokens WINDOW LIMIT keeps 1000 1d UNIT tokens");
    let begin = MINUTE - TODAY % MINUTE;
    let mut key = Key::default();
    key.take(&shape, 60, Some((b"r", 2 * MINUTE)), begin);
    key.take(&shape, 10, Some((b"s", 2 * MINUTE)), begin + 1);
    assert!(key.used(b"r", 0, begin + MINUTE - 1));
    assert_eq!(key.left(&shape, begin + MINUTE - 1)[0], 90);
    assert_eq!(key.take(&shape, 5, None, begin + MINUTE)[0], 95);
    assert!(key.used(b"s", 0, begin + MINUTE));
    assert_eq!(key.left(&shape, begin + MINUTE), [95, 995]);
}

#[test]
fn a_bucket_gets_back_what_it_would_not_have_gained_meanwhile() {
    let shape = limits("LIMIT a 1 1 UNIT tokens BUCKET 10 LIMIT keeps 1000 1d UNIT tokens");
    let mut key = Key::default();
    key.take(&shape, 10, Some((b"r", MINUTE)), 0);
    key.take(&shape, 2, Some((b"s", MINUTE)), 4_000); // 8 missing
    assert!(key.used(b"r", 3, 4_000));
    // If only 3 had been taken, the bucket would have been full after 3 s.
    assert_eq!(key.left(&shape, 4_000)[0], 8);
    assert!(key.cancel(b"s", 4_000));
    assert_eq!(key.left(&shape, 4_000)[0], 10);
}

#[test]
fn what_was_used_beyond_the_estimate_counts_even_past_the_limit() {
    let all = limits(
        "LIMIT s 100 60 UNIT tokens LIMIT w 100 1h UNIT tokens WINDOW LIMIT b 1 1 UNIT tokens BUCKET 100",
    );
    let mut key = Key::default();
    key.take(&all, 10, Some((b"r", MINUTE)), 0);
    assert!(key.used(b"r", 150, 10_000));
    assert_eq!(key.left(&all, 10_000), [0, 0, 0]);
    let denied = key.ask(&all, 1, None, 10_000);
    let hour = 60 * MINUTE;
    let retries = denied.rows.iter().map(|row| row.retry).collect::<Vec<_>>();
    assert_eq!(
        retries,
        [Retry::After(50_000), Retry::After(hour - TODAY % hour - 10_000), Retry::After(41_000)]
    );
}

#[test]
fn a_reservation_is_over_exactly_at_the_end_of_its_ttl_and_its_estimate_stays() {
    let shape = limits("LIMIT a 100 1h UNIT tokens");
    let mut key = Key::default();
    key.take(&shape, 60, Some((b"r", 1_000)), 0);
    assert!(!key.used(b"r", 0, 1_000), "too late");
    assert!(!key.cancel(b"r", 1_000) && !key.renew(b"r", 5, TODAY + 1_000));
    assert_eq!(key.left(&shape, 1_000), [40]);
    assert_eq!(key.take(&shape, 30, Some((b"r", 1_000)), 1_000), [10], "its id can be used again");
    assert!(key.renew(b"r", 5_000, TODAY + 1_999));
    assert!(key.used(b"r", 0, 6_998), "renewed from then on");
    assert_eq!(key.left(&shape, 6_998), [40]);
    assert!(!key.used(b"r", 0, 6_998) && !key.cancel(b"r", 6_998));
}

#[test]
fn the_same_id_is_answered_once_more_while_it_is_open() {
    let shape = limits("LIMIT a 100 1h UNIT tokens LIMIT n 2 INFLIGHT");
    let mut key = Key::default();
    let first = key.ask(&shape, 60, Some((b"r", 1_000)), 0);
    assert_eq!(remaining(&first), [40, 1]);
    key.take(&shape, 10, Some((b"s", 1_000)), 10);
    let again = key.ask(&shape, 99, Some((b"r", 5_000)), 20);
    assert_eq!((remaining(&again), again.allowed()), (remaining(&first), true));
    assert_eq!(key.left(&shape, 20), [30, 0], "nothing more was taken");
}

#[test]
fn units_that_are_not_named_stay_as_they_were_charged() {
    let shape = limits("LIMIT r 10 60 LIMIT t 100 60 UNIT tokens LIMIT b 100 60 UNIT bytes");
    let mut key = Key::default();
    let ask = Ask { costs: costs(&[(b"tokens", 50), (b"bytes", 7)]), reserve: Some((b"r", 1_000)) };
    assert_eq!(remaining(&key.request(&shape, &ask, TODAY).unwrap()), [9, 50, 93]);
    assert!(key.settle(b"r", Some(&costs(&[(b"tokens", 1), (b"other", 5)])), TODAY));
    assert_eq!(key.left(&shape, 0), [9, 99, 93]);
}

#[test]
fn slots_are_free_when_settled_or_when_their_time_is_over() {
    let shape = limits("LIMIT n 2 INFLIGHT LIMIT a 100 1h UNIT tokens");
    let mut key = Key::default();
    let plain = Ask { costs: costs(&[]), reserve: None };
    assert_eq!(key.request(&shape, &plain, TODAY), Err(Fault::NeedsReserve));
    key.take(&shape, 1, Some((b"r", 5_000)), 0);
    key.take(&shape, 1, Some((b"s", 3_000)), 0);
    let denied = key.ask(&shape, 1, Some((b"t", 1_000)), 1_000);
    assert_eq!((denied.retry(), denied.rows[0].reset_after_ms), (Retry::After(2_000), 4_000));
    assert_eq!(remaining(&denied), [0, 98], "a denied one takes nothing of any limit");
    assert!(key.renew(b"s", 9_000, TODAY + 1_000));
    let denied = key.ask(&shape, 1, Some((b"t", 1_000)), 1_000);
    assert_eq!((denied.retry(), denied.rows[0].reset_after_ms), (Retry::After(4_000), 9_000));
    assert!(key.cancel(b"s", 1_000));
    assert_eq!(key.take(&shape, 1, Some((b"t", 1_000)), 1_000), [0, 98]);
    // A lowered limit waits until all excess reservations are gone.
    let lower = limits("LIMIT n 1 INFLIGHT LIMIT a 100 1h UNIT tokens");
    assert_eq!(key.ask(&lower, 1, Some((b"u", 1_000)), 1_500).retry(), Retry::After(3_500));
}

#[test]
fn a_clock_that_steps_back_frees_no_slot_and_is_waited_for() {
    let shape = limits("LIMIT n 1 INFLIGHT LIMIT a 1 60 UNIT tokens");
    let mut key = Key::default();
    key.take(&shape, 1, Some((b"r", 5_000)), 10_000);
    let denied = key.ask(&shape, 1, Some((b"s", 5_000)), 4_000);
    let retries = denied.rows.iter().map(|row| row.retry).collect::<Vec<_>>();
    assert_eq!(retries, [Retry::After(11_000), Retry::After(66_000)]);
    assert!(key.used(b"r", 0, 4_000), "in the key's own time");
    assert_eq!(key.left(&shape, 4_000), [1, 1]);
}

#[test]
fn a_key_that_holds_nothing_any_more_stays_for_its_longest_window_and_lives_on() {
    for (shape, ttl, expires) in [
        ("LIMIT a 100 60 UNIT tokens LIMIT n 2 INFLIGHT", 5 * MINUTE, 67_500),
        ("LIMIT n 2 INFLIGHT", 5 * MINUTE, 2_000),
        ("LIMIT n 2 INFLIGHT", 10, 1_000),
    ] {
        let mut key = Key::default();
        key.take(&limits(shape), 1, Some((b"r", ttl)), 0);
        assert!(key.cancel(b"r", 5));
        assert_eq!(key.expires(), TODAY + expires, "{shape}");
    }
}

#[test]
fn used_cost_is_a_number_for_every_client() {
    let shape =
        limits(&format!("LIMIT a {COUNT_MAX} 1h UNIT tokens LIMIT b 1 1h UNIT tokens BUCKET {COUNT_MAX}"));
    let mut key = Key::default();
    for id in [b"r", b"s"] {
        key.take(&shape, 1, Some((id, MINUTE)), 0);
    }
    assert!(key.used(b"r", COUNT_MAX, 1) && key.used(b"s", COUNT_MAX, 1));
    let used = |index| key.quota().unwrap().used(&shape, index, at(TODAY + 1));
    assert_eq!([used(0), used(1)], [COUNT_MAX; 2]);
}

const IDS: &[u8; 75] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&()*+,-./";

#[test]
fn refund_floors_of_settled_reservations_leave_nothing() {
    let shape = limits("LIMIT a 1 1d UNIT tokens BUCKET 1000 LIMIT n 1000 INFLIGHT");
    let mut key = Key::default();
    let ids: Vec<&[u8]> = IDS.chunks(1).collect();
    ids[..74].iter().for_each(|id| drop(key.take(&shape, 1, Some((id, 9)), 0)));
    assert!(ids[..73].iter().all(|id| key.used(id, 1, 0)));
    // Encodes the state, and decodes it again.
    assert_eq!(key.take(&shape, 0, Some((ids[74], 9)), 0), [926, 998]);
}
