//! Many limits, all or nothing: every blocking limit is named, and no request is charged in part.

use crate::common::clock::frozen;
use crate::common::quota::Answer;
use crate::common::{Conn, Server, Value};

const CONTRACT: &str = "RL.QUOTA q:claude-sonnet LIMIT rpm 1000 60 LIMIT tpm 80000 60 UNIT tokens \
                        LIMIT tpd 2000000 1d UNIT tokens WINDOW COST tokens 500";

fn both_protocols(check: impl Fn(&mut Conn)) {
    for protocol in ["2", "3"] {
        let server = Server::start(&[]);
        let mut conn = server.connect();
        conn.done(&format!("HELLO {protocol}"));
        check(&mut conn);
    }
}

fn text(word: &str) -> Value {
    Value::Bulk(word.into())
}

fn row(name: &str, numbers: [i64; 4]) -> Value {
    Value::Array([vec![text(name)], numbers.map(Value::Int).to_vec()].concat())
}

#[test]
fn the_contracts_example_answers_as_written() {
    both_protocols(|conn| {
        let (now, reply) = frozen(conn, CONTRACT);
        let day = 86_400_000;
        let rows = vec![
            row("rpm", [1_000, 999, 0, 60_000]),
            row("tpm", [80_000, 79_500, 0, 60_000]),
            row("tpd", [2_000_000, 1_999_500, 0, day - now % day]),
        ];
        let expected = vec![Value::Int(1), Value::Int(0), Value::Array(vec![]), Value::Array(rows)];
        assert_eq!(reply, Value::Array(expected));
    });
}

#[test]
fn a_reservation_is_a_fifth_element() {
    both_protocols(|conn| {
        let request = "RL.QUOTA k LIMIT a 1 60 RESERVE 10";
        let given = conn.ask(&format!("{request} ID mine"));
        let expected = vec![
            Value::Int(1),
            Value::Int(0),
            Value::Array(vec![]),
            Value::Array(vec![row("a", [1, 0, 0, 60_000])]),
            text("mine"),
        ];
        assert_eq!(given, Value::Array(expected));
        for line in [request.to_owned(), format!("{request} ID other")] {
            let denied = conn.ask(&line);
            assert_eq!(denied.list()[0], Value::Int(0));
            assert_eq!(denied.list()[2], Value::Array(vec![text("a")]));
            assert_eq!(denied.list()[4], Value::Nil, "{denied:?}");
        }
    });
}

#[test]
fn an_id_that_the_server_makes_is_one_of_its_kind() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let mut ids: Vec<String> =
        (0..1_000).map(|_| conn.quota("RL.QUOTA k LIMIT a 1000 60 RESERVE 10").reserved()).collect();
    ids.extend((0..10).map(|_| {
        let replies = conn.multi(&["RL.QUOTA m LIMIT a 1000 60 RESERVE 10"; 2]);
        replies.iter().map(|reply| Answer::of(reply).reserved()).collect::<Vec<_>>().concat()
    }));
    assert!(ids.iter().all(|id| id.len() >= 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1_010);
    assert_eq!(conn.open("k"), 1_000);
    assert_eq!(conn.ask(&format!("RL.SETTLE k {}", ids[0])).int() + conn.open("k"), 1_000);
}

#[test]
fn a_request_that_one_limit_denies_charges_none() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let limits = "LIMIT s 10 1h LIMIT w 20 3650d WINDOW LIMIT b 30 1d BUCKET 5 LIMIT t 9 1h UNIT tokens";
    assert_eq!(conn.quota(&format!("RL.QUOTA k {limits} COST tokens 2")).remaining(), [9, 19, 4, 7]);
    for (costs, blocking) in [
        ("COST tokens 8", vec!["t"]),
        ("COST requests 5", vec!["b"]),
        ("COST requests 10", vec!["s", "b"]),
        ("COST requests 20 COST tokens 8", vec!["s", "w", "b", "t"]),
    ] {
        let denied = conn.quota(&format!("RL.QUOTA k {limits} {costs}"));
        assert!(!denied.allowed, "{costs}");
        assert_eq!(denied.blocking, blocking, "{costs}");
        assert_eq!(denied.remaining(), [9, 19, 4, 7], "{costs}");
        assert_eq!(conn.used("k"), [1, 1, 1, 2], "{costs}");
    }
    assert_eq!(conn.quota(&format!("RL.QUOTA k {limits} COST tokens 7")).remaining(), [8, 18, 3, 0]);
}

