//! `RL.HOLD` and `RL.SYNC`: what a key is told from outside, on real servers.

use crate::common::replica::{catch_up, pair};
use crate::common::waiting::{assert_no_waiters, still};
use crate::common::{Conn, Server, Value, Waiter, wait_until};

/// Keys of each kind that were told something, none of which ends within a test.
const TOLD: [&str; 14] = [
    "RL.SLIDE slide 10 1h COST 2",
    "RL.SYNC slide REMAINING -3 OF 4 RESET 30m",
    "RL.WINDOW window 10 1d COST 2",
    "RL.SYNC window REMAINING 5 OF 6",
    "RL.BUCKET bucket 10 1 1h COST 2",
    "RL.SYNC bucket REMAINING 1 OF 3 RESET 9h AGE 2",
    "RL.QUOTA quota LIMIT a 10 1h LIMIT b 10 1h UNIT b BUCKET 5 LIMIT c 3 INFLIGHT COST b 2 RESERVE 1h ID r",
    "RL.SYNC quota LIMIT a REMAINING 4 OF 7 LIMIT b REMAINING 1 OF 2 AGE 1.5",
    "RL.HOLD quota 1h LIMIT c",
    "RL.HOLD slide 1h",
    "RL.HOLD only 1h",
    "RL.HOLD names 1h LIMIT a b",
    "RL.QUOTA lowered LIMIT a 10 1h",
    "RL.SYNC lowered LIMIT a REMAINING 9 OF 5",
];

fn tell(conn: &mut Conn) {
    for line in TOLD {
        conn.done(line);
    }
}

/// How much is used elsewhere, as `RL.INFO` shows it, and for how many ms at most.
fn elsewhere(conn: &mut Conn, key: &str) -> (i64, i64) {
    let info = conn.ask(&format!("RL.INFO {key}"));
    (info.get("used_elsewhere").int(), info.get("elsewhere_ms").int())
}

fn answers(conn: &mut Conn) -> Vec<Value> {
    ["slide", "window", "bucket", "quota", "only", "names", "lowered"]
        .map(|key| conn.ask(&format!("RL.PEEK {key}")))
        .into_iter()
        .map(|reply| match &reply {
            // Durations go on.
            Value::Array(list) => list.first().cloned().unwrap_or(reply),
            _ => reply,
        })
        .collect()
}

#[test]
fn a_debt_is_waited_for() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 10 1h");
    assert_eq!(conn.ask("RL.SYNC k REMAINING -2 RESET 1h").int(), 11);
    let [allowed, limit, remaining, retry, _] = conn.ask("RL.SLIDE k 10 1h").five();
    assert_eq!((allowed, limit, remaining), (0, 10, 0));
    assert!((3_590_000..=3_600_000).contains(&retry), "{retry}");
    let waiter = Waiter::start(&server, "RL.SLIDE k 10 1h WAIT 1h");
    assert_eq!(still(std::slice::from_ref(&waiter), &mut conn), [0]);
    // The next word from there lets it go.
    assert_eq!(conn.ask("RL.SYNC k REMAINING 3 RESET 1h").int(), 6);
    assert_eq!(waiter.five()[..3], [1, 10, 2]);
    assert_no_waiters(&mut conn);
}

#[test]
fn a_lower_limit_elsewhere_outlasts_the_window() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 10 50ms");
    assert_eq!(conn.ask("RL.SYNC k REMAINING 8 OF 4 RESET 50ms").int(), 6);
    wait_until("the window has passed", || conn.ask("RL.PEEK k").five()[2] == 4);
    let (used, ms) = elsewhere(&mut conn, "k");
    assert_eq!(used, 6);
    assert!((3_590_000..=3_600_000).contains(&ms), "{ms}");
    let admitted = (0..10).filter(|_| conn.ask("RL.SLIDE k 10 1d").five()[0] == 1).count();
    assert_eq!(admitted, 3, "of ten, after the one before");
    // It is lifted by a limit that is as high, and stays where none is told.
    assert_eq!(conn.ask("RL.SYNC k REMAINING 6").int(), 6);
    assert_eq!(conn.ask("RL.SYNC k REMAINING 6 OF 10").int(), 0);
    assert_eq!(conn.ask("RL.SLIDE k 10 1d").five()[0], 1);
}

#[test]
fn a_bucket_gets_back_what_is_used_elsewhere_little_by_little() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    // A token each 20 ms; ten tokens are used elsewhere, and two here.
    conn.done("RL.BUCKET k 12 50 1 COST 2");
    assert_eq!(conn.ask("RL.SYNC k REMAINING 0 OF 50 RESET 240ms").int(), 10);
    let waiters: Vec<Waiter> =
        (0..12).map(|_| Waiter::start(&server, "RL.BUCKET k 12 50 1 WAIT 5")).collect();
    let mut seen = Vec::new();
    wait_until("all are served", || {
        seen.push(still(&waiters, &mut conn).len());
        seen.last() == Some(&0)
    });
    let steps = seen.windows(2).map(|pair| pair[0].saturating_sub(pair[1])).max();
    assert!(steps < Some(8), "they are not let go all at once: {seen:?}");
    assert_eq!(conn.ask("RL.PEEK k").five()[1], 12);
}

