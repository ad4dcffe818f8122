//! The server's description of each command: COMMAND INFO, DOCS and GETKEYS.

use crate::common::{Conn, Server, Value};

struct Expected {
    name: &'static str,
    arity: i64,
    flags: &'static [&'static str],
    key: &'static [&'static str],
    arguments: &'static [&'static str],
    call: &'static str,
}

const COMMANDS: [Expected; 17] = [
    Expected {
        name: "rl.slide",
        arity: -4,
        flags: &["blocking", "denyoom", "fast", "write"],
        key: &["RW", "access", "update"],
        arguments: &["key", "limit", "window", "cost", "upto", "wait"],
        call: "RL.SLIDE the:key 5 60 COST 2 WAIT 5 PRIORITY LOW",
    },
    Expected {
        name: "rl.window",
        arity: -4,
        flags: &["blocking", "denyoom", "fast", "write"],
        key: &["RW", "access", "update"],
        arguments: &["key", "limit", "window", "offset", "cost", "upto", "wait"],
        call: "RL.WINDOW the:key 5 60 OFFSET 1 COST 2 WAIT 5 PRIORITY LOW",
    },
    Expected {
        name: "rl.bucket",
        arity: -4,
        flags: &["blocking", "denyoom", "fast", "write"],
        key: &["RW", "access", "update"],
        arguments: &["key", "capacity", "refill", "period", "cost", "upto", "wait"],
        call: "RL.BUCKET the:key 5 1 60 COST 2 WAIT 5 PRIORITY LOW",
    },
    Expected {
        name: "cl.throttle",
        arity: -5,
        flags: &["denyoom", "fast", "write"],
        key: &["RW", "access", "update"],
        arguments: &["key", "max_burst", "count_per_period", "period", "quantity"],
        call: "CL.THROTTLE the:key 15 30 60 1",
    },
    Expected {
        name: "rl.peek",
        arity: -2,
        flags: &["fast", "readonly"],
        key: &["RO", "access"],
        arguments: &["key", "cost"],
        call: "RL.PEEK the:key COST 2",
    },
    Expected {
        name: "rl.refund",
        arity: 3,
        flags: &["fast", "write"],
        key: &["RW", "access", "update"],
        arguments: &["key", "n"],
        call: "RL.REFUND the:key 2",
    },
    Expected {
        name: "rl.hold",
        arity: -3,
        flags: &["denyoom", "fast", "write"],
        key: &["RW", "access", "update"],
        arguments: &["key", "duration", "limit"],
        call: "RL.HOLD the:key 5m LIMIT a",
    },
    Expected {
        name: "rl.sync",
        arity: -4,
        flags: &["denyoom", "fast", "write"],
        key: &["RW", "access", "update"],
        arguments: &["key", "left"],
        call: "RL.SYNC the:key LIMIT a REMAINING 2",
    },
    Expected {
        name: "rl.info",
        arity: 2,
        flags: &["fast", "readonly"],
        key: &["RO", "access"],
        arguments: &["key"],
        call: "RL.INFO the:key",
    },
    Expected {
        name: "rl.top",
        arity: -1,
        flags: &["admin", "loading", "stale"],
        key: &[], // it has no keys
        arguments: &["what"],
        call: "",
    },
    Expected {
        name: "rl.apply",
        arity: -3,
        flags: &["admin", "fast", "write"],
        key: &["RW", "update"],
        arguments: &["key"],
        call: "RL.APPLY the:key x",
    },
    Expected {
        name: "rl.quota",
        arity: -4,
        flags: &["blocking", "denyoom", "fast", "write"],
        key: &["RW", "access", "update"],
        arguments: &["key", "limits", "cost", "keep", "wait", "reply"],
        call: "RL.QUOTA the:key LIMIT a 5 60 COST unit 1 RESERVE 60 ID r WAIT 5 PRIORITY LOW",
    },
    Expected {
        name: "rl.mquota",
        arity: -5,
        flags: &["blocking", "denyoom", "fast", "movablekeys", "write"],
        key: &["RW", "access", "update"],
        arguments: &["numkeys", "key", "policies", "cost", "keep", "wait", "reply"],
        call: "RL.MQUOTA 1 the:key POLICY p WAIT 5 PRIORITY LOW",
    },
    Expected {
        name: "rl.first",
        arity: -5,
        flags: &["blocking", "denyoom", "fast", "movablekeys", "write"],
        key: &["RW", "access", "update"],
        arguments: &["numkeys", "key", "policies", "cost", "keep", "wait", "reply"],
        call: "RL.FIRST 1 the:key POLICY p WAIT 5 PRIORITY LOW",
    },
    Expected {
        name: "rl.settle",
        arity: -3,
        flags: &["fast", "write"],
        key: &["RW", "access", "update"],
        arguments: &["key", "id", "cost"],
        call: "RL.SETTLE the:key r COST unit 1",
    },
    Expected {
        name: "rl.cancel",
        arity: 3,
        flags: &["fast", "write"],
        key: &["RW", "access", "update"],
        arguments: &["key", "id"],
        call: "RL.CANCEL the:key r",
    },
    Expected {
        name: "rl.renew",
        arity: 4,
        flags: &["fast", "write"],
        key: &["RW", "access", "update"],
        arguments: &["key", "id", "ttl"],
        call: "RL.RENEW the:key r 60",
    },
];

