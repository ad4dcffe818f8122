//! The weights that policies give to flows: commands, files, replicas, and the operator's own file.

use std::fs;

use super::all_policies;
use crate::common::{Conn, Server, Value, aof, wait_until};

const NAME: &str = "policies.toml";
const FILE: &str = "[policy.chat]\nrpm = { limit = 5, window = 60 }\nflows = { paid = 10, 'b\\xff' = 2 }\n";

const SETS: [&str; 3] = [
    "RL.POLICY SET chat LIMIT rpm 500 60 FLOW paid WEIGHT 10 FLOW free WEIGHT 1",
    "RL.POLICY SET none LIMIT rpm 500 60",
    "RL.POLICY SET other FLOW a WEIGHT 1000 LIMIT calls 5 INFLIGHT",
];

fn fill(conn: &mut Conn) {
    for line in SETS {
        assert_eq!(conn.ask(line), Value::Simple("OK".into()), "{line}");
    }
    conn.done("RL.POLICY OVERRIDE chat k LIMIT rpm 9 60");
}

/// Returns the flows of each policy, and how many overrides it has.
fn all(conn: &mut Conn) -> Vec<(String, Value, usize)> {
    let names = conn.done("RL.POLICY LIST").words();
    let mut of = |name: String| {
        let flows = conn.done(&format!("RL.POLICY GET {name} FLOWS"));
        let overrides = conn.done(&format!("RL.POLICY OVERRIDES {name}")).list().len();
        (name, flows, overrides)
    };
    names.into_iter().map(&mut of).collect()
}

#[test]
fn flows_are_set_shown_and_replaced() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    fill(&mut conn);
    let told = conn.ask("RL.POLICY GET chat FLOWS");
    assert_eq!((told.names(), told.get("paid").int()), (vec!["free".to_owned(), "paid".into()], 10));
    assert_eq!(conn.ask("RL.POLICY GET none FLOWS").list(), []);
    assert_eq!(conn.ask("RL.POLICY GET nobody FLOWS"), Value::Nil);
    assert_eq!(conn.ask("RL.POLICY GET chat").list().len(), 1, "the limits alone");
    let words = conn.ask("RL.POLICY GET chat AS COMMAND").words().join(" ");
    let full =
        "RL.POLICY SET chat LIMIT rpm 500 60000ms UNIT requests SLIDE FLOW free WEIGHT 1 FLOW paid WEIGHT 10";
    assert_eq!(words, full);
    let before = all(&mut conn);
    conn.done("RL.POLICY DEL chat");
    conn.done(full);
    conn.done("RL.POLICY OVERRIDE chat k LIMIT rpm 9 60");
    assert_eq!(all(&mut conn), before);
    // An override neither has flows nor takes those of the policy away.
    let words = conn.ask("RL.POLICY OVERRIDES chat KEY k AS COMMAND").words().join(" ");
    assert_eq!(words, "RL.POLICY OVERRIDE chat k LIMIT rpm 9 60000ms UNIT requests SLIDE");
    let answer = conn.ask("RL.POLICY OVERRIDE chat k LIMIT rpm 9 60 FLOW paid WEIGHT 2");
    assert!(answer.error().starts_with("ERR syntax error, expected RL.POLICY OVERRIDE"), "{answer:?}");
    // SET replaces all of them.
    conn.done("RL.POLICY SET chat LIMIT rpm 500 60 FLOW new WEIGHT 3");
    assert_eq!(conn.ask("RL.POLICY GET chat FLOWS").names(), ["new"]);
    conn.done("RL.POLICY SET chat LIMIT rpm 500 60");
    assert_eq!(conn.ask("RL.POLICY GET chat FLOWS").list(), []);
}

