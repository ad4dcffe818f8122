//! `/v1/policies/{name}/overrides`: the limits that single keys have of their own.

use std::fs;

use serde_json::{Value as Json, json};

use crate::common::cluster::Cluster;
use crate::common::coordinator::folder;
use crate::common::{Client, Coordinator, on_each, wait_until};
use crate::ends::waits_now;
use crate::several::{operator, set, tokens};

const TEAM: &str = "a-token-for-one-team";

fn rpm(limit: u64) -> Json {
    json!([{"name": "rpm", "limit": limit, "window": "1h", "unit": "requests", "algorithm": "slide"}])
}

fn put(client: &mut Client, key: &str, limit: u64) -> Json {
    let body = json!({ "limits": rpm(limit) }).to_string();
    client.ask("PUT", &format!("/v1/policies/p/overrides/{key}"), &body).status(200).json()
}

fn list(client: &mut Client) -> Json {
    client.get("/v1/policies/p/overrides").status(200).json()["overrides"].clone()
}

#[test]
fn overrides_are_set_read_listed_and_deleted() {
    on_each(&tokens(), |coordinator| {
        set(coordinator, "p", rpm(1));
        let mut client = operator(coordinator);
        let missing = "/v1/policies/p/overrides/a%2Fb";
        client.get(missing).problem(404, "no_such_override");
        assert_eq!(list(&mut client), json!([]));
        let told = json!({"name": "p", "key": "a/b", "limits": rpm(3)});
        assert_eq!(put(&mut client, "a%2Fb", 3), told);
        assert_eq!(client.get("/v1/policies/p/overrides/a/b").status(200).json(), told);
        put(&mut client, "%C3%A9", 2);
        assert_eq!(list(&mut client), json!(["a/b", "\u{e9}"]));
        for (key, limit) in [("a/b", 3), ("\u{e9}", 2), ("other", 1)] {
            let ask = json!({"key": key, "policy": "p"});
            for left in (0..limit).rev() {
                assert_eq!(
                    client.v1("quota", &ask).status(200).json()["limits"][0]["remaining"],
                    left,
                    "{key}"
                );
            }
            client.v1("quota", &ask).status(429);
        }
        // The policy itself is as it was, and an override that goes takes nothing of what is used with it.
        assert_eq!(client.get("/v1/policies/p").json(), json!({"name": "p", "limits": rpm(1)}));
        let delete = |client: &mut Client| client.ask("DELETE", missing, "").status(200).json();
        assert_eq!(delete(&mut client), json!({"done": true}));
        assert_eq!(delete(&mut client), json!({"done": false}));
        let peeked = client.v1("peek", &json!({"key": "a/b"})).json();
        assert_eq!(
            (&peeked["limits"][0]["limit"], &peeked["limits"][0]["remaining"]),
            (&json!(1), &json!(0))
        );
        client.ask("DELETE", "/v1/policies/p", "").status(200);
        client.get("/v1/policies/p/overrides").problem(404, "no_such_policy");
        let body = json!({ "limits": rpm(1) }).to_string();
        client.ask("PUT", missing, &body).problem(409, "no_such_policy");
        set(coordinator, "p", rpm(1));
        assert_eq!(list(&mut client), json!([]), "they went with their policy");
    });
}

#[test]
fn only_a_token_that_says_so_changes_them() {
    on_each(&tokens(), |coordinator| {
        set(coordinator, "p", rpm(1));
        put(&mut operator(coordinator), "team:a", 2);
        put(&mut operator(coordinator), "mine", 2);
        let mut team = coordinator.client().with_token(TEAM);
        let body = json!({ "limits": rpm(9) }).to_string();
        team.ask("PUT", "/v1/policies/p/overrides/team:a", &body).problem(403, "policies_forbidden");
        team.ask("DELETE", "/v1/policies/p/overrides/team:a", "").problem(403, "policies_forbidden");
        team.get("/v1/policies/p/overrides").status(403);
        team.get("/v1/policies/p/overrides/mine").status(403);
        team.get("/v1/policies/p/overrides/team:a").status(200);
        coordinator.client().get("/v1/policies/p/overrides/mine").problem(401, "unauthorized");
        let mut client = operator(coordinator);
        for key in ["", "%", "%ff", &"x".repeat(1_025)] {
            client
                .ask("PUT", &format!("/v1/policies/p/overrides/{key}"), &body)
                .problem(400, "invalid_request");
        }
        client.ask("PUT", "/v1/policies/p!/overrides/k", &body).problem(400, "invalid_request");
        client.ask("PUT", "/v1/policies/p/overrides/k", "{}").problem(400, "invalid_request");
        client.ask("PUT", "/v1/policies/p/overrides", &body).status(405);
        assert_eq!(list(&mut client), json!(["mine", "team:a"]));
    });
}

