//! Requests for several keys in a cluster.

use serde_json::json;

use crate::common::cluster::Cluster;
use crate::common::{Coordinator, wait_until};
use crate::ends::waits_now;
use crate::several::{operator, set, tokens};

#[test]
fn the_keys_of_a_cluster_are_in_one_slot() {
    let cluster = Cluster::start(3);
    let url = format!("redis-cluster://127.0.0.1:{}", cluster.nodes[0].port());
    let coordinator = Coordinator::start(&tokens(), &["--redis", &url]);
    set(&coordinator, "p", json!([{"name": "rpm", "limit": 1, "window": "1h"}]));
    let mut client = operator(&coordinator);
    let slots = |server: &crate::common::Server| {
        let stats = server.connect().ask("INFO commandstats").text();
        let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_cluster|slots:calls="));
        calls.map_or(0, |calls| calls.split(',').next().unwrap().parse::<u64>().unwrap())
    };
    let before: u64 = cluster.nodes.iter().map(slots).sum();
    // Keys of all nodes.
    for tag in ["a", "b", "c", "d", "e", "f"] {
        let body = |wait: &str| {
            let key = |name: &str| json!({"key": format!("{{{tag}}}:{name}"), "policy": "p"});
            json!({"keys": [key("org"), key("user")], "wait": wait})
        };
        client.v1("mquota", &body("1ms")).status(200);
        client.v1("mquota", &body("1ms")).status(429);
        let mut waits = operator(&coordinator);
        waits.send("POST", "/v1/mquota", &body("1h").to_string());
        wait_until("it waits", || waits_now(&mut client) == 1);
        for name in ["org", "user"] {
            client.ask("DELETE", &format!("/v1/keys/{{{tag}}}:{name}"), "").status(200);
        }
        waits.receive().status(200);
    }
    let after: u64 = cluster.nodes.iter().map(slots).sum();
    assert!(after - before <= 6, "the map of slots is not asked for again and again: {before}, {after}");
    let none = json!({"keys": [{"key": "{t}a", "policy": "p"}, {"key": "{t}b", "policy": "none"}]});
    client.v1("mquota", &none).problem(409, "no_such_policy");
    let apart = json!({"keys": [{"key": "a", "policy": "p"}, {"key": "b", "policy": "p"}]});
    client.v1("mquota", &apart).problem(400, "keys_in_other_slots");
}
