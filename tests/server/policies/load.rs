//! `RL.POLICY LOAD`: the operator's file is read again, all of it or nothing.

use std::fs;

use super::{all_policies, limit};
use crate::common::waiting::Waiter;
use crate::common::{Conn, Server, Value, aof, wait_until};

const NAME: &str = "policies.toml";
const FILE: &str =
    "[policy.chat]\nrpm = { limit = 5, window = \"60s\" }\n[policy.embed.rpm]\nlimit = 6\nwindow = 60\n";

#[track_caller]
fn start(config: &[&str]) -> Server {
    Server::start_with_file(config, "policies policies.toml", (NAME, FILE.as_bytes()))
        .unwrap_or_else(|log| panic!("{log}"))
}

fn write(server: &Server, text: &str) {
    fs::write(server.dir().join(NAME), text).unwrap();
}

#[track_caller]
fn load(conn: &mut Conn) {
    assert_eq!(conn.ask("RL.POLICY LOAD"), Value::Simple("OK".into()));
}

#[test]
fn a_changed_file_is_in_force_at_once() {
    let server = start(&[]);
    let mut conn = server.connect();
    conn.done("RL.QUOTA k POLICY chat");
    write(&server, "[policy.chat]\nrpm = { limit = 9, window = 60 }\n[policy.new]\ncalls = { inflight = 3 }");
    assert_eq!(limit(&mut conn, "chat"), 5);
    load(&mut conn);
    assert_eq!(conn.ask("RL.POLICY LIST").words(), ["chat", "embed", "new"], "embed stays");
    assert_eq!(conn.quota("RL.QUOTA k POLICY chat").remaining(), [7]);
    assert_eq!(limit(&mut conn, "embed"), 6);
}

#[test]
fn it_takes_back_what_a_command_changed_and_leaves_other_policies() {
    let server = start(&[]);
    let mut conn = server.connect();
    let before = all_policies(&mut conn);
    conn.done("RL.POLICY SET own LIMIT a 5 60");
    conn.done("RL.POLICY SET chat LIMIT a 7 60");
    conn.done("RL.POLICY DEL embed");
    load(&mut conn);
    assert_eq!(conn.ask("RL.POLICY DEL own").int(), 1);
    assert_eq!(all_policies(&mut conn), before);
}

#[test]
fn a_mistake_changes_nothing_and_the_error_says_where() {
    let server = start(&["rl.max-window 1h"]);
    let mut conn = server.connect();
    let before = all_policies(&mut conn);
    let changes = conn.info_number("rdb_changes_since_last_save");
    let good = "[policy.chat]\nrpm = { limit = 9, window = 60 }\n";
    for (bad, error) in [
        (
            "[policy.x]\nrpm = { limit = 5,\n  window = \"5y\" }",
            "line 5, policy.x.rpm.window: window must be a duration",
        ),
        ("[policy.x]\nrpm = { limits = 5 }", "line 4, policy.x.rpm.limits: unknown key"),
        (
            "[policy.x]\nrpm = { limit = 5, window = \"2h\" }",
            "line 4, policy.x.rpm.window: window or period is longer",
        ),
        ("[policy.\"a\\r\\n%s\"]", "line 3, policy.a\\r\\n%s: policy name must be"),
        ("[policy.x]\nrpm = {", "line 4: "),
    ] {
        write(&server, &format!("{good}{bad}"));
        let reply = conn.ask("RL.POLICY LOAD");
        assert!(reply.error().starts_with(&format!("ERR policies file, {error}")), "{reply:?}");
        assert_eq!(all_policies(&mut conn), before);
    }
    fs::remove_file(server.dir().join(NAME)).unwrap();
    assert!(conn.ask("RL.POLICY LOAD").error().starts_with("ERR policies file, No such file or directory"));
    assert_eq!(all_policies(&mut conn), before);
    assert_eq!(conn.info_number("rdb_changes_since_last_save"), changes);
    assert_eq!(conn.info_number("rl_policy_errors"), 6);
    write(&server, good);
    load(&mut conn);
    assert_eq!(limit(&mut conn, "chat"), 9);
}

