//! The parts that may follow the limits of a quota: `COST`, `RESERVE`, `UPTO`, `LEASE`, `WAIT` and `REPLY`.

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

/// The parameters of `RESERVE ttl [ID id]`, or of `[UPTO] LEASE ttl [ID id]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve<'a> {
    /// The time to live of the reservation or the lease.
    pub ttl: Span,
    /// The id, if the caller gives one.
    pub id: Option<&'a [u8]>,
    /// Which of both it is.
    pub kind: ReserveKind,
}

/// What a request keeps open when it is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveKind {
    /// A reservation: it is charged at once.
    Reservation,
    /// A lease: it is charged when it ends.
    Lease,
    /// A lease of as much as there is.
    LeaseUpTo,
}

impl Reserve<'_> {
    /// Returns whether it is a lease.
    #[must_use]
    pub const fn is_lease(&self) -> bool {
        matches!(self.kind, ReserveKind::Lease | ReserveKind::LeaseUpTo)
    }

    /// Returns whether it takes as much as there is.
    #[must_use]
    pub const fn is_up_to(&self) -> bool {
        matches!(self.kind, ReserveKind::LeaseUpTo)
    }
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
    /// Whether the word `UPTO` was read. [`Terms::end`] moves it into the lease.
    pub is_up_to: bool,
}

impl<'a> Terms<'a> {
    /// Applies the terms to the limits of a shape.
    #[must_use]
    pub fn wanted(&self, shape: &Shape) -> Wanted<'a> {
        let Self { costs, reserve, wait, is_short, .. } = self;
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
        if keyword.eq_ignore_ascii_case(b"UPTO") && !self.is_up_to {
            self.is_up_to = true;
            return Ok(());
        }
        let kind = match keyword {
            _ if self.reserve.is_some() => return Err(syntax),
            _ if keyword.eq_ignore_ascii_case(b"RESERVE") => ReserveKind::Reservation,
            _ if keyword.eq_ignore_ascii_case(b"LEASE") => ReserveKind::Lease,
            _ => return Err(syntax),
        };
        let ttl = number::duration(next(words, at, syntax)?, Fault::Ttl)?;
        let given = is(words, *at, b"ID");
        let id = if given {
            *at = at.saturating_add(1);
            Some(id(next(words, at, syntax)?)?)
        } else {
            None
        };
        self.reserve = Some(Reserve { ttl, id, kind });
        Ok(())
    }

    /// Checks the parts together, after all words were read.
    ///
    /// # Errors
    /// [`Fault::UpToNeedsLease`], [`Fault::UpToOneKey`] or [`Fault::UpToFlow`].
    pub(super) fn end(&mut self, is_one_key: bool) -> Result<()> {
        if !self.is_up_to {
            return Ok(());
        }
        match &mut self.reserve {
            _ if !is_one_key => Err(Fault::UpToOneKey),
            _ if self.wait.is_some_and(|wait| wait.flow.is_some()) => Err(Fault::UpToFlow),
            Some(reserve) if reserve.is_lease() => {
                reserve.kind = ReserveKind::LeaseUpTo;
                Ok(())
            }
            Some(_) | None => Err(Fault::UpToNeedsLease),
        }
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
