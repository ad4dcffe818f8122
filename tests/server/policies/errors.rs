//! The errors of `RL.POLICY`, with their exact texts. An error changes nothing.

use super::{all_policies, fill};
use crate::common::{Server, Value};

#[test]
fn each_error_says_what_is_wanted_and_changes_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let before = fill(&mut conn);
    let seventeen = (1..=17).map(|n| format!(" LIMIT l{n} 5 60")).collect::<String>();
    let long = "x".repeat(65);
    for (line, error) in [
        ("SET p! LIMIT a 5 60", "ERR policy name must be"),
        (&format!("SET {long} LIMIT a 5 60"), "ERR policy name must be"),
        ("SET claude LIMIT a! 5 60", "ERR limit name must be"),
        ("SET claude LIMIT a -1 60", "ERR limit must be an integer"),
        ("SET claude LIMIT a 5 0", "ERR window must be a duration"),
        ("SET claude LIMIT a 5 1mo", "ERR window must be a duration"),
        ("SET claude LIMIT a 5 2mo WINDOW", "ERR window must be a duration"),
        ("SET claude LIMIT a 5 60 WINDOW OFFSET x", "ERR offset must be"),
        ("SET claude LIMIT a 5 60 BUCKET -1", "ERR capacity must be"),
        ("SET claude LIMIT a 5 60 UNIT t!", "ERR unit must be"),
        ("SET claude LIMIT a 5 60 LIMIT a 6 60", "ERR each limit of a quota"),
        (&format!("SET claude{seventeen}"), "ERR a quota must have 1 to 16 limits"),
        ("SET claude LIMIT a 5 60 COST 1", "ERR syntax error, expected RL.POLICY SET"),
        ("SET claude LIMIT a 5 60 SLIDE WINDOW", "ERR syntax error, expected RL.POLICY SET"),
        ("SET claude LIMIT a 5 60 LIMIT b 6", "ERR syntax error, expected RL.POLICY SET"),
        ("SET claude a 5 60 LIMIT b", "ERR syntax error, expected RL.POLICY SET"),
        ("SET claude LIMIT a 5", "ERR wrong number of arguments"),
        ("SET claude", "ERR wrong number of arguments"),
        ("GET", "ERR wrong number of arguments"),
        ("GET claude day", "ERR syntax error, expected RL.POLICY GET name [AS COMMAND | FLOWS]"),
        ("GET claude AS", "ERR syntax error, expected RL.POLICY GET"),
        ("GET claude AS JSON", "ERR syntax error, expected RL.POLICY GET"),
        ("GET claude AS COMMAND x", "ERR wrong number of arguments"),
        ("OVERRIDES claude k", "ERR syntax error, expected RL.POLICY OVERRIDES name [KEY key [AS COMMAND]]"),
        ("OVERRIDES claude KEY k AS", "ERR syntax error, expected RL.POLICY OVERRIDES"),
        ("OVERRIDES claude KEY k AS COMMAND x", "ERR wrong number of arguments"),
        ("LOAD x", "ERR wrong number of arguments"),
        ("LOAD", "ERR the module was loaded without a file of policies, see the load argument policies"),
        ("DEL", "ERR wrong number of arguments"),
        ("DEL claude day", "ERR wrong number of arguments"),
        ("LIST all", "ERR wrong number of arguments"),
        ("HELP me", "ERR wrong number of arguments"),
        ("", "ERR wrong number of arguments"),
        ("PUT claude", "ERR unknown subcommand 'PUT'. Try RL.POLICY HELP."),
    ] {
        let reply = conn.ask(&format!("RL.POLICY {line}"));
        assert!(reply.error().starts_with(error), "{line}: {reply:?}");
        assert_eq!(all_policies(&mut conn), before, "{line}");
    }
}

#[test]
fn a_name_that_cannot_be_one_is_just_not_there() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for name in ["", "a b", "\0", "\r\n", "\u{100}", &"x".repeat(1_000)] {
        assert_eq!(conn.call(&["RL.POLICY", "GET", name]), Value::Nil, "{name:?}");
        assert_eq!(conn.call(&["RL.POLICY", "DEL", name]), Value::Int(0), "{name:?}");
    }
}

#[test]
fn a_server_keeps_so_many_and_no_more() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for n in 0..10_000 {
        conn.send(&["RL.POLICY", "SET", &format!("p{n}"), "LIMIT", "a", "5", "60"]);
    }
    for _ in 0..10_000 {
        assert_eq!(conn.receive(), Value::Simple("OK".into()));
    }
    assert_eq!(conn.ask("RL.POLICY SET more LIMIT a 5 60").error(), "ERR a server may keep 10000 policies");
    conn.done("RL.POLICY SET p17 LIMIT a 6 60");
    conn.done("RL.POLICY DEL p17");
    conn.done("RL.POLICY SET more LIMIT a 5 60");
    assert_eq!(conn.ask("RL.POLICY LIST").list().len(), 10_000);
    conn.done("DEBUG RELOAD");
    assert_eq!(conn.ask("RL.POLICY LIST").list().len(), 10_000);
}

#[test]
fn the_longest_window_holds_for_what_is_set_and_not_for_what_was() {
    let mut server = Server::start(&["appendonly yes", "appendfsync always"]);
    let mut conn = server.connect();
    let before = fill(&mut conn);
    conn.done("CONFIG SET rl.max-window 1h");
    for line in [
        "RL.POLICY SET p LIMIT a 5 1d",
        "RL.POLICY SET p LIMIT a 5 60 LIMIT b 5 1mo WINDOW",
        "RL.POLICY SET p LIMIT a 5 2h BUCKET 5",
    ] {
        assert!(
            conn.ask(line).error().starts_with("ERR window or period is longer than rl.max-window"),
            "{line}"
        );
    }
    assert_eq!(all_policies(&mut conn), before);
    conn.done("RL.POLICY SET p LIMIT a 5 1h LIMIT b 5 INFLIGHT");
    conn.done("RL.POLICY DEL p");
    server.crash_and_restart_with("rl.max-window 1h");
    assert_eq!(all_policies(&mut server.connect()), before);
}
