//! No argument of `RL.POLICY` ends the server, or makes it keep what it should not.

use super::told;
use crate::common::Server;
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
    for (name, _) in told(&mut conn) {
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
    assert_eq!(told(&mut conn), []);
}
