//! The server's description of `RL.POLICY`, and the fields of `INFO` about policies.

use super::fill;
use crate::common::{Conn, Server, Value};

/// Name, arity, and flags other than `module`.
const SUBCOMMANDS: [(&str, i64, &[&str]); 8] = [
    ("set", -7, &["denyoom", "write"]),
    ("override", -5, &["denyoom", "write"]),
    ("overrides", -3, &["admin", "readonly"]),
    ("get", -3, &["fast", "readonly"]),
    ("load", 2, &["denyoom", "write"]),
    ("del", 3, &["write"]),
    ("list", 2, &["readonly"]),
    ("help", 2, &["fast", "loading", "readonly", "stale"]),
];

fn about(conn: &mut Conn, name: &str) -> Vec<Value> {
    conn.ask(&format!("COMMAND INFO {name}")).list()[0].list().to_vec()
}

#[test]
fn each_subcommand_is_one_to_the_server() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let container = about(&mut conn, "rl.policy");
    assert_eq!(container[1].int(), -2);
    assert_eq!(container[9].list().len(), SUBCOMMANDS.len());
    for (name, arity, expected) in SUBCOMMANDS {
        let about = about(&mut conn, &format!("rl.policy|{name}"));
        assert!(about[0].text().eq_ignore_ascii_case(&format!("rl.policy|{name}")));
        assert_eq!(about[1].int(), arity, "{name}");
        let mut flags = about[2].words();
        flags.retain(|flag| flag != "module");
        flags.sort_unstable();
        assert_eq!(flags, expected, "{name}");
        let keys: Vec<i64> = about[3..6].iter().map(Value::int).collect();
        assert_eq!(keys, [0, 0, 0], "{name} has no keys");
        assert_eq!(about[8].list(), [], "{name} has no keys");
    }
}

#[test]
fn docs_tell_of_each_subcommand() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let docs = conn.ask("COMMAND DOCS rl.policy").list()[1].clone();
    assert_eq!(docs.get("complexity").text(), "Depends on subcommand.");
    let subcommands = docs.get("subcommands");
    for (name, ..) in SUBCOMMANDS {
        let docs = conn.ask(&format!("COMMAND DOCS rl.policy|{name}")).list()[1].clone();
        assert!(
            subcommands.names().iter().any(|shown| shown.eq_ignore_ascii_case(&format!("rl.policy|{name}")))
        );
        assert!((10..120).contains(&docs.get("summary").text().len()), "{name}");
        assert_eq!(docs.get("since").text(), "0.1.0");
        assert!(docs.get("complexity").text().starts_with("O("), "{name}");
        let arguments = docs.find("arguments").map_or(vec![], |arguments| arguments.list().to_vec());
        let names: Vec<String> = arguments.iter().map(|argument| argument.get("name").text()).collect();
        let expected: &[&str] = match name {
            "set" => &["name", "limit", "flow"],
            "override" => &["name", "key", "limits"],
            "overrides" => &["name", "of-key"],
            "get" => &["name", "form"],
            "del" => &["name"],
            _ => &[],
        };
        assert_eq!(names, expected, "{name}");
    }
}

/// Returns the lines of a section of INFO.
fn section(conn: &mut Conn, name: &str) -> Vec<String> {
    let lines: Vec<String> = conn.ask(&format!("INFO {name}")).text().lines().map(str::to_owned).collect();
    lines.into_iter().filter(|line| !line.is_empty()).collect()
}

#[test]
fn info_lists_them_once_in_a_section_of_their_own() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    assert_eq!(
        section(&mut conn, "rl_policies"),
        ["# rl_policies", "rl_policies:0", "rl_overrides:0", "rl_overrides_bytes:0"]
    );
    fill(&mut conn);
    let expected = [
        "# rl_policies",
        "rl_policies:4",
        "rl_overrides:0",
        "rl_overrides_bytes:0",
        "rl_policy_0:name=claude,limits=3",
        "rl_policy_1:name=day,limits=1",
        "rl_policy_2:name=org:42,limits=2",
        "rl_policy_3:name=x,limits=1",
    ];
    assert_eq!(section(&mut conn, "rl_policies"), expected);
    for all in ["rl", "everything", "modules"] {
        let lines = section(&mut conn, all);
        let begin = lines.iter().position(|line| line == "# rl_policies").expect(all);
        assert_eq!(lines[begin..begin + expected.len()], expected, "{all}");
        assert_eq!(lines.iter().filter(|line| line.starts_with("rl_policies:")).count(), 1, "{all}");
        assert_eq!(lines.iter().filter(|line| line.starts_with("rl_slide_admitted:")).count(), 1, "{all}");
    }
}

#[test]
fn calls_and_errors_are_counted() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for line in ["SET p LIMIT a 5 60", "GET p", "LIST", "HELP", "DEL p", "SET p LIMIT a -1 60"] {
        conn.ask(&format!("RL.POLICY {line}"));
    }
    assert_eq!(conn.info_number("rl_policy_calls"), 6);
    assert_eq!(conn.info_number("rl_policy_errors"), 1);
}
