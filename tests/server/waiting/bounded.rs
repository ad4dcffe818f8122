//! `rl.max-waiters` and `rl.max-waiters-per-key`: a request beyond them is refused at once instead of
//! waiting.

use super::{TAKE, WANT};
use crate::common::waiting::{assert_no_waiters, still, waiting};
use crate::common::{Conn, Server, Waiter};

const BUSY: &str = "RLBUSY too many waiters";

#[track_caller]
fn assert_busy(conn: &mut Conn, line: &str) {
    let before = conn.info_number("rl_waiters_busy");
    assert_eq!(conn.ask(line).error(), BUSY, "{line}");
    assert_eq!(conn.info_number("rl_waiters_busy"), before + 1);
}

/// Checks that two clients can wait for `k`, and that a third is refused.
#[track_caller]
fn two_at_most(server: &Server) {
    let mut conn = server.connect();
    conn.done(TAKE);
    let waiters: Vec<Waiter> = (0..2).map(|_| Waiter::start(server, WANT)).collect();
    assert_busy(&mut conn, WANT);
    assert_busy(&mut conn, &format!("{WANT} PRIORITY CRITICAL"));
    assert_eq!(waiting(&mut conn), (2, 2));
    assert_eq!(conn.ask("RL.SLIDE k 5 1d").five()[0], 0, "a request without WAIT is decided");
    drop(waiters);
    crate::common::wait_until("they are gone", || waiting(&mut conn) == (0, 0));
    let _waiter = Waiter::start(server, WANT);
}

#[test]
fn there_is_a_bound_unless_said() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    assert_eq!(conn.info_config("rl.max-waiters"), "100000");
    assert_eq!(conn.info_config("rl.max-waiters-per-key"), "10000");
}

#[test]
fn each_can_be_set_while_the_server_runs() {
    for name in ["rl.max-waiters", "rl.max-waiters-per-key"] {
        let server = Server::start(&[]);
        server.connect().done(&format!("CONFIG SET {name} 2"));
        assert_eq!(server.connect().info_config(name), "2");
        two_at_most(&server);
    }
}

#[test]
fn each_can_be_given_when_the_module_is_loaded_and_in_the_servers_file() {
    for name in ["max-waiters", "max-waiters-per-key"] {
        two_at_most(
            &Server::start_with_arguments(&format!("{name} 2")).unwrap_or_else(|log| panic!("{log}")),
        );
        two_at_most(&Server::start(&[&format!("rl.{name} 2")]));
    }
}

#[test]
fn one_key_that_is_full_leaves_room_for_others() {
    let server = Server::start(&["rl.max-waiters-per-key 1"]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 1 1d");
    for key in ["a", "b", "c"] {
        conn.done(&format!("RL.QUOTA {key} POLICY p"));
    }
    let first = Waiter::start(&server, "RL.QUOTA a POLICY p WAIT 1h");
    assert_busy(&mut conn, "RL.QUOTA a POLICY p WAIT 1h");
    assert_busy(&mut conn, "RL.MQUOTA 2 b a POLICY p p WAIT 1h");
    let both = Waiter::start(&server, "RL.MQUOTA 2 b c POLICY p p WAIT 1h");
    assert_busy(&mut conn, "RL.QUOTA c POLICY p WAIT 1h");
    assert_eq!(waiting(&mut conn), (2, 2), "a refused request is in no line");
    conn.done("SELECT 1");
    conn.done("RL.QUOTA a POLICY p");
    conn.done("CONFIG SET rl.max-waiters-per-key 2");
    conn.done("SELECT 0");
    let second = Waiter::start(&server, "RL.QUOTA a POLICY p WAIT 1h");
    conn.done("DEL a b c");
    assert_eq!(still(&[first, both, second], &mut conn), [2]);
}

#[test]
fn a_lower_bound_ends_no_wait() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let waiters: Vec<Waiter> = (0..3).map(|_| Waiter::start(&server, WANT)).collect();
    conn.done("CONFIG SET rl.max-waiters 0");
    assert_busy(&mut conn, WANT);
    conn.done("RL.REFUND k 2");
    assert_eq!(still(&waiters, &mut conn), [2]);
    assert_busy(&mut conn, WANT);
    conn.done("RL.REFUND k 1");
    assert_no_waiters(&mut conn);
    assert_busy(&mut conn, WANT);
    assert_eq!(conn.ask("RL.SLIDE new 5 1d WAIT 1h").five()[0], 1, "what is admitted needs no room");
    assert_eq!(conn.ask("RL.SLIDE new 5 1d COST 6 WAIT 1h").five()[3], -1, "nor what never is");
}

#[test]
fn a_busy_answer_charges_nothing() {
    let server = Server::start(&["rl.max-waiters 0", "appendonly yes"]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 5 1d COST 4");
    let before = (conn.digest(), conn.info_number("aof_current_size"));
    assert_busy(&mut conn, "RL.SLIDE k 5 1d COST 2 WAIT 1h");
    assert_busy(&mut conn, "RL.SLIDE k 5 1d COST 2 WAIT 1h PRIORITY LOW");
    assert_eq!((conn.digest(), conn.info_number("aof_current_size")), before);
    assert_eq!(conn.info_number("rl_slide_denied"), 0);
    assert_eq!(conn.info_number("rl_slide_errors"), 2);
}

#[test]
fn an_invalid_number_of_waiters_is_refused() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for (name, default) in [("max-waiters", "100000"), ("max-waiters-per-key", "10000")] {
        for value in ["", "x", "-1", "1.5", "10000001", "99999999999999999999", "1\0"] {
            assert!(conn.call(&["CONFIG", "SET", &format!("rl.{name}"), value]).is_error(), "{value:?}");
            assert_eq!(conn.info_config(&format!("rl.{name}")), default);
        }
        conn.done(&format!("CONFIG SET rl.{name} 10000000"));
        assert!(Server::start_with_arguments(&format!("{name} -1")).is_err());
    }
}
