//! Organisation, team and user in one request: either the policies of all keys admit it, or no key is
//! charged.

use crate::common::clock::frozen;
use crate::common::quota::Answer;
use crate::common::{Conn, Server, Value};

const KEYS: [&str; 3] = ["org:1", "team:2", "user:3"];
const REQUEST: &str = "RL.MQUOTA 3 org:1 team:2 user:3 POLICY org team user";

fn with_policies() -> (Server, Conn) {
    let server = Server::start(&["appendonly yes", "appendfsync no"]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET org LIMIT tpd 1000 3650d UNIT tokens WINDOW LIMIT rpm 100 1h");
    conn.done("RL.POLICY SET team LIMIT tpm 200 2h UNIT tokens");
    conn.done("RL.POLICY SET user LIMIT tpm 90 1h UNIT tokens LIMIT burst 5 30d BUCKET 5");
    conn.done("RL.POLICY SET slots LIMIT open 2 INFLIGHT");
    (server, conn)
}

fn used(conn: &mut Conn) -> Vec<i64> {
    KEYS.iter().flat_map(|key| conn.used(key)).collect()
}

#[test]
fn all_keys_are_charged_and_limits_are_called_by_their_policy() {
    for protocol in ["2", "3"] {
        let (_server, mut conn) = with_policies();
        conn.done(&format!("HELLO {protocol}"));
        let (_, reply) = frozen(&mut conn, &format!("{REQUEST} COST tokens 40"));
        assert_eq!(reply.list().len(), 4, "no reservation, no id");
        let answer = Answer::of(&reply);
        let names: Vec<&str> = answer.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["org/tpd", "org/rpm", "team/tpm", "user/tpm", "user/burst"]);
        assert_eq!((answer.allowed, answer.retry_after, answer.blocking.len()), (true, 0, 0));
        assert_eq!(answer.remaining(), [960, 99, 160, 50, 4]);
        assert_eq!(used(&mut conn), [40, 1, 40, 40, 1]);
    }
}

#[test]
fn a_request_that_one_key_denies_charges_none() {
    let (server, mut conn) = with_policies();
    conn.done(&format!("{REQUEST} COST tokens 80"));
    let before = (conn.digest(), crate::common::aof::size(server.dir()));
    for (costs, blocking) in [
        ("COST tokens 11", vec!["user/tpm"]),
        ("COST tokens 121", vec!["team/tpm", "user/tpm"]),
        ("COST tokens 921", vec!["org/tpd", "team/tpm", "user/tpm"]),
        ("COST requests 5", vec!["user/burst"]),
        (
            "COST requests 100 COST tokens 1001",
            vec!["org/tpd", "org/rpm", "team/tpm", "user/tpm", "user/burst"],
        ),
    ] {
        let denied = conn.quota(&format!("{REQUEST} {costs}"));
        assert!(!denied.allowed, "{costs}");
        assert_eq!(denied.blocking, blocking, "{costs}");
        assert_eq!(denied.remaining(), [920, 99, 120, 10, 4], "{costs}");
        let longest = denied.rows.iter().map(|row| row.retry_after).max().unwrap();
        let never = denied.rows.iter().any(|row| row.retry_after == -1);
        assert_eq!(denied.retry_after, if never { -1 } else { longest }, "{costs}");
    }
    assert_eq!((conn.digest(), crate::common::aof::size(server.dir())), before);
    // A denial does not create a missing key.
    let new = conn.quota("RL.MQUOTA 2 new user:3 POLICY org user COST tokens 11");
    assert_eq!(new.blocking, ["user/tpm"]);
    assert_eq!(conn.ask("EXISTS new").int(), 0);
}

