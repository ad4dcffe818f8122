//! `RL.POLICY OVERRIDE`: limits of its own for one key, on one server.

use super::{all_policies, fill, limit};
use crate::common::quota::Answer;
use crate::common::waiting::{Waiter, still};
use crate::common::{Conn, Server, Value};

/// A policy of 2 a day, and a key that has 5.
#[track_caller]
fn start() -> (Server, Conn) {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 2 1d");
    assert_eq!(conn.ask("RL.POLICY OVERRIDE p big LIMIT a 5 1d"), Value::Simple("OK".into()));
    (server, conn)
}

/// Returns how many requests a key admits, one after another.
fn admitted(conn: &mut Conn, key: &str) -> usize {
    let mut admits = || conn.quota(&format!("RL.QUOTA {key} POLICY p")).allowed;
    (0..20).take_while(|_| admits()).count()
}

#[test]
fn the_key_has_its_own_limits_and_others_have_the_policys() {
    let (_server, mut conn) = start();
    for key in ["small", "big", "bigger", "Big"] {
        assert_eq!(admitted(&mut conn, key), if key == "big" { 5 } else { 2 }, "{key}");
    }
    let denied = conn.quota("RL.QUOTA big POLICY p");
    assert_eq!((denied.rows[0].limit, denied.blocking), (5, vec!["a".to_owned()]));
    // The words that were recognised for one key are decided by each key's own limits.
    conn.done("FLUSHALL");
    for _ in 0..2 {
        assert_eq!(conn.quota("RL.QUOTA small POLICY p").rows[0].limit, 2);
        assert_eq!(conn.quota("RL.QUOTA big POLICY p").rows[0].limit, 5);
    }
    let both = conn.quota("RL.MQUOTA 2 big small POLICY p p");
    assert_eq!((both.rows[0].limit, both.rows[1].limit, both.blocking), (5, 2, vec!["p/a".to_owned()]));
    // Another policy of the same key is not overridden.
    conn.done("RL.POLICY SET q LIMIT a 1 1d");
    assert_eq!(conn.quota("RL.QUOTA big POLICY q").rows[0].limit, 1);
}

#[test]
fn none_takes_them_away_and_what_was_used_stays() {
    let (_server, mut conn) = start();
    assert_eq!(admitted(&mut conn, "big"), 5);
    for _ in 0..2 {
        assert_eq!(conn.ask("RL.POLICY OVERRIDE p big none"), Value::Simple("OK".into()));
        let denied = conn.quota("RL.QUOTA big POLICY p");
        assert_eq!((denied.allowed, denied.rows[0].limit, denied.remaining()), (false, 2, vec![0]));
        assert_eq!(conn.used("big"), [5]);
    }
    conn.done("RL.POLICY OVERRIDE p big LIMIT a 7 1d LIMIT b 9 1d");
    let answer = conn.quota("RL.QUOTA big POLICY p");
    assert_eq!(answer.remaining(), [1, 8], "limit by limit, by name");
    // In its own units, too.
    conn.done("RL.POLICY OVERRIDE p big LIMIT a 7 1d LIMIT t 100 1d UNIT tokens");
    assert_eq!(conn.quota("RL.QUOTA big POLICY p COST tokens 30").remaining(), [0, 70]);
    assert_eq!(conn.info_number("rl_units_uncounted"), 0);
    conn.done("RL.QUOTA small POLICY p COST tokens 30");
    assert_eq!(conn.info_number("rl_units_uncounted"), 1);
}

#[test]
fn each_command_on_the_key_goes_by_its_own_limits() {
    let (_server, mut conn) = start();
    conn.done("RL.POLICY OVERRIDE p big LIMIT a 5 1d LIMIT open 2 INFLIGHT");
    conn.done("RL.QUOTA big POLICY p RESERVE 60 ID r");
    conn.done("RL.QUOTA small POLICY p");
    assert_eq!(conn.quota("RL.PEEK big").remaining(), [4, 1]);
    assert_eq!(conn.quota("RL.PEEK small").remaining(), [1]);
    let info = conn.ask("RL.INFO big");
    assert_eq!(info.get("policy").text(), "p");
    assert_eq!(info.get("override").int(), 1);
    assert_eq!(info.get("parameters").get("a").get("limit").int(), 5);
    assert_eq!(info.get("parameters").get("open").get("limit").int(), 2);
    assert!(conn.ask("RL.INFO small").find("override").is_none());
    // One more request would take the last slot; sync and hold know the limits of the key.
    assert_eq!(conn.ask("RL.SYNC big LIMIT a REMAINING 1").get("a").int(), 3);
    assert_eq!(conn.ask("RL.SYNC small LIMIT a REMAINING 1").get("a").int(), 0);
    assert!(conn.ask("RL.SYNC small LIMIT open REMAINING 1").error().starts_with("ERR no such limit"));
    assert_eq!(conn.ask("RL.HOLD big 60 LIMIT open").int(), 60_000);
    assert!(conn.ask("RL.HOLD small 60 LIMIT open").error().starts_with("ERR no such limit"));
    assert_eq!(conn.quota("RL.QUOTA big POLICY p RESERVE 60").blocking, ["open"]);
    assert_eq!(conn.ask("RL.SETTLE big r COST requests 0").int(), 1);
    assert_eq!(conn.used("big"), [0, 0]);
}

