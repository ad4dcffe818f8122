//! No argument of `RL.POLICY` crashes the server, or makes it keep something invalid.

use super::{all_policies, fill};
use crate::common::Server;
use crate::common::payload::Payload;
use crate::hostile::nasty;

const SHAPES: [&str; 6] = [
    "RL.POLICY SET p LIMIT a 5 60 UNIT u WINDOW OFFSET 1 LIMIT b 5 INFLIGHT",
    "RL.POLICY SET p LIMIT a 5 60 BUCKET 5 UNIT u LIMIT c 5 60 SLIDE",
    "RL.POLICY GET p",
    "RL.POLICY DEL p",
    "RL.POLICY LIST",
    "RL.POLICY HELP",
];

#[test]
fn every_nasty_value_in_every_position() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let before = conn.info_number("used_memory");
    let mut errors = 0;
    for shape in SHAPES {
        let words: Vec<&[u8]> = shape.split(' ').map(str::as_bytes).collect();
        for position in 1..=words.len() {
            for value in &nasty() {
                let mut words = words.clone();
                match words.get_mut(position) {
                    Some(word) => *word = value,
                    None => words.push(value),
                }
                conn.send(&words);
                let reply = conn.try_receive().expect("the server lives, and answers in protocol");
                errors += usize::from(reply.is_error());
            }
        }
    }
    assert!(errors > 1_000, "{errors}");
    for (name, _) in all_policies(&mut conn) {
        assert!(
            name.len() <= 64
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte))
        );
        conn.done(&format!("RL.POLICY DEL {name}"));
    }
    conn.done("MEMORY PURGE");
    assert!(conn.info_number("used_memory") < before + 4 * 1_024 * 1_024);
    server.assert_alive();
}

#[test]
fn no_error_and_no_log_line_repeats_what_a_client_sent() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let shapes = [
        "RL.POLICY SET ? LIMIT a 5 60",
        "RL.POLICY SET p ? a 5 60",
        "RL.POLICY SET p LIMIT ? 5 60",
        "RL.POLICY SET p LIMIT a ? 60",
        "RL.POLICY SET p LIMIT a 5 ?",
        "RL.POLICY SET p LIMIT a 5 60 ?",
        "RL.POLICY SET p LIMIT a 5 60 UNIT ?",
        "RL.POLICY SET p LIMIT a 5 60 BUCKET ?",
        "RL.POLICY SET p LIMIT a 5 60 WINDOW OFFSET ?",
    ];
    for shape in shapes {
        for sent in ["Zz!", "Zz\0", "Zz\r\n+OK", "Zz\u{100}", "Zz%s%n"] {
            let reply = conn.call(&crate::common::conn::fill(shape, sent));
            assert!(!reply.error().contains("Zz"), "{shape} with {sent:?}: {reply:?}");
        }
    }
    assert!(!server.log().contains("Zz"));
    assert_eq!(all_policies(&mut conn), []);
}

/// Encodes a type's name as payloads do: six bits for each character, then ten for a version.
fn type_id(name: &str) -> [u8; 8] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let index = |byte| alphabet.iter().position(|known| *known == byte).unwrap() as u64;
    let id = name.bytes().fold(0, |id, byte| id << 6 | index(byte));
    (id << 10).to_be_bytes()
}

#[test]
fn no_payload_makes_a_key_of_what_policies_are_written_as() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let before = fill(&mut conn);
    conn.done("RL.SLIDE k 5 1d");
    let mut payload = Payload::open(&conn.ask("DUMP k").bytes());
    assert_eq!(payload.head[2..9], type_id("ratelimit")[..7]);
    payload.head[2..].copy_from_slice(&type_id("rl-policy"));
    for body in [&payload.body.clone()[..], &[0], &[]] {
        let reply = conn.call(&[&b"RESTORE"[..], b"new", b"0", &payload.seal(body)]);
        assert!(reply.error().starts_with("ERR Bad data format"), "{reply:?}");
    }
    assert_eq!(conn.ask("DBSIZE").int(), 1);
    assert_eq!(all_policies(&mut conn), before);
}
