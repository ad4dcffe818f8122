//! The transport in front of the provider of benches/lab: a real HTTP server with the limits, headers, refusals and streams of providers.
//! `LAB_PYTHON` is a Python that has what it needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis_rl::provider::Transport;
use redis_rl::{Limit, Limiter};
use serde_json::{Value, json};

use super::rig::HOUR;
use crate::servers::{PATIENCE, Server, eventually};

/// A limit that no test reaches.
const PLENTY: u64 = 100_000_000;

/// The lab's minute.
const LAB_MINUTE: Duration = Duration::from_secs(6);

/// Starts the provider with limits of its model.
fn lab(limits: [(&str, u64); 3]) -> Server {
    let buckets: Value =
        limits.iter().map(|(name, n)| ((*name).to_owned(), json!(["bucket", n, (n / 5).max(1)]))).collect();
    Server::lab(&json!({"seed": 7, "minute": LAB_MINUTE.as_secs(), "models": {"claude-sonnet": buckets}}))
}

/// The same limits as a policy. Buckets are smaller by a hundredth of the limit, so that what is on its way does not come too early.
fn policy(limits: [(&str, u64); 3]) -> Vec<Limit> {
    let limit = |(name, n): (&str, u64)| {
        Limit::bucket(name, n, LAB_MINUTE, (n / 5).max(1) - n.div_ceil(100)).unit(name)
    };
    limits.map(limit).into_iter().chain([Limit::in_flight("calls", 1_000)]).collect()
}

async fn limiter(server: &Server, policy: &[Limit]) -> Limiter {
    let limiter = Limiter::new(server.client("resp3")).timeout(PATIENCE);
    limiter.policies().set("claude-sonnet", policy).await.unwrap();
    limiter
}

/// Makes a call of the model, and returns its status and body.
async fn call(
    transport: &Transport,
    client: &reqwest::Client,
    url: &str,
    size: usize,
    stream: bool,
) -> (u16, String) {
    let message = json!({"role": "user", "content": format!("job: {}", "x".repeat(size))});
    let body = json!({"model": "claude-sonnet", "max_tokens": 1024, "stream": stream, "messages": [message]});
    let request = client.post(url).header("content-type", "application/json").body(body.to_string());
    let answer = transport.send(request).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Makes calls by so many tasks, each until it returns false.
async fn many_calls<F: Future<Output = bool> + Send>(
    tasks: u64,
    each: impl Fn(u64) -> F + Send + Sync + 'static,
) {
    let (each, next) = (Arc::new(each), Arc::new(AtomicU64::new(0)));
    let worker = || {
        let (each, next) = (Arc::clone(&each), Arc::clone(&next));
        async move { while each(next.fetch_add(1, Ordering::Relaxed)).await {} }
    };
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..tasks {
        all.spawn(worker());
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
}

/// Returns the last counts of a body or a stream whose names are these.
fn usage(text: &str, names: [&str; 2]) -> [u64; 2] {
    names.map(|name| {
        let last = text.rfind(&format!("\"{name}\":")).unwrap_or_else(|| panic!("no {name} in {text}"));
        let digits: String = text[last..]
            .chars()
            .skip(name.len() + 3)
            .skip_while(|c| *c == ' ')
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().unwrap()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_settled_usage_is_the_providers_own() {
    const CALLS: u64 = 300;
    let plenty = [("requests", PLENTY), ("input", PLENTY), ("output", PLENTY)];
    for (path, names) in [
        ("/v1/messages", ["input_tokens", "output_tokens"]),
        ("/v1/chat/completions", ["prompt_tokens", "completion_tokens"]),
    ] {
        let (lab, server) = (lab(plenty), Server::start());
        let limits = [
            Limit::slide("rpm", PLENTY, HOUR),
            Limit::slide("in", PLENTY, HOUR).unit("input"),
            Limit::slide("out", PLENTY, HOUR).unit("output"),
        ];
        let limiter = limiter(&server, &limits).await;
        let (transport, client) = (Transport::new(&limiter, "claude-sonnet"), reqwest::Client::new());
        let url = format!("http://127.0.0.1:{}{path}", lab.port);
        let said: Arc<[AtomicU64; 2]> = Arc::default();
        let keep = Arc::clone(&said);
        many_calls(20, move |n| {
            let (transport, client, url, keep) =
                (transport.clone(), client.clone(), url.clone(), Arc::clone(&keep));
            async move {
                if n >= CALLS {
                    return false;
                }
                let (status, text) =
                    call(&transport, &client, &url, usize::try_from(n * 13 % 4_000).unwrap(), n % 2 == 0)
                        .await;
                assert_eq!(status, 200, "{text}");
                for (sum, n) in keep.iter().zip(usage(&text, names)) {
                    sum.fetch_add(n, Ordering::Relaxed);
                }
                true
            }
        })
        .await;
        let info = async || limiter.info("claude-sonnet").await.unwrap().unwrap();
        eventually("all is settled", async || info().await.reservations == 0).await;
        let info = info().await;
        let used = ["rpm", "in", "out"].map(|name| info.limit(name).unwrap().used);
        assert_eq!(used, [CALLS, said[0].load(Ordering::Relaxed), said[1].load(Ordering::Relaxed)], "{path}");
    }
}

/// The provider's limit is used, and not exceeded, by many callers at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_is_used_and_kept() {
    let limits = [("requests", 300), ("input", 300 * 560), ("output", 300 * 224)];
    let (lab, server) = (lab(limits), Server::start());
    let limiter = limiter(&server, &policy(limits)).await;
    let transport = Transport::new(&limiter, "claude-sonnet").wait(Duration::from_secs(300));
    let client = reqwest::Client::new();
    let url = format!("http://127.0.0.1:{}", lab.port);
    client.post(format!("{url}/lab/start")).send().await.unwrap();
    let end = Instant::now() + 3 * LAB_MINUTE;
    let (asks, path) = (client.clone(), format!("{url}/v1/messages"));
    many_calls(50, move |n| {
        let (transport, client, url) = (transport.clone(), asks.clone(), path.clone());
        async move {
            let is_time = Instant::now() < end;
            if is_time {
                call(&transport, &client, &url, usize::try_from(n * 397 % 3_200).unwrap(), n % 2 == 0).await;
            }
            is_time
        }
    })
    .await;
    let figures = client.get(format!("{url}/lab/log")).send().await.unwrap().text().await.unwrap();
    let figures: Value = serde_json::from_str(&figures).unwrap();
    let begin = &figures["begin"];
    let [requests, refused] = ["requests", "refused"].map(|name| begin[name].as_u64().unwrap());
    let used = begin["use"]["claude-sonnet"].as_f64().unwrap();
    println!("{requests} requests, {refused} refused, {:.1} % of the limit used", 100.0 * used);
    // An idle machine uses 96 %. One with six builds for each core has used 40 %: then the callers are too slow, not the limit.
    assert!(refused * 1_000 <= requests && used >= 0.3, "{begin}");
}
