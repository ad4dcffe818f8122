//! A request that is denied or refused, or that only reads, leaves no trace: nothing is written, replicated,
//! appended or created.

use crate::common::aof;
use crate::common::{Conn, Server, Value, wait_until};

/// Everything that changes when a command writes.
#[derive(Debug, PartialEq)]
struct Trace {
    offset: i64,
    aof: usize,
    changes: i64,
    keys: i64,
    digest: String,
    expiries: Vec<i64>,
}

fn trace(server: &Server, conn: &mut Conn) -> Trace {
    Trace {
        offset: conn.offset(),
        aof: aof::size(server.dir()),
        changes: conn.info_number("rdb_changes_since_last_save"),
        keys: conn.ask("DBSIZE").int(),
        digest: conn.digest(),
        expiries: ["s", "w", "b", "q"]
            .iter()
            .map(|key| conn.ask(&format!("PEXPIRETIME {key}")).int())
            .collect(),
    }
}

#[test]
fn requests_that_admit_nothing_write_nothing() {
    let server = Server::start_tcp(&["appendonly yes", "appendfsync always"]);
    let replica = Server::start(&[&format!("replicaof 127.0.0.1 {}", server.port())]);
    let mut conn = server.connect();
    wait_until("the replica follows", || {
        replica.connect().info("master_link_status").as_deref() == Some("up")
    });
    conn.done("RL.SLIDE s 5 1d COST 5");
    conn.done("RL.WINDOW w 5 3650d COST 5");
    conn.done("RL.BUCKET b 5 1 3650d COST 5");
    conn.done("RL.QUOTA q LIMIT a 5 1d LIMIT t 5 1d UNIT tokens LIMIT open 2 INFLIGHT COST tokens 4 RESERVE 1d ID r");
    conn.done("SET string x");
    let before = trace(&server, &mut conn);
    for line in [
        "RL.SLIDE s 5 1d",
        "RL.SLIDE s 3 1d",
        "RL.SLIDE s 5 1d COST 6",
        "RL.SLIDE s 5 1d COST 0",
        "RL.SLIDE new 5 1d COST 6",
        "RL.SLIDE new 5 1d COST 0",
        "RL.WINDOW w 5 3650d",
        "RL.WINDOW w 4 3650d",
        "RL.WINDOW w 5 3650d COST 6",
        "RL.WINDOW new 5 1mo COST 6",
        "RL.WINDOW new 5 1mo COST 0",
        "RL.BUCKET b 5 1 3650d",
        "RL.BUCKET b 4 1 3650d",
        "RL.BUCKET b 5 1 3650d COST 6",
        "RL.BUCKET new 5 1 COST 6",
        "RL.BUCKET new 5 1 COST 0",
        "RL.PEEK s",
        "RL.PEEK w COST 2",
        "RL.PEEK b COST 6",
        "RL.PEEK new",
        "RL.INFO s",
        "RL.INFO w",
        "RL.INFO b",
        "RL.INFO new",
        "RL.REFUND new 3",
        "RL.SLIDE s 0 1d",
        "RL.WINDOW new 0 1mo",
        "RL.BUCKET new 0 1",
        "RL.SLIDE s -1 1d",
        "RL.SLIDE new 5 x",
        "RL.SLIDE string 5 1d",
        "RL.SLIDE w 5 1d",
        "RL.WINDOW new 5 1d OFFSET x",
        "RL.BUCKET new 5 0",
        "RL.PEEK string",
        "RL.REFUND string 1",
        "RL.REFUND s -1",
        "RL.INFO string",
        "RL.SLIDE new",
        "RL.APPLY new x",
        // A request about many limits is denied if only some of them would admit it. An id with an open
        // reservation was admitted already.
        "RL.QUOTA q LIMIT a 5 1d LIMIT t 5 1d UNIT tokens COST tokens 2",
        "RL.QUOTA q LIMIT a 5 1d LIMIT t 5 1d UNIT tokens COST tokens 2 RESERVE 1d",
        "RL.QUOTA q LIMIT a 5 1d LIMIT t 5 1d UNIT tokens COST tokens 2 RESERVE 1d ID s",
        "RL.QUOTA q LIMIT a 5 1d LIMIT open 1 INFLIGHT RESERVE 1d",
        "RL.QUOTA q LIMIT other 5 1d LIMIT t 3 1h UNIT tokens WINDOW COST tokens 4",
        "RL.QUOTA q LIMIT a 5 1d COST requests 0",
        "RL.QUOTA q LIMIT a 5 1d LIMIT t 5 1d UNIT tokens LIMIT open 2 INFLIGHT COST tokens 4 RESERVE 1d ID r",
        "RL.QUOTA q LIMIT a 5 1d RESERVE 2d ID r",
        "RL.QUOTA new LIMIT a 5 1d LIMIT t 5 1d UNIT tokens COST tokens 6",
        "RL.QUOTA new LIMIT a 5 1d COST requests 0",
        "RL.QUOTA new LIMIT t 5 1d UNIT tokens",
        "RL.PEEK q COST tokens 2",
        "RL.INFO q",
        "RL.SETTLE q s COST tokens 1",
        "RL.CANCEL q s",
        "RL.RENEW q s 1d",
        "RL.SETTLE new r",
        "RL.CANCEL new r",
        "RL.RENEW new r 1d",
        "RL.QUOTA q LIMIT a 5 1d LIMIT a 5 1d",
        "RL.QUOTA q LIMIT open 5 INFLIGHT",
        "RL.QUOTA q POLICY none",
        "RL.MQUOTA 1 q POLICY none",
        "RL.QUOTA s LIMIT a 5 1d",
        "RL.QUOTA string LIMIT a 5 1d",
        "RL.SLIDE q 5 1d",
        "RL.REFUND q 1",
        "RL.SETTLE string r",
        "RL.SETTLE q r COST tokens x",
        "RL.RENEW q r x",
        "RL.APPLY q quota x",
        "RL.APPLY new quota x",
    ] {
        for _ in 0..3 {
            conn.ask(line);
        }
        assert_eq!(trace(&server, &mut conn), before, "{line}");
    }
    conn.done("RL.REFUND s 1");
    let after = trace(&server, &mut conn);
    assert!(
        after.offset > before.offset && after.aof > before.aof && after.digest != before.digest,
        "{after:?}"
    );
}

