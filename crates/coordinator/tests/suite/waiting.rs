//! Requests that wait: their turn, their order, and how a wait ends.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::common::coordinator::timed;
use crate::common::{Client, Coordinator, on_each, wait_until};
use crate::ends::waits_now;

fn slide(limit: u64, window: &str, wait: &str, priority: &str) -> Json {
    json!({"key": "k", "limit": limit, "window": window, "wait": wait, "priority": priority})
}

fn send(coordinator: &Coordinator, body: &Json) -> Client {
    let mut client = coordinator.client();
    client.send("POST", "/v1/slide", &body.to_string());
    client
}

#[test]
fn a_waiter_is_admitted_at_its_moment() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        client.v1("slide", &slide(1, "500ms", "10s", "normal")).status(200);
        let (answer, took) = timed(|| client.v1("slide", &slide(1, "500ms", "10s", "normal")).status(200));
        assert_eq!(answer.json()["allowed"], true);
        assert!((400..5_000).contains(&took.as_millis()), "{took:?}");
    });
}

#[test]
fn a_waiter_is_denied_when_its_time_is_over() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        client.v1("slide", &slide(1, "1h", "10s", "normal")).status(200);
        let (answer, took) = timed(|| client.v1("slide", &slide(1, "1h", "300ms", "low")).status(429));
        assert!(answer.json()["retry_after_ms"].as_u64().unwrap() > 3_500_000, "{answer:?}");
        assert!((290..5_000).contains(&took.as_millis()), "{took:?}");
        // A request that never can be admitted does not wait.
        let body = json!({"key": "k", "limit": 1, "window": "1h", "cost": 2, "wait": "1h"});
        assert_eq!(client.v1("slide", &body).status(429).json()["retry_after_ms"], -1);
    });
}

#[test]
fn the_higher_lane_is_first_and_new_requests_queue() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        let body = |wait, priority| slide(1, "1h", wait, priority);
        client.v1("slide", &body("1h", "normal")).status(200);
        let mut waiting = Vec::new();
        for (at, priority) in (1..).zip(["low", "normal", "critical", "high", "normal"]) {
            waiting.push(send(coordinator, &body("1h", priority)));
            wait_until("it waits", || waits_now(&mut client) == at);
        }
        for next in [2, 3, 1, 4, 0] {
            client.v1("refund", &json!({"key": "k", "cost": 1})).status(200);
            waiting[next].receive().status(200);
        }
        // While a request waits, others are denied what it waits for, even if it is available.
        let large = json!({"key": "w", "limit": 3, "window": "1h", "cost": 3, "wait": "1h"});
        client.v1("slide", &json!({"key": "w", "limit": 3, "window": "1h"})).status(200);
        let mut large = send(coordinator, &large);
        wait_until("it waits", || waits_now(&mut client) == 1);
        client.v1("slide", &json!({"key": "w", "limit": 3, "window": "1h"})).status(429);
        client.v1("refund", &json!({"key": "w", "cost": 1})).status(200);
        large.receive().status(200);
    });
}

#[test]
fn a_disconnect_charges_nothing() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        client.v1("slide", &slide(1, "1h", "1h", "normal")).status(200);
        let first = send(coordinator, &slide(1, "1h", "1h", "normal"));
        wait_until("it waits", || waits_now(&mut client) == 1);
        let mut second = send(coordinator, &slide(1, "1h", "1h", "normal"));
        wait_until("it waits", || waits_now(&mut client) == 2);
        first.close();
        wait_until("it has gone", || waits_now(&mut client) == 1);
        client.v1("refund", &json!({"key": "k", "cost": 1})).status(200);
        second.receive().status(200);
        if let Some(redis) = &coordinator.redis {
            wait_until("the module knows", || {
                redis.connect().info_number("rl_waiters_gone") == 1
                    && redis.connect().info_number("rl_waiting_normal") == 0
            });
        }
        // Nor does a request whose turn would have come later.
        let third = send(coordinator, &slide(1, "1h", "1h", "low"));
        wait_until("it waits", || waits_now(&mut client) == 1);
        third.close();
        wait_until("it has gone", || waits_now(&mut client) == 0);
        if let Some(redis) = &coordinator.redis {
            wait_until("the module knows", || redis.connect().info_number("rl_waiters_gone") == 2);
        }
        client.v1("refund", &json!({"key": "k", "cost": 1})).status(200);
        assert_eq!(client.v1("peek", &json!({"key": "k"})).json()["remaining"], 1);
    });
}

