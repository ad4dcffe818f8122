//! Overrides on replicas, in files, in the operator's file, and in a cluster.

use std::fs;

use super::all_policies;
use crate::common::cluster::Cluster;
use crate::common::quota::Answer;
use crate::common::replica::{catch_up, pair};
use crate::common::waiting::Waiter;
use crate::common::{Conn, Server, Value, aof, wait_until};

const NAME: &str = "policies.toml";
const FILE: &str = r#"
[policy.p]
a = { limit = 2, window = "1d" }

[override.p.big]
a = { limit = 5, window = "1d" }

[override.p.'bin:\xff\n']
a = { limit = 7, window = "1d" }
"#;

/// Sets policies and overrides, one of a key that is not text.
fn fill(conn: &mut Conn) {
    conn.done("RL.POLICY SET p LIMIT a 2 1d");
    conn.done("RL.POLICY SET q LIMIT a 2 1d LIMIT open 3 INFLIGHT");
    conn.done("RL.POLICY OVERRIDE p big LIMIT a 5 1d");
    conn.call(&[b"RL.POLICY".as_slice(), b"OVERRIDE", b"p", b"bin:\xff\n", b"LIMIT", b"a", b"7", b"1d"]);
    conn.done("RL.POLICY OVERRIDE q big LIMIT open 9 INFLIGHT LIMIT t 10 1mo UNIT tokens WINDOW");
    conn.done("RL.POLICY OVERRIDE p gone LIMIT a 5 1d");
    conn.done("RL.POLICY OVERRIDE p gone NONE");
}

/// Returns the command that sets each override of a server.
#[track_caller]
fn all_overrides(conn: &mut Conn) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for name in conn.done("RL.POLICY LIST").words() {
        for key in conn.done(&format!("RL.POLICY OVERRIDES {name}")).list() {
            let get = [
                b"RL.POLICY".as_slice(),
                b"OVERRIDES",
                name.as_bytes(),
                b"KEY",
                &key.bytes(),
                b"AS",
                b"COMMAND",
            ];
            all.push(conn.call(&get).list().to_vec());
        }
    }
    all
}

#[track_caller]
fn assert_same(first: &mut Conn, second: &mut Conn, overrides: usize) {
    assert_eq!(all_overrides(second), all_overrides(first));
    assert_eq!(all_policies(second), all_policies(first));
    assert_eq!(all_overrides(first).len(), overrides);
}

fn limit(conn: &mut Conn, key: &str) -> i64 {
    conn.quota(&format!("RL.QUOTA {key} POLICY p")).rows[0].limit
}

#[test]
fn a_replica_holds_them_and_denies_by_them_once_it_is_promoted() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    fill(&mut first);
    for _ in 0..5 {
        first.done("RL.QUOTA big POLICY p");
    }
    catch_up(&mut first, &mut second);
    assert_same(&mut first, &mut second, 3);
    assert_eq!(second.digest(), first.digest());
    assert_eq!(second.quota("RL.PEEK big").rows[0].limit, 5);
    assert!(second.ask("RL.POLICY OVERRIDE p big NONE").error().starts_with("READONLY"));
    let offset = first.offset();
    first.done("RL.POLICY OVERRIDE p big LIMIT a 5 1d");
    first.done("RL.POLICY OVERRIDE p nobody NONE");
    first.done("RL.QUOTA big POLICY p");
    assert_eq!(first.offset(), offset, "nothing that changes nothing is sent");
    second.done("REPLICAOF NO ONE");
    let denied = second.quota("RL.QUOTA big POLICY p");
    assert_eq!((denied.allowed, denied.rows[0].limit, denied.remaining()), (false, 5, vec![0]));
    assert!(second.quota("RL.QUOTA small POLICY p COST requests 2").allowed);
    assert!(!second.quota("RL.QUOTA small POLICY p").allowed);
}