#[test]
fn a_reservation_has_one_id_on_all_keys_and_is_settled_on_each() {
    let (_server, mut conn) = with_policies();
    let made = conn.quota(&format!("{REQUEST} COST tokens 40 RESERVE 1h")).reserved();
    let given = conn.quota(&format!("{REQUEST} COST tokens 40 RESERVE 1h ID mine"));
    assert_eq!(given.reserved(), "mine");
    assert_eq!(conn.quota(&format!("{REQUEST} COST tokens 40 RESERVE 1h ID mine")), given);
    assert_eq!(used(&mut conn), [80, 2, 80, 80, 2]);
    for (key, expected) in KEYS.iter().zip([vec![55, 2], vec![55], vec![55, 2]]) {
        assert_eq!(conn.open(key), 2);
        assert_eq!(conn.ask(&format!("RL.SETTLE {key} {made} COST tokens 15")).int(), 1);
        assert_eq!(conn.ask(&format!("RL.SETTLE {key} {made} COST tokens 15")).int(), 0);
        assert_eq!((conn.used(key), conn.open(key)), (expected, 1));
    }
    let denied = conn.ask(&format!("{REQUEST} COST tokens 99 RESERVE 1h ID other"));
    assert_eq!(denied.list()[4], Value::Nil);
}

#[test]
fn an_id_that_is_open_on_some_of_the_keys_is_refused() {
    let (_server, mut conn) = with_policies();
    let request = format!("{REQUEST} COST tokens 10 RESERVE 1h ID r");
    let error = "ERR this id is open on some of these keys only, settle or cancel it there first";
    for key in KEYS {
        let first = conn.ask(&request);
        assert_eq!(conn.ask(&request), first, "it is open on all of them");
        assert_eq!(conn.ask(&format!("RL.CANCEL {key} r")).int(), 1);
        let before = conn.digest();
        assert_eq!(conn.ask(&request).error(), error, "{key}");
        let other = "RL.MQUOTA 2 new org:1 POLICY user org RESERVE 1h ID r";
        if key != "org:1" {
            assert_eq!(conn.ask(other).error(), error);
        }
        assert_eq!(conn.digest(), before);
        for other in KEYS.iter().filter(|other| **other != key) {
            assert_eq!(conn.ask(&format!("RL.CANCEL {other} r")).int(), 1);
        }
        assert_eq!(used(&mut conn), [0; 5]);
    }
}

#[test]
fn one_key_that_cannot_be_asked_leaves_the_others_alone() {
    let (_server, mut conn) = with_policies();
    conn.done("SET string x");
    conn.done("RL.SLIDE slide 5 60");
    let before = conn.digest();
    for (line, error) in [
        ("2 org:1 string POLICY org user", "WRONGTYPE"),
        ("2 string org:1 POLICY org user", "WRONGTYPE"),
        ("2 org:1 slide POLICY org user", "WRONGTYPE"),
        ("2 org:1 slide POLICY org user RESERVE 60 ID r", "WRONGTYPE"),
        ("2 org:1 user:3 POLICY org none", "ERR no such policy"),
        ("2 org:1 user:3 POLICY none org", "ERR no such policy"),
        ("2 org:1 user:3 POLICY org slots", "ERR a quota with an INFLIGHT limit needs RESERVE ttl"),
        ("2 org:1 user:3 POLICY org user COST tokens x", "ERR cost must be"),
        ("2 org:1 user:3 POLICY org user RESERVE x", "ERR ttl must be"),
    ] {
        let reply = conn.ask(&format!("RL.MQUOTA {line}"));
        assert!(reply.error().starts_with(error), "{line}: {reply:?}");
    }
    assert_eq!(conn.digest(), before);
}

