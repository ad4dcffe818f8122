//! `/v1/policies`: who may read and change policies, and what a change does.

use std::{fs, thread};

use serde_json::{Value as Json, json};

use crate::common::cluster::Cluster;
use crate::common::coordinator::folder;
use crate::common::value::Value;
use crate::common::{Client, Coordinator, on_each, wait_until};
use crate::ends::{until_they_wait, waits_now};
use crate::several::{operator, set, tokens};

const ALL: &str = "a-token-for-all-keys";
const TEAM: &str = "a-token-for-one-team";

fn all_tokens() -> String {
    format!("{}[[token]]\nname = \"all\"\ntoken = \"{ALL}\"\n", tokens())
}

fn limits() -> Json {
    json!([
        {"name": "rpm", "limit": 3, "window": "1m", "unit": "requests", "algorithm": "slide"},
        {"name": "day", "limit": 9, "window": "1mo", "unit": "tokens", "algorithm": "window", "offset": "-1h"},
        {"name": "burst", "limit": 7, "window": "1s", "unit": "requests", "algorithm": "bucket", "capacity": 4},
        {"name": "calls", "inflight": 2, "shadow": true}
    ])
}

fn list(client: &mut Client) -> Json {
    client.get("/v1/policies").status(200).json()["policies"].clone()
}

#[test]
fn policies_are_set_read_listed_and_deleted() {
    on_each(&tokens(), |coordinator| {
        let mut client = operator(coordinator);
        assert_eq!(list(&mut client), json!([]));
        client.get("/v1/policies/claude").problem(404, "no_such_policy");
        let put = |client: &mut Client, name: &str, limits: Json| {
            client.ask("PUT", &format!("/v1/policies/{name}"), &json!({ "limits": limits }).to_string())
        };
        let told = json!({"name": "claude:3.5", "limits": limits()});
        assert_eq!(put(&mut client, "claude%3A3.5", limits()).status(200).json(), told);
        assert_eq!(client.get("/v1/policies/claude:3.5").status(200).json(), told);
        put(&mut client, "a", json!([{"name": "rpm", "limit": 1, "window": 60}])).status(200);
        assert_eq!(list(&mut client), json!(["a", "claude:3.5"]));
        if let Some(redis) = &coordinator.redis {
            let names: Vec<String> =
                redis.connect().ask("RL.POLICY LIST").list().iter().map(Value::text).collect();
            assert_eq!(names, ["a", "claude:3.5"]);
        }

        let ask = json!({"key": "k", "policy": "a"});
        client.v1("quota", &ask).status(200);
        client.v1("quota", &ask).status(429);
        // What is used stays used.
        put(&mut client, "a", json!([{"name": "rpm", "limit": 3, "window": 60}])).status(200);
        assert_eq!(client.v1("quota", &ask).status(200).json()["limits"][0]["remaining"], 1);

        let delete = |client: &mut Client| client.ask("DELETE", "/v1/policies/a", "").status(200).json();
        assert_eq!(delete(&mut client), json!({"done": true}));
        assert_eq!(delete(&mut client), json!({"done": false}));
        client.v1("quota", &ask).problem(409, "no_such_policy");
        assert_eq!(list(&mut client), json!(["claude:3.5"]));
        let metrics = client.get("/metrics").text();
        for line in ["{change=\"set\"} 3\n", "{change=\"deleted\"} 1\n"] {
            assert!(metrics.contains(&format!("rl_policy_changes_total{line}")), "{metrics}");
        }
        wait_until("it is logged", || coordinator.log().contains("a caller deleted a policy"));
    });
}

