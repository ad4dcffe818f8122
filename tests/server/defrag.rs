//! Active defragmentation moves all memory of a key, and nothing is lost.
//!
//! Most packages of Linux distributions have servers without it. The server that `.ci/test-tcl.sh` builds has it.

use crate::common::clock::{ahead, now};
use crate::common::{Conn, Server, not_tested, wait_for_clock, wait_until};

/// A server that moves memory, or `None` if it was built without that, or if it hardly moves its own strings.
fn start() -> Option<(Server, Conn)> {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begun = conn.ask("CONFIG SET activedefrag yes");
    if begun.is_error() {
        assert!(begun.error().contains("cannot be enabled"), "{begun:?}");
        not_tested("active defragmentation", "this server was built without it");
        return None;
    }
    for line in [
        "activedefrag no",
        "active-defrag-ignore-bytes 1",
        "active-defrag-threshold-lower 0",
        "active-defrag-cycle-min 50",
        "active-defrag-cycle-max 75",
        "hz 100",
    ] {
        conn.done(&format!("CONFIG SET {line}"));
    }
    // Redis 7.2 with jemalloc 5.3 looks at all strings and moves few of them.
    let string = "x".repeat(100);
    let before = thin_out(&mut conn, 60_000, |key| vec!["SET".into(), key, string.clone().into()]);
    conn.done("CONFIG SET activedefrag yes");
    let end = now(&mut conn) + 5_000;
    wait_until("strings have been moved", || wasted(&mut conn) * 2 < before || now(&mut conn) > end);
    if wasted(&mut conn) * 2 >= before {
        not_tested("active defragmentation", "this server hardly moves its own strings");
        return None;
    }
    conn.done("CONFIG SET activedefrag no");
    conn.done("FLUSHALL");
    Some((server, conn))
}

/// How many bytes are lost in pages that are not full. The server counts them ten times a second.
fn wasted(conn: &mut Conn) -> i64 {
    conn.info_number("allocator_frag_bytes")
}

/// Makes many keys, deletes three of four, and returns what that wastes.
#[track_caller]
fn thin_out(conn: &mut Conn, keys: u32, make: impl Fn(Vec<u8>) -> Vec<Vec<u8>>) -> i64 {
    for key in 0..keys {
        conn.send(&make(format!("k{key}").into()));
    }
    for _ in 0..keys {
        assert!(!conn.receive().is_error());
    }
    let deleted: Vec<u32> = (0..keys).filter(|key| key % 4 != 0).collect();
    for key in &deleted {
        conn.send(&["DEL".to_owned(), format!("k{key}")]);
    }
    for _ in &deleted {
        assert_eq!(conn.receive().int(), 1);
    }
    let counted = now(conn) + 300;
    wait_for_clock(conn, counted);
    let wasted = wasted(conn);
    assert!(wasted > 2_000_000, "{wasted} bytes of waste");
    wasted
}

/// Makes copies of the key `k`, deletes three of four, and lets the server move the others. Less than `percent` of the waste is
/// left then. If one part of the values stays where it is, it keeps more than that.
#[track_caller]
fn moves_copies(conn: &mut Conn, copies: u32, percent: i64) {
    let dump = conn.done("DUMP k").bytes();
    let before = thin_out(conn, copies, |key| vec!["RESTORE".into(), key, "86400000".into(), dump.clone()]);
    let digest = conn.digest();
    conn.done("CONFIG SET activedefrag yes");
    wait_until("all parts of the values have been moved", || wasted(conn) * 100 < before * percent);
    conn.done("CONFIG SET activedefrag no");
    assert_eq!(conn.digest(), digest);
    assert!(conn.done("DUMP k").bytes() == dump && conn.done("DUMP k4").bytes() == dump);
    conn.done("FLUSHALL");
}

#[test]
fn a_log_is_moved() {
    let Some((server, mut conn)) = start() else { return };
    let begin = ahead(&mut conn);
    for after in 0..1_000 {
        conn.apply("k", &format!("slide {} 1 9000 86400000", begin + after * 500));
    }
    moves_copies(&mut conn, 6_000, 50);
    server.assert_alive();
}

#[test]
fn a_value_is_moved_and_so_is_each_of_its_parts() {
    let Some((server, mut conn)) = start() else { return };
    for (lines, percent) in [
        // A counter that fits into the value itself.
        (&["RL.BUCKET k 5 1 1d"][..], 40),
        // One that has the parameters of before beside it.
        (&["RL.BUCKET k 5 1 1d", "RL.BUCKET k 5 2 1d"], 16),
        // What was told from outside: to no limit yet, and to a limit.
        (&["RL.HOLD k 1h"], 14),
        (&["RL.SLIDE k 5 1d", "RL.HOLD k 1h"], 24),
        (&["RL.QUOTA k LIMIT a 90 1d BUCKET 90"], 40),
    ] {
        for line in lines {
            conn.done(line);
        }
        moves_copies(&mut conn, 60_000, percent);
    }
    server.assert_alive();
}

/// A key is moved between two requests, and goes on where it was.
#[test]
fn a_key_that_was_moved_goes_on_where_it_was() {
    let Some((server, mut conn)) = start() else { return };
    let quota = "LIMIT a 90 1d LIMIT b 90 30d BUCKET 90 COST requests 20 RESERVE 1d ID r";
    for key in 0..5_000 {
        conn.send(&["RL.SLIDE".to_owned(), format!("s{key}"), "90".to_owned(), "1d".to_owned()]);
        conn.send(&format!("RL.QUOTA q{key} {quota}").split(' ').collect::<Vec<_>>());
    }
    for _ in 0..2 * 5_000 {
        assert!(!conn.receive().is_error());
    }
    for key in (0..5_000).filter(|key| key % 4 != 0) {
        conn.done(&format!("DEL s{key} q{key}"));
    }
    let digest = conn.digest();
    conn.done("CONFIG SET activedefrag yes");
    wait_until("most have been moved", || conn.info_number("active_defrag_key_hits") > 2_000);
    assert_eq!(conn.digest(), digest);
    for key in (0..5_000).step_by(4) {
        assert_eq!(conn.ask(&format!("RL.SLIDE s{key} 90 1d")).five()[2], 88);
        assert_eq!(conn.ask(&format!("RL.SETTLE q{key} r COST requests 5")).int(), 1);
        assert_eq!(conn.used(&format!("q{key}")), [5, 5]);
    }
    conn.done("FLUSHALL");
    server.assert_alive();
}