#[test]
fn it_is_about_1_to_16_different_keys_with_one_policy_each() {
    let (_server, mut conn) = with_policies();
    let line = |count: usize, keys: usize, policies: usize| {
        let keys: String = (0..keys).map(|key| format!(" k{key}")).collect();
        format!("RL.MQUOTA {count}{keys} POLICY{}", " user".repeat(policies))
    };
    assert_eq!(conn.quota(&line(1, 1, 1)).rows.len(), 2);
    assert_eq!(conn.quota(&line(16, 16, 16)).rows.len(), 32);
    let before = conn.digest();
    let numkeys = "ERR numkeys must be an integer from 1 to 16";
    assert_eq!(conn.ask(&line(17, 17, 17)).error(), numkeys);
    for count in ["0", "-1", "x", "1.5", "", "18446744073709551617", "99999999999999999999999"] {
        let reply = conn.call(&["RL.MQUOTA", count, "k", "POLICY", "user"]);
        assert!(reply.is_error(), "{count:?}");
        let here = reply.error() == numkeys || reply.error().starts_with("ERR Invalid");
        assert!(here, "{count:?}: {reply:?}");
    }
    for wrong in [
        line(2, 2, 1),
        line(2, 2, 3),
        line(2, 3, 2),
        line(3, 2, 2),
        "RL.MQUOTA 1 k POLICY user POLICY user".into(),
        "RL.MQUOTA 1 k LIMIT a 5 60".into(),
        "RL.MQUOTA 2 k l POLICY user COST requests 1".into(),
        "RL.MQUOTA 1 k RESERVE 60 ID r".into(),
        "RL.MQUOTA 1 k POLICY user RESERVE 60 RESERVE 60".into(),
    ] {
        let reply = conn.ask(&wrong);
        let syntax = "ERR syntax error, expected RL.MQUOTA numkeys key ... POLICY name ...";
        assert!(reply.error().starts_with(syntax), "{wrong}: {reply:?}");
    }
    assert_eq!(
        conn.ask("RL.MQUOTA 3 k l k POLICY user user user").error(),
        "ERR each key may be given once only"
    );
    assert_eq!(conn.digest(), before);
    // Options may precede the policies.
    let first = conn.quota("RL.MQUOTA 2 a b COST tokens 5 RESERVE 60 ID r POLICY user team");
    assert_eq!((first.remaining(), first.reserved()), (vec![85, 4, 195], "r".to_owned()));
}

#[test]
fn slots_are_taken_on_all_keys_or_on_none() {
    let (_server, mut conn) = with_policies();
    let two = "RL.MQUOTA 2 a b POLICY slots slots RESERVE 1h";
    assert_eq!(conn.quota("RL.QUOTA a POLICY slots RESERVE 2h ID alone").remaining(), [1]);
    assert_eq!(conn.quota(&format!("{two} ID first")).remaining(), [0, 1]);
    let denied = conn.quota(two);
    assert_eq!((denied.blocking.clone(), denied.remaining()), (vec!["slots/open".to_owned()], vec![0, 1]));
    assert!((3_590_000..=3_600_000).contains(&denied.retry_after), "{denied:?}");
    assert_eq!((conn.open("a"), conn.open("b")), (2, 1));
    assert_eq!(conn.ask("RL.SETTLE a first").int(), 1);
    assert_eq!(conn.quota(two).remaining(), [0, 0]);
}

#[test]
fn it_works_in_a_transaction_and_a_script_and_after_a_restart() {
    let (mut server, mut conn) = with_policies();
    let replies = conn.multi(&[
        &format!("{REQUEST} COST tokens 10 RESERVE 1h ID r"),
        &format!("{REQUEST} COST tokens 81"),
        "RL.SETTLE user:3 r COST tokens 1",
    ]);
    assert_eq!((Answer::of(&replies[1]).blocking, replies[2].int()), (vec!["user/tpm".to_owned()], 1));
    let script =
        "return redis.call('RL.MQUOTA', 2, KEYS[1], KEYS[2], 'POLICY', 'team', 'user', 'COST', 'tokens', 5)";
    assert_eq!(Answer::of(&conn.call(&["EVAL", script, "2", "team:2", "user:3"])).remaining(), [185, 84, 3]);
    let (digest, before) = (conn.digest(), used(&mut conn));
    conn.done("CONFIG SET appendfsync always");
    server.crash_and_restart();
    let mut conn = server.connect();
    assert_eq!((conn.digest(), used(&mut conn)), (digest, before));
    assert_eq!(conn.ask("RL.SETTLE org:1 r COST tokens 1").int(), 1);
}
