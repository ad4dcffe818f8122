//! What was charged for calls that have not said yet what they used.
//!
//! By id, and in the order in which they run out: a reservation that nobody settles is over at an
//! instant that is known from the beginning. So how many are open is a question of the clock, no
//! matter who has died or which server asks, and needs no timer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::lows::Lows;
use crate::time::At;

/// A key holds so many at most.
pub const RESERVATIONS_MAX: usize = 100_000;

/// What a reservation is called: any bytes.
pub type Id = Arc<[u8]>;

/// One reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// When it was made, and charged.
    pub at: At,
    /// When it is over if nobody settles it.
    pub expires: At,
    /// Which one of its key it was.
    pub number: u64,
    /// What it took and was answered, by limit.
    pub shares: Box<[Share]>,
}

/// A reservation's part in one limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// What it took; nothing is known where the limit was not there yet.
    pub taken: Option<u64>,
    /// The limit is counted otherwise since: what is left of what it took cannot be told from what others
    /// took, so nothing is given back.
    pub closed: bool,
    /// What remained, as it was answered.
    pub remaining: u64,
    /// When all would be available again, as it was answered.
    pub reset_after_ms: u64,
}

/// All reservations of a key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reservations {
    by_id: BTreeMap<Id, Reservation>,
    /// Each once, the first to run out first.
    order: VecDeque<(At, Id)>,
    /// How many have been made while there were any.
    made: u64,
    /// By limit, for buckets that were charged since.
    lows: BTreeMap<usize, Lows>,
}

impl Reservations {
    /// How many are open at `now`.
    #[must_use]
    pub fn open(&self, now: At) -> usize {
        self.order.len().saturating_sub(self.over(now))
    }

    /// How many have run out at `now` and are still held.
    fn over(&self, now: At) -> usize {
        self.order.partition_point(|(expires, _)| *expires <= now)
    }

    /// When the first `count` of those that are open at `now` have run out.
    #[must_use]
    pub fn frees(&self, count: usize, now: At) -> Option<At> {
        let last = self.over(now).checked_add(count)?.checked_sub(1)?;
        self.order.get(last).map(|(expires, _)| *expires)
    }

    /// When the last of all has run out.
    #[must_use]
    pub fn end(&self) -> Option<At> {
        self.order.back().map(|(expires, _)| *expires)
    }

    /// The reservation of that id, if it is open at `now`.
    #[must_use]
    pub fn get(&self, id: &[u8], now: At) -> Option<&Reservation> {
        self.by_id.get(id).filter(|held| held.expires > now)
    }

    /// Adds one, in place of one with its id, if there is room.
    pub fn insert(&mut self, id: &[u8], at: At, expires: At, shares: Box<[Share]>) -> bool {
        self.remove(id);
        if self.by_id.len() >= RESERVATIONS_MAX {
            return false;
        }
        let id: Id = id.into();
        self.made = self.made.saturating_add(1);
        let held = Reservation { at, expires, number: self.made, shares };
        self.enqueue(expires, Arc::clone(&id));
        self.by_id.insert(id, held);
        self.thin();
        true
    }

    /// Takes one out.
    pub fn remove(&mut self, id: &[u8]) -> Option<Reservation> {
        let (id, held) = self.by_id.remove_entry(id)?;
        self.dequeue(held.expires, &id);
        Some(held)
    }

    /// Makes one last until `expires`.
    pub fn renew(&mut self, id: &[u8], expires: At) {
        let Some((id, held)) = self.by_id.get_key_value(id) else { return };
        let (id, before) = (Arc::clone(id), held.expires);
        self.dequeue(before, &id);
        if let Some(held) = self.by_id.get_mut(&id) {
            held.expires = expires;
        }
        self.enqueue(expires, id);
    }

    fn enqueue(&mut self, expires: At, id: Id) {
        let place = (expires, id);
        let at = self.order.partition_point(|other| *other < place);
        self.order.insert(at, place);
    }

    fn dequeue(&mut self, expires: At, id: &Id) {
        let at = self.order.partition_point(|(at, other)| (*at, other) < (expires, id));
        self.order.remove(at);
    }

    /// Drops what has run out at `now`. What it took stays taken.
    pub fn prune(&mut self, now: At) {
        let over = self.over(now);
        for (_, id) in self.order.drain(..over) {
            self.by_id.remove(&id);
        }
        if self.by_id.is_empty() {
            *self = Self::default();
        }
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many have been made.
    pub(crate) const fn made(&self) -> u64 {
        self.made
    }

    /// Each with its id, in the order of these.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Id, &Reservation)> {
        self.by_id.iter()
    }

