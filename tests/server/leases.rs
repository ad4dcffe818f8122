//! `UPTO` and `LEASE` on real servers: replies, lines, files, replicas, errors. What is admitted is tested in the core.

use crate::common::replica::{catch_up, pair};
use crate::common::waiting::{assert_no_waiters, still};
use crate::common::{Conn, Server, Value, Waiter, wait_until};

fn start() -> (Server, Conn) {
    let server = Server::start(&[]);
    let conn = server.connect();
    (server, conn)
}

/// What remains of each limit of a quota.
fn remaining(conn: &mut Conn, key: &str) -> Vec<i64> {
    let reply = conn.ask(&format!("RL.PEEK {key}"));
    reply.list()[3].list().iter().map(|row| row.list()[2].int()).collect()
}

/// The last element of a reply: units, each with what is granted.
fn granted(reply: &Value) -> Vec<(String, i64)> {
    let list = reply.list().last().unwrap().list();
    list.chunks(2).map(|pair| (pair[0].text(), pair[1].int())).collect()
}

#[test]
fn as_much_of_one_limit_as_there_is() {
    let (_server, mut conn) = start();
    for (line, first) in [
        ("RL.SLIDE slide 10 1h COST 4 UPTO", [4, 10, 6, 0]),
        ("RL.SLIDE slide 10 1h UPTO COST 40", [6, 10, 0, 0]),
        ("RL.WINDOW window 10 1d COST 7", [1, 10, 3, 0]),
        ("RL.WINDOW window 10 1d OFFSET 1h COST 7 UPTO", [3, 10, 0, 0]),
        ("RL.BUCKET bucket 10 1 1h COST 99 UPTO", [10, 10, 0, 0]),
        ("RL.SLIDE one 10 1h UPTO", [1, 10, 9, 0]),
        ("RL.SLIDE one 10 1h COST 0 UPTO", [0, 10, 9, 0]),
    ] {
        assert_eq!(conn.ask(line).five()[..4], first, "{line}");
    }
    let offset = conn.offset();
    let denied = conn.ask("RL.BUCKET bucket 10 1 1h COST 99 UPTO").five();
    assert_eq!(denied[..3], [0, 10, 0]);
    assert!((3_590_000..=3_600_000).contains(&denied[3]), "until one token is there: {denied:?}");
    assert_eq!(conn.ask("RL.SLIDE none 0 1h COST 9 UPTO").five()[..4], [0, 0, 0, -1]);
    assert_eq!(conn.offset(), offset, "what is denied is not replicated");
}

#[test]
fn one_that_waits_takes_what_there_is_when_its_turn_comes() {
    let (server, mut conn) = start();
    conn.done("RL.SLIDE k 5 1h COST 5");
    let costs = ["COST 9 UPTO", "COST 1", "COST 9 UPTO"];
    let start = |cost: &str| Waiter::start(&server, &format!("RL.SLIDE k 5 1h {cost} WAIT 1h"));
    let mut waiters: Vec<Waiter> = costs.map(start).into();
    conn.done("RL.REFUND k 3");
    assert_eq!(waiters.remove(0).five()[..3], [3, 5, 0], "all that there was");
    assert_eq!(still(&waiters, &mut conn), [0, 1]);
    conn.done("RL.REFUND k 3");
    assert_eq!(waiters.remove(0).five()[..3], [1, 5, 2], "only its own");
    assert_eq!(waiters.remove(0).five()[..3], [2, 5, 0]);
}

#[test]
fn a_lease_counts_until_it_is_settled() {
    let (_server, mut conn) = start();
    let quota = "RL.QUOTA q LIMIT rpm 10 1h LIMIT tpm 1000 1h UNIT tokens BUCKET 1000";
    let reply = conn.ask(&format!("{quota} COST requests 4 COST tokens 400 LEASE 1h ID a"));
    let list = reply.list();
    assert_eq!((list.len(), list[0].int(), list[4].text()), (5, 1, "a".into()));
    assert_eq!(remaining(&mut conn, "q"), [6, 600]);
    let again = conn.ask(&format!("{quota} COST requests 4 COST tokens 400 LEASE 1h ID a"));
    assert_eq!(again.list()[4].text(), "a", "one that is repeated takes nothing");
    assert_eq!(remaining(&mut conn, "q"), [6, 600]);
    assert_eq!(conn.ask("RL.INFO q").get("reservations").int(), 1);
    let up_to = conn.ask(&format!("{quota} COST requests 100 COST tokens 3000 UPTO LEASE 1h"));
    assert_eq!(
        granted(&up_to),
        [("requests".into(), 6), ("tokens".into(), 180)],
        "6 of 100, and as large a share"
    );
    let denied = conn.ask(&format!("{quota} COST requests 100 COST tokens 3000 UPTO LEASE 1h REPLY SHORT"));
    let denied = denied.list();
    assert_eq!((denied.len(), denied[0].int(), &denied[2]), (4, 0, &Value::Nil));
    assert!(denied[1].int() > 0 && denied[3].list().is_empty());
    assert_eq!(conn.ask("RL.SETTLE q a COST tokens 100").int(), 1);
    assert_eq!(conn.ask("RL.SETTLE q a COST tokens 100").int(), 0);
    let left = remaining(&mut conn, "q");
    assert_eq!(left[0], 0, "a unit that is not named was used");
    assert!((720..=725).contains(&left[1]), "{left:?}");
    assert_eq!(conn.ask(&format!("RL.CANCEL q {}", up_to.list()[4].text())).int(), 1);
    assert_eq!(remaining(&mut conn, "q")[0], 6);
}

