//! What a request asks of a quota: cost by unit, and whether it is reserved.

use smallvec::SmallVec;

use super::limit::{Limit, Measure, PerLimit, REQUESTS};
use super::name::Name;
use super::request::{UNITS_MAX, id, next};
use super::shape::Shape;
use crate::fault::{Fault, Result};
use crate::lanes::Wait;
use crate::number;
use crate::request::Words;
use crate::time::Span;

/// How long a reservation is held, and what it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve<'a> {
    /// For so long.
    pub ttl: Span,
    /// The caller's own name for it.
    pub id: Option<&'a [u8]>,
}

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

    /// Reads `unit n` after a `COST`.
    pub(super) fn read<W: Words + ?Sized>(
        &mut self,
        words: &'a W,
        at: &mut usize,
        syntax: Fault,
    ) -> Result<()> {
        let unit = next(words, at, syntax)?;
        let cost = number::count(next(words, at, syntax)?).ok_or(Fault::Cost)?;
        if !Name::is(unit) {
            return Err(Fault::UnitName);
        }
        self.add(unit, cost)
    }
}

/// What a request asks of the limits of one shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// What it takes of each limit.
    pub costs: PerLimit<u64>,
    /// Whether what is admitted is reserved only.
    pub reserve: Option<Reserve<'a>>,
    /// Whether it waits where it is not admitted at once.
    pub wait: Option<Wait>,
}

/// What may follow the limits of a quota.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms<'a> {
    /// For how much.
    pub costs: Costs<'a>,
    /// Whether what is admitted is reserved only.
    pub reserve: Option<Reserve<'a>>,
    /// Whether it waits where it is not admitted at once.
    pub wait: Option<Wait>,
}

impl<'a> Terms<'a> {
    /// What they ask of the limits of a shape.
    #[must_use]
    pub fn wanted(&self, shape: &Shape) -> Wanted<'a> {
        Wanted { costs: self.costs.by_limit(shape), reserve: self.reserve, wait: self.wait }
    }

    pub(super) fn read<W: Words + ?Sized>(
        &mut self,
        words: &'a W,
        keyword: &[u8],
        at: &mut usize,
        syntax: Fault,
    ) -> Result<()> {
        if keyword.eq_ignore_ascii_case(b"COST") {
            return self.costs.read(words, at, syntax);
        }
        if keyword.eq_ignore_ascii_case(b"WAIT") && self.wait.is_none() {
            self.wait = Some(Wait::read(words, at, syntax)?);
            return Ok(());
        }
        if !keyword.eq_ignore_ascii_case(b"RESERVE") || self.reserve.is_some() {
            return Err(syntax);
        }
        let ttl = number::duration(next(words, at, syntax)?, Fault::Ttl)?;
        let given = words.word(*at).is_some_and(|word| word.eq_ignore_ascii_case(b"ID"));
        let id = if given {
            *at = at.saturating_add(1);
            Some(id(next(words, at, syntax)?)?)
        } else {
            None
        };
        self.reserve = Some(Reserve { ttl, id });
        Ok(())
    }
}
