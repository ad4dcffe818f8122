//! The least that a bucket was missing while a reservation was open.
//!
//! Tokens that a reservation took and did not use come back when it is settled. Some of them may
//! have come back already: had they never been taken, the bucket would have been full at some
//! time since, and lost what it gained then. How many is known exactly: whatever the bucket was
//! missing at the least since the reservation was made, so much of what was taken can still be
//! given back (Skorokhod's reflection: less input at one instant lowers a level that was kept from
//! falling below zero by that much, or by the lowest level since, if that is less).
//!
//! So that each of many open reservations has its own least level without being visited at each
//! charge, levels are kept as a stack that rises: a new level takes away those that are higher.

use super::bounds::RESERVATIONS_MAX;

/// There are so many at most: every reservation may need one of its own, and more are kept before they are
/// thinned out.
pub(crate) const LEVELS_MAX: usize = 2 * RESERVATIONS_MAX + 65;

/// See the head of this file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RefundFloor(Vec<Level>);

/// What was missing before a charge, and which reservation was the last to be made before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Level {
    pub(crate) made: u64,
    pub(crate) missing: u128,
}

impl RefundFloor {
    /// Notes that `missing` were missing, with `made` reservations made until then.
    pub(crate) fn note(&mut self, made: u64, missing: u128) {
        while self.0.last().is_some_and(|level| level.missing >= missing) {
            self.0.pop();
        }
        if self.0.last().is_none_or(|level| level.made < made) {
            self.0.push(Level { made, missing });
        }
    }

    /// The least since the reservation of that number was made; `None` if no other charge came since.
    pub(crate) fn since(&self, number: u64) -> Option<u128> {
        let first = self.0.partition_point(|level| level.made < number);
        self.0.get(first).map(|level| level.missing)
    }

    /// Less was missing ever since the reservation of that number was made, by `given`.
    pub(crate) fn lower(&mut self, number: u64, given: u128) {
        let first = self.0.partition_point(|level| level.made < number);
        let (earlier, since) = self.0.split_at_mut(first);
        let Some(least) = since.first().map(|level| level.missing) else { return };
        let given = given.min(least); // no more is ever given, and so they rise as they did
        since.iter_mut().for_each(|level| level.missing = level.missing.saturating_sub(given));
        // Those before that are not below the new least are taken away by it.
        let kept = earlier.partition_point(|level| level.missing < least.saturating_sub(given));
        self.0.drain(kept..first);
    }

    /// Keeps what is asked for by the reservations of these numbers, which rise.
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

    /// Levels from a list; `None` if it does not rise, or has no room for the next.
    pub(crate) fn from_list(list: Vec<Level>, made: u64) -> Option<Self> {
        let rises = list.is_sorted_by(|a, b| a.made < b.made && a.missing < b.missing);
        let last = list.last().map_or(0, |level| level.made);
        // Another one comes only after the next reservation, which thins them out.
        let room = list.len() < LEVELS_MAX || (list.len() == LEVELS_MAX && last == made);
        (rises && room && last <= made).then_some(Self(list))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity().saturating_mul(size_of::<Level>())
    }
}
