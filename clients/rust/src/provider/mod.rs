//! A limit in front of a provider of language models.
//!
//! ```no_run
//! use redis_rl::{Limiter, provider::Transport};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let transport = Transport::new(&Limiter::open("redis://localhost")?, "claude-sonnet");
//! let request = reqwest::Client::new().post("https://api.anthropic.com/v1/messages").body("…");
//! let answer = transport.send(request).await?;
//! # Ok(()) }
//! ```
//!
//! For each request, a [`Transport`] reserves what it will probably use, and waits in line for it. It settles what was really used, by the
//! answer or by the stream while it passes. It passes on to the limiter what the provider's headers say, and after a refusal it holds the
//! key and stands in line again. So set the retries of an SDK to 0.
//!
//! With the feature `reqwest-middleware`, a transport is a middleware of that crate, which SDKs take as their client.
//!
//! | file | contents |
//! |---|---|
//! | `transport.rs`, `settings.rs` | settings, and the attempts of a request |
//! | `call.rs` | what the attempts of a request have in common: its estimate, and what is done after an answer |
//! | `ask.rs` | the body of a request |
//! | `body.rs`, `meter.rs`, `events.rs` | answers and streams, while they pass |
//! | `facts.rs`, `usage.rs` | how providers count |
//! | `middleware.rs` | the middleware of reqwest-middleware |
//! | `output.rs`, `policy.rs` | what is known of a key's calls, and of a policy |

mod ask;
mod body;
mod call;
mod error;
mod events;
mod facts;
mod meter;
#[cfg(feature = "reqwest-middleware")]
mod middleware;
mod output;
mod policy;
mod settings;
mod transport;
mod usage;

pub use self::error::SendError;
pub use self::transport::Transport;
