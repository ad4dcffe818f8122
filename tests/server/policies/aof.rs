//! Policies in the append-only file, with and without an RDB preamble, and when the file is rewritten.

use super::{all_policies, fill};
use crate::common::server::free_port;
use crate::common::{Conn, Server, Value, aof, wait_until};

const ALWAYS: [&str; 2] = ["appendonly yes", "appendfsync always"];

fn rewritten(conn: &mut Conn) {
    wait_until("the rewrite is done", || {
        conn.info_number("aof_rewrite_in_progress") == 0 && conn.info_number("aof_rewrite_scheduled") == 0
    });
    assert_eq!(conn.info("aof_last_bgrewrite_status").as_deref(), Some("ok"));
}

/// Changes policies, crashes the server, and compares: before, during and after a rewrite of the file.
fn survives(preamble: &str) {
    let preamble = format!("aof-use-rdb-preamble {preamble}");
    let mut server = Server::start(&[ALWAYS[0], ALWAYS[1], &preamble]);
    let mut conn = server.connect();
    let mut before = fill(&mut conn);
    conn.done("SET k x");
    server.crash_and_restart();
    let mut conn = server.connect();
    assert_eq!(all_policies(&mut conn), before);
    for turn in 0..3 {
        conn.done("RL.POLICY DEL day");
        conn.done("BGREWRITEAOF");
        conn.done(&format!("RL.POLICY SET turn{turn} LIMIT a {} 60", turn + 1));
        rewritten(&mut conn);
        before = all_policies(&mut conn);
        server.crash_and_restart();
        conn = server.connect();
        assert_eq!(all_policies(&mut conn), before, "turn {turn}");
        assert_eq!(conn.ask("GET k").text(), "x");
        conn.done("RL.POLICY SET day LIMIT d 5 1d WINDOW");
    }
    assert_eq!(all_policies(&mut conn).len(), before.len() + 1);
}

#[test]
fn a_file_that_begins_as_rdb_keeps_them() {
    survives("yes");
}

#[test]
fn a_file_of_commands_keeps_them() {
    survives("no");
}

