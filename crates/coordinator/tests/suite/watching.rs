//! `/v1/watch`, `/metrics` and the page.

use serde_json::{Value as Json, json};

use crate::common::{Client, on_each, wait_until};

/// The next state.
fn state(watcher: &mut Client) -> Json {
    loop {
        let line = watcher.line().unwrap();
        if let Some(data) = line.strip_prefix("data: ") {
            return serde_json::from_str(data).unwrap();
        }
    }
}

#[test]
fn a_state_comes_at_once_and_then_each_second() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        let quota = json!({"key": "q", "limits": [{"name": "rpm", "limit": 1000, "window": 60}, {"name": "calls", "inflight": 5}], "reserve": "1m"});
        client.v1("quota", &quota).status(200);
        for _ in 0..3 {
            client.v1("bucket", &json!({"key": "b", "capacity": 1, "refill": 1, "period": "1h"}));
        }
        let mut one = coordinator.client();
        let ask = json!({
            "key": "b", "capacity": 1, "refill": 1, "period": "1h", "wait": "1h", "priority": 1, "flow": "a b"
        });
        one.send("POST", "/v1/bucket", &ask.to_string());
        wait_until("it waits", || crate::ends::waits_now(&mut client) == 1);

        let mut watcher = coordinator.client();
        watcher.send("GET", "/v1/watch", "");
        let head = watcher.head().unwrap();
        assert_eq!((head.status, head.field("content-type")), (200, Some("text/event-stream")));
        let kind = if coordinator.redis.is_some() { "redis" } else { "embedded" };
        let mut last = 0;
        for _ in 0..3 {
            let state = state(&mut watcher);
            let at = state["at"].as_u64().unwrap();
            assert!(at > last + 500 || last == 0);
            last = at;
            assert_eq!(state["backend"], json!({"kind": kind, "up": true}));
            assert_eq!(state["totals"], json!({"admitted": 2, "denied": 2, "errors": 0, "waiting": 1}));
            assert_eq!(
                state["top"],
                json!([{"key": "b", "admitted": 1, "denied": 2}, {"key": "q", "admitted": 1, "denied": 0}])
            );
            assert_eq!(
                state["lanes"],
                json!([{"key": "b", "critical": 0, "high": 1, "normal": 0, "low": 0}])
            );
            let mut flow = state["flows"][0].clone();
            assert!(flow["longest_wait_ms"].take().as_u64().is_some_and(|ms| ms < 60_000));
            let expected = json!({"key": "b", "lane": "high", "flow": "a b", "waiting": 1, "served": 0,
                "share_percent": 0, "longest_wait_ms": null});
            assert_eq!((flow, state["flows"].as_array().unwrap().len()), (expected, 1));
            let fill = &state["fill"];
            assert_eq!(
                (&fill[0]["key"], &fill[0]["kind"], &fill[0]["limits"][0]["name"]),
                (&json!("b"), &json!("bucket"), &json!("default"))
            );
            assert_eq!(
                (&fill[0]["limits"][0]["limit"], &fill[0]["limits"][0]["remaining"]),
                (&json!(1), &json!(0))
            );
            assert_eq!(
                (&fill[1]["key"], &fill[1]["kind"], &fill[1]["limits"][0]["name"]),
                (&json!("q"), &json!("quota"), &json!("rpm"))
            );
            assert_eq!(
                (&fill[1]["limits"][0]["remaining"], &fill[1]["limits"][1]["remaining"]),
                (&json!(999), &json!(4))
            );
        }
        // The stream ends with the program.
        coordinator.signal("-TERM");
        while watcher.line().is_ok() {}
        assert!(coordinator.ended().success());
    });
}

#[test]
fn the_metrics_count_what_was_answered() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        for status in [200, 429] {
            client.v1("slide", &json!({"key": "k", "limit": 1, "window": "1h"})).status(status);
        }
        client.v1("slide", &json!({"key": "k"})).status(400);
        client.v1("bucket", &json!({"key": "k", "capacity": 1, "refill": 1})).status(409);
        client.v1("refund", &json!({"key": "k", "cost": 1})).status(200);
        let text = client.get("/metrics").status(200).text();
        for line in [
            "rl_requests_total{command=\"slide\",outcome=\"admitted\"} 1",
            "rl_requests_total{command=\"slide\",outcome=\"denied\"} 1",
            "rl_requests_total{command=\"bucket\",outcome=\"error\"} 1",
            "rl_requests_total{command=\"refund\",outcome=\"answered\"} 1",
            "rl_http_refused_total{reason=\"invalid_request\"} 1",
            "rl_backend_up 1",
            "rl_connections 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} is not in {text}");
        }
    });
}

#[test]
fn the_page_is_served_and_may_load_nothing_from_elsewhere() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        for (path, kind) in [
            ("/", "text/html; charset=utf-8"),
            ("/app.js", "text/javascript; charset=utf-8"),
            ("/view.js", "text/javascript; charset=utf-8"),
            ("/style.css", "text/css; charset=utf-8"),
        ] {
            let file = client.get(path).status(200);
            assert_eq!(file.field("content-type"), Some(kind));
            assert!(
                file.field("content-security-policy")
                    .unwrap()
                    .starts_with("default-src 'none'; script-src 'self';")
            );
        }
        assert_eq!(client.get("/openapi.json").status(200).json()["openapi"], "3.1.0");
    });
}
