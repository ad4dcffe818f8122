//! Permissions to read and to change policies.

use crate::common::{Conn, Server, not_tested};

/// For operators. The last one changes nothing, but tells the names of keys.
const FOR_OPERATORS: [&str; 5] = [
    "RL.POLICY SET p LIMIT a 5 60",
    "RL.POLICY OVERRIDE p k LIMIT a 5 60",
    "RL.POLICY DEL p",
    "RL.POLICY LOAD",
    "RL.POLICY OVERRIDES p",
];
const READS: [&str; 3] = ["RL.POLICY GET p", "RL.POLICY LIST", "RL.POLICY HELP"];

#[track_caller]
fn may(server: &Server, rules: &str, lines: &[&str], expected: bool) {
    server.connect().done(&format!("ACL SETUSER u reset on nopass {rules}"));
    let mut conn = server.connect();
    conn.done("AUTH u x");
    for line in lines {
        let reply = conn.ask(line);
        let forbidden = reply.is_error() && reply.error().starts_with("NOPERM");
        assert_eq!(!forbidden, expected, "{rules}: {line}: {reply:?}");
    }
}

#[test]
fn a_user_may_be_given_single_subcommands() {
    let server = Server::start(&[]);
    may(&server, "+rl.policy", &FOR_OPERATORS, true);
    may(&server, "+rl.policy", &READS, true);
    may(&server, "+rl.policy|get +rl.policy|list", &READS[..2], true);
    may(&server, "+rl.policy|get +rl.policy|list", &FOR_OPERATORS, false);
    let without =
        "+rl.policy -rl.policy|set -rl.policy|override -rl.policy|overrides -rl.policy|del -rl.policy|load";
    may(&server, without, &READS, true);
    may(&server, without, &FOR_OPERATORS, false);
    may(&server, "+@all -rl.policy", &READS, false);
    may(&server, "+@all -rl.policy", &FOR_OPERATORS, false);
}

/// Returns whether the server puts a module's commands in categories. Redis 7.0 does not.
fn has_categories(conn: &mut Conn) -> bool {
    conn.is_at_least(7, 2)
}

#[test]
fn changing_is_for_operators() {
    let server = Server::start(&[]);
    if !has_categories(&mut server.connect()) {
        return not_tested(
            "ACL categories of RL.POLICY",
            "this server puts no command of a module in categories",
        );
    }
    for rules in ["+@all -@dangerous", "+@all -@admin", "-@all +@read"] {
        may(&server, rules, &FOR_OPERATORS, false);
        may(&server, rules, &READS, true);
    }
    may(&server, "+@all -@write", &FOR_OPERATORS[..4], false);
    may(&server, "-@all +@admin", &FOR_OPERATORS, true);
    may(&server, "-@all +@admin", &READS, false);
    if server.connect().ask("ACL CAT").words().contains(&"ratelimit".to_owned()) {
        may(&server, "-@all +@ratelimit", &FOR_OPERATORS, false);
        may(&server, "-@all +@ratelimit", &READS, true);
    }
}
