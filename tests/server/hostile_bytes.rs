//! Bytes from files, replicas or tools never crash the server: effects at any instant, and payloads with any
//! bytes changed.

use rl_core::effect::Effect;
use rl_core::quota::costs::Costs;
use rl_core::quota::effect::QuotaEffect as Change;
use rl_core::time::At;

use crate::common::payload::Payload;
use crate::common::quota::{admission, inflight, slide, window};
use crate::common::{Conn, Random, Server, Value, clock};
use crate::hostile::{Batch, assert_unharmed};

/// Returns an effect that may be valid, at an instant that may be any.
pub fn effect(random: &mut Random, now: i64) -> String {
    let at = *random.pick(&[0, 1, now, now + 60_000, 1 << 43, 9_007_199_254_740_991, i64::MAX, -1]);
    let cost = *random.pick(&[0, 1, 5, 9_007_199_254_740_991, i64::MAX, -1]);
    let limit = *random.pick(&[0, 1, 5, 9_007_199_254_740_991, i64::MAX]);
    let span = *random.pick(&[0, 1, 60_000, 315_360_000_000, i64::MAX]);
    match random.below(5) {
        0 => format!("slide {at} {cost} {limit} {span}"),
        1 => format!("window {at} {cost} {limit} {span} {at}"),
        2 => format!("window {at} {cost} {limit} 1mo {span}"),
        3 => format!("bucket {at} {cost} {limit} {limit}.{cost} {span}"),
        _ => format!("refund {at} {cost}"),
    }
}

/// Returns an effect on a quota that may be valid, at an instant that may be any.
pub fn change(random: &mut Random, now: i64) -> Vec<u8> {
    let at = *random.pick(&[0, 1, now, now + 60_000, (1 << 43) - 1]);
    let cost = *random.pick(&[0, 1, 5, 9_007_199_254_740_991]);
    let ttl = *random.pick(&[1, 5, 60_000, 315_360_000_000]);
    let limit = *random.pick(&[1, 5, 9_007_199_254_740_991]);
    let id = *random.pick(&["r", "s", "t"]);
    let instant = At::from_ms(at);
    let limits = [
        slide("a", "requests", limit, ttl),
        window("u", "u", limit, ttl),
        slide("u2", "u", 5, 60_000),
        inflight("open", limit),
    ];
    let count = 1 + random.below(limits.len());
    let change = match random.below(6) {
        0..=2 => {
            let reserved = random.one_in(2).then_some((id, ttl));
            admission(&limits[limits.len() - count..], at, &vec![cost; count], reserved)
        }
        3 => {
            let mut used = Costs::default();
            for unit in ["u", "requests", "other"].iter().take(random.below(4)) {
                used.add(unit.as_bytes(), cost).unwrap();
            }
            Change::Settle { id: id.as_bytes(), at: instant, used }
        }
        4 => Change::Cancel { id: id.as_bytes(), at: instant },
        _ => Change::Renew {
            id: id.as_bytes(),
            at: instant,
            expires: At::from_ms(*random.pick(&[0, now, now + 60_000])),
        },
    };
    let bytes = Effect::Quota(change).encode(<[u8]>::to_vec);
    if random.one_in(4) { mutate(random, &bytes) } else { bytes }
}

/// Returns payloads of all types and sizes, to mutate.
fn payloads(conn: &mut Conn) -> Vec<Payload> {
    let begin = clock::ahead(conn);
    conn.apply("slide", &format!("slide {begin} 2 5 3600000"));
    conn.apply("window", &format!("window {begin} 2 5 1mo -3600000"));
    conn.apply("bucket", &format!("bucket {begin} 2 5 8.33 3600000"));
    conn.apply("changed", &format!("bucket {begin} 2 5 8.33 3600000"));
    conn.apply("changed", &format!("bucket {begin} 1 7 1 1000"));
    for index in 0..40 {
        conn.apply("dense", &format!("slide {} 3 5000 3600000", begin + index * 50));
        conn.apply("both", &format!("slide {} 1 5000 {}", begin + index * 50, 1_000 + index % 2 * 100_000));
    }
    conn.done(&format!("RL.QUOTA quota {LIMITS} COST u 5 RESERVE 1ms"));
    for index in 0..6 {
        conn.done(&format!("RL.QUOTA quota {LIMITS} COST u {index} RESERVE 1h ID r{index}"));
        conn.done(&format!("RL.QUOTA changed:quota {LIMITS} COST u {index} RESERVE 1h ID r{index}"));
    }
    conn.done("RL.QUOTA changed:quota LIMIT c 50 1d BUCKET 9 LIMIT new 5 1d RESERVE 1h ID new");
    conn.done("RL.POLICY SET p LIMIT a 5 60 LIMIT b 9 1d BUCKET 9");
    conn.done("RL.QUOTA policy POLICY p");
    ["slide", "window", "bucket", "changed", "dense", "both", "quota", "changed:quota", "policy"]
        .iter()
        .map(|key| Payload::open(&conn.ask(&format!("DUMP {key}")).bytes()))
        .collect()
}

/// Limits of every algorithm.
const LIMITS: &str = "LIMIT a 50 1d LIMIT b 90 1mo WINDOW OFFSET -1h UNIT u LIMIT c 50 1d BUCKET 9 UNIT u \
                      LIMIT d 9 INFLIGHT";

