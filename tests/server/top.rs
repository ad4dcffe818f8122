//! RL.TOP: the keys with the most requests.

use crate::common::conn::words;
use crate::common::{Conn, Server, Value, Waiter};

/// Returns names and counts, in order.
fn top(conn: &mut Conn, line: &str) -> Vec<(String, i64)> {
    let reply = conn.ask(line);
    let of = |row: &Value| {
        let [name, count, error] = row.list() else { panic!("{row:?}") };
        assert_eq!(error.int(), 0, "there is a place for each");
        (name.text(), count.int())
    };
    reply.list().iter().map(of).collect()
}

fn pairs(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn it_lists_the_keys_that_were_denied_or_admitted_most_often() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    assert_eq!(top(&mut conn, "RL.TOP"), []);
    for (key, times) in [("a", 3), ("b", 6), ("c", 4)] {
        (0..times).for_each(|_| drop(conn.ask(&format!("RL.SLIDE {key} 2 1d"))));
    }
    assert_eq!(top(&mut conn, "RL.TOP"), pairs(&[("b", 4), ("c", 2), ("a", 1)]));
    assert_eq!(top(&mut conn, "rl.top denied count 1"), pairs(&[("b", 4)]));
    assert_eq!(top(&mut conn, "RL.TOP COUNT 2 ADMITTED"), pairs(&[("a", 2), ("b", 2)]));
    assert_eq!(conn.ask("RL.TOP RESET").text(), "OK");
    assert_eq!(top(&mut conn, "RL.TOP"), []);
    assert_eq!(top(&mut conn, "RL.TOP ADMITTED"), []);
    assert_eq!(conn.ask("RL.SLIDE a 2 1d").five()[2], 0, "no limit is forgotten");
    assert_eq!(top(&mut conn, "RL.TOP"), pairs(&[("a", 1)]));
}

#[test]
fn flows_lists_those_with_most_waiters() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    assert_eq!(conn.ask("RL.TOP FLOWS").list(), []);
    let long = "l".repeat(300);
    for key in ["a", "b", &long] {
        conn.done(&format!("RL.SLIDE {key} 5 1d COST 5"));
    }
    let start = |key: &str, count: usize, flow: &str| {
        let line = format!("RL.SLIDE {key} 5 1d WAIT 1h{flow}");
        (0..count).map(|_| Waiter::start(&server, &line)).collect::<Vec<_>>()
    };
    let waiters = [
        start("a", 1, " FLOW x"),
        start("a", 4, " PRIORITY LOW FLOW y"),
        start("b", 3, " FLOW x"),
        start(&long, 2, " FLOW z"),
        start("b", 5, ""), // of no name
    ];
    conn.done("RL.REFUND b 1");
    let told = conn.ask("RL.TOP FLOWS");
    let rows: Vec<(String, String, String, i64)> = told
        .list()
        .iter()
        .map(|row| {
            (row.get("key").text(), row.get("lane").text(), row.get("flow").text(), row.get("waiting").int())
        })
        .collect();
    let row = |key: &str, lane: &str, flow: &str, waiting| {
        (key.to_owned(), lane.to_owned(), flow.to_owned(), waiting)
    };
    assert_eq!(
        rows,
        [
            row("a", "low", "y", 4),
            row("b", "normal", "x", 2),
            row(&long[..256], "normal", "z", 2),
            row("a", "normal", "x", 1)
        ]
    );
    let served = &told.list()[1];
    assert_eq!((served.get("served").int(), served.get("share_percent").int()), (1, 100));
    assert!(served.get("longest_wait_ms").int() >= 0);
    assert_eq!(conn.ask("RL.TOP count 1 flows").list().len(), 1);
    assert_eq!(conn.ask("RL.TOP RESET").text(), "OK");
    assert_eq!(conn.ask("RL.TOP FLOWS").list().len(), 4, "they wait still");
    conn.done("SELECT 1");
    assert_eq!(conn.ask("RL.TOP FLOWS").list(), []);
    assert!(conn.ask("RL.TOP FLOWS HELD").error().starts_with("ERR syntax error, expected RL.TOP"));
    conn.done("SELECT 0");
    drop(waiters);
}