#[test]
fn rows_of_a_denied_request_show_the_current_state() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let request = "RL.QUOTA k LIMIT a 5 1h LIMIT b 5 2h UNIT tokens LIMIT c 5 3h UNIT other COST tokens 4";
    conn.done(request);
    // `c` holds nothing, so it has nothing to reset. `a` would admit, and its row is unchanged by the
    // request.
    let (now, reply) = frozen(&mut conn, request);
    let denied = Answer::of(&reply);
    let b = denied.row("b").clone();
    assert_eq!(denied.remaining(), [4, 1, 5]);
    assert_eq!(denied.row("a").retry_after, 0);
    assert_eq!(denied.row("c").reset_after, 0);
    assert!(denied.row("a").reset_after > 3_590_000 && denied.row("a").reset_after <= 3_600_000);
    assert_eq!(denied.retry_after, b.retry_after);
    let (later, reply) = frozen(&mut conn, request);
    assert_eq!(Answer::of(&reply).row("b").retry_after, b.retry_after - (later - now));
    let new = conn.quota("RL.QUOTA new LIMIT a 5 1h LIMIT b 3 1h UNIT tokens COST tokens 4");
    assert_eq!(new.remaining(), [5, 3]);
    assert!(new.rows.iter().all(|row| row.reset_after == 0), "{new:?}");
}

#[test]
fn retry_after_is_the_longest_of_all_limits_and_never_is_longer() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let limits = "LIMIT short 1 1h LIMIT long 1 2h LIMIT day 1 3650d WINDOW UNIT tokens";
    conn.done(&format!("RL.QUOTA k {limits}"));
    let denied = conn.quota(&format!("RL.QUOTA k {limits}"));
    assert_eq!(denied.blocking, ["short", "long"]);
    assert_eq!(denied.retry_after, denied.row("long").retry_after);
    assert!(denied.row("short").retry_after < denied.row("long").retry_after);
    assert_eq!(denied.row("day").retry_after, 0);
    let never = conn.quota(&format!("RL.QUOTA k {limits} COST tokens 2"));
    assert_eq!(never.blocking, ["short", "long", "day"]);
    assert_eq!((never.retry_after, never.row("day").retry_after), (-1, -1));
    assert!(never.row("long").retry_after > 0);
}

#[test]
fn a_unit_that_is_not_named_costs_nothing_and_a_request_costs_one() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let limits =
        "LIMIT rpm 5 1h LIMIT in 5 1h UNIT input LIMIT out 5 1h UNIT output LIMIT all 9 1h UNIT requests";
    for (costs, used) in [
        ("", [1, 0, 0, 1]),
        ("COST input 2", [1, 2, 0, 1]),
        ("COST output 2 COST input 1", [1, 1, 2, 1]),
        ("COST requests 3", [3, 0, 0, 3]),
        ("COST requests 0 COST output 4", [0, 0, 4, 0]),
    ] {
        conn.done("DEL k");
        assert!(conn.quota(&format!("RL.QUOTA k {limits} {costs}")).allowed, "{costs}");
        assert_eq!(conn.used("k"), used, "{costs}");
    }
}

#[test]
fn words_may_be_in_any_order_and_case() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let usual = "RL.QUOTA k LIMIT a 9 1h UNIT tokens LIMIT b 9 3650d WINDOW OFFSET 2h LIMIT c 9 1h BUCKET 4 \
                 LIMIT d 2 INFLIGHT COST tokens 2 RESERVE 60 ID x";
    for line in [
        usual,
        "rl.quota k limit a 9 1h slide unit tokens limit b 9 3650d window offset 2h limit c 9 1h bucket 4 \
         limit d 2 inflight cost tokens 2 reserve 60 id x",
        "RL.QUOTA k RESERVE 60 ID x COST tokens 2 LIMIT a 9 1h UNIT tokens SLIDE \
         LIMIT b 9 3650d WINDOW UNIT requests OFFSET 2h LIMIT c 9 3600 BUCKET 4 LIMIT d 2 INFLIGHT",
    ] {
        conn.done("FLUSHALL");
        let told = conn.quota(line);
        assert_eq!(told.remaining(), [7, 8, 3, 1], "{line}");
        let parameters = conn.ask("RL.INFO k").get("parameters");
        assert_eq!(parameters.names(), ["a", "b", "c", "d"]);
        assert_eq!(parameters.get("b").get("offset_ms").int(), 7_200_000, "{line}");
        assert_eq!(parameters.get("c").get("refill").text(), "9", "{line}");
        assert_eq!(parameters.get("d").get("algorithm").text(), "inflight", "{line}");
    }
}

