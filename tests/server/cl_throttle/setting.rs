//! The command exists if the configuration asks for it and no other module has a command of that name.

use super::ON;
use crate::common::server::{compile, module};
use crate::common::{Conn, Server};

#[track_caller]
fn assert_there(conn: &mut Conn, is_there: bool) {
    let reply = conn.ask("CL.THROTTLE k 15 30 60");
    if is_there {
        assert_eq!(reply.five()[..2], [0, 16]);
    } else {
        assert!(reply.error().starts_with("ERR unknown command"), "{reply:?}");
    }
    assert_eq!(conn.info_config("rl.cl-throttle"), if is_there { "yes" } else { "no" });
    conn.done("RL.BUCKET other 5 1");
}

#[test]
fn it_is_not_there_unless_somebody_asked() {
    assert_there(&mut Server::start(&[]).connect(), false);
    assert_there(&mut Server::start(&["rl.cl-throttle no"]).connect(), false);
}

#[test]
fn it_is_asked_for_in_the_servers_file_or_when_the_module_is_loaded() {
    assert_there(&mut Server::start(&[ON]).connect(), true);
    for (arguments, is_there) in [
        ("cl-throttle yes", true),
        ("max-window 31d CL-THROTTLE YES", true),
        ("cl-throttle no", false),
        ("cl-throttle yes cl-throttle no", false),
    ] {
        let server = Server::start_with_arguments(arguments).unwrap_or_else(|log| panic!("{log}"));
        assert_there(&mut server.connect(), is_there);
    }
}

#[test]
fn or_when_it_is_loaded_into_a_server_that_runs() {
    for load in ["MODULE LOAD ? cl-throttle yes", "MODULE LOADEX ? CONFIG rl.cl-throttle yes"] {
        let server = Server::start_without_module();
        let mut conn = server.connect();
        conn.done(&load.replace('?', &module().display().to_string()));
        assert_there(&mut conn, true);
    }
}

#[test]
fn it_stays_as_it_was_when_the_module_was_loaded() {
    for (config, other) in [(&[][..], "yes"), (&[ON][..], "no")] {
        let server = Server::start(config);
        let mut conn = server.connect();
        assert!(conn.ask(&format!("CONFIG SET rl.cl-throttle {other}")).is_error());
        assert_there(&mut conn, other == "no");
    }
}

#[test]
fn anything_but_yes_and_no_refuses_the_load() {
    for arguments in ["cl-throttle", "cl-throttle maybe", "cl-throttle 1"] {
        let log = Server::start_with_arguments(arguments).err().unwrap_or_else(|| panic!("{arguments}"));
        assert!(log.contains("cl-throttle must be yes or no"), "{log}");
    }
}

#[test]
fn a_module_that_has_the_name_keeps_it_and_the_log_says_so() {
    let folder = Server::start_without_module();
    let load = format!("loadmodule {}", compile(&folder, "tests/server/cl_throttle/other.c").display());
    let server = Server::start(&[&load, ON]);
    let mut conn = server.connect();
    assert_eq!(conn.ask("CL.THROTTLE k 15 30 60").text(), "OK", "it is the other's");
    assert_eq!(conn.ask("RL.BUCKET k 16 30 60").five(), [1, 16, 15, 0, 2_000], "all else is there");
    let line = "another module, redis-cell perhaps, has the command CL.THROTTLE: loaded without it";
    assert!(server.log().contains(line), "{}", server.log());
    let without = Server::start(&[&load]);
    without.connect().done("RL.BUCKET k 16 30 60");
    assert!(!without.log().contains("CL.THROTTLE"), "the setting is off");
}
