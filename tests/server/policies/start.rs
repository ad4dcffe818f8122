//! The operator's file of policies: refused if it is wrong, in force from the start if it is right.

use std::fs;

use super::{all_policies, limit};
use crate::common::server::{free_port, module};
use crate::common::{Conn, Server, Value, aof, wait_until};

const NAME: &str = "policies.toml";
const FILE: &[u8] = br#"
[policy.claude-sonnet]
rpm      = { limit = 1000, window = "60s" }
tpd      = { limit = 2000000, window = "1d", unit = "tokens", algorithm = "window", offset = "-8h" }
inflight = { inflight = 20 }

[policy."org:42"]
burst    = { limit = 500, window = "60s", algorithm = "bucket", capacity = 50 }
"#;

#[track_caller]
fn start(config: &[&str]) -> Server {
    Server::start_with_file(config, "policies policies.toml", (NAME, FILE))
        .unwrap_or_else(|log| panic!("{log}"))
}

/// Checks that the policies are the same as if commands had set them.
#[track_caller]
fn assert_is_the_files(conn: &mut Conn) {
    let server = Server::start(&[]);
    let mut other = server.connect();
    other.done("RL.POLICY SET claude-sonnet LIMIT rpm 1000 60 LIMIT tpd 2000000 1d UNIT tokens WINDOW OFFSET -8h LIMIT inflight 20 INFLIGHT");
    other.done("RL.POLICY SET org:42 LIMIT burst 500 60 BUCKET 50");
    assert_eq!(all_policies(conn), all_policies(&mut other));
}

#[test]
fn the_policies_of_the_file_are_in_force_from_the_start() {
    let server = start(&[]);
    assert_is_the_files(&mut server.connect());
    assert!(server.log().contains("redis-rl is ready"));
}

/// Returns the line of the log that says why the module was not loaded.
#[track_caller]
fn refused(arguments: &str, file: &[u8]) -> String {
    let Err(log) = Server::start_with_file(&[], arguments, (NAME, file)) else {
        panic!("it starts with {arguments}: {}", String::from_utf8_lossy(file));
    };
    assert!(!log.contains("BUG REPORT"), "{log}");
    let line = log.lines().find_map(|line| line.split_once("redis-rl: ")).unwrap_or_else(|| panic!("{log}"));
    line.1.to_owned()
}

#[test]
fn a_bad_file_refuses_the_load_and_the_log_says_where() {
    for (file, line) in [
        (
            "\n[policy.x]\nrpm = { limit = 5,\n  window = \"5y\" }",
            "line 4, policy.x.rpm.window: window must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d",
        ),
        (
            "[policy.x]\nrpm = { limits = 5 }",
            "line 2, policy.x.rpm.limits: unknown key, expected limit, window",
        ),
        ("[policy.x]", "line 1, policy.x: a quota must have 1 to 16 limits"),
        ("[policy.x]\n\nrpm = {", "line 3: "),
        ("[policy.\"a\\u0100\\n%s\"]", "line 1, policy.a\\xc4\\x80\\n%s: policy name must be"),
        ("\0", "line 1: "),
    ] {
        let shown = refused("policies policies.toml", file.as_bytes());
        assert!(shown.starts_with(&format!("{NAME}, {line}")), "{file:?}: {shown}");
    }
    assert_eq!(
        refused("policies policies.toml", b"#\n#\xff"),
        "policies.toml, line 2: the file must be text in UTF-8"
    );
}

#[test]
fn a_file_that_cannot_be_read_refuses_the_load() {
    assert!(refused("policies nowhere.toml", FILE).starts_with("nowhere.toml, No such file or directory"));
    assert!(refused("policies .", FILE).starts_with("., Is a directory"));
    assert!(refused("policies", FILE).starts_with("policies must be the path of a file"));
    assert!(refused("policy policies.toml", FILE).starts_with("unknown load argument"));
    let long = vec![b'#'; (1 << 20) + 1];
    assert_eq!(
        refused("policies policies.toml", &long),
        "policies.toml, a file of policies may have 1048576 bytes"
    );
    let most = &long[1..];
    drop(Server::start_with_file(&[], "policies policies.toml", (NAME, most)).unwrap());
}