#[test]
fn a_policy_gives_weights_to_flows() {
    on_each(&tokens(), |coordinator| {
        let mut client = operator(coordinator);
        let policy = json!({"limits": [{"name": "rpm", "limit": 4, "window": "1d"}], "flows": {"paid": 3, "a b": 1000}});
        let told = client.ask("PUT", "/v1/policies/p", &policy.to_string()).status(200).json();
        assert_eq!(told["flows"], policy["flows"]);
        let shown = client.get("/v1/policies/p").status(200).json();
        assert_eq!(shown["flows"], policy["flows"]);
        let again = json!({"limits": shown["limits"], "flows": shown["flows"]});
        assert_eq!(client.ask("PUT", "/v1/policies/p", &again.to_string()).status(200).json(), told);
        for (flows, detail) in [
            (json!({"a": 0}), "weight must be an integer from 1 to 1000"),
            (json!({"a": "1"}), "weight must be an integer from 1 to 1000"),
            (json!({"\u{e9}": 1}), "flow must be 1 to 128 printable ASCII characters"),
            (json!({"": 1}), "flow must be 1 to 128 printable ASCII characters"),
            (json!(["a"]), "flows must be an object of weights by flow"),
        ] {
            let wrong = json!({"limits": policy["limits"], "flows": flows}).to_string();
            let problem = client.ask("PUT", "/v1/policies/p", &wrong).problem(400, "invalid_request");
            assert_eq!(problem.json()["detail"], detail, "{wrong}");
        }
        // An override has limits only, and leaves the weights as they are.
        client.ask("PUT", "/v1/policies/p/overrides/x", &policy.to_string()).problem(400, "invalid_request");
        let limits = json!({"limits": policy["limits"]}).to_string();
        let own = client.ask("PUT", "/v1/policies/p/overrides/k", &limits).status(200).json();
        assert_eq!(own.get("flows"), None);
        assert_eq!(client.get("/v1/policies/p").json()["flows"], policy["flows"]);

        // Flows that name no weight share by those of the policy.
        for id in 0..4 {
            let ask = json!({"key": "k", "policy": "p", "reserve": "1d", "id": format!("r{id}")});
            client.v1("quota", &ask).status(200);
        }
        let join = |flow: &'static str| {
            let mut client = operator(coordinator);
            let ask = json!({"key": "k", "policy": "p", "wait": "1m", "flow": flow});
            thread::spawn(move || {
                client.v1("quota", &ask).status(200);
                flow
            })
        };
        let waiters: Vec<_> = [["free"; 4], ["paid"; 4]].concat().into_iter().map(join).collect();
        until_they_wait(coordinator, &mut client, 8);
        for id in 0..4 {
            client.v1("cancel", &json!({"key": "k", "id": format!("r{id}")})).status(200);
        }
        wait_until("four of them are admitted", || waits_now(&mut client) == 4);
        wait_until("they are answered", || waiters.iter().filter(|waiter| waiter.is_finished()).count() == 4);
        let (done, rest): (Vec<_>, Vec<_>) = waiters.into_iter().partition(thread::JoinHandle::is_finished);
        let flows: Vec<&str> = done.into_iter().map(|waiter| waiter.join().unwrap()).collect();
        assert_eq!(flows.iter().filter(|flow| **flow == "paid").count(), 3, "{flows:?}");
        // SET replaces the weights, too.
        let wide = json!({"limits": [{"name": "rpm", "limit": 100, "window": "1d"}]}).to_string();
        let told = client.ask("PUT", "/v1/policies/p", &wide).status(200).json();
        assert_eq!(told.get("flows"), None);
        client.ask("PUT", "/v1/policies/p/overrides/k", &wide).status(200);
        for waiter in rest {
            waiter.join().unwrap();
        }
    });
}

