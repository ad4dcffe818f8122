//! One reservation: what a call was charged before it says what it used.

use std::sync::Arc;

use crate::time::At;

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
    /// What it took and was answered, in the order of the limits it was admitted by.
    pub shares: Box<[Share]>,
}

/// A reservation's part in one limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Which limit, by a number of its key's own.
    pub slot: u64,
    /// What it took.
    pub taken: u64,
    /// What remained, as it was answered.
    pub remaining: u64,
    /// When all would be available again, as it was answered.
    pub reset_after_ms: u64,
}
