//! The admissions of a sliding window: a queue of (instant, cost), oldest first, in about two bytes each.
//!
//! Every entry but the oldest is written as the distance from the one before it, so that a limit
//! of 500 a minute takes a kilobyte where a sorted set takes 67. The oldest is kept unpacked: it is
//! what every question starts from. Requests of the same millisecond share an entry.
//!
//! ```text
//!   head: at, cost        bytes: | gone ... | distance*2 + flag [cost] | distance*2 + flag [cost] | ...
//!                                ^0         ^start                     flag: a cost other than 1 follows
//! ```
//!
//! Entries are appended at the end and leave at the front, each once: amortized O(1). Only a write
//! drops entries. A read may find old ones still there and keeps a bookmark behind them, so that
//! asking again does not pass them again; the bookmark is no part of the state.
//!
//! Beyond [`ENTRIES_EXACT`] distinct instants neighbours are merged into the *later* one, in cells of a
//! fixed grid, so that merging again moves nothing further.

use core::cell::Cell;

use crate::limit::counter::COST_MAX;
use crate::time::{At, Span};
use crate::varint;

/// Up to this many distinct instants are kept exactly. It is also the grid: beyond it an entry
/// leaves late by at most this part of the window.
pub const ENTRIES_EXACT: u32 = 10_000;

/// More entries than this are never held. The distance to [`ENTRIES_EXACT`] pays for each merge with
/// thousands of appends. In the worst case, eight bytes of cost and six of distance, it is 210 KB.
pub const ENTRIES_MAX: u32 = 15_000;

/// The longest log in bytes that is accepted from outside.
pub const BYTES_MAX: usize = 225_000;

/// The least bytes by which a log grows.
const GROWTH_MIN: usize = 16;

/// Cost admitted at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: At,
    /// How much, at least 1.
    pub cost: u64,
}

/// See the head of this file.
#[derive(Clone, Debug, Default)]
pub struct Log {
    head: Entry,
    last_at: At,
    /// The sum of all costs.
    cost: u64,
    entries: u32,
    /// Where the entry after the head begins in `bytes`.
    start: u32,
    /// Where the last entry begins in `bytes`, if it is not the head.
    tail: u32,
    bytes: Vec<u8>,
    bookmark: Cell<Bookmark>,
}

/// A place in the log: an entry, where the one after it begins, and the cost of all before it.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    entry: Entry,
    next: u32,
    passed: u64,
}

/// An entry before which nothing is later than `cutoff`, as far as reads have come.
#[derive(Clone, Copy, Debug, Default)]
struct Bookmark {
    cutoff: Option<At>,
    place: Place,
}

/// What of a log counts for one window.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    log: &'a Log,
    first: Option<Place>,
}

impl Log {
    /// The instant of the last entry; the earliest one if there is none.
    #[must_use]
    pub const fn last_at(&self) -> At {
        self.last_at
    }

    /// The sum of all costs held.
    #[must_use]
    pub const fn cost(&self) -> u64 {
        self.cost
    }

    /// How many distinct instants are held.
    #[must_use]
    pub const fn entries(&self) -> u32 {
        self.entries
    }

