//! Commands of users that change or delete a key admit its waiters at once.

use super::{GOT, TAKE, WANT};
use crate::common::clock::now;
use crate::common::waiting::assert_no_waiters;
use crate::common::{Conn, Server, Value, Waiter, wait_for_clock};

/// Takes all of `k` and some of `fresh`, and creates a string beside them.
fn fill(conn: &mut Conn) {
    conn.done("FLUSHALL");
    conn.done(TAKE);
    conn.done("RL.SLIDE fresh 5 1d COST 2");
    conn.done("SET string x");
}

#[test]
fn a_key_that_is_gone_is_a_new_one() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for way in [
        "DEL k",
        "UNLINK k",
        "EXPIRE k 0",
        "PEXPIREAT k 1",
        "RENAME k other",
        "RENAME k string",
        "MOVE k 3",
        "SWAPDB 0 3",
        "SWAPDB 3 0",
        "FLUSHDB",
        "FLUSHDB ASYNC",
        "FLUSHALL",
        "FLUSHALL ASYNC",
        "FLUSHALL SYNC",
    ] {
        fill(&mut conn);
        let waiter = Waiter::start(&server, WANT);
        conn.done(way);
        assert!(!waiter.waits(&mut conn), "{way}: it has gone on when that is answered");
        assert_eq!(waiter.five(), GOT, "{way}");
        assert_eq!(conn.ask("RL.INFO k").get("used").int(), 1, "{way}");
        assert_no_waiters(&mut conn);
    }
}

#[test]
fn a_key_that_another_takes_the_place_of_is_that_one() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for way in
        ["RENAME fresh k", "COPY fresh k REPLACE", "RESTORE k 0 ? REPLACE", "RESTORE k 90000000 ? REPLACE"]
    {
        fill(&mut conn);
        let dump = conn.done("DUMP fresh").bytes();
        let waiter = Waiter::start(&server, WANT);
        run(&mut conn, way, &dump);
        assert_eq!(waiter.five()[..3], [1, 5, 2], "{way}");
    }
}

#[test]
fn a_key_that_becomes_another_type_is_refused() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for way in [
        "SET k x",
        "MSET a b k x",
        "SETEX k 100 x",
        "RENAME string k",
        "COPY string k REPLACE",
        "RESTORE k 0 ? REPLACE",
        "BITOP NOT k string",
        "SUNIONSTORE k set",
    ] {
        fill(&mut conn);
        conn.done("SADD set x");
        let dump = conn.done("DUMP string").bytes();
        let waiter = Waiter::start(&server, WANT);
        run(&mut conn, way, &dump);
        assert!(waiter.answer().error().starts_with("WRONGTYPE"), "{way}");
    }
    assert_no_waiters(&mut conn);
}

#[test]
fn a_key_of_another_algorithm_is_refused() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for other in ["RL.BUCKET b 5 1", "RL.WINDOW b 5 1d", "RL.QUOTA b LIMIT a 5 1d"] {
        fill(&mut conn);
        conn.done(other);
        let waiter = Waiter::start(&server, WANT);
        conn.done("RENAME b k");
        assert!(waiter.answer().error().starts_with("WRONGTYPE"), "{other}");
    }
}

/// Runs a command with `value` for its `?`.
#[track_caller]
fn run(conn: &mut Conn, line: &str, value: &[u8]) {
    let words: Vec<&[u8]> =
        line.split(' ').map(|word| if word == "?" { value } else { word.as_bytes() }).collect();
    let reply = conn.call(&words);
    assert!(!reply.is_error(), "{line}: {reply:?}");
}

#[test]
fn a_key_that_another_full_one_takes_the_place_of_is_waited_for_still() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for way in ["RENAME full k", "COPY full k REPLACE", "RESTORE k 0 ? REPLACE"] {
        fill(&mut conn);
        conn.done("RL.SLIDE full 5 1d COST 5");
        let dump = conn.done("DUMP full").bytes();
        let waiter = Waiter::start(&server, WANT);
        run(&mut conn, way, &dump);
        assert!(waiter.waits(&mut conn), "{way}");
        conn.done("RL.REFUND k 1");
        assert_eq!(waiter.five()[..3], [1, 5, 0], "{way}");
    }
}

