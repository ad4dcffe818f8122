//! Changes the limits of a key and keeps what was used, by the names of the limits.
//!
//! A limit that requests no longer name is *retired*. It is kept while it counts something, or while a
//! reservation may still be settled with a higher use of it. Two releases of a caller with different limits
//! may share a key, and neither may clear what the other counts.
//!
//! The same holds for a name that comes back with another algorithm. A state converted to another
//! algorithm and back would lose the time of each request. So each algorithm has its own state. The new
//! one takes over what the old one has counted. The old one stays, and is charged too, until it is empty.
//! A caller that returns to the old algorithm finds all that was admitted.

use core::cmp::Reverse;
use std::sync::Arc;

use super::Quota;
use super::bounds::RETIRED_MAX;
use super::limit::{Limit, Measure, PerLimit};
use super::shape::Shape;
use super::slots::Origin;
use crate::fault::{Fault, Result};
use crate::limit::rule::Rule;
use crate::limit::state::State;
use crate::time::At;

impl Quota {
    /// Returns the index of the known limit whose state the asked limit uses.
    ///
    /// This is its own state if that holds anything, else the latest state of the same name that does. A
    /// state that has aged out stays until an effect drops it, so that what was announced stays true as
    /// time passes.
    pub(super) fn source(&self, asked: &Limit) -> Option<usize> {
        let own = self.limits().position(|known| asked.continues(known));
        if own.is_some_and(|own| self.states.get(own).is_some_and(Option::is_some)) {
            return own;
        }
        let held = self.limits().zip(&self.states);
        let other = held.clone().position(|(known, state)| state.is_some() && asked.succeeds(known));
        other.or(own).or_else(|| held.clone().position(|(known, _)| asked.succeeds(known)))
    }

    /// Returns the indices of the known limits that must be kept beside those of `shape` at `now`.
    fn staying(&self, shape: &Shape, now: At) -> Vec<usize> {
        let reserved = self.reservations().filter(|held| held.open(now) > 0);
        let mut staying: Vec<(usize, &Limit)> = Vec::new();
        for (index, (limit, state)) in self.limits().zip(&self.states).enumerate() {
            let in_flight = matches!(limit.measure, Measure::InFlight(_)); // has no state
            if in_flight || shape.limits().iter().any(|asked| asked.continues(limit)) {
                continue;
            }
            // Use beyond a reservation is charged to the latest limit of the name, which includes what it took
            // over from the others.
            let latest = || {
                let mut later = shape.limits().iter().chain(staying.iter().map(|(_, limit)| *limit));
                !later.any(|later| later.succeeds(limit))
            };
            if counts(state, now) || (reserved.is_some_and(|held| held.took(index)) && latest()) {
                staying.push((index, limit));
            }
        }
        staying.into_iter().map(|(index, _)| index).collect()
    }

    /// Checks that the key can keep all that still counts if its limits become those of `shape`.
    ///
    /// # Errors
    /// [`Fault::Retired`] if too many limits would be retired.
    #[inline]
    pub(super) fn has_room(&self, shape: &Shape, clock: At) -> Result<()> {
        let same = core::ptr::eq(&raw const *self.shape, shape);
        if same || self.staying(shape, self.now(clock)).len() <= RETIRED_MAX {
            Ok(())
        } else {
            Err(Fault::Retired)
        }
    }

    /// Drops the retired limits that no longer count anything.
    pub(super) fn drop_retired(&mut self) {
        if self.more.as_deref().is_none_or(|more| more.retired.is_empty()) {
            return;
        }
        let (limits, now) = (self.shape.limits().len(), self.at);
        let staying = self.staying(&self.shape, now);
        for state in self.states.iter_mut().skip(limits).filter(|state| !counts(state, now)) {
            *state = None;
        }
        if limits.saturating_add(staying.len()) == self.states.len() {
            return;
        }
        let mut old = core::mem::take(&mut self.states);
        let kept: Vec<usize> = (0..limits).chain(staying.iter().copied()).collect();
        self.states = kept.iter().map(|index| old.get_mut(*index).and_then(Option::take)).collect();
        if let Some(more) = self.more.as_deref_mut() {
            let mut index = limits..;
            more.retired.retain(|_| index.next().is_some_and(|index| staying.contains(&index)));
            more.reservations.rearrange(&kept.into_iter().map(Origin::Same).collect::<Vec<_>>());
        }
    }

