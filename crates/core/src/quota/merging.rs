//! Retired limits beyond those that a key keeps are merged, so that a change of names never locks a key.
//!
//! A key keeps [`RETIRED_MAX`] retired limits. If a change of limits leaves more, two of them become one *merged*
//! limit, which counts at least what each of them would (see [`crate::limit::merge`]). It knows the names of its
//! members by a filter of fixed size. A name that comes back begins with all that its merged limit counts, and a
//! name that the filter does not know begins with nothing. With very many names the filter takes new names for
//! known ones. Both err towards denying, and only until the merged limit has aged out.
//!
//! A merged limit gives nothing back when a reservation is settled. Use beyond the estimate still counts.

use super::bounds::RETIRED_MAX;
use super::charge::charge;
use super::limit::{Limit, Measure};
use super::merged::Merged;
use super::name::Name;
use super::reservation::{Reservation, Share};
use super::shape::Shape;
use super::{More, Quota};
use crate::limit::merge::{merged_rule, merged_state};
use crate::limit::rule::Rule;
use crate::limit::state::State;
use crate::time::At;

impl Quota {
    /// Returns the merged limits, each with the index of its state.
    pub(super) fn merged(&self) -> impl Iterator<Item = (usize, &Merged)> {
        let more = self.more.as_deref();
        let named = self.shape.limits().len().saturating_add(more.map_or(0, |more| more.retired.len()));
        (named..).zip(more.map_or(&[][..], |more| &more.merged))
    }

    /// Returns the indices of the merged limits that must be kept at `now`.
    pub(super) fn staying_merged(&self, now: At) -> Vec<usize> {
        let took = |index| self.reservations().is_some_and(|held| held.any_open(now) && held.took(index));
        let counts = |index: usize| self.empty(index) > Some(now);
        self.merged().map(|(index, _)| index).filter(|index| counts(*index) || took(*index)).collect()
    }

    fn empty(&self, index: usize) -> Option<At> {
        self.states.get(index)?.as_ref()?.empty_at()
    }

    /// Returns the state that an asked limit begins with, if it may have been merged: at least what its merged
    /// limits count.
    ///
    /// `known` is what the key holds under its name, if anything.
    pub(super) fn inherited(&self, asked: &Limit, known: Option<&State>) -> Option<State> {
        let Measure::Rate(rule) = &asked.measure else { return None };
        // A limit that is known by its name has begun with this, and goes on with it.
        let goes_on = |known: &Limit| asked.continues(known) && asked.measure.ages_alike(&known.measure);
        let counted = |(index, merged): (usize, &Merged)| {
            let state = self.states.get(index)?.as_ref()?;
            merged.has(&asked.name).then_some(state)
        };
        let mut counted = self.merged().filter_map(counted).peekable();
        if counted.peek().is_none() || self.limits().any(goes_on) {
            return None;
        }
        let own = |state: &State| state.rule().kind() == rule.kind();
        let mut state = match known {
            Some(known) if own(known) => known.clone(),
            Some(known) => known.under(rule),
            None => State::new(rule),
        };
        counted.for_each(|merged| state.raise(merged));
        Some(state)
    }

    /// Merges retired limits until there are at most [`RETIRED_MAX`].
    pub(super) fn merge_retired(&mut self) {
        while self.states.len().saturating_sub(self.shape.limits().len()) > RETIRED_MAX {
            if self.merge_two().is_none() {
                return; // not reached: of three retired limits two can be merged
            }
        }
    }

    /// Merges the two that lose the least: of one unit and rule first, then those that empty soonest.
    fn merge_two(&mut self) -> Option<()> {
        let first = self.shape.limits().len();
        let more = self.more.as_deref()?;
        let retired = more.retired.iter().map(Merged::single);
        let all: Vec<Merged> = retired.chain(more.merged.iter().cloned().map(Some)).collect::<Option<_>>()?;
        let rows = || (first..).zip(&all);
        let pairs = rows().flat_map(|(one, left)| {
            let later = rows().filter(move |(other, _)| *other > one);
            later.filter_map(move |(other, right)| Some((left.distance(right)?, one, other)))
        });
        let ranked =
            pairs.map(|(loss, one, other)| (loss, self.empty(one).max(self.empty(other)), one, other));
        let (_, _, one, other) = ranked.min()?;
        let (left, right) = (all.get(one.checked_sub(first)?)?, all.get(other.checked_sub(first)?)?);
        let rule = merged_rule(&left.rule, &right.rule)?;
        let state = |index: usize| self.states.get(index)?.as_ref();
        let state = merged_state(&rule, state(one), state(other));
        let merged = left.joined(right, state.as_ref().map_or(rule, State::rule));

        let mut states = core::mem::take(&mut self.states).into_vec();
        states.remove(other);
        states.remove(one);
        states.push(state);
        self.states = states.into();
        let more = self.more.as_deref_mut()?;
        for index in [other, one] {
            let index = index.checked_sub(first)?;
            match index.checked_sub(more.retired.len()) {
                Some(index) => drop(more.merged.remove(index)),
                None => drop(more.retired.remove(index)),
            }
        }
        more.merged.push(merged);
        more.reservations.merge(one, other);
        Some(())
    }
}

impl More {
    /// Charges what a reservation used beyond its estimate, where its limits or limits of their names are merged.
    ///
    /// That is charged at the instant of the settlement. `used` is as in `Quota::settle`.
    pub(super) fn settle_merged(
        &mut self,
        shape: &Shape,
        states: &mut [Option<State>],
        held: &Reservation,
        used: &impl Fn(Option<&[u8]>, u64) -> u64,
        at: At,
    ) {
        let excess =
            |unit: Option<&[u8]>, share: &Share| used(unit, share.taken).saturating_sub(held.charged(share));
        let limits = || shape.limits().iter().chain(&self.retired);
        let slots = self.reservations.slots();
        let first = limits().count();
        let own = |index: usize| slots.share(index, held).map(|(share, _)| share);
        let mut charges: Vec<(usize, Rule, u64)> = Vec::new();
        for (merged, row) in self.merged.iter().zip(first..) {
            let unit = merged.unit.as_ref().map(Name::as_bytes);
            let number = slots.list().get(row).map(|slot| slot.number);
            let shares = held.shares.iter().filter(|share| Some(share.slot) == number);
            let mut most = shares.clone().map(|share| excess(unit, share)).max().unwrap_or(0);
            for (index, limit) in limits().enumerate().filter(|(_, limit)| merged.has(&limit.name)) {
                let (Measure::Rate(rule), unit) = (&limit.measure, Some(limit.unit.as_bytes())) else {
                    continue;
                };
                if let Some(share) = own(index) {
                    if merged.counts_along(limit) {
                        most = most.max(excess(unit, &share));
                    }
                } else if let Some(excess) = shares.clone().map(|share| excess(unit, share)).max() {
                    charges.push((index, *rule, excess));
                }
            }
            charges.push((row, merged.rule, most));
        }
        for (index, rule, excess) in charges.into_iter().filter(|(_, _, excess)| *excess > 0) {
            let reservations = (index < first).then_some(&mut self.reservations); // a merged limit needs no floor
            if let Some(place) = states.get_mut(index) {
                charge(place, &rule, index, excess, at, reservations);
            }
        }
    }
}