    /// Memory beside the struct itself, in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// The buffer, for a memory manager that moves it.
    pub(crate) fn buffer_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What is later than `cutoff`.
    #[must_use]
    #[inline(always)] // for its result, which is large
    pub fn view(&self, cutoff: Option<At>) -> View<'_> {
        let head = Place { entry: self.head, next: self.start, passed: 0 };
        if self.entries > 0 && Some(self.head.at) <= cutoff {
            return self.view_behind(head, cutoff);
        }
        View { log: self, first: (self.entries > 0).then_some(head) }
    }

    /// The same where the head is not.
    fn view_behind(&self, head: Place, cutoff: Option<At>) -> View<'_> {
        let mark = self.bookmark.get();
        let further = mark.cutoff.is_some() && cutoff >= mark.cutoff;
        let mut place = if further { mark.place } else { head };
        let mut first = Some(place);
        while let Some(gone) = first.filter(|place| Some(place.entry.at) <= cutoff) {
            place = gone;
            first = self.after(gone);
        }
        if further || mark.cutoff.is_none() {
            self.bookmark.set(Bookmark { cutoff, place: first.unwrap_or(place) });
        }
        View { log: self, first }
    }

    /// Appends `cost` at `at`, or at the last entry's instant if that is later. More than
    /// [`COST_MAX`] in all is not held: the oldest makes room.
    #[inline]
    pub fn push(&mut self, at: At, cost: u64) {
        let all = self.cost.saturating_add(cost);
        if self.entries == 0 || at <= self.last_at || cost == 0 || all > COST_MAX {
            return self.push_elsewhere(at, cost);
        }
        self.append(at.since(self.last_at).ms(), cost);
        self.cost = all;
        self.entries = self.entries.saturating_add(1);
        self.last_at = at;
    }

    /// The same where it is not simply one more entry.
    fn push_elsewhere(&mut self, at: At, cost: u64) {
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
        self.bookmark.set(Bookmark::default()); // it may hold the old cost of that entry
    }

    /// Drops what is not later than `cutoff`.
    #[inline]
    pub fn prune(&mut self, cutoff: Option<At>) {
        while self.entries > 0 && Some(self.head.at) <= cutoff {
            self.drop_head();
        }
    }

    /// Takes `cost` away from what is later than `cutoff`, the oldest first.
    ///
    /// Which admission a refund is for is not known. The oldest leaves first anyway: to take from
    /// it never frees what a younger one still has to answer for.
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
            self.bookmark.set(Bookmark::default());
        }
    }

    /// Makes the `taken` of a charge at `at`, which may have been merged into a later instant, `used`.
    pub fn amend(&mut self, at: At, taken: u64, used: u64) {
        let (given, excess) = (taken.saturating_sub(used), used.saturating_sub(taken));
        let Some(found) = self.iter().find(|entry| entry.at >= at) else {
            return self.push(at, excess);
        };
        // A charge that took nothing has left no entry: what it used is one of its own.
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

    /// Merges all that shares a cell of a grid into the latest instant of that cell. The grid has
    /// cells of `fine` for what is later than `cutoff`, and of `coarse` for what is not.
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

    /// A log of `entries`, about as many as this one's; one without cost is left out.
    fn rebuilt(&self, entries: impl Iterator<Item = Entry>) -> Self {
        let mut log = Self { bytes: Vec::with_capacity(self.bytes.len()), ..Self::default() };
        for entry in entries {
            log.push(entry.at, entry.cost);
        }
        log.bytes.shrink_to(log.bytes.len().saturating_add(log.bytes.len() >> 3));
        log
    }

    /// The entries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Entry> + '_ {
        self.view(None).iter()
    }

    /// The oldest entry, and the packed bytes of those after it.
    #[must_use]
    pub fn packed(&self) -> (Entry, &[u8]) {
        (self.head, self.bytes.get(index(self.start)..).unwrap_or_default())
    }

    /// A log from what [`Log::packed`] gave; `None` if it is not one.
    #[must_use]
    pub fn unpack(head: Entry, bytes: &[u8]) -> Option<Self> {
        if head.cost == 0 {
            let empty = head.at == At::MIN && bytes.is_empty();
            return empty.then(Self::default);
        }
        if bytes.len() > BYTES_MAX {
            return None;
        }
        let (mut at, mut cost, mut entries, mut tail, mut pos) = (head.at, head.cost, 1_u32, 0_u32, 0_u32);
        while index(pos) < bytes.len() {
            let (distance, part, next) = take(bytes, pos)?;
            at = At::new(at.ms().checked_add(distance)?)?;
            cost = cost.checked_add(part)?;
            entries = entries.checked_add(1)?;
            tail = pos;
            pos = next;
        }
        let sound = entries <= ENTRIES_MAX && cost <= COST_MAX && head.cost <= COST_MAX;
        sound.then(|| Self {
            head,
            last_at: at,
            cost,
            entries,
            start: 0,
            tail,
            bytes: bytes.to_vec(),
            bookmark: Cell::default(),
        })
    }

    fn after(&self, place: Place) -> Option<Place> {
        let (distance, cost, next) = take(&self.bytes, place.next)?;
        let at = place.entry.at.plus(Span::from_ms(distance));
        let passed = place.passed.saturating_add(place.entry.cost);
        Some(Place { entry: Entry { at, cost }, next, passed })
    }

    fn drop_head(&mut self) {
        let dropped = self.head;
        self.cost = self.cost.saturating_sub(dropped.cost);
        self.entries = self.entries.saturating_sub(1);
        match self.after(Place { entry: dropped, next: self.start, passed: 0 }) {
            Some(next) => {
                self.head = next.entry;
                self.start = next.next;
            }
            None => *self = self.emptied(),
        }
        let mut mark = self.bookmark.get();
        if mark.place.passed >= dropped.cost && mark.cutoff.is_some() {
            mark.place.passed = mark.place.passed.saturating_sub(dropped.cost);
            self.bookmark.set(mark);
        } else {
            self.bookmark.set(Bookmark::default());
        }
    }

    /// Nothing, but for the buffer, if that is small.
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

    /// Room for `need` more bytes: by moving the rest to the front where a quarter of it is gone, else
    /// by growing an eighth, so that little memory stands empty and each byte moves a few times.
    #[cold]
    fn make_room(&mut self, need: usize) {
        let gone = index(self.start);
        if gone < need || gone < self.bytes.len() / 4 {
            self.bytes.reserve_exact(need.max(GROWTH_MIN).max(self.bytes.len() / 8));
            return;
        }
        self.bytes.drain(..gone);
        let live = self.bytes.len().saturating_add(need);
        if self.bytes.capacity() / 4 > live {
            self.bytes.shrink_to(live.saturating_mul(2));
        }
        let mut mark = self.bookmark.get();
        mark.place.next = mark.place.next.saturating_sub(self.start);
        self.bookmark.set(mark);
        self.tail = self.tail.saturating_sub(self.start);
        self.start = 0;
    }
}

