//! Waiters are asked again when the server has loaded a file or has changed its role, although nobody has touched their keys.

use super::{TAKE, WANT};
use crate::common::quota::Answer;
use crate::common::replica::{catch_up, pair};
use crate::common::waiting::{assert_no_waiters, still};
use crate::common::{Conn, Server, Waiter, wait_until};

const REQUESTS: [&str; 2] = ["RL.QUOTA k POLICY p WAIT 1h", "RL.MQUOTA 2 k l POLICY p p WAIT 1h"];

/// Makes a policy of this limit, and takes all of it.
fn full(conn: &mut Conn, limit: u32) {
    conn.done(&format!("RL.POLICY SET p LIMIT a {limit} 1d"));
    conn.done(&format!("RL.QUOTA k POLICY p COST requests {limit}"));
}

/// Saves a policy of limit 3, and then takes all of a policy of limit 1. The file has no key.
fn saved_with_a_higher_limit(server: &Server) -> Conn {
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT a 3 1d");
    conn.done("SAVE");
    full(&mut conn, 1);
    conn
}

/// The file replaces the policies and no key. So only the end of the load admits the waiters.
#[test]
fn the_policies_of_a_loaded_file_admit_as_many_as_have_room() {
    for request in REQUESTS {
        let server = Server::start(&[]);
        let mut conn = saved_with_a_higher_limit(&server);
        let waiters: Vec<Waiter> = (0..3).map(|_| Waiter::start(&server, request)).collect();
        conn.done("DEBUG RELOAD NOSAVE NOFLUSH MERGE");
        assert_eq!(still(&waiters, &mut conn), [2], "{request}");
        for waiter in waiters.into_iter().take(2) {
            let answer = Answer::of(&waiter.answer());
            assert_eq!((answer.allowed, answer.rows[0].limit), (true, 3), "{request}");
        }
    }
}

#[test]
fn a_policy_that_a_loaded_file_lacks_is_none() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("SET other x");
    conn.done("SAVE");
    full(&mut conn, 1);
    let waiters = REQUESTS.map(|request| Waiter::start(&server, request));
    conn.done("DEBUG RELOAD NOSAVE NOFLUSH MERGE");
    for waiter in waiters {
        assert!(waiter.answer().error().starts_with("ERR no such policy"));
    }
    assert_no_waiters(&mut conn);
}

/// A replica holds waiters if it takes writes. They lose their keys to the copy that the replica loads.
#[test]
fn waiters_of_a_replica_that_loads_a_copy_are_asked_again() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    second.done("CONFIG SET replica-read-only no");
    first.done("RL.POLICY SET p LIMIT a 3 1d");
    first.done("RL.POLICY SET gone LIMIT a 3 1d");
    catch_up(&mut first, &mut second);
    second.done("RL.SLIDE k 5 1d COST 5");
    second.done("RL.POLICY SET p LIMIT a 1 1d");
    second.done("RL.QUOTA q POLICY p");
    second.done("RL.QUOTA r POLICY gone COST requests 3");
    let waiters = [WANT, "RL.QUOTA q POLICY p WAIT 1h", "RL.QUOTA r POLICY gone WAIT 1h"]
        .map(|line| Waiter::start(&replica, line));
    let loads = first.info_number("sync_full");
    // The replica finds another history, and has to load a copy.
    first.done("DEBUG CHANGE-REPL-ID");
    first.done("CLIENT KILL TYPE replica");
    wait_until("it has loaded a copy", || {
        first.info_number("sync_full") > loads && second.info("master_link_status").as_deref() == Some("up")
    });
    let [one, many, gone] = waiters;
    assert_eq!(one.five()[..3], [1, 5, 4]);
    assert!(Answer::of(&many.answer()).allowed);
    assert!(Answer::of(&gone.answer()).allowed);
    assert_no_waiters(&mut second);
}

/// A primary refuses writes if too few replicas follow. A replica that takes writes does not.
#[test]
fn waiters_of_a_replica_that_becomes_a_primary_are_refused_as_any_write_is() {
    let (_primary, replica) = pair();
    let mut conn = replica.connect();
    for line in ["CONFIG SET replica-read-only no", "CONFIG SET min-replicas-to-write 1"] {
        conn.done(line);
    }
    conn.done(TAKE);
    let waiters = [WANT, WANT].map(|line| Waiter::start(&replica, line));
    assert_eq!(still(&waiters, &mut conn), [0, 1]);
    conn.done("REPLICAOF NO ONE");
    for waiter in waiters {
        assert!(waiter.answer().error().starts_with("NOREPLICAS "));
    }
    assert_no_waiters(&mut conn);
}
