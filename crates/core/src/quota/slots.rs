//! Which limits of a key its reservations took part in, while those limits change.
//!
//! There may be 100,000 reservations and 32 limits. So a reservation is not told when the limits become
//! others: it names the *slots* it took part in, numbers that are never used again, and only the table
//! of slots changes. What is closed to a reservation is told by its own number in the same way.

use super::limit::Limit;
use super::refund_floor::RefundFloor;
use super::reservation::{Reservation, Share};

/// A row for each limit that a key knows of, in its order; none while nothing is reserved.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Slots {
    list: Vec<Slot>,
    /// The latest slot there was.
    latest: u64,
}

/// What is known of one limit for the sake of reservations.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Slot {
    /// All limits of one name have the same, by whichever algorithm they count: each is charged alike.
    pub(crate) number: u64,
    /// Reservations up to this number are closed: the limit is counted otherwise since, and what is left of
    /// what they took cannot be told from what others took, so nothing is given back.
    pub(crate) since: u64,
    /// How many of those that are held took part.
    pub(crate) took: usize,
    /// What a bucket that was charged since was missing.
    pub(crate) floor: RefundFloor,
}

/// Where a limit comes from when limits change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is what was there, and counts as it did.
    Same(usize),
    /// It goes on with what was there, and is counted otherwise from now on.
    Closed(usize),
    /// None of its name was there.
    New,
}

impl Slots {
    /// The rows.
    pub(crate) fn list(&self) -> &[Slot] {
        &self.list
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

    /// Gives these limits their rows, if they have none yet.
    pub(crate) fn begin<'a>(&mut self, limits: impl Iterator<Item = &'a Limit> + Clone) {
        if !self.list.is_empty() {
            return;
        }
        for (index, limit) in limits.clone().enumerate() {
            let first = limits.clone().take(index).position(|other| limit.succeeds(other));
            let known = first.and_then(|first| Some(self.list.get(first)?.number));
            let number = known.unwrap_or_else(|| self.next());
            self.list.push(Slot { number, ..Slot::default() });
        }
    }

    fn next(&mut self) -> u64 {
        self.latest = self.latest.saturating_add(1);
        self.latest
    }

    /// The limits have become others, with `made` reservations made until then.
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

    /// A reservation took part in these.
    pub(crate) fn join(&mut self, shares: &[Share]) {
        self.of(shares).for_each(|slot| slot.took = slot.took.saturating_add(1));
    }

    /// One that took part in these is gone.
    pub(crate) fn leave(&mut self, shares: &[Share]) {
        self.of(shares).for_each(|slot| slot.took = slot.took.saturating_sub(1));
    }

    fn of(&mut self, shares: &[Share]) -> impl Iterator<Item = &mut Slot> {
        self.list.iter_mut().filter(|slot| shares.iter().any(|share| share.slot == slot.number))
    }

    /// What a reservation took of the limit at `index`, and whether it is closed; `None` if it did not
    /// take part.
    pub(crate) fn share(&self, index: usize, held: &Reservation) -> Option<(Share, bool)> {
        let slot = self.list.get(index)?;
        let share = held.shares.iter().find(|share| share.slot == slot.number)?;
        Some((*share, held.number <= slot.since))
    }

    /// The first limit that has a slot.
    pub(crate) fn position(&self, number: u64) -> Option<usize> {
        self.list.iter().position(|slot| slot.number == number)
    }

    /// Rows from a list, in which nobody takes part yet; `None` if they are not such that this code has made.
    pub(crate) fn from_list(list: Vec<Slot>, latest: u64, made: u64) -> Option<Self> {
        let sound = |slot: &Slot| (1..=latest).contains(&slot.number) && slot.since <= made;
        list.iter().all(sound).then_some(Self { list, latest })
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let floors = self.list.iter().map(|slot| slot.floor.heap_bytes()).fold(0, usize::saturating_add);
        size_of::<Slot>().saturating_mul(self.list.capacity()).saturating_add(floors)
    }
}
