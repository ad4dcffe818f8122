//! A place in a log, and the step from one to the next.

use super::entry::{Entry, take};
use crate::time::Span;

/// A place in the log: an entry, where the one after it begins, and the cost of all before it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) entry: Entry,
    pub(super) next: u32,
    pub(super) passed: u64,
}

impl Place {
    /// Returns the later one of two places in a log.
    pub(super) fn later(self, other: Self) -> Self {
        if other.next > self.next { other } else { self }
    }
}

/// Returns the place after this one in `bytes`, if there is another entry.
pub(super) fn after(bytes: &[u8], place: Place) -> Option<Place> {
    let (distance, cost, next) = take(bytes, place.next)?;
    let at = place.entry.at.plus(Span::from_ms(distance));
    let passed = place.passed.saturating_add(place.entry.cost);
    Some(Place { entry: Entry { at, cost }, next, passed })
}