#[test]
fn limits_that_change_keep_what_was_used_by_their_name() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.QUOTA k LIMIT a 10 1h LIMIT b 10 1h UNIT tokens COST requests 4 COST tokens 6");
    let lower = conn.quota("RL.QUOTA k LIMIT b 5 1h UNIT tokens LIMIT a 3 1h COST requests 0");
    assert!(lower.allowed, "nothing asked is admitted by anything");
    assert_eq!(lower.remaining(), [0, 0]);
    let denied = conn.quota("RL.QUOTA k LIMIT b 7 1h UNIT tokens LIMIT a 4 1h COST tokens 2");
    assert_eq!(denied.blocking, ["b", "a"]);
    assert_eq!(denied.remaining(), [1, 0]);
    // A limit that some requests leave out still counts when a request names it again.
    assert_eq!(conn.quota("RL.QUOTA k LIMIT c 10 1h COST requests 2").remaining(), [8]);
    assert_eq!(conn.quota("RL.QUOTA k LIMIT a 10 1h LIMIT c 10 1h").remaining(), [5, 7]);
    assert_eq!(conn.quota("RL.QUOTA k LIMIT a 10 1h LIMIT b 10 1h UNIT tokens").remaining(), [4, 4]);
    // Usage also counts under another algorithm.
    let windows = "LIMIT a 10 3650d WINDOW LIMIT b 10 1d UNIT tokens BUCKET 10 COST requests 0";
    assert_eq!(conn.quota(&format!("RL.QUOTA k {windows}")).remaining(), [4, 4]);
}

#[test]
fn peek_asks_without_taking_and_info_tells_all() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    assert_eq!(conn.ask("RL.PEEK k COST tokens 5"), Value::Nil);
    let limits = "LIMIT rpm 5 1h LIMIT tpm 90 1h UNIT tokens LIMIT open 1 INFLIGHT";
    let admitted = conn.quota(&format!("RL.QUOTA k {limits} COST tokens 40 RESERVE 60 ID x"));
    assert_eq!(admitted.remaining(), [4, 50, 0]);
    for (peek, blocking) in [
        ("RL.PEEK k", vec!["open"]),
        ("RL.PEEK k COST 5", vec!["rpm", "open"]),
        ("RL.PEEK k COST tokens 51", vec!["tpm", "open"]),
        ("RL.PEEK k COST 5 COST tokens 51", vec!["rpm", "tpm", "open"]),
        ("RL.PEEK k COST requests 5 COST tokens 50", vec!["rpm", "open"]),
    ] {
        let told = conn.quota(peek);
        assert!(!told.allowed && told.id.is_none(), "{peek}");
        assert_eq!(told.blocking, blocking, "{peek}");
        assert_eq!(told.remaining(), [4, 50, 0], "{peek}");
    }
    let info = conn.ask("RL.INFO k");
    assert_eq!(
        info.names(),
        [
            "algorithm",
            "policy",
            "parameters",
            "used",
            "remaining",
            "held_ms",
            "used_elsewhere",
            "elsewhere_ms",
            "waiting",
            "head_wait_ms",
            "reservations",
            "bytes"
        ]
    );
    assert_eq!(info.get("algorithm").text(), "quota");
    assert_eq!(info.get("policy"), Value::Nil);
    assert_eq!(conn.used("k"), [1, 40, 1]);
    assert_eq!(info.get("remaining").get("tpm").int(), 50);
    assert_eq!(info.get("parameters").get("tpm").get("unit").text(), "tokens");
    assert_eq!(info.get("parameters").get("tpm").get("window_ms").int(), 3_600_000);
    assert_eq!(info.get("reservations").int(), 1);
    assert!(info.get("bytes").int() > 100);
    conn.done("HELLO 3");
    let map = conn.ask("RL.INFO k");
    assert!(matches!(map, Value::Map(_)) && matches!(map.get("parameters").get("tpm"), Value::Map(_)));
}

#[test]
fn a_quota_is_another_type_than_a_limit() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.QUOTA q LIMIT a 5 1h RESERVE 60 ID x");
    conn.done("RL.SLIDE s 5 1h");
    conn.done("SET string x");
    let before = conn.digest();
    for line in [
        "RL.SLIDE q 5 1h",
        "RL.WINDOW q 5 1h",
        "RL.BUCKET q 5 1",
        "RL.REFUND q 1",
        "RL.QUOTA s LIMIT a 5 1h",
        "RL.SETTLE s x",
        "RL.CANCEL s x",
        "RL.RENEW s x 60",
        "RL.QUOTA string LIMIT a 5 1h",
        "RL.SETTLE string x",
        "RL.CANCEL string x",
        "RL.RENEW string x 60",
    ] {
        let reply = conn.ask(line);
        assert!(reply.error().starts_with("WRONGTYPE"), "{line}: {reply:?}");
    }
    let effect = conn.call(&["RL.APPLY", "q", "slide 1 1 5 315360000000"]);
    assert!(effect.error().starts_with("WRONGTYPE"), "{effect:?}");
    assert_eq!(conn.digest(), before);
    assert_eq!(conn.ask("TYPE q").text(), "ratelimit");
}
