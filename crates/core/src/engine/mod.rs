//! What happens to a request, step by step, in whichever host it runs.
//!
//! The engine owns the order of the steps: open the key, decide, queue behind waiters, charge, answer. A
//! [`Host`] lends what the engine does not have: values, time, policies, ids and lines. It
//! commits an effect: applies it, moves the key's expiry, and replicates it.
//!
//! - [`host`]: what a host lends
//! - [`limit`], [`quota`], [`peek`], [`refund`], [`reservation`]: the steps of each kind of request
//! - [`turn`]: what becomes of a request; [`serve`]: serves the lines
//! - [`forecast`]: what a request is told that must queue
//! - [`run`]: all kinds of requests, for a host that does not tell them apart

pub mod forecast;
pub mod host;
pub mod limit;
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
