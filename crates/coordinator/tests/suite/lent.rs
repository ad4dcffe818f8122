//! `up_to` and `lease`: as much as there is, and permits that are used elsewhere.

use serde_json::{Value as Json, json};

use crate::common::{Client, on_each};
use crate::ends::waits_now;

fn quota(key: &str, more: &Json) -> Json {
    let mut body = json!({"key": key, "cost": {"requests": 4, "tokens": 400}, "limits": [
        {"name": "rpm", "limit": 10, "window": "1h"},
        {"name": "tpm", "limit": 1000, "window": "1h", "unit": "tokens"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn left(client: &mut Client, key: &str) -> Vec<u64> {
    let peek = client.v1("peek", &json!({ "key": key })).status(200).json();
    peek["limits"].as_array().unwrap().iter().map(|row| row["remaining"].as_u64().unwrap()).collect()
}

#[test]
fn as_much_of_one_limit_as_there_is() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        for (path, mut body) in [
            ("slide", json!({"key": "s", "limit": 10, "window": "1h"})),
            ("window", json!({"key": "w", "limit": 10, "window": "1d"})),
            ("bucket", json!({"key": "b", "capacity": 10, "refill": 1, "period": "1h"})),
        ] {
            let plain = client.v1(path, &body).status(200).json();
            assert!(plain.get("granted").is_none(), "only one that asks for it is told");
            body["cost"] = json!(50);
            body["up_to"] = json!(true);
            let most = client.v1(path, &body).status(200).json();
            assert_eq!((&most["granted"], &most["remaining"]), (&json!(9), &json!(0)), "{path}");
            let denied = client.v1(path, &body).status(429).json();
            assert_eq!((&denied["granted"], &denied["allowed"]), (&json!(0), &json!(false)));
            assert!(denied["retry_after_ms"].as_u64().unwrap() > 0);
        }
    });
}

#[test]
fn a_lease_is_settled_with_what_was_used() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        let lease = client.v1("quota", &quota("q", &json!({"lease": "1h", "id": "a"}))).status(200).json();
        assert_eq!((&lease["reservation"], lease.get("granted")), (&json!("a"), None));
        assert_eq!(left(&mut client, "q"), [6, 600]);
        let more = json!({"lease": "1h", "up_to": true, "cost": {"requests": 60, "tokens": 3000}});
        let most = client.v1("quota", &quota("q", &more)).status(200).json();
        assert_eq!(most["granted"], json!({"requests": 6, "tokens": 300}));
        let denied = client.v1("quota", &quota("q", &more)).status(429).json();
        assert_eq!((&denied["reservation"], &denied["granted"]), (&Json::Null, &json!({})));
        let settle = json!({"key": "q", "id": "a", "cost": {"requests": 1, "tokens": 100}});
        assert_eq!(client.v1("settle", &settle).status(200).json()["done"], true);
        assert_eq!(client.v1("settle", &settle).status(200).json()["done"], false);
        assert_eq!(left(&mut client, "q"), [3, 600]);
        let cancel = json!({"key": "q", "id": most["reservation"]});
        assert_eq!(client.v1("cancel", &cancel).status(200).json()["done"], true);
        assert_eq!(left(&mut client, "q"), [9, 900]);
    });
}

#[test]
fn who_waits_takes_what_there_is() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        client.v1("slide", &json!({"key": "k", "limit": 5, "window": "1h", "cost": 5})).status(200);
        let mut waits = coordinator.client();
        let body = json!({"key": "k", "limit": 5, "window": "1h", "cost": 9, "up_to": true, "wait": "1h"});
        waits.send("POST", "/v1/slide", &body.to_string());
        crate::common::wait_until("it waits", || waits_now(&mut client) == 1);
        client.v1("refund", &json!({"key": "k", "cost": 3})).status(200);
        assert_eq!(waits.receive().status(200).json()["granted"], 3);
    });
}

#[test]
fn their_errors() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        let flow = json!({"lease": "1h", "up_to": true, "wait": "1s", "flow": "f"});
        for (more, detail) in [
            (json!({"lease": "1h", "reserve": "1h"}), "reserve and lease"),
            (json!({"id": "a"}), "id may stand with reserve or lease only"),
            (json!({"up_to": true}), "UPTO needs LEASE"),
            (json!({"up_to": false, "lease": "1h"}), "up_to must be true"),
            (flow, "UPTO does not go with FLOW"),
        ] {
            let problem = client.v1("quota", &quota("q", &more)).status(400).json();
            assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
        }
        let in_flight = json!({"key": "q", "lease": "1h", "limits": [{"name": "calls", "inflight": 2}]});
        client.v1("quota", &in_flight).status(400);
    });
}
