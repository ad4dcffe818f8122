//! The open reservations of a key.
//!
//! They are kept by id, and in the order in which they expire. A reservation that nobody settles expires
//! at an instant that is known from the start. So the clock alone tells how many are open. No timer is
//! needed, and it makes no difference which caller has died or which server asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bounds::{LEASES_MAX, RESERVATIONS_MAX};
use super::by_end::ByEnd;
use super::limit::Limit;
use super::reservation::{Id, Reservation, Share};
use super::slots::{Origin, Slots};
use crate::time::At;

/// How many expired reservations a change of the key drops. To drop 100,000 at once takes 60 ms, in which no client is
/// answered.
const DROPPED_AT_ONCE: usize = 4_096;

/// All reservations of a key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reservations {
    by_id: BTreeMap<Id, Reservation>,
    /// Each reservation once, ordered by expiry.
    order: ByEnd,
    /// Each lease once, ordered by its end.
    leases: ByEnd,
    /// The number of reservations made since the key last had none.
    made: u64,
    slots: Slots,
    /// The total length of all ids, in bytes.
    id_bytes: usize,
    /// The total number of shares.
    shares: usize,
}

impl Reservations {
    /// Returns the number of reservations that are open at `now`.
    #[must_use]
    pub fn open(&self, now: At) -> usize {
        self.order.open(now)
    }

    /// Returns the instant at which the first `count` of the reservations open at `now` have expired.
    #[must_use]
    pub fn frees(&self, count: usize, now: At) -> Option<At> {
        self.order.end(self.order.ended(now).checked_add(count)?.checked_sub(1)?)
    }

    /// Returns the instant at which the last reservation expires.
    #[must_use]
    pub fn end(&self) -> Option<At> {
        self.order.last()
    }

    /// Returns the instant at which the last of them ends, be it a reservation or a lease.
    #[must_use]
    pub fn last(&self) -> Option<At> {
        self.order.last().max(self.leases.last())
    }

    /// Returns the number of reservations and leases that are open at `now`.
    #[must_use]
    pub fn open_of_both(&self, now: At) -> usize {
        self.order.open(now).saturating_add(self.leases.open(now))
    }

    /// Returns whether any lease is stored: one that is open, or that has ended since the last change.
    #[must_use]
    pub fn has_leases(&self) -> bool {
        !self.leases.is_empty()
    }

    /// Iterates over the stored leases, the one that ends first first.
    pub(crate) fn leases(&self) -> impl Iterator<Item = &Reservation> {
        self.leases.ids().filter_map(|id| self.by_id.get(id))
    }

    /// Removes the first lease that has ended by `now`, and returns it.
    pub(crate) fn take_ended_lease(&mut self, now: At) -> Option<Reservation> {
        let (id, held) = self.by_id.remove_entry(&self.leases.pop_ended(now)?)?;
        self.leave(&id, &held);
        Some(held)
    }

    /// Returns whether anything may still be settled at `now`.
    pub(crate) fn any_open(&self, now: At) -> bool {
        self.open(now) > 0 || self.has_leases()
    }

    /// Returns whether there is no room for one more.
    pub(crate) fn is_full(&self, now: At, for_lease: bool) -> bool {
        self.open(now).saturating_add(self.leases.len()) >= RESERVATIONS_MAX
            || (for_lease && self.leases.len() >= LEASES_MAX)
    }

    /// Copies the leases, without the reservations.
    pub(crate) fn only_leases(&self) -> Self {
        if self.leases.is_empty() {
            return Self::default();
        }
        let (leases, slots) = (self.leases.clone(), self.slots.without_counts());
        let mut copy = Self { leases, made: self.made, slots, ..Self::default() };
        for id in self.leases.ids() {
            if let Some(held) = self.by_id.get(id) {
                copy.join(id, held);
                copy.by_id.insert(Arc::clone(id), held.clone());
            }
        }
        copy
    }

    /// Returns the reservation with that id, if it is open at `now`.
    #[must_use]
    pub fn get(&self, id: &[u8], now: At) -> Option<&Reservation> {
        self.by_id.get(id).filter(|held| held.expires > now)
    }

    /// Adds a reservation or a lease, and replaces an earlier one with the same id. Returns `false` if the key is full.
    pub fn insert(
        &mut self,
        id: &[u8],
        (at, expires): (At, At),
        shares: Box<[Share]>,
        is_lease: bool,
    ) -> bool {
        self.remove(id);
        if self.by_id.len() >= RESERVATIONS_MAX {
            return false;
        }
        let id: Id = id.into();
        self.made = self.made.saturating_add(1);
        let held = Reservation { at, expires, number: self.made, is_lease, shares };
        self.order_of(is_lease).insert(expires, Arc::clone(&id));
        self.join(&id, &held);
        self.by_id.insert(id, held);
        self.thin();
        true
    }

    fn join(&mut self, id: &Id, held: &Reservation) {
        self.slots.join(&held.shares);
        self.id_bytes = self.id_bytes.saturating_add(id.len());
        self.shares = self.shares.saturating_add(held.shares.len());
    }

    fn leave(&mut self, id: &Id, held: &Reservation) {
        self.slots.leave(&held.shares);
        self.id_bytes = self.id_bytes.saturating_sub(id.len());
        self.shares = self.shares.saturating_sub(held.shares.len());
    }

    /// Removes a reservation and returns it.
    pub fn remove(&mut self, id: &[u8]) -> Option<Reservation> {
        let (id, held) = self.by_id.remove_entry(id)?;
        self.order_of(held.is_lease).remove(held.expires, &id);
        self.leave(&id, &held);
        Some(held)
    }

