//! How leases are taken, and how one is settled.

use std::sync::Arc;

use rl_core::time::Span;

use super::identity::Identity;
use super::permits::Permits;

/// What was used of a lease that is over.
#[derive(Clone, Debug)]
pub(crate) struct Settlement {
    /// The key and its limits.
    pub(crate) identity: Arc<Identity>,
    /// The id of the lease.
    pub(crate) id: String,
    /// What was used of each unit that was granted.
    pub(crate) used: Permits,
}

/// How leases are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The longest time of a lease.
    pub(crate) ttl: Span,
    /// How many processes lease the same keys.
    pub(crate) holders: u64,
    /// The most keys of a book.
    pub(crate) keys: usize,
}

/// What a lease is ended earlier by: clocks may drift by 1 % apart, and the server counts whole milliseconds.
pub(super) const fn margin(lifetime: Span) -> Span {
    let part = lifetime.ms().div_ceil(50);
    Span::from_ms(if part < 2 { 2 } else { part })
}
