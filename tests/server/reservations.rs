//! A reservation is charged until the caller settles the actual cost, or cancels it.

use crate::common::clock::{frozen, now, wait_for_clock};
use crate::common::quota::Answer;
use crate::common::{Conn, Server};

/// A limit of 100 tokens by each algorithm. All of them take hours to refill.
const ALGORITHMS: [&str; 3] = [
    "LIMIT a 100 1h UNIT tokens",
    "LIMIT a 100 3650d UNIT tokens WINDOW",
    "LIMIT a 100 30d UNIT tokens BUCKET 100",
];

/// Returns what remains of the only limit.
fn left(conn: &mut Conn) -> i64 {
    conn.quota("RL.PEEK k").rows[0].remaining
}

#[test]
fn settling_charges_what_was_used_below_at_and_above_the_estimate() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for limit in ALGORITHMS {
        for (used, remains) in [(0, 70), (1, 69), (39, 31), (40, 30), (41, 29), (70, 0), (71, 0), (500, 0)] {
            conn.done("DEL k");
            conn.done(&format!("RL.QUOTA k {limit} COST tokens 30"));
            let reserved = conn.quota(&format!("RL.QUOTA k {limit} COST tokens 40 RESERVE 1h ID r"));
            assert_eq!(reserved.remaining(), [30], "an estimate is charged: {limit}");
            assert_eq!(conn.ask(&format!("RL.SETTLE k r COST tokens {used}")).int(), 1);
            assert_eq!((conn.used("k"), left(&mut conn)), (vec![30 + used], remains), "{limit}: {used}");
            assert_eq!(conn.open("k"), 0);
        }
    }
}

#[test]
fn cancelling_gives_everything_back() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let limits = "LIMIT rpm 9 1h LIMIT s 9 1h UNIT tokens LIMIT w 9 3650d UNIT tokens WINDOW \
                  LIMIT b 9 30d UNIT tokens BUCKET 9 LIMIT open 2 INFLIGHT";
    conn.done(&format!("RL.QUOTA k {limits} COST tokens 2 RESERVE 1h ID first"));
    let before = conn.used("k");
    let second = conn.quota(&format!("RL.QUOTA k {limits} COST tokens 7 RESERVE 1h ID second"));
    assert_eq!(second.remaining(), [7, 0, 0, 0, 0]);
    assert_eq!(conn.ask("RL.CANCEL k second").int(), 1);
    assert_eq!(conn.used("k"), before);
    assert_eq!(conn.quota("RL.PEEK k").remaining(), [8, 7, 7, 7, 1]);
    assert_eq!(conn.ask("RL.CANCEL k first").int(), 1);
    assert_eq!(conn.used("k"), [0, 0, 0, 0, 0]);
    // Nothing is used, so there is nothing to reset.
    assert!(conn.quota("RL.PEEK k").rows.iter().all(|row| row.reset_after == 0));
}

#[test]
fn the_second_call_answers_0_and_changes_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let request =
        "RL.QUOTA k LIMIT a 100 1h UNIT tokens LIMIT open 5 INFLIGHT COST tokens 40 RESERVE 1h ID r";
    for first in ["RL.SETTLE k r", "RL.SETTLE k r COST tokens 9", "RL.CANCEL k r"] {
        conn.done("DEL k");
        conn.done(request);
        assert_eq!(conn.ask(first).int(), 1);
        let before = conn.digest();
        for second in
            ["RL.SETTLE k r COST tokens 1", "RL.SETTLE k r", "RL.CANCEL k r", "RL.RENEW k r 60", first]
        {
            assert_eq!(conn.ask(second).int(), 0, "{second} after {first}");
        }
        assert_eq!(conn.digest(), before, "{first}");
    }
}

#[test]
fn a_missing_reservation_is_answered_by_0() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for line in ["RL.SETTLE none r COST tokens 1", "RL.CANCEL none r", "RL.RENEW none r 60"] {
        assert_eq!(conn.ask(line).int(), 0, "{line}");
    }
    assert_eq!(conn.ask("DBSIZE").int(), 0);
    conn.done("RL.QUOTA k LIMIT a 5 1h");
    let before = conn.digest();
    for line in ["RL.SETTLE k r COST tokens 1", "RL.CANCEL k r", "RL.RENEW k r 60"] {
        assert_eq!(conn.ask(line).int(), 0, "{line}");
    }
    assert_eq!(conn.digest(), before);
}

