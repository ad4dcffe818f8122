//! What reads of a long log remember, so that they need not pass all of its entries again.
//!
//! A *bookmark* is where the last read found the first entry that counts. *Milestones* are places at some distance from
//! each other. A read that looks for a place, by its instant or by the cost before it, begins at the nearest milestone.
//! A read that goes beyond the last one sets more. None of this is part of the state: it is not saved, and two logs are
//! equal whatever their reads remember. Short logs remember nothing.

use core::cell::Cell;
use core::fmt;

use super::place::Place;
use crate::time::At;

/// How many entries are between two milestones.
pub(super) const STRIDE: usize = 128;

/// A read that passes fewer entries than this remembers nothing.
pub(super) const SHORT: usize = 32;

/// What reads of one log remember, if they remember anything.
#[derive(Default)]
pub(super) struct Memo(Cell<Option<Box<Reading>>>);

/// A place before which no entry is later than `cutoff`, as far as reads have come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bookmark {
    pub(super) cutoff: At,
    pub(super) place: Place,
}

/// What reads of a long log remember.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub(super) bookmark: Option<Bookmark>,
    /// Places in order. Their cost and bytes count from the first entry that there was when the list was empty.
    milestones: Vec<Place>,
    /// The cost that has left since then.
    left_cost: u64,
    /// The bytes that have left since then.
    left_bytes: u32,
}

impl fmt::Debug for Memo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|reading| formatter.debug_tuple("Memo").field(&reading).finish())
    }
}

impl Clone for Memo {
    fn clone(&self) -> Self {
        Self(Cell::new(self.with(|reading| reading.map(|reading| Box::new(reading.clone())))))
    }
}

impl Memo {
    /// Lends what is remembered.
    fn with<T>(&self, look: impl FnOnce(Option<&mut Reading>) -> T) -> T {
        let mut reading = self.0.take();
        let result = look(reading.as_deref_mut());
        self.0.set(reading);
        result
    }

    /// Returns the last bookmark.
    pub(super) fn bookmark(&self) -> Option<Bookmark> {
        self.with(|reading| reading?.bookmark)
    }

    /// Sets the bookmark, if the log is worth it: if a read has passed `passed` entries.
    pub(super) fn set_bookmark(&self, bookmark: Bookmark, passed: usize) {
        let mut reading = self.0.take();
        if reading.is_none() && passed >= SHORT {
            reading = Some(Box::default());
        }
        if let Some(reading) = &mut reading {
            reading.bookmark = Some(bookmark);
        }
        self.0.set(reading);
    }

    /// Returns the last milestone that is not later than `cutoff`.
    pub(super) fn before(&self, cutoff: At) -> Option<Place> {
        self.with(|reading| reading?.last(|place| place.entry.at <= cutoff))
    }

    /// Returns the last milestone before which all entries together cost less than `cost`.
    pub(super) fn below(&self, cost: u64) -> Option<Place> {
        self.with(|reading| {
            let reading = reading?;
            let cost = cost.saturating_add(reading.left_cost);
            reading.last(|place| place.passed < cost)
        })
    }

    /// Adds a milestone, if it is beyond the last one.
    pub(super) fn add(&self, place: Place) {
        let mut reading = self.0.take().unwrap_or_default();
        reading.add(place);
        self.0.set(Some(reading));
    }

    /// Forgets the bookmark, and what it knows of entries from `at` on.
    pub(super) fn forget_from(&mut self, at: At) {
        if let Some(reading) = self.0.get_mut() {
            reading.bookmark = None;
            let known = reading.milestones.partition_point(|place| place.entry.at < at);
            reading.milestones.truncate(known);
        }
    }

    /// Notes that the first entries have lost `cost`, or that the first entry has left with it.
    #[inline]
    pub(super) fn lose(&mut self, cost: u64) {
        if let Some(reading) = self.0.get_mut() {
            reading.lose(cost);
        }
    }

    /// Notes that the first `bytes` of the buffer are gone.
    pub(super) fn shift(&mut self, bytes: u32) {
        if let Some(reading) = self.0.get_mut() {
            reading.left_bytes = reading.left_bytes.saturating_add(bytes);
            if let Some(mark) = &mut reading.bookmark {
                mark.place.next = mark.place.next.saturating_sub(bytes);
            }
        }
    }

    /// Returns the memory in use, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let places = |reading: &Reading| size_of::<Place>().saturating_mul(reading.milestones.capacity());
        self.with(|reading| reading.map_or(0, |reading| size_of::<Reading>().saturating_add(places(reading))))
    }
}

impl Reading {
    /// The last milestone for which `is_early` is true, as a place of the log.
    fn last(&self, is_early: impl Fn(&Place) -> bool) -> Option<Place> {
        let count = self.milestones.partition_point(is_early);
        let place = self.milestones.get(count.checked_sub(1)?)?;
        // An entry that has left is before all that count.
        let passed = place.passed.checked_sub(self.left_cost)?;
        let next = place.next.checked_sub(self.left_bytes)?;
        Some(Place { next, passed, ..*place })
    }

    fn add(&mut self, place: Place) {
        if self.milestones.last().is_some_and(|last| last.entry.at >= place.entry.at) {
            return;
        }
        let (Some(passed), Some(next)) =
            (place.passed.checked_add(self.left_cost), place.next.checked_add(self.left_bytes))
        else {
            return; // after so much cost it begins anew, as below
        };
        self.milestones.push(Place { passed, next, ..place });
    }

    fn lose(&mut self, cost: u64) {
        self.bookmark = self.bookmark.and_then(|mut mark| {
            mark.place.passed = mark.place.passed.checked_sub(cost)?;
            Some(mark)
        });
        self.left_cost = self.left_cost.saturating_add(cost);
        // When half of them have left, they are no longer kept. The counts begin anew long before they overflow.
        let left = self.milestones.partition_point(|place| place.passed < self.left_cost);
        if left > 0 && left >= self.milestones.len() / 2 {
            let (cost, bytes) = (self.left_cost, self.left_bytes);
            self.milestones.drain(..left);
            for place in &mut self.milestones {
                place.passed = place.passed.saturating_sub(cost);
                place.next = place.next.saturating_sub(bytes);
            }
            (self.left_cost, self.left_bytes) = (0, 0);
        } else if self.milestones.is_empty() {
            (self.left_cost, self.left_bytes) = (0, 0);
        }
    }
}
