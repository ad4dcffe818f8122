//! The reply of each command: the contract's examples, five integers on both protocols, and maps.

use crate::common::value::Value;
use crate::common::{Conn, Server};

fn both_protocols(check: impl Fn(&mut Conn)) {
    for protocol in ["2", "3"] {
        let server = Server::start(&[]);
        let mut conn = server.connect();
        conn.done(&format!("HELLO {protocol}"));
        check(&mut conn);
    }
}

#[test]
fn the_contracts_examples_answer_as_written() {
    both_protocols(|conn| {
        assert_eq!(conn.ask("RL.SLIDE api:anthropic 500 60").five(), [1, 500, 499, 0, 60_000]);
        assert_eq!(conn.ask("RL.BUCKET api:openai 50 500 60").five(), [1, 50, 49, 0, 120]);
        assert_eq!(conn.ask("RL.WINDOW api:day 5 1d COST 9").five(), [0, 5, 5, -1, 0]);
    });
}

#[test]
fn a_decision_is_an_array_of_five_integers() {
    both_protocols(|conn| {
        for line in
            ["RL.SLIDE s 5 60", "RL.WINDOW w 5 60", "RL.BUCKET b 5 1", "RL.PEEK s", "RL.PEEK w", "RL.PEEK b"]
        {
            assert!(matches!(conn.ask(line), Value::Array(fields) if fields.len() == 5), "{line}");
        }
    });
}

#[test]
fn a_key_that_is_not_there_peeks_as_nil_and_refunds_nothing() {
    both_protocols(|conn| {
        assert_eq!(conn.ask("RL.PEEK none"), Value::Nil);
        assert_eq!(conn.ask("RL.PEEK none COST 3"), Value::Nil);
        assert_eq!(conn.ask("RL.REFUND none 3"), Value::Int(0));
        assert_eq!(conn.ask("RL.INFO none"), Value::Nil);
        assert_eq!(conn.ask("DBSIZE"), Value::Int(0));
    });
}

#[test]
fn a_refund_answers_what_remains() {
    both_protocols(|conn| {
        conn.done("RL.SLIDE s 10 1h COST 4");
        assert_eq!(conn.ask("RL.REFUND s 3"), Value::Int(9));
    });
}

#[test]
fn info_is_a_map() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE s 5 1h COST 2");
    let flat = conn.ask("RL.INFO s");
    conn.done("HELLO 3");
    let map = conn.ask("RL.INFO s");
    assert!(matches!(flat, Value::Array(_)), "RESP2: {flat:?}");
    assert!(matches!(map, Value::Map(_)), "RESP3: {map:?}");
    let names = [
        "algorithm",
        "parameters",
        "used",
        "remaining",
        "held_ms",
        "used_elsewhere",
        "elsewhere_ms",
        "waiting",
        "head_wait_ms",
        "reservations",
        "bytes",
    ];
    assert_eq!(flat.names(), names);
    assert_eq!(map.names(), names);
    for info in [flat, map] {
        assert_eq!(info.get("algorithm").text(), "slide");
        assert_eq!(info.get("parameters").names(), ["limit", "window_ms"]);
        assert_eq!(info.get("parameters").get("limit").int(), 5);
        assert_eq!(info.get("parameters").get("window_ms").int(), 3_600_000);
        assert_eq!(info.get("used").int(), 2);
        assert_eq!(info.get("remaining").int(), 3);
        assert_eq!(info.get("waiting").names(), ["critical", "high", "normal", "low"]);
        assert_eq!(info.get("waiting").get("low").int(), 0);
        assert_eq!(info.get("head_wait_ms"), Value::Nil);
        assert_eq!(info.get("reservations").int(), 0);
        assert!(info.get("bytes").int() > 0);
    }
}

#[test]
fn info_tells_the_parameters_of_each_algorithm() {
    both_protocols(|conn| {
        conn.done("RL.WINDOW w 5 1h OFFSET -10m");
        let info = conn.ask("RL.INFO w");
        assert_eq!(info.get("algorithm").text(), "window");
        assert_eq!(info.get("parameters").get("limit").int(), 5);
        assert_eq!(info.get("parameters").get("window_ms").int(), 3_600_000);
        assert_eq!(info.get("parameters").get("offset_ms").int(), -600_000);

        conn.done("RL.WINDOW m 5 1mo");
        let info = conn.ask("RL.INFO m");
        assert_eq!(info.get("parameters").get("window_ms").text(), "1mo");
        assert_eq!(info.get("parameters").get("offset_ms").int(), 0);

        conn.done("RL.BUCKET b 5 8.33 1h COST 2");
        let info = conn.ask("RL.INFO b");
        assert_eq!(info.get("algorithm").text(), "bucket");
        assert_eq!(info.get("parameters").get("capacity").int(), 5);
        assert_eq!(info.get("parameters").get("refill").text(), "8.33");
        assert_eq!(info.get("parameters").get("period_ms").int(), 3_600_000);
        assert_eq!(info.get("used").int(), 2);
        assert_eq!(info.get("remaining").int(), 3);
    });
}

#[test]
fn options_and_command_names_are_read_in_any_case() {
    both_protocols(|conn| {
        assert_eq!(conn.ask("rl.slide s 10 1h cost 2").five()[2], 8);
        assert_eq!(conn.ask("Rl.Window w 10 1d Offset 1h Cost 2").five()[2], 8);
        assert_eq!(conn.ask("rl.bucket b 10 1 1d cOsT 2").five()[2], 8);
        assert_eq!(conn.ask("rl.peek s Cost 9").five()[..3], [0, 10, 8]);
    });
}

#[test]
fn keys_are_any_bytes() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let keys: [&[u8]; 7] =
        [b"", b"\0", b"a\0b", b"\r\n+OK\r\n", b"\xff\xfe", "\u{100}".as_bytes(), &[b'k'; 70_000]];
    for key in keys {
        assert_eq!(conn.call(&[b"RL.SLIDE", key, b"5", b"60"]).five(), [1, 5, 4, 0, 60_000]);
        assert_eq!(conn.call(&[b"RL.PEEK", key]).five()[..4], [1, 5, 4, 0]);
        assert_eq!(conn.call(&[b"RL.REFUND", key, b"1"]).int(), 5);
        assert_eq!(conn.call(&[b"RL.INFO", key]).get("used").int(), 0);
        conn.call(&[b"DEL", key]);
        assert_eq!(conn.call(&[b"RL.WINDOW", key, b"5", b"1mo"]).five()[..4], [1, 5, 4, 0]);
        conn.call(&[b"DEL", key]);
        assert_eq!(conn.call(&[b"RL.BUCKET", key, b"5", b"1"]).five(), [1, 5, 4, 0, 1_000]);
        conn.call(&[b"DEL", key]);
    }
}

#[test]
fn a_client_library_needs_to_know_nothing_of_the_module() {
    let server = Server::start(&[]);
    let client = redis::Client::open(format!("unix://{}", server.socket().display())).unwrap();
    let mut conn = client.get_connection().unwrap();
    let slide: (bool, u64, u64, i64, i64) =
        redis::cmd("RL.SLIDE").arg("k").arg(500).arg(60).query(&mut conn).unwrap();
    assert_eq!(slide, (true, 500, 499, 0, 60_000));
    let none: Option<Vec<i64>> = redis::cmd("RL.PEEK").arg("none").query(&mut conn).unwrap();
    assert_eq!(none, None);
    let left: u64 = redis::cmd("RL.REFUND").arg("k").arg(1).query(&mut conn).unwrap();
    assert_eq!(left, 500);
}
