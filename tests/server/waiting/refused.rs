//! On its turn, a waiting request gets the same errors as a new request: a permission that it had on arrival
//! may have been withdrawn.

use super::{TAKE, WANT};
use crate::common::waiting::{assert_no_waiters, still};
use crate::common::{Conn, Server, Waiter, aof, wait_until};

const RULES: &str = "reset on nopass ~k ~l +@all";

fn login(server: &Server) -> Conn {
    server.connect().done(&format!("ACL SETUSER u {RULES}"));
    let mut conn = server.connect();
    conn.done("AUTH u x");
    conn
}

#[test]
fn a_user_without_the_right_any_more_charges_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for revoked in ["-rl.slide", "-@all", "resetkeys", "resetkeys ~other", "resetkeys %R~k"] {
        conn.done("FLUSHALL");
        conn.done(TAKE);
        let theirs = Waiter::on(&server, login(&server), WANT);
        let other = Waiter::start(&server, WANT);
        conn.done(&format!("ACL SETUSER u {revoked}"));
        conn.done("RL.REFUND k 1");
        assert!(theirs.answer().error().starts_with("NOPERM "), "{revoked}");
        assert_eq!(other.five()[..3], [1, 5, 0], "{revoked}: the next one is admitted");
        assert_no_waiters(&mut conn);
    }
}

#[test]
fn a_refusal_is_in_the_log_of_refusals() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for (revoked, reason, object) in [
        ("-rl.slide", "command", "RL.SLIDE"),
        ("resetkeys ~other", "key", "k"),
        ("resetkeys %R~k", "key", "k"),
    ] {
        conn.done("FLUSHALL");
        conn.done(TAKE);
        let theirs = Waiter::on(&server, login(&server), WANT);
        conn.done("ACL LOG RESET");
        conn.done(&format!("ACL SETUSER u {revoked}"));
        conn.done("RL.REFUND k 1");
        assert!(theirs.answer().error().starts_with("NOPERM "), "{revoked}");
        let log = conn.ask("ACL LOG");
        assert_eq!(log.list().len(), 1, "{revoked}: {log:?}");
        let told = ["reason", "context", "object", "username"].map(|field| log.list()[0].get(field).text());
        assert_eq!(told, [reason, "module", object, "u"], "{revoked}");
    }
}

#[test]
fn a_user_who_regains_the_right_is_admitted() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let theirs = Waiter::on(&server, login(&server), WANT);
    conn.done("ACL SETUSER u -rl.slide");
    conn.done("ACL SETUSER u +rl.slide");
    conn.done("RL.REFUND k 1");
    assert_eq!(theirs.five()[..3], [1, 5, 0]);
}

#[test]
fn one_key_of_several_that_a_user_may_not_use_any_more_is_enough() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 1 1d");
    conn.done("RL.QUOTA k POLICY p");
    let waiter = Waiter::on(&server, login(&server), "RL.MQUOTA 2 k l POLICY p p WAIT 1h");
    conn.done("ACL SETUSER u resetkeys ~k");
    conn.done("DEL k");
    assert!(waiter.answer().error().starts_with("NOPERM "));
    assert_eq!(conn.ask("DBSIZE").int(), 0);
}

#[test]
fn a_deleted_user_charges_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let mut theirs = Waiter::on(&server, login(&server), WANT);
    let other = Waiter::start(&server, WANT);
    assert_eq!(conn.ask("ACL DELUSER u").int(), 1);
    assert!(theirs.conn.try_receive().is_err(), "the server ends the connection");
    conn.done("RL.REFUND k 1");
    assert_eq!(other.five()[..3], [1, 5, 0]);
    assert_no_waiters(&mut conn);
}

#[test]
fn at_maxmemory_they_are_refused_as_any_write_is() {
    let server = Server::start(&["maxmemory-policy noeviction"]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let waiters: Vec<Waiter> = (0..3).map(|_| Waiter::start(&server, WANT)).collect();
    conn.done("CONFIG SET maxmemory 1");
    assert_eq!(still(&waiters, &mut conn), [0, 1, 2], "nothing is told before it is their turn");
    conn.done("RL.REFUND k 1");
    for waiter in waiters {
        assert!(waiter.answer().error().starts_with("OOM "));
    }
    conn.done("CONFIG SET maxmemory 0");
    assert_eq!(conn.ask("RL.INFO k").get("used").int(), 4);
    assert_no_waiters(&mut conn);
}

#[test]
fn where_eviction_makes_room_they_are_admitted() {
    let server = Server::start(&["maxmemory-policy allkeys-lru"]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 1 1d");
    conn.done("RL.QUOTA k POLICY p");
    let waiter = Waiter::start(&server, "RL.QUOTA k POLICY p WAIT 1h");
    let mut filler = server.connect();
    for number in 0..200 {
        filler.done(&format!("SET filler:{number} {}", "x".repeat(2_000)));
    }
    conn.done("CONFIG SET maxmemory 1"); // all keys are evicted, including `k`
    wait_until("what was taken is evicted", || conn.ask("PING").text() == "PONG" && !waiter.waits(&mut conn));
    assert_eq!(waiter.answer().list()[0].int(), 1);
    conn.done("CONFIG SET maxmemory 0");
    assert_no_waiters(&mut conn);
}

#[test]
fn where_too_few_replicas_follow_they_are_refused_as_any_write_is() {
    let server = Server::start(&["appendonly yes"]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 1 300ms");
    let waiter = Waiter::start(&server, "RL.SLIDE k 1 300ms WAIT 1h");
    conn.done("CONFIG SET min-replicas-to-write 1");
    assert!(waiter.answer().error().starts_with("NOREPLICAS "));
    assert!(conn.ask("RL.SLIDE k 1 300ms").error().starts_with("NOREPLICAS "));
    assert_eq!(aof::effects(server.dir()).len(), 1);
    conn.done("CONFIG SET min-replicas-to-write 0");
    assert_no_waiters(&mut conn);
}

#[test]
fn where_the_disk_takes_no_more_they_are_refused_as_any_write_is() {
    let server = Server::start(&["save 3600 100000", "stop-writes-on-bgsave-error yes"]);
    let mut conn = server.connect();
    std::fs::create_dir(server.dir().join("dump.rdb")).unwrap(); // no file can take its name
    conn.done("RL.SLIDE k 1 1d");
    let waiter = Waiter::start(&server, "RL.SLIDE k 1 1d WAIT 1h");
    conn.done("BGSAVE");
    wait_until("it has failed", || conn.info("rdb_last_bgsave_status").as_deref() == Some("err"));
    conn.done("CONFIG SET rl.lane-aging 1h"); // makes the module look at their line
    assert!(waiter.answer().error().starts_with("MISCONF "));
    assert_no_waiters(&mut conn);
}
