//! The facts about providers: copies that are fresh, and headers that are read as the fixtures say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use redis_rl::Limit;
use redis_rl::profile::{names, profile, read};
use serde_json::{Value, json};

use crate::servers::{MINUTE, Server, limiters};

const FILES: [&str; 6] = ["left.rs", "number.rs", "profile.rs", "read.rs", "structured.rs", "time.rs"];

fn original(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/profiles").join(file)
}

/// Compares the copies with crates/profiles. If REDIS_RL_COPY is set, it writes them anew.
#[test]
fn the_copies_are_fresh() {
    let mut copies = vec![("profiles.json", std::fs::read_to_string(original("profiles.json")).unwrap())];
    for file in FILES {
        let text = std::fs::read_to_string(original(&format!("src/{file}"))).unwrap();
        let text = text.replace("rl_profiles::", "redis_rl::profile::").replace("use crate::", "use super::");
        copies.push((file, text.replace("../profiles.json", "profiles.json")));
    }
    let sources = std::fs::read_dir(original("src")).unwrap().count();
    assert_eq!(sources, FILES.len() + 1, "crates/profiles has other files than are copied");
    for (file, text) in copies {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/profile").join(file);
        if std::env::var_os("REDIS_RL_COPY").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let copy = std::fs::read_to_string(&path).unwrap();
        assert!(copy == text, "src/profile/{file} is stale: REDIS_RL_COPY=1 cargo test copies it");
    }
}

#[test]
fn headers_are_read_as_the_fixtures_say() {
    let mut cases = 0;
    for name in names() {
        let path = original(&format!("fixtures/{name}.json"));
        let fixture: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for case in fixture.as_array().unwrap() {
            let headers = case["headers"].as_object().unwrap().iter();
            let headers: Vec<_> = headers.map(|(name, value)| (name, value.as_str().unwrap())).collect();
            let told = read(profile(name).unwrap(), &headers, case["now_ms"].as_u64().unwrap());
            let limits = told.limits.iter().map(
                |left| json!({"names": left.names, "remaining": left.remaining, "reset_ms": left.reset_ms}),
            );
            let read = (limits.collect::<Value>(), json!(told.hold_ms));
            assert_eq!(read, (case["limits"].clone(), case["hold_ms"].clone()), "{name}: {}", case["name"]);
            cases += 1;
        }
    }
    assert!(cases > 30, "only {cases} cases");
}

#[tokio::test]
async fn a_reservation_tells_what_headers_say() {
    let (server, coordinator) = (Server::start(), Server::coordinator());
    let limits = [Limit::slide("rpm", 10, MINUTE), Limit::slide("output", 1_000, MINUTE).unit("output")];
    let anthropic = profile("anthropic").unwrap();
    let headers = [
        ("Anthropic-RateLimit-Requests-Remaining", "4"),
        ("anthropic-ratelimit-tokens-remaining", "4"), // the policy has no such limit
    ];
    for (name, limiter) in limiters(&server, Some(&coordinator)).await {
        let key = format!("{{{name}}}:one");
        let call = limiter.reserve(&key, &limits).await.unwrap();
        call.sync(anthropic, headers).await.unwrap();
        let left = limiter.peek_quota(&key).await.unwrap().unwrap();
        assert_eq!(
            left.limits.iter().map(|(_, limit)| limit.remaining).collect::<Vec<_>>(),
            [4, 1_000],
            "{name}"
        );
        call.cancel().await.unwrap();

        limiter.policies().set("llm", &limits).await.unwrap();
        limiter.policies().set("org", &limits[1..]).await.unwrap();
        let keys = [(format!("{{{name}}}:org"), "org"), (format!("{{{name}}}:user"), "llm")];
        let call = limiter.reserve_all(&keys).cost("output", 400).await.unwrap();
        let mut headers = http::HeaderMap::new();
        headers.insert("anthropic-ratelimit-output-tokens-remaining", "90".parse().unwrap());
        call.sync_aged(Duration::from_millis(5), anthropic, &headers).await.unwrap();
        for (key, _) in &keys {
            let left = limiter.peek_quota(key).await.unwrap().unwrap();
            assert_eq!(left.limit("output").unwrap().remaining, 90, "{name}");
        }
    }
}
