//! No input, of any length or bytes, ends the server or makes it hoard memory.

use crate::common::payload::Payload;
use crate::common::{Conn, Random, Server, clock, wait_until};

/// Commands with every argument that they take.
const SHAPES: [&str; 12] = [
    "RL.SLIDE k 5 60 COST 1",
    "RL.WINDOW k 5 60 OFFSET 1 COST 1",
    "RL.WINDOW k 5 1mo OFFSET -1 COST 1",
    "RL.BUCKET k 5 8.33 60 COST 1",
    "RL.BUCKET k 5 1 COST 1",
    "RL.PEEK k COST 1",
    "RL.PEEK k COST unit 1 COST other 2",
    "RL.REFUND k 1",
    "RL.INFO k",
    "RL.APPLY k slide",
    "RL.APPLY k state x",
    "RL.SLIDE k 5 60 COST 1 WAIT 5 PRIORITY HIGH",
];

/// What peers choked on, and its relatives.
fn nasty() -> Vec<Vec<u8>> {
    let mut nasty: Vec<Vec<u8>> = [
        "",
        "\0",
        "5\0",
        "\x005",
        "\u{100}",
        "\u{100}5",
        "\u{2028}",
        "\r\n",
        "5\r\n",
        "\r\n+OK\r\n",
        "-1",
        "-0",
        "+1",
        "--1",
        "0",
        "00",
        "1e308",
        "1e-308",
        "nan",
        "inf",
        "-inf",
        "9007199254740991",
        "9007199254740992",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "340282366920938463463374607431768211456",
        "0.0000000000000000000001",
        "9007199254740991.999999999",
        ".",
        "..",
        "1.",
        ".1",
        "3650d",
        "3651d",
        "-3650d",
        "1mo",
        "2mo",
        "1ms",
        "0ms",
        "ms",
        "mo",
        "d",
        "99999999999999999999d",
        "COST",
        "OFFSET",
        "WAIT",
        "PRIORITY",
        "state",
        "slide 1 1 5 60",
        "%s%s%n",
        "{}",
        "{k}",
        "*3\r\n$3\r\nSET\r\n",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    nasty.extend([vec![0xff, 0xfe], vec![0xc3, 0x28], vec![0x80], vec![0; 64], (0..=255).collect()]);
    nasty.extend([vec![b'9'; 1_000], vec![b'0'; 100_000], vec![b'x'; 1 << 20], vec![0xff; 1 << 20]]);
    nasty
}

/// The server answers, and what it holds for itself is not more than it was.
fn assert_unharmed(server: &Server, conn: &mut Conn, memory_before: i64) {
    server.assert_alive();
    conn.done("FLUSHALL");
    wait_until("what was freed has been given back", || {
        conn.info_number("used_memory") < memory_before + 4 * 1_024 * 1_024
    });
    assert!(!server.log().contains("REDIS BUG REPORT"));
    assert_eq!(conn.ask("RL.SLIDE after 5 60").five(), [1, 5, 4, 0, 60_000]);
}

/// Sends a batch and takes its replies, of which each has to be one in protocol.
struct Batch<'a> {
    conn: &'a mut Conn,
    sent: usize,
    errors: usize,
}

impl Batch<'_> {
    fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) {
        self.conn.send(args);
        self.sent += 1;
        if self.sent == 1_000 {
            self.settle();
        }
    }

    fn settle(&mut self) {
        for _ in 0..self.sent {
            let reply = self.conn.try_receive().expect("the server lives, and answers in protocol");
            self.errors += usize::from(reply.is_error());
        }
        self.sent = 0;
    }
}

#[test]
fn every_nasty_value_in_every_position_of_every_command() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let before = conn.info_number("used_memory");
    let mut batch = Batch { conn: &mut conn, sent: 0, errors: 0 };
    for state in ["DEL k", "SET k x", "RPUSH k x", "RL.SLIDE k 5 60", "RL.WINDOW k 5 60", "RL.BUCKET k 5 1"] {
        for shape in SHAPES {
            let words: Vec<&[u8]> = shape.split(' ').map(str::as_bytes).collect();
            for position in 1..=words.len() {
                for value in &nasty() {
                    let mut words = words.clone();
                    match words.get_mut(position) {
                        Some(word) => *word = value,
                        None => words.push(value),
                    }
                    batch.send(&["DEL", "k"]);
                    batch.send(&state.split(' ').collect::<Vec<_>>());
                    batch.send(&words);
                }
            }
            batch.settle();
        }
    }
    batch.settle();
    assert!(batch.errors > 10_000);
    assert_unharmed(&server, &mut conn, before);
}

#[test]
fn a_million_random_argument_vectors() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let before = conn.info_number("used_memory");
    let mut random = Random::new(13);
    let now = clock::now(&mut conn);
    let names = ["RL.SLIDE", "RL.WINDOW", "RL.BUCKET", "RL.PEEK", "RL.REFUND", "RL.INFO", "RL.APPLY"];
    let nasty: Vec<Vec<u8>> = nasty().into_iter().filter(|value| value.len() < 2_000).collect();
    let sane: Vec<&[u8]> = ["5", "60", "250ms", "1d", "8.33", "COST", "OFFSET", "3", "1mo", "state"]
        .iter()
        .map(|word| word.as_bytes())
        .collect();
    let mut batch = Batch { conn: &mut conn, sent: 0, errors: 0 };
    for _ in 0..1_000_000 {
        let mut args: Vec<Vec<u8>> =
            vec![random.pick(&names).as_bytes().to_vec(), format!("k{}", random.below(50)).into_bytes()];
        for _ in 0..random.below(7) {
            args.push(match random.below(10) {
                0 => random.bytes(40),
                1..=2 => random.pick(&nasty).clone(),
                3 => effect(&mut random, now).into_bytes(),
                _ => random.pick(&sane).to_vec(),
            });
        }
        batch.send(&args);
    }
    batch.settle();
    assert!((100_000..1_000_000).contains(&batch.errors), "{} errors", batch.errors);
    assert_unharmed(&server, &mut conn, before);
}

/// An effect that may be right, at an instant that may be any.
fn effect(random: &mut Random, now: i64) -> String {
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

/// Payloads of all types and sizes, to mutate.
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
    ["slide", "window", "bucket", "changed", "dense", "both"]
        .iter()
        .map(|key| Payload::open(&conn.ask(&format!("DUMP {key}")).bytes()))
        .collect()
}

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
    // Each refused payload is a line in the server's log.
    let server = Server::start(&["loglevel warning", "logfile /dev/null"]);
    let mut conn = server.connect();
    let payloads = payloads(&mut conn);
    let before = conn.info_number("used_memory");
    let mut random = Random::new(14);
    let mut batch = Batch { conn: &mut conn, sent: 0, errors: 0 };
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
        for line in [
            "RL.SLIDE k 5 60",
            "RL.WINDOW k 5 60",
            "RL.WINDOW k 5 1mo",
            "RL.BUCKET k 5 1",
            "RL.PEEK k",
            "RL.REFUND k 1",
        ] {
            conn.send(&line.split(' ').collect::<Vec<_>>());
        }
        for _ in 0..6 {
            let reply = conn.receive();
            if let crate::common::Value::Array(fields) = &reply {
                assert!(fields.iter().all(|field| field.int() >= -1), "{reply:?}");
            }
        }
        if random.one_in(3) {
            conn.done("DEL k");
        }
    }
    server.assert_alive();
}
