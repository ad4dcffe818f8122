//! Reading a log: what counts for one window, and where a read went on last time.

use super::entries::Log;
use super::entry::Entry;
use super::place::{Bookmark, Place, after};
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
        let mark = self.bookmark.get();
        let further = mark.cutoff.is_some() && cutoff >= mark.cutoff;
        let mut place = if further { mark.place } else { head };
        let mut first = Some(place);
        while let Some(old) = first.filter(|place| Some(place.entry.at) <= cutoff) {
            place = old;
            first = after(&self.bytes, old);
        }
        if further || mark.cutoff.is_none() {
            self.bookmark.set(Bookmark { cutoff, place: first.unwrap_or(place) });
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

    /// Returns the instant of the first entry that, together with all before it, has a cost of `excess`
    /// or more; `None` if all entries together have less.
    #[must_use]
    pub fn leaves(&self, excess: u64) -> Option<At> {
        self.leaves_by(excess, None)
    }

    /// Does what [`View::leaves`] does, but looks at no entry that is later than `cutoff`, if one is given. An inner
    /// `None` is before all entries.
    #[must_use]
    pub fn leaves_by(&self, excess: u64, cutoff: Option<Option<At>>) -> Option<At> {
        let mut freed = 0_u64;
        let in_time = |entry: &Entry| cutoff.is_none_or(|cutoff| Some(entry.at) <= cutoff);
        self.iter().take_while(in_time).find_map(|entry| {
            freed = freed.saturating_add(entry.cost);
            (freed >= excess).then_some(entry.at)
        })
    }

    /// Returns the entries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Entry> + use<'a> {
        let log = self.log;
        core::iter::successors(self.first, |place| after(&log.bytes, *place)).map(|place| place.entry)
    }
}
