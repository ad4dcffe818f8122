//! A cluster of three nodes: keys route by slot, and a slot that moves under load takes the state of every
//! key along.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::common::cluster::{Cluster, ClusterClient, Load, slot};
use crate::common::replica::assert_equal;
use crate::common::server::free_port;
use crate::common::{Random, Server, Value, wait_until};

#[test]
fn keys_route_by_their_slot() {
    let cluster = Cluster::start(3);
    let mut client = cluster.client();
    for key in 0..60 {
        assert_eq!(client.ask(&format!("RL.SLIDE s{key} 5 1d COST 2")).five()[..3], [1, 5, 3]);
        assert_eq!(client.ask(&format!("RL.WINDOW w{key} 5 3650d COST 2")).five()[..3], [1, 5, 3]);
        assert_eq!(client.ask(&format!("RL.BUCKET b{key} 5 1 1d COST 2")).five()[..3], [1, 5, 3]);
        assert_eq!(client.ask(&format!("RL.PEEK s{key}")).five()[..3], [1, 5, 3]);
        assert_eq!(client.ask(&format!("RL.REFUND w{key} 1")).int(), 4);
        assert_eq!(client.ask(&format!("RL.INFO b{key}")).get("used").int(), 2);
    }
    let sizes: Vec<i64> = cluster.nodes.iter().map(|node| node.connect().ask("DBSIZE").int()).collect();
    assert_eq!(sizes.iter().sum::<i64>(), 180);
    assert!(sizes.iter().all(|size| *size > 20), "{sizes:?}");
    let foreign = cluster.nodes[cluster.owner(slot(b"s0"))].port();
    let other = cluster.nodes.iter().find(|node| node.port() != foreign).unwrap();
    for line in [
        "RL.SLIDE s0 5 1d",
        "RL.PEEK s0",
        "RL.REFUND s0 1",
        "RL.INFO s0",
        "RL.WINDOW s0 5 1d",
        "RL.BUCKET s0 5 1",
    ] {
        assert!(other.connect().ask(line).error().starts_with("MOVED "), "{line}");
    }
}

/// Returns one request of each type, each on its own key. The keys share a tag, so they share its slot.
fn requests(number: usize) -> [String; 3] {
    [
        format!("RL.SLIDE {{k{number}}}:s 700 1d"),
        format!("RL.WINDOW {{k{number}}}:w 700 3650d"),
        format!("RL.BUCKET {{k{number}}}:b 700 1 3650d"),
    ]
}

/// Sends random requests until `over`. Returns the admitted cost by request.
fn admitted(
    mut client: ClusterClient,
    seed: u64,
    over: &AtomicBool,
    asked: &AtomicU64,
) -> HashMap<String, i64> {
    let mut random = Random::new(seed);
    let mut admitted = HashMap::new();
    while !over.load(Ordering::Relaxed) {
        let number = random.below(12);
        let request = random.pick(&requests(number)).clone();
        let cost = random.between(1, 3);
        let allowed = client.ask(&format!("{request} COST {cost}")).five()[0];
        *admitted.entry(request).or_default() += allowed * cost;
        asked.fetch_add(1, Ordering::Relaxed);
    }
    admitted
}

#[test]
fn slots_that_move_under_load_keep_every_state_and_admit_nothing_twice() {
    let cluster = Cluster::start(3);
    let (over, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut sum: HashMap<String, i64> = HashMap::new();
    thread::scope(|scope| {
        let load = Load(&over);
        let clients: Vec<_> = (0..4)
            .map(|seed| {
                let (client, over, asked) = (cluster.client(), &over, &asked);
                scope.spawn(move || admitted(client, seed, over, asked))
            })
            .collect();
        for round in 1..=3 {
            for number in 0..12 {
                let target = &cluster.nodes[(number + round) % 3];
                cluster.migrate(slot(format!("k{number}").as_bytes()), target);
            }
            let enough = 2_000 * u64::try_from(round).unwrap();
            wait_until("there is load", || asked.load(Ordering::Relaxed) >= enough);
        }
        drop(load);
        for client in clients {
            for (request, cost) in client.join().unwrap() {
                *sum.entry(request).or_default() += cost;
            }
        }
    });
    let mut client = cluster.client();
    for request in (0..12).flat_map(requests) {
        let key = request.split(' ').nth(1).unwrap();
        let info = client.ask(&format!("RL.INFO {key}"));
        assert_ne!(info, Value::Nil, "{key} is lost");
        assert_eq!(info.get("used").int(), sum[&request], "{key}: used and told");
        assert!(sum[&request] <= 700);
    }
    // The load must use nearly all of the limits, or the limits were not tested.
    assert!(sum.values().filter(|cost| **cost > 300).count() > 6, "{sum:?}");
}

/// A primary of a cluster that had no readers before sends what it admits to a replica that comes while there is load, and a
/// failover turns both around.
#[test]
fn a_replica_that_joins_a_cluster_under_load_holds_the_same() {
    let node = || {
        let more = ["cluster-enabled yes".to_owned(), format!("cluster-port {}", free_port())];
        Server::start_tcp(&more.each_ref().map(String::as_str))
    };
    let (first, second) = (node(), node());
    let (mut one, mut two) = (first.connect(), second.connect());
    one.done("CLUSTER ADDSLOTSRANGE 0 16383");
    wait_until("it serves", || one.ask("CLUSTER INFO").text().contains("cluster_state:ok"));
    let over = AtomicBool::new(false);
    let load = |server: &Server, asked: &AtomicU64| {
        let (mut conn, mut random) = (server.connect(), Random::new(7));
        while !over.load(Ordering::Relaxed) {
            let number = random.below(12);
            let limits = "LIMIT a 700 1d UNIT t WINDOW LIMIT b 700 1d UNIT t";
            let quota = format!("RL.QUOTA q{number} {limits} COST t 2");
            let lines = [requests(number).to_vec(), vec![quota]].concat();
            let line: &String = random.pick(&lines);
            conn.ask(line);
            asked.fetch_add(1, Ordering::Relaxed);
        }
    };
    let under_load = |server: &Server, change: &mut dyn FnMut()| {
        over.store(false, Ordering::Relaxed);
        let asked = AtomicU64::new(0);
        thread::scope(|scope| {
            scope.spawn(|| load(server, &asked));
            wait_until("there is load", || asked.load(Ordering::Relaxed) > 300);
            change();
            let enough = asked.load(Ordering::Relaxed) + 300;
            wait_until("there is more", || asked.load(Ordering::Relaxed) > enough);
            over.store(true, Ordering::Relaxed);
        });
    };
    under_load(&first, &mut || {
        let bus = one.info_config("cluster-port");
        two.done(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", first.port()));
        let id = one.ask("CLUSTER MYID").text();
        wait_until("they have met", || !two.ask(&format!("CLUSTER REPLICATE {id}")).is_error());
        wait_until("it follows", || two.info("master_link_status").as_deref() == Some("up"));
    });
    for conn in [&mut one, &mut two] {
        conn.done("READONLY"); // a replica answers, too
        wait_until("it knows who has the slots", || {
            conn.ask("CLUSTER INFO").text().contains("cluster_state:ok")
        });
    }
    assert_equal(&mut one, &mut two);
    wait_until("it may take over", || !two.ask("CLUSTER FAILOVER TAKEOVER").is_error());
    wait_until("it has taken over", || two.info("role").as_deref() == Some("master"));
    wait_until("the other follows", || one.info("master_link_status").as_deref() == Some("up"));
    under_load(&second, &mut || ());
    assert_equal(&mut two, &mut one);
}
