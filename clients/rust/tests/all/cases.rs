//! The cases of clients/conformance that need no server: what calls send, and what is made of replies and errors.

use std::sync::{Arc, Mutex};

use redis_rl::{Cause, Command, Connection, Error, Http, Limiter, Pending, Reply};
use serde_json::{Value, json};

use crate::conformance::{cases, differs, error_differs, reply, run};
use crate::servers::{Asked, PATIENCE, web};

/// Answers each command in the same way, and keeps its words.
#[derive(Clone)]
struct Fixed {
    answer: Result<Reply, Error>,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Connection for Fixed {
    fn send<'a>(&'a self, command: &'a Command) -> Pending<'a, Reply> {
        self.sent.lock().unwrap().clone_from(&command.words);
        Box::pin(async { self.answer.clone() })
    }
}

fn answering(answer: Result<Reply, Error>) -> Limiter {
    Limiter::with(Fixed { answer, sent: Arc::default() })
}

#[tokio::test]
async fn calls_send_the_words_of_the_cases() {
    let mut wrong = Vec::new();
    for case in cases("calls") {
        let fixed = Fixed { answer: Err(Error::unavailable(Cause::Down, "stop")), sent: Arc::default() };
        _ = run(&Limiter::with(fixed.clone()), case["call"].as_str().unwrap(), &case["args"]).await;
        let sent = json!(*fixed.sent.lock().unwrap());
        wrong.extend(differs(&sent, &case["words"], false).map(|wrong| format!("{}: {wrong}", case["name"])));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn calls_send_the_bodies_of_the_cases() {
    let (asked, url) = web(418, "").await;
    let limiter = Limiter::http(Http::at(&url)).unwrap().timeout(PATIENCE);
    let mut wrong = Vec::new();
    for case in cases("calls") {
        asked.lock().unwrap().clear();
        let answer = run(&limiter, case["call"].as_str().unwrap(), &case["args"]).await;
        let sent: Vec<Value> = asked.lock().unwrap().drain(..).map(|Asked { method, path, body }| {
            json!({"method": method, "path": path, "body": serde_json::from_str::<Value>(&body).unwrap_or_default()})
        }).collect();
        if case["http"].is_null() {
            assert!(
                matches!(answer, Err(Error::Unsupported)) && sent.is_empty(),
                "{case}: {answer:?}, {sent:?}"
            );
        } else {
            wrong.extend(
                differs(&json!(sent), &json!([case["http"]]), false)
                    .map(|wrong| format!("{}: {wrong}", case["name"])),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn replies_are_read_as_the_cases_say() {
    let mut wrong = Vec::new();
    for case in cases("replies") {
        let mut forms = vec![];
        for form in ["resp2", "resp3"] {
            forms.push((form, answering(Ok(reply(&case[form])))));
        }
        if let Some(answer) = case.get("http") {
            forms.push(("http", answering_http(answer).await));
        }
        for (form, limiter) in forms {
            let mut args = case.get("args").cloned().unwrap_or(json!({}));
            fill(&mut args);
            let about = format!("{} by {form}", case["name"]);
            match run(&limiter, case["of"].as_str().unwrap(), &args).await {
                Ok(got) => wrong
                    .extend(differs(&got, &case["answer"], false).map(|wrong| format!("{about}: {wrong}"))),
                Err(error) => wrong.push(format!("{about}: {error:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Adds the arguments without which a call cannot be made.
fn fill(args: &mut Value) {
    let least = json!({
        "limit": 5, "capacity": 5, "refill": 1, "window_ms": 60_000, "ttl_ms": 1,
        "keys": [{"key": "k", "policy": "p"}], "limits": [], "remaining": 1,
    });
    for (name, value) in least.as_object().unwrap() {
        if args.get(name).is_none() {
            args[name] = value.clone();
        }
    }
}

#[tokio::test]
async fn errors_are_read_as_the_cases_say() {
    let mut wrong = Vec::new();
    for case in cases("errors") {
        let mut limiters = Vec::new();
        if let Some(text) = case.get("resp") {
            limiters.push(answering(Err(Error::from_server(text.as_str().unwrap()))));
        }
        if let Some(answer) = case.get("http") {
            limiters.push(answering_http(answer).await);
        }
        assert!(!limiters.is_empty(), "{case}");
        for limiter in limiters {
            // The fail mode answers calls that ask for an admission, so the error is in the answer.
            let error = match limiter.quota("k", "p").await {
                Ok(decision) => Error::Unavailable(decision.degraded.unwrap()),
                Err(error) => error,
            };
            wrong.extend(
                error_differs(&error, &case["error"]).map(|wrong| format!("{}: {wrong}", case["name"])),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn answering_http(answer: &Value) -> Limiter {
    let status = u16::try_from(answer["status"].as_u64().unwrap()).unwrap();
    let (_, url) = web(status, &answer["body"].to_string()).await;
    Limiter::http(Http::at(&url)).unwrap().timeout(PATIENCE)
}