#[test]
fn a_bucket_with_a_lower_rate_elsewhere_is_slower_and_smaller_here() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    // A token each 10 ms here, each 100 ms there. Of the 20 tokens, 2 are left there at most.
    conn.done("RL.BUCKET k 20 100 1");
    assert!((17..=20).contains(&conn.ask("RL.SYNC k REMAINING 0 OF 10").int()));
    let retry = conn.ask("RL.PEEK k COST 2").five()[3];
    assert!((50..=100).contains(&retry), "{retry}: the second token comes at the lower rate");
    wait_until("it is as full as the lower one", || conn.ask("RL.PEEK k").five()[2] == 2);
    assert_eq!(conn.ask("RL.BUCKET k 20 100 1 COST 3").five()[0], 0, "more than there ever is");
    assert_eq!(conn.ask("RL.SYNC k REMAINING 100 OF 100").int(), 0);
    assert_eq!(conn.ask("RL.BUCKET k 20 100 1 COST 3").five()[0], 1);
}

#[test]
fn what_an_earlier_request_was_told_is_ignored() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 10 1h");
    assert_eq!(conn.ask("RL.SYNC k REMAINING 2 AGE 10m").int(), 7);
    assert_eq!(conn.ask("RL.SYNC k REMAINING 9 OF 1 AGE 20m").int(), 7);
    assert_eq!(conn.ask("RL.SYNC k REMAINING 3 AGE 5m").int(), 6);
    assert_eq!(conn.ask("RL.SYNC k REMAINING 4").int(), 5, "without an age it is the newest");
    assert_eq!(conn.ask("RL.SYNC k REMAINING 5 AGE 1h").int(), 4, "of which nobody knows when it was sent");
    conn.done("RL.SYNC k REMAINING 9 AGE 0");
    assert_eq!(conn.ask("RL.SYNC k REMAINING 1 AGE 1h").int(), 8, "nothing was used elsewhere");
}

#[test]
fn a_replica_a_file_and_a_crash_keep_it() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    tell(&mut first);
    catch_up(&mut first, &mut second);
    assert_eq!(first.digest(), second.digest());
    assert_eq!(answers(&mut first), answers(&mut second));

    for preamble in ["yes", "no"] {
        let line = format!("aof-use-rdb-preamble {preamble}");
        let mut server = Server::start(&["appendonly yes", "appendfsync always", &line]);
        let mut conn = server.connect();
        tell(&mut conn);
        let (digest, before) = (conn.digest(), answers(&mut conn));
        conn.done("DEBUG RELOAD");
        assert_eq!((conn.digest(), answers(&mut conn)), (digest.clone(), before.clone()));
        server.crash_and_restart();
        let mut conn = server.connect();
        assert_eq!((conn.digest(), answers(&mut conn)), (digest.clone(), before.clone()));
        conn.done("BGREWRITEAOF");
        wait_until("it is rewritten", || conn.info_number("aof_rewrite_in_progress") == 0);
        server.crash_and_restart();
        let mut conn = server.connect();
        assert_eq!((conn.digest(), answers(&mut conn)), (digest, before));
    }
}

#[test]
fn what_changes_nothing_is_not_replicated() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    tell(&mut first);
    catch_up(&mut first, &mut second);
    let offset = first.offset();
    for line in ["RL.SYNC lowered LIMIT a REMAINING 9", "RL.HOLD only 1", "RL.SYNC none REMAINING 1 OF 2"] {
        first.done(line);
    }
    assert_eq!(first.offset(), offset);
}

#[test]
fn their_errors() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    tell(&mut conn);
    conn.done("SET text 1");
    let remaining = "ERR remaining must be an integer from -9007199254740991 to 9007199254740991";
    let limit = "ERR limit must be an integer from 0 to 9007199254740991";
    let syntax = "ERR syntax error, expected RL.SYNC";
    for (line, error) in [
        ("RL.SYNC slide REMAINING -0", remaining),
        ("RL.SYNC slide REMAINING 1.5", remaining),
        ("RL.SYNC slide REMAINING -9007199254740992", remaining),
        ("RL.SYNC slide REMAINING 1 OF -1", limit),
        ("RL.SYNC slide REMAINING 1 OF", syntax),
        ("RL.SYNC slide REMAINING 1 RESET 5 OF 1", syntax),
        ("RL.SYNC slide OF 1 REMAINING 1", syntax),
        ("RL.SYNC slide AGE 1 REMAINING 1", syntax),
        ("RL.SYNC slide REMAINING 1 AGE 1 RESET 1", syntax),
        ("RL.SYNC slide REMAINING 1 AGE -1", "ERR age must be"),
        ("RL.SYNC lowered LIMIT a REMAINING 1 AGE 1 LIMIT b REMAINING 1", syntax),
        ("RL.SYNC slide LIMIT a REMAINING 1", "WRONGTYPE"),
        ("RL.SYNC quota REMAINING 1", "WRONGTYPE"),
        ("RL.SYNC text REMAINING 1", "WRONGTYPE"),
        ("RL.HOLD text 1", "WRONGTYPE"),
        ("RL.SYNC quota LIMIT c REMAINING 1", "ERR no such limit"),
        ("RL.HOLD quota 1 LIMIT none", "ERR no such limit"),
    ] {
        let reply = conn.ask(line);
        assert!(reply.error().starts_with(error), "{line}: {reply:?}");
    }
    server.assert_alive();
}