#[test]
fn a_unit_that_is_not_named_keeps_its_estimate() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let limits = "LIMIT rpm 9 1h LIMIT in 99 1h UNIT input LIMIT out 99 1h UNIT output";
    for (costs, used) in [
        ("", [1, 10, 20]),
        ("COST output 5", [1, 10, 5]),
        ("COST input 11 COST output 0", [1, 11, 0]),
        ("COST requests 0", [0, 10, 20]),
        ("COST requests 3 COST cents 7", [3, 10, 20]),
    ] {
        conn.done("DEL k");
        conn.done(&format!("RL.QUOTA k {limits} COST input 10 COST output 20 RESERVE 1h ID r"));
        assert_eq!(conn.ask(&format!("RL.SETTLE k r {costs}")).int(), 1);
        assert_eq!(conn.used("k"), used, "{costs}");
    }
}

#[test]
fn units_without_an_estimate_can_be_settled() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for limit in ALGORITHMS {
        conn.done("DEL k");
        conn.done(&format!("RL.QUOTA k {limit} RESERVE 1h ID r"));
        assert_eq!(left(&mut conn), 100);
        assert_eq!(conn.ask("RL.SETTLE k r COST tokens 60").int(), 1);
        assert_eq!(left(&mut conn), 40, "{limit}");
    }
}

#[test]
fn an_excess_past_the_limit_leaves_nothing_until_it_ages_out() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for (limit, whole_at) in [
        // The instant at which all of the limit is free again, from the instant of the reservation.
        ("LIMIT a 10 300ms UNIT tokens", Box::new(|at: i64| at + 300) as Box<dyn Fn(i64) -> i64>),
        ("LIMIT a 10 300ms UNIT tokens WINDOW", Box::new(|at: i64| (at / 300 + 1) * 300)),
        ("LIMIT a 10 100ms UNIT tokens BUCKET 10", Box::new(|at: i64| at + 250)),
    ] {
        conn.done("DEL k");
        let replies = conn.multi(&[
            "DEL minute",
            "RL.HOLD minute 60",
            "PEXPIRETIME minute",
            &format!("RL.QUOTA k {limit} COST tokens 5 RESERVE 1h ID r"),
            "RL.SETTLE k r COST tokens 25",
        ]);
        let at = replies[2].int() - 60_000;
        assert_eq!(replies[4].int(), 1);
        let whole_at = whole_at(at);
        let mut seen = 0;
        loop {
            let (now, reply) = frozen(&mut conn, "RL.PEEK k");
            if now >= whole_at {
                // A key that holds nothing any more may be gone.
                assert!(!reply.is_error());
                assert!(reply == crate::common::Value::Nil || Answer::of(&reply).remaining() == [10]);
                break;
            }
            let row = Answer::of(&reply).rows[0].clone();
            let expected = if limit.contains("BUCKET") { ((now - at) / 10 - 15).max(0) } else { 0 };
            assert_eq!(row.remaining, expected, "{limit}, {} ms later", now - at);
            assert_eq!(now + row.reset_after, whole_at, "{limit}");
            seen += 1;
        }
        assert!(seen > 0, "{limit}: looked {seen} times only");
    }
}

#[test]
fn a_window_that_has_passed_takes_no_refund_and_no_excess() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for limit in ["LIMIT a 100 40ms UNIT tokens", "LIMIT a 100 40ms UNIT tokens WINDOW"] {
        for used in [0, 10, 90] {
            conn.done("DEL k");
            conn.done(&format!("RL.QUOTA k {limit} COST tokens 50 RESERVE 1h ID r"));
            let later = now(&mut conn) + 41;
            wait_for_clock(&mut conn, later);
            // All in one instant, so that this charge's window does not pass as well.
            let replies = conn.multi(&[
                &format!("RL.QUOTA k {limit} COST tokens 20"),
                &format!("RL.SETTLE k r COST tokens {used}"),
                "RL.PEEK k",
            ]);
            assert_eq!(Answer::of(&replies[0]).remaining(), [80], "{limit}");
            assert_eq!(replies[1].int(), 1, "it is still open");
            assert_eq!(Answer::of(&replies[2]).remaining(), [80], "{limit} {used}");
        }
    }
}

#[test]
fn after_its_ttl_a_reservation_is_over_and_its_estimate_stays() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for limit in ALGORITHMS {
        conn.done("DEL k");
        conn.done(&format!("RL.QUOTA k {limit} LIMIT open 1 INFLIGHT COST tokens 40 RESERVE 30ms ID r"));
        let later = now(&mut conn) + 30;
        wait_for_clock(&mut conn, later);
        for line in ["RL.SETTLE k r COST tokens 1", "RL.CANCEL k r", "RL.RENEW k r 60"] {
            assert_eq!(conn.ask(line).int(), 0, "{line}");
        }
        assert_eq!(conn.quota("RL.PEEK k").remaining(), [60, 1], "{limit}");
        assert_eq!((conn.used("k"), conn.open("k")), (vec![40, 0], 0));
    }
}

