//! The claims of a waiter: the costs that it takes when it is admitted.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::grammar::limit::Request;
use crate::quota::decide::Demand;
use crate::quota::limit::{Measure, PerLimit};
use crate::quota::name::Name;
use crate::quota::shape::Shape;
use crate::time::Span;

/// The claim of a waiter on one key.
#[derive(Clone, Debug)]
pub enum Claim {
    /// A cost on a single limit.
    Limit(Request),
    /// A cost on each limit of a quota.
    Quota(QuotaClaim),
}

impl Claim {
    /// Returns the name of the policy that the limits come from, if any.
    #[must_use]
    pub fn policy(&self) -> Option<&Name> {
        match self {
            Self::Limit(_) => None,
            Self::Quota(claim) => claim.shape.policy(),
        }
    }
}

/// The claim of a waiter on a quota.
#[derive(Clone, Debug)]
pub struct QuotaClaim {
    /// The limits that the request asks.
    pub shape: Arc<Shape>,
    /// The cost of each limit.
    pub costs: PerLimit<u64>,
    /// The time to live of the reservation or the lease, if the request makes one.
    pub ttl: Option<Span>,
    /// Whether that is a lease.
    pub is_lease: bool,
}

impl QuotaClaim {
    /// Returns whether the claim takes anything. A request that takes nothing need not queue.
    ///
    /// See [`Demand::takes`].
    #[must_use]
    pub fn takes(&self) -> bool {
        Demand { costs: &self.costs, ttl: self.ttl, is_lease: self.is_lease }.takes()
    }

    /// Returns whether the limits never admit the claim, whoever comes.
    #[must_use]
    pub fn is_never(&self) -> bool {
        let mut limits = self.shape.limits().iter().enumerate().filter(|(_, limit)| !limit.is_shadow);
        limits.any(|(index, limit)| match &limit.measure {
            Measure::Rate(rule) => self.costs.get(index).is_some_and(|cost| *cost > rule.quota()),
            Measure::InFlight(most) => *most == 0 && self.ttl.is_some(),
        })
    }
}

/// The claims of a request, each with the index of its key. Nearly all requests have one claim.
///
/// A key of which the request takes nothing is missing. The request is not in the line of that key and
/// delays nobody there.
pub type Claims = SmallVec<[(usize, Claim); 1]>;

/// A waiter that is served before a request, or may be.
#[derive(Clone, Copy, Debug)]
pub struct Ahead<'a> {
    /// The claim that it takes when it is admitted.
    pub claim: &'a Claim,
    /// The longest time that it will still wait.
    pub time_left: Span,
    /// Whether its lane is lower than the request's. It does not hold the request up then, but is served first if it
    /// fits sooner.
    pub is_lower: bool,
}
