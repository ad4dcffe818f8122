//! The parts of a quota: each bound from both sides, with its exact error text. An error changes nothing.

use crate::common::conn::{fill, words};
use crate::common::{Conn, Server};

const MOST: &str = "9007199254740991";
const TOO_MANY: &str = "9007199254740992";
const NO_NAMES: [&str; 9] = ["", " ", "a b", "a/b", "a\0", "\r\n", "\u{e9}", "a*", "%s"];

#[track_caller]
fn refused(conn: &mut Conn, template: &str, values: &[&str], error: &str) {
    let before = conn.digest();
    for value in values {
        let reply = conn.call(&fill(template, value));
        assert_eq!(reply.error(), error, "{template} with {value:?}");
    }
    assert_eq!(conn.digest(), before, "{template}");
}

#[track_caller]
fn taken(conn: &mut Conn, template: &str, values: &[&str]) {
    for value in values {
        let reply = conn.call(&fill(template, value));
        assert!(!reply.is_error(), "{template} with {value:?}: {reply:?}");
    }
    conn.done("FLUSHALL");
}

fn limits(count: usize) -> String {
    (0..count).map(|number| format!("LIMIT l{number} 5 1h UNIT u{number} ")).collect()
}

fn costs(count: usize) -> String {
    (0..count).map(|number| format!("COST u{number} 1 ")).collect()
}

#[test]
fn a_quota_has_1_to_16_limits() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let most = conn.quota(&format!("RL.QUOTA k {}", limits(16)));
    assert_eq!(most.rows.len(), 16);
    let error = "ERR a quota must have 1 to 16 limits";
    refused(&mut conn, &format!("RL.QUOTA k {}", limits(17)), &[""], error);
    refused(&mut conn, &format!("RL.QUOTA k {}", limits(400)), &[""], error);
    let twice = "ERR each limit of a quota must have a name of its own";
    refused(&mut conn, "RL.QUOTA k LIMIT a 5 1h LIMIT b 5 1h LIMIT a 6 2h", &[""], twice);
    refused(&mut conn, "RL.QUOTA k LIMIT a 5 1h LIMIT a 5 INFLIGHT RESERVE 1", &[""], twice);
}

#[test]
fn a_key_is_never_locked_by_other_limits_and_forgets_none() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let request = |number: usize| format!("RL.QUOTA k LIMIT l{number} 1 1h");
    for number in 0..40 {
        assert!(conn.quota(&request(number)).allowed, "l{number} is new");
    }
    conn.done("RL.POLICY SET p LIMIT l40 1 1h");
    assert!(conn.quota("RL.MQUOTA 2 other k POLICY p p").allowed);
    for number in 0..=40 {
        assert!(!conn.quota(&request(number)).allowed, "l{number} is not forgotten");
    }
    // Limits on open reservations do not count here, because they hold no state of their own.
    for number in 0..20 {
        let line = format!("RL.QUOTA slots LIMIT l{number} 1 INFLIGHT RESERVE 1h");
        assert_eq!(conn.quota(&line).allowed, number == 0);
    }
}

#[test]
fn used_cost_is_a_number_for_every_client() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for id in ["r", "s"] {
        conn.done(&format!("RL.QUOTA k LIMIT a {MOST} 1h UNIT tokens COST tokens 1 RESERVE 1h ID {id}"));
    }
    for id in ["r", "s"] {
        assert_eq!(conn.ask(&format!("RL.SETTLE k {id} COST tokens {MOST}")).int(), 1);
    }
    assert_eq!(conn.used("k"), [9_007_199_254_740_991]);
}

#[test]
fn a_request_names_16_units_at_most() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let all = conn.quota(&format!("RL.QUOTA k {} {} RESERVE 1h ID r", limits(16), costs(16)));
    assert_eq!(all.remaining(), [4; 16]);
    let (too_many, twice) = ("ERR at most 16 units may have a COST", "ERR each unit may have one COST only");
    for template in ["RL.QUOTA k LIMIT a 5 1h", "RL.SETTLE k r", "RL.PEEK k"] {
        refused(&mut conn, &format!("{template} {}", costs(17)), &[""], too_many);
        refused(&mut conn, &format!("{template} COST ? 1 COST other 1 COST ? 1"), &["u"], twice);
    }
    refused(&mut conn, "RL.PEEK k COST 1 COST requests 1", &[""], twice);
    assert_eq!(conn.quota(&format!("RL.PEEK k {}", costs(16))).remaining(), [4; 16]);
    assert_eq!(conn.ask(&format!("RL.SETTLE k r {}", costs(16).replace(" 1 ", " 3 "))).int(), 1);
    assert_eq!(conn.used("k"), [3; 16]);
}

