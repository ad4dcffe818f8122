//! The tower layer in a server of axum.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::request::Parts;
use redis_rl::tower::RateLimit;
use redis_rl::{Fail, Lane, Limit, Limiter, Window};

use crate::servers::{MINUTE, Server, free_port, limiters};

/// Asks a server that is limited, and returns the status and the header fields about limits.
async fn ask(layer: RateLimit, user: &str) -> (u16, String) {
    let app = Router::new().route("/", get(async || "hello")).layer(layer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let answer = reqwest::Client::new().get(url).header("user", user).send().await.unwrap();
    let fields = ["retry-after", "ratelimit", "ratelimit-policy"];
    let fields: Vec<String> = fields
        .into_iter()
        .filter_map(|name| Some(format!("{name}: {}", answer.headers().get(name)?.to_str().unwrap())))
        .collect();
    let status = answer.status().as_u16();
    assert_eq!(answer.text().await.unwrap() == "hello", status == 200);
    server.abort();
    (status, fields.join(" | "))
}

#[tokio::test]
async fn answers_tell_the_limits() {
    let (server, coordinator) = (Server::start(), Server::coordinator());
    for (name, limiter) in limiters(&server, Some(&coordinator)).await {
        let key = move |request: &Parts| format!("{name}:{}", request.headers["user"].to_str().unwrap());
        let slide = RateLimit::slide(&limiter, 1, MINUTE, key);
        let told = |status, fields: &str| (status, fields.to_owned());
        const SLIDE: &str = r#"ratelimit: "default";r=0;t=60 | ratelimit-policy: "default";q=1;w=60"#;
        assert_eq!(ask(slide.clone(), "ann").await, told(200, SLIDE));
        assert_eq!(ask(slide.clone(), "ann").await, told(429, &format!("retry-after: 60 | {SLIDE}")));
        assert_eq!(ask(slide, "bob").await, told(200, SLIDE));

        let never = RateLimit::slide(&limiter, 0, MINUTE, key);
        const NEVER: &str = r#"ratelimit: "default";r=0;t=0 | ratelimit-policy: "default";q=0;w=60"#;
        assert_eq!(ask(never, "never").await, told(429, NEVER));

        let bucket = RateLimit::bucket(&limiter, 50, 500, MINUTE, key);
        const BUCKET: &str = r#"ratelimit: "default";r=49;t=1 | ratelimit-policy: "default";q=500;w=60"#;
        assert_eq!(ask(bucket, "bucket").await, told(200, BUCKET));

        let month =
            RateLimit::window(&limiter, 7, Window::Month, key).costs(|_| vec![("requests".to_owned(), 3)]);
        let (status, fields) = ask(month, "month").await;
        assert!(status == 200 && fields.starts_with(r#"ratelimit: "default";r=4;t="#), "{fields}");
        assert!(fields.ends_with(r#" | ratelimit-policy: "default";q=7"#), "{fields}");

        let limits = [
            Limit::slide("rpm", 2, MINUTE),
            Limit::slide("tpm", 5, Duration::from_secs(90)).unit("tokens"),
            Limit::slide("try", 5, MINUTE).shadow(),
        ];
        let quota = RateLimit::quota(&limiter, &limits, key).costs(|_| vec![("tokens".to_owned(), 5)]);
        const QUOTA: &str = concat!(
            r#"ratelimit: "rpm";r=1;t=60, "tpm";r=0;t=90 | "#,
            r#"ratelimit-policy: "rpm";q=2;w=60, "tpm";q=5;qu="tokens";w=90"#
        );
        assert_eq!(ask(quota, "quota").await, told(200, QUOTA));

        let errors: Arc<Mutex<Vec<String>>> = Arc::default();
        let keep = Arc::clone(&errors);
        let none = RateLimit::quota(&limiter, "none", key);
        let none = none.on_error(move |error| keep.lock().unwrap().push(error.to_string()));
        assert_eq!(ask(none, "none").await, told(500, ""));
        assert!(errors.lock().unwrap()[0].contains("no such policy"), "{errors:?}");
    }
}

#[tokio::test]
async fn a_request_may_wait() {
    let server = Server::start();
    for (name, limiter) in limiters(&server, None).await {
        let window = Duration::from_millis(200);
        let layer = RateLimit::slide(&limiter, 1, window, move |_| name.to_owned());
        let layer = layer.wait(Duration::from_secs(20)).priority(|_| Lane::High);
        for _ in 0..2 {
            assert_eq!(ask(layer.clone(), "ann").await.0, 200, "{name}");
        }
    }
}

#[tokio::test]
async fn without_a_server_the_fail_mode_answers() {
    let nowhere = Limiter::open(&format!("redis://127.0.0.1:{}", free_port())).unwrap();
    for (fail, status, fields) in [(Fail::Open, 200, ""), (Fail::Closed, 503, "retry-after: 1")] {
        let layer = RateLimit::quota(&nowhere.clone().fail(fail), "p", |_| "k".to_owned());
        assert_eq!(ask(layer, "ann").await, (status, fields.to_owned()));
    }
}
