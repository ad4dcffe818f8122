//! The refund floor: the smallest amount that a bucket was missing while a reservation was open.
//!
//! When a reservation is settled, the bucket gets back the tokens that were taken and not used. Some of
//! them may have come back already: without the reservation, the bucket would have been full at some
//! time since, and would have lost what it gained then. The refund floor is exactly the amount that can
//! still be given back. (Skorokhod's reflection: take a level that is kept from falling below zero. Less
//! input at one instant lowers it by that much, or by the lowest level since, if that is less.)
//!
//! Each of many open reservations has its own floor, and a charge must not visit them all. So the levels
//! are kept as a rising stack: a new level removes all levels that are not lower.

use super::bounds::RESERVATIONS_MAX;

/// The largest number of levels. Every reservation may need its own, and more are kept until the list is
/// thinned.
pub(crate) const LEVELS_MAX: usize = 2 * RESERVATIONS_MAX + 65;

/// The levels of one bucket. Both fields rise from each level to the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RefundFloor(Vec<Level>);

/// The amount that a bucket was missing before a charge, and the number of the last reservation made before
/// it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Level {
    pub(crate) made: u64,
    pub(crate) missing: u128,
}

impl RefundFloor {
    /// Records that the bucket was missing `missing` after `made` reservations.
    pub(crate) fn note(&mut self, made: u64, missing: u128) {
        while self.0.last().is_some_and(|level| level.missing >= missing) {
            self.0.pop();
        }
        if self.0.last().is_none_or(|level| level.made < made) {
            self.0.push(Level { made, missing });
        }
    }

    /// Returns the smallest amount missing since reservation `number` was made. `None` if no other charge came
    /// since.
    pub(crate) fn since(&self, number: u64) -> Option<u128> {
        let first = self.0.partition_point(|level| level.made < number);
        self.0.get(first).map(|level| level.missing)
    }

    /// Lowers all levels since reservation `number` was made by `given`, at most to zero.
    pub(crate) fn lower(&mut self, number: u64, given: u128) {
        let first = self.0.partition_point(|level| level.made < number);
        let (earlier, since) = self.0.split_at_mut(first);
        let Some(least) = since.first().map(|level| level.missing) else { return };
        let given = given.min(least); // callers never give back more, so that the levels still rise
        since.iter_mut().for_each(|level| level.missing = level.missing.saturating_sub(given));
        // The new smallest level removes the earlier levels that are not below it.
        let kept = earlier.partition_point(|level| level.missing < least.saturating_sub(given));
        self.0.drain(kept..first);
    }

    /// Drops the levels that none of these reservations uses. `numbers` must be sorted.
    pub(crate) fn keep(&mut self, numbers: &[u64]) {
        let mut earlier = 0;
        self.0.retain(|level| {
            let asked = numbers.partition_point(|number| *number <= level.made);
            let kept = asked > earlier;
            earlier = asked;
            kept
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Level> {
        self.0.iter()
    }

    /// Makes the levels of a list. Returns `None` if the list does not rise, or leaves no room for another
    /// level.
    pub(crate) fn from_list(list: Vec<Level>, made: u64) -> Option<Self> {
        let rises = list.is_sorted_by(|a, b| a.made < b.made && a.missing < b.missing);
        let last = list.last().map_or(0, |level| level.made);
        // The next level comes only after another reservation, which thins the list.
        let room = list.len() < LEVELS_MAX || (list.len() == LEVELS_MAX && last == made);
        (rises && room && last <= made).then_some(Self(list))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity().saturating_mul(size_of::<Level>())
    }
}