#[test]
fn names_are_1_to_64_of_some_characters() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let (longest, too_long) = ("x".repeat(64), "x".repeat(65));
    let good = ["a", "A-Z_0.9:z", &longest];
    conn.done("RL.POLICY SET p LIMIT a 5 1h");
    for (template, what) in [
        ("RL.QUOTA k LIMIT ? 5 1h", "limit name"),
        ("RL.QUOTA k LIMIT ? 5 INFLIGHT RESERVE 1h", "limit name"),
        ("RL.QUOTA k LIMIT a 5 1h UNIT ?", "unit"),
        ("RL.QUOTA k POLICY p COST ? 1", "unit"),
        ("RL.SETTLE k r COST ? 1", "unit"),
        ("RL.PEEK k COST ? 1", "unit"),
    ] {
        taken(&mut conn, template, &good);
        let error = format!("ERR {what} must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -");
        refused(&mut conn, template, &NO_NAMES, &error);
        refused(&mut conn, template, &[&too_long, &"x".repeat(1 << 20)], &error);
    }
}

#[test]
fn an_id_is_1_to_128_bytes() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let ids = ["x".repeat(128), "x".repeat(129), "x".repeat(1 << 20)];
    for template in [
        "RL.QUOTA k LIMIT a 5 1h RESERVE 1h ID ?",
        "RL.SETTLE k ?",
        "RL.SETTLE k ? COST u 1",
        "RL.CANCEL k ?",
        "RL.RENEW k ? 1h",
    ] {
        taken(&mut conn, template, &["x", "\0", " ", &ids[0]]);
        refused(&mut conn, template, &["", &ids[1], &ids[2]], "ERR id must be 1 to 128 bytes");
    }
}

#[test]
fn numbers_and_durations_are_those_of_one_limit() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let numbers = ["", "-1", "+1", "x", "1.5", "1e3", TOO_MANY, "18446744073709551617", "nan"];
    let (limit, capacity, cost) = ("limit", "capacity", "cost");
    for (template, what, least) in [
        ("RL.QUOTA k LIMIT a ? 1h", limit, "0"),
        ("RL.QUOTA k LIMIT a ? 1h WINDOW", limit, "0"),
        ("RL.QUOTA k LIMIT a ? 1h BUCKET 5", limit, "0"),
        ("RL.QUOTA k LIMIT a ? INFLIGHT RESERVE 1h", limit, "0"),
        ("RL.QUOTA k LIMIT a 5 1h BUCKET ?", capacity, "0"),
        ("RL.QUOTA k LIMIT a 5 1h UNIT u COST u ?", cost, "0"),
        ("RL.SETTLE k r COST u ?", cost, "0"),
        ("RL.PEEK k COST u ?", cost, "0"),
    ] {
        taken(&mut conn, template, &[least, MOST]);
        let error = format!("ERR {what} must be an integer from {least} to {MOST}");
        refused(&mut conn, template, &numbers, &error);
    }
    let no_durations = ["", "0", "0ms", "-1", "3651d", "0.4ms", "522w", "x", "nan", "99999999999999999999d"];
    for (template, what) in [
        ("RL.QUOTA k LIMIT a 5 ?", "window"),
        ("RL.QUOTA k LIMIT a 5 ? BUCKET 5", "window"),
        ("RL.QUOTA k LIMIT a 5 1h RESERVE ?", "ttl"),
        ("RL.RENEW k r ?", "ttl"),
    ] {
        taken(&mut conn, template, &["1ms", "60", "0.25", "3650d"]);
        let error =
            format!("ERR {what} must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d");
        refused(&mut conn, template, &no_durations, &error);
        refused(&mut conn, template, &["1mo"], &error);
    }
    taken(&mut conn, "RL.QUOTA k LIMIT a 5 ? WINDOW", &["1ms", "3650d", "1mo"]);
    let window = "ERR window must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d, or 1mo";
    refused(&mut conn, "RL.QUOTA k LIMIT a 5 ? WINDOW", &no_durations, window);
    let offset = "ERR offset must be a duration from -3650d to 3650d, such as 8h or -30m";
    refused(&mut conn, "RL.QUOTA k LIMIT a 5 1h WINDOW OFFSET ?", &["", "x", "3651d", "--1", "1mo"], offset);
}

#[test]
fn slots_need_a_reservation_to_be_counted() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let error = "ERR a quota with an INFLIGHT limit needs RESERVE ttl";
    refused(&mut conn, "RL.QUOTA k LIMIT a 5 INFLIGHT", &[""], error);
    refused(&mut conn, "RL.QUOTA k LIMIT b 5 1h LIMIT a 5 INFLIGHT COST requests 1", &[""], error);
    conn.done("RL.QUOTA k LIMIT a 5 INFLIGHT RESERVE 1h");
    refused(&mut conn, "RL.QUOTA k LIMIT a 5 INFLIGHT", &[""], error);
}