#[test]
fn a_lease_ends_with_its_ttl_and_with_its_window() {
    let (_server, mut conn) = start();
    conn.done("RL.QUOTA slide LIMIT a 5 300ms COST requests 5 LEASE 100ms ID a");
    wait_until("it has ended", || conn.ask("RL.INFO slide").get("reservations").int() == 0);
    assert_eq!(remaining(&mut conn, "slide"), [0], "it was used up at its end");
    assert_eq!(conn.ask("RL.SETTLE slide a COST requests 0").int(), 0);
    wait_until("a window has passed since", || matches!(conn.ask("RL.PEEK slide"), Value::Nil));

    let reply = conn.ask("RL.QUOTA window LIMIT a 5 500ms WINDOW COST requests 5 LEASE 1h ID a");
    let reset = reply.list()[3].list()[0].list()[4].int();
    assert!((1..=500).contains(&reset), "a holder is told when its window ends: {reset}");
    // Its end passes by itself. Then it cannot be settled any more, and has taken nothing of the next window.
    wait_until("the window has ended", || matches!(conn.ask("RL.PEEK window"), Value::Nil));
    assert_eq!(conn.ask("RL.SETTLE window a").int(), 0);
    let reply = conn.ask("RL.QUOTA window LIMIT a 5 500ms WINDOW COST requests 5 REPLY SHORT");
    assert_eq!(reply.list()[0].int(), 1, "the next window is whole");
}

#[test]
fn who_waits_is_served_when_a_lease_is_settled() {
    let (server, mut conn) = start();
    conn.done("RL.QUOTA q LIMIT a 5 1h COST requests 5 LEASE 1h ID a");
    let waiters: Vec<Waiter> = (0..3)
        .map(|_| {
            Waiter::start(&server, "RL.QUOTA q LIMIT a 5 1h COST requests 2 LEASE 1h WAIT 1h REPLY SHORT")
        })
        .collect();
    assert_eq!(conn.ask("RL.SETTLE q a COST requests 1").int(), 1);
    wait_until("two are served", || still(&waiters, &mut conn).len() == 1);
    assert_eq!(remaining(&mut conn, "q"), [0]);
    conn.done("DEL q");
    wait_until("the key is new", || still(&waiters, &mut conn).is_empty());
    assert_no_waiters(&mut conn);
}

#[test]
fn several_keys_and_the_first_of_several() {
    let (_server, mut conn) = start();
    conn.done("RL.POLICY SET a LIMIT r 3 1h");
    conn.done("RL.POLICY SET b LIMIT r 9 1h");
    conn.done("RL.MQUOTA 2 one two POLICY a b COST requests 2 LEASE 1h ID m");
    assert_eq!((remaining(&mut conn, "one"), remaining(&mut conn, "two")), (vec![1], vec![7]));
    let first = conn.ask("RL.FIRST 2 one two POLICY a b COST requests 2 LEASE 1h ID f REPLY SHORT");
    assert_eq!((first.list()[2].text(), first.list()[3].int()), ("f".into(), 1));
    assert_eq!(conn.ask("RL.SETTLE one m COST requests 0").int(), 1);
    assert_eq!((remaining(&mut conn, "one"), remaining(&mut conn, "two")), (vec![3], vec![5]));
}

/// Keys with leases that outlast a test, and some that have ended.
fn lend(conn: &mut Conn) {
    conn.done("RL.POLICY SET p LIMIT a 10 1h LIMIT b 90 1d UNIT b WINDOW LIMIT c 10 1h UNIT c BUCKET 10");
    for line in [
        "RL.QUOTA p POLICY p COST b 5 COST c 2 LEASE 1h ID open",
        "RL.QUOTA p POLICY p COST b 5 COST c 2 RESERVE 1h ID reserved",
        "RL.QUOTA p POLICY p COST b 500 COST c 90 UPTO LEASE 30m ID most",
        "RL.QUOTA settled LIMIT a 9 1h COST requests 3 LEASE 1h ID x",
        "RL.SETTLE settled x COST requests 2",
        "RL.QUOTA renewed LIMIT a 9 1h COST requests 3 LEASE 1h ID x",
        "RL.RENEW renewed x 2h",
        "RL.QUOTA ended LIMIT a 9 1h COST requests 3 LEASE 1ms ID x",
        "RL.QUOTA other LIMIT a 9 1h COST requests 3 LEASE 1h ID x",
        "RL.QUOTA other LIMIT b 9 1h",
        "RL.QUOTA other LIMIT a 9 1h BUCKET 9 LEASE 1h ID y",
        "RL.SLIDE up 9 1h COST 20 UPTO",
    ] {
        conn.done(line);
    }
    wait_until("it has ended", || conn.ask("RL.INFO ended").get("reservations").int() == 0);
    conn.done("RL.QUOTA ended LIMIT a 9 1h");
}

