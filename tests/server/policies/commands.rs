//! `RL.POLICY` and its replies.

use super::{SETS, all_policies, fill, limit};
use crate::common::{Server, Value};

/// Formats the map of a limit as one line.
fn line(shown: &Value) -> String {
    let text = |value: Value| if let Value::Int(value) = value { value.to_string() } else { value.text() };
    let fields: Vec<String> =
        shown.names().iter().map(|name| format!("{name} {}", text(shown.get(name)))).collect();
    fields.join(" ")
}

#[test]
fn a_policy_is_shown_as_it_was_set() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    fill(&mut conn);
    let claude = [
        "name rpm unit requests algorithm slide limit 1000 window_ms 60000",
        "name tpm unit tokens algorithm slide limit 80000 window_ms 60000",
        "name spend unit cents algorithm window limit 500 window_ms 1mo offset_ms -28800000",
    ];
    let org = [
        "name burst unit requests algorithm bucket capacity 50 refill 500 period_ms 60000",
        "name inflight algorithm inflight limit 20",
    ];
    for hello in ["HELLO 2", "HELLO 3"] {
        conn.done(hello);
        for (name, limits) in [("claude", &claude[..]), ("org:42", &org[..])] {
            let shown = conn.ask(&format!("RL.POLICY GET {name}"));
            assert_eq!(shown.list().iter().map(line).collect::<Vec<_>>(), limits, "{hello}");
            assert!(shown.list().iter().all(|shown| matches!(shown, Value::Map(_)) == (hello == "HELLO 3")));
        }
        assert_eq!(conn.ask("RL.POLICY GET nobody"), Value::Nil);
        assert_eq!(conn.ask("RL.POLICY LIST").words(), ["claude", "day", "org:42", "x"]);
    }
}

#[test]
fn a_policy_as_a_command_sets_an_equal_one() {
    let (server, other) = (Server::start(&[]), Server::start(&[]));
    let (mut conn, mut copy) = (server.connect(), other.connect());
    fill(&mut conn);
    conn.done("RL.POLICY SET b LIMIT a 3 1h BUCKET 7 LIMIT b 8 1s UNIT t BUCKET 9 LIMIT c 1 7ms WINDOW");
    for name in conn.ask("RL.POLICY LIST").words() {
        let words = conn.ask(&format!("RL.POLICY GET {name} as command")).words();
        assert_eq!(words[..3], ["RL.POLICY", "SET", &name]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(copy.call(&words), Value::Simple("OK".into()));
        assert_eq!(copy.ask(&format!("RL.POLICY GET {name} AS COMMAND")).words(), words);
    }
    assert_eq!(all_policies(&mut copy), all_policies(&mut conn));
    assert_eq!(conn.ask("RL.POLICY GET nobody AS COMMAND"), Value::Nil);
}

#[test]
fn a_policy_that_is_set_again_is_replaced() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 5 60 LIMIT b 6 60");
    conn.done("rl.policy set p limit c 7 60 unit tokens bucket 3");
    let shown = conn.ask("RL.POLICY GET p");
    assert_eq!(shown.list().len(), 1);
    assert_eq!(shown.list()[0].get("name").text(), "c");
    assert_eq!(conn.ask("RL.POLICY LIST").words(), ["p"]);
}

#[test]
fn only_a_change_counts_as_one() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let changes = |conn: &mut crate::common::Conn| conn.info_number("rdb_changes_since_last_save");
    fill(&mut conn);
    let before = changes(&mut conn);
    assert!(before >= 4);
    fill(&mut conn);
    conn.done("RL.POLICY SET claude LIMIT rpm 1000 60000ms UNIT requests SLIDE LIMIT tpm 80000 60 UNIT tokens LIMIT spend 500 1mo UNIT cents WINDOW OFFSET -28800");
    conn.done("RL.POLICY DEL nobody");
    conn.done("RL.POLICY GET claude");
    assert_eq!(changes(&mut conn), before);
    conn.done("RL.POLICY SET x LIMIT x 9007199254740990 3650d");
    conn.done("RL.POLICY DEL day");
    assert_eq!(changes(&mut conn), before + 2);
}

#[test]
fn a_policy_is_forgotten_once() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    fill(&mut conn);
    assert_eq!(conn.ask("RL.POLICY DEL day"), Value::Int(1));
    assert_eq!(conn.ask("RL.POLICY DEL day"), Value::Int(0));
    assert_eq!(conn.ask("RL.POLICY GET day"), Value::Nil);
    assert_eq!(conn.ask("RL.POLICY LIST").words(), ["claude", "org:42", "x"]);
}

#[test]
fn policies_are_not_in_the_keyspace() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let before = fill(&mut conn);
    assert_eq!(conn.ask("DBSIZE").int(), 0);
    for line in ["FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "SELECT 3", "FLUSHALL ASYNC"] {
        conn.done(line);
        assert_eq!(all_policies(&mut conn), before, "{line}");
    }
}

#[test]
fn a_transaction_or_a_script_may_set_and_read() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let replies = conn.multi(&[SETS[2], "RL.POLICY GET day", "RL.POLICY DEL day", "RL.POLICY LIST"]);
    assert_eq!(replies[0], Value::Simple("OK".into()));
    assert_eq!(replies[1].list()[0].get("limit").int(), 5);
    assert_eq!(replies[2..], [Value::Int(1), Value::Array(vec![])]);
    let script =
        "redis.call('RL.POLICY', 'SET', 'p', 'LIMIT', 'a', 7, 60) return redis.call('RL.POLICY', 'GET', 'p')";
    let shown = conn.call(&["EVAL", script, "0"]);
    assert_eq!(shown.list()[0].get("limit").int(), 7);
    assert_eq!(limit(&mut conn, "p"), 7);
}

#[test]
fn help_is_in_the_servers_own_style() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let (own, theirs) = (conn.ask("RL.POLICY HELP").words(), conn.ask("FUNCTION HELP").words());
    assert_eq!(own[0], theirs[0].replace("FUNCTION", "RL.POLICY"));
    assert_eq!(own[own.len() - 2], theirs[theirs.len() - 2]);
    assert_eq!(own[own.len() - 1], theirs[theirs.len() - 1].replace("Prints", "Print"), "as since 7.2");
    for subcommand in [
        "SET <name> LIMIT",
        "OVERRIDE <name> <key>",
        "OVERRIDES <name> [KEY <key>",
        "GET <name> [AS COMMAND | FLOWS]",
        "DEL <name>",
        "LIST",
        "LOAD",
        "HELP",
    ] {
        assert!(own.iter().any(|line| line.starts_with(subcommand)), "{subcommand}");
    }
}

#[test]
fn at_maxmemory_nothing_is_set_and_the_rest_works() {
    let server = Server::start(&["maxmemory-policy noeviction"]);
    let mut conn = server.connect();
    let before = fill(&mut conn);
    conn.done("CONFIG SET maxmemory 1");
    assert!(conn.ask("RL.POLICY SET p LIMIT a 5 60").error().starts_with("OOM"));
    assert_eq!(all_policies(&mut conn), before);
    assert_eq!(conn.ask("RL.POLICY DEL x"), Value::Int(1));
}
