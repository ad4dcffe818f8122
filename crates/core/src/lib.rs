//! Rate limits, and the order of a decision's steps. No server, no clock, no I/O: time comes in as a value.
//!
//! ```
//! use std::sync::Arc;
//!
//! use rl_core::engine::{Standing, Turn, limit};
//! use rl_core::grammar::limit as grammar;
//! use rl_core::memory::{Memory, Now, Room};
//! use rl_core::quota::policies::Policies;
//! use rl_core::time::At;
//!
//! let room = Arc::new(Room::new(1_000_000)); // keys at most
//! let mut memory: Memory<()> = Memory::new(room, Arc::new(Policies::new()), || None);
//!
//! let words: &[&[u8]] = &[b"RL.SLIDE", b"api", b"2", b"60"]; // 2 in any 60 seconds
//! let request = grammar::slide(words)?;
//! let standing = Standing::Newcomer(Default::default());
//! let mut ask = |ms| {
//!     let now = Now { wall: At::from_ms(ms), steady: At::from_ms(ms) };
//!     match limit::turn(&mut memory.at(now), b"api", &request, standing) {
//!         Ok(Turn::Answer { reply: decision, .. }) => (decision.allowed, decision.retry.reply()),
//!         other => panic!("{other:?}"),
//!     }
//! };
//! assert_eq!(ask(0), (true, 0));
//! assert_eq!(ask(5), (true, 0));
//! assert_eq!(ask(10), (false, 59_990)); // the first request leaves the window then
//! assert_eq!(ask(60_000), (true, 0));
//! # Ok::<(), rl_core::fault::Fault>(())
//! ```
//!
//! A request goes one way: [`grammar`] reads its words, [`engine`] decides on it and commits the [`effect`] of an
//! admission. Applying an effect is the same code on the primary, on a replica and when a file is loaded.
//!
//! - [`limit`]: one limit, with a folder for each algorithm; [`quota`]: many limits under one key
//! - [`queue`]: who waits, and whose turn it is
//! - [`engine`]: the order of a decision's steps, and what it needs from a host
//! - [`memory`]: a host in memory
//! - [`value`]: what a key holds; [`top`]: the keys that are asked for most often
//! - [`number`], [`fault`]: what clients may write, and the errors they get

#![forbid(unsafe_code)]

mod bounded;
pub mod effect;
pub mod engine;
pub mod fault;
pub mod grammar;
pub mod limit;
pub mod memory;
pub mod number;
pub mod queue;
pub mod quota;
pub mod time;
pub mod top;
pub mod value;
mod varint;
pub mod words;

pub use limit::{ParameterSetsLock, lock_parameter_sets, parameter_sets};
