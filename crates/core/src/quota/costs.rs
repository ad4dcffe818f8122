//! The cost of a request, by unit.

use smallvec::SmallVec;

use super::bounds::UNITS_MAX;
use super::limit::{Limit, Measure, PerLimit, REQUESTS};
use super::shape::Shape;
use crate::fault::{Fault, Result};

/// The cost that a request names for each unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Costs<'a>(SmallVec<[(&'a [u8], u64); 2]>);

impl<'a> Costs<'a> {
    /// Returns the cost named for a unit, or `None` if the request does not name it.
    #[must_use]
    pub fn named(&self, unit: &[u8]) -> Option<u64> {
        self.0.iter().find(|(name, _)| *name == unit).map(|(_, cost)| *cost)
    }

    /// Returns the cost of a unit: the named cost, else 1 for `requests` and 0 for any other unit.
    #[must_use]
    pub fn of(&self, unit: &[u8]) -> u64 {
        self.named(unit).unwrap_or_else(|| u64::from(unit == REQUESTS))
    }

    /// Returns the cost of each limit of a shape, in its order.
    #[must_use]
    pub fn by_limit(&self, shape: &Shape) -> PerLimit<u64> {
        let cost = |limit: &Limit| match limit.measure {
            Measure::Rate(_) => self.of(limit.unit.as_bytes()),
            Measure::InFlight(_) => 0,
        };
        shape.limits().iter().map(cost).collect()
    }

    /// Iterates over the named units and their costs.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], u64)> + '_ {
        self.0.iter().copied()
    }

    /// Iterates over the named units that none of the shapes counts.
    ///
    /// ```
    /// use rl_core::grammar::policy::setting;
    /// use rl_core::grammar::quota::peek;
    ///
    /// let words: [&[u8]; 7] = [b"RL.POLICY", b"SET", b"gpt", b"LIMIT", b"rpm", b"500", b"60"];
    /// let shape = setting(words.as_slice())?.shape;
    /// let costs: [&[u8]; 8] = [b"RL.PEEK", b"key", b"COST", b"requests", b"1", b"COST", b"tokens", b"9"];
    /// let costs = peek(costs.as_slice())?;
    /// let uncounted: Vec<&[u8]> = costs.uncounted([&*shape].into_iter()).collect();
    /// assert_eq!(uncounted, [b"tokens"]);
    /// # Ok::<(), rl_core::fault::Fault>(())
    /// ```
    pub fn uncounted<'s>(
        &self,
        shapes: impl Iterator<Item = &'s Shape> + Clone,
    ) -> impl Iterator<Item = &'a [u8]> {
        let is_counted = move |unit: &[u8]| shapes.clone().any(|shape| shape.counts(unit));
        self.iter().map(|(unit, _)| unit).filter(move |unit| !is_counted(unit))
    }

    /// Adds the cost of one more unit.
    ///
    /// # Errors
    /// [`Fault::UnitTwice`] if the unit is named already, [`Fault::Units`] if there are too many.
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
