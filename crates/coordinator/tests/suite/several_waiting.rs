//! Requests for several keys that wait, and those for one of these keys, stand in one line.

use serde_json::{Value as Json, json};

use crate::common::{Client, on_each, wait_until};
use crate::ends::{until_they_wait, waits_now};
use crate::several::{keys, operator, remaining, set, tokens};

/// A request for the only slot of a key, alone or with a key of its own.
fn slot(key: &str, id: &str, is_alone: bool) -> (&'static str, Json) {
    let mut body = json!({"reserve": "1h", "id": id, "wait": "1h"});
    if is_alone {
        (body["key"], body["policy"]) = (json!(key), json!("one"));
        return ("quota", body);
    }
    body["keys"] = keys(&[(&format!("own:{id}"), "many"), (key, "one")]);
    ("mquota", body)
}

#[test]
fn requests_for_one_key_and_for_several_stand_in_one_line() {
    on_each(&tokens(), |coordinator| {
        set(coordinator, "one", json!([{"name": "slots", "inflight": 1}]));
        set(coordinator, "many", json!([{"name": "slots", "inflight": 9}]));
        let mut client = operator(coordinator);
        // Those who wait for the key alone are there when the first request for several comes, and follow the key.
        let order = [true, true, false, true, false, false, true];
        let (path, mut first) = slot("k", "first", true);
        first.as_object_mut().unwrap().remove("wait");
        client.v1(path, &first).status(200);
        let mut waiters: Vec<Client> = Vec::new();
        for (at, is_alone) in order.into_iter().enumerate() {
            let (path, body) = slot("k", &at.to_string(), is_alone);
            let mut waiter = operator(coordinator);
            waiter.send("POST", &format!("/v1/{path}"), &body.to_string());
            waiters.push(waiter);
            wait_until("it waits", || waits_now(&mut client) == at as u64 + 1);
        }
        // One who leaves takes nothing, also after its key has moved.
        for at in [1, 4] {
            waiters[at].close();
            wait_until("it has gone", || waits_now(&mut client) == if at == 1 { 6 } else { 5 });
        }
        let mut holds = "first".to_owned();
        for (at, waiter) in waiters.iter_mut().enumerate().filter(|(at, _)| ![1, 4].contains(at)) {
            let cancel = json!({"key": "k", "id": holds});
            assert_eq!(client.v1("cancel", &cancel).json(), json!({"done": true}), "{at}");
            let told = waiter.receive().status(200).json();
            assert_eq!(told["reservation"], at.to_string());
            holds = at.to_string();
        }
        assert_eq!(waits_now(&mut client), 0);
        assert_eq!(client.v1("cancel", &json!({"key": "own:2", "id": "2"})).json(), json!({"done": true}));
        client.v1("peek", &json!({"key": "own:4"})).status(404);
    });
}

#[test]
fn who_leaves_after_its_key_has_moved_is_in_nobodys_way() {
    on_each(&tokens(), |coordinator| {
        set(coordinator, "p", json!([{"name": "rpm", "limit": 2, "window": "1h"}]));
        let mut client = operator(coordinator);
        let one = json!({"key": "k", "policy": "p"});
        client.v1("quota", &one).status(200);
        let mut waits = operator(coordinator);
        let two = json!({"key": "k", "policy": "p", "cost": 2, "wait": "1h"});
        waits.send("POST", "/v1/quota", &two.to_string());
        until_they_wait(coordinator, &mut client, 1);
        client.v1("mquota", &json!({"keys": keys(&[("k", "p"), ("other", "p")])})).status(429);
        client.v1("quota", &one).status(429);
        waits.close();
        wait_until("there is nobody to stand behind", || client.v1("quota", &one).status == 200);
        assert_eq!(remaining(&mut client, "k"), Some(0));
    });
}

#[test]
fn a_wait_for_several_keys_ends_with_its_time_and_with_a_deletion() {
    on_each(&tokens(), |coordinator| {
        set(coordinator, "p", json!([{"name": "rpm", "limit": 1, "window": "1h"}]));
        let mut client = operator(coordinator);
        let body = |wait: &str| json!({"keys": keys(&[("a", "p"), ("b", "p")]), "wait": wait});
        client.v1("quota", &json!({"key": "b", "policy": "p"})).status(200);
        client.v1("mquota", &body("50ms")).status(429);
        client.v1("peek", &json!({"key": "a"})).status(404);
        let mut waits = operator(coordinator);
        waits.send("POST", "/v1/mquota", &body("1h").to_string());
        wait_until("it waits", || waits_now(&mut client) == 1);
        // It stands in both lines: a later request does not pass it, though `a` has room.
        client.v1("quota", &json!({"key": "a", "policy": "p"})).status(429);
        let deleted = client.ask("DELETE", "/v1/keys/b", "").status(200);
        assert_eq!(deleted.json(), json!({"done": true}));
        waits.receive().status(200);
        assert_eq!((remaining(&mut client, "a"), remaining(&mut client, "b")), (Some(0), Some(0)));
    });
}
