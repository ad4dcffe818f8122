//! A replica has its primary's policies, and no others.

use super::{all_policies, fill, limit};
use crate::common::{Conn, Server, wait_until};

fn follow(conn: &mut Conn, primary: &Server) {
    conn.done(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    wait_until("it follows", || conn.info("master_link_status").as_deref() == Some("up"));
}

fn catch_up(primary: &mut Conn, replica: &mut Conn) {
    wait_until("the replica has caught up", || {
        replica.info("master_link_status").as_deref() == Some("up")
            && primary.offset() == replica.info_number("slave_repl_offset")
    });
}

#[test]
fn set_and_deleted_policies_reach_the_replica() {
    let (primary, replica) = (Server::start_tcp(&[]), Server::start(&["rl.max-window 1h"]));
    let (mut first, mut second) = (primary.connect(), replica.connect());
    follow(&mut second, &primary);
    let before = fill(&mut first);
    first.multi(&[
        "RL.POLICY SET multi LIMIT a 5 60",
        "RL.POLICY DEL multi",
        "RL.POLICY SET multi LIMIT a 6 60",
    ]);
    first.call(&["EVAL", "redis.call('RL.POLICY', 'DEL', 'day')", "0"]);
    catch_up(&mut first, &mut second);
    assert_eq!(all_policies(&mut second), all_policies(&mut first));
    assert_eq!(all_policies(&mut second).len(), before.len());
    assert_eq!(limit(&mut second, "multi"), 6);
}

#[test]
fn a_change_without_effect_is_not_sent() {
    let (primary, replica) = (Server::start_tcp(&[]), Server::start(&[]));
    let (mut first, mut second) = (primary.connect(), replica.connect());
    follow(&mut second, &primary);
    fill(&mut first);
    let before = first.offset();
    fill(&mut first);
    first.done("RL.POLICY DEL nobody");
    assert!(first.ask("RL.POLICY SET p LIMIT a -1 60").is_error());
    assert_eq!(first.offset(), before);
}

#[test]
fn a_replica_tells_them_and_changes_none() {
    let (primary, replica) = (Server::start_tcp(&[]), Server::start(&[]));
    let (mut first, mut second) = (primary.connect(), replica.connect());
    let before = fill(&mut first);
    follow(&mut second, &primary);
    for line in ["RL.POLICY SET p LIMIT a 5 60", "RL.POLICY DEL day"] {
        assert!(second.ask(line).error().starts_with("READONLY"), "{line}");
    }
    assert_eq!(all_policies(&mut second), before);
}

/// Tests a full copy: a replica that had policies of its own, and a replica of that replica.
fn full_copy(primary_config: &[&str], replica_config: &[&str]) {
    let primary = Server::start_tcp(primary_config);
    let (replica, last) = (Server::start_tcp(replica_config), Server::start(replica_config));
    let (mut first, mut second) = (primary.connect(), replica.connect());
    second.done("RL.POLICY SET own LIMIT a 5 60");
    second.done("RL.POLICY SET day LIMIT a 99 60");
    let before = fill(&mut first);
    follow(&mut second, &primary);
    let mut third = last.connect();
    follow(&mut third, &replica);
    assert_eq!(all_policies(&mut second), before);
    assert_eq!(all_policies(&mut third), before);
    first.done("RL.POLICY DEL x");
    catch_up(&mut first, &mut third);
    assert_eq!(all_policies(&mut third), all_policies(&mut first));
}

#[test]
fn a_full_copy_by_way_of_a_file_has_them() {
    full_copy(&["repl-diskless-sync no"], &["repl-diskless-sync no"]);
}

#[test]
fn a_full_copy_by_way_of_a_socket_has_them() {
    full_copy(&["repl-diskless-sync yes"], &["repl-diskless-sync yes"]);
}

#[test]
fn a_full_copy_that_never_is_a_file_has_them() {
    for load in ["on-empty-db", "swapdb"] {
        full_copy(&["repl-diskless-sync yes"], &[&format!("repl-diskless-load {load}")]);
    }
}

#[test]
fn a_full_copy_from_a_primary_without_policies_leaves_none() {
    let (primary, replica) = (Server::start_tcp(&[]), Server::start(&[]));
    let mut second = replica.connect();
    fill(&mut second);
    follow(&mut second, &primary);
    assert_eq!(all_policies(&mut second), []);
}

#[test]
fn a_replica_that_was_cut_off_gets_what_it_missed() {
    let (primary, replica) = (Server::start_tcp(&[]), Server::start(&[]));
    let (mut first, mut second) = (primary.connect(), replica.connect());
    follow(&mut second, &primary);
    fill(&mut first);
    first.done("CONFIG SET maxclients 1"); // it cannot reconnect before all of this is done
    first.done("CLIENT KILL TYPE replica");
    first.done("RL.POLICY DEL day");
    first.done("RL.POLICY SET missed LIMIT a 5 60");
    first.done("CONFIG SET maxclients 10000");
    wait_until("it has resynced", || first.info_number("sync_partial_ok") == 1);
    catch_up(&mut first, &mut second);
    assert_eq!(all_policies(&mut second), all_policies(&mut first));
    assert_eq!(first.info_number("sync_full"), 1);
}

#[test]
fn a_rewritten_aof_is_its_servers_own_matter() {
    let (primary, replica) = (Server::start_tcp(&["aof-use-rdb-preamble no"]), Server::start(&[]));
    let (mut first, mut second) = (primary.connect(), replica.connect());
    follow(&mut second, &primary);
    let before = fill(&mut first);
    first.done("CONFIG SET appendonly yes");
    wait_until("its file is written", || first.info_number("aof_rewrite_in_progress") == 0);
    catch_up(&mut first, &mut second);
    let sent = first.offset();
    first.done("BGREWRITEAOF");
    wait_until("its file is rewritten", || first.info_number("aof_rewrite_in_progress") == 0);
    first.done("RL.POLICY LIST");
    catch_up(&mut first, &mut second);
    assert_eq!(first.offset(), sent, "replicas hear nothing of it");
    assert_eq!(second.info_config("appendonly"), "no");
    let stats = second.ask("INFO commandstats").text();
    assert!(!stats.contains("cmdstat_bgrewriteaof") && !stats.contains("cmdstat_config|set"), "{stats}");
    assert_eq!(all_policies(&mut second), before);
}

#[test]
fn a_replica_writes_them_to_its_own_file() {
    for preamble in ["aof-use-rdb-preamble yes", "aof-use-rdb-preamble no"] {
        let primary = Server::start_tcp(&[]);
        let mut first = primary.connect();
        fill(&mut first);
        let mut replica = Server::start(&["appendonly yes", "appendfsync always", preamble]);
        let mut second = replica.connect();
        second.done("RL.POLICY SET own LIMIT a 5 60");
        follow(&mut second, &primary);
        wait_until("its file is written", || {
            second.info_number("aof_enabled") == 1
                && second.info_number("aof_rewrite_in_progress") == 0
                && second.info_number("aof_rewrite_scheduled") == 0
        });
        first.done("RL.POLICY DEL day");
        first.done("RL.POLICY SET later LIMIT a 5 60");
        catch_up(&mut first, &mut second);
        let before = all_policies(&mut first);
        drop(primary);
        replica.crash_and_restart();
        assert_eq!(all_policies(&mut replica.connect()), before, "{preamble}");
    }
}
