//! What a request costs, by unit.

use smallvec::SmallVec;

use super::bounds::UNITS_MAX;
use super::limit::{Limit, Measure, PerLimit, REQUESTS};
use super::shape::Shape;
use crate::fault::{Fault, Result};

/// Cost by unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Costs<'a>(SmallVec<[(&'a [u8], u64); 4]>);

impl<'a> Costs<'a> {
    /// What is said of a unit; nothing if it is not named.
    #[must_use]
    pub fn named(&self, unit: &[u8]) -> Option<u64> {
        self.0.iter().find(|(name, _)| *name == unit).map(|(_, cost)| *cost)
    }

    /// What a request takes of a unit: as said, else one of `requests` and none of any other.
    #[must_use]
    pub fn of(&self, unit: &[u8]) -> u64 {
        self.named(unit).unwrap_or_else(|| u64::from(unit == REQUESTS))
    }

    /// What a request takes of each limit of a shape.
    #[must_use]
    pub fn by_limit(&self, shape: &Shape) -> PerLimit<u64> {
        let cost = |limit: &Limit| match limit.measure {
            Measure::Rate(_) => self.of(limit.unit.as_bytes()),
            Measure::InFlight(_) => 0,
        };
        shape.limits().iter().map(cost).collect()
    }

    /// Each unit that is named, with its cost.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], u64)> + '_ {
        self.0.iter().copied()
    }

    /// Names one more unit.
    ///
    /// # Errors
    /// [`Fault::UnitTwice`], [`Fault::Units`].
    pub fn add(&mut self, unit: &'a [u8], cost: u64) -> Result<()> {
        if self.named(unit).is_some() {
            return Err(Fault::UnitTwice);
        }
        if self.0.len() == UNITS_MAX {
            return Err(Fault::Units);
        }
        self.0.push((unit, cost));
        Ok(())
    }
}
