//! What a waiter takes when it is admitted.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::grammar::limit::Request;
use crate::quota::limit::PerLimit;
use crate::quota::shape::Shape;
use crate::time::Span;

/// What a waiter takes of one key.
#[derive(Clone, Debug)]
pub enum Claim {
    /// A cost of one limit.
    Limit(Request),
    /// A cost of each limit of a quota.
    Quota(QuotaClaim),
}

/// What a waiter takes of a quota.
#[derive(Clone, Debug)]
pub struct QuotaClaim {
    /// The limits that it asks.
    pub shape: Arc<Shape>,
    /// The cost of each of them.
    pub costs: PerLimit<u64>,
    /// How long it is reserved, if it is.
    pub ttl: Option<Span>,
}

impl QuotaClaim {
    /// Whether it takes anything. A request that takes nothing need not queue.
    ///
    /// A reservation takes a slot of its key, also if it is asked for limits that count no reservations: others
    /// may be asked for limits that do.
    #[must_use]
    pub fn takes(&self) -> bool {
        self.ttl.is_some() || self.costs.iter().any(|cost| *cost > 0)
    }
}

/// What a request takes of each of its keys, by the number of the key. A key of which it takes nothing is
/// missing: the request does not stand in its line and holds up nobody there. Nearly all requests have
/// one claim.
pub type Claims = SmallVec<[(usize, Claim); 1]>;

/// A waiter that a request stands behind.
#[derive(Clone, Copy, Debug)]
pub struct Ahead<'a> {
    /// What it takes when it is admitted.
    pub claim: &'a Claim,
    /// The longest time that it goes on waiting.
    pub time_left: Span,
}
