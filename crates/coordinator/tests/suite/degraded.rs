//! While the back end is down, requests are answered as `on_error` says, and the answers are marked.

use serde_json::json;

use crate::common::{Client, Coordinator, Server, wait_until};

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

/// A back end that cannot decide, and how that is told: the name of its cause, the status and the code of the error.
struct Undecided {
    coordinator: Coordinator,
    _server: Option<Server>,
    told: (&'static str, u16, &'static str),
}

/// All back ends that answer, but cannot decide.
fn undecided(config: &str) -> Vec<Undecided> {
    let on = |server: Server, login: &str, told| {
        let url = format!("redis://{login}127.0.0.1:{}", server.port());
        let coordinator = Coordinator::start(config, &["--redis", &url]);
        Undecided { coordinator, _server: Some(server), told }
    };
    let with_module = |line: &str| {
        let server = Server::start_tcp(&[]);
        server.connect().done(line);
        server
    };
    let bare = Server::start_without_module();
    let url = format!("redis+unix://{}", bare.socket().display());
    let without_module = Coordinator::start(config, &["--redis", &url]);
    let full = Coordinator::start(&format!("{config}\n[bounds]\nkeys = 1\n"), &[]);
    full.client().v1("slide", &json!({"key": "other", "limit": 5, "window": "1h"})).status(200);
    vec![
        on(with_module("CONFIG SET requirepass secret"), "", ("noauth", 502, "back_end_refuses")),
        on(Server::start_tcp(&[]), ":wrong@", ("noauth", 502, "back_end_refuses")),
        on(
            with_module("ACL SETUSER limits on >secret ~* +@all -rl.slide -rl.window -rl.bucket -rl.quota"),
            "limits:secret@",
            ("noperm", 502, "back_end_refuses"),
        ),
        on(with_module("CONFIG SET maxmemory 1"), "", ("oom", 503, "out_of_memory")),
        on(with_module("REPLICAOF 127.0.0.1 1"), "", ("readonly", 503, "back_end_read_only")),
        Undecided {
            coordinator: without_module,
            _server: Some(bare),
            told: ("no_module", 502, "back_end_without_module"),
        },
        Undecided { coordinator: full, _server: None, told: ("too_many_keys", 503, "too_many_keys") },
    ]
}

#[test]
fn whatever_is_no_decision_follows_on_error() {
    for Undecided { coordinator, told: (cause, status, code), .. } in undecided("on_error = \"allow\"") {
        let mut client = coordinator.client();
        let slide = json!({"key": "k", "limit": 5, "window": "1h"});
        for _ in 0..20 {
            let allowed = client.v1("slide", &slide).status(200);
            assert_eq!(allowed.field("rl-degraded"), Some("allow"), "{cause}");
            assert_eq!(allowed.json(), json!({"allowed": true, "degraded": true}));
        }
        let denied = json!({"key": "k", "limit": 5, "window": "1h", "on_error": "deny"});
        let denied = client.v1("slide", &denied).problem(status, code);
        assert_eq!(denied.field("rl-degraded"), Some("deny"), "{cause}");
        assert_eq!((&denied.json()["allowed"], &denied.json()["degraded"]), (&json!(false), &json!(true)));
        for (outcome, count) in [("degraded_allow", 20), ("degraded_deny", 1)] {
            let line = format!("rl_requests_total{{command=\"slide\",outcome=\"{outcome}\"}}");
            assert!(metric(&mut client, &line) >= count, "{cause}");
        }
        assert!(metric(&mut client, &format!("rl_undecided_total{{cause=\"{cause}\"}}")) >= 21, "{cause}");
        // One line is logged for all of them.
        let cause = format!("cause=\"{cause}\"");
        let logged = || coordinator.log().lines().filter(|line| line.contains(&cause)).count();
        wait_until("it is logged", || logged() > 0);
        assert_eq!(logged(), 1, "{}", coordinator.log());
    }
}

#[test]
fn a_request_that_is_wrong_follows_nothing() {
    crate::common::on_each("on_error = \"allow\"", |coordinator| {
        let mut client = coordinator.client();
        client.v1("slide", &json!({"key": "k", "limit": 5, "window": "1h"})).status(200);
        let other = json!({"key": "k", "capacity": 1, "refill": 1});
        assert_eq!(client.v1("bucket", &other).problem(409, "wrong_algorithm").field("rl-degraded"), None);
        let policy = json!({"key": "q", "policy": "none"});
        assert_eq!(client.v1("quota", &policy).problem(409, "no_such_policy").field("rl-degraded"), None);
    });
}

#[test]
fn it_is_ready_only_if_it_decides() {
    for Undecided { coordinator, told: (cause, _, code), .. } in undecided("") {
        let mut client = coordinator.client();
        let answer = client.get("/readyz").problem(503, code);
        assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.len() > 20), "{cause}");
        assert_eq!(metric(&mut client, "rl_backend_up"), 0, "{cause}");
    }
    // A user who may ask about some keys or by some commands only is served.
    let server = Server::start_tcp(&["user limits on >secret ~team:* +@all -rl.slide -rl.policy"]);
    let url = format!("redis://limits:secret@127.0.0.1:{}", server.port());
    Coordinator::start("", &["--redis", &url]).client().get("/readyz").status(200);
    // Room for keys makes it ready again.
    let coordinator = Coordinator::start("[bounds]\nkeys = 1\n", &[]);
    let mut client = coordinator.client();
    client.v1("slide", &json!({"key": "k", "limit": 5, "window": "300ms"})).status(200);
    client.get("/readyz").problem(503, "too_many_keys");
    wait_until("the key has expired", || client.get("/readyz").status == 200);
}
