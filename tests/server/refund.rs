//! RL.REFUND: gives back what an upstream call did not use, never above full.

use crate::common::Server;
use crate::common::clock::{ahead, judged};

const REQUESTS: [&str; 3] = ["RL.SLIDE k 10 1d", "RL.WINDOW k 10 3650d", "RL.BUCKET k 10 1 3650d"];

#[test]
fn what_was_given_back_can_be_taken_again() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for request in REQUESTS {
        conn.done("DEL k");
        conn.done(&format!("{request} COST 10"));
        assert_eq!(conn.ask("RL.REFUND k 4").int(), 4, "{request}");
        assert_eq!(conn.ask(&format!("{request} COST 4")).five()[..3], [1, 10, 0], "{request}");
        assert_eq!(conn.ask(request).five()[0], 0, "{request}");
    }
}

#[test]
fn a_refund_never_goes_above_full() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for request in REQUESTS {
        conn.done("DEL k");
        conn.done(&format!("{request} COST 3"));
        assert_eq!(conn.ask("RL.REFUND k 9007199254740991").int(), 10, "{request}");
        assert_eq!(conn.ask("RL.REFUND k 1").int(), 10, "{request}");
        assert_eq!(conn.ask(&format!("{request} COST 10")).five()[..3], [1, 10, 0], "{request}");
        assert_eq!(conn.ask(request).five()[0], 0, "{request}");
    }
}

#[test]
fn a_key_that_got_everything_back_stays_until_it_would_have_expired() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for request in REQUESTS {
        conn.done("DEL k");
        conn.done(&format!("{request} COST 3"));
        let expiry = conn.ask("PEXPIRETIME k").int();
        assert_eq!(conn.ask("RL.REFUND k 3").int(), 10, "{request}");
        assert_eq!(conn.ask("PEXPIRETIME k").int(), expiry, "{request}");
        assert_eq!(conn.ask("RL.PEEK k").five(), [1, 10, 10, 0, 0], "{request}");
    }
}

#[test]
fn a_sliding_window_gives_back_its_oldest_admissions_first() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    for after in [0, 100, 200] {
        conn.apply("k", &format!("slide {} 3 9 1000", begin + after));
    }
    assert_eq!(conn.ask("RL.REFUND k 4").int(), 4);
    let denied = judged(&mut conn, "RL.SLIDE k 9 1 COST 5");
    assert_eq!(denied.retry_at(), begin + 1_100, "two of the second are now the oldest");
    assert_eq!(denied.reset_at(), begin + 1_200);
}

#[test]
fn a_bucket_is_full_earlier_by_what_was_given_back() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    conn.apply("k", &format!("bucket {begin} 10 10 1 1000"));
    assert_eq!(conn.ask("RL.REFUND k 4").int(), 4);
    let peeked = judged(&mut conn, "RL.PEEK k COST 5");
    assert_eq!(peeked.retry_at(), begin + 1_000);
    assert_eq!(peeked.reset_at(), begin + 6_000);
}

#[test]
fn a_refund_is_judged_by_the_parameters_last_admitted() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 10 1d COST 6");
    conn.done("RL.SLIDE k 20 1d COST 6");
    assert_eq!(conn.ask("RL.REFUND k 2").int(), 10);
}

#[test]
fn a_window_that_has_passed_takes_no_refund() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    conn.apply("k", &format!("window {begin} 5 5 1000 0"));
    conn.apply("k", &format!("window {} 1 5 1000 0", begin + 1_000));
    assert_eq!(conn.ask("RL.REFUND k 5").int(), 5, "of the six only one was in this window");
    assert!(judged(&mut conn, "RL.WINDOW k 5 1 COST 5").allowed);
    assert!(!judged(&mut conn, "RL.WINDOW k 5 1").allowed);
}
