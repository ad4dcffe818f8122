//! Waiters are in no file. A server that shuts down, crashes or reloads its data has admitted no waiter
//! because of it.

use super::{TAKE, WANT};
use crate::common::waiting::{assert_no_waiters, still, waiting};
use crate::common::{Server, Waiter, aof, wait_until};

#[test]
fn a_server_that_is_shut_down_ends_and_leaves_what_was_admitted() {
    for how in ["SHUTDOWN", "SHUTDOWN NOSAVE", "SHUTDOWN NOW"] {
        let mut server = Server::start(&["appendonly yes"]);
        let mut conn = server.connect();
        conn.done(TAKE);
        let mut waiters =
            [WANT, "RL.SLIDE k 5 1d COST 2 WAIT 1h PRIORITY HIGH"].map(|line| Waiter::start(&server, line));
        conn.send(&crate::common::conn::words(how));
        assert!(conn.try_receive().is_err(), "{how}: the server ends");
        for waiter in &mut waiters {
            assert!(waiter.conn.try_receive().is_err(), "{how}");
        }
        let log = server.log();
        assert!(log.contains("is now ready to exit") && !log.contains("REPORT"), "{how}: {log}");
        server.crash_and_restart();
        let mut conn = server.connect();
        assert_eq!(conn.ask("RL.INFO k").get("used").int(), 5, "{how}");
        assert_no_waiters(&mut conn);
    }
}

#[test]
fn a_server_that_is_killed_has_lost_them_and_nothing_else() {
    let mut server = Server::start(&["appendonly yes", "appendfsync always"]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let waiters: Vec<Waiter> = (0..4).map(|_| Waiter::start(&server, WANT)).collect();
    conn.done("RL.REFUND k 2");
    assert_eq!(still(&waiters, &mut conn), [2, 3]);
    let digest = conn.digest();
    server.crash_and_restart();
    let mut conn = server.connect();
    assert_eq!(conn.digest(), digest);
    assert_eq!(conn.ask("RL.INFO k").get("used").int(), 5);
    assert_no_waiters(&mut conn);
    let commands = aof::commands(server.dir());
    let of_ours = commands.iter().filter(|command| command[0].starts_with(b"RL."));
    assert!(of_ours.clone().all(|command| command[0] == b"RL.APPLY"), "effects alone: {commands:?}");
    assert_eq!(of_ours.count(), 4);
}

#[test]
fn waiters_during_a_reload_wait_for_the_loaded_keys() {
    for command in ["DEBUG RELOAD", "DEBUG LOADAOF"] {
        let server = Server::start(&["appendonly yes"]);
        let mut conn = server.connect();
        conn.done("RL.POLICY SET p LIMIT a 5 1d");
        conn.done(TAKE);
        conn.done("RL.QUOTA q POLICY p COST requests 5 RESERVE 1h ID r");
        let waiters = [WANT, WANT, "RL.QUOTA q POLICY p WAIT 1h"].map(|line| Waiter::start(&server, line));
        conn.done(command);
        assert_eq!(waiting(&mut conn), (3, 3), "{command}");
        conn.done("RL.REFUND k 1");
        assert_eq!(still(&waiters, &mut conn), [1, 2], "{command}");
        assert_eq!(conn.ask("RL.CANCEL q r").int(), 1);
        assert_eq!(still(&waiters, &mut conn), [1], "{command}");
        assert_eq!(conn.ask("RL.INFO k").get("used").int(), 5);
    }
}

#[test]
fn a_key_that_a_reload_loses_admits_its_waiters() {
    let server = Server::start(&["save 3600 1"]);
    let mut conn = server.connect();
    conn.done("SET saved x");
    conn.done("SAVE");
    conn.done(TAKE);
    let waiter = Waiter::start(&server, WANT);
    conn.done("DEBUG RELOAD NOSAVE");
    assert_eq!(waiter.five()[..3], [1, 5, 4]);
}

#[test]
fn a_file_that_is_rewritten_meanwhile_holds_what_was_admitted() {
    let mut server = Server::start(&["appendonly yes", "appendfsync always"]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE slow 5 1d COST 5");
    let waiters: Vec<Waiter> = (0..3).map(|_| Waiter::start(&server, "RL.SLIDE slow 5 1d WAIT 1h")).collect();
    conn.done("BGREWRITEAOF");
    conn.done("RL.REFUND slow 2");
    wait_until("the rewrite is done", || {
        conn.info_number("aof_rewrite_in_progress") == 0 && conn.info_number("aof_rewrite_scheduled") == 0
    });
    assert_eq!(still(&waiters, &mut conn), [2]);
    let digest = conn.digest();
    server.crash_and_restart();
    let mut conn = server.connect();
    assert_eq!(conn.digest(), digest);
    assert_eq!(conn.ask("RL.INFO slow").get("used").int(), 5);
}