#[test]
fn only_a_token_that_says_so_changes_policies() {
    on_each(&all_tokens(), |coordinator| {
        set(coordinator, "p", json!([{"name": "rpm", "limit": 1, "window": "1h"}]));
        let wide = json!({"limits": [{"name": "rpm", "limit": 1000, "window": "1h"}]}).to_string();
        for (token, list, code) in [(ALL, 200, "policies_forbidden"), (TEAM, 403, "policies_forbidden")] {
            let mut client = coordinator.client().with_token(token);
            for path in ["/v1/policies/p", "/v1/policies/new"] {
                client.ask("PUT", path, &wide).problem(403, code);
                client.ask("DELETE", path, "").problem(403, code);
            }
            client.get("/v1/policies").status(list);
            assert_eq!(client.get("/v1/policies/p").status(200).json()["limits"][0]["limit"], 1);
        }
        let mut anonymous = coordinator.client();
        for (method, path) in [
            ("PUT", "/v1/policies/p"),
            ("DELETE", "/v1/policies/p"),
            ("GET", "/v1/policies/p"),
            ("GET", "/v1/policies"),
        ] {
            anonymous.ask(method, path, &wide).problem(401, "unauthorized");
        }
        // Nor may a page of another site, or one that makes a browser send a form.
        let mut page = operator(coordinator);
        page.fields.push("Origin: http://evil.example".to_owned());
        page.ask("PUT", "/v1/policies/p", &wide).problem(403, "other_origin");
        let mut form = operator(coordinator);
        form.fields.push("Content-Type: text/plain".to_owned());
        form.ask("PUT", "/v1/policies/p", &wide).problem(415, "not_json");
        assert_eq!(operator(coordinator).get("/v1/policies").json()["policies"], json!(["p"]));
        assert_eq!(operator(coordinator).get("/v1/policies/p").json()["limits"][0]["limit"], 1);
    });
    // Without tokens, everybody may read, and nobody may change.
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        client.get("/v1/policies").status(200);
        client.ask("PUT", "/v1/policies/p", "{}").problem(403, "policies_forbidden");
        client.ask("DELETE", "/v1/policies/p", "").problem(403, "policies_forbidden");
    });
    let wrong = tokens().replace("prefixes = [\"team:\"]", "prefixes = [\"team:\"]\npolicies = true");
    let dir = folder();
    let log = Coordinator::try_start(&dir, &wrong, &[]).err().expect("it does not start");
    assert!(log.contains("[[token]] team: policies goes without prefixes only"), "{log}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_wrong_policy_is_refused() {
    on_each(&format!("max_window = \"1d\"\n{}", tokens()), |coordinator| {
        let mut client = operator(coordinator);
        let limit = json!({"name": "a", "limit": 1, "window": 60});
        for wrong in [
            json!({}),
            json!({"limits": []}),
            json!({"limits": [limit, limit]}),
            json!({"limits": vec![&limit; 17]}),
            json!({"limits": [{"name": "a", "limit": -1, "window": 60}]}),
            json!({"limits": [{"name": "a", "limit": 1, "window": "2d"}]}),
            json!({"limits": [{"name": "a", "limit": 1, "window": 60, "shadow": 1}]}),
            json!({"limits": [{"name": "a", "inflight": 1, "limit": 1}]}),
            json!({"limits": [limit], "name": "b"}),
        ] {
            client.ask("PUT", "/v1/policies/p", &wrong.to_string()).problem(400, "invalid_request");
        }
        client.ask("PUT", "/v1/policies/p", "[").problem(400, "invalid_request");
        let long = "x".repeat(65);
        for name in ["", "a%20b", "a/b", "%", "%0d%0a", "%00", "%ff", "p%2f..", long.as_str()] {
            let path = format!("/v1/policies/{name}");
            let body = json!({"limits": [limit]}).to_string();
            for (method, body) in [("PUT", body.as_str()), ("GET", ""), ("DELETE", "")] {
                client.ask(method, &path, body).problem(400, "invalid_request");
            }
        }
        client.ask("POST", "/v1/policies/p", "{}").status(405);
        client.ask("PUT", "/v1/policies", "{}").status(405);
        assert_eq!(list(&mut client), json!([]));
    });
}

#[test]
fn a_change_is_seen_by_who_waits() {
    on_each(&tokens(), |coordinator| {
        set(coordinator, "p", json!([{"name": "rpm", "limit": 1, "window": "1h"}]));
        let mut client = operator(coordinator);
        let ask = json!({"key": "k", "policy": "p", "wait": "1h"});
        client.v1("quota", &ask).status(200);
        let mut waits = operator(coordinator);
        waits.send("POST", "/v1/quota", &ask.to_string());
        wait_until("it waits", || waits_now(&mut client) == 1);
        set(coordinator, "p", json!([{"name": "rpm", "limit": 2, "window": "1h"}]));
        waits.receive().status(200);
    });
}