#[test]
fn it_belongs_to_the_name_of_the_key_in_every_database() {
    let (_server, mut conn) = start();
    conn.done("RL.QUOTA big POLICY p COST requests 3");
    for line in ["COPY big copy", "RENAME big moved"] {
        conn.done(line);
    }
    for key in ["copy", "moved"] {
        assert_eq!(conn.quota(&format!("RL.PEEK {key}")).rows[0].limit, 2, "{key}");
    }
    conn.done("RENAME moved big");
    assert_eq!(conn.quota("RL.PEEK big").rows[0].limit, 5);
    conn.done("SELECT 3");
    assert_eq!(admitted(&mut conn, "big"), 5);
    conn.done("SWAPDB 0 3");
    assert_eq!(conn.quota("RL.PEEK big").remaining(), [2]);
    conn.done("FLUSHALL");
    assert_eq!(admitted(&mut conn, "big"), 5, "it is not in the keyspace");
}

#[test]
fn they_are_listed_and_shown_and_policies_without_them_are_as_before() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let before = fill(&mut conn);
    conn.call(&["RL.POLICY", "OVERRIDE", "day", "b", "LIMIT", "d", "7", "1d", "WINDOW"]);
    conn.call(&[
        b"RL.POLICY".as_slice(),
        b"OVERRIDE",
        b"day",
        b"a\r\n\0\xff",
        b"LIMIT",
        b"d",
        b"9",
        b"1d",
        b"WINDOW",
    ]);
    assert_eq!(all_policies(&mut conn), before);
    let keys: Vec<Vec<u8>> = conn.ask("RL.POLICY OVERRIDES day").list().iter().map(Value::bytes).collect();
    assert_eq!(keys, [b"a\r\n\0\xff".to_vec(), b"b".to_vec()], "sorted");
    assert_eq!(conn.ask("RL.POLICY OVERRIDES x").list(), []);
    assert_eq!(conn.ask("RL.POLICY OVERRIDES nobody"), Value::Nil);
    assert_eq!(conn.ask("RL.POLICY OVERRIDES day KEY b").list()[0].get("limit").int(), 7);
    for line in [
        "OVERRIDES day KEY c",
        "OVERRIDES x KEY b",
        "OVERRIDES nobody KEY b",
        "OVERRIDES day KEY c AS COMMAND",
    ] {
        assert_eq!(conn.ask(&format!("RL.POLICY {line}")), Value::Nil, "{line}");
    }
    let words = conn.ask("RL.POLICY OVERRIDES day KEY b AS COMMAND").words();
    assert_eq!(words[..6], ["RL.POLICY", "OVERRIDE", "day", "b", "LIMIT", "d"]);
    conn.done("RL.POLICY OVERRIDE day b NONE");
    conn.call(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(conn.ask("RL.POLICY OVERRIDES day KEY b AS COMMAND").words(), words);
    assert_eq!(conn.info_number("rl_overrides"), 2);
    let two = conn.info_number("rl_overrides_bytes");
    conn.call(&["RL.POLICY", "OVERRIDE", "day", &"x".repeat(100_000), "LIMIT", "d", "7", "1d", "WINDOW"]);
    assert!((100_000..101_000).contains(&(conn.info_number("rl_overrides_bytes") - two)));
}

#[test]
fn a_policy_that_is_deleted_takes_them_with_it_and_one_that_is_set_leaves_them() {
    let (_server, mut conn) = start();
    conn.done("RL.POLICY SET p LIMIT a 3 1d");
    assert_eq!(admitted(&mut conn, "big"), 5);
    assert_eq!(conn.ask("RL.POLICY DEL p").int(), 1);
    assert_eq!(conn.info_number("rl_overrides"), 0);
    assert!(conn.ask("RL.QUOTA big POLICY p").error().starts_with("ERR no such policy"));
    assert_eq!(conn.quota("RL.PEEK big").rows[0].limit, 5, "the key remembers its limits");
    conn.done("RL.POLICY SET p LIMIT a 2 1d");
    assert_eq!(conn.quota("RL.QUOTA big POLICY p").rows[0].limit, 2);
}

