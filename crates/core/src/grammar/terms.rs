//! What may follow the limits of a quota: costs, a reservation, a wait.

use super::wait;
use super::words::{Words, id, next};
use crate::fault::{Fault, Result};
use crate::number;
use crate::queue::wait::Wait;
use crate::quota::costs::Costs;
use crate::quota::limit::PerLimit;
use crate::quota::name::Name;
use crate::quota::shape::Shape;
use crate::time::Span;

/// How long a reservation is held, and what it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve<'a> {
    /// For so long.
    pub ttl: Span,
    /// The caller's own name for it.
    pub id: Option<&'a [u8]>,
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
            return cost(&mut self.costs, words, at, syntax);
        }
        if keyword.eq_ignore_ascii_case(b"WAIT") && self.wait.is_none() {
            self.wait = Some(wait::read(words, at, syntax)?);
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

/// Reads `unit n` after the word `COST`.
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
