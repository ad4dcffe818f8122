//! `retry_after` is exact: a request is denied until it has passed and admitted afterwards, by the server's
//! clock.

use crate::common::clock::{frozen, judged};
use crate::common::quota::Answer;
use crate::common::{Conn, Server, wait_for_clock};

/// Sends a request until it is denied, then repeats it until it is admitted.
fn denied_until_announced(conn: &mut Conn, request: &str) {
    let first = (0..10_000).map(|_| judged(conn, request)).find(|judged| !judged.allowed).expect("a denial");
    assert!(first.retry_after > 0);
    let announced = first.retry_at();
    loop {
        let judged = judged(conn, request);
        if judged.allowed {
            assert!(judged.now >= announced, "{request}: admitted {} ms early", announced - judged.now);
            return;
        }
        assert!(judged.now < announced, "{request}: denied {} ms late", judged.now - announced);
        assert_eq!(judged.retry_at(), announced, "{request}: the announcement moved");
    }
}

#[test]
fn a_sliding_window_admits_when_it_said() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for _ in 0..5 {
        denied_until_announced(&mut conn, "RL.SLIDE k 3 150ms");
    }
    denied_until_announced(&mut conn, "RL.SLIDE costly 7 150ms COST 4");
}

#[test]
fn a_fixed_window_admits_when_it_said() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for _ in 0..5 {
        denied_until_announced(&mut conn, "RL.WINDOW k 3 150ms OFFSET -70ms");
    }
}

#[test]
fn a_bucket_admits_when_it_said() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for _ in 0..10 {
        denied_until_announced(&mut conn, "RL.BUCKET k 5 33.3");
    }
    denied_until_announced(&mut conn, "RL.BUCKET costly 9 33.3 COST 5");
}

#[test]
fn a_peek_announces_the_same_and_takes_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for request in ["RL.SLIDE s 3 1d", "RL.WINDOW w 3 3650d", "RL.BUCKET b 3 1 1d"] {
        conn.done(&format!("{request} COST 2"));
        let peek = format!("RL.PEEK {} COST 2", request.split(' ').nth(1).unwrap());
        let denied = judged(&mut conn, &format!("{request} COST 2"));
        let peeked = judged(&mut conn, &peek);
        assert!(!denied.allowed && !peeked.allowed, "{request}");
        assert_eq!(peeked.retry_at(), denied.retry_at(), "{request}");
        assert_eq!(peeked.reset_at(), denied.reset_at(), "{request}");
        assert_eq!(peeked.remaining, 1, "{request}");
    }
}

#[test]
fn a_client_that_waits_for_retry_after_is_admitted() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for request in ["RL.SLIDE s 1 200ms", "RL.WINDOW w 1 200ms", "RL.BUCKET b 1 5"] {
        let mut answers = (0..10_000).map(|_| judged(&mut conn, request));
        let denied = answers.find(|judged| !judged.allowed).expect("a denial");
        wait_for_clock(&mut conn, denied.retry_at());
        assert!(judged(&mut conn, request).allowed, "{request}");
    }
}

#[test]
fn the_whole_limit_is_there_at_reset_after() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for (request, whole) in [("RL.SLIDE s 5 200ms", 5), ("RL.WINDOW w 5 200ms", 5), ("RL.BUCKET b 5 25", 5)] {
        let admitted = judged(&mut conn, &format!("{request} COST 3"));
        assert!(admitted.allowed);
        wait_for_clock(&mut conn, admitted.reset_at());
        let again = judged(&mut conn, &format!("{request} COST {whole}"));
        assert!(again.allowed, "{request}");
    }
}

#[test]
fn a_quota_admits_when_the_last_of_its_limits_said() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let request = "RL.QUOTA k LIMIT s 2 170ms LIMIT w 3 230ms WINDOW LIMIT b 1 110ms BUCKET 1 \
                   LIMIT t 50 300ms UNIT tokens COST tokens 20";
    let mut denials = 0;
    while denials < 8 {
        let (now, reply) = frozen(&mut conn, request);
        let answer = Answer::of(&reply);
        if answer.allowed {
            continue;
        }
        denials += 1;
        let announced = now + answer.retry_after;
        loop {
            let (now, reply) = frozen(&mut conn, request);
            let again = Answer::of(&reply);
            if again.allowed {
                assert!(now >= announced, "admitted {} ms early", announced - now);
                break;
            }
            assert!(now < announced, "denied {} ms late: {again:?}", now - announced);
            assert_eq!(now + again.retry_after, announced, "the announcement moved");
        }
    }
}
