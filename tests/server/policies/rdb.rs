//! Policies in snapshots.

use std::fs;

use super::{SETS, all_policies, fill};
use crate::common::{Server, not_tested, wait_until};

#[test]
fn a_saved_file_brings_them_back_after_a_restart() {
    let mut server = Server::start(&[]);
    let mut conn = server.connect();
    fill(&mut conn);
    conn.done("RL.POLICY DEL day");
    let before = all_policies(&mut conn);
    conn.done("SAVE");
    conn.done("RL.POLICY SET later LIMIT a 5 60");
    server.crash_and_restart();
    assert_eq!(all_policies(&mut server.connect()), before);
}

#[test]
fn a_snapshot_in_the_background_has_those_of_its_moment() {
    let mut server = Server::start(&[]);
    let mut conn = server.connect();
    let before = fill(&mut conn);
    conn.done("BGSAVE");
    conn.done("RL.POLICY DEL day");
    wait_until("it is saved", || conn.info_number("rdb_bgsave_in_progress") == 0);
    assert_eq!(conn.info("rdb_last_bgsave_status").as_deref(), Some("ok"));
    server.crash_and_restart();
    assert_eq!(all_policies(&mut server.connect()), before);
}

#[test]
fn a_reload_in_place_changes_nothing() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for _ in 0..2 {
        conn.done("DEBUG RELOAD");
        assert_eq!(all_policies(&mut conn), []);
    }
    let before = fill(&mut conn);
    for _ in 0..2 {
        conn.done("DEBUG RELOAD");
        assert_eq!(all_policies(&mut conn), before);
    }
}

#[test]
fn a_file_without_policies_leaves_none() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("SET k x");
    conn.done("SAVE");
    fill(&mut conn);
    conn.done("DEBUG RELOAD NOSAVE");
    assert_eq!(all_policies(&mut conn), []);
    assert_eq!(conn.ask("GET k").text(), "x");
}

#[test]
fn a_file_with_nothing_of_the_module_needs_no_module() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    if !conn.is_at_least(7, 2) {
        return not_tested("an RDB file without policies", "each file of this server has a place for them");
    }
    conn.done("SET k x");
    fill(&mut conn);
    for line in SETS {
        conn.done(&format!("RL.POLICY DEL {}", line.split(' ').nth(2).unwrap()));
    }
    conn.done("SAVE");
    let plain = Server::start_without_module();
    fs::copy(server.dir().join("dump.rdb"), plain.dir().join("dump.rdb")).unwrap();
    let mut conn = plain.connect();
    conn.done("DEBUG RELOAD NOSAVE");
    assert_eq!(conn.ask("GET k").text(), "x");
}

#[test]
fn a_damaged_file_is_refused_and_does_no_harm() {
    let mut server = Server::start(&["rdbcompression no", "rdbchecksum no"]);
    let mut conn = server.connect();
    fill(&mut conn);
    conn.done("SAVE");
    server.kill();
    let path = server.dir().join("dump.rdb");
    let whole = fs::read(&path).unwrap();
    let at =
        |part: &[u8]| whole.windows(part.len()).position(|found| found == part).expect("it is not packed");
    let (first, last) = (at(b"claude"), at(b"day"));
    let mut damages: Vec<Vec<u8>> = Vec::new();
    for (part, instead) in [
        (&b"claude"[..], &b"cla de"[..]), // not a valid name
        (b"claude", b"xlaude"),           // not in order
        (b"tokens", b"tok\xffns"),
        (b"rpm", b"tpm"), // the same name twice
        (b"day", b"d\0y"),
    ] {
        let mut damaged = whole.clone();
        let begin = at(part);
        damaged[begin..begin + part.len()].copy_from_slice(instead);
        damages.push(damaged);
    }
    for (position, byte) in [(first - 1, 0xff), (first - 1, 0), (first - 2, 0), (last - 1, 0xff)] {
        let mut damaged = whole.clone();
        damaged[position] = byte; // a length, or the flag for a name
        damages.push(damaged);
    }
    damages.push(whole[..last].to_vec());
    for (turn, damaged) in damages.iter().enumerate() {
        fs::write(&path, damaged).unwrap();
        let log = server.restart().expect_err(&format!("it takes damage {turn}"));
        assert!(!log.contains("BUG REPORT"), "{turn}: {log}");
        assert!(log.contains("AUX") || turn == damages.len() - 1, "{turn}: {log}");
        assert!(log.contains("redis-rl: the policies that the file holds"), "{turn}: {log}");
    }
    fs::write(&path, whole).unwrap();
    server.restart().unwrap();
    assert_eq!(all_policies(&mut server.connect()).len(), SETS.len());
}
