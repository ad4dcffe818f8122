//! Another module that runs commands in the midst of ours cannot end the server, nor make a limit admit too much.
//!
//! The module of `meddler.c` hears of each key that expires, is created or is deleted, and runs a command right then: while
//! ours has keys open and has decided, or is about to.

use crate::common::server::compile;
use crate::common::{Conn, Server, not_tested, wait_until};

struct Meddled {
    /// Its folder has the module.
    _folder: Server,
    server: Server,
    conn: Conn,
}

impl Meddled {
    fn start(config: &[&str]) -> Self {
        let folder = Server::start_without_module();
        let load =
            format!("loadmodule {}", compile(&folder, "tests/server/other_modules/meddler.c").display());
        let server = Server::start(&[&[&*load], config].concat());
        let mut conn = server.connect();
        conn.done("DEBUG SET-ACTIVE-EXPIRE 0");
        conn.done("RL.POLICY SET p LIMIT a 100 1d");
        conn.done("RL.POLICY SET brief LIMIT a 100 30ms");
        Self { _folder: folder, server, conn }
    }

    /// At the next event, `command` is run.
    fn meddle(&mut self, event: &str, command: &str) {
        self.conn.done(&format!("MEDDLE {event} {command}"));
    }

    #[track_caller]
    fn assert_meddled(&mut self, with: &str) {
        let said = self.conn.ask("MEDDLED");
        assert!(said.text().contains(with), "{said:?}");
        self.server.assert_alive();
    }

    /// Asks keys by their policies and returns what remains of each.
    fn remaining(&mut self, keys: &str, policies: &str) -> Vec<i64> {
        let count = keys.split(' ').count();
        let reply = self.conn.ask(&format!("RL.MQUOTA {count} {keys} POLICY {policies}"));
        assert_eq!(reply.list()[0].int(), 1, "{reply:?}");
        reply.list()[3].list().iter().map(|limit| limit.list()[2].int()).collect()
    }

    /// Makes the keys `a` and `b`, with one request each, and `c`, which has expired but is still there.
    fn make_keys(&mut self) {
        self.conn.done("FLUSHALL");
        self.conn.done("RL.MQUOTA 3 a b c POLICY p p brief");
        let expires = self.conn.ask("PEXPIRETIME c").int(); // asked at once: asked later it would delete the key
        wait_until("the window of c has passed", || expires < unix_ms(&mut self.conn));
    }
}

/// Whether the server allows that a module removes a key as it is made.
///
/// Redis 7.0 ends itself then, also when its own SET makes the key. Redis 8.0 reads the value again after it has told
/// the module of the new key, whether or not it is still there.
fn may_remove_a_new_key(conn: &mut Conn) -> bool {
    conn.is_at_least(7, 2) && (conn.info("valkey_version").is_some() || !conn.is_at_least(8, 0))
}

fn unix_ms(conn: &mut Conn) -> i64 {
    let time = conn.ask("TIME");
    let part = |at: usize| time.list()[at].text().parse::<i64>().unwrap();
    part(0) * 1_000 + part(1) / 1_000
}

/// Requests that create the key `k`.
const CREATORS: [&str; 5] = [
    "RL.SLIDE k 5 60",
    "RL.WINDOW k 5 1d",
    "RL.BUCKET k 5 1",
    "RL.QUOTA k POLICY p RESERVE 60",
    "RL.MQUOTA 2 k l POLICY p p",
];

#[test]
fn a_key_that_is_removed_as_it_is_made_is_an_error_and_reaches_no_file() {
    let mut meddled = Meddled::start(&["appendonly yes"]);
    if !may_remove_a_new_key(&mut meddled.conn) {
        return not_tested(
            "a module that removes a new key",
            "a command of this server does not survive that",
        );
    }
    for request in CREATORS {
        for (command, left) in [("DEL k", "none"), ("SET k x", "string"), ("FLUSHALL", "none")] {
            meddled.conn.ask("DEL k l");
            meddled.meddle("new", command);
            let reply = meddled.conn.ask(request);
            assert!(reply.error().starts_with("TRYAGAIN"), "{request}, {command}: {reply:?}");
            assert_eq!(meddled.conn.ask("TYPE k").text(), left, "{request}, {command}");
            meddled.server.assert_alive();
        }
    }
    meddled.conn.ask("DEL k");
    meddled.meddle("new", "DEL k");
    assert!(meddled.conn.ask("RL.SLIDE k 5 60").is_error());
    meddled.server.crash_and_restart();
    assert_eq!(meddled.server.connect().ask("EXISTS k").int(), 0, "what was removed at once is in no file");
}

#[test]
fn an_expiry_that_another_module_sets_first_is_replaced() {
    let mut meddled = Meddled::start(&[]);
    for command in ["PEXPIRE k 1000000000", "PEXPIRE k 1000", "PERSIST k"] {
        for request in CREATORS {
            meddled.conn.ask("DEL k l");
            meddled.meddle("new", command);
            assert!(!meddled.conn.ask(request).is_error(), "{request}, {command}");
            let ttl = meddled.conn.ask("PTTL k").int();
            assert!((0..=86_460_000).contains(&ttl), "{request}, {command}: {ttl}");
            meddled.server.assert_alive();
        }
    }
}