    /// Replaces the limits in force by those of `shape`.
    pub(super) fn reshape(&mut self, shape: &Arc<Shape>) {
        let staying = self.longest(self.staying(shape, self.at));
        let sources: PerLimit<Option<usize>> =
            shape.limits().iter().map(|asked| self.source(asked)).collect();
        let known: Vec<Limit> = self.limits().cloned().collect();
        let mut old = core::mem::take(&mut self.states);
        let (mut states, mut origins, mut retired) = (Vec::new(), Vec::new(), Vec::new());
        for (asked, source) in shape.limits().iter().zip(sources) {
            let before = source.and_then(|index| Some((index, known.get(index)?, old.get_mut(index)?)));
            let (state, origin) = before.map_or((None, Origin::New), |(index, before, held)| {
                let same = asked.counts_as(before);
                let state =
                    if asked.continues(before) { held.take() } else { asked.takes_over(held.as_ref()) };
                (state, if same { Origin::Same(index) } else { Origin::Closed(index) })
            });
            states.push(state);
            origins.push(origin);
        }
        for index in staying {
            let (Some(limit), Some(state)) = (known.get(index), old.get_mut(index)) else { continue };
            // It is charged together with the limit in force, so it takes that limit's unit.
            let other = shape.limits().iter().find(|asked| asked.succeeds(limit) && asked.unit != limit.unit);
            let unit = other.map_or(&limit.unit, |asked| &asked.unit).clone();
            origins.push(if other.is_some() { Origin::Closed(index) } else { Origin::Same(index) });
            states.push(state.take().filter(|state| state.empty_at() > Some(self.at)));
            retired.push(Limit { unit, is_shadow: false, ..limit.clone() });
        }
        self.shape = Arc::clone(shape);
        self.states = states.into();
        if self.more.is_some() || !retired.is_empty() {
            let more = self.more.get_or_insert_default();
            more.reservations.rearrange(&origins);
            more.retired = retired;
        }
    }

    /// Keeps the [`RETIRED_MAX`] limits that count for the longest.
    ///
    /// A request that would need more is refused here, but a stream of effects may come from another server.
    fn longest(&self, mut staying: Vec<usize>) -> Vec<usize> {
        if staying.len() > RETIRED_MAX {
            let ends = |index: &usize| self.states.get(*index).and_then(|state| state.as_ref()?.empty_at());
            staying.sort_by_key(|index| Reverse(ends(index)));
            staying.truncate(RETIRED_MAX);
            staying.sort_unstable();
        }
        staying
    }

    /// Returns the retired limits that are charged together with a limit in force.
    ///
    /// Each has the index of its state, its rule, and the index of the limit in force.
    pub(super) fn along(&self) -> PerLimit<(usize, Rule, usize)> {
        let (limits, more) = (self.shape.limits(), self.more.as_deref());
        let retired = more.map_or(&[][..], |more| &more.retired).iter().zip(limits.len()..);
        let pair = |(limit, index): (&Limit, usize)| {
            let Measure::Rate(rule) = limit.measure else { return None };
            Some((index, rule, limits.iter().position(|asked| asked.succeeds(limit))?))
        };
        retired.filter_map(pair).collect()
    }
}

impl Limit {
    /// Converts the state of another limit of the same name to this limit's rule. `None` if nothing is used.
    fn takes_over(&self, state: Option<&State>) -> Option<State> {
        let Measure::Rate(rule) = &self.measure else { return None };
        state.map(|state| state.under(rule)).filter(|state| state.empty_at().is_some())
    }
}

/// Returns whether the state counts anything at `now`.
fn counts(state: &Option<State>, now: At) -> bool {
    state.as_ref().and_then(State::empty_at).is_some_and(|empty| empty > now)
}
