//! Replicas and files receive the effects of waiters, each in the right database.

use super::{TAKE, WANT};
use crate::common::conn::words;
use crate::common::replica::{catch_up, pair, replica_of};
use crate::common::waiting::assert_no_waiters;
use crate::common::{Conn, Server, Waiter, aof, wait_until};

/// Starts many waiters in several databases for limits of all kinds. They are admitted with time and by
/// refunds.
fn load(server: &Server) {
    let lines = [
        "RL.SLIDE s 2 60ms",
        "RL.BUCKET b 2 40",
        "RL.WINDOW w 2 50ms",
        "RL.QUOTA q LIMIT a 2 80ms LIMIT t 90 1d UNIT tokens COST tokens 2 RESERVE 1h",
        "RL.QUOTA i LIMIT open 2 INFLIGHT RESERVE 50ms",
        "RL.MQUOTA 2 m1 m2 POLICY p p RESERVE 1h",
    ];
    let mut clients = Vec::new();
    for db in DATABASES {
        for line in lines.iter().cycle().take(8 * lines.len()) {
            let mut conn = at(server, db);
            conn.send(&words(&format!("{line} WAIT 1h")));
            conn.flush().unwrap();
            clients.push(conn);
        }
        let mut conn = at(server, db);
        conn.done("RL.SLIDE day 4 1d COST 4");
        let wait = |_| Waiter::on(server, at(server, db), "RL.SLIDE day 4 1d COST 2 WAIT 1h");
        clients.extend((0..4).map(wait).map(|waiter| waiter.conn));
        for _ in 0..8 {
            conn.done("RL.REFUND day 1");
        }
    }
    for mut client in clients {
        let reply = client.receive();
        assert!(!reply.is_error() && reply.list()[0].int() == 1, "{reply:?}");
    }
    assert_no_waiters(&mut server.connect());
}

const DATABASES: [i32; 3] = [0, 3, 7];

fn at(server: &Server, db: i32) -> Conn {
    let mut conn = server.connect();
    conn.done(&format!("SELECT {db}"));
    conn
}

fn digest(conn: &mut Conn) -> String {
    // A short-lived key may be gone on only one of the two.
    for db in DATABASES {
        conn.done(&format!("SELECT {db}"));
        wait_until("short-lived keys are gone", || conn.ask("EXISTS s b w").int() == 0);
        wait_until("and not even listed", || {
            i64::try_from(conn.ask("KEYS *").list().len()).unwrap() == conn.ask("DBSIZE").int()
        });
    }
    conn.done("SELECT 0");
    conn.digest()
}

#[test]
fn a_replica_holds_what_its_primary_does() {
    let (primary, replica) = pair();
    let (mut conn, mut other) = (primary.connect(), replica.connect());
    conn.done("RL.POLICY SET p LIMIT a 2 70ms LIMIT b 100 1d");
    load(&primary);
    let expected = digest(&mut conn);
    catch_up(&mut conn, &mut other);
    assert_eq!(digest(&mut other), expected);
    let fresh = replica_of(&primary);
    assert_eq!(digest(&mut fresh.connect()), expected);
}

#[test]
fn a_file_holds_what_its_server_does() {
    let mut server = Server::start(&["appendonly yes", "appendfsync always"]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 2 70ms LIMIT b 100 1d");
    load(&server);
    let expected = digest(&mut conn);
    server.crash_and_restart();
    assert_eq!(digest(&mut server.connect()), expected);
}

#[test]
fn nothing_is_written_when_one_begins_to_wait_or_waits_in_vain() {
    let server = Server::start(&["appendonly yes"]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let before = aof::commands(server.dir());
    let waiter = Waiter::start(&server, WANT);
    conn.ask("RL.SLIDE k 5 1d WAIT 10ms");
    conn.done(&format!("CLIENT UNBLOCK {}", waiter.id));
    assert_eq!(waiter.five()[0], 0);
    drop(Waiter::start(&server, WANT));
    wait_until("no request waits", || conn.info_number("blocked_clients") == 0);
    assert_eq!(aof::commands(server.dir()), before);
}

#[test]
fn many_admissions_at_once_are_one_batch_in_the_file() {
    let mut server = Server::start(&["appendonly yes", "appendfsync always"]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 50 1d COST 50");
    let waiters: Vec<Waiter> = (0..40).map(|_| Waiter::start(&server, "RL.SLIDE k 50 1d WAIT 1h")).collect();
    conn.done("RL.REFUND k 40");
    for waiter in waiters {
        assert_eq!(waiter.five()[0], 1);
    }
    let digest = conn.digest();
    assert_eq!(aof::effects(server.dir()).iter().filter(|effect| effect.kind == "slide").count(), 41);
    server.crash_and_restart();
    let mut conn = server.connect();
    assert_eq!(conn.digest(), digest);
    assert_eq!(conn.ask("RL.INFO k").get("used").int(), 50);
}
