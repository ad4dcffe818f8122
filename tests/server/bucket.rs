//! RL.BUCKET: starts full and gains `refill` tokens per `period`, continuously and without drift.

use crate::common::Server;
use crate::common::clock::{ahead, judged};

#[test]
fn a_bucket_starts_full_and_takes_a_burst_of_its_capacity() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for left in (0..5).rev() {
        assert_eq!(conn.ask("RL.BUCKET k 5 1 1d").five()[..4], [1, 5, left, 0]);
    }
    let [allowed, limit, remaining, retry, reset] = conn.ask("RL.BUCKET k 5 1 1d").five();
    assert_eq!([allowed, limit, remaining], [0, 5, 0]);
    assert!(0 < retry && retry <= 86_400_000, "{retry}");
    assert_eq!(reset - retry, 4 * 86_400_000);
}

#[test]
fn the_period_is_a_second_unless_said() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    assert_eq!(conn.ask("RL.BUCKET a 10 1").five(), [1, 10, 9, 0, 1_000]);
    assert_eq!(conn.ask("RL.BUCKET b 10 1 COST 3").five(), [1, 10, 7, 0, 3_000]);
    assert_eq!(conn.ask("RL.BUCKET c 10 1 1m COST 3").five(), [1, 10, 7, 0, 180_000]);
    assert_eq!(conn.ask("RL.INFO a").get("parameters").get("period_ms").int(), 1_000);
}

#[test]
fn tokens_come_back_one_by_one_at_their_exact_millisecond() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    conn.apply("k", &format!("bucket {begin} 10 10 3 1000"));
    for (cost, after) in [(1, 334), (2, 667), (3, 1_000), (10, 3_334)] {
        let denied = judged(&mut conn, &format!("RL.BUCKET k 10 3 COST {cost}"));
        assert_eq!((denied.allowed, denied.remaining), (false, 0));
        assert_eq!(denied.retry_at(), begin + after, "cost {cost}");
        assert_eq!(denied.reset_at(), begin + 3_334);
    }
}

#[test]
fn a_token_is_there_at_retry_after_and_not_a_millisecond_before() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    for (key, moment, there) in [("early", 333, false), ("right", 334, true)] {
        // An effect without cost does not exist, so a token that was left over for this moves the key's
        // clock.
        conn.apply(key, &format!("bucket {begin} 9 10 3 1000"));
        conn.apply(key, &format!("bucket {} 1 10 3 1000", begin + moment));
        assert_eq!(judged(&mut conn, &format!("RL.BUCKET {key} 10 3")).allowed, there, "{key}");
    }
}

#[test]
fn a_decimal_refill_is_exact() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    assert_eq!(conn.ask("RL.BUCKET a 100 8.33 COST 10").five(), [1, 100, 90, 0, 1_201]); // 1200.48
    assert_eq!(conn.ask("RL.BUCKET b 100 0.1 COST 10").five(), [1, 100, 90, 0, 100_000]);
    assert_eq!(conn.ask("RL.BUCKET c 100 0.1 COST 100").five(), [1, 100, 0, 0, 1_000_000]);
    assert_eq!(conn.ask("RL.BUCKET d 100 2.50 COST 10").five(), [1, 100, 90, 0, 4_000]);
    assert_eq!(conn.ask("RL.INFO d").get("parameters").get("refill").text(), "2.5");
}

#[test]
fn nothing_drifts_however_often_it_is_asked() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    // The refill is one token each third of a second, so the bucket stays as full as it was.
    conn.apply("k", &format!("bucket {begin} 5 10 3 1000"));
    for third in 1..=30_000 {
        conn.send(&["RL.APPLY", "k", &format!("bucket {} 1 10 3 1000", begin + third * 1_000 / 3)]);
    }
    for _ in 1..=30_000 {
        assert!(!conn.receive().is_error());
    }
    let peeked = judged(&mut conn, "RL.PEEK k");
    assert_eq!(peeked.remaining, 5);
    assert_eq!(peeked.reset_at(), begin + 10_000_000 + 1_667);
}

#[test]
fn what_was_used_carries_over_when_the_parameters_change() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    conn.apply("k", &format!("bucket {begin} 8 10 1 1000"));
    assert_eq!(conn.ask("RL.BUCKET k 5 1").five()[..3], [0, 5, 0], "a lower capacity applies at once");
    assert_eq!(conn.ask("RL.PEEK k").five()[..3], [1, 10, 2], "a denied request leaves the parameters alone");
    let faster = judged(&mut conn, "RL.BUCKET k 20 2");
    assert_eq!((faster.allowed, faster.remaining), (true, 11));
    assert_eq!(conn.ask("RL.INFO k").get("parameters").get("refill").text(), "2");
}

#[test]
fn two_refills_in_turn_never_admit_more_than_the_slower_allows() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    conn.apply("k", &format!("bucket {begin} 5 10 1 60000"));
    for second in 1..=4 {
        conn.apply("k", &format!("bucket {} 1 10 10 1000", begin + second * 1_000));
    }
    let slow = judged(&mut conn, "RL.BUCKET k 10 1 60 COST 2");
    assert!(!slow.allowed, "nine of ten were taken within four seconds, and one comes each minute");
    assert!(judged(&mut conn, "RL.BUCKET k 10 1 60").allowed);
}

#[test]
fn nor_do_three_refills_in_turn() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    conn.apply("k", &format!("bucket {begin} 10 10 1 86400000"));
    conn.apply("k", &format!("bucket {} 1 10 10 1000", begin + 2_000));
    conn.apply("k", &format!("bucket {} 1 10 20 1000", begin + 4_000));
    let slow = judged(&mut conn, "RL.BUCKET k 10 1 1d");
    assert!(!slow.allowed, "twelve were taken within four seconds, and one comes each day");
}

#[test]
fn the_largest_capacity_and_refill_are_counted_exactly() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let most = 9_007_199_254_740_991;
    assert_eq!(conn.ask(&format!("RL.BUCKET k {most} 1 1d COST {}", most - 1)).five()[..4], [1, most, 1, 0]);
    assert_eq!(conn.ask(&format!("RL.BUCKET k {most} 1 1d COST 2")).five()[..3], [0, most, 1]);
    assert_eq!(conn.ask(&format!("RL.BUCKET r {most} {most} 1 COST {most}")).five(), [1, most, 0, 0, 1_000]);
    let once_in_ten_years = conn.ask("RL.BUCKET s 1 1 3650d").five();
    assert_eq!(once_in_ten_years, [1, 1, 0, 0, 315_360_000_000]);
}

#[test]
fn a_cost_above_the_capacity_can_never_fit_and_one_of_nothing_probes() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    assert_eq!(conn.ask("RL.BUCKET k 5 1 COST 6").five(), [0, 5, 5, -1, 0]);
    assert_eq!(conn.ask("RL.BUCKET k 5 1 COST 0").five(), [1, 5, 5, 0, 0]);
    assert_eq!(conn.ask("EXISTS k").int(), 0);
}
