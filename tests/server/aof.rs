//! The append-only file: nothing that was answered is lost, and loading the file charges nothing twice.

use std::fs;
use std::thread;

use crate::common::load::{self, expiries, let_short_ones_expire};
use crate::common::{Conn, Random, Server, aof, wait_until};

const ALWAYS: [&str; 2] = ["appendonly yes", "appendfsync always"];

/// Starts an empty server and replays the commands of an append-only file on it.
fn replay(from: &Server) -> (Server, Conn) {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for command in aof::commands(from.dir()) {
        let reply = conn.call(&command);
        assert!(!reply.is_error(), "{command:?}: {reply:?}");
    }
    conn.done("SELECT 0");
    (server, conn)
}

#[test]
fn nothing_answered_is_missing_after_kill_9_under_load() {
    let mut server = Server::start(&ALWAYS);
    let requests = [
        "RL.SLIDE slide 9007199254740991 1d",
        "RL.WINDOW window 9007199254740991 3650d",
        "RL.BUCKET bucket 9007199254740991 1 3650d",
    ];
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let mut conn = server.connect();
            // Sends requests until the server is gone. Counts for each request how often it was admitted.
            thread::spawn(move || {
                let mut answered = [0; 3];
                for turn in 0.. {
                    let words: Vec<&str> = requests[turn % 3].split(' ').collect();
                    conn.send(&words);
                    match conn.try_receive() {
                        Ok(reply) => answered[turn % 3] += reply.five()[0],
                        Err(_) => break,
                    }
                }
                answered
            })
        })
        .collect();
    let mut conn = server.connect();
    wait_until("there is enough load", || conn.info_number("total_commands_processed") > 8_000);
    drop(conn);
    server.kill();
    let answered = clients
        .into_iter()
        .map(|client| client.join().unwrap())
        .fold([0; 3], |sum, one| [sum[0] + one[0], sum[1] + one[1], sum[2] + one[2]]);
    server.crash_and_restart();
    let mut conn = server.connect();
    for (key, answered) in ["slide", "window", "bucket"].iter().zip(answered) {
        let used = conn.ask(&format!("RL.INFO {key}")).get("used").int();
        // Each of the four clients may have been disconnected between its admission and its reply.
        assert!((answered..=answered + 4).contains(&used), "{key}: {answered} answered, {used} used");
    }
    let (_replayed, mut other) = replay(&server);
    assert_eq!(conn.digest(), other.digest());
    assert_eq!(expiries(&mut conn), expiries(&mut other));
}

#[test]
fn a_restart_on_mixed_commands_restores_every_key() {
    let mut server = Server::start(&ALWAYS);
    let mut conn = server.connect();
    load::run(&mut conn, &mut Random::new(9), 20_000);
    let_short_ones_expire(&mut conn);
    let (digest, expected) = (conn.digest(), expiries(&mut conn));
    server.crash_and_restart();
    let mut conn = server.connect();
    let_short_ones_expire(&mut conn);
    assert_eq!(conn.digest(), digest);
    assert_eq!(expiries(&mut conn), expected);
}

/// Rewrites the file while clients send requests, kills the server, and compares.
fn survives_a_rewrite(preamble: &str) {
    let preamble = format!("aof-use-rdb-preamble {preamble}");
    let mut server = Server::start(&[ALWAYS[0], ALWAYS[1], &preamble]);
    let mut conn = server.connect();
    let mut random = Random::new(10);
    load::run(&mut conn, &mut random, 20_000);
    for key in 0..300 {
        conn.apply(
            "dense",
            &format!("slide {} 2 5000 86400000", crate::common::clock::ahead(&mut server.connect()) + key),
        );
    }
    conn.done("BGREWRITEAOF");
    load::run(&mut conn, &mut random, 2_000);
    wait_until("the rewrite is done", || {
        conn.info_number("aof_rewrite_in_progress") == 0 && conn.info_number("aof_rewrite_scheduled") == 0
    });
    assert_eq!(conn.info("aof_last_bgrewrite_status").as_deref(), Some("ok"));
    load::run(&mut conn, &mut random, 500);
    let_short_ones_expire(&mut conn);
    let (digest, expected) = (conn.digest(), expiries(&mut conn));
    server.crash_and_restart();
    let mut conn = server.connect();
    let_short_ones_expire(&mut conn);
    assert_eq!(conn.digest(), digest);
    assert_eq!(expiries(&mut conn), expected);
}

#[test]
fn a_rewrite_with_rdb_preamble_keeps_every_state() {
    survives_a_rewrite("yes");
}

#[test]
fn a_rewrite_without_rdb_preamble_keeps_every_state() {
    survives_a_rewrite("no");
}

#[test]
fn a_rewritten_file_can_be_replayed_by_a_plain_client() {
    let server = Server::start(&[ALWAYS[0], ALWAYS[1], "aof-use-rdb-preamble no"]);
    let mut conn = server.connect();
    load::run(&mut conn, &mut Random::new(11), 5_000);
    let_short_ones_expire(&mut conn);
    conn.done("BGREWRITEAOF");
    wait_until("the rewrite is done", || {
        conn.info_number("aof_rewrite_in_progress") == 0 && conn.info_number("aof_rewrite_scheduled") == 0
    });
    let states = aof::commands(server.dir())
        .iter()
        .filter(|command| command.len() == 4 && command[2] == b"state")
        .count();
    assert!(states > 50, "{states} states in the file");
    let (_replayed, mut other) = replay(&server);
    assert_eq!(conn.digest(), other.digest());
    assert_eq!(expiries(&mut conn), expiries(&mut other));
}

