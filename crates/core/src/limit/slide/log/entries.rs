//! A log, and the changes at its ends: appending and dropping.

use super::entry::{Entry, index, take};
use super::place::{Place, after};
use super::reading::Memo;
use crate::limit::algorithm::COST_MAX;
use crate::time::At;
use crate::varint;

/// Up to this many distinct instants are kept exactly. Beyond it an entry leaves late by at most this
/// part of the window.
pub const ENTRIES_EXACT: u32 = 10_000;

/// A log never holds more entries than this. The distance to [`ENTRIES_EXACT`] spreads the cost of a
/// merge over thousands of appends. At worst, with eight bytes of cost and six of distance each, they
/// take 210 KB.
pub const ENTRIES_MAX: u32 = 15_000;

/// The least bytes by which a log grows.
const GROWTH_MIN: usize = 16;

/// The admissions of a sliding window. The module's documentation draws the layout.
///
/// ```
/// use rl_core::limit::slide::log::Log;
/// use rl_core::time::At;
///
/// let mut log = Log::default();
/// log.push(At::from_ms(1_000), 1);
/// log.push(At::from_ms(1_000), 2); // the same instant: one entry
/// log.push(At::from_ms(1_500), 4);
/// assert_eq!((log.entries(), log.cost()), (2, 7));
///
/// let view = log.view(Some(At::from_ms(1_000))); // what is later than this
/// assert_eq!(view.cost(), 4);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub(super) head: Entry,
    pub(super) last_at: At,
    /// The sum of all costs.
    pub(super) cost: u64,
    pub(super) entries: u32,
    /// Where the entry after the head begins in `bytes`.
    pub(super) start: u32,
    /// Where the last entry begins in `bytes`, if it is not the head.
    pub(super) tail: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) memo: Memo,
    /// Whether the key has the expiry that the last charge has returned, as far as this process knows. It is in no file, and
    /// logs are equal whatever it says. It is here because there is room for it.
    pub(in crate::limit) is_timed: bool,
}

impl Log {
    /// Returns the instant of the last entry, or the earliest instant for an empty log.
    #[must_use]
    pub const fn last_at(&self) -> At {
        self.last_at
    }

    /// Returns the sum of all costs.
    #[must_use]
    pub const fn cost(&self) -> u64 {
        self.cost
    }

    /// Returns the number of distinct instants.
    #[must_use]
    pub const fn entries(&self) -> u32 {
        self.entries
    }

    /// Returns the memory beside the struct itself, in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity().saturating_add(self.memo.heap_bytes())
    }

    /// Returns the buffer, for a memory manager that moves it.
    pub(crate) fn buffer_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Appends `cost` at `at`, or at the last entry's instant if that is later.
    ///
    /// If the sum would exceed [`COST_MAX`], the oldest entries are dropped.
    #[inline]
    pub fn push(&mut self, at: At, cost: u64) {
        let all = self.cost.saturating_add(cost);
        if self.entries == 0 || at <= self.last_at || cost == 0 || all > COST_MAX {
            return self.push_rare(at, cost);
        }
        self.append(at.since(self.last_at).ms(), cost);
        self.cost = all;
        self.entries = self.entries.saturating_add(1);
        self.last_at = at;
    }

    /// Does what [`Log::push`] does where that is more than one more entry.
    fn push_rare(&mut self, at: At, cost: u64) {
        let at = at.max(self.last_at);
        let cost = cost.min(COST_MAX);
        if cost == 0 {
            return;
        }
        self.shed(None, self.cost.saturating_add(cost).saturating_sub(COST_MAX));
        self.cost = self.cost.saturating_add(cost);
        if self.entries == 0 {
            *self = Self { head: Entry { at, cost }, last_at: at, cost, entries: 1, ..self.emptied() };
            return;
        }
        let distance = at.since(self.last_at).ms();
        if distance > 0 {
            self.append(distance, cost);
            self.entries = self.entries.saturating_add(1);
            self.last_at = at;
            return;
        }
        if self.entries == 1 {
            self.head.cost = self.head.cost.saturating_add(cost);
        } else if let Some((distance, old, _)) = take(&self.bytes, self.tail) {
            self.bytes.truncate(index(self.tail));
            self.append(distance, old.saturating_add(cost));
        }
        self.memo.forget_from(self.last_at); // it may hold the old cost of that entry
    }

    /// Drops what is not later than `cutoff`.
    #[inline]
    pub fn prune(&mut self, cutoff: Option<At>) {
        while self.entries > 0 && Some(self.head.at) <= cutoff {
            self.drop_head();
        }
    }

    pub(super) fn drop_head(&mut self) {
        let dropped = self.head;
        self.cost = self.cost.saturating_sub(dropped.cost);
        self.entries = self.entries.saturating_sub(1);
        match after(&self.bytes, Place { entry: dropped, next: self.start, passed: 0 }) {
            Some(next) => {
                self.head = next.entry;
                self.start = next.next;
            }
            None => *self = self.emptied(),
        }
        self.memo.lose(dropped.cost);
    }

    /// Returns an empty log with this one's buffer, if that is small.
    fn emptied(&mut self) -> Self {
        let mut bytes = core::mem::take(&mut self.bytes);
        bytes.clear();
        bytes.shrink_to(64);
        Self { bytes, ..Self::default() }
    }

    fn append(&mut self, distance: u64, cost: u64) {
        let plain = cost == 1;
        let word = distance << 1 | u64::from(!plain);
        let need = varint::len(word).saturating_add(if plain { 0 } else { varint::len(cost) });
        if self.bytes.capacity().saturating_sub(self.bytes.len()) < need {
            self.make_room(need);
        }
        self.tail = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX); // a log is far below 4 GB
        varint::put(&mut self.bytes, word);
        if !plain {
            varint::put(&mut self.bytes, cost);
        }
    }

    /// Makes room for `need` more bytes.
    ///
    /// If a quarter of the buffer is dropped entries, the rest moves to the front. Otherwise the buffer
    /// grows by an eighth. So little memory is unused, and each byte moves only a few times.
    #[cold]
    fn make_room(&mut self, need: usize) {
        let dropped = index(self.start);
        if dropped < need || dropped < self.bytes.len() / 4 {
            self.bytes.reserve_exact(need.max(GROWTH_MIN).max(self.bytes.len() / 8));
            return;
        }
        self.bytes.drain(..dropped);
        let live = self.bytes.len().saturating_add(need);
        if self.bytes.capacity() / 4 > live {
            self.bytes.shrink_to(live.saturating_mul(2));
        }
        self.memo.shift(self.start);
        self.tail = self.tail.saturating_sub(self.start);
        self.start = 0;
    }
}
