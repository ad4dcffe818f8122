//! Permissions to read and to change policies.

use crate::common::{Conn, Server};

const CHANGES: [&str; 3] = ["RL.POLICY SET p LIMIT a 5 60", "RL.POLICY DEL p", "RL.POLICY LOAD"];
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
    may(&server, "+rl.policy", &CHANGES, true);
    may(&server, "+rl.policy", &READS, true);
    may(&server, "+rl.policy|get +rl.policy|list", &READS[..2], true);
    may(&server, "+rl.policy|get +rl.policy|list", &CHANGES, false);
    may(&server, "+rl.policy -rl.policy|set -rl.policy|del -rl.policy|load", &READS, true);
    may(&server, "+rl.policy -rl.policy|set -rl.policy|del -rl.policy|load", &CHANGES, false);
    may(&server, "+@all -rl.policy", &READS, false);
    may(&server, "+@all -rl.policy", &CHANGES, false);
}

/// Returns whether the server puts a module's commands in categories. Redis 7.0 does not.
fn has_categories(conn: &mut Conn) -> bool {
    conn.is_at_least(7, 2)
}

#[test]
fn changing_is_for_operators() {
    let server = Server::start(&[]);
    if !has_categories(&mut server.connect()) {
        return;
    }
    for rules in ["+@all -@dangerous", "+@all -@admin", "+@all -@write", "-@all +@read"] {
        may(&server, rules, &CHANGES, false);
        may(&server, rules, &READS, true);
    }
    may(&server, "-@all +@admin", &CHANGES, true);
    may(&server, "-@all +@admin", &READS, false);
    if server.connect().ask("ACL CAT").words().contains(&"ratelimit".to_owned()) {
        may(&server, "-@all +@ratelimit", &CHANGES, false);
        may(&server, "-@all +@ratelimit", &READS, true);
    }
}