fn all(conn: &mut Conn) -> Vec<Vec<i64>> {
    ["p", "settled", "renewed", "ended", "other"].map(|key| remaining(conn, key)).to_vec()
}

#[test]
fn a_replica_a_file_and_a_crash_keep_leases() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    lend(&mut first);
    catch_up(&mut first, &mut second);
    assert_eq!(first.digest(), second.digest());
    assert_eq!(all(&mut first)[1..], all(&mut second)[1..]);
    assert_eq!(all(&mut first)[3], [5], "what has ended was charged, and one more came");

    for preamble in ["yes", "no"] {
        let line = format!("aof-use-rdb-preamble {preamble}");
        let mut server = Server::start(&["appendonly yes", "appendfsync always", &line]);
        let mut conn = server.connect();
        lend(&mut conn);
        let digest = conn.digest();
        conn.done("DEBUG RELOAD");
        assert_eq!(conn.digest(), digest);
        server.crash_and_restart();
        let mut conn = server.connect();
        assert_eq!(conn.digest(), digest);
        conn.done("BGREWRITEAOF");
        wait_until("it is rewritten", || conn.info_number("aof_rewrite_in_progress") == 0);
        server.crash_and_restart();
        let mut conn = server.connect();
        assert_eq!(conn.digest(), digest);
        assert_eq!(conn.ask("RL.SETTLE p open COST requests 0").int(), 1, "it is still open");
        assert_eq!(conn.ask("RL.SETTLE renewed x COST requests 0").int(), 1);
        assert_eq!(remaining(&mut conn, "renewed"), [9]);
    }
}

#[test]
fn their_errors() {
    let (server, mut conn) = start();
    conn.done("RL.POLICY SET p LIMIT a 10 1h");
    for (line, error) in [
        ("RL.SLIDE k 1 1 UPTO UPTO", "ERR syntax error, expected RL.SLIDE"),
        ("RL.SLIDE k 1 1 UPTO WAIT 1 FLOW f", "ERR UPTO does not go with FLOW"),
        ("RL.PEEK k UPTO", "ERR syntax error, expected RL.PEEK"),
        ("RL.QUOTA k POLICY p UPTO", "ERR UPTO needs LEASE"),
        ("RL.QUOTA k POLICY p UPTO RESERVE 1", "ERR UPTO needs LEASE"),
        ("RL.QUOTA k POLICY p LEASE 1 RESERVE 1", "ERR syntax error, expected RL.QUOTA"),
        ("RL.QUOTA k POLICY p LEASE", "ERR syntax error, expected RL.QUOTA"),
        ("RL.QUOTA k POLICY p LEASE 0", "ERR ttl must be"),
        ("RL.QUOTA k POLICY p LEASE 1 ID", "ERR syntax error, expected RL.QUOTA"),
        ("RL.QUOTA k POLICY p UPTO LEASE 1 WAIT 1 FLOW f", "ERR UPTO does not go with FLOW"),
        ("RL.QUOTA k LIMIT a 1 INFLIGHT LEASE 1", "ERR a quota with an INFLIGHT limit needs RESERVE"),
        ("RL.MQUOTA 1 k POLICY p UPTO LEASE 1", "ERR UPTO works with one key"),
        ("RL.FIRST 1 k POLICY p UPTO LEASE 1", "ERR UPTO works with one key"),
    ] {
        let reply = conn.ask(line);
        assert!(reply.error().starts_with(error), "{line}: {reply:?}");
    }
    for lease in 0..1_024 {
        conn.done(&format!("RL.QUOTA full POLICY p COST requests 0 LEASE 1h ID {lease}"));
    }
    let reply = conn.ask("RL.QUOTA full POLICY p COST requests 0 LEASE 1h");
    assert!(reply.error().starts_with("ERR a key may hold 1024 open leases"), "{reply:?}");
    assert_eq!(conn.ask("RL.QUOTA full POLICY p RESERVE 1h REPLY SHORT").list()[0].int(), 1);
    assert_eq!(conn.ask("RL.CANCEL full 7").int(), 1);
    conn.done("RL.QUOTA full POLICY p COST requests 0 LEASE 1h");
    server.assert_alive();
}