#[test]
fn too_many_policies_change_nothing() {
    let server = start(&[]);
    let mut conn = server.connect();
    for number in 0..9_997 {
        conn.send(&["RL.POLICY", "SET", &format!("p{number}"), "LIMIT", "a", "5", "60"]);
    }
    (0..9_997).for_each(|_| drop(conn.receive()));
    write(&server, &format!("{FILE}[policy.a.x]\ninflight = 1\n[policy.b.x]\ninflight = 1\n"));
    conn.done("RL.POLICY SET chat LIMIT a 7 60");
    assert_eq!(conn.ask("RL.POLICY LOAD").error(), "ERR a server may keep 10000 policies");
    assert_eq!(limit(&mut conn, "chat"), 7);
    conn.done("RL.POLICY DEL p0");
    load(&mut conn);
    assert_eq!(limit(&mut conn, "chat"), 5);
    assert_eq!(conn.ask("RL.POLICY LIST").list().len(), 10_000);
}

#[test]
fn the_files_are_told_of_what_changes_only() {
    let mut server = start(&["appendonly yes", "appendfsync always"]);
    let sets = |server: &Server| {
        let commands = aof::commands(server.dir());
        commands
            .iter()
            .filter(|words| words[0].eq_ignore_ascii_case(b"RL.POLICY"))
            .map(|words| words[1].clone())
            .collect()
    };
    let told = |server: &Server| -> Vec<Vec<u8>> { sets(server) };
    wait_until("they are in the file", || told(&server).len() == 2);
    let mut conn = server.connect();
    load(&mut conn);
    write(&server, &FILE.replace("limit = 5", "limit = 9"));
    load(&mut conn);
    load(&mut conn);
    assert_eq!(told(&server), [b"SET"; 3], "and LOAD itself is not there");
    let before = all_policies(&mut conn);
    server.crash_and_restart();
    assert_eq!(all_policies(&mut server.connect()), before);
}

#[test]
fn a_replica_gets_the_policies_and_reads_no_file() {
    let primary = Server::start_with_file(&[], "policies policies.toml", (NAME, FILE.as_bytes())).unwrap();
    let replica = Server::start(&[]);
    let (mut first, mut second) = (primary.connect(), replica.connect());
    second.done(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    wait_until("it follows", || second.info("master_link_status").as_deref() == Some("up"));
    write(&primary, &format!("{}[policy.new.calls]\ninflight = 3\n", FILE.replace("limit = 5", "limit = 9")));
    load(&mut first);
    wait_until("it has caught up", || first.offset() == second.info_number("slave_repl_offset"));
    assert_eq!(all_policies(&mut second), all_policies(&mut first));
    assert_eq!(limit(&mut second, "chat"), 9);
    assert!(second.ask("RL.POLICY LOAD").error().starts_with("READONLY"));
}

#[test]
fn the_path_holds_although_the_servers_folder_changes() {
    let server = start(&[]);
    let mut conn = server.connect();
    let elsewhere = server.dir().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    conn.call(&["CONFIG", "SET", "dir", elsewhere.to_str().unwrap()]);
    write(&server, &FILE.replace("limit = 5", "limit = 9"));
    load(&mut conn);
    assert_eq!(limit(&mut conn, "chat"), 9);
}

#[test]
fn a_waiter_is_decided_again() {
    let server = start(&[]);
    let mut conn = server.connect();
    (0..5).for_each(|_| drop(conn.done("RL.QUOTA k POLICY chat")));
    let waiter = Waiter::start(&server, "RL.QUOTA k POLICY chat WAIT 60");
    write(&server, &FILE.replace("limit = 5", "limit = 9"));
    load(&mut conn);
    assert_eq!(waiter.answer().list()[0].int(), 1);
}
