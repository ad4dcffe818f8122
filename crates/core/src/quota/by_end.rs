//! Reservations in the order in which they end.

use std::collections::VecDeque;

use super::reservation::Id;
use crate::time::At;

/// The ids of reservations, ordered by their ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ByEnd(VecDeque<(At, Id)>);

impl ByEnd {
    pub(super) fn insert(&mut self, end: At, id: Id) {
        let place = (end, id);
        let at = self.0.partition_point(|other| *other < place);
        self.0.insert(at, place);
    }

    pub(super) fn remove(&mut self, end: At, id: &Id) {
        let at = self.0.partition_point(|(at, other)| (*at, other) < (end, id));
        self.0.remove(at);
    }

    /// Takes out the first one if it has ended by `now`.
    pub(super) fn pop_ended(&mut self, now: At) -> Option<Id> {
        self.0.front().filter(|(end, _)| *end <= now)?;
        self.0.pop_front().map(|(_, id)| id)
    }

    /// Returns how many have ended by `now`.
    pub(super) fn ended(&self, now: At) -> usize {
        self.0.partition_point(|(end, _)| *end <= now)
    }

    /// Returns how many have not ended by `now`.
    pub(super) fn open(&self, now: At) -> usize {
        self.0.len().saturating_sub(self.ended(now))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the end of the one at `index`.
    pub(super) fn end(&self, index: usize) -> Option<At> {
        self.0.get(index).map(|(end, _)| *end)
    }

    /// Returns the end of the last one.
    pub(super) fn last(&self) -> Option<At> {
        self.0.back().map(|(end, _)| *end)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &Id> {
        self.0.iter().map(|(_, id)| id)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of::<(At, Id)>().saturating_mul(self.0.capacity())
    }
}

impl FromIterator<(At, Id)> for ByEnd {
    fn from_iter<T: IntoIterator<Item = (At, Id)>>(all: T) -> Self {
        let mut all: Vec<(At, Id)> = all.into_iter().collect();
        all.sort_unstable();
        Self(all.into())
    }
}
