//! `CLUSTER MIGRATESLOTS` (Valkey 9): a slot moves as a whole, with all that its keys hold, and the node that it leaves admits
//! nothing any more. Earlier servers have no such command, so there is nothing to test there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::common::cluster::{Cluster, ClusterClient, Load, slot};
use crate::common::waiting::{assert_no_waiters, waiting};
use crate::common::{Conn, Random, Server, Waiter, not_tested, wait_until};

/// Starts a cluster of two nodes, if the server can move slots as a whole.
fn start() -> Option<Cluster> {
    let plain = Server::start(&[]);
    let mut conn = plain.connect();
    if conn.info("valkey_version").is_none() || !conn.is_at_least(9, 0) {
        not_tested("slots that move as a whole", "this server has no CLUSTER MIGRATESLOTS");
        return None;
    }
    Some(Cluster::start(2))
}

/// Returns the node that serves `k`, and the other node.
fn ends(cluster: &Cluster) -> (&Server, &Server) {
    let owner = cluster.owner(slot(b"k"));
    (&cluster.nodes[owner], &cluster.nodes[1 - owner])
}

/// Moves the slot of `k` to the other node, and waits until both agree.
#[track_caller]
fn migrate(cluster: &Cluster) {
    let (from, to) = ends(cluster);
    let (mut source, mut target) = (from.connect(), to.connect());
    let (slot, id) = (slot(b"k"), target.ask("CLUSTER MYID").text());
    source.done(&format!("CLUSTER MIGRATESLOTS SLOTSRANGE {slot} {slot} NODE {id}"));
    wait_until("the slot has moved", || {
        let last = source.ask("CLUSTER GETSLOTMIGRATIONS");
        let state = last.list()[0].get("state").text();
        assert!(!["failed", "cancelled"].contains(&state.as_str()), "{last:?}");
        state == "success"
    });
    wait_until("both know of it", || cluster.agrees_on(slot, to.port()));
}

#[test]
fn a_slot_takes_reservations_and_the_end_of_each_wait_along() {
    let Some(cluster) = start() else { return };
    let (from, to) = ends(&cluster);
    for node in [from, to] {
        node.connect().done("RL.POLICY SET p LIMIT a 10 1d LIMIT open 1 INFLIGHT");
    }
    let mut source = from.connect();
    source.done("RL.SLIDE k 5 1d COST 5");
    source.done("RL.BUCKET {k}b 5 1 1d COST 2");
    source.done("RL.WINDOW {k}w 5 3650d COST 2");
    source.done("RL.QUOTA {k}q POLICY p COST requests 4 RESERVE 1h ID r");
    let keys = ["k", "{k}b", "{k}w", "{k}q"];
    let dumps = keys.map(|key| source.ask(&format!("DUMP {key}")));
    let expiries = keys.map(|key| source.ask(&format!("PEXPIRETIME {key}")));
    let waiters = [
        Waiter::start(from, "RL.SLIDE k 5 1d WAIT 1h"),
        Waiter::start(from, "RL.QUOTA {k}q POLICY p RESERVE 1h WAIT 1h"),
    ];
    migrate(&cluster);
    for waiter in waiters {
        let kind = waiter.answer().error().split(' ').next().unwrap().to_owned();
        assert!(["TRYAGAIN", "MOVED", "UNBLOCKED"].contains(&kind.as_str()), "{kind}");
    }
    assert_no_waiters(&mut source);
    assert!(source.ask("RL.SLIDE k 5 1d").error().starts_with("MOVED "));
    let mut target = to.connect();
    assert_eq!(keys.map(|key| target.ask(&format!("DUMP {key}"))), dumps);
    assert_eq!(keys.map(|key| target.ask(&format!("PEXPIRETIME {key}"))), expiries);
    let waiter = Waiter::start(to, "RL.QUOTA {k}q POLICY p RESERVE 1h WAIT 1h");
    assert_eq!(target.ask("RL.SETTLE {k}q r COST requests 1").int(), 1);
    assert_eq!(waiter.answer().list()[0].int(), 1);
    assert_eq!(target.used("{k}q")[0], 2);
}

