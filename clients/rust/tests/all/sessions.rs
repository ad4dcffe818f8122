//! The sessions of clients/conformance on real servers, and its failures where nothing listens.

use std::time::Duration;

use redis_rl::{Fail, Limiter};
use serde_json::{Value, json};

use crate::conformance::{cases, differs, error_differs, run};
use crate::servers::{Server, free_port, limiters};

const TIMEOUT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn sessions_go_as_the_cases_say() {
    let (server, coordinator) = (Server::start(), Server::coordinator());
    for (name, limiter) in limiters(&server, Some(&coordinator)).await {
        let protocol = name.rsplit('-').next().unwrap();
        let mut ran = 0;
        for (n, session) in cases("sessions").iter().enumerate() {
            let is_over = session["over"].as_array().unwrap().contains(&json!(protocol));
            let needed = session.get("needs").and_then(Value::as_str);
            if is_over && needed.is_none_or(|word| knows(&server, word)) {
                session_goes(&limiter, session, &format!("{{{name}-{n}}}:")).await;
                ran += 1;
            }
        }
        println!("{name}: {ran} sessions");
        assert!(ran >= 25, "{name}: only {ran} sessions ran");
    }
}

async fn session_goes(limiter: &Limiter, session: &Value, prefix: &str) {
    for (n, step) in session["steps"].as_array().unwrap().iter().enumerate() {
        let mut args = step["args"].clone();
        let with_prefix = |key: &mut Value| *key = format!("{prefix}{}", key.as_str().unwrap()).into();
        args.get_mut("key").map(with_prefix);
        for one in args.get_mut("keys").and_then(Value::as_array_mut).into_iter().flatten() {
            with_prefix(&mut one["key"]);
        }
        let got = run(limiter, step["call"].as_str().unwrap(), &args).await;
        let wrong = match (got, step.get("error")) {
            (Err(error), Some(expected)) => error_differs(&error, expected),
            (Ok(got), None) => differs(&got, &step["answer"], true),
            (got, expected) => Some(format!("got {got:?}, expected {expected:?}")),
        };
        assert!(wrong.is_none(), "{prefix} {}, step {}: {}", session["name"], n + 1, wrong.unwrap());
    }
}

/// Whether a word is in the server's own documentation of its commands.
fn knows(server: &Server, word: &str) -> bool {
    fn has(value: &redis::Value, word: &str) -> bool {
        match value {
            redis::Value::Array(items) => items.iter().any(|item| has(item, word)),
            redis::Value::BulkString(text) => text.eq_ignore_ascii_case(word.as_bytes()),
            redis::Value::SimpleString(text) => text.eq_ignore_ascii_case(word),
            _ => false,
        }
    }
    has(&server.admin(&["COMMAND", "DOCS", "RL.SLIDE"]), word)
}

#[tokio::test]
async fn failures_are_answered_as_the_cases_say() {
    let mut server = Server::start();
    let mut all = limiters(&server, None).await;
    server.kill();
    all.push(("http", Limiter::open(&format!("http://127.0.0.1:{}", free_port())).unwrap()));
    let args = json!({
        "key": "k", "limit": 5, "capacity": 5, "refill": 1, "window_ms": 60_000, "policy": "p", "id": "i",
        "keys": [{"key": "k", "policy": "p"}], "remaining": 1,
    });
    for (name, limiter) in all {
        for case in cases("failures") {
            let fail = if case["fail"] == "open" { Fail::Open } else { Fail::Closed };
            let call = case["call"].as_str().unwrap();
            let got = run(&limiter.clone().fail(fail).timeout(TIMEOUT), call, &args).await;
            let unsupported = json!({"class": "Unsupported"});
            let expected =
                if name == "http" && call == "info" { Some(&unsupported) } else { case.get("error") };
            let wrong = match (got, expected) {
                (Err(error), Some(expected)) => error_differs(&error, expected),
                (Ok(got), None) => differs(&got, &case["answer"], false),
                (got, expected) => Some(format!("got {got:?}, expected {expected:?}")),
            };
            assert!(wrong.is_none(), "{name}, {}: {}", case["name"], wrong.unwrap());
        }
    }
}
