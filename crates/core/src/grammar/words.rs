//! Words that several commands have: the command's words themselves, and the id of a reservation.

use crate::fault::{Fault, Result};
use crate::quota::bounds::ID_MAX;

pub use crate::words::Words;
pub(super) use crate::words::{is, next};

/// Checks the id of a reservation.
///
/// # Errors
/// [`Fault::Id`] if it is empty or too long.
pub(super) fn id(word: &[u8]) -> Result<&[u8]> {
    if (1..=ID_MAX).contains(&word.len()) { Ok(word) } else { Err(Fault::Id) }
}
