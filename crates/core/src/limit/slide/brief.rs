//! A few admissions as they are worked with, unpacked.

use super::log::Entry;
use super::{Counted, Slide};
use crate::time::{At, Span};

/// How many admissions fit.
pub(super) const MOST: usize = 6;

/// A few admissions, unpacked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Brief {
    /// The instant of the last change: that of the last admission, if there is one.
    pub(super) at: At,
    pub(super) entries: [Entry; MOST],
    pub(super) count: usize,
    pub(super) is_timed: bool,
}

impl Brief {
    /// Unpacks what a slide has, if it is little enough.
    pub(super) fn of(slide: &Slide) -> Option<Self> {
        let count = usize::try_from(slide.log.entries()).ok().filter(|count| *count <= MOST)?;
        if slide.longer.is_some() || (count > 0 && slide.log.last_at() != slide.at) {
            return None;
        }
        let mut entries = [Entry::default(); MOST];
        entries.iter_mut().zip(slide.log.iter()).for_each(|(place, entry)| *place = entry);
        Some(Self { at: slide.at, entries, count, is_timed: slide.is_timed })
    }

    /// All admissions, the oldest first.
    #[inline]
    pub(super) fn all(&self) -> &[Entry] {
        self.entries.get(..self.count).unwrap_or_default()
    }

    /// Those that are later than `cutoff`.
    #[inline]
    pub(super) fn after(&self, cutoff: Option<At>) -> &[Entry] {
        let all = self.all();
        let first = all.iter().position(|entry| Some(entry.at) > cutoff);
        first.and_then(|first| all.get(first..)).unwrap_or_default()
    }

    pub(super) fn last_at(&self) -> At {
        if self.count > 0 { self.at } else { At::MIN }
    }

    pub(super) fn empty_at(&self, window: Span) -> Option<At> {
        (self.count > 0).then(|| self.at.plus(window))
    }

    /// Adds an admission, as [`Log::push`] does, and drops those that have left by then. Returns `None` if there is no room.
    #[inline]
    pub(super) fn push(&mut self, window: Span, cost: u64, at: At) -> Option<()> {
        self.at = at.max(self.at);
        let kept = self.after(self.at.cutoff(window)).len();
        let left = self.count.saturating_sub(kept);
        if left > 0 {
            self.entries.copy_within(left..self.count, 0);
            self.count = kept;
        }
        match self.entries.get_mut(..self.count).and_then(<[_]>::last_mut).filter(|last| last.at == self.at) {
            Some(last) => last.cost = last.cost.saturating_add(cost),
            None => {
                *self.entries.get_mut(self.count)? = Entry { at: self.at, cost };
                self.count = self.count.saturating_add(1);
            }
        }
        Some(())
    }
}

impl Counted for [Entry] {
    #[inline]
    fn cost(&self) -> u64 {
        self.iter().fold(0, |sum, entry| sum.saturating_add(entry.cost))
    }

    #[inline]
    fn leaves_by(&self, excess: u64, cutoff: Option<Option<At>>) -> Option<At> {
        let mut freed = 0_u64;
        let last = self.iter().find(|entry| {
            freed = freed.saturating_add(entry.cost);
            freed >= excess
        });
        last.map(|entry| entry.at).filter(|at| cutoff.is_none_or(|cutoff| Some(*at) <= cutoff))
    }
}
