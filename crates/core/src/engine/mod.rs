//! What happens to a request, step by step, in whichever host it runs.
//!
//! The engine owns the order of the steps: open the key, decide, queue behind waiters, charge, answer. A
//! [`Host`] lends what the engine does not have: values, time, policies, ids and lines. It
//! commits an effect: applies it, moves the key's expiry, and replicates it.
//!
//! ```
//! # use std::sync::Arc;
//! # use rl_core::engine::run::{Reply, run};
//! # use rl_core::engine::{Standing, Turn};
//! # use rl_core::grammar::request::{Command, Request};
//! # use rl_core::memory::{Error, Memory, Now, Room};
//! # use rl_core::queue::Lane;
//! # use rl_core::time::At;
//! # let mut memory = Memory::<()>::new(Arc::new(Room::new(10)), Arc::default(), || None);
//! # let clock = At::from_ms(1_764_000_000_000);
//! # let now = Now { wall: clock, steady: clock };
//! let mut run_words = |command, words: &str| -> Result<Reply, Error> {
//!     let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
//!     let request = Request::read(command, words.as_slice())?;
//!     match run(&mut memory.at(now), &[words[1]], &request, Standing::Newcomer(Lane::Normal))? {
//!         Turn::Answer { reply, .. } => Ok(reply),
//!         Turn::Wait { .. } => panic!("it does not wait"),
//!     }
//! };
//!
//! // A call reserves 80 of 100 tokens a minute and uses 30, so that 70 are left.
//! let reserve = "RL.QUOTA q LIMIT tpm 100 60 UNIT tokens COST tokens 80 RESERVE 60 ID call-1";
//! let Reply::Quota(reply) = run_words(Command::Quota, reserve)? else { panic!("it is a quota") };
//! assert!(reply.allowed());
//! assert_eq!(run_words(Command::Settle, "RL.SETTLE q call-1 COST tokens 30")?, Reply::Done(true));
//! let Reply::Quota(left) = run_words(Command::Peek, "RL.PEEK q")? else { panic!("it is a quota") };
//! assert_eq!(left.keys[0].1.rows[0].remaining, 70);
//! # Ok::<(), Error>(())
//! ```
//!
//! - [`host`]: what a host lends; `asked`: a key that a request to quotas asks
//! - [`limit`], [`quota`], [`peek`], [`refund`], [`reservation`], [`outside`]: the steps of each kind of request
//! - [`turn`]: what becomes of a request; [`serve`]: serves the lines
//! - [`forecast`]: what a request is told that must queue
//! - [`run`]: all kinds of requests, for a host that does not tell them apart

mod asked;
pub mod forecast;
pub mod host;
pub mod limit;
pub mod outside;
pub mod peek;
pub mod policy;
pub mod quota;
pub mod refund;
pub mod reservation;
pub mod run;
pub mod serve;
pub mod turn;

pub use self::host::Host;
pub use self::turn::{Standing, Turn};
