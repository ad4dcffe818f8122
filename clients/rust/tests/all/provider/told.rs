//! What headers say is passed on, and refusals are waited for.

use std::time::{Duration, Instant};

use redis_rl::{Error, Limit, provider::SendError, provider::Transport};

use super::rig::{Answer, HOUR, WHOLE, rig};

const REMAINING: &str = "anthropic-ratelimit-requests-remaining";
const LIMIT: &str = "anthropic-ratelimit-requests-limit";
const RESET: &str = "anthropic-ratelimit-requests-reset";

/// The policy allows 100 of rpm, and one is used.
#[tokio::test]
async fn headers_are_synced_less_a_margin() {
    type Setting = fn(Transport) -> Transport;
    for (name, remaining, limit, setting, elsewhere) in [
        ("less the margin", "50", None, (|t| t) as Setting, 99 - (50 - 3)),
        ("less the caller's margin", "50", None, |t| t.margin(0.1), 99 - (50 - 10)),
        ("less no margin", "50", None, |t| t.margin(0.0), 99 - 50),
        ("a debt", "1", None, |t| t, 99 - (1 - 3)),
        ("a lower limit", "20", Some("20"), |t| t, 99 - 19), // 20 less 0.6
    ] {
        let mut headers = vec![(REMAINING, remaining), (RESET, "2999-01-01T00:00:00Z")];
        headers.extend(limit.map(|limit| (LIMIT, limit)));
        let mut rig = rig(vec![Answer::json(200, WHOLE, &headers)]).await;
        rig.limiter.policies().set("llm", &[Limit::slide("rpm", 100, HOUR)]).await.unwrap();
        rig.transport = setting(rig.transport);
        rig.post().await.unwrap();
        rig.used().await; // it is settled after the headers are told
        assert_eq!(i64::try_from(rig.elsewhere().await).unwrap(), elsewhere, "{name}");
    }
}

#[tokio::test]
async fn refusals_are_waited_for() {
    let retry = r#"{"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.4s"}]}}"#;
    for (name, profile, refusal, hold_ms, charged) in [
        ("Anthropic 429", "anthropic", Answer::json(429, "{}", &[("retry-after", "0.4")]), 400, 1),
        ("Anthropic 529", "anthropic", Answer::json(529, "{}", &[]), 1_000, 1),
        ("OpenAI 429", "openai", Answer::json(429, "{}", &[("retry-after-ms", "300")]), 300, 2),
        ("OpenAI 503", "openai", Answer::json(503, "{}", &[("retry-after", "0.3")]), 300, 2),
        ("Gemini says it in the body", "gemini", Answer::json(429, retry, &[]), 400, 2),
    ] {
        let mut rig = rig(vec![refusal, Answer::json(200, WHOLE, &[])]).await;
        rig.transport = rig.transport.profile(profile);
        assert_eq!(rig.post().await.unwrap(), (200, WHOLE.to_owned()), "{name}");
        let asked = rig.asked.lock().unwrap().clone();
        assert_eq!((asked.len(), &asked[0].1), (2, &asked[1].1), "{name}");
        // The server's clock counts whole milliseconds.
        let (waited, hold) = (asked[1].0 - asked[0].0, Duration::from_millis(hold_ms));
        assert!(
            waited + Duration::from_millis(1) >= hold && waited < hold + Duration::from_secs(10),
            "{name}: {waited:?}"
        );
        assert_eq!(rig.used().await["rpm"], charged, "{name}");
    }
}

/// A refusal that lasts longer than the caller would wait is the answer, as it came.
#[tokio::test]
async fn a_refusal_that_lasts_is_the_answer() {
    const TEXT: &str = r#"{"type": "error"}"#;
    let rig = rig(vec![Answer::json(429, TEXT, &[("retry-after", "60"), (REMAINING, "0")])]).await;
    let patient = rig.transport.clone().wait(Duration::from_secs(5));
    let begin = Instant::now();
    let answer = patient.send(rig.request()).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!((answer.status().as_u16(), answer.url().as_str()), (429, rig.url.as_str()));
    assert_eq!(answer.headers()["retry-after"], "60");
    assert_eq!(answer.text().await.unwrap(), TEXT);
    let info = rig.limiter.info("llm").await.unwrap().unwrap();
    for name in ["rpm", "input", "output"] {
        assert!(info.limit(name).unwrap().held > Duration::from_secs(50), "{name}: {info:?}");
    }
    // What is left, less the margin, is told as well.
    assert_eq!(info.limit("rpm").unwrap().used_elsewhere, 9 + 1);
    // The next one is denied without asking the provider.
    match rig.transport.clone().wait(Duration::from_millis(50)).send(rig.request()).await {
        Err(SendError::Limit(Error::Denied(decision))) => {
            assert!(decision.retry_after > Some(Duration::from_secs(50)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(rig.asked.lock().unwrap().len(), 1);
}
