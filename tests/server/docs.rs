//! docs/commands.md, COMMAND DOCS and the errors show the same syntax for each command.
//!
//! docs/commands.md also names each field of INFO rl.
//!
//! A placeholder for a value is compared as `_`, because each of the three has its own names for values.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rl_core::fault::Fault;
use rl_core::limit::Kind;

use crate::common::{Conn, Server, Value};

/// Each command, and a call whose error shows the syntax, if there is one.
const COMMANDS: [(&str, &str); 26] = [
    ("RL.SLIDE", "RL.SLIDE k 5 60 no"),
    ("RL.WINDOW", "RL.WINDOW k 5 60 no"),
    ("RL.BUCKET", "RL.BUCKET k 5 5 60 no"),
    ("CL.THROTTLE", ""),
    ("RL.PEEK", "RL.PEEK k no"),
    ("RL.REFUND", ""),
    ("RL.HOLD", "RL.HOLD k 5 no"),
    ("RL.SYNC", ""), // in one line, too
    ("RL.INFO", ""),
    ("RL.TOP", "RL.TOP no"),
    ("RL.APPLY", ""),
    ("RL.QUOTA", ""), // in one line, which is another way to write it
    ("RL.MQUOTA", "RL.MQUOTA 1 k no p"),
    ("RL.FIRST", "RL.FIRST 1 k no p"),
    ("RL.SETTLE", "RL.SETTLE k r no"),
    ("RL.CANCEL", ""),
    ("RL.RENEW", ""),
    ("RL.POLICY SET", ""),      // as in RL.QUOTA
    ("RL.POLICY OVERRIDE", ""), // in one line, too
    ("RL.POLICY OVERRIDES", "RL.POLICY OVERRIDES p no"),
    ("RL.POLICY GET", "RL.POLICY GET p no"),
    ("RL.POLICY DEL", ""),
    ("RL.POLICY LIST", ""),
    ("RL.POLICY LOAD", ""),
    ("RL.POLICY HELP", ""),
    ("LIMIT", ""), // the part that RL.QUOTA and RL.POLICY SET share
];

fn commands_md() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md")).unwrap()
}

