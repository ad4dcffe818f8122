//! The parts that may follow the limits of a quota: `COST`, `RESERVE`, `WAIT` and `REPLY`.

use super::wait;
use super::words::{Words, id, is, next};
use crate::fault::{Fault, Result};
use crate::number;
use crate::queue::wait::Wait;
use crate::quota::costs::Costs;
use crate::quota::limit::PerLimit;
use crate::quota::name::Name;
use crate::quota::shape::Shape;
use crate::time::Span;

/// The parameters of `RESERVE ttl [ID id]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve<'a> {
    /// The time to live of the reservation.
    pub ttl: Span,
    /// The id, if the caller gives one.
    pub id: Option<&'a [u8]>,
}

/// The terms of a request, applied to the limits of one shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The cost of each limit.
    pub costs: PerLimit<u64>,
    /// The reservation to make if the request is admitted.
    pub reserve: Option<Reserve<'a>>,
    /// How to wait if the request is not admitted at once.
    pub wait: Option<Wait>,
    /// Whether the answer is to tell only whether the request is admitted, and when.
    pub is_short: bool,
}

/// The parts that may follow the limits of a quota.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms<'a> {
    /// The cost of each unit.
    pub costs: Costs<'a>,
    /// The reservation to make if the request is admitted.
    pub reserve: Option<Reserve<'a>>,
    /// How to wait if the request is not admitted at once.
    pub wait: Option<Wait>,
    /// Whether the answer is to tell only whether the request is admitted, and when.
    pub is_short: bool,
}

impl<'a> Terms<'a> {
    /// Applies the terms to the limits of a shape.
    #[must_use]
    pub fn wanted(&self, shape: &Shape) -> Wanted<'a> {
        let Self { costs, reserve, wait, is_short } = self;
        Wanted { costs: costs.by_limit(shape), reserve: *reserve, wait: *wait, is_short: *is_short }
    }

    pub(super) fn read<W: Words + ?Sized>(
        &mut self,
        words: &'a W,
        keyword: &[u8],
        at: &mut usize,
        syntax: Fault,
    ) -> Result<()> {
        if keyword.eq_ignore_ascii_case(b"COST") {
            return cost(&mut self.costs, words, at, syntax);
        }
        if keyword.eq_ignore_ascii_case(b"WAIT") && self.wait.is_none() {
            self.wait = Some(wait::read(words, at, syntax)?);
            return Ok(());
        }
        if keyword.eq_ignore_ascii_case(b"REPLY") && !self.is_short {
            self.is_short = next(words, at, syntax)?.eq_ignore_ascii_case(b"SHORT");
            return if self.is_short { Ok(()) } else { Err(syntax) };
        }
        if !keyword.eq_ignore_ascii_case(b"RESERVE") || self.reserve.is_some() {
            return Err(syntax);
        }
        let ttl = number::duration(next(words, at, syntax)?, Fault::Ttl)?;
        let given = is(words, *at, b"ID");
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

/// Parses `unit n` after the word `COST`, and moves `at` past it.
pub(super) fn cost<'a, W: Words + ?Sized>(
    costs: &mut Costs<'a>,
    words: &'a W,
    at: &mut usize,
    syntax: Fault,
) -> Result<()> {
    let unit = next(words, at, syntax)?;
    let cost = number::count(next(words, at, syntax)?).ok_or(Fault::Cost)?;
    if !Name::is(unit) {
        return Err(Fault::UnitName);
    }
    costs.add(unit, cost)
}
