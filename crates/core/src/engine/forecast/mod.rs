//! When a request is admitted that waiters are served before.
//!
//! The waiters are let go on one after another on a copy of what the key holds: each when its limits admit it, or not
//! at all if its time is over before. Then it is the request's turn. Waiters of lower lanes do not hold the request up,
//! but those that fit sooner are served before it comes. The result is exact to the millisecond if nobody else comes
//! or leaves, nothing is given back or settled and no policy changes.
//!
//! The request is admitted later if more than [`AHEAD_MAX`] waiters are served before it, or if one of them waits for
//! other keys too. It is admitted sooner if a client before it disconnects, or if a reservation is settled before its
//! ttl. Either may happen if reservations are open and the requests before it name limits of the same name and another
//! algorithm.
//!
//! A forecast has a bound on its work, because whoever may send requests may ask for forecasts. Each log is passed once
//! as long as all requests name the same windows. If they do not, a forecast that has become too long ends with a time
//! at which the request is admitted for sure: when all waiters before it have given up and everything has been used
//! in vain.
//!
//! - [`limit()`], [`quota()`]: the forecast for each kind of key
//! - `course`: lets the waiters go on

mod course;
mod limit;
mod quota;
mod stands;

pub use self::limit::limit;
pub use self::quota::quota;
pub use self::stands::Stands;

/// How many waiters are let go on before a request. If more stand there, it takes longer than it is told.
pub const AHEAD_MAX: usize = 64;
