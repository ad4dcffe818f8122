//! Primaries and replicas that change roles.

use super::{TAKE, WANT};
use crate::common::replica::{catch_up, pair};
use crate::common::waiting::{assert_no_waiters, waiting};
use crate::common::{Server, Waiter, wait_until};

#[test]
fn on_a_replica_no_request_waits() {
    let (primary, replica) = pair();
    let (mut primary, mut replica) = (primary.connect(), replica.connect());
    primary.done("RL.POLICY SET p LIMIT a 5 1d");
    primary.done(TAKE);
    catch_up(&mut primary, &mut replica);
    for line in [
        WANT,
        "RL.WINDOW w 5 1d WAIT 1h",
        "RL.BUCKET b 5 1 WAIT 1h",
        "RL.QUOTA q LIMIT a 5 1d WAIT 1h",
        "RL.MQUOTA 1 q POLICY p WAIT 1h",
    ] {
        assert!(replica.ask(line).error().starts_with("READONLY "), "{line}");
    }
    assert_no_waiters(&mut replica);
}

#[test]
fn a_primary_that_becomes_a_replica_tells_them_so() {
    let other = Server::start_tcp(&[]);
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let waiters =
        [WANT, WANT, "RL.SLIDE k 5 1d COST 5 WAIT 1h PRIORITY LOW"].map(|line| Waiter::start(&server, line));
    conn.done(&format!("REPLICAOF 127.0.0.1 {}", other.port()));
    for waiter in waiters {
        assert!(waiter.answer().error().starts_with("UNBLOCKED "));
    }
    assert_no_waiters(&mut conn);
    wait_until("it follows", || conn.info("master_link_status").as_deref() == Some("up"));
    assert_eq!(conn.ask("DBSIZE").int(), 0);
    assert_eq!(other.connect().ask("DBSIZE").int(), 0);
    // And back to a primary.
    conn.done("REPLICAOF NO ONE");
    conn.done(TAKE);
    let waiter = Waiter::start(&server, WANT);
    conn.done("RL.REFUND k 1");
    assert_eq!(waiter.five()[..3], [1, 5, 0]);
}

#[test]
fn a_replica_that_becomes_a_primary_goes_on_where_the_other_was() {
    let (primary, replica) = pair();
    let (mut old, mut new) = (primary.connect(), replica.connect());
    old.done("RL.SLIDE k 1 1d");
    old.done("RL.QUOTA q LIMIT open 1 INFLIGHT RESERVE 1h ID r");
    let lost = Waiter::start(&primary, "RL.SLIDE k 1 1d WAIT 1h");
    catch_up(&mut old, &mut new);
    new.done("REPLICAOF NO ONE");
    let reset = new.ask("RL.PEEK k").five()[4];
    let first = Waiter::start(&replica, "RL.SLIDE k 1 1d WAIT 1h");
    let second = Waiter::start(&replica, "RL.QUOTA q LIMIT open 1 INFLIGHT RESERVE 1h ID s WAIT 1h");
    assert!(reset > 0, "what the other admitted counts");
    assert_eq!(waiting(&mut new).0, 2);
    assert_eq!(new.ask("RL.CANCEL q r").int(), 1);
    assert_eq!(second.answer().list()[0].int(), 1);
    new.done("DEL k");
    assert_eq!(first.five()[0], 1);
    drop(lost);
}

#[test]
fn a_requested_failover_answers_all_waiters() {
    let (primary, replica) = pair();
    let (mut old, mut new) = (primary.connect(), replica.connect());
    old.done(TAKE);
    let waiters = [WANT, WANT].map(|line| Waiter::start(&primary, line));
    catch_up(&mut old, &mut new);
    // The replica listens on a socket only, so the test changes the roles by hand.
    old.done("CLIENT PAUSE 100000 WRITE");
    new.done("REPLICAOF NO ONE");
    let other = Server::start_tcp(&[]);
    old.done(&format!("REPLICAOF 127.0.0.1 {}", other.port()));
    for waiter in waiters {
        assert!(waiter.answer().error().starts_with("UNBLOCKED "));
    }
    assert_no_waiters(&mut old);
    assert_eq!(new.ask("RL.INFO k").get("used").int(), 5);
}

#[test]
fn on_a_writable_replica_they_wait_and_are_admitted() {
    let (primary, replica) = pair();
    let (mut primary, mut conn) = (primary.connect(), replica.connect());
    conn.done("CONFIG SET replica-read-only no");
    conn.done("RL.SLIDE mine 1 100ms");
    let waiter = Waiter::start(&replica, "RL.SLIDE mine 1 100ms WAIT 1h");
    assert_eq!(waiter.five()[0], 1);
    // The module also notices what the primary does to a key.
    primary.done(TAKE);
    catch_up(&mut primary, &mut conn);
    let waiter = Waiter::start(&replica, WANT);
    primary.done("DEL k");
    assert_eq!(waiter.five()[..3], [1, 5, 4]);
    assert_no_waiters(&mut conn);
}
