//! Requests for several keys: all of them admit, or nothing is counted. In memory, their keys come together in one shard.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use serde_json::{Value as Json, json};

use crate::common::{Client, Coordinator, Random, on_each, wait_until};

pub const OPERATOR: &str = "a-token-for-operators";
const TEAM: &str = "a-token-for-one-team";

/// A token that may change policies, and one for some keys.
pub fn tokens() -> String {
    format!(
        "[[token]]\nname = \"operator\"\ntoken = \"{OPERATOR}\"\npolicies = true\n\
         [[token]]\nname = \"team\"\ntoken = \"{TEAM}\"\nprefixes = [\"team:\"]\n"
    )
}

pub fn operator(coordinator: &Coordinator) -> Client {
    coordinator.client().with_token(OPERATOR)
}

/// Sets a policy.
#[track_caller]
pub fn set(coordinator: &Coordinator, name: &str, limits: Json) {
    let body = json!({ "limits": limits }).to_string();
    operator(coordinator).ask("PUT", &format!("/v1/policies/{name}"), &body).status(200);
}

pub fn keys(keys: &[(&str, &str)]) -> Json {
    keys.iter().map(|(key, policy)| json!({"key": key, "policy": policy})).collect()
}

pub fn remaining(client: &mut Client, key: &str) -> Option<u64> {
    let answer = client.v1("peek", &json!({"key": key}));
    if answer.status == 404 { None } else { answer.json()["limits"][0]["remaining"].as_u64() }
}

#[test]
fn all_keys_admit_or_nothing_is_counted() {
    on_each(&tokens(), |coordinator| {
        set(coordinator, "org", json!([{"name": "rpm", "limit": 5, "window": "1h"}]));
        set(
            coordinator,
            "user",
            json!([
                {"name": "rpm", "limit": 2, "window": "1h"},
                {"name": "tpm", "limit": 100, "window": "1h", "unit": "tokens"}
            ]),
        );
        let mut client = operator(coordinator);
        let body = |user: &str, tokens: u64| json!({"keys": keys(&[("org", "org"), (user, "user")]), "cost": {"tokens": tokens}});
        let answer = client.v1("mquota", &body("u1", 60)).status(200);
        assert!(answer.field("ratelimit").unwrap().starts_with("\"org/rpm\";r=4;t=3600, \"user/rpm\";r=1;"));
        if coordinator.redis.is_none() {
            let policy = answer.field("ratelimit-policy").unwrap();
            assert!(policy.starts_with("\"org/rpm\";q=5;w=3600, \"user/rpm\";q=2;"), "{policy}");
        }
        let told = answer.json();
        assert_eq!((&told["allowed"], &told["blocking"]), (&json!(true), &json!([])));
        let names: Vec<&Json> =
            told["limits"].as_array().unwrap().iter().map(|limit| &limit["name"]).collect();
        assert_eq!(names, ["org/rpm", "user/rpm", "user/tpm"]);

        let denied = client.v1("mquota", &body("u1", 60)).status(429);
        assert!(denied.field("retry-after").is_some());
        assert_eq!(denied.json()["blocking"], json!(["user/tpm"]));
        client.v1("mquota", &body("u2", 101)).status(429);
        assert_eq!((remaining(&mut client, "org"), remaining(&mut client, "u2")), (Some(4), None));
        // Requests for one of the keys, before and after, count in the same place.
        client.v1("quota", &json!({"key": "u3", "policy": "user"})).status(200);
        client.v1("mquota", &body("u3", 1)).status(200);
        client.v1("quota", &json!({"key": "u3", "policy": "user"})).status(429);
        client.v1("quota", &json!({"key": "org", "policy": "org"})).status(200);
        assert_eq!((remaining(&mut client, "org"), remaining(&mut client, "u3")), (Some(2), Some(0)));

        // A reservation is one of each key.
        let mut reserves = body("u4", 50);
        (reserves["reserve"], reserves["id"]) = (json!("1h"), json!("call"));
        assert_eq!(client.v1("mquota", &reserves).status(200).json()["reservation"], "call");
        let settle = |key: &str| json!({"key": key, "id": "call", "cost": {"tokens": 10}});
        assert_eq!(client.v1("settle", &settle("u4")).json(), json!({"done": true}));
        client.v1("mquota", &reserves).problem(409, "id_elsewhere");
        assert_eq!(client.v1("settle", &settle("org")).json(), json!({"done": true}));
        assert_eq!(client.v1("peek", &json!({"key": "u4"})).json()["limits"][1]["remaining"], 90);
        let metrics = client.get("/metrics").text();
        assert!(
            metrics.contains("rl_requests_total{command=\"mquota\",outcome=\"admitted\"} 3\n"),
            "{metrics}"
        );
    });
}