impl<'a> View<'a> {
    /// The sum of the costs that count.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.first.map_or(0, |first| self.log.cost.saturating_sub(first.passed))
    }

    /// The first instant whose entry, leaving with all before it, takes the cost that counts down
    /// by `excess` or more.
    #[must_use]
    pub fn leaves(&self, excess: u64) -> Option<At> {
        let mut freed = 0_u64;
        self.iter().find_map(|entry| {
            freed = freed.saturating_add(entry.cost);
            (freed >= excess).then_some(entry.at)
        })
    }

    /// The entries that count, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Entry> + use<'a> {
        let log = self.log;
        core::iter::successors(self.first, |place| log.after(*place)).map(|place| place.entry)
    }
}

/// Two logs are equal when they hold the same; how much of a buffer stands empty does not matter.
impl PartialEq for Log {
    fn eq(&self, other: &Self) -> bool {
        self.packed() == other.packed()
    }
}

/// Distance, cost, and where the next begins; `None` at the end or where this is no entry.
#[inline]
fn take(bytes: &[u8], pos: u32) -> Option<(u64, u64, u32)> {
    let (word, mut next) = varint::take(bytes, index(pos))?;
    let distance = word >> 1;
    let cost = if word & 1 == 0 {
        1
    } else {
        let (cost, after) = varint::take(bytes, next)?;
        next = after;
        if cost < 2 {
            return None; // 1 is written otherwise, 0 never
        }
        cost
    };
    (distance > 0).then_some((distance, cost, u32::try_from(next).ok()?))
}

const fn index(pos: u32) -> usize {
    pos as usize
}
