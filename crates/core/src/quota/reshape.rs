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

use std::sync::Arc;

use super::Quota;
use super::limit::{Limit, Measure, PerLimit};
use super::merged::Merged;
use super::shape::Shape;
use super::slots::Origin;
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
        let reserved = self.reservations().filter(|held| held.any_open(now));
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

    /// Drops the retired limits that no longer count anything.
    pub(super) fn drop_retired(&mut self) {
        if self.more.as_deref().is_none_or(|more| more.retired.is_empty() && more.merged.is_empty()) {
            return;
        }
        let (limits, now) = (self.shape.limits().len(), self.at);
        let mut staying = self.staying(&self.shape, now);
        staying.extend(self.staying_merged(now));
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
            let mut stays = || index.next().is_some_and(|index| staying.contains(&index));
            more.retired.retain(|_| stays());
            more.merged.retain(|_| stays());
            more.reservations.rearrange(&kept.into_iter().map(Origin::Same).collect::<Vec<_>>());
        }
    }

    /// Replaces the limits in force by those of `shape`.
    pub(super) fn reshape(&mut self, shape: &Arc<Shape>) {
        let (staying, staying_merged) = (self.staying(shape, self.at), self.staying_merged(self.at));
        let source = |asked: &Limit| {
            let source = self.source(asked);
            let known = source.and_then(|index| self.states.get(index)?.as_ref());
            (source, self.inherited(asked, known))
        };
        let sources: PerLimit<(Option<usize>, Option<State>)> = shape.limits().iter().map(source).collect();
        let merged = self.merged().filter(|(index, _)| staying_merged.contains(index));
        let merged: Vec<Merged> = merged.map(|(_, merged)| merged.clone()).collect();
        let known: Vec<Limit> = self.limits().cloned().collect();
        let mut old = core::mem::take(&mut self.states);
        let (mut states, mut origins, mut retired) = (Vec::new(), Vec::new(), Vec::new());
        for (asked, (source, inherited)) in shape.limits().iter().zip(sources) {
            let before = source.and_then(|index| Some((index, known.get(index)?, old.get_mut(index)?)));
            let (state, origin) = before.map_or((None, Origin::New), |(index, before, held)| {
                let same = asked.counts_as(before);
                let state =
                    if asked.continues(before) { held.take() } else { asked.takes_over(held.as_ref()) };
                (state, if same { Origin::Same(index) } else { Origin::Closed(index) })
            });
            states.push(inherited.or(state));
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
        for index in staying_merged {
            let state = old.get_mut(index).and_then(Option::take);
            origins.push(Origin::Same(index));
            states.push(state.filter(|state| state.empty_at() > Some(self.at)));
        }
        self.shape = Arc::clone(shape);
        self.states = states.into();
        if self.more.is_some() || !retired.is_empty() {
            let more = self.more.get_or_insert_default();
            more.reservations.rearrange(&origins);
            (more.retired, more.merged) = (retired, merged);
            self.merge_retired();
        }
    }

    /// Returns the retired and merged limits that are charged together with limits in force.
    ///
    /// Each has the index of its state, its rule, and what it is charged if these are the `costs` of the limits in
    /// force. A merged limit counts as much as each of its members, so it is charged with the largest cost of them.
    pub(super) fn along(&self, costs: &[u64]) -> PerLimit<(usize, Rule, u64)> {
        let (limits, more) = (self.shape.limits(), self.more.as_deref());
        let retired = more.map_or(&[][..], |more| &more.retired).iter().zip(limits.len()..);
        let pair = |(limit, index): (&Limit, usize)| {
            let Measure::Rate(rule) = limit.measure else { return None };
            let asked = limits.iter().position(|asked| asked.succeeds(limit))?;
            Some((index, rule, costs.get(asked).copied().unwrap_or(0)))
        };
        let merged = self.merged().filter_map(|(index, merged)| {
            let asked = limits.iter().zip(costs).filter(|(asked, _)| merged.counts_along(asked));
            Some((index, merged.rule, asked.map(|(_, cost)| *cost).max()?))
        });
        retired.filter_map(pair).chain(merged).collect()
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