#[test]
fn what_is_admitted_while_the_slot_moves_moves_with_it() {
    let Some(cluster) = start() else { return };
    let (from, to) = ends(&cluster);
    let (mut source, mut target) = (from.connect(), to.connect());
    source.done("RL.POLICY SET p LIMIT a 10 1d");
    source.done("RL.SLIDE k 5 1d COST 5");
    source.done("DEBUG SLOTMIGRATION PREVENT-PAUSE 1");
    let (slot, id) = (slot(b"k"), target.ask("CLUSTER MYID").text());
    source.done(&format!("CLUSTER MIGRATESLOTS SLOTSRANGE {slot} {slot} NODE {id}"));
    let state = |conn: &mut Conn| conn.ask("CLUSTER GETSLOTMIGRATIONS").list()[0].get("state").text();
    wait_until("the copy is there", || state(&mut source).contains("pause"));
    let waiters: Vec<Waiter> = (0..3).map(|_| Waiter::start(from, "RL.SLIDE k 5 1d WAIT 1h")).collect();
    source.done("RL.REFUND k 2");
    let granted: Vec<i64> = waiters.into_iter().take(2).map(|waiter| waiter.five()[0]).collect();
    assert_eq!(granted, [1, 1], "the source serves it still");
    source.done("RL.QUOTA {k}q POLICY p COST requests 4 RESERVE 1h ID r");
    source.done("RL.SETTLE {k}q r COST requests 3");
    source.done("RL.POLICY SET later LIMIT a 10 1d");
    assert!(target.ask("RL.SLIDE k 5 1d").error().starts_with("MOVED "), "the target does not serve it yet");
    assert_eq!(target.ask("DBSIZE").int(), 0);
    source.done("DEBUG SLOTMIGRATION PREVENT-PAUSE 0");
    wait_until("the slot has moved", || state(&mut source) == "success");
    wait_until("both know of it", || cluster.agrees_on(slot, to.port()));
    assert_eq!(target.ask("RL.PEEK k").five()[..3], [0, 5, 0]);
    assert_eq!(target.used("{k}q"), [3]);
    assert_eq!(target.ask("RL.POLICY LIST").words(), [""; 0], "policies belong to a node, not to a slot");
    assert_no_waiters(&mut source);
}

/// Takes one unit at random, waits for it if it must, and gives some back, until `over`. Returns the cost left taken.
fn taken(mut client: ClusterClient, seed: u64, over: &AtomicBool) -> i64 {
    let mut random = Random::new(seed);
    let mut taken = 0;
    while !over.load(Ordering::Relaxed) {
        let wait = random.between(1, 60);
        taken += client.ask(&format!("RL.SLIDE k 20 1d WAIT {wait}ms")).five()[0];
        if taken > 0 && random.one_in(2) {
            client.ask("RL.REFUND k 1");
            taken -= 1;
        }
    }
    taken
}

#[test]
fn a_slot_that_moves_under_load_loses_no_admission() {
    let Some(cluster) = start() else { return };
    // More keys make the copy take longer, so that waiters are admitted meanwhile.
    let mut filler = ends(&cluster).0.connect();
    for key in 0..20_000 {
        filler.done(&format!("SET {{k}}{key} {key}"));
    }
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
        for _ in 0..6 {
            let before = granted();
            wait_until("some have gone on", || granted() > before + 100);
            migrate(&cluster);
        }
        drop(load);
        sum = clients.into_iter().map(|client| client.join().unwrap()).sum();
    });
    let used = cluster.client().ask("RL.INFO k").get("used").int();
    assert_eq!(used, sum, "used, and told");
    assert!(sum <= 20, "{sum}");
    for node in &cluster.nodes {
        assert_eq!(waiting(&mut node.connect()), (0, 0));
    }
}
