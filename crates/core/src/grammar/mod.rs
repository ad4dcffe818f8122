//! The grammar of every command. It parses the words of a command once, into a request.
//!
//! Nothing here decides a request: see [`crate::engine`].
//!
//! ```
//! use rl_core::fault::Fault;
//! use rl_core::grammar::request::{Command, Request};
//! use rl_core::limit::Kind;
//! use rl_core::queue::Lane;
//!
//! let words: [&[u8]; 8] = [b"RL.BUCKET", b"key", b"50", b"8.33", b"WAIT", b"250ms", b"PRIORITY", b"high"];
//! let request = Request::read(Command::Limit(Kind::Bucket), words.as_slice())?;
//! let wait = request.wait().unwrap();
//! assert_eq!((wait.time.ms(), wait.lane), (250, Lane::High));
//!
//! let words: [&[u8]; 4] = [b"RL.SLIDE", b"key", b"many", b"60"];
//! assert_eq!(Request::read(Command::Limit(Kind::Slide), words.as_slice()), Err(Fault::Limit));
//! # Ok::<(), Fault>(())
//! ```

pub mod ask;
pub mod cache;
pub mod cl_throttle;
pub mod limit;
mod limit_clause;
pub mod outside;
pub mod policy;
pub mod policy_file;
pub mod quota;
pub mod request;
mod template;
pub mod terms;
pub mod top;
mod wait;
pub mod words;

pub use self::words::Words;
