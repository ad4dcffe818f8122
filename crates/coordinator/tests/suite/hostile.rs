//! Requests that are too large, too slow, too many or invalid get a clear answer, and memory stays bounded.

use std::time::Duration;

use serde_json::json;

use crate::common::coordinator::timed;
use crate::common::{Coordinator, wait_until};

#[test]
fn a_body_that_is_too_large_is_not_read() {
    let coordinator = Coordinator::start("", &[]);
    let before = coordinator.resident();
    for path in ["/v1/slide", "/allow"] {
        let mut client = coordinator.client();
        client.send("POST", path, &"x".repeat(70_000));
        client.receive().problem(413, "body_too_large");
    }
    // A body that never ends, in chunks.
    let mut client = coordinator.client();
    client.send_bytes(b"POST /v1/slide HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    // Just over the limit: bytes that are never read may make the system drop the answer.
    for _ in 0..16 {
        client.send_bytes(format!("1000\r\n{}\r\n", "x".repeat(4096)).as_bytes());
    }
    client.send_bytes(b"1\r\nx\r\n");
    client.receive().problem(413, "body_too_large");
    let refused = "rl_http_refused_total{reason=\"body_too_large\"} 3\n";
    assert!(coordinator.client().get("/metrics").text().contains(refused));
    assert!(coordinator.resident() < before + 20_000_000);
}

#[test]
fn bodies_that_are_read_have_so_much_room_together() {
    let config = "[bounds]\nbodies_bytes = 100000\nread_timeout = \"30s\"\n";
    let coordinator = Coordinator::start(config, &[]);
    let slow = || {
        let mut client = coordinator.client();
        client.send_bytes(b"POST /allow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60001\r\n\r\n");
        client.send_bytes(&[b'x'; 60_000]);
        client
    };
    let is_refused = || {
        let answer = coordinator.client().ask("POST", "/allow", &"x".repeat(50_000));
        answer.status == 503 && answer.json()["code"] == "too_many_bodies"
    };
    let mut first = slow();
    wait_until("the room is taken", || {
        // A body that is read at the same time may have taken the room, so that the first one is refused. A
        // second refusal shows that it was not.
        let is_taken = is_refused() && is_refused();
        if !is_taken {
            first = slow();
        }
        is_taken
    });
    // A small body still fits, and the first one can finish.
    coordinator.client().ask("POST", "/allow", "small").status(200);
    first.send_bytes(b"x");
    first.receive().status(200);
    coordinator.client().ask("POST", "/allow", &"x".repeat(60_000)).status(200);
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let coordinator = Coordinator::start("", &[]);
    let mut client = coordinator.client();
    client.fields.push(format!("X: {}", "x".repeat(100_000)));
    client.send("POST", "/allow", "");
    client.receive().status(431);
}

#[test]
fn a_slow_sender_is_disconnected() {
    let coordinator =
        Coordinator::start("[bounds]\nheader_timeout = \"300ms\"\nread_timeout = \"300ms\"\n", &[]);
    let brief = Duration::from_secs(5);
    // No bytes; bytes that may begin HTTP/2; half a head; and below, a connection that was used.
    for begin in ["", "PR", "POST /allow HTTP/1.1\r\nHost:"] {
        let mut client = coordinator.client();
        client.send_bytes(begin.as_bytes());
        let (answer, took) = timed(|| client.try_receive());
        assert!(answer.is_err() || answer.unwrap().status == 408, "{begin:?}");
        assert!(took < brief, "{begin:?} {took:?}");
    }
    let mut client = coordinator.client();
    client.ask("POST", "/allow", "").status(200);
    let (answer, took) = timed(|| client.try_receive());
    assert!(answer.is_err() && took < brief, "{took:?}");
    let mut client = coordinator.client();
    client.send_bytes(b"POST /v1/slide HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{");
    let (answer, took) = timed(|| client.receive());
    answer.problem(408, "body_too_slow");
    assert!(took < brief, "{took:?}");
}

#[test]
fn a_client_that_never_reads_is_disconnected() {
    let coordinator = Coordinator::start("[bounds]\nconnections = 1\nwrite_timeout = \"300ms\"\n", &[]);
    let mut deaf = coordinator.client();
    // More than the system buffers for a client that does not read.
    while deaf.try_send_bytes(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok() {}
    coordinator.client().ask("POST", "/allow", "").status(200);
}

#[test]
fn an_unfinished_http2_preface_costs_little() {
    let coordinator = Coordinator::start("", &[]);
    let begin = || {
        let mut client = coordinator.client();
        client.send_bytes(b"P");
        client
    };
    let clients: Vec<_> = (0..300).map(|_| begin()).collect();
    coordinator.client().ask("POST", "/allow", "").status(200); // they have been accepted
    let before = coordinator.busy();
    std::thread::sleep(Duration::from_secs(2)); // the test measures time
    let busy = coordinator.busy().saturating_sub(before);
    assert!(busy < Duration::from_millis(150), "{busy:?}");
    drop(clients);
}

#[test]
fn many_slow_clients_leave_room_for_others() {
    let coordinator = Coordinator::start("[bounds]\nconnections = 50\nheader_timeout = \"500ms\"\n", &[]);
    let slow: Vec<_> = (0..200)
        .map(|_| {
            let mut client = coordinator.client();
            client.send_bytes(b"POST /allow HT");
            client
        })
        .collect();
    // It waits behind them, until they are closed.
    let mut client = coordinator.client();
    client.ask("POST", "/allow", "").status(200);
    drop(slow);
}

#[test]
fn an_invalid_request_ends_nothing() {
    let coordinator = Coordinator::start("", &[]);
    let mut random = crate::common::Random::new(7);
    for round in 0..500 {
        let mut client = coordinator.client();
        let noise = random.bytes(300);
        let bytes = match round % 3 {
            0 => noise,
            1 => [
                b"POST /v1/slide HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ",
                noise.len().to_string().as_bytes(),
                b"\r\n\r\n",
                &noise,
            ]
            .concat(),
            _ => [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &noise].concat(),
        };
        client.send_bytes(&bytes);
        client.close();
    }
    for body in [
        "",
        "{",
        "null",
        "[]",
        "0",
        "{\"key\":",
        "{\"key\":{}}",
        "\"\\ud800\"",
        "{\"key\":\"\\ud800\",\"id\":\"x\"}",
    ] {
        coordinator.client().ask("POST", "/v1/cancel", body).problem(400, "invalid_request");
    }
    let deep = "[".repeat(60_000);
    coordinator
        .client()
        .ask("POST", "/v1/quota", &format!("{{\"key\": \"k\", \"limits\": {deep}"))
        .status(400);
    coordinator
        .client()
        .ask("POST", "/v1/cancel", "{\"key\": \"a\\u0000\\r\\nb\", \"id\": \"x\"}")
        .status(200);
    coordinator.client().ask("POST", "/allow", "").status(200);
}

#[test]
fn keys_are_bounded_and_what_has_expired_makes_room() {
    let coordinator = Coordinator::start("[bounds]\nkeys = 100\n", &[]);
    let mut client = coordinator.client();
    let body = |key: usize, window: &str| json!({"key": format!("key-{key}"), "limit": 5, "window": window});
    for key in 0..100 {
        client.v1("slide", &body(key, "300ms")).status(200);
    }
    let first = client.v1("slide", &body(100, "1h"));
    assert!(first.status == 200 || first.status == 503, "some may have expired already: {first:?}");
    wait_until("there is room", || client.v1("slide", &body(100, "1h")).status == 200);
    for key in 101..200 {
        wait_until("there is room", || client.v1("slide", &body(key, "1h")).status == 200);
    }
    let answer = client.v1("slide", &body(200, "1h")).problem(503, "too_many_keys");
    let retry: u64 = answer.field("retry-after").unwrap().parse().unwrap();
    assert!(retry > 3_000, "no key expires before: {retry}");
    // Existing keys still work, and a denied request creates no key.
    client.v1("slide", &body(150, "1h")).status(200);
    client.v1("slide", &json!({"key": "new", "limit": 5, "window": "1h", "cost": 6})).status(429);
}

#[test]
fn waiters_and_watchers_are_bounded() {
    let config =
        "[bounds]\nwaiters = 3\nwaiters_per_key = 2\nwatchers = 2\n[redis]\nurl = \"redis://unused\"\n";
    let mut both =
        [Coordinator::start(&config[..config.find("[redis]").unwrap()], &[]), Coordinator::on_redis(config)];
    for coordinator in &mut both {
        let mut client = coordinator.client();
        let body = |key: &str, wait: Option<&str>| {
            let mut body = json!({"key": key, "limit": 1, "window": "1h"});
            if let Some(wait) = wait {
                body["wait"] = json!(wait);
            }
            body
        };
        let mut waiting = Vec::new();
        for key in ["a", "b"] {
            client.v1("slide", &body(key, None)).status(200);
        }
        for (key, wait) in [("a", 1), ("a", 2), ("b", 3)] {
            let mut one = coordinator.client();
            one.send("POST", "/v1/slide", &body(key, Some("1h")).to_string());
            waiting.push(one);
            wait_until("it waits", || crate::ends::waits_now(&mut client) == wait);
            if wait == 2 {
                client.v1("slide", &body("a", Some("1h"))).problem(503, "too_many_waiters");
            }
        }
        client.v1("slide", &body("b", Some("1h"))).problem(503, "too_many_waiters");
        // A client that leaves makes room.
        waiting.pop().unwrap().close();
        wait_until("one has gone", || crate::ends::waits_now(&mut client) == 2);

        let watch = || {
            let mut watcher = coordinator.client();
            watcher.send("GET", "/v1/watch", "");
            (watcher.head().unwrap().status, watcher)
        };
        let (one, two) = (watch(), watch());
        assert_eq!([one.0, two.0, watch().0], [200, 200, 503]);
        one.1.close();
        wait_until("one has gone", || watch().0 == 200);
    }
}
