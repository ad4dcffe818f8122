//! CL.THROTTLE writes one effect per admission, and nothing else.

use super::ON;
use crate::common::load::expiries;
use crate::common::replica::{catch_up, replica_of};
use crate::common::{Conn, Random, Server, aof};

/// Runs some thousand calls on a few keys: admitted, limited, probes and errors.
fn traffic(conn: &mut Conn) {
    let mut random = Random::new(6);
    for _ in 0..3_000 {
        let (key, burst) = (random.below(120), random.between(0, 20));
        let (count, quantity) = (random.between(1, 5), random.between(0, 8));
        conn.send(
            &["CL.THROTTLE", &format!("key:{key}"), &burst.to_string(), &count.to_string(), "86400"]
                .into_iter()
                .map(str::to_owned)
                .chain([if quantity == 8 { "x".to_owned() } else { quantity.to_string() }])
                .collect::<Vec<_>>(),
        );
    }
    let replies: Vec<_> = (0..3_000).map(|_| conn.receive()).collect();
    let how_many =
        |first: i64| replies.iter().filter(|reply| !reply.is_error() && reply.five()[0] == first).count();
    assert!(how_many(0) > 300 && how_many(1) > 300, "{} {}", how_many(0), how_many(1));
}

#[test]
fn a_replica_holds_the_same_bytes_and_needs_no_such_command() {
    let primary = Server::start_tcp(&[ON]);
    let replica = replica_of(&primary); // without CL.THROTTLE
    let (mut first, mut second) = (primary.connect(), replica.connect());
    traffic(&mut first);
    catch_up(&mut first, &mut second);
    assert_eq!(first.digest(), second.digest());
    let expected = expiries(&mut first);
    assert!(expected.len() > 20, "{expected:?}");
    assert_eq!(expected, expiries(&mut second));
    assert!(second.ask("CL.THROTTLE key:1 5 1 60").is_error());
    let late = replica_of(&primary);
    assert_eq!(late.connect().digest(), first.digest());
}

#[test]
fn loading_the_file_charges_nothing_again() {
    let mut server = Server::start(&[ON, "appendonly yes", "appendfsync always"]);
    let mut conn = server.connect();
    assert_eq!(conn.ask("CL.THROTTLE six 5 1 86400 2").five()[..3], [0, 6, 4]);
    traffic(&mut conn);
    let (digest, expected) = (conn.digest(), expiries(&mut conn));
    let file = aof::commands(server.dir());
    let named = |name: &[u8]| file.iter().filter(|command| command[0].eq_ignore_ascii_case(name)).count();
    assert_eq!(named(b"CL.THROTTLE"), 0);
    assert!(named(b"RL.APPLY") > 300, "{}", named(b"RL.APPLY"));
    server.crash_and_restart();
    let mut conn = server.connect();
    assert_eq!((conn.digest(), expiries(&mut conn)), (digest.clone(), expected));
    assert_eq!(conn.ask("CL.THROTTLE six 5 1 86400 0").five()[..3], [0, 6, 4]);
    conn.done("BGREWRITEAOF");
    let without = Server::start_on_file_of(&server); // without CL.THROTTLE
    assert_eq!(without.connect().digest(), digest);
}

#[test]
fn denials_and_probes_write_nothing() {
    let server = Server::start_tcp(&[ON, "appendonly yes", "appendfsync always"]);
    let _replica = replica_of(&server);
    let mut conn = server.connect();
    conn.done("CL.THROTTLE k 4 1 86400 5");
    conn.done("SET string x");
    let trace = |conn: &mut Conn| {
        let changes = conn.info_number("rdb_changes_since_last_save");
        (conn.offset(), aof::size(server.dir()), changes, conn.digest(), expiries(conn))
    };
    let before = trace(&mut conn);
    let mut watcher = server.connect();
    watcher.done("WATCH k new");
    for line in [
        "CL.THROTTLE k 4 1 86400",
        "CL.THROTTLE k 4 1 86400 6",
        "CL.THROTTLE k 4 1 86400 0",
        "CL.THROTTLE k 2 1 86400 0",
        "CL.THROTTLE new 4 1 86400 6",
        "CL.THROTTLE new 4 1 86400 0",
        "CL.THROTTLE string 4 1 86400",
        "CL.THROTTLE k -1 1 86400",
    ] {
        conn.ask(line);
        assert_eq!(trace(&mut conn), before, "{line}");
    }
    assert!(!watcher.multi(&["PING"]).is_empty(), "the watched key has not changed");
    conn.done("CL.THROTTLE new 4 1 86400");
    assert_ne!(trace(&mut conn), before);
}

#[test]
fn at_maxmemory_it_is_refused_as_any_write() {
    let server = Server::start(&[ON, "maxmemory-policy noeviction"]);
    let mut conn = server.connect();
    conn.done("CL.THROTTLE k 4 1 86400");
    conn.done("CONFIG SET maxmemory 1");
    for line in ["CL.THROTTLE k 4 1 86400", "CL.THROTTLE new 4 1 86400"] {
        assert!(conn.ask(line).error().starts_with("OOM"), "{line}");
    }
    conn.done("CONFIG SET maxmemory 0");
    assert_eq!(conn.ask("CL.THROTTLE k 4 1 86400 0").five()[..3], [0, 5, 4]);
}

#[test]
fn its_decisions_have_their_own_counters() {
    let server = Server::start(&[ON]);
    let mut conn = server.connect();
    for line in ["2", "1", "0", "3", "x", "-1"].map(|n| format!("CL.THROTTLE k 2 1 86400 {n}")) {
        conn.ask(&line);
    }
    let counts = |conn: &mut Conn, command: &str| {
        ["admitted", "denied", "errors"].map(|what| conn.info_number(&format!("rl_{command}_{what}")))
    };
    assert_eq!(counts(&mut conn, "cl_throttle"), [3, 1, 2]);
    assert_eq!(counts(&mut conn, "bucket"), [0, 0, 0]);
}
