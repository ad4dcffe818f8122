//! No input, of any length and any bytes, crashes the server or makes it use ever more memory.

use crate::common::{Conn, Random, Server, clock, wait_until};
use crate::hostile_bytes::{change, effect};

/// Commands with every argument that they take.
const SHAPES: [&str; 26] = [
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
    "RL.QUOTA k LIMIT a 5 60 UNIT u WINDOW OFFSET 1 LIMIT b 5 60 BUCKET 5 COST u 1 RESERVE 60 ID r",
    "RL.QUOTA k LIMIT a 5 60 SLIDE LIMIT b 5 INFLIGHT RESERVE 60",
    "RL.QUOTA k POLICY p COST u 1 COST requests 1 RESERVE 60 ID r",
    "RL.MQUOTA 1 k POLICY p COST u 1 RESERVE 60 ID r",
    "RL.MQUOTA 3 k l m POLICY p p p RESERVE 60",
    "RL.FIRST 3 k l m POLICY p p p RESERVE 60 WAIT 1 FLOW f WEIGHT 2",
    "RL.SETTLE k r COST u 1 COST requests 2",
    "RL.CANCEL k r",
    "RL.RENEW k r 60",
    "RL.APPLY k quota x",
    "RL.POLICY SET other LIMIT a 5 60 LIMIT b 5 INFLIGHT",
    "RL.POLICY OVERRIDE p k LIMIT a 5 60 LIMIT b 5 INFLIGHT",
    "RL.POLICY OVERRIDE p k NONE",
    "RL.POLICY OVERRIDES p KEY k AS COMMAND",
];

/// Commands that put the key into different states first.
const STATES: [&str; 7] = [
    "DEL k",
    "SET k x",
    "RPUSH k x",
    "RL.SLIDE k 5 60",
    "RL.WINDOW k 5 60",
    "RL.BUCKET k 5 1",
    "RL.QUOTA k LIMIT a 5 60 UNIT u LIMIT c 5 60 BUCKET 5 COST u 1 RESERVE 60 ID r",
];

/// The policy that the commands name.
const POLICY: [&str; 11] = ["RL.POLICY", "SET", "p", "LIMIT", "a", "5", "60", "LIMIT", "b", "9", "INFLIGHT"];

/// Returns inputs on which similar programs have failed, and variants of them.
pub fn nasty() -> Vec<Vec<u8>> {
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
        "quota",
        "LIMIT",
        "POLICY",
        "UNIT",
        "BUCKET",
        "INFLIGHT",
        "RESERVE",
        "ID",
        "SET",
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

/// Checks that the server answers, and that it uses no more memory for itself than before.
pub fn assert_unharmed(server: &Server, conn: &mut Conn, memory_before: i64) {
    server.assert_alive();
    conn.done("FLUSHALL");
    wait_until("what was freed has been given back", || {
        conn.info_number("used_memory") < memory_before + 4 * 1_024 * 1_024
    });
    assert!(!server.log().contains("REDIS BUG REPORT"));
    assert_eq!(conn.ask("RL.SLIDE after 5 60").five(), [1, 5, 4, 0, 60_000]);
}

/// Sends commands in batches and receives their replies. Each reply must be valid in the protocol.
pub struct Batch<'a> {
    conn: &'a mut Conn,
    sent: usize,
    pub errors: usize,
}

impl<'a> Batch<'a> {
    pub fn on(conn: &'a mut Conn) -> Self {
        Self { conn, sent: 0, errors: 0 }
    }

    pub fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) {
        self.conn.send(args);
        self.sent += 1;
        if self.sent == 1_000 {
            self.settle();
        }
    }

    pub fn settle(&mut self) {
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
    let mut batch = Batch::on(&mut conn);
    batch.send(&POLICY);
    for state in STATES {
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

/// Words that may be valid in their place.
const SANE: [&str; 20] = [
    "5",
    "60",
    "250ms",
    "1d",
    "8.33",
    "3",
    "1mo",
    "state",
    "r",
    "COST 1",
    "COST u 2",
    "OFFSET 5",
    "5 60 COST 1",
    "LIMIT a 5 60",
    "LIMIT b 5 1d UNIT u BUCKET 9",
    "LIMIT c 9 INFLIGHT",
    "POLICY p",
    "RESERVE 5ms",
    "RESERVE 60 ID r",
    "k1 POLICY p",
];

#[test]
fn a_million_random_argument_vectors() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let before = conn.info_number("used_memory");
    let mut random = Random::new(13);
    let now = clock::now(&mut conn);
    let names = [
        "RL.SLIDE",
        "RL.WINDOW",
        "RL.BUCKET",
        "RL.PEEK",
        "RL.REFUND",
        "RL.INFO",
        "RL.APPLY",
        "RL.QUOTA",
        "RL.MQUOTA",
        "RL.FIRST",
        "RL.SETTLE",
        "RL.CANCEL",
        "RL.RENEW",
        "RL.POLICY",
    ];
    let nasty: Vec<Vec<u8>> = nasty().into_iter().filter(|value| value.len() < 2_000).collect();
    let mut batch = Batch::on(&mut conn);
    batch.send(&POLICY);
    for _ in 0..1_000_000 {
        let key = format!("k{}", random.below(50)).into_bytes();
        let mut args: Vec<Vec<u8>> = vec![random.pick(&names).as_bytes().to_vec(), key];
        for _ in 0..random.below(5) {
            args.extend(match random.below(12) {
                0 => vec![random.bytes(40)],
                1..=2 => vec![random.pick(&nasty).clone()],
                3 => vec![effect(&mut random, now).into_bytes()],
                4 if random.one_in(2) => vec![b"quota".to_vec(), change(&mut random, now)],
                4 => vec![change(&mut random, now)],
                _ => random.pick(&SANE).split(' ').map(|word| word.as_bytes().to_vec()).collect(),
            });
        }
        batch.send(&args);
    }
    batch.settle();
    assert!((100_000..1_000_000).contains(&batch.errors), "{} errors", batch.errors);
    assert_unharmed(&server, &mut conn, before);
}
