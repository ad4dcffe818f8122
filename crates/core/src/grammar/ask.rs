//! A parsed `RL.QUOTA` request: its limits with their costs, its reservation and its wait.

use std::sync::Arc;

use super::quota::{self, ManyRequest, QuotaRequest};
use super::terms::{Reserve, Terms, Wanted};
use super::words::Words;
use crate::fault::{Fault, Result};
use crate::queue::wait::Wait;
use crate::quota::costs::Costs;
use crate::quota::limit::PerLimit;
use crate::quota::shape::Shape;

/// A parsed `RL.QUOTA` request.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask<'w> {
    /// The limits and the costs.
    pub limits: Limits<'w>,
    /// The reservation to make if the request is admitted.
    pub reserve: Option<Reserve<'w>>,
    /// How to wait if the request is not admitted at once.
    pub wait: Option<Wait>,
    /// Whether the answer is to tell only whether the request is admitted, and when.
    pub is_short: bool,
}

/// The limits that a request asks of one key, and the costs.
#[allow(
    clippy::large_enum_variant,
    reason = "it lives for one request, and the larger one is the common one"
)]
#[derive(Clone, Debug, PartialEq)]
pub enum Limits<'w> {
    /// Limits with a known shape.
    Known {
        /// The shape of the limits.
        shape: Arc<Shape>,
        /// The cost of each limit.
        costs: PerLimit<u64>,
    },
    /// A policy that the host keeps.
    Policy {
        /// The name of the policy.
        name: &'w [u8],
        /// The cost of each unit.
        costs: Costs<'w>,
    },
}

impl<'w> Ask<'w> {
    /// Parses `RL.QUOTA`.
    ///
    /// # Errors
    /// The fault of the first invalid argument. [`Fault::UnitUncounted`] if the limits are spelled out and none
    /// of them counts a unit that has a cost.
    pub fn read<W: Words + ?Sized>(words: &'w W) -> Result<Self> {
        let QuotaRequest { limits, terms } = quota::quota(words)?;
        let Terms { costs, reserve, wait, is_short, .. } = terms;
        let limits = match limits {
            quota::Limits::Policy(name) => Limits::Policy { name, costs },
            quota::Limits::Spelled(drafts) => {
                let shape = Shape::new(None, &drafts)?;
                if costs.uncounted(core::iter::once(&*shape)).next().is_some() {
                    return Err(Fault::UnitUncounted);
                }
                let costs = costs.by_limit(&shape);
                Limits::Known { shape, costs }
            }
        };
        Ok(Self { limits, reserve, wait, is_short })
    }

    /// Makes a request whose words a cache has recognised.
    pub(super) fn recognised(shape: Arc<Shape>, wanted: Wanted<'w>) -> Self {
        let Wanted { costs, reserve, wait, is_short } = wanted;
        Self { limits: Limits::Known { shape, costs }, reserve, wait, is_short }
    }
}

impl<'w> ManyRequest<'w> {
    /// Iterates over what is asked of each key, in their order.
    pub fn limits(&self) -> impl Iterator<Item = Limits<'w>> {
        self.policies.iter().map(|name| Limits::Policy { name, costs: self.terms.costs.clone() })
    }
}