#[test]
fn the_longest_window_holds_for_the_file_whichever_way_it_was_set() {
    let line = "policies.toml, line 4, policy.claude-sonnet.tpd.window: window or period is longer than rl.max-window allows";
    assert_eq!(refused("max-window 1h policies policies.toml", FILE), line);
    assert_eq!(refused("policies policies.toml max-window 1h", FILE), line);
    let Err(log) = Server::start_with_file(&["rl.max-window 1h"], "policies policies.toml", (NAME, FILE))
    else {
        panic!("it starts");
    };
    assert!(log.contains(line), "{log}");
}

#[test]
fn the_file_wins_over_a_snapshot_and_leaves_the_rest() {
    let mut server = start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET own LIMIT a 5 60");
    conn.done("RL.POLICY SET claude-sonnet LIMIT rpm 7 60");
    conn.done("RL.POLICY DEL org:42");
    conn.done("SAVE");
    server.crash_and_restart();
    let mut conn = server.connect();
    assert_eq!(limit(&mut conn, "claude-sonnet"), 1_000);
    assert_eq!(conn.ask("RL.POLICY LIST").words(), ["claude-sonnet", "org:42", "own"]);
    conn.done("RL.POLICY DEL own");
    assert_is_the_files(&mut conn);
}

#[test]
fn what_is_changed_by_command_stays_changed_until_the_next_start() {
    let server = start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET claude-sonnet LIMIT rpm 7 60");
    conn.done("RL.POLICY DEL org:42");
    conn.done("DEBUG RELOAD");
    assert_eq!(limit(&mut conn, "claude-sonnet"), 7);
    assert_eq!(conn.ask("RL.POLICY LIST").words(), ["claude-sonnet"]);
}

/// Returns how often the append-only file sets a policy.
fn sets(server: &Server) -> usize {
    aof::commands(server.dir()).iter().filter(|words| words[0].eq_ignore_ascii_case(b"RL.POLICY")).count()
}

#[test]
fn what_the_file_changes_is_written_to_the_aof_once() {
    for preamble in ["aof-use-rdb-preamble yes", "aof-use-rdb-preamble no"] {
        let mut server = start(&["appendonly yes", "appendfsync always", preamble]);
        wait_until("they are in the file", || sets(&server) == 2);
        let mut conn = server.connect();
        conn.done("RL.POLICY SET own LIMIT a 5 60");
        for _ in 0..2 {
            server.crash_and_restart();
            conn = server.connect();
            conn.done("RL.POLICY LIST");
            assert_eq!(sets(&server), 3, "nothing has changed");
        }
        conn.done("RL.POLICY SET org:42 LIMIT a 5 60");
        server.crash_and_restart();
        assert_eq!(limit(&mut server.connect(), "claude-sonnet"), 1_000);
        wait_until("the file's is set again", || sets(&server) == 5);
        // Without the file the policies are still there, because the data files contain them.
        fs::write(server.dir().join(NAME), b"").unwrap();
        server.crash_and_restart();
        let mut conn = server.connect();
        conn.done("RL.POLICY DEL own");
        assert_is_the_files(&mut conn);
    }
}

/// Saves a snapshot, after any snapshot for a replica is finished.
fn save(conn: &mut Conn) {
    wait_until("no snapshot is made", || conn.info_number("rdb_bgsave_in_progress") == 0);
    conn.done("SAVE");
}