/// The only command with a number of keys as an argument.
const COUNTED: [&str; 2] = ["rl.mquota", "rl.first"];

fn info(conn: &mut Conn, name: &str) -> Vec<Value> {
    conn.ask(&format!("COMMAND INFO {name}")).list()[0].list().to_vec()
}

fn docs(conn: &mut Conn, name: &str) -> Value {
    conn.ask(&format!("COMMAND DOCS {name}")).list()[1].clone()
}

#[test]
fn arity_and_flags_are_what_the_contract_says() {
    let server = Server::start(&["rl.cl-throttle yes"]);
    let mut conn = server.connect();
    for command in COMMANDS {
        let info = info(&mut conn, command.name);
        assert!(info[0].text().eq_ignore_ascii_case(command.name));
        assert_eq!(info[1].int(), command.arity, "{}", command.name);
        let mut flags = info[2].words();
        flags.retain(|flag| flag != "module");
        flags.sort_unstable();
        assert_eq!(flags, command.flags, "{}", command.name);
        let position: Vec<i64> = info[3..6].iter().map(Value::int).collect();
        let is_first = !command.key.is_empty() && !COUNTED.contains(&command.name);
        let expected = if is_first { [1, 1, 1] } else { [0, 0, 0] };
        assert_eq!(position, expected, "{}", command.name);
    }
}

#[test]
fn each_has_its_key_or_keys_first_and_says_what_becomes_of_them() {
    let server = Server::start(&["rl.cl-throttle yes"]);
    let mut conn = server.connect();
    for command in COMMANDS.iter().filter(|command| !command.key.is_empty()) {
        let specs = info(&mut conn, command.name)[8].clone();
        assert_eq!(specs.list().len(), 1, "{}: {specs:?}", command.name);
        let mut flags = specs.list()[0].get("flags").words();
        flags.sort_unstable();
        assert_eq!(flags, command.key, "{}", command.name);
        let begin = specs.list()[0].get("begin_search");
        assert_eq!(begin.get("type").text(), "index");
        assert_eq!(begin.get("spec").get("index").int(), 1);
        let find = specs.list()[0].get("find_keys");
        if COUNTED.contains(&command.name) {
            assert_eq!(find.get("type").text(), "keynum");
            assert_eq!(find.get("spec").get("keynumidx").int(), 0);
            assert_eq!(find.get("spec").get("firstkey").int(), 1);
            continue;
        }
        assert_eq!(find.get("type").text(), "range");
        assert_eq!(find.get("spec").get("lastkey").int(), 0);
    }
}

#[test]
fn getkeys_finds_the_key() {
    let server = Server::start(&["rl.cl-throttle yes"]);
    let mut conn = server.connect();
    for command in COMMANDS.iter().filter(|command| !command.key.is_empty()) {
        assert_eq!(
            conn.ask(&format!("COMMAND GETKEYS {}", command.call)).words(),
            ["the:key"],
            "{}",
            command.name
        );
    }
    let many = "COMMAND GETKEYS RL.MQUOTA 3 org team user POLICY o t u COST unit 1 RESERVE 60 ID r";
    assert_eq!(conn.ask(many).words(), ["org", "team", "user"]);
    for none in ["0 k POLICY p", "-1 k POLICY p", "x k POLICY p", "9 k POLICY p"] {
        let reply = conn.ask(&format!("COMMAND GETKEYS RL.MQUOTA {none}"));
        assert!(reply.is_error(), "{none}: {reply:?}");
    }
}

