//! Words that were read before.
//!
//! A caller sends nearly always the same words after the key: `500 60`, or `POLICY api COST tokens 500`,
//! thousands of times a second. Comparing words costs a third of reading them.

mod limit;
mod quota;

pub use self::limit::LimitCache;
pub use self::quota::QuotaCache;