#[test]
fn renewing_moves_the_end_of_a_reservation() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let request = "RL.QUOTA k LIMIT open 1 INFLIGHT RESERVE 40ms ID r";
    let replies = conn.multi(&[request, "RL.RENEW k r 1h"]);
    assert_eq!((Answer::of(&replies[0]).rows[0].reset_after, replies[1].int()), (40, 1));
    let later = now(&mut conn) + 41;
    wait_for_clock(&mut conn, later);
    assert_eq!(conn.open("k"), 1);
    // The ttl counts from the renewal, and may be shorter than the remaining time.
    let replies = conn.multi(&["RL.RENEW k r 20ms", "RL.PEEK k"]);
    let peeked = Answer::of(&replies[1]);
    assert_eq!((replies[0].int(), peeked.allowed, peeked.retry_after), (1, false, 20));
    let later = now(&mut conn) + 21;
    wait_for_clock(&mut conn, later);
    assert_eq!(conn.ask("RL.RENEW k r 1h").int(), 0, "what is over cannot be renewed");
    assert!(conn.quota(request).allowed);
}

#[test]
fn each_of_many_is_settled_by_itself() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for limit in ALGORITHMS {
        conn.done("DEL k");
        for cost in 1..=9 {
            conn.done(&format!("RL.QUOTA k {limit} COST tokens {cost} RESERVE 1h ID r{cost}"));
        }
        assert_eq!(conn.open("k"), 9);
        for (cost, used) in [(5, 1), (9, 11), (1, 0), (7, 7)] {
            assert_eq!(conn.ask(&format!("RL.SETTLE k r{cost} COST tokens {used}")).int(), 1);
        }
        assert_eq!(conn.ask("RL.CANCEL k r8").int(), 1);
        assert_eq!((conn.used("k"), conn.open("k")), (vec![2 + 3 + 4 + 6 + 1 + 11 + 7], 4), "{limit}");
    }
}

#[test]
fn limits_that_changed_in_between_are_settled_by_name() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(
        "RL.QUOTA k LIMIT a 99 1h UNIT tokens LIMIT b 99 1h UNIT tokens COST tokens 40 RESERVE 1h ID r",
    );
    conn.done("RL.QUOTA k LIMIT new 99 1h UNIT tokens LIMIT b 50 1h UNIT tokens COST tokens 5");
    assert_eq!(conn.used("k"), [5, 45]);
    assert_eq!(conn.ask("RL.SETTLE k r COST tokens 10").int(), 1);
    assert_eq!(conn.used("k"), [5, 15], "a limit that was not there is not corrected");
    let both = conn.quota("RL.QUOTA k LIMIT a 99 1h UNIT tokens LIMIT b 99 1h UNIT tokens");
    assert_eq!(both.remaining(), [89, 84]);
}

#[test]
fn a_restart_takes_nothing_from_a_reservation() {
    for kind in ["appendonly yes", "appendonly no"] {
        let mut server = Server::start(&[kind, "appendfsync always"]);
        let mut conn = server.connect();
        for (key, limit) in ALGORITHMS.iter().enumerate() {
            for id in ["settled", "cancelled", "renewed", "left"] {
                conn.done(&format!(
                    "RL.QUOTA k{key} {limit} LIMIT open 4 INFLIGHT COST tokens 20 RESERVE 1h ID {id}"
                ));
            }
        }
        if kind == "appendonly no" {
            conn.done("SAVE");
        }
        let before = conn.digest();
        server.crash_and_restart();
        let mut conn = server.connect();
        assert_eq!(conn.digest(), before, "{kind}");
        for (key, limit) in ALGORITHMS.iter().enumerate() {
            assert_eq!(conn.open(&format!("k{key}")), 4);
            let again =
                format!("RL.QUOTA k{key} {limit} LIMIT open 4 INFLIGHT COST tokens 20 RESERVE 1h ID left");
            assert_eq!(conn.quota(&again).remaining(), [20, 0], "the fourth was answered so: {limit}");
            assert_eq!(conn.ask(&format!("RL.SETTLE k{key} settled COST tokens 5")).int(), 1);
            assert_eq!(conn.ask(&format!("RL.CANCEL k{key} cancelled")).int(), 1);
            assert_eq!(conn.ask(&format!("RL.RENEW k{key} renewed 2h")).int(), 1);
            assert_eq!(conn.used(&format!("k{key}")), [45, 2], "{limit}");
        }
    }
}