#[test]
fn docs_tell_what_each_does_since_when_and_at_what_cost() {
    let server = Server::start(&["rl.cl-throttle yes"]);
    let mut conn = server.connect();
    for command in COMMANDS {
        let docs = docs(&mut conn, command.name);
        let summary = docs.get("summary").text();
        assert!((10..120).contains(&summary.len()), "{}: {summary}", command.name);
        assert_eq!(docs.get("since").text().split('.').count(), 3, "{}", command.name);
        assert_eq!(docs.get("group").text(), "module");
        assert!(docs.get("complexity").text().starts_with("O("), "{}", command.name);
        let arguments = docs.get("arguments");
        let names: Vec<String> =
            arguments.list().iter().map(|argument| argument.get("name").text()).collect();
        assert!(names.len() >= command.arguments.len(), "{}: {names:?}", command.name);
        for (name, expected) in names.iter().zip(command.arguments) {
            assert_eq!(name, expected, "{}: {names:?}", command.name);
        }
    }
}

#[test]
fn options_have_their_token() {
    let server = Server::start(&["rl.cl-throttle yes"]);
    let mut conn = server.connect();
    for (name, argument, token) in [
        ("rl.slide", "cost", "COST"),
        ("rl.window", "cost", "COST"),
        ("rl.window", "offset", "OFFSET"),
        ("rl.bucket", "cost", "COST"),
        ("rl.peek", "cost", "COST"),
        ("rl.quota", "cost", "COST"),
        ("rl.mquota", "cost", "COST"),
        ("rl.slide", "upto", "UPTO"),
        ("rl.window", "upto", "UPTO"),
        ("rl.bucket", "upto", "UPTO"),
        ("rl.slide", "wait", "WAIT"),
        ("rl.window", "wait", "WAIT"),
        ("rl.bucket", "wait", "WAIT"),
        ("rl.quota", "wait", "WAIT"),
        ("rl.mquota", "wait", "WAIT"),
        ("rl.settle", "cost", "COST"),
    ] {
        let docs = docs(&mut conn, name);
        let arguments = docs.get("arguments");
        let told = arguments.list().iter().find(|told| told.get("name").text() == argument).unwrap();
        assert_eq!(told.get("token").text(), token, "{name} {argument}");
        assert!(told.get("flags").words().contains(&"optional".to_owned()), "{name} {argument}");
    }
}

#[test]
fn the_module_is_listed_under_its_name() {
    let server = Server::start(&["rl.cl-throttle yes"]);
    let mut conn = server.connect();
    let modules = conn.ask("MODULE LIST");
    let module =
        modules.list().iter().find(|module| module.get("name").text() == "rl").expect("rl is loaded");
    assert!(module.get("ver").int() > 0);
    let mut commands = conn.ask("COMMAND LIST FILTERBY MODULE rl").words();
    commands.iter_mut().for_each(|name| name.make_ascii_lowercase());
    commands.sort_unstable();
    let mut expected: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    expected.push("rl.policy"); // policies/info.rs checks its texts
    expected.extend(["rl.policy|del", "rl.policy|get", "rl.policy|help", "rl.policy|list"]);
    expected.extend(["rl.policy|load", "rl.policy|override", "rl.policy|overrides", "rl.policy|set"]);
    expected.sort_unstable();
    assert_eq!(commands, expected);
}

#[test]
fn policies_are_changed_on_all_shards() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for (name, expected) in [
        ("set", &["request_policy:all_shards", "response_policy:all_succeeded"][..]),
        ("override", &["request_policy:all_shards", "response_policy:all_succeeded"]),
        ("del", &["request_policy:all_shards", "response_policy:all_succeeded"]),
        ("load", &["request_policy:all_shards", "response_policy:all_succeeded"]),
        ("get", &[]),
        ("overrides", &[]),
        ("list", &[]),
    ] {
        assert_eq!(info(&mut conn, &format!("RL.POLICY|{name}"))[7].words(), expected, "{name}");
    }
}

#[test]
fn what_changes_with_time_alone_is_not_to_be_kept() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for (name, expected) in [
        ("RL.PEEK", &["nondeterministic_output"][..]),
        ("RL.INFO", &["nondeterministic_output"]),
        ("RL.TOP", &["nondeterministic_output"]),
        ("RL.SLIDE", &[]),
    ] {
        let info = conn.ask(&format!("COMMAND INFO {name}"));
        assert_eq!(info.list()[0].list()[7].words(), expected, "{name}");
    }
}
