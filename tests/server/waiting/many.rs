//! A request about several keys waits in the line of each.

use crate::common::quota::Answer;
use crate::common::waiting::{assert_no_waiters, still, waiting};
use crate::common::{Conn, Server, Value, Waiter, wait_until};

const BOTH: &str = "RL.MQUOTA 2 a b POLICY p p WAIT 1h";

fn start() -> (Server, Conn) {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT l 2 1d");
    (server, conn)
}

fn take(conn: &mut Conn, key: &str) {
    assert!(conn.quota(&format!("RL.QUOTA {key} POLICY p COST requests 2 RESERVE 1h ID r")).allowed);
}

#[test]
fn it_is_admitted_when_all_of_its_keys_admit_it() {
    let (server, mut conn) = start();
    take(&mut conn, "a");
    take(&mut conn, "b");
    let waiter = Waiter::start(&server, BOTH);
    conn.done("RL.CANCEL a r");
    assert!(waiter.waits(&mut conn));
    assert_eq!(conn.used("b"), [2]);
    conn.done("RL.SETTLE b r COST requests 1");
    let answer = Answer::of(&waiter.answer());
    assert_eq!(answer.rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["p/l", "p/l"]);
    assert_eq!(answer.remaining(), [1, 0]);
    assert_eq!((conn.used("a"), conn.used("b")), (vec![1], vec![2]));
}

#[test]
fn no_request_takes_what_a_waiter_is_in_line_for() {
    let (server, mut conn) = start();
    take(&mut conn, "b");
    let waiter = Waiter::start(&server, BOTH);
    assert!(!conn.quota("RL.QUOTA a POLICY p").allowed, "though there is room");
    let later = ["RL.QUOTA a POLICY p WAIT 1h", "RL.QUOTA b POLICY p WAIT 1h"]
        .map(|line| Waiter::start(&server, line));
    conn.done("RL.CANCEL b r");
    assert!(Answer::of(&waiter.answer()).allowed);
    assert_eq!(still(&later, &mut conn), [0; 0]);
    assert_eq!((conn.used("a"), conn.used("b")), (vec![2], vec![2]));
}

#[test]
fn requests_with_keys_in_another_order_do_not_deadlock() {
    let (server, mut conn) = start();
    take(&mut conn, "a");
    take(&mut conn, "b");
    let lines = ["RL.MQUOTA 2 a b POLICY p p WAIT 1h", "RL.MQUOTA 2 b a POLICY p p WAIT 1h"];
    let waiters: Vec<Waiter> = (0..4).map(|index| Waiter::start(&server, lines[index % 2])).collect();
    conn.done("RL.CANCEL a r");
    conn.done("RL.CANCEL b r");
    assert_eq!(still(&waiters, &mut conn), [2, 3]);
    conn.done("DEL a b");
    assert_eq!(still(&waiters, &mut conn), [0; 0]);
}

#[test]
fn it_is_counted_once_and_shown_in_each_line() {
    let (server, mut conn) = start();
    take(&mut conn, "a");
    take(&mut conn, "b");
    let waiter = Waiter::start(&server, &format!("{BOTH} PRIORITY LOW"));
    assert_eq!(waiting(&mut conn), (1, 1));
    for key in ["a", "b"] {
        let info = conn.ask(&format!("RL.INFO {key}"));
        assert_eq!(info.get("waiting").get("low"), Value::Int(1), "{key}");
    }
    drop(waiter);
    wait_until("it is gone", || waiting(&mut conn) == (0, 0));
    for key in ["a", "b"] {
        let info = conn.ask(&format!("RL.INFO {key}"));
        assert_eq!(info.get("waiting").get("low"), Value::Int(0), "{key}");
    }
}

