//! SIGHUP: the configuration, the policies and the certificates are read again, all of them or none. Nothing is lost.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;

use crate::common::coordinator::folder;
use crate::common::{Coordinator, on_each, wait_until};
use crate::ends::waits_now;

/// How often the configuration is read again under load. The whole test is 1000 times.
fn rounds() -> usize {
    std::env::var("RL_RELOADS").map_or(100, |rounds| rounds.parse().unwrap())
}

#[test]
fn under_load_no_request_and_no_count_is_lost() {
    on_each("", |coordinator| {
        let config = |round: usize| format!("on_error = \"deny\"\n[allow]\nlimit = {}\n", round + 500);
        let ends = AtomicBool::new(false);
        let ask = || {
            let (mut client, mut admitted) = (coordinator.client(), 0);
            while !ends.load(Ordering::Relaxed) {
                client.v1("slide", &json!({"key": "load", "limit": 10_000_000, "window": "1d"})).status(200);
                admitted += 1;
            }
            admitted
        };
        let admitted: u64 = thread::scope(|scope| {
            let clients: Vec<_> = (0..3).map(|_| scope.spawn(ask)).collect();
            for round in 0..rounds() {
                if round % 5 == 4 {
                    assert!(!coordinator.reload("on_error = \"perhaps\"\n"));
                }
                assert!(coordinator.reload(&config(round)), "{}", coordinator.log());
                let answer = coordinator.client().ask("POST", "/allow", "").status(200).json();
                assert_eq!(answer["max"], round + 500);
            }
            ends.store(true, Ordering::Relaxed);
            clients.into_iter().map(|client| client.join().unwrap()).sum()
        });
        let mut client = coordinator.client();
        let left = client.v1("peek", &json!({"key": "load"})).status(200).json()["remaining"].as_u64();
        assert_eq!(left, Some(10_000_000 - admitted));
        let metrics = client.get("/metrics").text();
        for (metric, count) in [("reloads", rounds()), ("reload_errors", rounds() / 5)] {
            assert!(metrics.contains(&format!("rl_{metric}_total {count}\n")), "{metrics}");
        }
    });
}

#[test]
fn a_mistake_leaves_the_old_settings_in_force_and_is_named() {
    let good = "[allow]\nlimit = 7\n";
    let coordinator = Coordinator::start(good, &[]);
    let dir = coordinator.dir();
    fs::write(dir.join("policies.toml"), "[policy.a]\n\nrpm = { limit = -1, window = \"1m\" }\n").unwrap();
    fs::write(dir.join("bad.pem"), "no certificate").unwrap();
    let rule = "[[envoy.rule]]\ndomain = \"d\"\ndescriptor = [{ key = \"k\" }]\nlimit = 1\n";
    for (config, names) in [
        ("[allow]\nlimit = 9\nlimits = 9\n".to_owned(), ["line 3, allow.limits", "unknown field `limits`"]),
        ("[allow]\nlimit = \"9\"\n".to_owned(), ["line 2, allow.limit", "invalid type: string"]),
        (
            "[allow]\nlimit = 9\n[bounds]\n\nbody_bytes = 0\n".to_owned(),
            ["line 5, bounds.body_bytes", "1 or more"],
        ),
        ("[allow]\nlimit = 9\n[bounds\n".to_owned(), ["line 3", "config.toml"]),
        (
            "[allow]\nlimit = 9\nwindow = \"fast\"\n".to_owned(),
            ["line 1, allow", "window must be a duration"],
        ),
        (
            "[allow]\nlimit = 9\n[[token]]\nname = \"t\"\ntoken = \"x\"\n".to_owned(),
            ["line 3, token.0", "16 characters"],
        ),
        ("policies = \"policies.toml\"\n[allow]\nlimit = 9\n".to_owned(), ["policies.toml", "line 3"]),
        (
            "[allow]\nlimit = 9\n[tls]\ncert = \"bad.pem\"\nkey = \"bad.pem\"\n".to_owned(),
            ["bad.pem", "no certificate"],
        ),
        (
            "[allow]\nlimit = 9\n[bounds]\nwaiters = 5\n".to_owned(),
            ["line 4, bounds.waiters", "restart the program"],
        ),
        (format!("[allow]\nlimit = 9\n[envoy]\n{rule}"), ["line 3, envoy.listen", "restart the program"]),
    ] {
        let before = coordinator.log().len();
        assert!(!coordinator.reload(&config), "{config}");
        let log = coordinator.log().split_off(before);
        assert!(names.iter().all(|name| log.contains(name)), "{config}\n{names:?}\n{log}");
        assert_eq!(coordinator.client().ask("POST", "/allow", "").status(200).json()["max"], 7, "{config}");
    }
    assert!(coordinator.reload("[allow]\nlimit = 9\n"));
    assert_eq!(coordinator.client().ask("POST", "/allow", "").status(200).json()["max"], 9);
}

