//! `rl.max-window`: set by CONFIG, in redis.conf or by load argument, and refused where the value makes no
//! sense.

use crate::common::{Conn, Server};

#[track_caller]
fn longest_is_a_day(conn: &mut Conn) {
    for line in ["RL.SLIDE k 5 1d", "RL.WINDOW w 5 24h", "RL.BUCKET b 5 1 86400"] {
        conn.done(line);
    }
    for line in ["RL.SLIDE k 5 86400001ms", "RL.WINDOW w 5 25h", "RL.BUCKET b 5 1 2d"] {
        assert!(
            conn.ask(line).error().starts_with("ERR window or period is longer than rl.max-window"),
            "{line}"
        );
    }
}

#[test]
fn the_longest_window_is_ten_years_unless_said() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    assert_eq!(conn.info_config("rl.max-window"), "3650d");
    conn.done("RL.SLIDE k 5 3650d");
}

#[test]
fn it_can_be_changed_while_the_server_runs() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE before 5 2d COST 3");
    conn.done("CONFIG SET rl.max-window 1d");
    assert_eq!(conn.info_config("rl.max-window"), "1d");
    longest_is_a_day(&mut conn);
    assert_eq!(conn.ask("RL.PEEK before").five()[..3], [1, 5, 2], "what was admitted stays");
    conn.done("CONFIG SET rl.max-window 3650d");
    conn.done("RL.SLIDE k 5 2d");
}

#[test]
fn it_can_be_given_when_the_module_is_loaded() {
    let server = Server::start_with_arguments("max-window 1d").unwrap_or_else(|log| panic!("{log}"));
    longest_is_a_day(&mut server.connect());
}

#[test]
fn it_can_be_given_in_the_servers_file() {
    let server = Server::start(&["rl.max-window 1d"]);
    let mut conn = server.connect();
    assert_eq!(conn.info_config("rl.max-window"), "1d");
    longest_is_a_day(&mut conn);
}

#[test]
fn a_value_that_is_no_duration_is_refused_and_changes_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let long = "9".repeat(10_000);
    for value in ["", "x", "0", "-1", "3651d", "1mo", "1d\0", "\u{100}", "\r\n", &long] {
        assert!(conn.call(&["CONFIG", "SET", "rl.max-window", value]).is_error(), "{value:?}");
        assert_eq!(conn.info_config("rl.max-window"), "3650d");
    }
    server.assert_alive();
}

#[test]
fn a_load_with_arguments_that_make_no_sense_is_refused() {
    for arguments in ["max-window", "max-window x", "max-window 0", "max-window 1d more", "nonsense 1"] {
        assert!(Server::start_with_arguments(arguments).is_err(), "{arguments}");
    }
}

#[test]
fn effects_are_applied_whatever_an_operator_allows_now() {
    let mut server = Server::start(&["appendonly yes", "appendfsync always"]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 5 30d COST 3");
    conn.done("CONFIG SET rl.max-window 1d");
    server.crash_and_restart_with("rl.max-window 1d");
    assert_eq!(server.connect().ask("RL.PEEK k").five()[..3], [1, 5, 2]);
}
