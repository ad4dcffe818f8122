//! Slots that move while clients wait for their keys: the clients are redirected, and a node never admits a
//! request for a key that it does not serve any more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{TAKE, WANT};
use crate::common::cluster::{Cluster, ClusterClient, Load, slot};
use crate::common::waiting::{assert_no_waiters, still, waiting};
use crate::common::{Random, Server, Value, Waiter, wait_until};

/// Takes all of `k`. Returns the node of the cluster that serves `k`, and the other node.
fn start(cluster: &Cluster) -> (&Server, &Server) {
    let owner = cluster.owner(slot(b"k"));
    cluster.client().ask(TAKE);
    (&cluster.nodes[owner], &cluster.nodes[1 - owner])
}

/// Checks that the reply sends a client of a cluster to another node, or back again.
#[track_caller]
fn assert_sent_on(reply: &Value) {
    let kind = reply.error().split(' ').next().unwrap();
    assert!(["TRYAGAIN", "MOVED", "ASK"].contains(&kind), "{reply:?}");
}

#[test]
fn waiters_for_a_key_that_moves_get_tryagain() {
    let cluster = Cluster::start(2);
    let (from, to) = start(&cluster);
    let waiters: Vec<Waiter> = (0..3).map(|_| Waiter::start(from, WANT)).collect();
    let other = Waiter::start(from, WANT);
    cluster.migrate(slot(b"k"), to);
    for waiter in waiters {
        assert_sent_on(&waiter.answer());
    }
    drop(other);
    wait_until("no request waits there", || waiting(&mut from.connect()) == (0, 0));
    let mut client = cluster.client();
    assert_eq!(client.ask("RL.INFO k").get("used").int(), 5);
    // The clients follow the redirection, and wait at the other node.
    let again = Waiter::start(to, WANT);
    client.ask("RL.REFUND k 1");
    assert_eq!(again.five()[..3], [1, 5, 0]);
}

#[test]
fn a_key_that_has_moved_already_is_not_admitted_on_the_node_it_has_left() {
    let cluster = Cluster::start(2);
    let (from, to) = start(&cluster);
    let waiters: Vec<Waiter> = (0..2).map(|_| Waiter::start(from, WANT)).collect();
    let (mut source, mut target) = (from.connect(), to.connect());
    let (from_id, to_id) = (source.ask("CLUSTER MYID").text(), target.ask("CLUSTER MYID").text());
    let slot = slot(b"k");
    target.done(&format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}"));
    source.done(&format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}"));
    assert_eq!(still(&waiters, &mut source), [0, 1], "the key is there still");
    source.done("RL.REFUND k 1");
    assert_eq!(still(&waiters, &mut source), [1], "and admits there");
    assert_eq!(source.ask(&format!("MIGRATE 127.0.0.1 {} k 0 5000", to.port())).text(), "OK");
    for waiter in waiters.into_iter().skip(1) {
        assert_sent_on(&waiter.answer());
    }
    assert_no_waiters(&mut source);
    assert_eq!(source.ask("DBSIZE").int(), 0);
    target.done("ASKING");
    assert_eq!(target.ask("RL.INFO k").get("used").int(), 5);
}

#[test]
fn a_slot_that_is_given_away_is_served_no_more() {
    let cluster = Cluster::start(2);
    let (from, to) = start(&cluster);
    let waiter = Waiter::start(from, WANT);
    let to_id = to.connect().ask("CLUSTER MYID").text();
    let slot = slot(b"k");
    to.connect().done(&format!("CLUSTER SETSLOT {slot} NODE {to_id}"));
    // This is what happens when the other node takes the slot over: the key goes, and the slot with it.
    let mut source = from.connect();
    source.multi(&["DEL k", &format!("CLUSTER SETSLOT {slot} NODE {to_id}")]);
    assert_sent_on(&waiter.answer());
    assert_eq!(source.ask("DBSIZE").int(), 0);
    assert!(source.ask(WANT).error().starts_with("MOVED "));
}

#[test]
fn a_waiter_that_times_out_as_its_slot_moves_is_answered_once() {
    let cluster = Cluster::start(2);
    let (from, _) = start(&cluster);
    let mut waiter = Waiter::start(from, "RL.SLIDE k 5 1d WAIT 200ms");
    // When the server continues, both the module and the server itself handle the client.
    from.connect().multi(&[&format!("CLUSTER DELSLOTS {}", slot(b"k")), "DEBUG SLEEP 0.5"]);
    let answer = waiter.conn.receive();
    assert!(answer.is_error() || answer.five()[0] == 0, "{answer:?}");
    assert_eq!(waiter.conn.ask("ECHO next").text(), "next", "after {answer:?}");
    assert_no_waiters(&mut from.connect());
}

#[test]
fn a_request_about_keys_of_several_slots_does_not_wait() {
    let cluster = Cluster::start(2);
    for node in &cluster.nodes {
        node.connect().done("RL.POLICY SET p LIMIT a 1 1d");
    }
    let mut client = cluster.client();
    client.ask("RL.QUOTA {k}1 POLICY p");
    let error = client.ask_about("{k}1", "RL.MQUOTA 2 {k}1 {other}1 POLICY p p WAIT 1h");
    assert!(error.error().starts_with("CROSSSLOT "), "{error:?}");
    let node = &cluster.nodes[cluster.owner(slot(b"k"))];
    let waiter = Waiter::start(node, "RL.MQUOTA 2 {k}2 {k}1 POLICY p p WAIT 1h");
    client.ask("DEL {k}1");
    assert_eq!(waiter.answer().list()[0].int(), 1);
}

/// Takes one unit at random, waits for it if it must, and gives some back, until `over`. Returns the cost
/// left taken.
fn taken(mut client: ClusterClient, seed: u64, over: &AtomicBool) -> i64 {
    let mut random = Random::new(seed);
    let mut taken = 0;
    while !over.load(Ordering::Relaxed) {
        let lane = random.between(0, 3);
        let wait = random.between(1, 60);
        let line = format!("RL.SLIDE k 20 1d WAIT {wait}ms PRIORITY {lane}");
        taken += client.ask(&line).five()[0];
        if taken > 0 && random.one_in(2) {
            client.ask("RL.REFUND k 1");
            taken -= 1;
        }
    }
    taken
}

#[test]
fn a_slot_that_moves_to_and_fro_admits_nothing_twice() {
    let cluster = Cluster::start(2);
    let over = AtomicBool::new(false);
    let mut sum = 0;
    thread::scope(|scope| {
        let load = Load(&over);
        let clients: Vec<_> = (0..30)
            .map(|seed| {
                let (client, over) = (cluster.client(), &over);
                scope.spawn(move || taken(client, seed, over))
            })
            .collect();
        let granted = || -> i64 {
            cluster.nodes.iter().map(|node| node.connect().info_number("rl_waiters_granted")).sum()
        };
        for round in 0..8 {
            let before = granted();
            wait_until("some have gone on", || granted() > before + 100);
            cluster.migrate(slot(b"k"), &cluster.nodes[round % 2]);
        }
        drop(load);
        sum = clients.into_iter().map(|client| client.join().unwrap()).sum();
    });
    let used = cluster.client().ask("RL.INFO k").get("used").int();
    assert_eq!(used, sum, "used, and told");
    assert!(sum <= 20, "{sum}");
    for node in &cluster.nodes {
        assert_no_waiters(&mut node.connect());
    }
}
