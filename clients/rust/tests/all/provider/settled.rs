//! What is charged after each kind of answer. The estimate is 25 input and 500 output tokens.

use std::sync::Arc;

use redis_rl::{Error, Fail, Limiter, provider::SendError, provider::Transport};
use tokio::sync::Notify;

use super::rig::{Answer, END, FORTY, START, WHOLE, body, rig};
use crate::servers::free_port;

#[tokio::test]
async fn answers_are_settled() {
    let unread = [("content-encoding", "gzip")];
    for (name, answer, input, output) in [
        ("JSON", Answer::json(200, WHOLE, &[]), 30, 77),
        ("a stream", Answer::stream(&[START, FORTY, END]), 30, 77),
        ("a stream that breaks", Answer::stream(&[START, FORTY]).broken(), 30, 10),
        ("a stream that breaks at once", Answer::stream(&["event: ping\n"]).broken(), 25, 0),
        ("a stream without usage", Answer::stream(&[FORTY]), 25, 500),
        (
            "a malformed stream",
            Answer::stream(&["event: message_start\ndata: {\n\n", "nonsense\n\n"]),
            25,
            500,
        ),
        ("JSON without usage", Answer::json(200, r#"{"content": []}"#, &[]), 25, 500),
        ("malformed JSON", Answer::json(200, r#"{"usage": {"input_tokens": 30, "outp"#, &[]), 25, 500),
        ("an answer that is compressed", Answer::json(200, WHOLE, &unread), 25, 500),
        ("no body", Answer::json(200, "", &[]), 25, 500),
        ("an error of the request", Answer::json(400, r#"{"error": {}}"#, &[]), 0, 0),
        ("an error of the provider", Answer::json(500, r#"{"error": {}}"#, &[]), 25, 500),
        ("no answer", Answer::none(), 25, 500),
    ] {
        let rig = rig(vec![answer]).await;
        rig.post().await;
        let used = rig.used().await;
        let used = ["rpm", "input", "output", "calls"].map(|limit| used[limit]);
        assert_eq!(used, [1, input, output, 0], "{name}");
        assert_eq!(rig.asked.lock().unwrap()[0].1, body(), "{name}");
    }
}

/// An event reaches the caller before the provider sends the next one.
#[tokio::test]
async fn streams_are_not_buffered() {
    let next: Arc<Notify> = Arc::default();
    let rig = rig(vec![Answer::stream(&[START, FORTY, END]).stepwise(&next)]).await;
    let mut answer = rig.transport.send(rig.request()).await.unwrap();
    assert_eq!(answer.url().as_str(), rig.url);
    for part in [START, FORTY, END] {
        let mut got = Vec::new();
        while got.len() < part.len() {
            got.extend_from_slice(&answer.chunk().await.unwrap().unwrap());
        }
        assert_eq!(String::from_utf8(got).unwrap(), part);
        assert_eq!(rig.limiter.info("llm").await.unwrap().unwrap().reservations, 1);
        next.notify_one();
    }
    assert!(answer.chunk().await.unwrap().is_none());
    assert_eq!(rig.used().await["output"], 77);
}

#[tokio::test]
async fn abandoned_streams_are_settled_at_what_had_passed() {
    let rig = rig(vec![Answer::stream(&[START, FORTY]).stays()]).await;
    let mut answer = rig.transport.send(rig.request()).await.unwrap();
    let mut got = 0;
    while got < START.len() + FORTY.len() {
        got += answer.chunk().await.unwrap().unwrap().len();
    }
    drop(answer);
    rig.gone.notified().await; // the provider sees it, too
    let used = rig.used().await;
    assert_eq!(["rpm", "input", "output", "calls"].map(|limit| used[limit]), [1, 30, 10, 0]);
}

#[tokio::test]
async fn output_is_reserved_by_what_calls_used() {
    let rig = rig(vec![Answer::json(200, WHOLE, &[]), Answer::stream(&[START, END]).stays()]).await;
    rig.post().await.unwrap();
    assert_eq!(rig.used().await["output"], 77);
    // The second has something to go by, and reserves less than the 500 that it may produce.
    let _open = rig.transport.send(rig.request()).await.unwrap();
    let info = rig.limiter.info("llm").await.unwrap().unwrap();
    assert_eq!(info.limit("output").unwrap().used, 77 + 77);
}

#[tokio::test]
async fn requests_without_a_body_are_not_counted() {
    let rig = rig(vec![Answer::json(200, "{}", &[])]).await;
    let answer = rig.transport.send(reqwest::Client::new().get(&rig.url)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(rig.limiter.info("llm").await.unwrap().is_none());
}

#[tokio::test]
async fn the_model_chooses_the_policy() {
    let rig = rig(vec![Answer::json(200, WHOLE, &[])]).await;
    let by_model = rig.transport.clone().policy_of(|model| format!("policy-of-{model}"));
    match by_model.send(rig.request()).await {
        Err(SendError::Limit(Error::NoPolicy(_))) => {}
        other => panic!("{other:?}"),
    }
    let own = rig.transport.clone().key("own").estimate_input(|body| u64::try_from(body.len()).unwrap());
    own.send(rig.request()).await.unwrap().text().await.unwrap();
    assert_eq!(rig.limiter.info("own").await.unwrap().unwrap().limit("rpm").unwrap().used, 1);
}

#[tokio::test]
async fn without_a_server_the_fail_mode_says_whether_to_send() {
    let rig = rig(vec![Answer::json(200, WHOLE, &[])]).await;
    let nowhere = Limiter::open(&format!("redis://127.0.0.1:{}", free_port())).unwrap();
    match Transport::new(&nowhere, "llm").send(rig.request()).await {
        Err(SendError::Limit(Error::Denied(decision))) => assert!(decision.degraded.is_some()),
        other => panic!("{other:?}"),
    }
    assert!(rig.asked.lock().unwrap().is_empty());
    let open = Transport::new(&nowhere.fail(Fail::Open), "llm").send(rig.request()).await.unwrap();
    assert_eq!(open.text().await.unwrap(), WHOLE);
}

#[tokio::test]
async fn a_transport_is_a_middleware() {
    let rig =
        rig(vec![Answer::json(429, "{}", &[("retry-after", "0.2")]), Answer::json(200, WHOLE, &[])]).await;
    let client =
        reqwest_middleware::ClientBuilder::new(reqwest::Client::new()).with(rig.transport.clone()).build();
    let answer = client.post(&rig.url).body(body()).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), WHOLE);
    assert_eq!(rig.asked.lock().unwrap().len(), 2);
    let used = rig.used().await;
    assert_eq!(["rpm", "input", "output"].map(|limit| used[limit]), [1, 30, 77]);
    rig.limiter.hold("llm", super::rig::HOUR).await.unwrap();
    let short = rig.transport.clone().wait(std::time::Duration::from_millis(5));
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new()).with(short).build();
    let error = client.post(&rig.url).body(body()).send().await.unwrap_err();
    assert!(error.to_string().contains("denied by"), "{error}");
}
