//! RL.SLIDE: in every interval of length `window`, the admitted cost is at most `limit`.

use crate::common::Server;
use crate::common::clock::{ahead, judged};

#[test]
fn the_limit_is_admitted_and_not_one_more() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for left in (0..5).rev() {
        assert_eq!(conn.ask("RL.SLIDE k 5 1h").five()[..4], [1, 5, left, 0]);
    }
    let [allowed, limit, remaining, retry, reset] = conn.ask("RL.SLIDE k 5 1h").five();
    assert_eq!([allowed, limit, remaining], [0, 5, 0]);
    assert!(0 < retry && retry <= reset && reset <= 3_600_000, "{retry} {reset}");
}

#[test]
fn an_admission_counts_for_the_window_and_not_a_millisecond_longer() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    conn.apply("k", &format!("slide {begin} 3 4 300"));
    conn.apply("k", &format!("slide {} 1 4 300", begin + 299));
    let denied = judged(&mut conn, "RL.SLIDE k 4 300ms");
    assert!(!denied.allowed);
    assert_eq!(denied.retry_at(), begin + 300);
    conn.apply("k", &format!("slide {} 1 4 300", begin + 300));
    let admitted = judged(&mut conn, "RL.SLIDE k 4 300ms COST 2");
    assert!(admitted.allowed, "the three have left the window");
    assert_eq!(admitted.remaining, 0);
    assert_eq!(admitted.reset_at(), begin + 600);
}

#[test]
fn a_denial_tells_when_enough_has_left_for_its_own_cost() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    for (after, cost) in [(0, 3), (100, 1), (200, 1)] {
        conn.apply("k", &format!("slide {} {cost} 5 1000", begin + after));
    }
    for (cost, leaves) in [(1, 0), (3, 0), (4, 100), (5, 200)] {
        let denied = judged(&mut conn, &format!("RL.SLIDE k 5 1 COST {cost}"));
        assert!(!denied.allowed);
        assert_eq!(denied.remaining, 0);
        assert_eq!(denied.retry_at(), begin + leaves + 1_000, "cost {cost}");
        assert_eq!(denied.reset_at(), begin + 1_200);
    }
}

#[test]
fn a_cost_above_the_limit_can_never_fit_and_uses_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    assert_eq!(conn.ask("RL.SLIDE k 5 60 COST 6").five(), [0, 5, 5, -1, 0]);
    assert_eq!(conn.ask("EXISTS k").int(), 0);
    assert_eq!(conn.ask("RL.SLIDE k 5 60 COST 5").five(), [1, 5, 0, 0, 60_000]);
    assert_eq!(conn.ask("RL.SLIDE k 5 60 COST 6").five()[..4], [0, 5, 0, -1]);
}

#[test]
fn a_cost_of_nothing_probes() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    assert_eq!(conn.ask("RL.SLIDE k 5 60 COST 0").five(), [1, 5, 5, 0, 0]);
    assert_eq!(conn.ask("EXISTS k").int(), 0);
    conn.done("RL.SLIDE k 5 1h COST 5");
    assert_eq!(conn.ask("RL.SLIDE k 5 1h COST 0").five()[..4], [1, 5, 0, 0]);
}

#[test]
fn the_largest_limit_and_cost_are_counted_exactly() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let most = 9_007_199_254_740_991;
    let request = format!("RL.SLIDE k {most} 3650d COST");
    assert_eq!(conn.ask(&format!("{request} {}", most - 1)).five(), [1, most, 1, 0, 315_360_000_000]);
    assert_eq!(conn.ask(&format!("{request} 2")).five()[..3], [0, most, 1]);
    assert_eq!(conn.ask(&format!("{request} 1")).five()[..4], [1, most, 0, 0]);
    assert_eq!(conn.ask("RL.SLIDE ms 1 1ms").five(), [1, 1, 0, 0, 1]);
}

#[test]
fn what_was_used_carries_over_when_the_limit_changes() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 10 1h COST 8");
    let [allowed, limit, remaining, retry, reset] = conn.ask("RL.SLIDE k 5 1h").five();
    assert_eq!([allowed, limit, remaining], [0, 5, 0], "a lower limit applies at once");
    assert!(0 < retry && retry <= reset);
    assert_eq!(conn.ask("RL.PEEK k").five()[..3], [1, 10, 2], "a denied request leaves the parameters alone");
    assert_eq!(conn.ask("RL.SLIDE k 20 1h").five()[..3], [1, 20, 11]);
    assert_eq!(conn.ask("RL.PEEK k").five()[..3], [1, 20, 11]);
}

#[test]
fn a_longer_window_counts_what_a_shorter_one_admitted() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    conn.apply("k", &format!("slide {begin} 5 10 60000"));
    for second in 1..=4 {
        conn.apply("k", &format!("slide {} 1 1 1000", begin + second * 1_000));
    }
    let denied = judged(&mut conn, "RL.SLIDE k 10 60 COST 2");
    assert_eq!((denied.allowed, denied.remaining), (false, 1), "nine are in the last minute");
    assert_eq!(denied.retry_at(), begin + 60_000);
    assert!(judged(&mut conn, "RL.SLIDE k 10 60").allowed);
    assert!(!judged(&mut conn, "RL.SLIDE k 1 1").allowed);
    assert_eq!(judged(&mut conn, "RL.SLIDE k 10 60").remaining, 0);
}

#[test]
fn so_it_does_when_three_take_turns() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    conn.apply("k", &format!("slide {begin} 10 10 86400000"));
    conn.apply("k", &format!("slide {} 1 10 1000", begin + 2_000));
    conn.apply("k", &format!("slide {} 1 10 2000", begin + 4_000));
    assert!(!judged(&mut conn, "RL.SLIDE k 10 1d").allowed, "twelve are in this day");
}

#[test]
fn the_clock_of_a_key_never_runs_backwards() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    conn.apply("k", &format!("slide {begin} 1 3 1000"));
    conn.done("RL.SLIDE k 3 1");
    conn.apply("k", &format!("slide {} 1 3 1000", begin - 5_000));
    let denied = judged(&mut conn, "RL.SLIDE k 3 1");
    assert!(!denied.allowed);
    assert_eq!(denied.retry_at(), begin + 1_000);
    assert_eq!(denied.reset_at(), begin + 1_000);
}