#[test]
fn every_command_that_decides_counts() {
    let server = Server::start(&["rl.cl-throttle yes"]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET one LIMIT l 1 1d");
    conn.done("RL.POLICY SET nine LIMIT l 9 1d");
    for line in [
        "RL.WINDOW w 1 1d",
        "RL.BUCKET b 1 1 1d",
        "CL.THROTTLE t 0 1 86400",
        "RL.QUOTA q POLICY one",
        "RL.QUOTA s LIMIT l 1 1d",
    ] {
        (0..2).for_each(|_| drop(conn.ask(line)));
    }
    // In a request about many keys, only the keys that do not admit it count as denied.
    (0..3).for_each(|_| drop(conn.ask("RL.MQUOTA 2 m:1 m:9 POLICY one nine")));
    assert_eq!(
        top(&mut conn, "RL.TOP ADMITTED"),
        pairs(&[("b", 1), ("m:1", 1), ("m:9", 1), ("q", 1), ("s", 1), ("t", 1), ("w", 1)])
    );
    assert_eq!(
        top(&mut conn, "RL.TOP"),
        pairs(&[("m:1", 2), ("b", 1), ("q", 1), ("s", 1), ("t", 1), ("w", 1)])
    );
    // Invalid requests, commands without a decision and repeated requests do not count either.
    for line in ["RL.SLIDE x -1 1", "RL.PEEK b", "RL.REFUND b 1", "RL.INFO b"] {
        conn.ask(line);
    }
    (0..3).for_each(|_| drop(conn.ask("RL.QUOTA r LIMIT l 9 1d RESERVE 60 ID same")));
    assert_eq!(top(&mut conn, "RL.TOP ADMITTED COUNT 9").len(), 8);
    assert_eq!(top(&mut conn, "RL.TOP").len(), 6);
}

#[test]
fn a_waiter_counts_when_it_is_answered() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    assert_eq!(conn.ask("RL.SLIDE k 1 1d").five()[0], 1);
    let [first, second] = [(); 2].map(|()| Waiter::start(&server, "RL.SLIDE k 1 1d WAIT 1h"));
    assert_eq!(top(&mut conn, "RL.TOP"), []);
    conn.done("DEL k");
    assert_eq!(first.five()[0], 1);
    assert_eq!(top(&mut conn, "RL.TOP ADMITTED"), pairs(&[("k", 2)]));
    conn.ask(&format!("CLIENT UNBLOCK {}", second.id));
    second.answer();
    assert_eq!(top(&mut conn, "RL.TOP"), pairs(&[("k", 1)]));
}

#[test]
fn it_tells_of_the_selected_database_and_keys_of_any_bytes() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let call = |conn: &mut Conn, key: &[u8]| drop(conn.call(&[b"RL.SLIDE".as_slice(), key, b"5", b"60"]));
    call(&mut conn, b"\r\n\0\xff");
    call(&mut conn, &[b'x'; 100_000]);
    conn.done("SELECT 3");
    call(&mut conn, b"");
    assert_eq!(conn.ask("RL.TOP ADMITTED").list(), [row(b"")]);
    conn.done("SELECT 0");
    let all = conn.ask("RL.TOP ADMITTED");
    assert_eq!(all.list(), [row(b"\r\n\0\xff"), row(&[b'x'; 256])]);
}

fn row(name: &[u8]) -> Value {
    Value::Array(vec![Value::Bulk(name.to_vec()), Value::Int(1), Value::Int(0)])
}

#[test]
fn what_is_wrong_is_refused() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let (syntax, count) =
        ("ERR syntax error, expected RL.TOP", "ERR count must be an integer from 1 to 1024");
    for (line, error) in [
        ("RL.TOP HEAVY", syntax),
        ("RL.TOP COUNT", syntax),
        ("RL.TOP DENIED ADMITTED", syntax),
        ("RL.TOP DENIED RESET", syntax),
        ("RL.TOP RESET DENIED", syntax),
        ("RL.TOP COUNT 0", count),
        ("RL.TOP COUNT 1025", count),
        ("RL.TOP COUNT -1", count),
        ("RL.TOP COUNT 1 COUNT 1", "ERR wrong number of arguments"),
    ] {
        assert!(conn.ask(line).error().starts_with(error), "{line}");
    }
}

/// Names of keys that a user may not access are for operators only.
#[test]
fn a_limited_user_may_not_run_it() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("ACL SETUSER asks on nopass ~* +rl.slide +@read +@write -@dangerous");
    let mut asks = server.connect();
    asks.done("AUTH asks x");
    assert_eq!(asks.ask("RL.SLIDE k 1 60").five()[0], 1);
    assert!(asks.ask("RL.TOP").error().starts_with("NOPERM"));
}

#[test]
fn any_number_of_keys_takes_no_more_memory_than_a_few() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let memory = |conn: &mut Conn| conn.info_number("used_memory");
    let ask = |conn: &mut Conn, keys: core::ops::Range<u32>| {
        for key in keys {
            // A denied request creates no key.
            conn.send(&words(&format!("RL.SLIDE key:{key} 1 60 COST 2")));
            if key % 1_000 == 999 {
                conn.flush().unwrap();
                (0..1_000).for_each(|_| drop(conn.receive()));
            }
        }
    };
    ask(&mut conn, 0..10_000);
    let before = memory(&mut conn);
    ask(&mut conn, 10_000..300_000);
    let after = memory(&mut conn);
    assert!(after - before < 100_000, "{before} {after}");
    assert_eq!(conn.ask("RL.TOP COUNT 1024").list().len(), 1_024);
}
