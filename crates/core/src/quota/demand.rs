//! What a request asks of the limits of one key.

use crate::time::Span;

/// What a request asks of each limit.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// The cost of each limit, as [`super::costs::Costs::by_limit`] returns it. A missing cost is 0.
    pub costs: &'a [u64],
    /// The time to live of the reservation or the lease, if the request makes one.
    pub ttl: Option<Span>,
    /// Whether that is a lease.
    pub is_lease: bool,
}

impl Demand<'_> {
    /// Nothing.
    pub const NONE: Demand<'static> = Demand { costs: &[], ttl: None, is_lease: false };

    /// Returns whether the request takes anything. A reservation takes a slot of the key, even if none of these limits
    /// counts reservations: other requests may ask limits that do.
    #[must_use]
    pub fn takes(&self) -> bool {
        self.ttl.is_some() || self.costs.iter().any(|cost| *cost > 0)
    }
}
