//! A client that waits is a client like any other before, during and after the wait.

use super::{TAKE, WANT};
use crate::common::conn::words;
use crate::common::waiting::{assert_no_waiters, waiting};
use crate::common::{Conn, Server, Value, Waiter, wait_until};

fn send(conn: &mut Conn, lines: &[&str]) {
    for line in lines {
        conn.send(&words(line));
    }
    conn.flush().unwrap();
}

#[test]
fn pipelined_commands_run_in_order_after_the_wait() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let mut client = server.connect();
    send(&mut client, &["SET before 1", WANT, "INCR n", WANT, "INCR n", "RL.PEEK k", "GET n"]);
    assert_eq!(client.receive().text(), "OK");
    wait_until("it waits", || waiting(&mut conn) == (1, 1));
    assert_eq!(conn.ask("EXISTS n").int(), 0);
    conn.done("RL.REFUND k 1");
    assert_eq!(client.receive().five()[0], 1);
    assert_eq!(client.receive().int(), 1);
    wait_until("it waits once more", || waiting(&mut conn) == (1, 1));
    assert_eq!(conn.ask("GET n").text(), "1");
    conn.done("RL.REFUND k 3");
    assert_eq!(client.receive().five()[0], 1);
    assert_eq!(client.receive().int(), 2);
    assert_eq!(client.receive().five()[..3], [1, 5, 2]);
    assert_eq!(client.receive().text(), "2");
    assert_no_waiters(&mut conn);
}

#[test]
fn a_client_without_replies_gets_none() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let mut client = server.connect();
    send(&mut client, &["CLIENT REPLY OFF", WANT, "INCR n", "CLIENT REPLY ON"]);
    wait_until("it waits", || waiting(&mut conn) == (1, 1));
    conn.done("RL.REFUND k 1");
    assert_eq!(client.receive().text(), "OK", "the first reply is the one to CLIENT REPLY ON");
    assert_eq!(client.ask("GET n").text(), "1");
    assert_eq!(conn.ask("RL.INFO k").get("used").int(), 5);

    send(&mut client, &["CLIENT REPLY SKIP", WANT, "INCR n"]);
    wait_until("it waits", || waiting(&mut conn) == (1, 1));
    conn.done("DEL k");
    assert_eq!(client.receive().int(), 2, "the request's reply alone is skipped");
    assert_eq!(conn.ask("RL.INFO k").get("used").int(), 1);
}

/// Starts a waiter that is admitted when its policy changes, without any command on its key.
fn waits_for_a_policy(server: &Server, conn: &mut Conn) -> Waiter {
    conn.done("RL.POLICY SET p LIMIT a 1 1d");
    conn.done("RL.QUOTA k POLICY p");
    Waiter::start(server, "RL.QUOTA k POLICY p WAIT 1h")
}

#[test]
fn an_admitted_waiter_breaks_a_watch() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let waiter = waits_for_a_policy(&server, &mut conn);
    let mut other = server.connect();
    other.done("WATCH k");
    conn.done("RL.POLICY SET p LIMIT a 2 1d");
    assert_eq!(waiter.answer().list()[0], Value::Int(1));
    send(&mut other, &["MULTI", "PING", "EXEC"]);
    assert_eq!(other.receive().text(), "OK");
    assert_eq!(other.receive().text(), "QUEUED");
    assert_eq!(other.receive(), Value::Nil, "the key has changed since");
}

#[test]
fn a_client_that_watches_may_wait_and_run_its_transaction() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let mut client = server.connect();
    client.done("WATCH other");
    let mut waiter = Waiter::on(&server, client, WANT);
    conn.done("RL.REFUND k 1");
    assert_eq!(waiter.conn.receive().five()[0], 1);
    assert_eq!(waiter.conn.multi(&["PING"]), [Value::Simple("PONG".into())]);
}

#[test]
fn an_admitted_waiter_invalidates_client_caches() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let waiter = waits_for_a_policy(&server, &mut conn);
    let mut cache = server.connect();
    cache.done("HELLO 3");
    cache.done("CLIENT TRACKING ON");
    cache.done("RL.PEEK k");
    conn.done("RL.POLICY SET p LIMIT a 2 1d");
    assert_eq!(waiter.answer().list()[0], Value::Int(1));
    let told = cache.receive();
    assert_eq!(told.list()[0].text(), "invalidate", "{told:?}");
    assert_eq!(told.list()[1].words(), ["k"]);
}

#[test]
fn a_client_stays_in_its_selected_database() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("SELECT 5");
    conn.done(TAKE);
    let mut client = server.connect();
    client.done("SELECT 5");
    let mut waiter = Waiter::on(&server, client, WANT);
    conn.done("RL.REFUND k 1");
    assert_eq!(waiter.conn.receive().five()[0], 1);
    waiter.conn.done("SET here x");
    assert_eq!(conn.ask("GET here").text(), "x");
    assert_eq!(server.connect().ask("DBSIZE").int(), 0);
}

#[test]
fn one_client_may_wait_again_and_again() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for _ in 0..100 {
        assert_eq!(conn.ask("RL.SLIDE k 1 2ms WAIT 1h").five()[0], 1);
    }
    assert_no_waiters(&mut conn);
}