#[test]
fn an_unknown_option_is_a_syntax_error() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.QUOTA k LIMIT a 5 1h RESERVE 1h ID r");
    let before = conn.digest();
    for (command, lines) in [
        (
            "RL.QUOTA",
            &[
                "k x 1",
                "k LIMIT a",
                "k LIMIT a 5",
                "k LIMIT a 5 1h x",
                "k LIMIT a 5 1h UNIT",
                "k LIMIT a 5 1h UNIT x UNIT y",
                "k LIMIT a 5 1h SLIDE WINDOW",
                "k LIMIT a 5 1h SLIDE OFFSET 1",
                "k LIMIT a 5 1h OFFSET 1",
                "k LIMIT a 5 1h WINDOW OFFSET",
                "k LIMIT a 5 1h WINDOW OFFSET 1 OFFSET 1",
                "k LIMIT a 5 1h BUCKET",
                "k LIMIT a 5 INFLIGHT UNIT x RESERVE 1",
                "k LIMIT a 5 1h COST",
                "k LIMIT a 5 1h COST 1",
                "k LIMIT a 5 1h RESERVE",
                "k LIMIT a 5 1h RESERVE 1 ID",
                "k LIMIT a 5 1h RESERVE 1 RESERVE 1",
                "k LIMIT a 5 1h ID x",
                "k LIMIT a 5 1h RESERVE 1 COST u 1 ID x",
                "k COST u 1",
                "k RESERVE 1 ID x",
                "k POLICY p LIMIT a 5 1h",
                "k LIMIT a 5 1h POLICY p",
                "k POLICY p POLICY p",
                "k LIMIT a 5 1h PRIORITY HIGH",
            ][..],
        ),
        ("RL.SETTLE", &["k r x", "k r COST", "k r COST u", "k r COST u 1 x", "k r RESERVE 1"][..]),
    ] {
        for line in lines {
            let reply = conn.ask(&format!("{command} {line}"));
            let expected = format!("ERR syntax error, expected {command} key ");
            assert!(reply.error().starts_with(&expected), "{command} {line}: {reply:?}");
        }
    }
    for line in
        ["RL.QUOTA", "RL.QUOTA k", "RL.QUOTA k LIMIT", "RL.SETTLE k", "RL.CANCEL k", "RL.CANCEL k r x"]
            .iter()
            .chain(&["RL.RENEW k r", "RL.RENEW k r 1 x", "RL.MQUOTA 1 k POLICY", "RL.SETTLE", "RL.MQUOTA"])
    {
        let reply = conn.ask(line);
        assert!(reply.error().starts_with("ERR wrong number of arguments"), "{line}: {reply:?}");
    }
    let unknown = "ERR no such policy, RL.POLICY LIST names those there are";
    for name in ["p", "", "\0", "x".repeat(65).as_str()] {
        assert_eq!(conn.call(&fill("RL.QUOTA k POLICY ?", name)).error(), unknown, "{name:?}");
    }
    assert_eq!(conn.digest(), before);
}

#[test]
fn a_key_holds_100_000_open_reservations() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let most = 100_000;
    let request = |id: usize| {
        format!(
            "RL.QUOTA k LIMIT a {MOST} 1h LIMIT b 9 3650d UNIT tokens BUCKET {MOST} COST tokens 9 RESERVE 1h ID {id}"
        )
    };
    for id in 0..most {
        conn.send(&words(&request(id * 7_919 % most)));
    }
    for _ in 0..most {
        assert!(!conn.receive().is_error());
    }
    assert_eq!(conn.open("k"), 100_000);
    refused(&mut conn, &request(most), &[""], "ERR a key may hold 100000 open reservations");
    let spelled = "RL.QUOTA k LIMIT a 5 1h RESERVE ?";
    refused(&mut conn, spelled, &["1h"], "ERR a key may hold 100000 open reservations");
    // The bound does not refuse requests that need no place, nor any request after a reservation was given
    // back.
    assert!(conn.quota(&request(5)).allowed, "an id that is open already");
    assert!(conn.quota(request(0).split(" RESERVE").next().unwrap()).allowed);
    assert_eq!(conn.ask("RL.SETTLE k 77 COST tokens 3").int(), 1);
    assert!(conn.quota(&request(most)).allowed);
    refused(&mut conn, &request(most + 1), &[""], "ERR a key may hold 100000 open reservations");
    let digest = conn.digest();
    conn.done("DEBUG RELOAD");
    assert_eq!(conn.digest(), digest);
    assert_eq!(conn.ask("COPY k copy").int(), 1);
    // Each reservation is settled individually, however many there are. The test settles one in a hundred.
    let ids: Vec<usize> = (0..most).step_by(100).collect();
    for id in &ids {
        conn.send(&words(&format!("RL.SETTLE k {id} COST tokens {}", id % 20)));
    }
    assert!(ids.iter().all(|_| conn.receive().int() == 1));
    assert_eq!((conn.open("k"), conn.open("copy")), (99_000, 100_000));
}
