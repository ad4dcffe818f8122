//! Changes that are not at an end of a log: each writes the log anew.

use super::entries::Log;
use super::entry::Entry;
use crate::time::{At, Span};

impl Log {
    /// Takes `cost` away from what is later than `cutoff`, the oldest first.
    ///
    /// Which admission a refund is for is not known. The oldest leaves first anyway, so taking from it
    /// never frees what a younger one still has to count for.
    pub fn shed(&mut self, cutoff: Option<At>, cost: u64) {
        let mut left = cost;
        if self.entries > 0 && Some(self.head.at) <= cutoff {
            *self = self.rebuilt(self.iter().map(|entry| {
                let taken = if Some(entry.at) > cutoff { left.min(entry.cost) } else { 0 };
                left = left.saturating_sub(taken);
                Entry { cost: entry.cost.saturating_sub(taken), ..entry }
            }));
            return;
        }
        while self.entries > 0 && left >= self.head.cost {
            left = left.saturating_sub(self.head.cost);
            self.drop_head();
        }
        if self.entries > 0 && left > 0 {
            self.head.cost = self.head.cost.saturating_sub(left);
            self.cost = self.cost.saturating_sub(left);
            self.memo.lose(left);
        }
    }

    /// Changes a charge at `at` from `taken` to `used`. It may have been merged into a later instant.
    pub fn amend(&mut self, at: At, taken: u64, used: u64) {
        let (given, excess) = (taken.saturating_sub(used), used.saturating_sub(taken));
        let Some(found) = self.iter().find(|entry| entry.at >= at) else {
            return self.push(at, excess);
        };
        // A charge of nothing has left no entry, so what it used becomes one of its own.
        let missing = Entry { at, cost: excess };
        let apart = (taken == 0 && found.at > at && excess > 0).then_some(missing);
        let amended = Entry {
            cost: found.cost.saturating_sub(given).saturating_add(if apart.is_none() { excess } else { 0 }),
            ..found
        };
        let earlier = self.iter().take_while(|entry| entry.at < at);
        let later = self.iter().skip_while(|entry| entry.at <= found.at);
        *self = self.rebuilt(earlier.chain(apart).chain([amended]).chain(later));
    }

    /// Merges entries that share a cell of a grid into the latest of them.
    ///
    /// Cells are `fine` wide for what is later than `cutoff`, and `coarse` for the rest. The grid is
    /// fixed, so merging again moves nothing further. Merging into the *later* instant errs towards
    /// denying.
    pub fn coarsen(&mut self, cutoff: Option<At>, coarse: Span, fine: Span) {
        let cell = |at: At| {
            let counts = Some(at) > cutoff;
            (counts, at.ms().checked_div(if counts { fine } else { coarse }.ms()))
        };
        let mut entries = self.iter().peekable();
        let merged = core::iter::from_fn(move || {
            let mut last = entries.next()?;
            while let Some(next) = entries.next_if(|next| cell(next.at) == cell(last.at)) {
                last = Entry { at: next.at, cost: last.cost.saturating_add(next.cost) };
            }
            Some(last)
        });
        *self = self.rebuilt(merged);
    }

    /// Returns a log of `entries`, which are about as many as this one's. It leaves out those without cost.
    fn rebuilt(&self, entries: impl Iterator<Item = Entry>) -> Self {
        let mut log = Self { bytes: Vec::with_capacity(self.bytes.len()), ..Self::default() };
        for entry in entries {
            log.push(entry.at, entry.cost);
        }
        log.bytes.shrink_to(log.bytes.len().saturating_add(log.bytes.len() >> 3));
        log
    }
}