#[test]
fn a_file_is_whole_when_the_server_ends_while_it_is_rewritten() {
    let mut server =
        Server::start(&[ALWAYS[0], ALWAYS[1], "aof-use-rdb-preamble no", "rdb-key-save-delay 1000000"]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET gone LIMIT a 5 60");
    conn.done("RL.POLICY DEL gone");
    let before = fill(&mut conn);
    conn.done("MSET a 1 b 2 c 3 d 4");
    conn.done("BGREWRITEAOF");
    wait_until("it is being rewritten", || conn.info_number("aof_rewrite_in_progress") == 1);
    server.crash_and_restart();
    assert_eq!(all_policies(&mut server.connect()), before);
}

#[test]
fn a_file_that_is_switched_on_has_them() {
    for preamble in ["yes", "no"] {
        let preamble = format!("aof-use-rdb-preamble {preamble}");
        let mut server = Server::start(&[&preamble]);
        let mut conn = server.connect();
        let before = fill(&mut conn);
        conn.done("CONFIG SET appendfsync always");
        conn.done("CONFIG SET appendonly yes");
        rewritten(&mut conn);
        server.crash_and_restart_with("appendonly yes");
        assert_eq!(all_policies(&mut server.connect()), before, "{preamble}");
    }
}

#[test]
fn other_forks_write_nothing_to_the_file() {
    let server = Server::start(&ALWAYS);
    let mut conn = server.connect();
    fill(&mut conn);
    let before = aof::size(server.dir());
    conn.done("BGSAVE");
    wait_until("it is saved", || conn.info_number("rdb_bgsave_in_progress") == 0);
    conn.done("RL.POLICY LIST");
    assert_eq!(aof::size(server.dir()), before);
}

/// Returns how often the file sets a policy.
fn sets(server: &Server) -> usize {
    aof::commands(server.dir()).iter().filter(|words| words[0].eq_ignore_ascii_case(b"RL.POLICY")).count()
}

fn after_a_crash(server: &mut Server) -> Vec<(String, Value)> {
    server.crash_and_restart();
    all_policies(&mut server.connect())
}

#[test]
fn a_crash_while_clients_are_paused_loses_none() {
    for before in [&[][..], &["SET k x"], &["RL.SLIDE k 5 1d", "SELECT 7", "RL.SLIDE k 5 1d", "SET l x"]] {
        let mut server = Server::start(&[ALWAYS[0], ALWAYS[1], "aof-use-rdb-preamble no"]);
        let mut conn = server.connect();
        let shown = fill(&mut conn);
        before.iter().for_each(|line| drop(conn.done(line)));
        let digest = conn.digest();
        conn.done("CLIENT PAUSE 100000 WRITE");
        conn.done("BGREWRITEAOF");
        rewritten(&mut conn);
        assert_eq!(sets(&server), shown.len(), "each once");
        assert_eq!(after_a_crash(&mut server), shown, "{before:?}");
        assert_eq!(server.connect().digest(), digest, "{before:?}");
    }
}

#[test]
fn a_file_that_is_written_while_it_is_off_has_them() {
    for preamble in ["yes", "no"] {
        let mut server = Server::start(&[&format!("aof-use-rdb-preamble {preamble}")]);
        let mut conn = server.connect();
        let before = fill(&mut conn);
        conn.done("RL.SLIDE k 5 1d");
        let digest = conn.digest();
        conn.done("BGREWRITEAOF");
        rewritten(&mut conn);
        server.crash_and_restart_with("appendonly yes");
        let mut conn = server.connect();
        assert_eq!(all_policies(&mut conn), before, "{preamble}");
        assert_eq!(conn.digest(), digest, "{preamble}");
    }
}

#[test]
fn a_rewrite_leaves_the_server_as_it_was() {
    for preamble in ["yes", "no"] {
        let server = Server::start(&[ALWAYS[0], ALWAYS[1], &format!("aof-use-rdb-preamble {preamble}")]);
        let mut conn = server.connect();
        fill(&mut conn);
        let state = |conn: &mut Conn| (conn.ask("DBSIZE").int(), conn.digest(), conn.offset());
        let before = state(&mut conn);
        conn.done("BGREWRITEAOF");
        rewritten(&mut conn);
        assert_eq!(state(&mut conn), before, "{preamble}");
    }
}

#[test]
fn a_rewrite_sends_no_notification() {
    for preamble in ["yes", "no"] {
        let server = Server::start(&[
            &format!("aof-use-rdb-preamble {preamble}"),
            "notify-keyspace-events AKEn",
            "io-threads 3",
        ]);
        let (mut conn, mut hears, mut tracks) = (server.connect(), server.connect(), server.connect());
        fill(&mut conn);
        hears.done("PSUBSCRIBE *");
        tracks.done("HELLO 3");
        tracks.done("CLIENT TRACKING ON BCAST");
        conn.done("BGREWRITEAOF");
        rewritten(&mut conn);
        conn.done("PUBLISH last x");
        assert_eq!(hears.receive().words()[2], "last", "{preamble}");
        assert_eq!(tracks.ask("PING"), Value::Simple("PONG".into()), "{preamble}");
    }
}

#[test]
fn a_file_that_is_loaded_again_in_place_has_them() {
    for preamble in ["yes", "no"] {
        let server = Server::start(&[ALWAYS[0], ALWAYS[1], &format!("aof-use-rdb-preamble {preamble}")]);
        let mut conn = server.connect();
        fill(&mut conn);
        conn.done("BGREWRITEAOF");
        rewritten(&mut conn);
        conn.done("RL.POLICY DEL day");
        let before = all_policies(&mut conn);
        conn.done("DEBUG LOADAOF");
        assert_eq!(all_policies(&mut conn), before, "{preamble}");
    }
}

#[test]
fn a_node_of_a_cluster_has_them_too() {
    for preamble in ["yes", "no"] {
        let mut server = Server::start(&[
            ALWAYS[0],
            ALWAYS[1],
            &format!("aof-use-rdb-preamble {preamble}"),
            "cluster-enabled yes",
            &format!("cluster-port {}", free_port()),
        ]);
        let mut conn = server.connect();
        conn.done("CLUSTER ADDSLOTSRANGE 0 16383");
        wait_until("it serves", || !conn.ask("GET k").is_error());
        conn.done("RL.SLIDE k 5 1d");
        let before = fill(&mut conn);
        let digest = conn.digest();
        conn.done("BGREWRITEAOF");
        rewritten(&mut conn);
        assert_eq!(after_a_crash(&mut server), before, "{preamble}");
        assert_eq!(server.connect().digest(), digest, "{preamble}");
    }
}

#[test]
fn a_policy_deleted_after_a_rewrite_stays_deleted() {
    let mut server = Server::start(&[ALWAYS[0], ALWAYS[1], "aof-use-rdb-preamble no"]);
    let mut conn = server.connect();
    fill(&mut conn);
    conn.done("BGREWRITEAOF");
    rewritten(&mut conn);
    conn.done("RL.POLICY DEL day");
    conn.done("RL.POLICY SET x LIMIT x 1 60");
    let before = all_policies(&mut conn);
    assert_eq!(after_a_crash(&mut server), before);
}

#[test]
fn as_many_as_there_may_be_are_in_a_rewritten_file() {
    let mut server = Server::start(&[ALWAYS[0], "aof-use-rdb-preamble no"]);
    let mut conn = server.connect();
    let names: Vec<String> = (10_000..20_000).map(|n| format!("p{n}")).collect();
    for name in &names {
        conn.send(&["RL.POLICY", "SET", name, "LIMIT", "a", "5", "60"]);
    }
    names.iter().for_each(|_| assert!(!conn.receive().is_error()));
    conn.done("BGREWRITEAOF");
    rewritten(&mut conn);
    server.crash_and_restart();
    assert_eq!(server.connect().ask("RL.POLICY LIST").words(), names);
}
