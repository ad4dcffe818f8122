//! A server with many waiters and no requests uses no CPU.

use std::thread;
use std::time::Duration;

use super::{TAKE, WANT};
use crate::common::clock::now;
use crate::common::waiting::waiting;
use crate::common::{Conn, Server, Waiter};

/// Measures how many thousandths of a processor the server uses during `ms`. The measuring client stays idle.
pub fn busy(conn: &mut Conn, ms: i64) -> i64 {
    let (begin, before) = (now(conn), used(conn));
    thread::sleep(Duration::from_millis(u64::try_from(ms).unwrap()));
    (used(conn) - before) / (now(conn) - begin)
}

/// Returns processor time in microseconds.
fn used(conn: &mut Conn) -> i64 {
    // INFO has seconds with six decimals.
    let number = |conn: &mut Conn, name| conn.info(name).unwrap().replace('.', "").parse::<i64>().unwrap();
    number(conn, "used_cpu_user") + number(conn, "used_cpu_sys")
}

#[test]
fn waiters_cost_nothing_while_they_wait() {
    let server = Server::start(&["rl.lane-aging 1h"]);
    let mut conn = server.connect();
    let mut waiters = Vec::new();
    for key in 0..20 {
        conn.done(&TAKE.replace(" k ", &format!(" k{key} ")));
        waiters.extend((0..10).map(|_| Waiter::start(&server, &WANT.replace(" k ", &format!(" k{key} ")))));
    }
    assert_eq!(waiting(&mut conn), (200, 200));
    let busy = busy(&mut conn, 1_000);
    assert!(busy < 60, "{busy} thousandths of a processor");
}

#[test]
fn waiters_that_have_risen_to_the_first_lane_use_no_cpu() {
    let server = Server::start(&["rl.lane-aging 1ms"]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let lanes = ["LOW", "CRITICAL", "NORMAL", "HIGH", "LOW"];
    let _waiters = lanes.map(|lane| Waiter::start(&server, &format!("{WANT} PRIORITY {lane}")));
    let busy = busy(&mut conn, 700);
    assert!(busy < 60, "{busy} thousandths of a processor");
}