#[test]
fn a_file_that_is_switched_on_under_load_misses_nothing() {
    let mut server = Server::start(&[]);
    let mut conn = server.connect();
    let mut random = Random::new(19);
    load::run(&mut conn, &mut random, 2_000);
    conn.done("CONFIG SET appendonly yes");
    conn.done("CONFIG SET appendfsync always");
    wait_until("the file is written", || {
        load::run(&mut conn, &mut random, 20);
        conn.info_number("aof_rewrite_in_progress") == 0 && conn.info_number("aof_rewrite_scheduled") == 0
    });
    load::run(&mut conn, &mut random, 200);
    let_short_ones_expire(&mut conn);
    let (digest, expected) = (conn.digest(), expiries(&mut conn));
    server.crash_and_restart_with("appendonly yes");
    let mut conn = server.connect();
    let_short_ones_expire(&mut conn);
    assert_eq!(conn.digest(), digest);
    assert_eq!(expiries(&mut conn), expected);
}

#[test]
fn loading_the_file_again_and_again_charges_nothing_twice() {
    let mut server = Server::start(&ALWAYS);
    let mut conn = server.connect();
    conn.done("RL.SLIDE s 6 1d COST 2");
    conn.done("RL.BUCKET b 6 1 1d COST 2");
    conn.done("RL.WINDOW w 6 3650d COST 2");
    for _ in 0..3 {
        server.crash_and_restart();
        let mut conn = server.connect();
        for key in ["s", "b", "w"] {
            assert_eq!(conn.ask(&format!("RL.PEEK {key}")).five()[..3], [1, 6, 4], "{key}");
        }
    }
}

/// Replaces a byte in the increment of a stopped server's file: the first byte of the argument that follows `before`.
fn damage(server: &Server, before: &[u8], byte: u8) {
    let dir = server.dir().join("appendonlydir");
    let path = dir.join("appendonly.aof.1.incr.aof");
    let mut file = fs::read(&path).unwrap();
    let length = before.len() + file.windows(before.len()).position(|part| part == before).unwrap();
    let end = file[length..].iter().position(|byte| *byte == b'\n').unwrap();
    file[length + end + 1] = byte;
    fs::write(path, file).unwrap();
}

#[test]
fn a_file_with_an_effect_that_cannot_be_read_is_not_loaded() {
    let mut server = Server::start(&ALWAYS);
    let mut conn = server.connect();
    conn.call(&[b"RL.SLIDE", b"k\xff\n" as &[u8], b"5", b"1d", b"COST", b"2"]);
    conn.done("RL.SLIDE other 5 1d COST 2");
    server.kill();
    damage(&server, b"k\xff\n\r\n", 0xff);
    let log = server.restart().expect_err("it starts with one admission lost");
    assert!(
        log.contains(
            r"redis-rl: the append-only file has a command for k\xff\n that cannot be run: ERR effect"
        ),
        "{log}"
    );
    assert!(!log.contains("BUG REPORT") && log.contains("rl.aof-load-invalid"), "{log}");
    server.crash_and_restart_with("rl.aof-load-invalid yes");
    let mut conn = server.connect();
    assert_eq!(conn.ask("RL.PEEK other").five()[..3], [1, 5, 3], "what can be read is there");
    assert_eq!(conn.ask("DBSIZE").int(), 1);
    assert!(server.log().contains("left out"), "{}", server.log());
}

#[test]
fn an_effect_of_a_transaction_that_cannot_be_read_counts_as_well() {
    let mut server = Server::start(&ALWAYS);
    server.connect().multi(&["RL.SLIDE first 5 1d", "RL.SLIDE second 5 1d"]);
    server.kill();
    damage(&server, b"second\r\n", 0xff);
    let log = server.restart().expect_err("it starts with one admission lost");
    assert!(log.contains("the append-only file has a command for second that cannot be run"), "{log}");
}

#[test]
fn a_file_with_a_policy_that_cannot_be_read_is_not_loaded() {
    let mut server = Server::start(&ALWAYS);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 5 1d");
    conn.done("RL.POLICY SET other LIMIT a 5 1d");
    server.kill();
    damage(&server, b"SET\r\n$1\r\np\r\n", b'Q');
    let log = server.restart().expect_err("it starts without a policy");
    assert!(log.contains("the append-only file has a command for p that cannot be run"), "{log}");
    server.crash_and_restart_with("rl.aof-load-invalid yes");
    assert_eq!(server.connect().ask("RL.POLICY LIST").words(), ["other"]);
}

#[test]
fn a_client_that_sends_what_cannot_be_read_ends_nothing() {
    let server = Server::start(&ALWAYS);
    let mut conn = server.connect();
    assert!(conn.ask("RL.APPLY k x").is_error() && conn.ask("RL.POLICY SET p QIMIT a 5 1d").is_error());
    server.assert_alive();
}