#[test]
fn a_handler_of_a_new_key_may_look_at_limits_but_not_change_them() {
    let mut meddled = Meddled::start(&[]);
    for command in [
        "RL.SLIDE k 5 60",
        "RL.BUCKET other 5 1",
        "RL.QUOTA k POLICY p",
        "RL.MQUOTA 1 k POLICY p",
        "RL.REFUND k 1",
        "RL.POLICY DEL p",
    ] {
        meddled.conn.ask("DEL k");
        meddled.meddle("new", command);
        assert_eq!(meddled.conn.ask("RL.SLIDE k 5 60").five()[..3], [1, 5, 4], "{command}");
        meddled.assert_meddled("may not change limits");
        assert_eq!(meddled.conn.ask("RL.PEEK k").five()[2], 4, "{command}");
    }
    for command in ["RL.PEEK k", "RL.INFO k", "RL.POLICY LIST", "RL.TOP"] {
        meddled.conn.ask("DEL k");
        meddled.meddle("new", command);
        assert_eq!(meddled.conn.ask("RL.SLIDE k 5 60").five()[..3], [1, 5, 4], "{command}");
        meddled.assert_meddled("answered");
    }
}

#[test]
fn changes_by_a_handler_to_open_keys_are_seen() {
    let mut meddled = Meddled::start(&[]);
    let fresh = [99, 99, 99];
    for (command, remaining) in [
        ("DEL a", [99, 98, 99]),
        ("UNLINK b", [98, 99, 99]),
        ("RENAME a z", [99, 98, 99]),
        ("RENAME a b", [99, 98, 99]),
        ("FLUSHALL", fresh),
        ("FLUSHALL ASYNC", fresh),
        ("SWAPDB 0 1", fresh),
        ("PEXPIRE a 100000", [98, 98, 99]),
        ("RL.QUOTA a POLICY p", [97, 98, 99]),
        ("RL.MQUOTA 2 a b POLICY p p", [97, 97, 99]),
        ("RL.QUOTA c POLICY brief", [98, 98, 98]),
        ("RL.MQUOTA 3 c b a POLICY brief p p", [97, 97, 98]),
        ("COPY a c REPLACE", [98, 98, 98]),
    ] {
        meddled.make_keys();
        meddled.meddle("expired", command);
        let policies = if command.starts_with("COPY") { "p p p" } else { "p p brief" };
        assert_eq!(meddled.remaining("a b c", policies), remaining, "{command}");
        meddled.server.assert_alive();
        assert_ne!(meddled.conn.ask("MEDDLED").text(), "no reply");
        // The expired key first: the others are opened after the handler has run.
        meddled.make_keys();
        meddled.meddle("expired", command);
        let policies = if command.starts_with("COPY") { "p p p" } else { "brief p p" };
        let [a, b, c] = remaining;
        assert_eq!(meddled.remaining("c a b", policies), [c, a, b], "{command}");
        meddled.server.assert_alive();
    }
}

#[test]
fn a_key_that_becomes_another_type_meanwhile_is_a_wrong_type() {
    let mut meddled = Meddled::start(&[]);
    for command in ["SET a x", "SET b x", "SET c x", "RL.SLIDE c 5 60"] {
        meddled.make_keys();
        meddled.meddle("expired", command);
        let reply = meddled.conn.ask("RL.MQUOTA 3 a b c POLICY p p brief");
        assert!(reply.error().starts_with("WRONGTYPE"), "{command}: {reply:?}");
        meddled.server.assert_alive();
    }
}

#[test]
fn one_key_that_expires_as_it_is_opened_is_looked_up_again() {
    let mut meddled = Meddled::start(&[]);
    for (command, remaining) in
        [("RL.QUOTA c POLICY brief", 98), ("DEL c", 99), ("RL.PEEK c", 99), ("FLUSHALL", 99)]
    {
        meddled.make_keys();
        meddled.meddle("expired", command);
        let reply = meddled.conn.ask("RL.QUOTA c POLICY brief");
        assert_eq!(reply.list()[3].list()[0].list()[2].int(), remaining, "{command}: {reply:?}");
        meddled.server.assert_alive();
    }
    meddled.make_keys();
    meddled.meddle("expired", "SET c x");
    assert!(meddled.conn.ask("RL.QUOTA c POLICY brief").error().starts_with("WRONGTYPE"));
    meddled.make_keys();
    meddled.meddle("expired", "RL.QUOTA c POLICY brief");
    let peeked = meddled.conn.ask("RL.PEEK c");
    assert_eq!(peeked.list()[3].list()[0].list()[2].int(), 99, "{peeked:?}");
}

#[test]
fn keys_that_are_made_together_survive_a_handler_between_them() {
    let mut meddled = Meddled::start(&[]);
    let may_remove = may_remove_a_new_key(&mut meddled.conn);
    for command in ["DEL a", "DEL b", "FLUSHALL", "SET c x", "SET d x", "SWAPDB 0 1", "RENAME a d"] {
        for event in ["new", "del", "expired"] {
            if event == "new" && !may_remove {
                continue;
            }
            meddled.make_keys();
            meddled.meddle(event, command);
            // Whatever it is answered: the keys are read and changed as they are by then.
            let _ = meddled.conn.ask("RL.MQUOTA 5 a c d b e POLICY p p p p p");
            meddled.server.assert_alive();
        }
    }
}