#[test]
fn a_change_is_seen_by_who_waits() {
    on_each(&tokens(), |coordinator| {
        set(coordinator, "p", rpm(1));
        let mut client = operator(coordinator);
        let ask = json!({"key": "k", "policy": "p", "wait": "1h"});
        client.v1("quota", &ask).status(200);
        let mut waits = operator(coordinator);
        waits.send("POST", "/v1/quota", &ask.to_string());
        wait_until("it waits", || waits_now(&mut client) == 1);
        put(&mut client, "k", 2);
        waits.receive().status(200);
    });
}

#[test]
fn the_file_and_the_snapshot_keep_them() {
    let dir = folder();
    let file = |limit: u64| {
        let text = "[policy.own]\nrpm = { limit = 1, window = \"1h\" }\n[override.own.\"user:42\"]\n";
        let text = format!("{text}rpm = {{ limit = {limit}, window = \"1h\" }}\n");
        fs::write(dir.join("policies.toml"), text).unwrap();
    };
    file(5);
    let snapshot = "[snapshot]\npath = \"limits\"\ninterval = \"1h\"\n";
    let config = format!("policies = \"policies.toml\"\n{snapshot}{}", tokens());
    let mut coordinator = Coordinator::start_in(&dir, &config, &[]);
    let mut client = operator(&coordinator);
    let limit = |client: &mut Client| {
        client.get("/v1/policies/own/overrides/user:42").status(200).json()["limits"][0]["limit"].clone()
    };
    assert_eq!(limit(&mut client), 5);
    let asked = client.v1("quota", &json!({"key": "user:42", "policy": "own"}));
    assert_eq!(asked.json()["limits"][0]["limit"], 5);
    let body = json!({ "limits": rpm(9) }).to_string();
    for key in ["user:42", "user:43"] {
        client.ask("PUT", &format!("/v1/policies/own/overrides/{key}"), &body).problem(409, "policy_of_file");
        client.ask("DELETE", &format!("/v1/policies/own/overrides/{key}"), "").problem(409, "policy_of_file");
    }
    file(7);
    assert!(coordinator.reload(&config));
    assert_eq!(limit(&mut client), 7);
    set(&coordinator, "p", rpm(1));
    put(&mut client, "k", 4);
    assert!(coordinator.end().success());
    coordinator.restart();
    let mut client = operator(&coordinator);
    assert_eq!((limit(&mut client), list(&mut client)), (json!(7), json!(["k"])));
    assert_eq!(client.v1("quota", &json!({"key": "k", "policy": "p"})).json()["limits"][0]["limit"], 4);
}

#[test]
fn each_primary_of_a_cluster_has_them() {
    let cluster = Cluster::start(3);
    let url = format!("redis-cluster://127.0.0.1:{}", cluster.nodes[0].port());
    let coordinator = Coordinator::start(&tokens(), &["--redis", &url]);
    set(&coordinator, "p", rpm(1));
    let mut client = operator(&coordinator);
    for key in ["a", "b", "c", "d", "e", "f"] {
        put(&mut client, key, 2);
        let asked = client.v1("quota", &json!({"key": key, "policy": "p"}));
        assert_eq!(asked.status(200).json()["limits"][0]["limit"], 2, "{key}");
    }
    client.ask("DELETE", "/v1/policies/p/overrides/a", "").status(200);
    for server in &cluster.nodes {
        assert_eq!(server.connect().ask("RL.POLICY OVERRIDES p").list().len(), 5);
    }
}
