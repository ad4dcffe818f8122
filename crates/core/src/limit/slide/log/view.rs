//! Reading a log: what counts for one window, and where a read went on last time.

use super::entries::Log;
use super::entry::Entry;
use super::place::{Place, after};
use super::reading::{Bookmark, SHORT, STRIDE};
use crate::time::At;

/// The entries of a log that count for one window.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    log: &'a Log,
    first: Option<Place>,
}

impl Log {
    /// Returns the entries that are later than `cutoff`.
    #[must_use]
    #[inline(always)] // for its result, which is large
    pub fn view(&self, cutoff: Option<At>) -> View<'_> {
        let head = Place { entry: self.head, next: self.start, passed: 0 };
        if self.entries > 0 && Some(self.head.at) <= cutoff {
            return self.view_after(head, cutoff);
        }
        View { log: self, first: (self.entries > 0).then_some(head) }
    }

    /// Does what [`Log::view`] does where the head does not count.
    fn view_after(&self, head: Place, cutoff: Option<At>) -> View<'_> {
        let Some(cutoff) = cutoff else { return View { log: self, first: Some(head) } };
        let mark = self.memo.bookmark();
        let known = mark.filter(|mark| cutoff >= mark.cutoff).map(|mark| mark.place);
        let mut place = self.memo.before(cutoff).into_iter().chain(known).fold(head, Place::later);
        let (mut first, mut passed) = (Some(place), 0_usize);
        while let Some(old) = first.filter(|place| place.entry.at <= cutoff) {
            place = old;
            first = after(&self.bytes, old);
            passed = passed.saturating_add(1);
        }
        if known.is_some() || mark.is_none() {
            self.memo.set_bookmark(Bookmark { cutoff, place: first.unwrap_or(place) }, passed);
        }
        View { log: self, first }
    }

    /// Returns the entries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Entry> + '_ {
        self.view(None).iter()
    }
}

impl<'a> View<'a> {
    /// Returns the sum of the costs.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.first.map_or(0, |first| self.log.cost.saturating_sub(first.passed))
    }

    /// Returns the instant of the first entry that, together with all before it, has a cost of `excess` or more; `None` if all
    /// have less. If `cutoff` is given, it looks at no entry that is later. An inner `None` is before all entries.
    #[must_use]
    pub fn leaves_by(&self, excess: u64, cutoff: Option<Option<At>>) -> Option<At> {
        let first = self.first?;
        let (log, excess) = (self.log, first.passed.saturating_add(excess));
        let mut place = first;
        for steps in 1_usize.. {
            let freed = place.passed.saturating_add(place.entry.cost);
            if cutoff.is_some_and(|cutoff| Some(place.entry.at) > cutoff) {
                return None;
            } else if freed >= excess {
                return Some(place.entry.at);
            }
            place = after(&log.bytes, place)?;
            if steps == SHORT
                && let Some(known) = log.memo.below(excess)
            {
                place = place.later(known);
            } else if steps.is_multiple_of(STRIDE) {
                log.memo.add(place);
            }
        }
        None
    }

    /// Returns the entries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Entry> + use<'a> {
        let log = self.log;
        core::iter::successors(self.first, |place| after(&log.bytes, *place)).map(|place| place.entry)
    }
}
