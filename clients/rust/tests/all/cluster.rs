//! A cluster of three primaries: keys and policies on all of them, and slots that move.

use std::time::Duration;

use redis::Value;
use redis_rl::{Cause, Error, Limit, Limiter};

use crate::servers::{MINUTE, PATIENCE, Server, eventually, free_port};

/// The first slot of each primary, and the end.
const BORDERS: [u16; 4] = [0, 5_461, 10_923, 16_384];

fn text(value: Value) -> String {
    let Value::BulkString(text) = value else { panic!("no text: {value:?}") };
    String::from_utf8(text).unwrap()
}

async fn cluster() -> [Server; 3] {
    let module = std::env::var("REDIS_RL_MODULE").unwrap();
    let options =
        ["--loadmodule", &module, "--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"];
    // The port of a node's bus is 10000 above its own.
    let port = || std::iter::repeat_with(free_port).find(|port| *port < 50_000).unwrap();
    let nodes = [(); 3].map(|()| Server::with(&options, port()));
    for (n, node) in nodes.iter().enumerate() {
        node.admin(&["CLUSTER", "ADDSLOTSRANGE", &BORDERS[n].to_string(), &(BORDERS[n + 1] - 1).to_string()]);
        node.admin(&["CLUSTER", "SET-CONFIG-EPOCH", &(n + 1).to_string()]);
        nodes[0].admin(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string()]);
    }
    for node in &nodes {
        let is_ready = async || {
            let info = text(node.admin(&["CLUSTER", "INFO"]));
            ["cluster_state:ok", "cluster_known_nodes:3", "cluster_slots_assigned:16384"]
                .iter()
                .all(|line| info.contains(line))
        };
        eventually("the cluster is ready", is_ready).await;
    }
    nodes
}

fn limiter(nodes: &[Server]) -> Limiter {
    Limiter::cluster(nodes.iter().map(|node| node.url("resp3"))).unwrap().timeout(PATIENCE)
}

#[tokio::test]
async fn keys_and_policies_are_on_all_nodes() {
    let nodes = cluster().await;
    let limiter = limiter(&nodes[1..2]); // it learns of the others
    limiter.policies().set("p", &[Limit::slide("rpm", 1, Duration::from_millis(200))]).await.unwrap();
    for n in 0..30 {
        for _ in 0..(if n < 3 { 2 } else { 1 }) {
            // the second waits
            let decision = limiter.quota(&format!("k{n}"), "p").wait(MINUTE).await.unwrap();
            assert!(decision.allowed && decision.degraded.is_none(), "{decision:?}");
        }
    }
    let held = nodes.each_ref().map(|node| node.admin(&["DBSIZE"]));
    assert!(held.iter().all(|n| matches!(n, Value::Int(1..))), "{held:?}");

    let keys = [("{a}:1", "p"), ("{a}:2", "p")];
    assert!(limiter.mquota(&keys).wait(MINUTE).await.unwrap().allowed);
    assert!(limiter.first(&keys).wait(MINUTE).await.unwrap().allowed);
    limiter.policies().set_override("p", "{c}:1", &[Limit::slide("rpm", 9, MINUTE)]).await.unwrap();
    assert_eq!(limiter.quota("{c}:1", "p").await.unwrap().limit("rpm").unwrap().limit, 9);
    match limiter.mquota(&[("{a}:1", "p"), ("{b}:1", "p")]).await {
        Err(Error::Invalid(text)) => assert!(text.contains("CROSSSLOT"), "{text}"),
        other => panic!("{other:?}"),
    }
    let call = limiter.reserve("{c}:2", &[Limit::in_flight("calls", 1)]).await.unwrap();
    call.close().await.unwrap();
    assert_eq!(limiter.policies().list().await.unwrap(), ["p"]);
    assert!(limiter.policies().delete("p").await.unwrap());
    for node in &nodes {
        assert_eq!(node.admin(&["RL.POLICY", "LIST"]), Value::Array(Vec::new()));
    }
}

#[tokio::test]
async fn commands_follow_slots_that_move() {
    let nodes = cluster().await;
    let limiter = limiter(&nodes);
    let slide = async |wait: u64| {
        let decision =
            limiter.slide("foo{hash_tag}", 100, MINUTE).wait(Duration::from_secs(wait)).await.unwrap();
        assert!(decision.allowed && decision.degraded.is_none(), "{decision:?}");
        decision.remaining
    };
    let [from, to, other] = nodes.each_ref(); // the key's slot is 2515
    let ids = [from, to].map(|node| text(node.admin(&["CLUSTER", "MYID"])));
    limiter.peek("foo{hash_tag}").await.unwrap(); // it learns where the slots are
    to.admin(&["CLUSTER", "SETSLOT", "2515", "IMPORTING", &ids[0]]);
    from.admin(&["CLUSTER", "SETSLOT", "2515", "MIGRATING", &ids[1]]);
    // The key is not there, so it begins at the other node.
    assert_eq!([slide(0).await, slide(1).await], [99, 98]);
    assert_eq!([from, to].map(|node| node.admin(&["DBSIZE"])), [Value::Int(0), Value::Int(1)]);
    for node in [to, from, other] {
        node.admin(&["CLUSTER", "SETSLOT", "2515", "NODE", &ids[1]]);
    }
    assert_eq!([slide(1).await, slide(0).await], [97, 96]);
}

#[tokio::test]
async fn the_keys_of_other_nodes_are_decided_while_one_is_gone() {
    let mut nodes = cluster().await;
    let limiter = limiter(&nodes).timeout(Duration::from_secs(2));
    assert!(limiter.slide("foo{hash_tag}", 5, MINUTE).await.unwrap().allowed); // of the first node
    nodes[0].signal("STOP");
    let decision = limiter.slide("foo{hash_tag}", 5, MINUTE).await.unwrap();
    assert_eq!(decision.degraded.unwrap().cause, Cause::Down);
    let decision = limiter.slide("123456789", 5, MINUTE).await.unwrap(); // of the third
    assert!(decision.allowed && decision.degraded.is_none(), "{decision:?}");
    nodes[0].signal("CONT");
    nodes[0].kill();
    let decision = limiter.slide("123456789", 5, MINUTE).await.unwrap();
    assert!(decision.allowed && decision.degraded.is_none(), "{decision:?}");
    assert!(matches!(Limiter::cluster([] as [&str; 0]), Err(Error::Invalid(_))));
}
