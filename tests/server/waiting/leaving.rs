//! A client that leaves before its turn consumes nothing, and the waiters behind it are admitted.

use super::{TAKE, WANT};
use crate::common::waiting::{assert_no_waiters, waiting};
use crate::common::{Conn, Server, Value, Waiter, wait_until};

/// Starts two waiters with room for two units. The first waits for three, the second for two.
fn two(server: &Server, conn: &mut Conn) -> (Waiter, Waiter) {
    conn.done("RL.SLIDE k 5 1d COST 3");
    let first = Waiter::start(server, "RL.SLIDE k 5 1d COST 3 WAIT 1h");
    let second = Waiter::start(server, "RL.SLIDE k 5 1d COST 2 WAIT 1h");
    (first, second)
}

/// Checks that the second waiter was admitted, and that nothing was taken for the first.
#[track_caller]
fn assert_second_is_admitted(conn: &mut Conn, second: Waiter) {
    assert_eq!(second.five()[..3], [1, 5, 0]);
    assert_eq!(conn.ask("RL.INFO k").get("used").int(), 5);
    assert_eq!(conn.info_number("rl_slide_admitted"), 2);
    assert_no_waiters(conn);
}

#[test]
fn a_waiter_that_disconnects() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let (first, second) = two(&server, &mut conn);
    drop(first);
    assert_second_is_admitted(&mut conn, second);
    assert_eq!(conn.info_number("rl_waiters_gone"), 1);
}

#[test]
fn a_waiter_that_is_killed() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let (mut first, second) = two(&server, &mut conn);
    assert_eq!(conn.ask(&format!("CLIENT KILL ID {}", first.id)).int(), 1);
    assert!(first.conn.try_receive().is_err(), "it is told nothing more");
    assert_second_is_admitted(&mut conn, second);
    assert_eq!(conn.info_number("rl_waiters_gone"), 1);
}

#[test]
fn a_waiter_unblocked_with_timeout_is_denied() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for how in ["", " TIMEOUT"] {
        conn.done("FLUSHALL");
        conn.done("CONFIG RESETSTAT");
        conn.done("RL.SLIDE k 5 1d COST 3");
        let mut first = Waiter::start(&server, "RL.SLIDE k 5 1d COST 3 WAIT 1h");
        let second = Waiter::start(&server, "RL.SLIDE k 5 1d COST 2 WAIT 1h");
        assert_eq!(conn.ask(&format!("CLIENT UNBLOCK {}{how}", first.id)).int(), 1);
        let [allowed, limit, _, retry_after, _] = first.conn.receive().five();
        assert_eq!([allowed, limit], [0, 5], "{how}");
        assert!(retry_after > 0, "{how}");
        assert_eq!(second.five()[..3], [1, 5, 0]);
        assert_eq!(first.conn.ask("PING").text(), "PONG", "it is a client as before");
        assert_no_waiters(&mut conn);
    }
    assert_eq!(conn.info_number("rl_waiters_unblocked"), 2);
}

#[test]
fn a_waiter_unblocked_with_error_gets_an_error() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let (mut first, second) = two(&server, &mut conn);
    assert_eq!(conn.ask(&format!("CLIENT UNBLOCK {} ERROR", first.id)).int(), 1);
    assert!(first.conn.receive().error().starts_with("UNBLOCKED "));
    assert_eq!(first.conn.ask("PING").text(), "PONG", "it is a client as before");
    assert_second_is_admitted(&mut conn, second);
    assert_eq!(conn.ask(&format!("CLIENT UNBLOCK {} ERROR", first.id)).int(), 0);
}

#[test]
fn a_waiter_with_its_turn_at_that_moment_leaves_once() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for way in ["CLIENT KILL ID", "CLIENT UNBLOCK"] {
        conn.done(TAKE);
        let first = Waiter::start(&server, WANT);
        // Both commands in one batch: both run before the module looks at the line.
        conn.send(&["RL.REFUND", "k", "5"]);
        conn.send(&crate::common::conn::words(&format!("{way} {}", first.id)));
        assert_eq!(conn.receive().int(), 5);
        assert_eq!(conn.receive().int(), 1, "{way}");
        assert_no_waiters(&mut conn);
        assert_eq!(conn.ask("RL.PEEK k").five()[..3], [1, 5, 5], "{way}: nothing was taken");
        conn.done("DEL k");
    }
}

/// Redis 7.0 kept a pointer to the last client to which it had offered a new key, and read it after the
/// client was freed. A sanitizer detects this: see `make sanitize`.
#[test]
fn a_waiter_that_has_seen_its_key_created() {
    let server = Server::start(&["appendonly yes"]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let waiters = [3, 3, 1].map(|cost| Waiter::start(&server, &format!("{WANT} COST {cost}")));
    conn.done("DEL k");
    let [first, second, last] = waiters;
    assert_eq!(first.five()[..3], [1, 5, 2]);
    assert_eq!(conn.ask(&format!("CLIENT KILL ID {}", last.id)).int(), 1);
    conn.done("DEL k");
    assert_eq!(second.five()[..3], [1, 5, 2]);
    assert_no_waiters(&mut conn);
}

#[test]
fn all_of_a_long_line_at_once() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let waiters: Vec<Waiter> = (0..50).map(|_| Waiter::start(&server, WANT)).collect();
    assert_eq!(waiting(&mut conn), (50, 50));
    drop(waiters);
    wait_until("all are gone", || waiting(&mut conn) == (0, 0));
    assert_eq!(conn.info_number("rl_waiters_gone"), 50);
    conn.done("DEL k");
    assert_eq!(conn.ask("RL.SLIDE k 5 1d COST 5").five()[..3], [1, 5, 0]);
    assert_eq!(conn.ask("RL.INFO k").get("head_wait_ms"), Value::Nil);
}

#[test]
fn a_waiter_that_leaves_and_returns_is_the_last() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let mut first = Waiter::start(&server, WANT);
    let second = Waiter::start(&server, WANT);
    conn.done(&format!("CLIENT UNBLOCK {}", first.id));
    assert_eq!(first.conn.receive().five()[0], 0);
    let again = Waiter::on(&server, first.conn, WANT);
    conn.done("RL.REFUND k 1");
    assert_eq!(second.five()[..3], [1, 5, 0]);
    assert!(again.waits(&mut conn));
}