#[test]
fn wrong_flows_have_their_errors_and_change_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    fill(&mut conn);
    let before = (all(&mut conn), all_policies(&mut conn));
    let weight = "ERR weight must be an integer from 1 to 1000";
    let many: String = (0..65).map(|flow| format!(" FLOW f{flow} WEIGHT 1")).collect();
    for (flows, error) in [
        (" FLOW a WEIGHT 0", weight),
        (" FLOW a WEIGHT 1001", weight),
        (" FLOW a WEIGHT x", weight),
        (&format!(" FLOW {} WEIGHT 1", "x".repeat(129)), "ERR flow must be 1 to 128 bytes"),
        (" FLOW a WEIGHT 1 FLOW a WEIGHT 2", "ERR each flow of a policy may have one WEIGHT only"),
        (&many, "ERR a policy may name at most 64 flows"),
        (" FLOW a", "ERR syntax error, expected RL.POLICY SET name"),
        (" FLOW a 5", "ERR syntax error, expected RL.POLICY SET name"),
    ] {
        let answer = conn.ask(&format!("RL.POLICY SET chat LIMIT rpm 1 60{flows}"));
        assert!(answer.error().starts_with(error), "{flows}: {answer:?}");
        assert_eq!((all(&mut conn), all_policies(&mut conn)), before, "{flows}");
    }
    let most = many.rsplit_once(" FLOW").unwrap().0;
    conn.done(&format!("RL.POLICY SET chat LIMIT rpm 1 60{most}"));
    assert_eq!(conn.ask("RL.POLICY GET chat FLOWS").names().len(), 64);
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
            let before = all(&mut conn);
            server.crash_and_restart();
            conn = server.connect();
            assert_eq!(all(&mut conn), before, "{config:?}");
            assert_eq!(conn.ask("RL.POLICY GET chat FLOWS").names(), ["free", "paid"], "{config:?}");
        }
    }
}

#[test]
fn replicas_have_them_by_command_and_by_file() {
    let (primary, replica) = (Server::start_tcp(&[]), Server::start(&[]));
    let (mut first, mut second) = (primary.connect(), replica.connect());
    fill(&mut first);
    second.done(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    wait_until("it follows", || second.info("master_link_status").as_deref() == Some("up"));
    assert_eq!(all(&mut second), all(&mut first));
    first.done("RL.POLICY SET none LIMIT rpm 500 60 FLOW late WEIGHT 7");
    wait_until("it is told", || all(&mut second) == all(&mut first));
    // What changes nothing is not sent.
    let before = first.offset();
    first.done("RL.POLICY SET none LIMIT rpm 500 60 FLOW late WEIGHT 7");
    assert_eq!(first.offset(), before);
    first.done("RL.POLICY SET none LIMIT rpm 500 60 FLOW late WEIGHT 8");
    assert!(first.offset() > before);
}

#[test]
fn the_operators_file_may_have_them() {
    let config = ["appendonly yes", "appendfsync always"];
    let started = Server::start_with_file(&config, "policies policies.toml", (NAME, FILE.as_bytes()));
    let mut server = started.unwrap_or_else(|log| panic!("{log}"));
    let told = |server: &Server| {
        let commands = aof::commands(server.dir());
        commands.into_iter().filter(|words| words[0].eq_ignore_ascii_case(b"RL.POLICY")).collect::<Vec<_>>()
    };
    wait_until("it is in the file", || told(&server).len() == 1);
    assert!(
        told(&server)[0].ends_with(&["FLOW", "paid", "WEIGHT", "10"].map(|word| word.as_bytes().to_vec()))
    );
    let mut conn = server.connect();
    assert_eq!(conn.ask("RL.POLICY GET chat FLOWS").list().len(), 4);
    fs::write(server.dir().join(NAME), FILE.replace("paid = 10", "paid = 20")).unwrap();
    conn.done("RL.POLICY LOAD");
    assert_eq!(conn.ask("RL.POLICY GET chat FLOWS").get("paid").int(), 20);
    fs::write(server.dir().join(NAME), FILE.replace("paid = 10", "paid = 2000")).unwrap();
    assert_eq!(
        conn.ask("RL.POLICY LOAD").error(),
        "ERR policies file, line 3, policy.chat.flows.paid: weight must be an integer from 1 to 1000"
    );
    let before = all(&mut conn);
    fs::write(server.dir().join(NAME), FILE.replace("paid = 10", "paid = 20")).unwrap();
    server.crash_and_restart();
    assert_eq!(all(&mut server.connect()), before);
}
