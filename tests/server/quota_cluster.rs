//! Quotas in a cluster: a slot that moves under load takes every reservation along, and a request about many
//! keys must stay in one slot.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::common::cluster::{Cluster, ClusterClient, Load, slot};
use crate::common::quota::Answer;
use crate::common::{Random, Value, wait_until};

const TAGS: usize = 9;

/// Starts three nodes. The policies are set on every primary, as an operator does.
fn cluster() -> Cluster {
    let cluster = Cluster::start(3);
    for node in &cluster.nodes {
        let mut conn = node.connect();
        conn.done("RL.POLICY SET org LIMIT tpd 9000000 3650d UNIT tokens WINDOW LIMIT open 100000 INFLIGHT");
        conn.done("RL.POLICY SET user LIMIT rpm 9000000 1d LIMIT tpm 4000 30d UNIT tokens BUCKET 4000");
    }
    cluster
}

#[test]
fn many_keys_are_of_one_slot() {
    let cluster = cluster();
    let mut client = cluster.client();
    let ask = "RL.MQUOTA 2 {acme}:org {acme}:user:7 POLICY org user COST tokens 9 RESERVE 1h ID r";
    assert_eq!(Answer::of(&client.ask_about("{acme}", ask)).reserved(), "r");
    assert_eq!(client.ask("RL.SETTLE {acme}:user:7 r COST tokens 3").int(), 1);
    assert_eq!(client.ask("RL.INFO {acme}:org").get("used").get("tpd").int(), 9);
    let across = client.ask_about("acme:org", "RL.MQUOTA 2 acme:org acme:user POLICY org user RESERVE 1h");
    assert!(across.error().starts_with("CROSSSLOT"), "{across:?}");
    let foreign = cluster.nodes[cluster.owner(slot(b"acme"))].port();
    let other = cluster.nodes.iter().find(|node| node.port() != foreign).unwrap();
    for line in [
        ask,
        "RL.QUOTA {acme}:org POLICY org RESERVE 1",
        "RL.SETTLE {acme}:org r",
        "RL.CANCEL {acme}:org r",
        "RL.RENEW {acme}:org r 1",
    ] {
        assert!(other.connect().ask(line).error().starts_with("MOVED "), "{line}");
    }
}

/// A client's view of one key: the tokens charged, and the reservations left open.
#[derive(Default)]
struct Usage {
    tokens: i64,
    open: Vec<(String, i64)>,
}

/// Makes reservations and settles, cancels or leaves them, until `over`.
fn calls(
    mut client: ClusterClient,
    seed: u64,
    over: &AtomicBool,
    asked: &AtomicU64,
) -> HashMap<String, Usage> {
    let mut random = Random::new(seed);
    let mut usages: HashMap<String, Usage> = HashMap::new();
    for call in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let (tag, cost, id) =
            (format!("{{t{}}}", random.below(TAGS)), random.between(1, 9), format!("{seed}:{call}"));
        let (org, user) = (format!("{tag}:org"), format!("{tag}:user"));
        let keys = if random.one_in(2) { vec![&user] } else { vec![&org, &user] };
        let line = match keys[..] {
            [user] => format!("RL.QUOTA {user} POLICY user COST tokens {cost} RESERVE 1d ID {id}"),
            _ => format!("RL.MQUOTA 2 {org} {user} POLICY org user COST tokens {cost} RESERVE 1d ID {id}"),
        };
        let answer = Answer::of(&client.ask_about(&tag, &line));
        asked.fetch_add(1, Ordering::Relaxed);
        if !answer.allowed {
            continue;
        }
        for key in keys {
            let usages = usages.entry(key.clone()).or_default();
            let used = random.between(0, cost);
            match random.below(8) {
                0 => {
                    usages.open.push((id.clone(), cost));
                    usages.tokens += cost;
                }
                1 => assert_eq!(client.ask(&format!("RL.CANCEL {key} {id}")).int(), 1),
                _ => {
                    let line = format!("RL.SETTLE {key} {id} COST tokens {used}");
                    assert_eq!(client.ask(&line).int(), 1, "{line}");
                    usages.tokens += used;
                }
            }
        }
    }
    usages
}

#[test]
fn slots_that_move_under_load_keep_every_reservation() {
    let cluster = cluster();
    let (over, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut usages: HashMap<String, Usage> = HashMap::new();
    thread::scope(|scope| {
        let load = Load(&over);
        let clients: Vec<_> = (0..4)
            .map(|seed| {
                let (client, over, asked) = (cluster.client(), &over, &asked);
                scope.spawn(move || calls(client, seed, over, asked))
            })
            .collect();
        for round in 1..=3 {
            for tag in 0..TAGS {
                cluster.migrate(slot(format!("t{tag}").as_bytes()), &cluster.nodes[(tag + round) % 3]);
            }
            let enough = 2_000 * u64::try_from(round).unwrap();
            wait_until("there is load", || {
                asked.load(Ordering::Relaxed) >= enough || clients.iter().any(|client| client.is_finished())
            });
        }
        drop(load);
        for client in clients {
            for (key, one) in client.join().unwrap() {
                let all = usages.entry(key).or_default();
                all.tokens += one.tokens;
                all.open.extend(one.open);
            }
        }
    });
    let mut client = cluster.client();
    assert_eq!(usages.len(), 2 * TAGS);
    for (key, Usage { tokens, open }) in usages {
        let info = client.ask(&format!("RL.INFO {key}"));
        assert_ne!(info, Value::Nil, "{key} is lost");
        let limit = if key.ends_with("org") { "tpd" } else { "tpm" };
        let spent = info.get("used").get(limit).int();
        // A bucket of 4,000 tokens in 30 days has been refilled by at most one token.
        assert!((tokens - 1..=tokens).contains(&spent), "{key}: {spent} used, {tokens} by the replies");
        assert!(!open.is_empty());
        assert_eq!(info.get("reservations").int(), i64::try_from(open.len()).unwrap(), "{key}");
        for (id, _) in &open {
            assert_eq!(client.ask(&format!("RL.CANCEL {key} {id}")).int(), 1, "{key} {id}");
        }
        let left = tokens - open.iter().map(|(_, cost)| cost).sum::<i64>();
        let spent = client.ask(&format!("RL.INFO {key}")).get("used").get(limit).int();
        assert!((left - 1..=left).contains(&spent), "{key}: {spent} used, {left} by the replies");
    }
}
