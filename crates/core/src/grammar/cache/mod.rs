//! Caches that recognise the words of earlier requests.
//!
//! A caller nearly always sends the same words after the key, such as `500 60` or
//! `POLICY api COST tokens 500`, thousands of times a second. Comparing words takes a third of the time of
//! parsing them.

mod limit;
mod quota;

pub use self::limit::LimitCache;
pub use self::quota::QuotaCache;
