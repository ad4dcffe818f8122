//! RL.WINDOW: fixed windows aligned to the clock and shifted by OFFSET, or calendar months.

use crate::common::Server;
use crate::common::clock::{ahead, judged};

const DAY: i64 = 86_400_000;

#[test]
fn the_limit_is_admitted_and_not_one_more() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for left in (0..5).rev() {
        assert_eq!(conn.ask("RL.WINDOW k 5 3650d").five()[..4], [1, 5, left, 0]);
    }
    let [allowed, limit, remaining, retry, reset] = conn.ask("RL.WINDOW k 5 3650d").five();
    assert_eq!([allowed, limit, remaining], [0, 5, 0]);
    assert!(0 < retry && retry == reset, "{retry} {reset}");
}

#[test]
fn windows_end_where_the_clock_says() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for (key, window, length) in [("d", "1d", DAY), ("h", "1h", 3_600_000), ("w", "7d", 7 * DAY)] {
        let admitted = judged(&mut conn, &format!("RL.WINDOW {key} 5 {window}"));
        assert_eq!(admitted.reset_at(), (admitted.now / length + 1) * length, "{window}");
    }
}

#[test]
fn an_offset_moves_them_forwards_and_a_negative_one_backwards() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for (key, offset, ms) in
        [("a", "8h", 28_800_000), ("b", "-5h", -18_000_000), ("c", "0", 0), ("d", "-30m", -1_800_000)]
    {
        let admitted = judged(&mut conn, &format!("RL.WINDOW {key} 5 1d OFFSET {offset}"));
        let begin = (admitted.now - ms).div_euclid(DAY) * DAY + ms;
        assert_eq!(admitted.reset_at(), begin + DAY, "OFFSET {offset}");
    }
}

#[test]
fn a_window_forgets_the_one_before_at_its_first_millisecond() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    conn.apply("k", &format!("window {begin} 3 4 1000 0"));
    conn.apply("k", &format!("window {} 1 4 1000 0", begin + 999));
    let denied = judged(&mut conn, "RL.WINDOW k 4 1");
    assert!(!denied.allowed);
    assert_eq!((denied.retry_at(), denied.reset_at()), (begin + 1_000, begin + 1_000));
    conn.apply("k", &format!("window {} 1 4 1000 0", begin + 1_000));
    let admitted = judged(&mut conn, "RL.WINDOW k 4 1 COST 3");
    assert_eq!((admitted.allowed, admitted.remaining), (true, 0));
    assert_eq!(admitted.reset_at(), begin + 2_000);
}

#[test]
fn a_month_is_a_calendar_month_in_utc() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    // 2048-02-10, 2049-02-28T23:59:59.999, 2050-12-31, 2051-01-01
    for (at, end) in [
        (2_464_905_600_000_i64, 2_466_633_600_000),
        (2_498_169_599_999, 2_498_169_600_000),
        (2_556_057_600_000, 2_556_144_000_000),
        (2_556_144_000_000, 2_558_822_400_000),
    ] {
        let key = format!("at:{at}");
        conn.apply(&key, &format!("window {at} 1 5 1mo 0"));
        let peeked = judged(&mut conn, &format!("RL.PEEK {key}"));
        assert_eq!(peeked.reset_at(), end, "a month that contains {at}");
        let admitted = judged(&mut conn, &format!("RL.WINDOW {key} 5 1mo"));
        assert_eq!((admitted.remaining, admitted.reset_at()), (3, end));
    }
}

#[test]
fn an_offset_moves_months_too() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let march = 2_466_633_600_000_i64; // 2048-03-01
    for (key, offset) in [("later", 9 * 3_600_000), ("earlier", -5 * 3_600_000)] {
        conn.apply(key, &format!("window {} 1 5 1mo {offset}", march + offset - 1));
        assert_eq!(judged(&mut conn, &format!("RL.PEEK {key}")).reset_at(), march + offset);
        conn.apply(key, &format!("window {} 1 5 1mo {offset}", march + offset));
        let peeked = judged(&mut conn, &format!("RL.PEEK {key}"));
        assert_eq!(peeked.reset_at(), march + 31 * DAY + offset, "{key}");
        assert_eq!(peeked.remaining, 4);
    }
}

#[test]
fn a_month_by_the_servers_clock_ends_within_thirty_one_days() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let [allowed, limit, remaining, retry, reset] = conn.ask("RL.WINDOW k 5 1mo OFFSET -8h COST 2").five();
    assert_eq!([allowed, limit, remaining, retry], [1, 5, 3, 0]);
    assert!(0 < reset && reset <= 31 * DAY, "{reset}");
}

#[test]
fn what_was_used_carries_over_when_the_limit_changes() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.WINDOW k 10 3650d COST 8");
    assert_eq!(conn.ask("RL.WINDOW k 5 3650d").five()[..3], [0, 5, 0], "a lower limit applies at once");
    assert_eq!(conn.ask("RL.PEEK k").five()[..3], [1, 10, 2], "a denied request leaves the parameters alone");
    assert_eq!(conn.ask("RL.WINDOW k 20 3650d").five()[..3], [1, 20, 11]);
}

#[test]
fn a_longer_window_counts_what_a_shorter_one_admitted() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    conn.apply("k", &format!("window {begin} 5 10 60000 0"));
    conn.apply("k", &format!("window {} 1 1 1000 0", begin + 1_000));
    conn.apply("k", &format!("window {} 1 1 1000 0", begin + 2_000));
    assert!(!judged(&mut conn, "RL.WINDOW k 10 60 COST 4").allowed, "seven are in this minute");
    assert!(judged(&mut conn, "RL.WINDOW k 10 60 COST 3").allowed);
    assert!(!judged(&mut conn, "RL.WINDOW k 10 60").allowed);
}

#[test]
fn so_it_does_when_three_take_turns() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    conn.apply("k", &format!("window {begin} 10 10 315360000000 0"));
    conn.apply("k", &format!("window {} 1 10 1000 0", begin + 2_000));
    conn.apply("k", &format!("window {} 1 10 2000 0", begin + 4_000));
    assert!(!judged(&mut conn, "RL.WINDOW k 10 3650d").allowed, "twelve are in these ten years");
}

#[test]
fn a_cost_above_the_limit_can_never_fit_and_one_of_nothing_probes() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    assert_eq!(conn.ask("RL.WINDOW k 5 1mo COST 6").five(), [0, 5, 5, -1, 0]);
    assert_eq!(conn.ask("RL.WINDOW k 5 1mo COST 0").five(), [1, 5, 5, 0, 0]);
    assert_eq!(conn.ask("EXISTS k").int(), 0);
}
