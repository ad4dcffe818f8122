//! Other limits under the same key: what was used stays, by the names of the limits.
//!
//! A limit that is not named any more is *retired*: kept while it counts something, or while a
//! reservation may still say that more was used of it. Two releases of a client with different limits
//! may share a key, and neither is to empty what the other one counts.
//!
//! The same goes for one name that comes back by another algorithm. A state cannot be carried from one
//! algorithm to another and back without losing when each request was made. So each algorithm has its
//! own state; the new one takes over what the one before it has counted, and the old one stays and is
//! charged along, until it is empty: who comes back to it finds all that was admitted.

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
    /// Where, among all limits that are known, a limit that is asked goes on: its own state if that holds
    /// anything, else that of its name which was in force last and does.
    ///
    /// What has aged out is still held until a change drops it, so that what was announced stays true
    /// as time passes.
    pub(super) fn source(&self, asked: &Limit) -> Option<usize> {
        let own = self.limits().position(|known| asked.continues(known));
        if own.is_some_and(|own| self.states.get(own).is_some_and(Option::is_some)) {
            return own;
        }
        let held = self.limits().zip(&self.states);
        let other = held.clone().position(|(known, state)| state.is_some() && asked.succeeds(known));
        other.or(own).or_else(|| held.clone().position(|(known, _)| asked.succeeds(known)))
    }

    /// Which of the limits that are known stay beside those of `shape`, seen at `now`.
    fn staying(&self, shape: &Shape, now: At) -> Vec<usize> {
        let reserved = self.reservations().filter(|held| held.open(now) > 0);
        let mut staying: Vec<(usize, &Limit)> = Vec::new();
        for (index, (limit, state)) in self.limits().zip(&self.states).enumerate() {
            let in_flight = matches!(limit.measure, Measure::InFlight(_)); // holds nothing of its own
            if in_flight || shape.limits().iter().any(|asked| asked.continues(limit)) {
                continue;
            }
            // What more is used goes to the latest of its name, which has all that others took over from it.
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

    /// Whether it can keep all that still counts if it is asked by the limits of `shape`.
    ///
    /// # Errors
    /// [`Fault::Retired`].
    #[inline]
    pub(super) fn has_room(&self, shape: &Shape, clock: At) -> Result<()> {
        let same = core::ptr::eq(&raw const *self.shape, shape);
        if same || self.staying(shape, self.now(clock)).len() <= RETIRED_MAX {
            Ok(())
        } else {
            Err(Fault::Retired)
        }
    }

    /// Drops the retired limits that count nothing any more.
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

    /// Makes other limits the ones in force.
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
            // It is charged what the one in force is, and so in its unit.
            let other = shape.limits().iter().find(|asked| asked.succeeds(limit) && asked.unit != limit.unit);
            let unit = other.map_or(&limit.unit, |asked| &asked.unit).clone();
            origins.push(if other.is_some() { Origin::Closed(index) } else { Origin::Same(index) });
            states.push(state.take().filter(|state| state.empty_at() > Some(self.at)));
            retired.push(Limit { unit, ..limit.clone() });
        }
        self.shape = Arc::clone(shape);
        self.states = states.into();
        if self.more.is_some() || !retired.is_empty() {
            let more = self.more.get_or_insert_default();
            more.reservations.rearrange(&origins);
            more.retired = retired;
        }
    }

    /// As many of these limits as may be kept, those that count for the longest: a request that would
    /// need more is refused, but a stream of changes may have been made elsewhere.
    fn longest(&self, mut staying: Vec<usize>) -> Vec<usize> {
        if staying.len() > RETIRED_MAX {
            let ends = |index: &usize| self.states.get(*index).and_then(|state| state.as_ref()?.empty_at());
            staying.sort_by_key(|index| Reverse(ends(index)));
            staying.truncate(RETIRED_MAX);
            staying.sort_unstable();
        }
        staying
    }

    /// The retired limits that are charged along with those in force: where each is among the states, its
    /// rule, and which limit of the shape it goes with.
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
    /// What it counts of what another limit of its name has counted.
    fn takes_over(&self, state: Option<&State>) -> Option<State> {
        let Measure::Rate(rule) = &self.measure else { return None };
        state.map(|state| state.under(rule)).filter(|state| state.empty_at().is_some())
    }
}

/// Whether something is used at `now`.
fn counts(state: &Option<State>, now: At) -> bool {
    state.as_ref().and_then(State::empty_at).is_some_and(|empty| empty > now)
}
