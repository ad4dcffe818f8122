//! Other limits under the same key: what was used stays, by the names of the limits.
//!
//! A limit that is not named any more is kept while it counts something, or while a reservation may
//! still say that more was used of it: two releases of a client with different limits may share a
//! key, and neither is to empty what the other one counts.

use std::sync::Arc;

use super::limit::{Limit, Measure};
use super::shape::Shape;
use super::{Quota, RETIRED_MAX};
use crate::state::State;

impl Quota {
    /// Drops the retired limits that count nothing any more.
    pub(super) fn drop_retired(&mut self) {
        if self.more.as_deref().is_none_or(|more| more.retired.is_empty()) {
            return;
        }
        let (limits, now) = (self.shape.limits().len(), self.at);
        let counts =
            |state: &Option<State>| state.as_ref().and_then(State::empty_at).is_some_and(|empty| empty > now);
        if self.reservations().is_some_and(|held| !held.is_empty()) {
            // One of them may have been charged there, and settle more than that: only its memory goes.
            self.states
                .iter_mut()
                .skip(limits)
                .filter(|state| !counts(state))
                .for_each(|state| *state = None);
            return;
        }
        let kept =
            |(index, state): (usize, &Option<State>)| (index < limits || counts(state)).then_some(index);
        let from: Vec<Option<usize>> = self.states.iter().enumerate().filter_map(kept).map(Some).collect();
        let Some(more) = self.more.as_deref_mut().filter(|_| from.len() < self.states.len()) else { return };
        let mut old = core::mem::take(&mut self.states);
        let mut retired = core::mem::take(&mut more.retired).into_iter().enumerate();
        for index in from.iter().flatten().filter_map(|index| index.checked_sub(limits)) {
            more.retired.extend(retired.by_ref().find(|(at, _)| *at == index).map(|(_, limit)| limit));
        }
        let state = |index: &Option<usize>| index.and_then(|index| old.get_mut(index)).and_then(Option::take);
        self.states = from.iter().map(state).collect();
        more.reservations.rearrange(&from);
    }

    /// Makes other limits the ones in force. What was used stays, by the name of the limit; one that is
    /// not named any more is kept while it counts something.
    pub(super) fn reshape(&mut self, shape: &Arc<Shape>) {
        let known: Vec<Limit> = self.limits().cloned().collect();
        let mut old: Vec<Option<State>> = core::mem::take(&mut self.states).into_vec();
        let mut from: Vec<Option<usize>> = Vec::new();
        let mut states = Vec::new();
        for limit in shape.limits() {
            let index = known.iter().position(|known| limit.continues(known));
            let state = index.and_then(|index| old.get_mut(index)?.take());
            if let Some(index) = index
                && known.get(index).is_some_and(|before| !limit.counts_as(before))
            {
                self.close(index);
            }
            states.push(state.and_then(|state| limit.takes_over(state)));
            from.push(index);
        }
        let mut retired = Vec::new();
        for (index, limit) in known.into_iter().enumerate() {
            let counts = old.get(index).is_some_and(|state| {
                state.as_ref().and_then(State::empty_at).is_some_and(|empty| empty > self.at)
            });
            let named = from.contains(&Some(index));
            let took = self.more.as_deref().is_some_and(|more| more.reservations.took(index));
            if !named && (counts || took) && retired.len() < RETIRED_MAX {
                states.push(old.get_mut(index).and_then(Option::take));
                from.push(Some(index));
                retired.push(limit);
            }
        }
        self.shape = Arc::clone(shape);
        self.states = states.into();
        if self.more.is_some() || !retired.is_empty() {
            let more = self.more.get_or_insert_default();
            more.reservations.rearrange(&from);
            more.retired = retired;
        }
    }

    /// The limit at `index` is counted otherwise from now on.
    fn close(&mut self, index: usize) {
        if let Some(more) = self.more.as_deref_mut() {
            more.reservations.close(index);
        }
    }
}

impl Limit {
    /// What it counts of what another limit of its name has counted.
    fn takes_over(&self, state: State) -> Option<State> {
        let Measure::Rate(rule) = &self.measure else { return None };
        Some(if state.rule().algorithm() == rule.algorithm() { state } else { state.under(rule) })
    }
}