fn mutate(random: &mut Random, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(body.len().max(1));
        match random.below(6) {
            0 => body.truncate(at),
            1 => body.insert(at.min(body.len()), random.next().to_le_bytes()[0]),
            2 if at < body.len() => drop(body.remove(at)),
            3 if at < body.len() => body[at] = *random.pick(&[0, 1, 0x7f, 0x80, 0xfe, 0xff]),
            4 if at < body.len() => body[at] ^= 1 << random.below(8),
            _ if at < body.len() => body[at] = random.next().to_le_bytes()[0],
            _ => body.extend(random.bytes(20)),
        }
    }
    body
}

#[test]
fn a_million_mutated_payloads_restored() {
    // The server logs a line for each refused payload.
    let server = Server::start(&["loglevel warning", "logfile /dev/null"]);
    let mut conn = server.connect();
    let payloads = payloads(&mut conn);
    let before = conn.info_number("used_memory");
    let mut random = Random::new(14);
    let mut batch = Batch::on(&mut conn);
    for turn in 0..1_000_000 {
        let payload = random.pick(&payloads);
        let sealed = payload.seal(&mutate(&mut random, &payload.body));
        batch.send(&[b"RESTORE", b"k" as &[u8], b"0", &sealed, b"REPLACE"]);
        if turn % 16 == 0 {
            let ask = *random.pick(&[
                "RL.SLIDE k 5 60",
                "RL.WINDOW k 5 60",
                "RL.BUCKET k 5 1",
                "RL.REFUND k 2",
                "RL.INFO k",
                "DUMP k",
                "RL.QUOTA k LIMIT a 5 1d LIMIT c 50 1d BUCKET 9 COST u 2 RESERVE 1s ID r",
                "RL.QUOTA k POLICY p",
                "RL.PEEK k COST 2 COST u 3",
                "RL.SETTLE k r1 COST u 9",
                "RL.CANCEL k r2",
                "RL.RENEW k r3 2h",
                "COPY k l REPLACE",
            ]);
            batch.send(&ask.split(' ').collect::<Vec<_>>());
        }
    }
    batch.settle();
    assert!(batch.errors > 300_000, "{} errors", batch.errors);
    assert_unharmed(&server, &mut conn, before);
}

#[test]
fn an_effect_at_any_instant_leaves_a_key_that_can_be_asked() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let now = clock::now(&mut conn);
    let mut random = Random::new(15);
    for _ in 0..20_000 {
        conn.call(&["RL.APPLY", "k", &effect(&mut random, now)]);
        let lines = [
            "RL.SLIDE k 5 60",
            "RL.WINDOW k 5 60",
            "RL.WINDOW k 5 1mo",
            "RL.BUCKET k 5 1",
            "RL.PEEK k",
            "RL.REFUND k 1",
        ];
        assert_in_range(&mut conn, &lines);
        if random.one_in(3) {
            conn.done("DEL k");
        }
    }
    server.assert_alive();
}

#[test]
fn a_change_to_a_quota_at_any_instant_leaves_a_key_that_can_be_asked() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let before = conn.info_number("used_memory");
    let now = clock::now(&mut conn);
    let mut random = Random::new(23);
    let mut applied = 0;
    for _ in 0..20_000 {
        for _ in 0..random.between(1, 3) {
            let effect = change(&mut random, now);
            let reply = match effect.split_first() {
                // This is the form that versions up to 0.1 wrote.
                Some((1, rest)) if random.one_in(4) => {
                    conn.call(&[b"RL.APPLY", b"k" as &[u8], b"quota", rest])
                }
                _ => conn.call(&[b"RL.APPLY", b"k" as &[u8], &effect]),
            };
            applied += usize::from(!reply.is_error());
        }
        let lines = [
            "RL.QUOTA k LIMIT a 5 60 LIMIT u 9 60 UNIT u BUCKET 9 COST u 2 RESERVE 60 ID s",
            "RL.PEEK k COST 2 COST u 1",
            "RL.SETTLE k r COST u 3",
            "RL.QUOTA k LIMIT u 9 60 UNIT u WINDOW LIMIT open 9 INFLIGHT RESERVE 1ms",
            "RL.RENEW k s 3650d",
            "RL.CANCEL k s",
        ];
        assert_in_range(&mut conn, &lines);
        if random.one_in(3) {
            conn.done("DEL k");
        } else if random.one_in(9) {
            let dump = conn.ask("DUMP k");
            if let Value::Bulk(dump) = dump {
                let restored = conn.call(&[b"RESTORE", b"k" as &[u8], b"0", &dump, b"REPLACE"]);
                assert_eq!(restored, Value::Simple("OK".into()), "what was written can be read");
                assert_eq!(conn.ask("DUMP k").bytes(), dump);
            }
        }
    }
    assert!(applied > 10_000, "{applied} of them were changes");
    assert_unharmed(&server, &mut conn, before);
}

/// Sends commands, and checks that all clients can represent every number in the replies exactly.
#[track_caller]
fn assert_in_range(conn: &mut Conn, lines: &[&str]) {
    fn check(value: &Value) {
        match value {
            Value::Int(number) => assert!((-1..1 << 53).contains(number), "{number}"),
            Value::Array(fields) => fields.iter().for_each(check),
            _ => {}
        }
    }
    lines.iter().for_each(|line| conn.send(&line.split(' ').collect::<Vec<_>>()));
    lines.iter().for_each(|_| check(&conn.receive()));
}