#[test]
fn the_file_goes_before_what_callers_set() {
    let dir = folder();
    let file = |limits: &str| fs::write(dir.join("policies.toml"), limits).unwrap();
    file("[policy.own]\nrpm = { limit = 5, window = \"1h\" }\n");
    let config = format!("policies = \"policies.toml\"\n{}", tokens());
    let coordinator = Coordinator::start_in(&dir, &config, &[]);
    let mut client = operator(&coordinator);
    let body = json!({"limits": [{"name": "rpm", "limit": 1000, "window": "1h"}]}).to_string();
    client.ask("PUT", "/v1/policies/own", &body).problem(409, "policy_of_file");
    client.ask("DELETE", "/v1/policies/own", "").problem(409, "policy_of_file");
    client.ask("PUT", "/v1/policies/other", &body).status(200);
    let limit = |client: &mut Client, name: &str| {
        client.get(&format!("/v1/policies/{name}")).json()["limits"][0]["limit"].clone()
    };
    assert_eq!((limit(&mut client, "own"), limit(&mut client, "other")), (json!(5), json!(1000)));
    // The file may take a name, and give it up again.
    file("[policy.other]\nrpm = { limit = 7, window = \"1h\" }\n");
    assert!(coordinator.reload(&config));
    assert_eq!((limit(&mut client, "other"), list(&mut client)), (json!(7), json!(["other"])));
    client.ask("DELETE", "/v1/policies/other", "").problem(409, "policy_of_file");
    file("[policy.third]\nrpm = { limit = 9, window = \"1h\" }\n");
    assert!(coordinator.reload(&config));
    assert_eq!((limit(&mut client, "other"), list(&mut client)), (json!(1000), json!(["other", "third"])));
}

#[test]
fn a_snapshot_keeps_policies_and_keys_of_several() {
    let config = format!("[snapshot]\npath = \"limits\"\ninterval = \"1h\"\n{}", tokens());
    let mut coordinator = Coordinator::start(&config, &[]);
    let mut client = operator(&coordinator);
    let policy = json!({"limits": limits(), "flows": {"paid": 10}}).to_string();
    client.ask("PUT", "/v1/policies/p", &policy).status(200);
    let keys = json!([{"key": "a", "policy": "p"}, {"key": "b", "policy": "p"}]);
    client.v1("mquota", &json!({"keys": keys, "reserve": "1h"})).status(200);
    client.v1("quota", &json!({"key": "a", "policy": "p", "reserve": "1h"})).status(200);
    let told = client.get("/v1/policies/p").json();
    assert!(coordinator.end().success());
    coordinator.restart();
    let mut client = operator(&coordinator);
    assert_eq!(client.get("/v1/policies/p").status(200).json(), told);
    assert_eq!(told["flows"], json!({"paid": 10}));
    for (key, remaining) in [("a", 1), ("b", 2)] {
        assert_eq!(client.v1("peek", &json!({"key": key})).json()["limits"][0]["remaining"], remaining);
    }
    client.ask("DELETE", "/v1/policies/p", "").status(200);
    assert!(coordinator.end().success());
    coordinator.restart();
    operator(&coordinator).get("/v1/policies/p").status(404);
}

#[test]
fn each_primary_of_a_cluster_has_the_policy() {
    let cluster = Cluster::start(3);
    let url = format!("redis-cluster://127.0.0.1:{}", cluster.nodes[0].port());
    let coordinator = Coordinator::start(&tokens(), &["--redis", &url]);
    set(&coordinator, "p", json!([{"name": "rpm", "limit": 1, "window": "1h"}]));
    let mut client = operator(&coordinator);
    for key in ["a", "b", "c", "d", "e", "f"] {
        client.v1("quota", &json!({"key": key, "policy": "p"})).status(200);
        client.v1("quota", &json!({"key": key, "policy": "p"})).status(429);
    }
    assert_eq!(list(&mut client), json!(["p"]));
    assert_eq!(client.ask("DELETE", "/v1/policies/p", "").json(), json!({"done": true}));
    assert_eq!(client.ask("DELETE", "/v1/policies/p", "").json(), json!({"done": false}));
    for server in &cluster.nodes {
        assert_eq!(server.connect().ask("RL.POLICY LIST"), Value::Array(Vec::new()));
    }
}
