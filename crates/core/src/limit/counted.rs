//! What counts for a request at one instant, and the decision that follows from it.
//!
//! A request is decided by its own rule. If the offset of a fixed window changes, as it does when daylight saving
//! time begins, the window of the old offset is not over when that of the new one begins. What it has admitted
//! then counts, too, until it ends: an [`Overlap`].

use super::decision::{Decision, Retry, wait_ms};
use super::meter::{Meter, amount};
use crate::time::At;

/// What counts at one instant for a request, in the units of its rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    /// What is used under its rule.
    pub(super) used: u128,
    /// What a window with another beginning has admitted.
    pub(super) overlap: Option<Overlap>,
}

/// What a window of the same length with another beginning has admitted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overlap {
    /// The amount.
    pub(super) amount: u128,
    /// The end of the window.
    pub(super) until: At,
}

impl Counted {
    /// Returns the largest amount that counts.
    pub(super) fn most(&self) -> u128 {
        self.overlap.map_or(self.used, |overlap| self.used.max(overlap.amount))
    }

    /// Returns what counts after `amount` more.
    #[inline(always)]
    fn with(mut self, amount: u128) -> Self {
        self.used = self.used.saturating_add(amount);
        if let Some(overlap) = &mut self.overlap {
            overlap.amount = overlap.amount.saturating_add(amount);
        }
        self
    }
}

/// The instant of a request, as its rule sees it.
pub(super) struct Moment<'a, M: Meter> {
    pub(super) rule: &'a M,
    /// The instant for which it is decided.
    pub(super) at: At,
    /// What the rule has worked out about `at`.
    pub(super) now: M::Moment,
    /// The server's clock.
    pub(super) clock: At,
}

impl<M: Meter> Moment<'_, M> {
    /// Decides a request of `cost`.
    #[inline(always)] // as `State::decide`
    pub(super) fn decide(&self, counted: Counted, cost: u64) -> Decision {
        let full = amount(self.rule, self.rule.quota());
        let wanted = counted.with(amount(self.rule, cost));
        if wanted.most() <= full || cost == 0 {
            return self.decision(wanted, true, Retry::Now);
        }
        let retry = if cost > self.rule.quota() { Retry::Never } else { self.retry(wanted, full) };
        self.decision(counted, false, retry)
    }

    /// Returns when all that blocks is over, if more is `wanted` than `full`.
    #[inline]
    fn retry(&self, wanted: Counted, full: u128) -> Retry {
        let excess = wanted.used.saturating_sub(full);
        let own = (excess > 0).then(|| self.rule.gone(self.now, excess));
        let other = wanted.overlap.filter(|overlap| overlap.amount > full).map(|overlap| overlap.until);
        let until = own.max(other).unwrap_or(At::MIN); // one of them blocks
        Retry::After(wait_ms(self.clock, until).max(1))
    }

    /// Makes a decision after which this counts.
    #[inline]
    pub(super) fn decision(&self, counted: Counted, allowed: bool, retry: Retry) -> Decision {
        let Self { rule, at, now, clock } = *self;
        let room = amount(rule, rule.quota()).saturating_sub(counted.most());
        let unit = rule.unit();
        let remaining = match u64::try_from(room) {
            Ok(room) => room.checked_div(unit).unwrap_or(0), // a unit is never 0
            Err(_) => u64::try_from(room.checked_div(u128::from(unit)).unwrap_or(0)).unwrap_or(u64::MAX),
        };
        let own = if counted.used == 0 { 0 } else { wait_ms(clock, rule.gone(now, counted.used)) };
        let other = counted.overlap.filter(|overlap| overlap.amount > 0);
        let other = other.map_or(0, |overlap| wait_ms(clock, overlap.until));
        let reset_after_ms = own.max(other);
        Decision { allowed, limit: rule.quota(), remaining, retry, reset_after_ms, at }
    }
}