    /// Sets the instant at which a reservation expires.
    pub fn renew(&mut self, id: &[u8], expires: At) {
        let Some((id, held)) = self.by_id.get_key_value(id) else { return };
        let (id, before, is_lease) = (Arc::clone(id), held.expires, held.is_lease);
        self.order_of(is_lease).remove(before, &id);
        if let Some(held) = self.by_id.get_mut(&id) {
            held.expires = expires;
        }
        self.order_of(is_lease).insert(expires, id);
    }

    fn order_of(&mut self, is_lease: bool) -> &mut ByEnd {
        if is_lease { &mut self.leases } else { &mut self.order }
    }

    /// Drops reservations that have expired at `now`, at most [`DROPPED_AT_ONCE`]. Their cost stays charged. The next
    /// changes of the key drop the others, which count as little as those that are gone.
    pub fn prune(&mut self, now: At) {
        for _ in 0..DROPPED_AT_ONCE {
            let Some(id) = self.order.pop_ended(now) else { break };
            if let Some((id, held)) = self.by_id.remove_entry(&id) {
                self.leave(&id, &held);
            }
        }
        if self.by_id.is_empty() {
            *self = Self::default();
        }
    }

    /// Returns whether no reservation is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Returns the number of reservations made since the key last had none.
    pub(crate) const fn made(&self) -> u64 {
        self.made
    }

    /// Iterates over all reservations, sorted by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Id, &Reservation)> {
        self.by_id.iter()
    }

    /// Assigns slots to the limits of the key, unless they have them already.
    ///
    /// `merged` is the number of merged limits, which come after them.
    pub(crate) fn track<'a>(&mut self, limits: impl Iterator<Item = &'a Limit> + Clone, merged: usize) {
        self.slots.begin(limits, merged);
    }

    /// Merges the limits at `one` and at `other`, which is later, into one after all others.
    pub(crate) fn merge(&mut self, one: usize, other: usize) {
        self.slots.merge(one, other, self.made, self.by_id.values_mut());
    }

    pub(crate) const fn slots(&self) -> &Slots {
        &self.slots
    }

    /// Records what the bucket of the limit at `index` is missing before a charge.
    pub(crate) fn note(&mut self, index: usize, missing: u128) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.floor.note(self.made, missing);
        }
    }

    /// Returns the smallest amount that the bucket of the limit at `index` was missing since reservation
    /// `number` was made. `None` if the bucket was not charged since.
    pub(crate) fn least(&self, index: usize, number: u64) -> Option<u128> {
        self.slots.list().get(index)?.floor.since(number)
    }

    /// Lowers by `given` the recorded levels of that bucket since reservation `number` was made.
    pub(crate) fn lower(&mut self, index: usize, number: u64, given: u128) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.floor.lower(number, given);
        }
    }

    /// Returns whether any stored reservation took part in the limit at `index`.
    pub(crate) fn took(&self, index: usize) -> bool {
        self.slots.list().get(index).is_some_and(|slot| slot.took > 0)
    }

    /// Updates the slots after the limits have changed.
    pub(crate) fn rearrange(&mut self, origins: &[Origin]) {
        self.slots.rearrange(origins, self.made);
    }

    /// Drops levels that no reservation uses any more, once there are many.
    fn thin(&mut self) {
        let many = self.by_id.len().saturating_mul(2).saturating_add(64);
        if self.slots.list().iter().all(|slot| slot.floor.len() <= many) {
            return;
        }
        let mut numbers: Vec<u64> = self.by_id.values().map(|held| held.number).collect();
        numbers.sort_unstable();
        self.slots.iter_mut().for_each(|slot| slot.floor.keep(&numbers));
    }

    /// Makes the reservations of a list that is sorted by id. Returns `None` if this code cannot have written
    /// it.
    pub(crate) fn from_lists(held: Vec<(Id, Reservation)>, made: u64, slots: Slots) -> Option<Self> {
        let sorted = |ids: &[(Id, Reservation)]| ids.is_sorted_by(|(a, _), (b, _)| a < b);
        let numbered = held.iter().all(|(_, held)| (1..=made).contains(&held.number));
        if held.is_empty() || !sorted(&held) || !numbered {
            return None;
        }
        let order = |is_lease: bool| -> ByEnd {
            let all = held.iter().filter(|(_, held)| held.is_lease == is_lease);
            all.map(|(id, held)| (held.expires, Arc::clone(id))).collect()
        };
        let (order, leases) = (order(false), order(true));
        if leases.len() > LEASES_MAX {
            return None;
        }
        let mut read = Self { order, leases, made, slots, ..Self::default() };
        held.iter().for_each(|(id, held)| read.join(id, held));
        read.by_id = held.into_iter().collect();
        Some(read)
    }

    /// Returns the approximate heap memory in use, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let shares = size_of::<Share>().saturating_mul(self.shares);
        // An id has two reference counts. A map node is about two thirds full.
        let ids = self.by_id.len().saturating_mul(16).saturating_add(self.id_bytes);
        let nodes = size_of::<(Id, Reservation)>().saturating_mul(self.by_id.len()).saturating_mul(3) / 2;
        let order = self.order.heap_bytes().saturating_add(self.leases.heap_bytes());
        [shares, ids, nodes, order, self.slots.heap_bytes()].into_iter().fold(0, usize::saturating_add)
    }
}
