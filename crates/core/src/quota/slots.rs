//! Tracks the limits that reservations took part in, while the limits of the key change.
//!
//! A key may have 100,000 reservations and 32 limits, so a change of limits must not visit each
//! reservation. Instead a reservation names its *slots*, numbers that are never used again, and only the
//! table of slots changes. The number of a reservation tells in the same way whether a slot is closed to it.

use super::limit::Limit;
use super::refund_floor::RefundFloor;
use super::reservation::{Reservation, Share};

/// One row for each limit that the key knows, in its order. Empty while nothing is reserved.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Slots {
    list: Vec<Slot>,
    /// The last slot number given out.
    latest: u64,
}

/// What reservations need to know about one limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Slot {
    /// The slot number. All limits of one name share it, whatever their algorithm, because they are charged
    /// together.
    pub(crate) number: u64,
    /// Reservations up to this number are closed: they get nothing back.
    ///
    /// The limit has counted in another way since. What is left of their cost can no longer be told from the
    /// cost of others.
    pub(crate) since: u64,
    /// The number of stored reservations that took part.
    pub(crate) took: usize,
    /// The refund floor, if the limit is a bucket that was charged since.
    pub(crate) floor: RefundFloor,
}

/// Where a limit comes from when the limits change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The limit at this index, which counts as before.
    Same(usize),
    /// The limit at this index, which counts in another way from now on.
    Closed(usize),
    /// A name that was not there before.
    New,
}

impl Slots {
    /// Returns the rows.
    pub(crate) fn list(&self) -> &[Slot] {
        &self.list
    }

    /// Copies the rows of a key without any reservations, and without refund floors: a lease gives nothing back.
    pub(crate) fn without_counts(&self) -> Self {
        let row = |slot: &Slot| Slot { number: slot.number, since: slot.since, ..Slot::default() };
        Self { list: self.list.iter().map(row).collect(), latest: self.latest }
    }

    pub(crate) const fn latest(&self) -> u64 {
        self.latest
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Slot> {
        self.list.get_mut(index)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.list.iter_mut()
    }

    /// Makes the rows of these limits, and of `merged` more, unless there are rows already.
    pub(crate) fn begin<'a>(&mut self, limits: impl Iterator<Item = &'a Limit> + Clone, merged: usize) {
        if !self.list.is_empty() {
            return;
        }
        for (index, limit) in limits.clone().enumerate() {
            let first = limits.clone().take(index).position(|other| limit.succeeds(other));
            let known = first.and_then(|first| Some(self.list.get(first)?.number));
            let number = known.unwrap_or_else(|| self.next());
            self.list.push(Slot { number, ..Slot::default() });
        }
        for _ in 0..merged {
            let number = self.next();
            self.list.push(Slot { number, ..Slot::default() });
        }
    }

    /// Replaces the rows at `one` and at `other`, which is later, by one row at the end.
    ///
    /// The shares of `all` reservations in them become shares in the new row. Limits of the same names lose these
    /// shares: they find them by the merged limit that has their name.
    pub(crate) fn merge<'a>(
        &mut self,
        one: usize,
        other: usize,
        made: u64,
        all: impl Iterator<Item = &'a mut Reservation>,
    ) {
        if other >= self.list.len() || one >= other {
            return; // nothing is reserved
        }
        let (other, one) = (self.list.remove(other), self.list.remove(one));
        let mut merged = Slot { number: self.next(), since: made, ..Slot::default() };
        let is_merged = |number: u64| number == one.number || number == other.number;
        if one.took > 0 || other.took > 0 {
            for held in all {
                let shares = held.shares.iter_mut().filter(|share| is_merged(share.slot));
                let moved = shares.map(|share| share.slot = merged.number).count();
                merged.took = merged.took.saturating_add(usize::from(moved > 0));
            }
            self.list.iter_mut().filter(|slot| is_merged(slot.number)).for_each(|slot| slot.took = 0);
        }
        self.list.push(merged);
    }

    fn next(&mut self) -> u64 {
        self.latest = self.latest.saturating_add(1);
        self.latest
    }

    /// Updates the rows after a change of limits. `made` reservations were made before it.
    pub(crate) fn rearrange(&mut self, origins: &[Origin], made: u64) {
        if self.list.is_empty() {
            return;
        }
        let mut old = core::mem::take(&mut self.list);
        for origin in origins {
            let before = match origin {
                Origin::Same(index) | Origin::Closed(index) => old.get_mut(*index),
                Origin::New => None,
            };
            let slot = match (origin, before) {
                (Origin::Same(_), Some(before)) => {
                    Slot { floor: core::mem::take(&mut before.floor), ..*before }
                }
                (_, Some(Slot { number, took, .. })) => {
                    Slot { number: *number, since: made, took: *took, floor: RefundFloor::default() }
                }
                (_, None) => Slot { number: self.next(), since: made, ..Slot::default() },
            };
            self.list.push(slot);
        }
    }

    /// Counts a new reservation with these shares.
    pub(crate) fn join(&mut self, shares: &[Share]) {
        self.of(shares).for_each(|slot| slot.took = slot.took.saturating_add(1));
    }

    /// Discounts a removed reservation with these shares.
    pub(crate) fn leave(&mut self, shares: &[Share]) {
        self.of(shares).for_each(|slot| slot.took = slot.took.saturating_sub(1));
    }

    fn of(&mut self, shares: &[Share]) -> impl Iterator<Item = &mut Slot> {
        self.list.iter_mut().filter(|slot| shares.iter().any(|share| share.slot == slot.number))
    }

    /// Returns the share of a reservation in the limit at `index`, and whether the slot is closed to it.
    /// `None` if the reservation did not take part.
    pub(crate) fn share(&self, index: usize, held: &Reservation) -> Option<(Share, bool)> {
        let slot = self.list.get(index)?;
        let share = held.shares.iter().find(|share| share.slot == slot.number)?;
        Some((*share, held.number <= slot.since))
    }

    /// Returns the index of the first limit with this slot number.
    pub(crate) fn position(&self, number: u64) -> Option<usize> {
        self.list.iter().position(|slot| slot.number == number)
    }

    /// Makes the rows of a list without any reservations. Returns `None` if this code cannot have written it.
    pub(crate) fn from_list(list: Vec<Slot>, latest: u64, made: u64) -> Option<Self> {
        let sound = |slot: &Slot| (1..=latest).contains(&slot.number) && slot.since <= made;
        list.iter().all(sound).then_some(Self { list, latest })
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let floors = self.list.iter().map(|slot| slot.floor.heap_bytes()).fold(0, usize::saturating_add);
        size_of::<Slot>().saturating_mul(self.list.capacity()).saturating_add(floors)
    }
}
