//! A quota that names a policy: operators change its limits, and keys keep their usage.

use crate::common::quota::Answer;
use crate::common::{Conn, Server, Value};

fn with_policy() -> (Server, Conn) {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(
        "RL.POLICY SET p LIMIT rpm 10 1h LIMIT tpm 100 1h UNIT tokens LIMIT tpd 500 3650d UNIT tokens WINDOW",
    );
    (server, conn)
}

#[test]
fn it_answers_as_the_same_limits_spelled_out() {
    let (_server, mut conn) = with_policy();
    let spelled = "LIMIT rpm 10 1h LIMIT tpm 100 1h UNIT tokens LIMIT tpd 500 3650d UNIT tokens WINDOW";
    for options in
        ["", "COST tokens 40", "COST tokens 61", "COST tokens 10 RESERVE 60 ID r", "COST requests 11"]
    {
        let replies = conn
            .multi(&[&format!("RL.QUOTA a POLICY p {options}"), &format!("RL.QUOTA b {spelled} {options}")]);
        assert_eq!(replies[0], replies[1], "{options}");
    }
    assert_eq!(conn.ask("RL.INFO a").get("policy").text(), "p");
    assert_eq!(conn.ask("RL.INFO b").get("policy"), Value::Nil);
    let used = conn.used("a");
    assert_eq!(used, conn.used("b"));
    // A change from one form to the other keeps the usage.
    let switched = conn.quota(&format!("RL.QUOTA a {spelled}"));
    assert_eq!(switched.remaining()[0], 10 - used[0] - 1);
    assert_eq!(conn.quota("RL.QUOTA a POLICY p").remaining()[0], 10 - used[0] - 2);
}

#[test]
fn a_changed_policy_is_in_force_at_once_and_keeps_what_was_used() {
    let (_server, mut conn) = with_policy();
    let request = "RL.QUOTA k POLICY p COST tokens 20 RESERVE 1h";
    conn.done(&format!("{request} ID r"));
    assert_eq!(conn.quota(&format!("{request} ID s")).remaining(), [8, 60, 460]);
    conn.done(
        "RL.POLICY SET p LIMIT rpm 3 1h LIMIT tpm 200 1h UNIT tokens LIMIT new 5 1h LIMIT open 3 INFLIGHT",
    );
    assert_eq!(conn.quota("RL.PEEK k").remaining(), [1, 160, 5, 1]);
    assert_eq!(conn.used("k"), [2, 40, 0, 2]);
    assert_eq!(
        conn.ask("RL.QUOTA k POLICY p").error(),
        "ERR a quota with an INFLIGHT limit needs RESERVE ttl"
    );
    assert_eq!(conn.quota(&format!("{request} ID t")).remaining(), [0, 140, 4, 0]);
    let denied = conn.quota(request);
    assert_eq!(denied.blocking, ["rpm", "open"]);
    // A reservation made under the old policy is settled on the limits that both policies have.
    assert_eq!(conn.ask("RL.SETTLE k r COST tokens 5 COST requests 0").int(), 1);
    assert_eq!(conn.used("k"), [2, 45, 1, 2]);
    conn.done("RL.POLICY SET p LIMIT tpd 500 3650d UNIT tokens WINDOW LIMIT rpm 10 1h");
    assert_eq!(conn.quota("RL.PEEK k").remaining(), [475, 8], "also of a limit that was away meanwhile");
}

#[test]
fn a_deleted_policy_admits_nothing_and_its_keys_are_settled() {
    let (_server, mut conn) = with_policy();
    conn.done("RL.QUOTA k POLICY p COST tokens 20 RESERVE 1h ID r");
    conn.done("RL.POLICY DEL p");
    let before = conn.digest();
    assert_eq!(
        conn.ask("RL.QUOTA k POLICY p").error(),
        "ERR no such policy, RL.POLICY LIST names those there are"
    );
    assert_eq!(conn.digest(), before);
    assert_eq!(conn.quota("RL.PEEK k").remaining(), [9, 80, 480]);
    assert_eq!(conn.ask("RL.RENEW k r 2h").int(), 1);
    assert_eq!(conn.ask("RL.SETTLE k r COST tokens 5").int(), 1);
    assert_eq!(conn.used("k"), [1, 5, 5]);
    conn.done("RL.POLICY SET p LIMIT tpm 50 1h UNIT tokens");
    assert_eq!(conn.quota("RL.QUOTA k POLICY p COST tokens 45").remaining(), [0]);
}

#[test]
fn policies_may_change_between_two_requests_of_one_transaction() {
    let (_server, mut conn) = with_policy();
    let replies = conn.multi(&[
        "RL.QUOTA k POLICY p COST requests 9",
        "RL.POLICY SET p LIMIT rpm 5 1h",
        "RL.QUOTA k POLICY p",
        "RL.POLICY SET p LIMIT rpm 50 1h",
        "RL.QUOTA k POLICY p",
        "RL.POLICY DEL p",
        "RL.QUOTA k POLICY p",
    ]);
    assert_eq!(Answer::of(&replies[2]).blocking, ["rpm"]);
    assert_eq!(Answer::of(&replies[4]).remaining(), [40]);
    assert!(replies[6].error().starts_with("ERR no such policy"));
}

#[test]
fn each_key_of_a_policy_counts_for_itself() {
    let (_server, mut conn) = with_policy();
    for key in 0..5 {
        for request in 1..=key {
            let left = conn.quota(&format!("RL.QUOTA user:{key} POLICY p COST tokens {request}")).remaining();
            assert_eq!(left[0], 10 - request);
        }
    }
    assert_eq!(conn.used("user:4"), [4, 10, 10]);
}

/// A repeated request is not parsed again, but it must follow the current policy.
#[test]
fn a_request_in_the_same_words_is_held_to_what_its_policy_has_by_now() {
    let (_server, mut conn) = with_policy();
    let request = "RL.QUOTA k POLICY p COST tokens 1";
    let mut used = 0;
    for limit in [20, 15, 20, 15] {
        conn.done(&format!("RL.POLICY SET p LIMIT rpm {limit} 1h"));
        for _ in 0..3 {
            used += 1;
            assert_eq!(conn.quota(request).remaining(), [limit - used]);
        }
        conn.done("RL.POLICY DEL p");
        assert!(conn.ask(request).error().starts_with("ERR no such policy"));
    }
}