#[test]
fn a_wrong_request_for_several_keys_is_refused() {
    on_each(&tokens(), |coordinator| {
        set(coordinator, "p", json!([{"name": "rpm", "limit": 5, "window": "1h"}]));
        let mut client = operator(coordinator);
        let many: Vec<(String, &str)> = (0..17).map(|key| (format!("k{key}"), "p")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(key, policy)| (key.as_str(), *policy)).collect();
        for wrong in [
            json!({}),
            json!({"keys": []}),
            json!({"keys": keys(&many)}),
            json!({"keys": "a"}),
            json!({"keys": [{"key": "a"}]}),
            json!({"keys": [{"policy": "p"}]}),
            json!({"keys": [{"key": "", "policy": "p"}]}),
            json!({"keys": keys(&[("a", "p"), ("a", "p")])}),
            json!({"keys": keys(&[("a", "p")]), "id": "x"}),
            json!({"keys": keys(&[("a", "p")]), "priority": "low"}),
            json!({"keys": keys(&[("a", "p")]), "limits": []}),
        ] {
            client.v1("mquota", &wrong).problem(400, "invalid_request");
        }
        client
            .v1("mquota", &json!({"keys": keys(&[("a", "p"), ("b", "none")])}))
            .problem(409, "no_such_policy");
        client.v1("slide", &json!({"key": "c", "limit": 1, "window": "1h"})).status(200);
        client
            .v1("mquota", &json!({"keys": keys(&[("a", "p"), ("c", "p")])}))
            .problem(409, "wrong_algorithm");
        client.v1("mquota", &json!({"keys": keys(&many[..16])})).status(200);
        for key in ["a", "b"] {
            client.v1("peek", &json!({"key": key})).status(404);
        }
    });
}

#[test]
fn a_token_needs_all_of_the_keys() {
    on_each(&tokens(), |coordinator| {
        set(coordinator, "p", json!([{"name": "rpm", "limit": 5, "window": "1h"}]));
        let mut team = coordinator.client().with_token(TEAM);
        for wrong in [[("team:a", "p"), ("other", "p")], [("other", "p"), ("team:a", "p")]] {
            team.v1("mquota", &json!({"keys": keys(&wrong)})).problem(403, "key_forbidden");
        }
        team.v1("peek", &json!({"key": "team:a"})).status(404);
        team.v1("mquota", &json!({"keys": keys(&[("team:a", "p"), ("team:b", "p")])})).status(200);
        coordinator.client().v1("mquota", &json!({"keys": keys(&[("team:a", "p")])})).status(401);
    });
}