#[test]
fn a_full_copy_has_them_and_replaces_those_of_the_replica() {
    let primary = Server::start_tcp(&[]);
    let mut first = primary.connect();
    fill(&mut first);
    for load in ["disabled", "swapdb"] {
        let replica = Server::start(&[&format!("repl-diskless-load {load}")]);
        let mut second = replica.connect();
        second.done("RL.POLICY SET p LIMIT a 1 1d");
        second.done("RL.POLICY OVERRIDE p own LIMIT a 1 1d");
        second.done(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
        wait_until("it follows", || second.info("master_link_status").as_deref() == Some("up"));
        catch_up(&mut first, &mut second);
        assert_same(&mut first, &mut second, 3);
    }
}

#[test]
fn a_restart_brings_them_back_from_each_kind_of_file() {
    for config in [
        &["save 3600 1"][..],
        &["appendonly yes", "appendfsync always"],
        &["appendonly yes", "appendfsync always", "aof-use-rdb-preamble no"],
    ] {
        let mut server = Server::start(config);
        let mut conn = server.connect();
        fill(&mut conn);
        for rewrite in [false, true] {
            match (config.len(), rewrite) {
                (1, _) => drop(conn.done("SAVE")),
                (_, false) => {}
                (_, true) => {
                    conn.done("BGREWRITEAOF");
                    wait_until("it is rewritten", || {
                        conn.info_number("aof_rewrite_in_progress") == 0
                            && conn.info_number("aof_rewrite_scheduled") == 0
                    });
                }
            }
            let before = all_overrides(&mut conn);
            server.crash_and_restart();
            conn = server.connect();
            assert_eq!(all_overrides(&mut conn), before, "{config:?}");
            assert_eq!((limit(&mut conn, "big"), limit(&mut conn, "small")), (5, 2), "{config:?}");
        }
    }
}

#[test]
fn a_damaged_file_is_refused() {
    let mut server = Server::start(&["rdbcompression no", "rdbchecksum no"]);
    fill(&mut server.connect());
    server.connect().done("SAVE");
    server.kill();
    let path = server.dir().join("dump.rdb");
    let whole = fs::read(&path).unwrap();
    let first = whole.windows(3).position(|found| found == b"big").unwrap();
    let at = whole.windows(3).rposition(|found| found == b"big").unwrap();
    for (position, byte) in [(at - 1, 0xff), (at - 1, 2), (at + 3, 0), (first, b'z')] {
        let mut damaged = whole.clone();
        damaged[position] = byte;
        fs::write(&path, damaged).unwrap();
        let log = server.restart().expect_err(&format!("it takes {byte} at {position}"));
        assert!(log.contains("redis-rl: the policies that the file holds"), "{log}");
        assert!(!log.contains("BUG REPORT"), "{log}");
    }
    fs::write(&path, whole).unwrap();
    server.restart().unwrap();
    assert_eq!(all_overrides(&mut server.connect()).len(), 3);
}

#[track_caller]
fn with_file(config: &[&str]) -> Server {
    Server::start_with_file(config, "policies policies.toml", (NAME, FILE.as_bytes()))
        .unwrap_or_else(|log| panic!("{log}"))
}

#[test]
fn the_operators_file_may_have_them() {
    let mut server = with_file(&["appendonly yes", "appendfsync always"]);
    let told = |server: &Server| {
        let commands = aof::commands(server.dir());
        let of = commands.iter().filter(|words| words[0].eq_ignore_ascii_case(b"RL.POLICY"));
        of.map(|words| String::from_utf8(words[1].clone()).unwrap()).collect::<Vec<_>>()
    };
    wait_until("they are in the file", || told(&server) == ["SET", "OVERRIDE", "OVERRIDE"]);
    let mut conn = server.connect();
    assert_eq!((limit(&mut conn, "big"), limit(&mut conn, "small")), (5, 2));
    let binary = [b"RL.QUOTA".as_slice(), b"bin:\xff\n", b"POLICY", b"p"];
    assert_eq!(Answer::of(&conn.call(&binary)).rows[0].limit, 7);
    server.crash_and_restart();
    let mut conn = server.connect();
    assert_eq!(all_overrides(&mut conn).len(), 2);
    assert_eq!(told(&server).len(), 3, "nothing has changed");
}

#[test]
fn load_sets_all_of_them_or_nothing_and_leaves_others() {
    let server = with_file(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY OVERRIDE p own LIMIT a 9 1d");
    conn.done("RL.POLICY OVERRIDE p big NONE");
    let before = all_overrides(&mut conn);
    let write = |text: &str| fs::write(server.dir().join(NAME), text).unwrap();
    for (mistake, error) in [
        (
            "[override.nobody.k]\na = { limit = 5, window = \"1d\" }",
            "override.nobody: this file has no policy",
        ),
        ("[override.p.'k\\q']\na = { limit = 5, window = \"1d\" }", "override.p.k\\q: a backslash in a key"),
        ("[override.p.k]\na = { limit = 5, window = \"5y\" }", "override.p.k.a.window: window must be"),
        ("[override.p]\nk = 5", "override.p.k: a policy must be a table of limits"),
    ] {
        write(
            &FILE
                .replace("limit = 5", "limit = 6")
                .replace("[override.p.big]", &format!("{mistake}\n[override.p.big]")),
        );
        let reply = conn.ask("RL.POLICY LOAD");
        assert!(reply.error().contains(error), "{mistake}: {reply:?}");
        assert_eq!(all_overrides(&mut conn), before, "{mistake}");
    }
    (0..5).for_each(|_| drop(conn.done("RL.QUOTA big POLICY p")));
    let waiter = Waiter::start(&server, "RL.QUOTA big POLICY p WAIT 1h");
    assert!(waiter.waits(&mut conn));
    write(&FILE.replace("limit = 5", "limit = 6"));
    conn.done("RL.POLICY LOAD");
    assert_eq!(waiter.answer().list()[0].int(), 1);
    assert_eq!(limit(&mut conn, "big"), 6);
    assert_eq!(limit(&mut conn, "own"), 9);
}

#[test]
fn each_shard_of_a_cluster_has_its_own_and_a_new_one_gets_them_by_their_commands() {
    let cluster = Cluster::start(2);
    let mut conns: Vec<Conn> = cluster.nodes.iter().map(Server::connect).collect();
    // The operator sets them on one shard, whichever has the keys, and brings them to the other as docs/operations.md says.
    fill(&mut conns[0]);
    let (mut source, mut target) = (conns.remove(0), conns.remove(0));
    for name in source.ask("RL.POLICY LIST").words() {
        let words = source.ask(&format!("RL.POLICY GET {name} AS COMMAND")).words();
        target.call(&words);
    }
    for command in all_overrides(&mut source) {
        let words: Vec<Vec<u8>> = command.iter().map(Value::bytes).collect();
        assert_eq!(target.call(&words), Value::Simple("OK".into()));
    }
    assert_same(&mut source, &mut target, 3);
    let mut client = cluster.client();
    for key in 0..20 {
        // An override's key may be of any slot.
        for conn in [&mut source, &mut target] {
            conn.done(&format!("RL.POLICY OVERRIDE p key:{key} LIMIT a 8 1d"));
        }
        let answer = client.ask_about(&format!("key:{key}"), &format!("RL.QUOTA key:{key} POLICY p"));
        assert_eq!(Answer::of(&answer).rows[0].limit, 8);
    }
}
