//! `rl.lane-aging`: a waiter rises one lane each time it has waited this long.

use super::{TAKE, WANT};
use crate::common::clock::now;
use crate::common::waiting::still;
use crate::common::{Conn, Server, Waiter, wait_for_clock};

/// Starts one waiter in each of these lanes, in this order. Each waits for one unit of the taken limit.
fn lanes(server: &Server, lanes: &[&str]) -> Vec<Waiter> {
    lanes.iter().map(|lane| Waiter::start(server, &format!("{WANT} PRIORITY {lane}"))).collect()
}

fn pass(conn: &mut Conn, ms: i64) {
    let later = now(conn) + ms;
    wait_for_clock(conn, later);
}

#[test]
fn without_it_a_low_one_waits_for_all_higher_ones() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    assert_eq!(conn.info_config("rl.lane-aging"), "off");
    conn.done(TAKE);
    let waiters = lanes(&server, &["LOW"]);
    pass(&mut conn, 50);
    let higher = lanes(&server, &["HIGH"]);
    conn.done("RL.REFUND k 1");
    assert_eq!((still(&waiters, &mut conn), still(&higher, &mut conn)), (vec![0], vec![]));
}

#[test]
fn a_risen_waiter_is_before_new_waiters_of_that_lane() {
    let server = Server::start(&["rl.lane-aging 20ms"]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let low = Waiter::start(&server, &format!("{WANT} PRIORITY LOW"));
    pass(&mut conn, 80); // more than three lanes
    let critical = Waiter::start(&server, &format!("{WANT} PRIORITY CRITICAL"));
    conn.done("RL.REFUND k 1");
    assert_eq!(low.five()[..3], [1, 5, 0]);
    assert!(critical.waits(&mut conn));
}

#[test]
fn a_risen_waiter_is_not_passed_by_new_requests() {
    let server = Server::start(&["rl.lane-aging 20ms"]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 5 1d COST 4");
    let low = Waiter::start(&server, "RL.SLIDE k 5 1d COST 2 WAIT 1h PRIORITY LOW");
    pass(&mut conn, 80);
    assert_eq!(conn.ask(&format!("{WANT} PRIORITY CRITICAL").replace("WAIT 1h", "WAIT 1ms")).five()[0], 0);
    assert_eq!(conn.ask("RL.SLIDE k 5 1d").five()[0], 0);
    assert!(low.waits(&mut conn));
}

#[test]
fn a_waiter_is_admitted_when_it_rises_to_the_head() {
    let server = Server::start(&["rl.lane-aging 200ms"]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let begin = now(&mut conn);
    let small = Waiter::start(&server, "RL.SLIDE k 5 1d COST 1 WAIT 1h PRIORITY NORMAL");
    let large = Waiter::start(&server, "RL.SLIDE k 5 1d COST 2 WAIT 1h PRIORITY CRITICAL");
    conn.done("RL.REFUND k 1");
    // After two rises it is in the first lane, and its ticket is older than the other waiter's.
    assert_eq!(small.five()[..3], [1, 5, 0]);
    let waited = now(&mut conn) - begin;
    assert!((399..5_000).contains(&waited), "{waited} ms");
    assert!(large.waits(&mut conn));
}

#[test]
fn it_can_be_switched_on_and_off_for_waiters() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 5 1d COST 5");
    let small = Waiter::start(&server, "RL.SLIDE k 5 1d COST 1 WAIT 1h PRIORITY LOW");
    let large = Waiter::start(&server, "RL.SLIDE k 5 1d COST 2 WAIT 1h PRIORITY HIGH");
    conn.done("RL.REFUND k 1");
    pass(&mut conn, 20);
    assert!(small.waits(&mut conn) && large.waits(&mut conn), "the large one is the first");
    conn.done("CONFIG SET rl.lane-aging 1ms");
    assert_eq!(small.five()[..3], [1, 5, 0], "both are in the first lane by now, and it came first");
    conn.done("CONFIG SET rl.lane-aging OFF");
    assert_eq!(conn.info_config("rl.lane-aging").to_lowercase(), "off");
    let small = Waiter::start(&server, "RL.SLIDE k 5 1d COST 1 WAIT 1h PRIORITY LOW");
    pass(&mut conn, 20);
    let critical = Waiter::start(&server, "RL.SLIDE k 5 1d COST 1 WAIT 1h PRIORITY CRITICAL");
    conn.done("RL.REFUND k 1");
    assert_eq!(critical.five()[..3], [1, 5, 0]);
    assert!(small.waits(&mut conn) && large.waits(&mut conn));
}

#[test]
fn an_invalid_duration_is_refused_and_changes_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for value in ["", "x", "0", "-1", "0ms", "3651d", "1mo", "no", "1d\0", "\r\n"] {
        let reply = conn.call(&["CONFIG", "SET", "rl.lane-aging", value]);
        assert!(reply.is_error(), "{value:?}: {reply:?}");
        assert_eq!(conn.info_config("rl.lane-aging"), "off");
    }
    assert!(Server::start_with_arguments("lane-aging x").is_err());
    let server = Server::start_with_arguments("lane-aging 5m").unwrap_or_else(|log| panic!("{log}"));
    assert_eq!(server.connect().info_config("rl.lane-aging"), "5m");
}
