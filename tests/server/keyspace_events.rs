//! Keyspace events: what subscribers are told of decisions, and that nothing is sent where nobody asked.

use crate::common::replica::{catch_up, pair};
use crate::common::server::module;
use crate::common::{Conn, Server, Waiter};

/// A client that is subscribed to the module's events.
struct Listener(Conn);

impl Listener {
    #[track_caller]
    fn start(server: &Server) -> Self {
        let mut conn = server.connect();
        conn.done("PSUBSCRIBE __keyevent@*__:rl.*");
        Self(conn)
    }

    /// Returns the events since the last call, as `database event key`.
    #[track_caller]
    fn heard(&mut self) -> Vec<String> {
        self.0.send(&["PING"]);
        let mut heard = Vec::new();
        loop {
            let message = self.0.receive().words();
            if message[0] == "pong" {
                return heard;
            }
            let (db, event) = message[2].split_once("__:rl.").unwrap();
            heard.push(format!("{} {event} {}", db.strip_prefix("__keyevent@").unwrap(), message[3]));
        }
    }
}

fn start() -> (Server, Conn, Listener) {
    let server = Server::start(&["notify-keyspace-events Ed", "rl.cl-throttle yes"]);
    let (conn, listener) = (server.connect(), Listener::start(&server));
    (server, conn, listener)
}

#[test]
fn each_decision_is_told() {
    let (_server, mut conn, mut listener) = start();
    conn.done("RL.POLICY SET p LIMIT a 20 1d");
    for (line, key) in [
        ("RL.SLIDE s 20 1d", "s"),
        ("RL.WINDOW w 20 3650d", "w"),
        ("RL.BUCKET b 20 1 1d", "b"),
        ("RL.QUOTA q LIMIT a 20 1d", "q"),
        ("RL.QUOTA o POLICY p", "o"),
        ("RL.MQUOTA 1 m POLICY p", "m"),
    ] {
        let cost = if line.contains("QUOTA") { "COST requests" } else { "COST" };
        conn.done(line);
        assert_eq!(listener.heard(), [format!("0 admit {key}")], "{line}");
        conn.done(&format!("{line} {cost} 20"));
        assert_eq!(listener.heard(), [format!("0 deny {key}")], "{line}");
    }
    conn.done("CL.THROTTLE c 19 1 86400");
    conn.done("CL.THROTTLE c 19 1 86400 20");
    assert_eq!(listener.heard(), ["0 admit c", "0 deny c"]);
    for line in ["RL.PEEK s", "RL.REFUND s 1", "RL.INFO s", "RL.SLIDE s x 1d", "RL.SLIDE q 5 1d"] {
        conn.ask(line);
    }
    assert_eq!(listener.heard(), [] as [&str; 0]);
    conn.done("SELECT 3");
    conn.done("RL.SLIDE s 20 1d");
    conn.multi(&["RL.SLIDE s 20 1d", "RL.SLIDE s 20 1d COST 30"]);
    assert_eq!(listener.heard(), ["3 admit s", "3 admit s", "3 deny s"]);
}

#[test]
fn near_is_told_once_as_the_limit_is_nearly_used() {
    let (_server, mut conn, mut listener) = start();
    for (key, line) in [
        ("s", "RL.SLIDE s 10 1d COST"),
        ("w", "RL.WINDOW w 10 3650d COST"),
        ("b", "RL.BUCKET b 10 1 1d COST"),
        ("q", "RL.QUOTA q LIMIT far 100 1d LIMIT a 10 1d COST requests"),
    ] {
        for (cost, told) in
            [(7, &["admit"][..]), (1, &["admit", "near"]), (1, &["admit"]), (2, &["deny"]), (0, &["admit"])]
        {
            conn.done(&format!("{line} {cost}"));
            let told: Vec<String> = told.iter().map(|event| format!("0 {event} {key}")).collect();
            assert_eq!(listener.heard(), told, "{line} {cost}");
        }
    }
    conn.done("RL.REFUND s 3");
    conn.done("RL.SLIDE s 10 1d COST 2");
    assert_eq!(listener.heard(), ["0 admit s", "0 near s"], "after a refund it is told again");
    conn.done("CONFIG SET rl.near-percent 50");
    conn.done("RL.SLIDE t 9 1d COST 4");
    conn.done("RL.SLIDE t 9 1d COST 1");
    assert_eq!(listener.heard(), ["0 admit t", "0 admit t", "0 near t"]);
    conn.done("RL.SLIDE z 1 1d");
    assert_eq!(listener.heard(), ["0 admit z", "0 near z"]);
}

