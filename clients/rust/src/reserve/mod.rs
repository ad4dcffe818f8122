//! Reservations as scopes: an estimate is charged when the scope begins, and what was really used when it ends.
//!
//! | file | contents |
//! |---|---|
//! | `request.rs` | the request for a reservation |
//! | `reservation.rs` | the scope, and how it ends |
//! | `open.rs` | what is sent while it is open, and at its end |
//! | `headers.rs` | what a provider's headers tell its keys |

#[cfg(feature = "profiles")]
mod headers;
mod open;
mod request;
mod reservation;

pub use self::request::Reserve;
pub use self::reservation::Reservation;