    /// Notes what the bucket of the limit at `index` is missing before it is charged.
    pub(crate) fn note(&mut self, index: usize, missing: u128) {
        if !self.by_id.is_empty() {
            self.lows.entry(index).or_default().note(self.made, missing);
        }
    }

    /// The least that bucket was missing since the reservation of that number was made; `None` if
    /// it was not charged since.
    pub(crate) fn least(&self, index: usize, number: u64) -> Option<u128> {
        self.lows.get(&index)?.since(number)
    }

    /// That bucket was missing less since the reservation of that number was made.
    pub(crate) fn lower(&mut self, index: usize, number: u64, given: u128) {
        if let Some(lows) = self.lows.get_mut(&index) {
            lows.lower(number, given);
        }
    }

    /// All levels there are, by limit.
    pub(crate) fn levels(&self) -> impl ExactSizeIterator<Item = (usize, &Lows)> {
        self.lows.iter().map(|(index, lows)| (*index, lows))
    }

    /// The limit at `index` is counted otherwise from now on.
    pub(crate) fn close(&mut self, index: usize) {
        self.lows.remove(&index);
        for share in self.by_id.values_mut().filter_map(|held| held.shares.get_mut(index)) {
            share.closed = true;
        }
    }

    /// Whether any has taken part in the limit at `index`.
    pub(crate) fn took(&self, index: usize) -> bool {
        self.by_id.values().any(|held| held.shares.get(index).is_some_and(|share| share.taken.is_some()))
    }

    /// The limits have become others: what was at `from[i]` is at `i` now.
    pub(crate) fn rearrange(&mut self, from: &[Option<usize>]) {
        for held in self.by_id.values_mut() {
            let moved =
                |from: &Option<usize>| from.and_then(|at| held.shares.get(at).copied()).unwrap_or_default();
            held.shares = from.iter().map(moved).collect();
        }
        let mut lows = core::mem::take(&mut self.lows);
        let moved = |(to, from): (usize, &Option<usize>)| Some((to, lows.remove(from.as_ref()?)?));
        self.lows = from.iter().enumerate().filter_map(moved).collect();
    }

    /// Drops levels that no reservation asks for any more, once they are many.
    fn thin(&mut self) {
        let many = self.by_id.len().saturating_mul(2).saturating_add(64);
        if self.lows.values().all(|lows| lows.len() <= many) {
            return;
        }
        let mut numbers: Vec<u64> = self.by_id.values().map(|held| held.number).collect();
        numbers.sort_unstable();
        for lows in self.lows.values_mut() {
            lows.keep(&numbers);
        }
        self.lows.retain(|_, lows| lows.len() > 0);
    }

    /// Reservations from lists; `None` if they are not such that this code has made.
    pub(crate) fn from_lists(
        held: Vec<(Id, Reservation)>,
        made: u64,
        levels: Vec<(usize, Lows)>,
    ) -> Option<Self> {
        let sorted = |ids: &[(Id, Reservation)]| ids.is_sorted_by(|(a, _), (b, _)| a < b);
        let numbered = held.iter().all(|(_, held)| (1..=made).contains(&held.number));
        let ordered = levels.is_sorted_by(|(a, _), (b, _)| a < b);
        if held.is_empty() || !sorted(&held) || !numbered || !ordered {
            return None;
        }
        let mut order: Vec<(At, Id)> = held.iter().map(|(id, held)| (held.expires, Arc::clone(id))).collect();
        order.sort_unstable();
        let lows = levels.into_iter().collect();
        Some(Self { by_id: held.into_iter().collect(), order: order.into(), made, lows })
    }

    /// Memory that they take, in bytes, as far as is known.
    pub(crate) fn heap_bytes(&self) -> usize {
        let shares =
            self.by_id.values().map(|held| size_of_val(&*held.shares)).fold(0, usize::saturating_add);
        // An id with its two counts; a node of a map is two thirds full.
        let id = |id: &Id| id.len().saturating_add(16);
        let ids = self.by_id.keys().map(id).fold(0, usize::saturating_add);
        let nodes = size_of::<(Id, Reservation)>().saturating_mul(self.by_id.len()).saturating_mul(3) / 2;
        let order = size_of::<(At, Id)>().saturating_mul(self.order.capacity());
        let lows = self.lows.values().map(Lows::heap_bytes).fold(0, usize::saturating_add);
        [shares, ids, nodes, order, lows].into_iter().fold(0, usize::saturating_add)
    }
}
