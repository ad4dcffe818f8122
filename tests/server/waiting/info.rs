//! The fields of `INFO` and `RL.INFO` about waiters.

use super::{TAKE, WANT};
use crate::common::waiting::assert_no_waiters;
use crate::common::{Conn, Server, Value, Waiter, wait_until};

const LANES: [&str; 4] = ["critical", "high", "normal", "low"];

/// Returns the number of waiters in each lane, from `INFO` and from `RL.INFO k`.
#[track_caller]
fn counts(conn: &mut Conn) -> [[i64; 4]; 2] {
    let waiting = conn.ask("RL.INFO k").get("waiting");
    assert_eq!(waiting.names(), LANES);
    [
        LANES.map(|lane| conn.info_number(&format!("rl_waiting_{lane}"))),
        LANES.map(|lane| waiting.get(lane).int()),
    ]
}

#[test]
fn how_many_wait_in_each_lane() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    assert_eq!(counts(&mut conn), [[0; 4]; 2]);
    let lanes = ["LOW", "NORMAL", "LOW", "CRITICAL", "LOW", "HIGH", "NORMAL"];
    let wait = |lane| Waiter::start(&server, &format!("{WANT} PRIORITY {lane}"));
    let _waiters = lanes.map(wait);
    assert_eq!(counts(&mut conn), [[1, 1, 2, 3]; 2]);
    let mut far = server.connect();
    far.done("SELECT 3");
    far.done(TAKE);
    let _far = Waiter::on(&server, far, &format!("{WANT} PRIORITY HIGH"));
    assert_eq!(counts(&mut conn), [[1, 2, 2, 3], [1, 1, 2, 3]]);
    conn.done("RL.REFUND k 3");
    assert_eq!(counts(&mut conn), [[0, 1, 1, 3], [0, 0, 1, 3]]);
    conn.done("RL.REFUND k 3");
    assert_eq!(counts(&mut conn), [[0, 1, 0, 1], [0, 0, 0, 1]]);
}

#[test]
fn the_wait_of_the_head_of_a_line() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 5 1h COST 2");
    conn.done("RL.SLIDE k 5 1h COST 3");
    assert_eq!(conn.ask("RL.INFO k").get("head_wait_ms"), Value::Nil, "no request waits");
    let first = Waiter::start(&server, "RL.SLIDE k 5 1h COST 2 WAIT 2h");
    let wait = |conn: &mut Conn| conn.ask("RL.INFO k").get("head_wait_ms").int();
    let told = wait(&mut conn);
    assert!((3_500_000..=3_600_000).contains(&told), "{told}");
    wait_until("it comes nearer", || wait(&mut conn) < told);
    conn.done("RL.REFUND k 1");
    let _second = Waiter::start(&server, "RL.SLIDE k 5 1h COST 5 WAIT 2h PRIORITY LOW");
    drop(first);
    wait_until("another is the first", || conn.ask("RL.INFO k").get("waiting").get("normal").int() == 0);
    assert!((3_500_000..=3_600_000).contains(&wait(&mut conn)));
}

#[test]
fn the_ends_of_waits_are_counted() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let names = ["granted", "timed_out", "busy", "unblocked", "gone"];
    let told = |conn: &mut Conn| names.map(|name| conn.info_number(&format!("rl_waiters_{name}")));
    conn.done(TAKE);
    assert_eq!(told(&mut conn), [0; 5]);

    let granted = Waiter::start(&server, WANT);
    conn.done("RL.REFUND k 1");
    assert_eq!(granted.five()[0], 1);
    assert_eq!(told(&mut conn), [1, 0, 0, 0, 0]);
    assert_eq!(conn.ask("RL.SLIDE k 5 1d WAIT 1ms").five()[0], 0);
    assert_eq!(told(&mut conn), [1, 1, 0, 0, 0]);
    let unblocked = Waiter::start(&server, WANT);
    conn.done(&format!("CLIENT UNBLOCK {}", unblocked.id));
    assert_eq!(told(&mut conn), [1, 1, 0, 1, 0]);
    let gone = Waiter::start(&server, WANT);
    conn.done(&format!("CLIENT KILL ID {}", gone.id));
    wait_until("it is gone", || told(&mut conn) == [1, 1, 0, 1, 1]);

    // Each request is decided once, however often the module looked at it meanwhile.
    let decided = ["admitted", "denied", "errors"].map(|what| conn.info_number(&format!("rl_slide_{what}")));
    assert_eq!(decided, [2, 2, 0]);
    assert_no_waiters(&mut conn);
}

#[test]
fn the_longest_wait_before_an_admission() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    assert_eq!(conn.info_number("rl_longest_wait_ms"), 0);
    conn.ask("RL.SLIDE k 5 1d WAIT 150ms");
    assert_eq!(conn.info_number("rl_longest_wait_ms"), 0, "in vain");
    assert_eq!(conn.ask("RL.SLIDE other 1 60ms").five()[0], 1);
    assert_eq!(conn.ask("RL.SLIDE other 1 60ms WAIT 1h").five()[0], 1);
    let longest = conn.info_number("rl_longest_wait_ms");
    assert!((30..5_000).contains(&longest), "{longest}");
    conn.done("RL.SLIDE third 1 2ms");
    conn.done("RL.SLIDE third 1 2ms WAIT 1h");
    assert!(conn.info_number("rl_longest_wait_ms") >= longest);
}

#[test]
fn commands_that_wait_are_marked_as_such() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for name in ["rl.slide", "rl.window", "rl.bucket", "rl.quota", "rl.mquota"] {
        let info = conn.ask(&format!("COMMAND INFO {name}"));
        assert!(info.list()[0].list()[2].words().contains(&"blocking".to_owned()), "{name}");
    }
}
