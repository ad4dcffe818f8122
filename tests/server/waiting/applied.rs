//! An effect of another server that gives something back admits waiters, whether it comes from the primary or from a tool.

use super::{GOT, TAKE, WANT};
use crate::common::clock::now;
use crate::common::replica::{catch_up, pair};
use crate::common::waiting::{assert_no_waiters, still};
use crate::common::{Conn, Server, Waiter, aof, wait_until};

/// Runs a command on another server, and returns the effect of it that replicas get.
fn effect_of(source: &Server, line: &str) -> Vec<Vec<u8>> {
    source.connect().done(line);
    let last = aof::commands(source.dir()).pop().unwrap();
    assert_eq!(last[0], b"RL.APPLY", "{line}");
    last
}

fn send(conn: &mut Conn, command: &[Vec<u8>]) {
    let reply = conn.call(command);
    assert!(!reply.is_error(), "{reply:?}");
}

#[test]
fn an_effect_of_a_tool_that_gives_back_admits_as_many_as_have_room() {
    let (source, server) = (Server::start(&["appendonly yes", "appendfsync always"]), Server::start(&[]));
    let mut conn = server.connect();
    for (take, want, back) in [
        (TAKE, WANT, "RL.REFUND k 2"),
        ("RL.BUCKET k 5 1 1d COST 5", "RL.BUCKET k 5 1 1d WAIT 1h", "RL.REFUND k 2"),
        ("RL.WINDOW k 5 1mo COST 5", "RL.WINDOW k 5 1mo WAIT 1h", "RL.REFUND k 2"),
    ] {
        for conn in [&mut conn, &mut source.connect()] {
            conn.done("DEL k");
            conn.done(take);
        }
        let waiters: Vec<Waiter> = (0..3).map(|_| Waiter::start(&server, want)).collect();
        send(&mut conn, &effect_of(&source, back));
        assert_eq!(still(&waiters, &mut conn), [2], "{take}");
    }
}

#[test]
fn an_effect_that_ends_a_reservation_admits_a_waiter() {
    let (source, server) = (Server::start(&["appendonly yes", "appendfsync always"]), Server::start(&[]));
    let mut conn = server.connect();
    for end in ["RL.SETTLE k r COST requests 4", "RL.CANCEL k r"] {
        for conn in [&mut conn, &mut source.connect()] {
            conn.done("DEL k");
            conn.done("RL.QUOTA k LIMIT a 5 1d LIMIT open 1 INFLIGHT COST requests 5 RESERVE 1h ID r");
        }
        let want = "RL.QUOTA k LIMIT a 5 1d LIMIT open 1 INFLIGHT RESERVE 1h ID s WAIT 1h";
        let waiter = Waiter::start(&server, want);
        send(&mut conn, &effect_of(&source, end));
        assert_eq!(waiter.answer().list()[0].int(), 1, "{end}");
    }
    assert_no_waiters(&mut conn);
}

#[test]
fn a_hold_that_is_lifted_admits_a_waiter() {
    let (source, server) = (Server::start(&["appendonly yes", "appendfsync always"]), Server::start(&[]));
    let mut conn = server.connect();
    for conn in [&mut conn, &mut source.connect()] {
        conn.done("RL.HOLD k 1h");
    }
    let waiter = Waiter::start(&server, WANT);
    send(&mut conn, &effect_of(&source, "RL.HOLD k 0"));
    assert_eq!(waiter.five(), GOT);
}

/// The whole value of a key, as a rewritten AOF has it.
#[test]
fn a_value_with_more_room_admits_as_many_as_have_room() {
    let (source, server) = (Server::start(&["appendonly yes"]), Server::start(&[]));
    let (mut from, mut conn) = (source.connect(), server.connect());
    conn.done(TAKE);
    from.done("RL.SLIDE k 5 1d COST 3");
    from.done("CONFIG SET aof-use-rdb-preamble no");
    let base = aof::base(source.dir());
    from.done("BGREWRITEAOF");
    wait_until("it is rewritten", || aof::base(source.dir()) > base);
    let commands = aof::commands(source.dir());
    let state = commands.iter().find(|command| command[0] == b"RL.APPLY" && command[2] == b"state").unwrap();
    let waiters: Vec<Waiter> = (0..3).map(|_| Waiter::start(&server, WANT)).collect();
    send(&mut conn, state);
    assert_eq!(still(&waiters, &mut conn), [2]);
}

/// In the text of version 0.1, too, and by a user who is no administrator if the operator allows it.
#[test]
fn an_old_effect_from_a_user_who_may_send_it_admits_a_waiter() {
    let server = Server::start(&["rl.apply-from-clients yes"]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let waiter = Waiter::start(&server, WANT);
    conn.done("ACL SETUSER tool on nopass ~* +rl.apply");
    let at = now(&mut conn);
    conn.done("AUTH tool x");
    assert!(!conn.call(&["RL.APPLY", "k", &format!("refund {at} 1")]).is_error());
    assert_eq!(waiter.five()[..3], [1, 5, 0]);
}

/// A replica that takes writes holds waiters, too.
#[test]
fn what_a_primary_gives_back_admits_a_waiter_of_its_replica() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    second.done("CONFIG SET replica-read-only no");
    first.done(TAKE);
    catch_up(&mut first, &mut second);
    let waiters = [WANT, WANT].map(|line| Waiter::start(&replica, line));
    first.done("RL.REFUND k 1");
    catch_up(&mut first, &mut second);
    assert_eq!(still(&waiters, &mut second), [1]);
    assert_eq!(first.ask("RL.INFO k").get("used").int(), 4);
    assert_eq!(second.ask("RL.INFO k").get("used").int(), 5);
}