#[test]
fn a_disconnect_over_http_2_charges_nothing() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        client.v1("slide", &slide(1, "1h", "1h", "normal")).status(200);
        let url = format!("http://localhost:{}/v1/slide", coordinator.port);
        let body = slide(1, "1h", "1h", "normal").to_string();
        let kind = "Content-Type: application/json";
        let mut curl = Command::new("curl")
            .args(["-s", "--http2-prior-knowledge", &url, "-H", kind, "-d", &body])
            .spawn()
            .unwrap();
        wait_until("it waits", || waits_now(&mut client) == 1);
        curl.kill().unwrap();
        curl.wait().unwrap();
        wait_until("it has gone", || waits_now(&mut client) == 0);
        client.v1("refund", &json!({"key": "k", "cost": 1})).status(200);
        assert_eq!(client.v1("peek", &json!({"key": "k"})).json()["remaining"], 1);
    });
}

#[test]
fn a_connection_that_is_lost_does_not_make_one_wait_anew() {
    let coordinator = Coordinator::on_redis("[redis]\nurl = \"redis://unused\"\ntimeout = \"500ms\"\n");
    let mut client = coordinator.client();
    let other = json!({"key": "other", "limit": 1, "window": "1s", "wait": "10s"});
    client.v1("slide", &other).status(200);
    client.v1("slide", &other).status(200); // its connection is kept for the next wait
    client.v1("slide", &slide(1, "1h", "20s", "normal")).status(200);
    let mut waits = send(&coordinator, &slide(1, "1h", "20s", "normal"));
    wait_until("it waits", || waits_now(&mut client) == 1);
    std::thread::sleep(Duration::from_secs(1)); // longer than it takes to notice a broken connection
    coordinator.redis.as_ref().unwrap().connect().ask("CLIENT KILL TYPE normal");
    let (answer, took) = timed(|| waits.receive());
    answer.problem(503, "back_end_down");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn reservations_that_end_or_are_settled_admit_waiters() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        let body = |ttl: &str, id: &str| json!({"key": "q", "limits": [{"name": "calls", "inflight": 1}], "reserve": ttl, "id": id, "wait": "1h"});
        client.v1("quota", &body("400ms", "a")).status(200);
        client.v1("quota", &body("1h", "b")).status(200); // after the first one has expired
        let mut third = coordinator.client();
        third.send("POST", "/v1/quota", &body("1h", "c").to_string());
        wait_until("it waits", || waits_now(&mut client) == 1);
        client.v1("settle", &json!({"key": "q", "id": "b"})).status(200);
        assert_eq!(third.receive().status(200).json()["reservation"], "c");
    });
}

#[test]
fn of_many_waiters_no_more_than_the_limit_are_admitted() {
    on_each("", |coordinator| {
        let body = json!({"key": "k", "limit": 10, "window": "1s", "wait": "60s"});
        let (admitted, took) = timed(|| {
            let mut clients: Vec<Client> = (0..50).map(|_| send(coordinator, &body)).collect();
            clients.iter_mut().map(|client| u32::from(client.receive().status == 200)).sum::<u32>()
        });
        assert_eq!(admitted, 50);
        assert!(took >= Duration::from_millis(3_900) && took < Duration::from_secs(30), "{took:?}");
    });
}

/// Each waiter needs a file here and in the program, so this runs in a process with a higher limit.
#[test]
fn ten_thousand_are_held() {
    const ALONE: &str = "RL_COORDINATOR_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let this = std::env::current_exe().unwrap();
        let status = Command::new("sh")
            .args(["-c", r#"ulimit -Sn 12000 && exec "$0" "$@""#])
            .arg(this)
            .args(["--exact", "waiting::ten_thousand_are_held", "--nocapture"])
            .env(ALONE, "yes")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let bounds = "[bounds]\nconnections = 11000\nwaiters = 10000\nheader_timeout = \"10m\"\n";
    many(&Coordinator::start(bounds, &[]), 10_000);
}

#[test]
fn a_thousand_are_held_in_a_server() {
    let coordinator = Coordinator::on_redis("");
    many(&coordinator, 1_000);
}

fn many(coordinator: &Coordinator, count: u64) {
    let mut client = coordinator.client();
    client.v1("slide", &json!({"key": "k", "limit": count, "window": "1h", "cost": count})).status(200);
    let before = coordinator.resident();
    let body = json!({"key": "k", "limit": count, "window": "1h", "wait": "1h"});
    let mut waiting: Vec<Client> = (0..count).map(|_| send(coordinator, &body)).collect();
    wait_until("all wait", || waits_now(&mut client) == count);
    let each = (coordinator.resident() - before) / usize::try_from(count).unwrap();
    assert!(each < 100_000, "{each} bytes each");
    // Other requests are served meanwhile.
    let (_, took) = timed(|| client.ask("POST", "/allow", "").status(200));
    assert!(took < Duration::from_secs(1), "{took:?}");
    client.v1("refund", &json!({"key": "k", "cost": count})).status(200);
    for client in &mut waiting {
        client.receive().status(200);
    }
    assert_eq!(client.v1("peek", &json!({"key": "k"})).json()["remaining"], 0);
}