#[test]
fn near_is_told_of_the_keys_and_limits_that_are() {
    let (_server, mut conn, mut listener) = start();
    conn.done("RL.POLICY SET wide LIMIT a 100 1d");
    conn.done("RL.POLICY SET tight LIMIT a 2 1d");
    conn.done("RL.MQUOTA 3 x y z POLICY wide tight wide COST requests 2");
    assert_eq!(listener.heard(), ["0 admit x", "0 admit y", "0 near y", "0 admit z"]);
    conn.done("RL.MQUOTA 3 x y z POLICY wide tight wide");
    assert_eq!(listener.heard(), ["0 deny y"], "a request is denied by the keys that do not admit it");
    conn.done("RL.QUOTA open LIMIT slots 2 INFLIGHT RESERVE 1h ID r1");
    conn.done("RL.QUOTA open LIMIT slots 2 INFLIGHT RESERVE 1h ID r2");
    conn.done("RL.QUOTA open LIMIT slots 2 INFLIGHT RESERVE 1h ID r3");
    assert_eq!(listener.heard(), ["0 admit open", "0 admit open", "0 near open", "0 deny open"]);
    conn.done("RL.QUOTA open LIMIT slots 2 INFLIGHT RESERVE 1h ID r2");
    assert_eq!(listener.heard(), [] as [&str; 0], "a repetition is no decision");
    conn.done("RL.RENEW open r1 2h");
    assert_eq!(listener.heard(), [] as [&str; 0]);
    for line in ["RL.SETTLE open r1", "RL.SETTLE open r1", "RL.CANCEL open r2", "RL.CANCEL open r2"] {
        conn.done(line);
    }
    assert_eq!(listener.heard(), ["0 settle open", "0 settle open"]);
}

#[test]
fn a_waiter_has_the_events_of_its_own_decision() {
    let (server, mut conn, mut listener) = start();
    conn.done("RL.SLIDE k 5 1d COST 5");
    let waiters: Vec<Waiter> =
        (0..2).map(|_| Waiter::start(&server, "RL.SLIDE k 5 1d COST 2 WAIT 1h")).collect();
    assert_eq!(listener.heard(), ["0 admit k", "0 near k"], "who waits is not decided on");
    conn.done("RL.REFUND k 2");
    assert_eq!(listener.heard(), ["0 admit k", "0 near k"]);
    conn.done(&format!("CLIENT UNBLOCK {}", waiters[1].id));
    assert_eq!(listener.heard(), ["0 deny k"]);
}

#[test]
fn nothing_is_sent_where_nobody_asked() {
    let server = Server::start(&[]);
    let (mut conn, mut listener) = (server.connect(), Listener::start(&server));
    for (wanted, told) in
        [("", false), ("K", false), ("d", false), ("Ed", true), ("KEx", false), ("EA", true)]
    {
        conn.call(&["CONFIG", "SET", "notify-keyspace-events", wanted]);
        conn.done("DEL k");
        conn.done("RL.SLIDE k 20 1d");
        let heard = listener.heard();
        assert_eq!(heard, ["0 admit k"].repeat(usize::from(told)), "{wanted:?}");
    }
}

#[test]
fn a_module_that_is_loaded_later_knows_what_is_asked_for() {
    let server = Server::start_without_module();
    let (mut conn, mut listener) = (server.connect(), Listener::start(&server));
    conn.done("CONFIG SET notify-keyspace-events Ed");
    conn.done(&format!("MODULE LOAD {}", module().display()));
    conn.done("RL.SLIDE k 20 1d");
    assert_eq!(listener.heard(), ["0 admit k"]);
}

#[test]
fn a_denial_still_writes_and_replicates_nothing() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    let (mut here, mut there) = (Listener::start(&primary), Listener::start(&replica));
    for conn in [&mut first, &mut second] {
        conn.done("CONFIG SET notify-keyspace-events Ed");
    }
    first.done("RL.SLIDE k 5 1d COST 5");
    first.done("RL.QUOTA q LIMIT a 5 1d RESERVE 60 ID r");
    catch_up(&mut first, &mut second);
    let (offset, dirty) = (first.offset(), first.info_number("rdb_changes_since_last_save"));
    for line in ["RL.SLIDE k 5 1d", "RL.SLIDE new 5 1d COST 6", "RL.QUOTA q LIMIT a 5 1d COST requests 6"] {
        first.done(line);
    }
    assert_eq!(first.offset(), offset);
    assert_eq!(first.info_number("rdb_changes_since_last_save"), dirty);
    first.done("RL.SETTLE q r");
    catch_up(&mut first, &mut second);
    let told = ["0 admit k", "0 near k", "0 admit q", "0 deny k", "0 deny new", "0 deny q", "0 settle q"];
    assert_eq!(here.heard(), told);
    assert_eq!(there.heard(), [] as [&str; 0], "a replica decides nothing");
}

#[test]
fn the_percentage_is_one() {
    let server = Server::start(&["rl.near-percent 95"]);
    let mut conn = server.connect();
    for value in ["0", "101", "-1", "", "x", "80.5"] {
        assert!(conn.call(&["CONFIG", "SET", "rl.near-percent", value]).is_error(), "{value:?}");
        assert_eq!(conn.info_config("rl.near-percent"), "95");
    }
}
