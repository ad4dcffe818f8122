//! Access control: by command, by category, and by key, with separate permissions to read and to write.

use std::fs;
use std::path::Path;

use crate::common::{Conn, Server, not_tested};

/// Commands that change quotas, also by what is known from outside.
const TAKES_OR_GIVES: [&str; 8] = [
    "RL.QUOTA q LIMIT a 5 60",
    "RL.MQUOTA 1 q POLICY p",
    "RL.FIRST 1 q POLICY p",
    "RL.SETTLE q r",
    "RL.CANCEL q r",
    "RL.RENEW q r 60",
    "RL.HOLD q 5",
    "RL.SYNC q LIMIT a REMAINING 5",
];

/// Returns whether the reply says that this user may not run the command.
fn forbidden(conn: &mut Conn, line: &str) -> bool {
    let reply = conn.ask(line);
    reply.is_error() && reply.error().starts_with("NOPERM")
}

fn login(server: &Server, rules: &str) -> Conn {
    server.connect().done(&format!("ACL SETUSER u reset on nopass {rules}"));
    let mut conn = server.connect();
    conn.done("AUTH u x");
    conn
}

/// Commands that the user `limiter` of redis.conf may not run: they are for operators and servers.
const NOT_FOR_CALLERS: [&str; 8] = [
    "rl.apply",
    "rl.policy",
    "rl.policy|del",
    "rl.policy|load",
    "rl.policy|override",
    "rl.policy|overrides",
    "rl.policy|set",
    "rl.top",
];

#[test]
fn redis_conf_permits_the_commands_of_callers() {
    let file = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("redis.conf")).unwrap();
    let user = file.lines().find(|line| line.starts_with("user limiter ")).unwrap();
    let server = Server::start(&[]);
    for command in server.connect().ask("COMMAND LIST FILTERBY MODULE rl").words() {
        let command = command.to_ascii_lowercase();
        let is_permitted = user.split(' ').any(|word| word == format!("+{command}"));
        assert_eq!(is_permitted, !NOT_FOR_CALLERS.contains(&&*command), "{command}");
    }
}

#[test]
fn a_user_may_be_given_single_commands() {
    let server = Server::start(&[]);
    let mut conn = login(&server, "~* +rl.slide +rl.peek");
    conn.done("RL.SLIDE k 5 60");
    conn.done("RL.PEEK k");
    for line in ["RL.WINDOW k 5 60", "RL.BUCKET k 5 1", "RL.REFUND k 1", "RL.INFO k", "RL.APPLY k x"]
        .iter()
        .chain(&TAKES_OR_GIVES)
    {
        assert!(forbidden(&mut conn, line), "{line}");
    }
}

#[test]
fn keys_have_separate_limits() {
    let server = Server::start(&[]);
    let mut conn = login(&server, "~mine:* +@all");
    for line in [
        "RL.SLIDE ? 5 60",
        "RL.WINDOW ? 5 60",
        "RL.BUCKET ? 5 1",
        "RL.PEEK ?",
        "RL.REFUND ? 1",
        "RL.INFO ?",
        "RL.APPLY ? x",
        "RL.QUOTA ? LIMIT a 5 60 RESERVE 60 ID r",
        "RL.SETTLE ? r COST requests 1",
        "RL.CANCEL ? r",
        "RL.RENEW ? r 60",
        "RL.HOLD ? 0",
        "RL.SYNC ? LIMIT a REMAINING 5",
        "RL.MQUOTA 1 ? POLICY p",
        "RL.MQUOTA 2 mine:other ? POLICY p p",
        "RL.MQUOTA 2 ? mine:other POLICY p p",
    ] {
        let theirs = line.replace('?', "theirs:1");
        assert!(forbidden(&mut conn, &theirs), "{theirs}");
        let mine = line.replace('?', &format!("mine:{}", line.len()));
        assert!(!forbidden(&mut conn, &mine), "{mine}");
    }
}

#[test]
fn a_user_with_read_access_may_peek_and_not_charge() {
    let server = Server::start(&[]);
    server.connect().done("RL.SLIDE k 5 60");
    server.connect().done("RL.QUOTA q LIMIT a 5 60");
    let mut conn = login(&server, "%R~* +@all");
    for line in ["RL.PEEK k", "RL.INFO k", "RL.PEEK q", "RL.INFO q"] {
        conn.done(line);
    }
    for line in ["RL.SLIDE k 5 60", "RL.REFUND k 1", "RL.APPLY k x"].iter().chain(&TAKES_OR_GIVES) {
        assert!(forbidden(&mut conn, line), "{line}");
    }
}

/// Returns whether modules can name the categories of their commands. Redis 7.0 puts a module's commands in
/// no category, so they must be denied to users by name.
fn modules_have_categories(conn: &mut Conn) -> bool {
    conn.is_at_least(7, 2)
}