#[test]
fn waiters_of_the_key_are_decided_again() {
    let (server, mut conn) = start();
    assert_eq!((admitted(&mut conn, "big"), admitted(&mut conn, "small")), (5, 2));
    let waiters: Vec<Waiter> = ["big", "small"]
        .iter()
        .map(|key| Waiter::start(&server, &format!("RL.QUOTA {key} POLICY p WAIT 1h")))
        .collect();
    conn.done("RL.POLICY OVERRIDE p big LIMIT a 5 1d"); // no change
    assert_eq!(still(&waiters, &mut conn), [0, 1]);
    conn.done("RL.POLICY OVERRIDE p big LIMIT a 6 1d");
    let answer = Answer::of(&waiters.into_iter().next().unwrap().answer());
    assert_eq!((answer.allowed, answer.rows[0].limit), (true, 6));
    // Taking a lower limit away admits one, too.
    conn.done("RL.POLICY OVERRIDE p low LIMIT a 0 1d");
    let never = conn.quota("RL.MQUOTA 2 low other POLICY p p WAIT 1h");
    assert_eq!((never.allowed, never.retry_after), (false, -1), "it is never admitted, so it does not wait");
    conn.done("RL.POLICY OVERRIDE p low LIMIT a 1 1d");
    conn.done("RL.QUOTA low POLICY p");
    let waiter = Waiter::start(&server, "RL.MQUOTA 2 low other POLICY p p WAIT 1h");
    assert!(waiter.waits(&mut conn));
    conn.done("RL.POLICY OVERRIDE p low NONE");
    assert!(Answer::of(&waiter.answer()).allowed);
}

#[test]
fn each_error_says_what_is_wanted_and_changes_nothing() {
    let (_server, mut conn) = start();
    let shown = |conn: &mut Conn| conn.ask("RL.POLICY OVERRIDES p KEY big AS COMMAND").words();
    let before = shown(&mut conn);
    let changes = conn.info_number("rdb_changes_since_last_save");
    conn.done("CONFIG SET rl.max-window 2d");
    for (rest, error) in [
        ("nobody big LIMIT a 9 1d", "ERR no such policy, RL.POLICY LIST names those there are"),
        ("nobody big NONE", "ERR no such policy"),
        ("p! big NONE", "ERR policy name must be"),
        ("p big", "ERR wrong number of arguments"),
        ("p big ANY", "ERR syntax error, expected RL.POLICY OVERRIDE name key NONE | LIMIT"),
        ("p big NONE x", "ERR syntax error, expected RL.POLICY OVERRIDE"),
        ("p big LIMIT a 9 1d NONE", "ERR syntax error, expected RL.POLICY OVERRIDE"),
        ("p big LIMIT a 9", "ERR syntax error, expected RL.POLICY OVERRIDE"),
        ("p big LIMIT a -1 1d", "ERR limit must be"),
        ("p big LIMIT a 9 3d", "ERR window or period is longer than rl.max-window allows"),
        ("p big LIMIT a 9 1d LIMIT a 9 1d", "ERR each limit of a quota must have a name of its own"),
    ] {
        let reply = conn.ask(&format!("RL.POLICY OVERRIDE {rest}"));
        assert!(reply.error().starts_with(error), "{rest}: {reply:?}");
        assert_eq!(shown(&mut conn), before, "{rest}");
    }
    conn.done("RL.POLICY OVERRIDE p big LIMIT a 5 1d");
    conn.done("RL.POLICY OVERRIDE p other NONE");
    assert_eq!(conn.info_number("rdb_changes_since_last_save"), changes, "nothing has changed");
    conn.done("CONFIG SET maxmemory 1");
    assert!(conn.ask("RL.POLICY OVERRIDE p big LIMIT a 9 1d").error().starts_with("OOM"));
    assert!(
        conn.ask("RL.POLICY OVERRIDE p big NONE").error().starts_with("OOM"),
        "as SET, whatever it is about"
    );
    assert_eq!(conn.ask("RL.POLICY DEL p").int(), 1);
}

#[test]
fn a_server_keeps_so_many_and_no_more() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 2 1d");
    for batch in 0..100 {
        for key in 0..1_000 {
            let key = format!("k{batch}:{key}");
            conn.send(&["RL.POLICY", "OVERRIDE", "p", &key, "LIMIT", "a", "5", "1d"]);
        }
        (0..1_000).for_each(|_| assert_eq!(conn.receive(), Value::Simple("OK".into())));
    }
    let reply = conn.ask("RL.POLICY OVERRIDE p more LIMIT a 5 1d");
    assert_eq!(reply.error(), "ERR a server may keep 100000 overrides of policies");
    assert_eq!(conn.info_number("rl_overrides"), 100_000);
    assert_eq!(conn.ask("RL.POLICY OVERRIDES p").list().len(), 100_000);
    assert_eq!(limit(&mut conn, "p"), 2);
    conn.done("DEBUG RELOAD");
    assert_eq!(conn.quota("RL.QUOTA k99:999 POLICY p").rows[0].limit, 5);
    conn.done("RL.POLICY OVERRIDE p k0:0 NONE");
    conn.done("RL.POLICY OVERRIDE p more LIMIT a 5 1d");
    assert_eq!(conn.info_number("rl_overrides"), 100_000);
}
