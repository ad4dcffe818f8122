//! A layer that limits the requests of a server, such as one of axum.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use axum::{Router, routing::get};
//! use redis_rl::{Limiter, tower::RateLimit};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let limiter = Limiter::open("redis://localhost")?;
//! let by_user = |request: &http::request::Parts| match request.headers.get("x-user") {
//!     Some(user) => format!("http:{}", String::from_utf8_lossy(user.as_bytes())),
//!     None => "http:anonymous".to_owned(),
//! };
//! let app: Router = Router::new()
//!     .route("/", get(async || "hello"))
//!     .layer(RateLimit::slide(&limiter, 100, Duration::from_secs(60), by_user));
//! # Ok(()) }
//! ```
//!
//! A request over the limit gets 429 with `Retry-After`. All answers have the header fields `RateLimit` and `RateLimit-Policy` of
//! draft-ietf-httpapi-ratelimit-headers. A request that cannot be decided is admitted if the limiter fails open, and gets 503 otherwise.

mod fields;
mod layer;
mod rule;

pub use self::layer::{Limited, RateLimit};
