//! Helpers for a primary and its replica.

use super::clock::wait_until;
use super::conn::Conn;
use super::load::{expiries, let_short_ones_expire};
use super::server::Server;

pub fn pair() -> (Server, Server) {
    let primary = Server::start_tcp(&["repl-backlog-size 64mb"]);
    let replica = replica_of(&primary);
    (primary, replica)
}

pub fn replica_of(primary: &Server) -> Server {
    let replica = Server::start(&[&format!("replicaof 127.0.0.1 {}", primary.port())]);
    let mut conn = replica.connect();
    wait_until("the replica follows", || conn.info("master_link_status").as_deref() == Some("up"));
    replica
}

/// Waits until the replica has received everything from its primary.
pub fn catch_up(primary: &mut Conn, replica: &mut Conn) {
    wait_until("the replica has caught up", || {
        replica.info("master_link_status").as_deref() == Some("up")
            && primary.offset() == replica.info_number("slave_repl_offset")
    });
}

/// Checks that both hold the same data with the same expiries.
#[track_caller]
pub fn assert_equal(primary: &mut Conn, replica: &mut Conn) {
    let_short_ones_expire(primary);
    catch_up(primary, replica);
    assert_eq!(primary.digest(), replica.digest());
    let expected = expiries(primary);
    assert!(expected.len() > 15, "only {} keys", expected.len());
    assert_eq!(expected, expiries(replica));
}
