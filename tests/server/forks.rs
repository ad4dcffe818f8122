//! Every child that the server forks ends with a whole file, whatever happens at the moment of the fork.
//!
//! A lock that another thread held at that moment would stay locked in the child for ever, and a child that wants it would
//! never end. So keys with ever new limits come and go here, and are freed on background threads, while the server forks.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::conn::words;
use crate::common::{Conn, Random, Server, wait_until};

/// How long the server forks under load.
const LOAD: Duration = Duration::from_secs(6);
/// The least number of children that are forked.
const CHILDREN: u32 = 10;

/// Asks limits that nobody else asks, quotas, and policies that change, until `is_over`.
fn ask_ever_new_limits(mut conn: Conn, seed: u64, is_over: &AtomicBool) {
    let mut random = Random::new(seed);
    while !is_over.load(Relaxed) {
        for _ in 0..100 {
            let (key, limit) = (random.below(500), 1 + random.below(1_000_000));
            let line = match random.below(8) {
                0 => format!("RL.SLIDE s{key} {limit} 60"),
                1 => format!("RL.WINDOW w{key} {limit} 1h"),
                2 => format!("RL.BUCKET b{key} {limit} 1 1d"),
                3 => format!("RL.QUOTA q{key} LIMIT a {limit} 60 LIMIT b {limit} 1d BUCKET {limit}"),
                4 => format!("RL.QUOTA p{key} POLICY policy RESERVE 60"),
                5 => format!("RL.POLICY SET policy LIMIT a {limit} 60 LIMIT b {limit} 1d"),
                6 => format!("RL.QUOTA p{key} POLICY policy WAIT 1ms"),
                _ => format!("UNLINK s{key} w{key} b{key} q{key} p{key}"),
            };
            conn.send(&words(&line));
        }
        conn.flush().unwrap();
        for _ in 0..100 {
            conn.receive();
        }
    }
}

/// Frees everything on a background thread, again and again, until `is_over`.
fn flush(mut conn: Conn, is_over: &AtomicBool) {
    while !is_over.load(Relaxed) {
        thread::sleep(Duration::from_millis(7)); // some keys are to be there
        conn.done("FLUSHALL ASYNC");
    }
}

/// Forks for one file after the other.
fn fork(conn: &mut Conn) {
    let (began, mut children) = (Instant::now(), 0);
    while began.elapsed() < LOAD || children < CHILDREN {
        for (command, running, status) in [
            ("BGSAVE", "rdb_bgsave_in_progress", "rdb_last_bgsave_status"),
            ("BGREWRITEAOF", "aof_rewrite_in_progress", "aof_last_bgrewrite_status"),
        ] {
            conn.done(command);
            wait_until("the child ends", || conn.info(running).as_deref() == Some("0"));
            assert_eq!(conn.info(status).as_deref(), Some("ok"), "{command}");
            children += 1;
        }
    }
}

/// Ends the load, also when the test fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[track_caller]
fn assert_children_end_well(config: &[&str]) {
    let mut server = Server::start(config);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET policy LIMIT a 5 60");
    let is_over = &AtomicBool::new(false);
    thread::scope(|scope| {
        for seed in 0..3 {
            let conn = server.connect();
            scope.spawn(move || ask_ever_new_limits(conn, seed, is_over));
        }
        let flusher = server.connect();
        scope.spawn(move || flush(flusher, is_over));
        let _end = End(is_over);
        fork(&mut conn);
    });
    // What was written last can be loaded, and holds what the server held.
    conn.done("RL.SLIDE last 7 1d");
    conn.done("BGREWRITEAOF");
    wait_until("the child ends", || conn.info("aof_rewrite_in_progress").as_deref() == Some("0"));
    let digest = conn.digest();
    server.crash_and_restart();
    assert_eq!(server.connect().digest(), digest);
}

#[test]
fn children_that_write_commands_end_well() {
    assert_children_end_well(&["appendonly yes", "aof-use-rdb-preamble no", "appendfsync no"]);
}

#[test]
fn children_that_write_an_rdb_first_end_well() {
    assert_children_end_well(&["appendonly yes", "aof-use-rdb-preamble yes", "appendfsync no"]);
}