#[test]
fn effects_are_dangerous_and_limits_are_not() {
    let server = Server::start(&[]);
    let effect = ["RL.APPLY", "k", "slide 2524608000000 1 5 60000"];
    for rules in ["~* +@all -@admin", "~* +@all -@admin -@dangerous", "~* +@all -@dangerous"] {
        let mut conn = login(&server, rules);
        assert!(conn.call(&effect).error().starts_with("NOPERM"), "{rules}");
        let script = "return redis.call('RL.APPLY', KEYS[1], 'slide 2524608000000 1 5 60000')";
        assert!(conn.call(&["EVAL", script, "1", "k"]).is_error(), "{rules}");
        assert_eq!(conn.ask("DBSIZE").int(), 0);
    }
    let mut conn = login(&server, "~* +@all -@dangerous");
    for line in
        ["RL.SLIDE s 5 60", "RL.WINDOW w 5 60", "RL.BUCKET b 5 1", "RL.PEEK s", "RL.REFUND s 1", "RL.INFO s"]
    {
        conn.done(line);
    }
    for line in TAKES_OR_GIVES {
        assert!(!forbidden(&mut conn, line), "{line}");
    }
}

#[test]
fn a_user_who_moves_data_may_be_given_effects() {
    let server = Server::start(&[]);
    let mut admin = server.connect();
    let effect = "slide 2524608000000 1 5 60000";
    if modules_have_categories(&mut admin) {
        let mut conn = login(&server, "~* +@all -@dangerous +rl.apply");
        conn.apply("k", effect);
        return;
    }
    let mut conn = login(&server, "~* +rl.apply +replicaof");
    conn.apply("k", effect);
    let mut conn = login(&server, "~* +rl.apply");
    let refused = conn.call(&["RL.APPLY", "k", effect]);
    assert!(refused.error().starts_with("NOPERM RL.APPLY needs the right"), "{refused:?}");
    admin.done("CONFIG SET rl.apply-from-clients yes");
    conn.apply("k", effect);
    admin.done("CONFIG SET rl.apply-from-clients auto");
    assert!(conn.call(&["RL.APPLY", "k", effect]).is_error());
    assert!(admin.ask("CONFIG SET rl.apply-from-clients no").is_error());
}

#[test]
fn reading_and_writing_are_the_servers_own_categories() {
    let server = Server::start(&[]);
    if !modules_have_categories(&mut server.connect()) {
        return not_tested(
            "ACL categories of commands",
            "this server puts no command of a module in categories",
        );
    }
    let mut conn = login(&server, "~* +@all -@write");
    assert!(!forbidden(&mut conn, "RL.PEEK k") && !forbidden(&mut conn, "RL.INFO k"));
    for line in ["RL.SLIDE k 5 60", "RL.WINDOW k 5 60", "RL.BUCKET k 5 1", "RL.REFUND k 1"]
        .iter()
        .chain(&TAKES_OR_GIVES)
    {
        assert!(forbidden(&mut conn, line), "{line}");
    }
    let mut conn = login(&server, "~* -@all +@read");
    conn.ask("RL.PEEK k");
    assert!(!forbidden(&mut conn, "RL.PEEK k") && forbidden(&mut conn, "RL.SLIDE k 5 60"));
}

#[test]
fn the_category_ratelimit_holds_all_that_a_client_needs() {
    let server = Server::start(&["rl.cl-throttle yes"]);
    let mut conn = server.connect();
    let known = conn.ask("ACL CAT").words().contains(&"ratelimit".to_owned());
    let expected =
        if conn.info("valkey_version").is_some() { conn.is_at_least(8, 0) } else { conn.is_at_least(7, 4) };
    assert_eq!(known, expected, "a category of its own where the server knows such");
    if !known {
        return not_tested(
            "the ACL category @ratelimit",
            "modules of this server have no categories of their own",
        );
    }
    let mut commands = conn.ask("ACL CAT ratelimit").words();
    commands.iter_mut().for_each(|name| name.make_ascii_lowercase());
    commands.sort_unstable();
    // Valkey 8.0 knows the categories of a module's commands, but does not list them.
    if !commands.is_empty() {
        let of_clients = [
            "cl.throttle",
            "rl.bucket",
            "rl.cancel",
            "rl.first",
            "rl.hold",
            "rl.info",
            "rl.mquota",
            "rl.peek",
            "rl.policy|get",
            "rl.policy|help",
            "rl.policy|list",
            "rl.quota",
            "rl.refund",
            "rl.renew",
            "rl.settle",
            "rl.slide",
            "rl.sync",
            "rl.window",
        ];
        assert_eq!(commands, of_clients);
    }
    let mut conn = login(&server, "~* +@ratelimit");
    conn.done("RL.SLIDE k 5 60");
    conn.done("RL.PEEK k");
    conn.done("CL.THROTTLE c 4 1 60");
    for line in ["GET k", "RL.APPLY k x"] {
        assert!(forbidden(&mut conn, line), "{line}");
    }
}
