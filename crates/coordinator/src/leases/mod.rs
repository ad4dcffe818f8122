//! Leases ahead of requests: permits that a server has lent, out of which this process decides by itself.
//!
//! | file | contents |
//! |---|---|
//! | `book.rs` | all keys: decides, and says what the server must be asked |
//! | `entry.rs` | one key: its leases, its last reply, its denial |
//! | `fetch.rs` | how much is asked for, and what a reply means |
//! | `terms.rs` | how leases are taken, and how one is settled |
//! | `permits.rs` | amounts by unit |
//! | `demand.rs` | how much of each unit was asked for lately |
//! | `identity.rs` | a request without its costs, which is what a lease is for |
//!
//! Nothing here knows a server or a clock: each call says what time it is, by a steady clock. `backend/redis/lending.rs`
//! drives it.
//!
//! A use of a lease is safe if it lies between the grant and the settlement, or the end of the ttl at the server. So a lease
//! is used until `sent + ttl`, where `sent` is when the request for it was sent, less a margin. What was used is told in
//! one settlement, after which the lease is used no more. If that is lost, the server charges the whole lease.

mod book;
mod demand;
mod entry;
mod fetch;
mod identity;
mod permits;
#[cfg(test)]
mod scenes;
#[cfg(test)]
mod simulation;
mod terms;

pub(crate) use self::book::{Book, Decision, Work};
pub(crate) use self::fetch::Outcome;
pub(crate) use self::identity::{Identity, Wish, wish, words};
pub(crate) use self::terms::{Settlement, Terms};