#[test]
fn a_key_with_an_expiry_of_a_user_admits_its_waiters() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for way in ["PEXPIRE k 150", "PEXPIREAT k ?"] {
        fill(&mut conn);
        let waiter = Waiter::start(&server, WANT);
        let at = now(&mut conn) + 150;
        run(&mut conn, way, at.to_string().as_bytes());
        assert!(waiter.waits(&mut conn) || now(&mut conn) >= at);
        assert_eq!(waiter.five(), GOT, "{way}");
        assert!(now(&mut conn) >= at, "{way}");
    }
}

#[test]
fn a_key_that_expires_by_itself_admits_its_waiters() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("DEBUG SET-ACTIVE-EXPIRE 0"); // only the module's own timer looks at the key
    for line in ["RL.SLIDE k 5 150ms COST 5", "RL.BUCKET k 5 5 150ms COST 5", "RL.WINDOW k 5 150ms COST 5"] {
        conn.done("DEL k");
        while conn.ask(line).five()[0] == 0 {}
        // All of the limit is free again when the key holds nothing any more.
        assert_eq!(conn.ask(&format!("{line} WAIT 1h")).five()[..3], [1, 5, 0], "{line}");
    }
}

#[test]
fn a_change_of_another_key_admits_no_waiter() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    fill(&mut conn);
    let waiter = Waiter::start(&server, WANT);
    let mut far = server.connect();
    far.done("SELECT 3");
    far.done(TAKE);
    let far_waiter = Waiter::on(&server, server_in(&server, 3), WANT);
    for way in ["DEL fresh", "RENAME string other", "SET string y", "EXPIRE k 1000", "PERSIST k", "TOUCH k"] {
        conn.done(way);
        assert!(waiter.waits(&mut conn) && far_waiter.waits(&mut conn), "{way}");
    }
    far.done("DEL k");
    assert_eq!(far_waiter.five(), GOT);
    assert!(waiter.waits(&mut conn), "a key of another database");
    for way in ["FLUSHDB", "SET k x", "SWAPDB 3 4"] {
        far.done(way);
        assert!(waiter.waits(&mut conn), "{way} in another database");
    }
    conn.done("RL.REFUND k 5");
    assert_eq!(waiter.five(), GOT);
}

fn server_in(server: &Server, db: i32) -> Conn {
    let mut conn = server.connect();
    conn.done(&format!("SELECT {db}"));
    conn
}

#[test]
fn swapped_databases_take_their_keys_along_but_not_waiters() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    fill(&mut conn);
    let mut far = server_in(&server, 3);
    far.done("RL.SLIDE k 5 1d COST 3");
    let waiter = Waiter::start(&server, WANT);
    let far_waiter = Waiter::on(&server, server_in(&server, 3), "RL.SLIDE k 5 1d COST 4 WAIT 1h");
    conn.done("SWAPDB 0 3");
    assert_eq!(waiter.five()[..3], [1, 5, 1], "database 0 has the other key now");
    assert!(far_waiter.waits(&mut conn), "and database 3 the full one");
    far.done("RL.REFUND k 4");
    assert_eq!(far_waiter.five()[..3], [1, 5, 0]);
    assert_eq!(conn.ask("RL.INFO k").get("used").int(), 4);
}

#[test]
fn in_a_transaction_that_deletes_the_key_the_waiter_is_first() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    fill(&mut conn);
    let waiter = Waiter::start(&server, WANT);
    let replies = conn.multi(&["DEL k", "RL.SLIDE k 5 1d COST 5", "RL.PEEK k", "RL.INFO k"]);
    assert_eq!(replies[0], Value::Int(1));
    assert_eq!(replies[1].five()[0], 0, "the waiter is first");
    assert_eq!(replies[3], Value::Nil, "and is not admitted in between");
    assert_eq!(waiter.five(), GOT);
    let later = now(&mut conn) + 1;
    wait_for_clock(&mut conn, later);
    assert_eq!(conn.ask("RL.INFO k").get("used").int(), 1);
}
