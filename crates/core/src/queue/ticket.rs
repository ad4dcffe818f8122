//! The id of a waiter.

/// The id of a waiter. A later waiter has a larger ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);
