//! Rate limits of [redis-rl](https://github.com/redis-rl/redis-rl): those of a Redis or Valkey server with the module, or those of
//! rl-coordinator over HTTP.
//!
//! ```
#![doc = include_str!("doc_begin.txt")]
//! // let limiter = redis_rl::Limiter::open("redis://localhost")?;
//! let decision = limiter.slide("doc:anthropic", 500, Duration::from_secs(60)).await?;
//! if let (false, Some(after)) = (decision.allowed, decision.retry_after) {
//!     tokio::time::sleep(after).await;
//! }
//! # assert_eq!(decision.remaining, 499);
//! # Ok(()) }
//! ```
//!
//! This crate holds no algorithm and no state of limits: it sends commands, reads replies, and fails in the way that the caller chose.
//!
//! # Answers and errors
//!
//! A denial is an answer, not an error. Errors are of one kind each: see [`Error`]. A request for admission that cannot be decided,
//! since the server is gone or does not answer within the [timeout](Limiter::timeout), is answered by the [fail mode](Fail). Then
//! `degraded` says why, and [`Limiter::stats`] counts it. No call is repeated behind the caller's back.
//!
//! # Waiting
//!
//! With `.wait(…)`, the server holds the request until its turn has come: across all programs, a higher lane goes first, and within
//! a lane the first to come. Each waiting request takes a connection of its own, so [`Limiter::max_waiting`] bounds them. A future
//! that is dropped takes the request out of the line.
//!
//! # Features
//!
//! | feature | brings |
//! |---|---|
//! | `redis` (default) | `Limiter::new`, `Limiter::over` and `Limiter::cluster` for redis-rs, and `Limiter::open("redis://…")` |
//! | `http` | `Limiter::http` and `Limiter::open("http://…")` for rl-coordinator, by reqwest. `https` brings TLS, too |
//! | `profiles` | `profile`, and `Reservation::sync`: what providers of language models say in headers |
//! | `provider` | `provider::Transport`: a limit in front of a provider of language models, for reqwest. `reqwest-middleware` makes it a middleware |
//! | `tower` | `tower::RateLimit`, a layer for servers such as axum |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod command;
mod decision;
mod error;
mod hold;
#[cfg(feature = "http")]
mod http;
mod info;
mod limiter;
mod limits;
mod open;
mod options;
mod policy;
#[cfg(feature = "profiles")]
pub mod profile;
#[cfg(feature = "provider")]
pub mod provider;
mod quota;
#[cfg(feature = "redis")]
mod redis;
mod reply;
mod reserve;
mod settle;
mod single;
mod stats;
#[cfg(feature = "tower")]
pub mod tower;
mod unavailable;
mod wait_queue;
mod window;

pub use self::command::{Command, Connection, Pending};
pub use self::decision::{Decision, QuotaDecision};
pub use self::error::Error;
pub use self::hold::{Left, Tell, TellQuota};
#[cfg(feature = "http")]
pub use self::http::Http;
pub use self::info::{Info, LimitInfo, TopBy, TopKey};
pub use self::limiter::{Fail, Limiter};
pub use self::limits::{Algorithm, Limit};
pub use self::options::Lane;
pub use self::policy::Policies;
pub use self::quota::{PeekQuota, Quota, Rules};
pub use self::reply::Reply;
pub use self::reserve::{Reservation, Reserve};
pub use self::single::{Bucket, Fixed, Peek, Single, Slide};
pub use self::stats::Stats;
pub use self::unavailable::{Cause, Unavailable};
pub use self::window::{Offset, Window};