#[test]
fn what_the_file_changes_reaches_a_replica_that_goes_on_where_it_was() {
    let mut primary = start(&["repl-backlog-size 1mb"]);
    let replica = Server::start(&["repl-timeout 3600"]);
    let (mut first, mut second) = (primary.connect(), replica.connect());
    second.done(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    wait_until("it follows", || second.info("master_link_status").as_deref() == Some("up"));
    assert_is_the_files(&mut second);
    save(&mut first);
    primary.kill();
    fs::write(primary.dir().join(NAME), "[policy.new.a]\ninflight = 3\n[policy.\"org:42\".a]\ninflight = 4")
        .unwrap();
    primary.restart().unwrap();
    second.done(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    wait_until("it follows", || second.info("master_link_status").as_deref() == Some("up"));
    let mut first = primary.connect();
    wait_until("it has caught up", || first.offset() == second.info_number("slave_repl_offset"));
    assert_eq!(all_policies(&mut second), all_policies(&mut first));
    assert_eq!(first.ask("RL.POLICY LIST").words(), ["claude-sonnet", "new", "org:42"]);
}

#[test]
fn a_replica_keeps_its_primarys() {
    let primary = Server::start_tcp(&[]);
    let mut first = primary.connect();
    first.done("RL.POLICY SET org:42 LIMIT a 5 60");
    let before = all_policies(&mut first);
    let mut replica = start(&[&format!("replicaof 127.0.0.1 {}", primary.port())]);
    for _ in 0..2 {
        let mut second = replica.connect();
        wait_until("it follows", || second.info("master_link_status").as_deref() == Some("up"));
        assert_eq!(all_policies(&mut second), before);
        save(&mut second);
        replica.crash_and_restart(); // and now it has a file to start from
    }
    // Nor does it take the file's policies when it becomes a primary.
    let mut second = replica.connect();
    wait_until("it follows", || second.info("master_link_status").as_deref() == Some("up"));
    second.done("REPLICAOF NO ONE");
    assert_eq!(all_policies(&mut second), before);
}

#[test]
fn a_replica_without_its_primary_has_what_it_had() {
    let primary = Server::start_tcp(&[]);
    let mut first = primary.connect();
    first.done("RL.POLICY SET org:42 LIMIT a 5 60");
    let before = all_policies(&mut first);
    let mut replica = start(&[&format!("replicaof 127.0.0.1 {}", primary.port())]);
    let mut second = replica.connect();
    wait_until("it follows", || second.info("master_link_status").as_deref() == Some("up"));
    save(&mut second);
    drop(primary);
    replica.crash_and_restart();
    assert_eq!(all_policies(&mut replica.connect()), before);
}

/// A node of a cluster learns from the cluster's own file that it is a replica. It follows its primary a
/// moment after it has started.
#[test]
fn a_replica_in_a_cluster_keeps_its_primarys() {
    let node = |bus: &str| {
        ["cluster-enabled yes".to_owned(), "cluster-node-timeout 30000".to_owned(), bus.to_owned()]
    };
    let bus = || format!("cluster-port {}", free_port());
    let (one, two) = (node(&bus()), node(&bus()));
    let primary = Server::start_tcp(&one.each_ref().map(String::as_str));
    let mut first = primary.connect();
    first.done("CLUSTER ADDSLOTSRANGE 0 16383");
    first.done("RL.POLICY SET org:42 LIMIT a 5 60");
    let before = all_policies(&mut first);
    let mut replica = start(&two.each_ref().map(String::as_str));
    let mut second = replica.connect();
    second.done(&format!("CLUSTER MEET 127.0.0.1 {} {}", primary.port(), first.info_config("cluster-port")));
    let id = first.ask("CLUSTER MYID").text();
    wait_until("they have met", || !second.ask(&format!("CLUSTER REPLICATE {id}")).is_error());
    wait_until("it follows", || second.info("master_link_status").as_deref() == Some("up"));
    assert_eq!(all_policies(&mut second), before);
    save(&mut second);
    drop(primary);
    replica.crash_and_restart();
    let mut second = replica.connect();
    assert_eq!(all_policies(&mut second), before);
    wait_until("it looks for its primary", || second.info("role").as_deref() == Some("slave"));
    assert_eq!(all_policies(&mut second), before);
}

#[test]
fn a_module_that_is_loaded_later_takes_a_file_too() {
    let server = Server::start_without_module();
    fs::write(server.dir().join(NAME), FILE).unwrap();
    fs::write(server.dir().join("bad.toml"), "[policy.p]").unwrap();
    let mut conn = server.connect();
    conn.done("CONFIG SET appendonly yes");
    conn.done("CONFIG SET appendfsync always");
    wait_until("the file is written", || conn.info_number("aof_rewrite_in_progress") == 0);
    let path = module().display().to_string();
    for bad in ["bad.toml", "nowhere.toml"] {
        assert!(conn.call(&["MODULE", "LOAD", &path, "policies", bad]).is_error());
        conn.done("DEBUG RELOAD"); // a callback left behind by the refused module would be called now
    }
    let loaded =
        conn.call(&["MODULE", "LOADEX", &path, "CONFIG", "rl.max-window", "1d", "ARGS", "policies", NAME]);
    assert_eq!(loaded, Value::Simple("OK".into()));
    assert_is_the_files(&mut conn);
    wait_until("they are in the file", || sets(&server) == 2);
}
