//! How leases are granted, and charged when they end.
//!
//! A lease ends when it is settled, at the end of its ttl, or with a fixed window of which it holds something. What was
//! used is charged at that instant: see [`super::lent`]. Nothing happens at the end of a ttl by itself. The next change
//! of the key charges what has ended by then, each lease at its own end and in order, before anything else.

use super::Quota;
use super::charge::charge;
use super::lent::{Leased, Lent, lend};
use super::limit::{Limit, Measure};
use super::reservation::Reservation;
use super::shape::Shape;
use crate::time::{At, Span};

/// Returns when a lease ends that is granted at `at`, and of which each limit has such a cost.
pub(crate) fn lease_end(shape: &Shape, costs: &[u64], at: At, ttl: Span) -> At {
    let taken = shape.limits().iter().zip(costs).filter(|(limit, cost)| **cost > 0 && !limit.is_shadow);
    let ends = taken.filter_map(|(limit, _)| limit.measure.rule()?.lease_ends(at));
    ends.chain([at.plus(ttl)]).min().unwrap_or(at)
}

impl Quota {
    /// Returns whether leases are open, or have ended since the last change.
    pub(crate) fn has_leases(&self) -> bool {
        self.more.as_deref().is_some_and(|more| more.reservations.has_leases())
    }

    /// Returns what is lent of the limit at `index` of `shape`.
    #[inline]
    pub(crate) fn lent(&self, shape: &Shape, index: usize) -> Lent {
        if !self.has_leases() {
            return Lent::new();
        }
        let Some(limit) = shape.limits().get(index) else { return Lent::new() };
        let known = if self.is_in_force(shape) { Some(index) } else { self.source(limit) };
        self.lent_of(known, limit)
    }

    /// Returns what is lent of a limit. `known` is the index of the limit that it goes on with.
    #[cold]
    fn lent_of(&self, known: Option<usize>, limit: &Limit) -> Lent {
        let mut lent = Lent::new();
        let Some(reservations) = self.reservations() else { return lent };
        let slots = reservations.slots();
        let merged = self.merged().filter(|(_, merged)| merged.has(&limit.name));
        let merged: Vec<usize> = merged.map(|(row, _)| row).collect();
        for lease in reservations.leases() {
            let taken = |row: usize| slots.share(row, lease).map(|(share, _)| share.taken);
            let own = known.and_then(taken);
            let amount = own.or_else(|| merged.iter().filter_map(|row| taken(*row)).max());
            lend(&mut lent, lease.expires, amount.unwrap_or(0));
        }
        lent
    }

    /// Returns the instant from which the leases change no decision; `None` if there are none.
    pub(super) fn leases_empty_at(&self) -> Option<At> {
        if !self.has_leases() {
            return None;
        }
        let named = self.limits().enumerate().filter_map(|(index, limit)| {
            let lent = self.lent_of(Some(index), limit);
            Leased::new(self.state(index), limit.measure.rule()?, &lent).empty_at()
        });
        let merged = self.merged().filter_map(|(row, merged)| {
            let slots = self.reservations()?.slots();
            let mut lent = Lent::new();
            for lease in self.reservations()?.leases() {
                lend(&mut lent, lease.expires, slots.share(row, lease).map_or(0, |(share, _)| share.taken));
            }
            Leased::new(self.state(row), &merged.rule, &lent).empty_at()
        });
        named.chain(merged).max().max(self.reservations().and_then(|all| all.last()))
    }

    /// Charges the leases that have ended by `now`, each at its end.
    pub(super) fn charge_ended_leases(&mut self, now: At) {
        while let Some(more) = self.more.as_deref_mut()
            && let Some(held) = more.reservations.take_ended_lease(now)
        {
            self.at = self.now(held.expires);
            self.charge_lease(&held, Some(held.expires), &|_, taken| taken);
        }
    }

    /// Charges what was used of a lease that is over: at its own end, or now.
    ///
    /// `used` gets a unit and what was lent, and returns what was used: without a unit, the most of any.
    pub(super) fn charge_lease(
        &mut self,
        held: &Reservation,
        end: Option<At>,
        used: &impl Fn(Option<&[u8]>, u64) -> u64,
    ) {
        let at = self.at;
        let Some(more) = self.more.as_deref_mut() else { return };
        more.settle_merged(&self.shape, &mut self.states, held, used, at);
        let limits = self.shape.limits().iter().chain(&more.retired);
        for ((index, limit), place) in limits.enumerate().zip(self.states.iter_mut()) {
            let Measure::Rate(rule) = &limit.measure else { continue };
            let Some((share, _)) = more.reservations.slots().share(index, held) else { continue };
            let used = used(Some(limit.unit.as_bytes()), share.taken);
            if used > 0 {
                let at = end.map_or(at, |end| rule.lease_charged(end));
                charge(place, rule, index, used, at, Some(&mut more.reservations));
            }
        }
    }

    /// Returns until when a reservation is renewed that asks for `expires`. A lease goes no further than its windows.
    pub(super) fn renewed_until(&self, id: &[u8], expires: At) -> At {
        let Some(reservations) = self.reservations() else { return expires };
        let Some(held) = reservations.get(id, self.at).filter(|held| held.is_lease) else { return expires };
        let cost = |index| reservations.slots().share(index, held).map_or(0, |(share, _)| share.taken);
        let costs: Vec<u64> = (0..self.shape.limits().len()).map(cost).collect();
        lease_end(&self.shape, &costs, self.at, expires.since(self.at))
    }
}
