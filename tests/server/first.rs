//! `RL.FIRST`: the first of several keys that admits, in the order given.

use crate::common::replica::{catch_up, pair};
use crate::common::waiting::{assert_no_waiters, still};
use crate::common::{Conn, Server, Value, Waiter, wait_until};

const ASK: &str = "RL.FIRST 2 good cheap POLICY good cheap";

/// A server on which the key `good` admits two requests a day, and `cheap` three.
fn start() -> (Server, Conn) {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET good LIMIT r 2 1d");
    conn.done("RL.POLICY SET cheap LIMIT r 3 1d");
    (server, conn)
}

/// The index of the key in a reply.
#[track_caller]
fn index(reply: &Value) -> i64 {
    reply.list().last().unwrap().int()
}

fn used(conn: &mut Conn, key: &str) -> i64 {
    conn.ask(&format!("RL.INFO {key}")).get("used").get("r").int()
}

#[test]
fn the_preferred_key_while_it_has_room() {
    let (_server, mut conn) = start();
    let indexes: Vec<i64> = (0..6).map(|_| index(&conn.ask(ASK))).collect();
    assert_eq!(indexes, [0, 0, 1, 1, 1, -1]);
    assert_eq!((used(&mut conn, "good"), used(&mut conn, "cheap")), (2, 3));
    let denied = conn.ask(ASK);
    let denied = denied.list();
    assert_eq!((denied.len(), denied[0].int()), (5, 0));
    assert!((86_300_000..=86_400_000).contains(&denied[1].int()), "when the first of them has room again");
    assert_eq!(denied[2].list().len(), 1, "what blocks there");
    assert_eq!(denied[3].list()[0].list()[1].int(), 2, "the limit of the one that has room first");
}

#[test]
fn the_forms_of_its_reply() {
    let (_server, mut conn) = start();
    let whole = conn.ask(&format!("{ASK} RESERVE 60 ID a"));
    let whole = whole.list();
    assert_eq!((whole.len(), whole[4].text(), whole[5].int()), (6, "a".into(), 0));
    let again = conn.ask(&format!("{ASK} RESERVE 60 ID a REPLY SHORT"));
    assert_eq!(again.list().len(), 4);
    assert_eq!((index(&again), used(&mut conn, "good")), (0, 1));
    let short = conn.ask(&format!("{ASK} COST requests 3 REPLY SHORT"));
    assert_eq!(short.list().iter().map(Value::int).collect::<Vec<_>>(), [1, 0, 1]);
    let never = conn.ask(&format!("{ASK} COST requests 4 REPLY SHORT"));
    assert_eq!(never.list().iter().map(Value::int).collect::<Vec<_>>(), [0, -1, -1]);
}

#[test]
fn a_reservation_is_settled_where_it_was_made() {
    let (_server, mut conn) = start();
    for id in ["a", "b", "c"] {
        conn.done(&format!("{ASK} RESERVE 1h ID {id}"));
    }
    // The same id finds the same key, though the preferred one has room by then.
    assert_eq!(conn.ask("RL.CANCEL good a").int(), 1);
    assert_eq!(index(&conn.ask(&format!("{ASK} RESERVE 1h ID c"))), 1);
    assert_eq!(conn.ask("RL.CANCEL cheap c").int(), 1);
    assert_eq!((used(&mut conn, "good"), used(&mut conn, "cheap")), (1, 0));
}

#[test]
fn whichever_has_room_first_takes_a_waiter_once() {
    let (server, mut conn) = start();
    for _ in 0..5 {
        conn.done(ASK);
    }
    let wait = format!("{ASK} WAIT 1h");
    let waiters: Vec<Waiter> = (0..3).map(|_| Waiter::start(&server, &wait)).collect();
    let only = Waiter::start(&server, "RL.QUOTA good POLICY good WAIT 1h");
    conn.done("RL.HOLD cheap 0");
    assert_eq!(still(&waiters, &mut conn), [0, 1, 2]);
    for key in ["good", "cheap"] {
        let waiting = conn.ask(&format!("RL.INFO {key}")).get("waiting").get("normal").int();
        assert_eq!(waiting, if key == "good" { 4 } else { 3 });
    }
    // A policy with one more admits the first of the line.
    conn.done("RL.POLICY SET cheap LIMIT r 4 1d");
    wait_until("one is served", || still(&waiters, &mut conn) == [1, 2]);
    conn.done("RL.POLICY SET good LIMIT r 4 1d");
    wait_until("two more are served", || still(&waiters, &mut conn).is_empty());
    let indexes: Vec<i64> = waiters.into_iter().map(|waiter| index(&waiter.answer())).collect();
    assert_eq!(indexes, [1, 0, 0]);
    conn.done("RL.POLICY SET good LIMIT r 5 1d");
    assert_eq!(only.answer().list()[0].int(), 1);
    assert_eq!((used(&mut conn, "good"), used(&mut conn, "cheap")), (5, 4));
    assert_no_waiters(&mut conn);
}

#[test]
fn it_takes_nothing_of_what_others_wait_for() {
    let (server, mut conn) = start();
    conn.done("RL.QUOTA good POLICY good");
    let large = Waiter::start(&server, "RL.QUOTA good POLICY good COST requests 2 WAIT 1h");
    assert_eq!(index(&conn.ask(ASK)), 1, "one is left of the preferred, but it is another's");
    assert_eq!(still(std::slice::from_ref(&large), &mut conn), [0]);
}

#[test]
fn a_wait_that_is_over_or_left() {
    let (server, mut conn) = start();
    for _ in 0..5 {
        conn.done(ASK);
    }
    let over = conn.ask(&format!("{ASK} WAIT 20ms"));
    assert_eq!((over.list()[0].int(), index(&over)), (0, -1));
    let gone = Waiter::start(&server, &format!("{ASK} WAIT 1h"));
    drop(gone);
    wait_until("it has left both lines", || conn.info_number("rl_waiting_normal") == 0);
    conn.done("DEL good cheap");
    let indexes: Vec<i64> = (0..6).map(|_| index(&conn.ask(ASK))).collect();
    assert_eq!(indexes, [0, 0, 1, 1, 1, -1]);
}

#[test]
fn a_replica_holds_the_same() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    first.done("RL.POLICY SET good LIMIT r 2 1d");
    first.done("RL.POLICY SET cheap LIMIT r 3 1d");
    for id in 0..4 {
        first.done(&format!("{ASK} RESERVE 1h ID {id}"));
    }
    catch_up(&mut first, &mut second);
    assert_eq!(first.digest(), second.digest());
    assert_eq!((used(&mut second, "good"), used(&mut second, "cheap")), (2, 2));
}

#[test]
fn its_errors() {
    let (_server, mut conn) = start();
    conn.done("SET text 1");
    let wrong = conn.ask("RL.FIRST 2 good text POLICY good cheap COST requests 3");
    assert!(wrong.error().starts_with("WRONGTYPE"), "{wrong:?}");
    assert!(conn.ask("RL.FIRST 1 good POLICY none").error().starts_with("ERR no such policy"));
    assert!(conn.ask("RL.FIRST 0 good POLICY good").error().starts_with("ERR numkeys"));
    assert!(conn.ask("RL.FIRST 2 good good POLICY good good").error().starts_with("ERR"));
    assert!(
        conn.ask("RL.FIRST 1 good LIMIT r 1 1").error().starts_with("ERR syntax error, expected RL.FIRST")
    );
}
