//! A request to one quota, read.

use std::sync::Arc;

use super::quota::{self, QuotaRequest};
use super::terms::{Reserve, Terms, Wanted};
use super::words::Words;
use crate::fault::Result;
use crate::queue::wait::Wait;
use crate::quota::costs::Costs;
use crate::quota::limit::PerLimit;
use crate::quota::shape::Shape;

/// What `RL.QUOTA` asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask<'w> {
    /// By which limits, and for how much.
    pub limits: Limits<'w>,
    /// Whether what is admitted is reserved only.
    pub reserve: Option<Reserve<'w>>,
    /// Whether it waits if it is not admitted at once.
    pub wait: Option<Wait>,
}

/// The limits that one key is asked for, and the costs.
#[allow(
    clippy::large_enum_variant,
    reason = "it lives for one request, and the larger one is the common one"
)]
#[derive(Clone, Debug, PartialEq)]
pub enum Limits<'w> {
    /// Limits that are known.
    Known {
        /// The limits.
        shape: Arc<Shape>,
        /// The cost of each.
        costs: PerLimit<u64>,
    },
    /// The limits that the host keeps under a name.
    Policy {
        /// The name.
        name: &'w [u8],
        /// The cost of each unit.
        costs: Costs<'w>,
    },
}

impl<'w> Ask<'w> {
    /// Reads `RL.QUOTA`.
    ///
    /// # Errors
    /// The fault of the first argument that is wrong.
    pub fn read<W: Words + ?Sized>(words: &'w W) -> Result<Self> {
        let QuotaRequest { limits, terms } = quota::quota(words)?;
        let Terms { costs, reserve, wait } = terms;
        let limits = match limits {
            quota::Limits::Policy(name) => Limits::Policy { name, costs },
            quota::Limits::Spelled(drafts) => {
                let shape = Shape::new(None, &drafts)?;
                let costs = costs.by_limit(&shape);
                Limits::Known { shape, costs }
            }
        };
        Ok(Self { limits, reserve, wait })
    }

    /// A request whose words were read before.
    pub(super) fn recognised(shape: Arc<Shape>, wanted: Wanted<'w>) -> Self {
        let Wanted { costs, reserve, wait } = wanted;
        Self { limits: Limits::Known { shape, costs }, reserve, wait }
    }
}
