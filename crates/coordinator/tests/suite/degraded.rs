//! While the back end is down, requests are answered as `on_error` says, and the answers are marked.

use serde_json::json;

use crate::common::{Client, Coordinator, wait_until};

fn metric(client: &mut Client, line: &str) -> u64 {
    let text = client.get("/metrics").status(200).text();
    let value = text.lines().find_map(|known| known.strip_prefix(line));
    value.unwrap_or_else(|| panic!("{line} is not in {text}")).trim().parse().unwrap()
}

#[test]
fn it_is_open_or_closed_as_was_said() {
    let mut coordinator = Coordinator::on_redis("[redis]\nurl = \"redis://unused\"\ntimeout = \"500ms\"\n");
    let mut client = coordinator.client();
    let slide = json!({"key": "k", "limit": 5, "window": "1h"});
    client.v1("slide", &slide).status(200);
    client.get("/readyz").status(200);
    coordinator.redis.as_mut().unwrap().kill();

    let denied = client.v1("slide", &slide).problem(503, "back_end_down");
    assert_eq!((denied.field("rl-degraded"), denied.field("retry-after")), (Some("deny"), Some("1")));
    assert_eq!((&denied.json()["allowed"], &denied.json()["degraded"]), (&json!(false), &json!(true)));
    let open = json!({"key": "k", "limit": 5, "window": "1h", "on_error": "allow", "wait": "1h"});
    let allowed = client.v1("slide", &open).status(200);
    assert_eq!(allowed.field("rl-degraded"), Some("allow"));
    assert_eq!(allowed.json(), json!({"allowed": true, "degraded": true}));
    // on_error cannot decide these.
    client.v1("settle", &json!({"key": "k", "id": "x"})).problem(503, "back_end_down");
    client.v1("peek", &json!({"key": "k"})).problem(503, "back_end_down");
    client.get("/readyz").problem(503, "back_end_down");
    client.get("/healthz").status(200);
    assert_eq!(metric(&mut client, "rl_requests_total{command=\"slide\",outcome=\"degraded_deny\"}"), 1);
    assert_eq!(metric(&mut client, "rl_requests_total{command=\"slide\",outcome=\"degraded_allow\"}"), 1);
    assert_eq!(metric(&mut client, "rl_backend_up"), 0);
}

#[test]
fn it_answers_when_the_server_is_there_again() {
    let mut server = crate::common::Server::start(&[]);
    server.kill();
    // Another program could take a free TCP port meanwhile, so this is a socket.
    let url = format!("redis+unix://{}", server.socket().display());
    let coordinator = Coordinator::start("on_error = \"allow\"", &["--redis", &url]);
    let mut client = coordinator.client();
    let slide = json!({"key": "k", "limit": 5, "window": "1h"});
    assert_eq!(client.v1("slide", &slide).status(200).field("rl-degraded"), Some("allow"));
    assert_eq!(
        client.ask("POST", "/allow", "").status(200).json(),
        json!({"allowed": true, "degraded": true})
    );
    server.restart().unwrap();
    wait_until("it asks the server", || client.v1("slide", &slide).field("rl-degraded").is_none());
    assert_eq!(client.v1("peek", &json!({"key": "k"})).json()["remaining"], 4);
}

#[test]
fn a_server_that_hangs_delays_no_request_for_long() {
    let coordinator = Coordinator::on_redis("[redis]\nurl = \"redis://unused\"\ntimeout = \"200ms\"\n");
    let mut client = coordinator.client();
    let slide = json!({"key": "k", "limit": 100000, "window": "1h"});
    client.v1("slide", &slide).status(200);
    let mut conn = coordinator.redis.as_ref().unwrap().connect();
    conn.send(&["DEBUG", "SLEEP", "3"]);
    conn.flush().unwrap();
    let mut hangs = || {
        let (answer, took) = crate::common::coordinator::timed(|| client.v1("slide", &slide));
        assert!(took.as_millis() < 2_000, "{took:?}");
        answer.status == 503
    };
    wait_until("it hangs", &mut hangs);
    assert!(hangs(), "it hangs still");
    conn.receive();
    wait_until("it is asked again", || client.v1("slide", &slide).status == 200);
}