#[test]
fn many_threads_admit_what_the_limits_allow() {
    const LIMIT: u64 = 60;
    on_each(&tokens(), |coordinator| {
        set(coordinator, "p", json!([{"name": "rpm", "limit": LIMIT, "window": "1h"}]));
        let admitted: Vec<AtomicU64> = (0..8).map(|_| AtomicU64::new(0)).collect();
        let coordinator = &*coordinator;
        thread::scope(|scope| {
            for seed in 0..4 {
                let admitted = &admitted;
                scope.spawn(move || {
                    let (mut random, mut client) = (Random::new(seed), operator(coordinator));
                    for _ in 0..400 {
                        let [one, two] = [random.below(8), random.below(8)];
                        let name = |at: usize| format!("k{at}");
                        let (of, answer) = if one == two {
                            (vec![one], client.v1("quota", &json!({"key": name(one), "policy": "p"})))
                        } else {
                            let both = keys(&[(&name(one), "p"), (&name(two), "p")]);
                            (vec![one, two], client.v1("mquota", &json!({"keys": both})))
                        };
                        if answer.status == 200 {
                            for at in of {
                                admitted[at].fetch_add(1, Relaxed);
                            }
                        }
                    }
                });
            }
        });
        let mut client = operator(coordinator);
        for (at, admitted) in admitted.iter().enumerate() {
            let left = remaining(&mut client, &format!("k{at}")).unwrap();
            assert_eq!(admitted.load(Relaxed) + left, LIMIT, "k{at}");
        }
        assert!(admitted.iter().any(|admitted| admitted.load(Relaxed) == LIMIT));
    });
}

#[test]
fn keys_that_have_moved_expire_and_come_back() {
    let coordinator = Coordinator::start(&tokens(), &[]);
    set(&coordinator, "p", json!([{"name": "rpm", "limit": 1, "window": "150ms"}]));
    let mut client = operator(&coordinator);
    let kept = |client: &mut Client| {
        let text = client.get("/metrics").text();
        text.lines().find_map(|line| line.strip_prefix("rl_keys ")).unwrap().parse::<u64>().unwrap()
    };
    for round in 0..3 {
        for key in 0..50 {
            let body = json!({"keys": keys(&[(&format!("a{key}"), "p"), (&format!("b{key}"), "p")])});
            wait_until("there is room", || client.v1("mquota", &body).status == 200);
        }
        wait_until("they expire", || kept(&mut client) == 0);
        for key in 0..50 {
            let one = json!({"key": format!("a{key}"), "limit": 2, "window": "1h"});
            client.v1("slide", &one).status(200);
            client.v1("slide", &one).status(200);
            client.v1("slide", &one).status(429);
            client.ask("DELETE", &format!("/v1/keys/a{key}"), "").status(200);
        }
        assert_eq!(kept(&mut client), 0, "{round}");
    }
}

#[test]
fn there_is_room_for_all_keys_or_none_is_made() {
    let config = |keys: usize| format!("[bounds]\nkeys = {keys}\n{}", tokens());
    let coordinator = Coordinator::start(&config(4), &[]);
    set(&coordinator, "p", json!([{"name": "rpm", "limit": 5, "window": "1h"}]));
    let (mut client, mut team) = (operator(&coordinator), coordinator.client().with_token(TEAM));
    let ask = |client: &mut Client, names: &[&str]| {
        let names: Vec<(&str, &str)> = names.iter().map(|name| (*name, "p")).collect();
        client.v1("mquota", &json!({"keys": keys(&names)}))
    };
    // Half of the four keys are for the token.
    ask(&mut team, &["team:1", "team:2", "team:3"]).problem(503, "too_many_token_keys");
    ask(&mut team, &["team:1", "team:2"]).status(200);
    ask(&mut team, &["team:2", "team:3"]).problem(503, "too_many_token_keys");
    ask(&mut client, &["1", "2", "3"]).problem(503, "too_many_keys");
    ask(&mut client, &["1", "2"]).status(200);
    ask(&mut client, &["1", "3"]).problem(503, "too_many_keys");
    ask(&mut client, &["1", "2"]).status(200);
    // What is there decides, also beside a key for which there is no room.
    let full = json!({"keys": keys(&[("1", "p"), ("3", "p")]), "cost": 5});
    client.v1("mquota", &full).status(429);
    assert_eq!(remaining(&mut client, "1"), Some(3));
    client.ask("DELETE", "/v1/keys/2", "").status(200);
    ask(&mut client, &["1", "3"]).status(200);
}
