//! A waiter is admitted at its time, however long the server was busy with it before.
//!
//! From Redis 7.2 on, and on Valkey, the clock that decides stands still while a line is served. The module must not count the
//! time from an instant that has passed. An earlier server has no such clock.

use std::time::{Duration, Instant};

use crate::common::server::compile;
use crate::common::waiting::assert_no_waiters;
use crate::common::{Conn, Server, Waiter};

/// When a request that takes all is made again, and how late that may be.
const WINDOW: Duration = Duration::from_millis(1_500);
const LATE: Duration = Duration::from_millis(500);

/// Requests of all of a limit, and of a part of it.
const REQUESTS: [(&str, &str); 3] = [
    ("RL.SLIDE k 5 1500ms COST 5", "RL.SLIDE k 5 1500ms COST 4 WAIT 1h"),
    ("RL.BUCKET k 5 5 1500ms COST 5", "RL.BUCKET k 5 5 1500ms COST 5 WAIT 1h"),
    ("RL.QUOTA k LIMIT a 5 1500ms COST requests 5", "RL.QUOTA k LIMIT a 5 1500ms COST requests 4 WAIT 1h"),
];

/// Takes all of `k`, and makes a waiter for it. Returns since when nothing is left.
fn full(server: &Server, conn: &mut Conn, (take, want): (&str, &str)) -> (Instant, Waiter) {
    conn.done("RL.POLICY DEL p");
    conn.done("DEL k");
    assert_eq!(conn.ask(take).list()[0].int(), 1, "{take}");
    let began = Instant::now();
    conn.done("EXPIRE k 1000"); // a key that is gone would admit the waiter, too
    (began, Waiter::start(server, want))
}

#[track_caller]
fn is_admitted_after(waiter: Waiter, began: Instant, due: Duration) {
    assert_eq!(waiter.answer().list()[0].int(), 1);
    let took = began.elapsed();
    assert!(took + Duration::from_millis(20) > due, "{took:?} is too soon");
    assert!(took < due + LATE, "{took:?} instead of {due:?}");
}

/// Another module makes the server busy just when it is asked whether it would take the write of a waiter.
#[test]
fn a_waiter_that_takes_the_server_long_to_look_at_is_admitted_in_time() {
    let folder = Server::start_without_module();
    let module = compile(&folder, "tests/server/waiting/slow_filter.c");
    let server = Server::start(&[&format!("loadmodule {}", module.display())]);
    let mut conn = server.connect();
    for request in REQUESTS {
        let looked = conn.ask("SLOW").int();
        let (began, waiter) = full(&server, &mut conn, request);
        conn.done("SLOW 1000");
        conn.done("RL.POLICY SET p LIMIT a 5 1d"); // marks all lines
        assert_eq!(conn.ask("SLOW").int() - looked, 1_000, "the server was busy with the waiter");
        is_admitted_after(waiter, began, WINDOW);
    }
    assert_no_waiters(&mut conn);
}
