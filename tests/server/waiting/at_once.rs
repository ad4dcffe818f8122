//! If a client cannot be held, its request is decided at once, as without `WAIT`.

use super::{GOT, TAKE, WANT};
use crate::common::waiting::assert_no_waiters;
use crate::common::{Conn, Server, Value, Waiter, not_tested};

/// A request of each command that takes all of a key, and a request for that key.
const REQUESTS: [(&str, &str); 5] = [
    ("RL.SLIDE s 5 1d COST 5", "RL.SLIDE s 5 1d"),
    ("RL.WINDOW w 5 3650d COST 5", "RL.WINDOW w 5 3650d"),
    ("RL.BUCKET b 5 1 1d COST 5", "RL.BUCKET b 5 1 1d"),
    ("RL.QUOTA q LIMIT a 5 1d COST requests 5", "RL.QUOTA q LIMIT a 5 1d RESERVE 60 ID r"),
    ("RL.QUOTA m POLICY p COST requests 5", "RL.MQUOTA 2 m n POLICY p p"),
];

fn start() -> (Server, Conn) {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 5 1d");
    for (take, _) in REQUESTS {
        conn.done(take);
    }
    (server, conn)
}

#[track_caller]
fn assert_denied(reply: &Value, line: &str) {
    assert!(!reply.is_error(), "{line}: {reply:?}");
    assert_eq!(reply.list()[0], Value::Int(0), "{line}");
}

#[test]
fn in_a_transaction() {
    let (_server, mut conn) = start();
    let lines = REQUESTS.map(|(_, request)| format!("{request} WAIT 1h PRIORITY HIGH"));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    for (reply, line) in conn.multi(&lines).iter().zip(lines) {
        assert_denied(reply, line);
    }
    assert_no_waiters(&mut conn);
}

#[test]
fn in_a_script() {
    let (_server, mut conn) = start();
    for (_, request) in REQUESTS {
        let words = format!("{request} WAIT 1h").replace(' ', "','");
        for call in ["redis.call", "redis.pcall"] {
            let script = format!("return {call}('{words}')");
            let key = request.split(' ').find(|word| word.len() == 1).unwrap();
            let reply = conn.call(&["EVAL", &script, "1", key]);
            assert_denied(&reply, request);
        }
    }
    assert_no_waiters(&mut conn);
}

#[test]
fn in_a_function() {
    let (_server, mut conn) = start();
    let body = "#!lua name=lib\nredis.register_function('f', function(keys, args) \
                return redis.call('RL.SLIDE', keys[1], '5', '1d', 'WAIT', '1h') end)";
    assert_eq!(conn.call(&["FUNCTION", "LOAD", body]).text(), "lib");
    assert_denied(&conn.ask("FCALL f 1 s"), "FCALL");
    assert_eq!(conn.ask("FCALL f 1 new").five(), GOT, "what is admitted is");
    assert_no_waiters(&mut conn);
}

#[test]
fn requests_that_never_wait_take_nothing_from_waiters() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 5 1d COST 4");
    let waiter = Waiter::start(&server, "RL.SLIDE k 5 1d COST 2 WAIT 1h");
    for reply in conn.multi(&["RL.SLIDE k 5 1d", WANT]) {
        assert_eq!(reply.five()[0], 0);
    }
    let script = "return redis.call('RL.SLIDE', KEYS[1], '5', '1d', 'WAIT', '1h')";
    assert_eq!(conn.call(&["EVAL", script, "1", "k"]).five()[0], 0);
    let lane = "return redis.call('RL.SLIDE', KEYS[1], '5', '1d', 'WAIT', '1h', 'PRIORITY', 'HIGH')";
    assert_eq!(
        conn.call(&["EVAL", lane, "1", "k"]).five()[..3],
        [1, 5, 0],
        "a higher lane passes there, too"
    );
    assert!(waiter.waits(&mut conn));
}

#[test]
fn a_transaction_or_a_script_may_admit_waiters() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let waiters: Vec<Waiter> = (0..2).map(|_| Waiter::start(&server, WANT)).collect();
    conn.multi(&["RL.REFUND k 1", "RL.PEEK k"]);
    assert_eq!(crate::common::waiting::still(&waiters, &mut conn), [1]);
    conn.call(&["EVAL", "return redis.call('RL.REFUND', KEYS[1], '1')", "1", "k"]);
    assert_no_waiters(&mut conn);
}

/// Whether the server blocks a client that is subscribed. Valkey does not.
fn blocks_subscribers(conn: &mut Conn) -> bool {
    conn.info("valkey_version").is_none()
}

/// Returns a client in RESP3 that has sent `line` and has received what the server answers to it.
fn subscribed(server: &Server, line: &str) -> Conn {
    let mut conn = server.connect();
    conn.done("HELLO 3");
    conn.done(line);
    conn
}

#[test]
fn where_the_server_does_not_block_a_subscriber() {
    let (server, mut conn) = start();
    for line in ["SUBSCRIBE x", "PSUBSCRIBE x*", "SSUBSCRIBE x"] {
        for (_, request) in REQUESTS {
            let mut subscriber = subscribed(&server, line);
            let request = format!("{request} WAIT 1h PRIORITY HIGH");
            if blocks_subscribers(&mut conn) {
                assert!(Waiter::on(&server, subscriber, &request).waits(&mut conn), "{line}, {request}");
                continue;
            }
            let (denied, errors) = (counted(&mut conn, "denied"), counted(&mut conn, "errors"));
            assert_denied(&subscriber.ask(&request), &request);
            assert_eq!(counted(&mut conn, "denied"), denied + 1, "{request}");
            assert_eq!(counted(&mut conn, "errors"), errors, "{request}");
            assert_eq!(subscriber.ask("PING").text(), "PONG", "{request}");
            assert_no_waiters(&mut conn);
        }
    }
}

/// Returns the sum of the module's counters of decisions whose names end so.
fn counted(conn: &mut Conn, what: &str) -> i64 {
    let commands = ["slide", "window", "bucket", "quota", "mquota"];
    commands.iter().map(|command| conn.info_number(&format!("rl_{command}_{what}"))).sum()
}

#[test]
fn a_subscriber_that_is_denied_is_told_what_it_is_told_without_wait() {
    let (server, mut conn) = start();
    if blocks_subscribers(&mut conn) {
        return not_tested("WAIT of a subscriber that is not blocked", "this server blocks subscribers");
    }
    let mut subscriber = subscribed(&server, "SUBSCRIBE x");
    let _line = [WANT, "RL.SLIDE k 5 1d COST 3 WAIT 1h"].map(|want| {
        conn.ask("RL.SLIDE k 5 1d COST 5");
        Waiter::start(&server, want)
    });
    for cost in 1..=5 {
        let plain = conn.ask(&format!("RL.SLIDE k 5 1d COST {cost}")).five();
        let told = subscriber.ask(&format!("RL.SLIDE k 5 1d COST {cost} WAIT 1h")).five();
        assert_eq!(told[..3], plain[..3]);
        assert!(
            (plain[3] - told[3]).abs() < 5_000 && (plain[4] - told[4]).abs() < 5_000,
            "{plain:?} {told:?}"
        );
    }
}

#[test]
fn a_client_that_monitors_may_touch_no_key() {
    let (server, mut conn) = start();
    let mut monitor = server.connect();
    monitor.done("MONITOR");
    let reply = monitor.ask("RL.SLIDE s 5 1d WAIT 1h");
    assert!(reply.error().contains("can't interact with the keyspace"), "{reply:?}");
    assert_no_waiters(&mut conn);
}