#[test]
fn denials_in_a_transaction_or_script_write_nothing() {
    let server = Server::start_tcp(&["appendonly yes", "appendfsync always"]);
    let replica = Server::start(&[&format!("replicaof 127.0.0.1 {}", server.port())]);
    let mut conn = server.connect();
    wait_until("the replica follows", || {
        replica.connect().info("master_link_status").as_deref() == Some("up")
    });
    conn.done("RL.SLIDE s 5 1d COST 5");
    let before = trace(&server, &mut conn);
    let quota = "RL.QUOTA new LIMIT a 5 1d LIMIT b 1 1d COST requests 2 RESERVE 1d";
    conn.multi(&["RL.SLIDE s 5 1d", "RL.PEEK s", "RL.SLIDE new 1 1d COST 2", quota]);
    let script = "redis.call('RL.SLIDE', KEYS[1], 5, '1d') return redis.call('RL.PEEK', KEYS[1])";
    assert_eq!(conn.call(&["EVAL", script, "1", "s"]).five()[..3], [0, 5, 0]);
    assert_eq!(trace(&server, &mut conn), before);
}

#[test]
fn an_admission_is_one_effect() {
    let server = Server::start(&["appendonly yes", "appendfsync always"]);
    let mut conn = server.connect();
    for line in [
        "RL.SLIDE s 5 1d",
        "RL.WINDOW w 5 1mo OFFSET -1h",
        "RL.BUCKET b 5 0.5 1h",
        "RL.REFUND s 1",
        "RL.QUOTA q LIMIT a 5 1d LIMIT b 5 1mo WINDOW LIMIT open 5 INFLIGHT RESERVE 1d ID r",
        "RL.RENEW q r 2d",
        "RL.SETTLE q r COST requests 3",
    ] {
        let before = aof::commands(server.dir()).len();
        conn.done(line);
        let commands = aof::commands(server.dir());
        let written: Vec<_> =
            commands[before..].iter().filter(|command| !command[0].eq_ignore_ascii_case(b"SELECT")).collect();
        assert_eq!(written.len(), 1, "{line}");
        assert_eq!(written[0][0].to_ascii_uppercase(), b"RL.APPLY", "{line}");
    }
    let kinds: Vec<_> = aof::effects(server.dir()).into_iter().map(|effect| effect.kind).collect();
    assert_eq!(kinds, ["slide", "window", "bucket", "refund"]);
}

#[test]
fn a_watched_key_is_touched_by_an_admission_and_by_nothing_less() {
    let server = Server::start(&[]);
    let (mut watcher, mut other) = (server.connect(), server.connect());
    other.done("RL.SLIDE k 5 1d COST 4");
    for (line, touches) in [
        ("RL.SLIDE k 5 1d COST 2", false),
        ("RL.SLIDE k 5 1d COST 6", false),
        ("RL.SLIDE k 5 1d COST 0", false),
        ("RL.PEEK k", false),
        ("RL.INFO k", false),
        ("RL.SLIDE k x 1d", false),
        ("RL.SLIDE k 5 1d", true),
        ("RL.REFUND k 1", true),
    ] {
        assert_touches(&mut watcher, &mut other, line, touches);
    }
    other.done("DEL k");
    other.done("RL.QUOTA k LIMIT a 5 1d COST requests 3 RESERVE 1d ID r");
    for (line, touches) in [
        ("RL.QUOTA k LIMIT a 5 1d LIMIT b 9 1d COST requests 3", false),
        ("RL.QUOTA k LIMIT a 5 1d COST requests 0", false),
        ("RL.QUOTA k LIMIT a 5 1d COST requests 3 RESERVE 1d ID r", false),
        ("RL.PEEK k", false),
        ("RL.SETTLE k s", false),
        ("RL.QUOTA k LIMIT a x 1d", false),
        ("RL.QUOTA k LIMIT a 5 1d", true),
        ("RL.RENEW k r 2d", true),
        ("RL.SETTLE k r COST requests 1", true),
        ("RL.SETTLE k r COST requests 1", false),
    ] {
        assert_touches(&mut watcher, &mut other, line, touches);
    }
}

fn assert_touches(watcher: &mut Conn, other: &mut Conn, line: &str, touches: bool) {
    watcher.done("WATCH k");
    other.ask(line);
    watcher.done("MULTI");
    watcher.done("PING");
    assert_eq!(watcher.ask("EXEC") == Value::Nil, touches, "{line}");
}
