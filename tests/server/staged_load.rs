//! `repl-diskless-load swapdb`: a replica that loads a new copy of its primary still answers from what it held before. What it
//! loads is kept apart, takes over as a whole, and is forgotten if the load fails.

use crate::common::replica::catch_up;
use crate::common::{Conn, Server, wait_until};

/// Makes a primary, and a replica that has to load its next copy beside what it holds.
fn start() -> (Server, Server) {
    let primary =
        Server::start_tcp(&["repl-backlog-size 16384", "repl-diskless-sync yes", "rdbcompression no"]);
    let replica = Server::start(&[
        &format!("replicaof 127.0.0.1 {}", primary.port()),
        "repl-diskless-load swapdb",
        "loading-process-events-interval-bytes 1024",
    ]);
    let (mut first, mut second) = (primary.connect(), replica.connect());
    wait_until("the replica follows", || second.info("master_link_status").as_deref() == Some("up"));
    first.done("RL.POLICY SET old LIMIT a 5 1d");
    first.done("RL.POLICY SET both LIMIT a 5 1d");
    first.done("RL.SLIDE k 5 1d COST 2");
    first.done("RL.QUOTA q POLICY old COST requests 2 RESERVE 1h ID r");
    catch_up(&mut first, &mut second);
    (primary, replica)
}

/// Changes the primary while its replica is cut off, by more than its backlog keeps, and slows the next load down. The copy is
/// larger than what the connection holds.
fn change(first: &mut Conn, second: &mut Conn) {
    first.done("CONFIG SET maxclients 1");
    first.done("CLIENT KILL TYPE replica");
    first.done("RL.POLICY DEL old");
    first.done("RL.POLICY SET both LIMIT a 7 1d");
    first.done("RL.POLICY SET new LIMIT a 5 1d");
    first.done("RL.SLIDE k 5 1d COST 2");
    first.done("RL.SETTLE q r COST requests 1");
    for key in 0..400 {
        first.done(&format!("SET filler:{key} {}", "x".repeat(50_000)));
    }
    second.done("CONFIG SET key-load-delay 20000");
}

fn policies(conn: &mut Conn) -> Vec<String> {
    conn.done("RL.POLICY LIST").words()
}

/// Checks that this is what the replica held before, and that nothing else is mixed in.
#[track_caller]
fn assert_old(conn: &mut Conn) {
    assert_eq!(policies(conn), ["both", "old"]);
    assert_eq!(conn.done("RL.POLICY GET both").list()[0].get("limit").int(), 5);
    assert_eq!(conn.ask("RL.PEEK k").five()[..3], [1, 5, 3]);
    assert_eq!((conn.used("q"), conn.open("q")), (vec![2], 1));
}

fn is_loading(conn: &mut Conn) -> bool {
    conn.info("async_loading").as_deref() == Some("1")
}

#[test]
fn it_answers_as_before_until_it_has_loaded_all() {
    let (primary, replica) = start();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    change(&mut first, &mut second);
    first.done("CONFIG SET maxclients 10000");
    wait_until("it loads beside what it holds", || is_loading(&mut second));
    assert_old(&mut second);
    assert!(second.ask("RL.SLIDE k 5 1d").error().starts_with("READONLY"));
    assert!(is_loading(&mut second), "it was loading all the time");
    second.done("CONFIG SET key-load-delay 0");
    wait_until("it has loaded", || second.info("master_link_status").as_deref() == Some("up"));
    catch_up(&mut first, &mut second);
    assert_eq!(policies(&mut second), ["both", "new"]);
    assert_eq!(second.done("RL.POLICY GET both").list()[0].get("limit").int(), 7);
    assert_eq!(second.ask("RL.PEEK k").five()[..3], [1, 5, 1]);
    assert_eq!((second.used("q"), second.open("q")), (vec![1], 0));
    assert_eq!(first.digest(), second.digest());
    assert_eq!(first.info_number("sync_full"), 2);
}

#[test]
fn it_keeps_what_it_holds_if_the_load_fails() {
    let (primary, replica) = start();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    change(&mut first, &mut second);
    first.done("CONFIG SET maxclients 10000");
    wait_until("it loads beside what it holds", || is_loading(&mut second));
    first.done("CONFIG SET maxclients 1");
    first.done("CLIENT KILL TYPE replica");
    wait_until("the load has failed", || !is_loading(&mut second));
    assert!(replica.log().contains("Failed trying to load"), "{}", replica.log());
    assert_old(&mut second);
    second.done("REPLICAOF NO ONE");
    assert_old(&mut second);
    assert_eq!(second.ask("RL.SLIDE k 5 1d COST 3").five()[..3], [1, 5, 0], "it goes on where it was");
    // What is loaded later is not kept apart any more.
    second.done("RL.POLICY SET later LIMIT a 5 1d");
    second.done("CONFIG SET key-load-delay 0");
    second.done("DEBUG RELOAD");
    assert_eq!(policies(&mut second), ["both", "later", "old"]);
}

#[test]
fn a_server_that_never_followed_this_primary_loads_it_as_well() {
    let (primary, _replica) = start();
    let other = Server::start(&["repl-diskless-load swapdb"]);
    let (mut first, mut second) = (primary.connect(), other.connect());
    second.done("RL.POLICY SET mine LIMIT a 5 1d");
    second.done("RL.SLIDE mine 5 1d");
    second.done(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    wait_until("it follows", || second.info("master_link_status").as_deref() == Some("up"));
    catch_up(&mut first, &mut second);
    assert_eq!(policies(&mut second), ["both", "old"]);
    assert_eq!(first.digest(), second.digest());
}