/// Returns the lines of docs/commands.md about a command, such as `RL.PEEK key [COST n] [COST unit n ...]`.
fn shown(name: &str) -> BTreeSet<String> {
    let text = commands_md();
    let blocks = text.split("\n```\n").filter(|block| block.starts_with("RL.") || block.starts_with("CL."));
    let words = |line: &str| {
        let line = line.trim_start_matches("LIMIT  :=").trim_start_matches([' ', '|']);
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    blocks
        .flat_map(str::lines)
        .map(words)
        .filter(|line| line == name || line.starts_with(&format!("{name} ")))
        .collect()
}

/// Replaces each word that is not a keyword with `_`.
fn plain(line: &str) -> String {
    let word = |word: &str| {
        let value = word.trim_matches(['[', ']']);
        let is_value = value.starts_with(|first: char| first.is_ascii_lowercase());
        if is_value { word.replace(value, "_") } else { word.to_owned() }
    };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Returns the ways to write an argument, from COMMAND DOCS: one for each alternative of a required choice.
fn ways(argument: &Value) -> Vec<String> {
    let has =
        |flag: &str| argument.find("flags").is_some_and(|flags| flags.words().contains(&flag.to_owned()));
    let token = argument.find("token").map(|token| token.text());
    let parts = || argument.get("arguments").list().to_vec();
    let kind = argument.get("type").text();
    let mut ways = match kind.as_str() {
        "pure-token" => vec![String::new()],
        "block" => sequences(&parts()),
        "oneof" => parts().iter().flat_map(ways).collect(),
        _ => vec![argument.get("name").text()],
    };
    for way in &mut ways {
        let several = has("multiple") && (kind != "oneof" || way.contains(' ')); // a single value is for one unit
        let words = token.iter().chain([&*way].into_iter().filter(|way| !way.is_empty()));
        *way = words.map(String::as_str).chain(several.then_some("...")).collect::<Vec<_>>().join(" ");
    }
    let is_limit_clause = || parts().iter().any(|part| part.get("name").text() == "limit");
    if token.as_deref() == Some("LIMIT") && is_limit_clause() {
        return vec!["LIMIT ...".to_owned()]; // LIMIT has lines of its own
    }
    match (has("optional"), token) {
        (false, _) => ways,
        // A keyword with several meanings is shown once for each of them.
        (true, Some(_)) => vec![ways.iter().map(|way| format!("[{way}]")).collect::<Vec<_>>().join(" ")],
        (true, None) => vec![format!("[{}]", ways.join(" | "))],
    }
}

/// Returns the ways to write a sequence of arguments.
fn sequences(arguments: &[Value]) -> Vec<String> {
    arguments.iter().fold(vec![String::new()], |before, argument| {
        let ways = ways(argument);
        let follow = |before: &String| {
            ways.iter().map(|way| format!("{before} {way}").trim_start().to_owned()).collect::<Vec<_>>()
        };
        before.iter().flat_map(follow).collect()
    })
}

/// Returns a command's arguments from COMMAND DOCS.
fn arguments(conn: &mut Conn, name: &str) -> Vec<Value> {
    let docs = conn.ask(&format!("COMMAND DOCS {}", name.replace(' ', "|"))).list()[1].clone();
    docs.find("arguments").map_or(vec![], |arguments| arguments.list().to_vec())
}

/// Returns the arguments of a limit.
fn of_a_limit(conn: &mut Conn) -> Vec<Value> {
    let set = arguments(conn, "RL.POLICY SET");
    let limit = set.iter().find(|argument| argument.get("name").text() == "limit").unwrap();
    limit.get("arguments").list().to_vec()
}

#[test]
fn each_command_is_written_as_it_is_documented() {
    let server = Server::start(&["rl.cl-throttle yes"]);
    let mut conn = server.connect();
    for (name, call) in COMMANDS {
        let shown = shown(name);
        let arguments = if name == "LIMIT" { of_a_limit(&mut conn) } else { arguments(&mut conn, name) };
        let described: BTreeSet<String> =
            sequences(&arguments).iter().map(|way| plain(format!("{name} {way}").trim_end())).collect();
        let expected: BTreeSet<String> = shown.iter().map(|line| plain(line)).collect();
        assert_eq!(described, expected, "{name}");
        if !call.is_empty() {
            let error = conn.ask(call).error().to_owned();
            let line = shown.first().unwrap();
            assert!(error.starts_with(&format!("ERR syntax error, expected {line}")), "{error}");
        }
    }
}

#[test]
fn no_command_is_without_documentation() {
    let server = Server::start(&["rl.cl-throttle yes"]);
    let mut conn = server.connect();
    for name in conn.ask("COMMAND LIST FILTERBY MODULE rl").words() {
        let name = name.to_ascii_uppercase().replace('|', " ");
        let is_listed = COMMANDS.iter().any(|(known, _)| *known == name);
        assert!(is_listed || name == "RL.POLICY", "{name}"); // which has subcommands only
    }
}

#[test]
fn a_limit_clause_may_have_each_algorithm() {
    let limit = shown("LIMIT").into_iter().collect::<String>();
    for algorithm in Kind::ALL {
        let keyword = algorithm.name().to_ascii_uppercase();
        let is_in = |text: &str| text.split([' ', '[', ']', '|']).any(|word| word == keyword);
        assert!(is_in(&limit), "{keyword} in docs/commands.md");
        for fault in [Fault::QuotaSyntax, Fault::PolicySyntax, Fault::OverrideSyntax] {
            assert!(is_in(fault.text().to_str().unwrap()), "{keyword} in {fault:?}");
        }
    }
}

#[test]
fn each_field_of_info_is_documented_and_the_other_way_round() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 5 60");
    let text = commands_md();
    let section = text.split("\n## ").find(|section| section.starts_with("INFO rl\n")).unwrap();
    let quoted = |line: &str| line.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut documented = BTreeSet::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let columns: Vec<&str> = line.split(" | ").collect();
        let commands = quoted(columns[1]);
        for field in quoted(columns[0]) {
            let of = |command: &String| field.replace("<command>", command).replace("<n>", "0");
            let one = [String::new()];
            let each = if field.contains("<command>") { &commands[..] } else { &one[..] };
            documented.extend(each.iter().map(of));
        }
    }
    let info = conn.ask("INFO rl").text();
    let described = info.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect();
    assert_eq!(documented, described);
}
