//! RDB files and DUMP payloads: a state that was written is read back unchanged, here and on another server.

use crate::common::clock::{ahead, now, wait_for_clock};
use crate::common::load::{self, expiries, let_short_ones_expire};
use crate::common::quota::{admission, slide, window};
use crate::common::{Conn, Random, Server, Value, wait_until};

/// Creates one key of each type with its clock ahead, and one with a dense log.
fn fill(conn: &mut Conn) -> [&'static str; 5] {
    let begin = ahead(conn);
    conn.apply("slide", &format!("slide {begin} 2 5 3600000"));
    conn.apply("window", &format!("window {begin} 2 5 1mo -3600000"));
    conn.apply("bucket", &format!("bucket {begin} 2 5 8.33 3600000"));
    for index in 0..3_000 {
        conn.apply("dense", &format!("slide {} 1 5000 3600000", begin + index * index % 977 + index * 7));
    }
    let limits = [slide("a", "requests", 90, 3_600_000), window("b", "tokens", 90, 3_600_000)];
    for index in 0..20 {
        let id = format!("id{index}");
        let change = admission(&limits, begin + index * 7, &[1, 2], Some((&id, 7_200_000)));
        conn.apply_quota("quota", &change);
    }
    ["slide", "window", "bucket", "dense", "quota"]
}

fn value_digest(conn: &mut Conn, key: &str) -> Vec<String> {
    conn.ask(&format!("DEBUG DIGEST-VALUE {key}")).words()
}

#[test]
fn a_saved_file_brings_every_key_back_after_a_restart() {
    let mut server = Server::start(&[]);
    let mut conn = server.connect();
    load::run(&mut conn, &mut Random::new(12), 20_000);
    fill(&mut conn);
    let_short_ones_expire(&mut conn);
    conn.done("SAVE");
    let (digest, expected) = (conn.digest(), expiries(&mut conn));
    server.crash_and_restart();
    let mut conn = server.connect();
    assert_eq!(conn.digest(), digest);
    assert_eq!(expiries(&mut conn), expected);
}

#[test]
fn a_reload_in_place_changes_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    fill(&mut conn);
    let digest = conn.digest();
    for _ in 0..3 {
        conn.done("DEBUG RELOAD");
        assert_eq!(conn.digest(), digest);
    }
}

#[test]
fn parameters_are_remembered_over_a_restart() {
    let mut server = Server::start(&[]);
    let mut conn = server.connect();
    let keys = fill(&mut conn);
    let told = |conn: &mut Conn| keys.map(|key| conn.ask(&format!("RL.INFO {key}")).get("parameters"));
    let before = told(&mut conn);
    conn.done("SAVE");
    server.crash_and_restart();
    let mut conn = server.connect();
    assert_eq!(told(&mut conn), before);
    for key in &keys[..3] {
        assert_eq!(conn.ask(&format!("RL.PEEK {key}")).five()[..3], [1, 5, 3], "{key}");
    }
}

#[test]
fn a_dump_is_restored_under_another_name_and_on_another_server() {
    let (server, other) = (Server::start(&[]), Server::start(&[]));
    let (mut conn, mut far) = (server.connect(), other.connect());
    for key in fill(&mut conn) {
        let dump = conn.ask(&format!("DUMP {key}")).bytes();
        let expiry = conn.ask(&format!("PEXPIRETIME {key}")).int().to_string();
        for conn in [&mut conn, &mut far] {
            let restored =
                conn.call(&[b"RESTORE", b"copy" as &[u8], expiry.as_bytes(), &dump, b"ABSTTL", b"REPLACE"]);
            assert_eq!(restored, Value::Simple("OK".into()), "{key}");
            assert_eq!(conn.ask("PEXPIRETIME copy").int().to_string(), expiry);
            assert_eq!(conn.ask("DUMP copy").bytes(), dump, "{key} is written as it was read");
        }
        assert_eq!(value_digest(&mut far, "copy"), value_digest(&mut conn, key), "{key}");
        let busy = conn.call(&[b"RESTORE", b"copy" as &[u8], b"0", &dump]);
        assert!(busy.error().starts_with("BUSYKEY"), "{busy:?}");
    }
}

#[test]
fn a_restored_key_goes_on_where_it_was() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 5 1d COST 4");
    let dump = conn.ask("DUMP k").bytes();
    conn.done("RL.SLIDE k 5 1d");
    conn.call(&[b"RESTORE", b"k" as &[u8], b"0", &dump, b"REPLACE"]);
    assert_eq!(conn.ask("RL.PEEK k").five()[..3], [1, 5, 1]);
    assert_eq!(conn.ask("RL.SLIDE k 5 1d COST 2").five()[..3], [0, 5, 1]);
    // Within the same ms the expiry does not change, and so it is not set.
    let later = now(&mut conn) + 1;
    wait_for_clock(&mut conn, later);
    assert_eq!(conn.ask("RL.SLIDE k 5 1d").five()[..3], [1, 5, 0]);
    assert!(conn.ask("PTTL k").int() > 0, "an admission makes it expire again");
}

#[test]
fn equal_states_are_equal_bytes_however_they_came_about() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = ahead(&mut conn);
    conn.apply("one", &format!("slide {begin} 3 5 1000"));
    conn.apply("two", &format!("slide {begin} 1 5 1000"));
    conn.apply("two", &format!("slide {begin} 2 5 1000"));
    assert_eq!(value_digest(&mut conn, "one"), value_digest(&mut conn, "two"));
    assert_eq!(conn.ask("DUMP one"), conn.ask("DUMP two"));
}

/// Makes a server without the module copy everything of the primary anew. Returns its log if it has ended.
fn follow(primary: &Server, plain: &mut Server) -> Result<(), String> {
    let mut conn = plain.connect();
    conn.done(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    let mut ended = false;
    wait_until("it follows, or has ended", || {
        conn.send(&["INFO", "replication"]);
        let told = conn.try_receive();
        ended = told.is_err();
        told.is_ok_and(|told| told.text().contains("master_link_status:up")) || ended
    });
    if ended {
        return Err(plain.log());
    }
    conn.done("REPLICAOF NO ONE");
    Ok(())
}

#[test]
fn a_replica_without_the_module_follows_until_there_is_something_of_it() {
    let primary = Server::start_tcp(&[]);
    let mut conn = primary.connect();
    conn.done("SET x y");
    let mut plain = Server::start_without_module();
    if conn.is_at_least(7, 2) {
        assert_eq!(follow(&primary, &mut plain), Ok(()));
        for line in ["RL.POLICY SET p LIMIT a 5 1d", "RL.POLICY DEL p", "RL.SLIDE k 5 1d", "DEL k"] {
            conn.done(line);
        }
        assert_eq!(follow(&primary, &mut plain), Ok(()), "everything of the module is gone again");
        conn.done("RL.POLICY SET p LIMIT a 5 1d");
    }
    let log = follow(&primary, &mut plain).unwrap_err();
    assert!(log.contains("no matching module 'ratelimit'"), "{log}");
}
