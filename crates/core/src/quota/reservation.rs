//! One reservation: the estimate that a caller is charged before it settles. Or one lease, of which nothing is charged
//! before it ends.

use std::sync::Arc;

use crate::time::At;

/// The id of a reservation: any bytes.
pub type Id = Arc<[u8]>;

/// One reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The instant at which it was made and charged.
    pub at: At,
    /// The instant at which it expires unless it is settled.
    pub expires: At,
    /// Its number among the reservations of its key, from 1.
    pub number: u64,
    /// Whether it is a lease: its shares are not charged yet, but count as long as it is open.
    pub is_lease: bool,
    /// What it took and what was answered, in the order of the limits that admitted it.
    pub shares: Box<[Share]>,
}

impl Reservation {
    /// Returns what is charged of one of its shares while it is open.
    #[must_use]
    pub const fn charged(&self, share: &Share) -> u64 {
        if self.is_lease { 0 } else { share.taken }
    }
}

/// The part of a reservation in one limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// The limit, as a slot number of the key.
    pub slot: u64,
    /// The cost that it took.
    pub taken: u64,
    /// The remaining cost, as answered.
    pub remaining: u64,
    /// The ms until the full limit is available again, as answered.
    pub reset_after_ms: u64,
}