#[test]
fn a_connection_is_kept_and_asks_with_the_new_tokens() {
    on_each("[[token]]\nname = \"a\"\ntoken = \"the-first-of-two-tokens\"\n", |coordinator| {
        let [mut one, mut two] = ["the-first-of-two-tokens", "the-second-of-two-tokens"]
            .map(|token| coordinator.client().with_token(token));
        let slide = json!({"key": "k", "limit": 5, "window": "1h"});
        one.v1("slide", &slide).status(200);
        two.v1("slide", &slide).problem(401, "unauthorized");
        assert!(coordinator.reload("[[token]]\nname = \"a\"\ntoken = \"the-second-of-two-tokens\"\n"));
        one.v1("slide", &slide).problem(401, "unauthorized");
        assert_eq!(two.v1("slide", &slide).status(200).json()["remaining"], 3);
    });
}

#[test]
fn policies_change_what_is_admitted_and_keep_what_is_used() {
    let dir = folder();
    let policy = |limit: u32| {
        let text = format!("[policy.a]\nrph = {{ limit = {limit}, window = \"1h\" }}\n");
        fs::write(dir.join("policies.toml"), text).unwrap();
    };
    policy(2);
    let config = "policies = \"policies.toml\"\n";
    let coordinator = Coordinator::start_in(&dir, config, &[]);
    let mut client = coordinator.client();
    let quota = json!({"key": "k", "policy": "a"});
    for _ in 0..2 {
        client.v1("quota", &quota).status(200);
    }
    client.v1("quota", &quota).status(429);
    let mut waits = coordinator.client();
    waits.send("POST", "/v1/quota", &json!({"key": "k", "policy": "a", "wait": "1h"}).to_string());
    wait_until("it waits", || waits_now(&mut client) == 1);
    policy(5);
    assert!(coordinator.reload(config), "{}", coordinator.log());
    let answer = waits.receive().status(200);
    assert_eq!(answer.json()["limits"][0]["remaining"], 2, "{}", answer.text());
    assert_eq!(
        answer.field("ratelimit-policy"),
        Some("\"rph\";q=5;w=3600"),
        "the new policy has admitted it"
    );
    let answer = client.v1("quota", &quota).status(200);
    assert_eq!(answer.field("ratelimit-policy"), Some("\"rph\";q=5;w=3600"));
}

#[test]
fn certificates_are_read_again() {
    let dir = folder();
    let make = |name: &str| {
        let script = format!(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN={name} \
             -addext 'subjectAltName = DNS:localhost' -keyout server.key -out server.pem && cp server.pem {name}.pem"
        );
        let made = Command::new("sh").args(["-c", &script]).current_dir(&dir).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    };
    make("first");
    let config = "[tls]\ncert = \"server.pem\"\nkey = \"server.key\"\n";
    let coordinator = Coordinator::start_in(&dir, config, &[]);
    let accepts = |name: &str| {
        let (ca, url) = (format!("{name}.pem"), format!("https://localhost:{}/healthz", coordinator.port));
        let arguments = ["-sS", "--max-time", "20", "--cacert", &ca, &url];
        Command::new("curl").args(arguments).current_dir(&dir).output().unwrap().stdout == b"ok\n"
    };
    assert!(accepts("first"));
    make("second");
    assert!(accepts("first") && !accepts("second"), "they are read on SIGHUP");
    assert!(coordinator.reload(config), "{}", coordinator.log());
    assert!(accepts("second") && !accepts("first"));
    fs::write(dir.join("server.key"), "no key").unwrap();
    assert!(!coordinator.reload(config));
    assert!(accepts("second"));
}