#[test]
fn a_chain_of_waiters_is_admitted_one_after_the_other() {
    let (server, mut conn) = start();
    let keys: Vec<String> = (0..6).map(|number| format!("k{number}")).collect();
    for key in &keys {
        take(&mut conn, key);
    }
    let pair =
        |pair: &[String]| format!("RL.MQUOTA 2 {} {} POLICY p p COST requests 2 WAIT 1h", pair[0], pair[1]);
    let waiters: Vec<Waiter> = keys.windows(2).map(|keys| Waiter::start(&server, &pair(keys))).collect();
    // Both keys of the last waiter are free, but it is second in the line of one of them.
    for freed in ["k5", "k4", "k3", "k2", "k1"] {
        conn.done(&format!("RL.CANCEL {freed} r"));
        assert_eq!(still(&waiters, &mut conn), [0, 1, 2, 3, 4], "{freed}");
    }
    conn.done("RL.CANCEL k0 r");
    assert_eq!(still(&waiters, &mut conn), [1, 2, 3, 4]);
    for (freed, left) in [("k1", vec![2, 3, 4]), ("k2", vec![3, 4]), ("k3", vec![4]), ("k4", vec![])] {
        conn.done(&format!("DEL {freed}"));
        assert_eq!(still(&waiters, &mut conn), left, "{freed}");
    }
    assert_no_waiters(&mut conn);
}

/// A request that must wait for `a`, and takes nothing of `b` under its current policy.
const OTHER: &str = "RL.MQUOTA 2 a b POLICY p q WAIT 1h";

fn normal(conn: &mut Conn, key: &str) -> i64 {
    conn.ask(&format!("RL.INFO {key}")).get("waiting").get("normal").int()
}

#[test]
fn it_delays_no_request_on_a_key_from_which_it_takes_nothing() {
    let (server, mut conn) = start();
    conn.done("RL.POLICY SET q LIMIT t 5 1d UNIT tokens");
    take(&mut conn, "a");
    let waiter = Waiter::start(&server, OTHER);
    let took = conn.quota("RL.QUOTA b POLICY q COST tokens 4");
    assert!(took.allowed, "{took:?}");
    assert_eq!((normal(&mut conn, "a"), normal(&mut conn, "b")), (1, 0));
    let denied = conn.quota("RL.QUOTA b POLICY q COST tokens 2");
    assert!(denied.retry_after > 1_000, "as soon as tokens age, not as the other is admitted: {denied:?}");
    let later = Waiter::start(&server, "RL.QUOTA b POLICY q COST tokens 2 WAIT 1h");
    conn.done("RL.CANCEL a r");
    assert!(Answer::of(&waiter.answer()).allowed, "whoever waits for what it does not take is not before it");
    assert!(later.waits(&mut conn));
}

#[test]
fn it_is_in_the_lines_of_the_changed_policy() {
    let (server, mut conn) = start();
    conn.done("RL.POLICY SET q LIMIT l 1 1d UNIT tokens");
    take(&mut conn, "a");
    let waiter = Waiter::start(&server, OTHER);
    assert!(conn.quota("RL.QUOTA b POLICY q COST tokens 1").allowed);
    assert_eq!(normal(&mut conn, "b"), 0);
    conn.done("RL.POLICY SET q LIMIT l 1 1d");
    wait_until("it stands there, too", || normal(&mut conn, "b") == 1);
    conn.done("RL.CANCEL a r");
    assert!(waiter.waits(&mut conn), "the one of b is taken");
    conn.done("DEL b");
    assert!(Answer::of(&waiter.answer()).allowed);
    take_nothing_of(&server, &mut conn);
    assert_no_waiters(&mut conn);
}

/// Covers the reverse case: a policy changes, and the waiter leaves the line of the key.
fn take_nothing_of(server: &Server, conn: &mut Conn) {
    conn.done("DEL a b");
    take(conn, "a");
    let waiter = Waiter::start(server, OTHER);
    assert!(!conn.quota("RL.QUOTA b POLICY q").allowed);
    conn.done("RL.POLICY SET q LIMIT l 1 1d UNIT tokens");
    wait_until("it delays no request", || conn.quota("RL.QUOTA b POLICY q COST tokens 1").allowed);
    conn.done("RL.CANCEL a r");
    assert!(Answer::of(&waiter.answer()).allowed);
}
