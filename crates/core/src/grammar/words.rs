//! The words of a command, and helpers that take one word after another.

use crate::fault::{Fault, Result};
use crate::quota::bounds::ID_MAX;

/// The words of a command. The first word is its name.
pub trait Words {
    /// Returns the word at `index`, or `None` past the last word.
    fn word(&self, index: usize) -> Option<&[u8]>;
    /// Returns the number of words.
    fn count(&self) -> usize;
}

impl Words for [&[u8]] {
    fn word(&self, index: usize) -> Option<&[u8]> {
        self.get(index).copied()
    }

    fn count(&self) -> usize {
        self.len()
    }
}

/// Returns a word that the command's arity guarantees.
pub(super) fn required<W: Words + ?Sized>(words: &W, index: usize) -> Result<&[u8]> {
    Ok(words.word(index).unwrap_or_default())
}

/// Checks the id of a reservation.
///
/// # Errors
/// [`Fault::Id`] if it is empty or too long.
pub(super) fn id(word: &[u8]) -> Result<&[u8]> {
    if (1..=ID_MAX).contains(&word.len()) { Ok(word) } else { Err(Fault::Id) }
}

/// Takes the word at `at` and moves `at` past it.
pub(super) fn next<'a, W: Words + ?Sized>(words: &'a W, at: &mut usize, syntax: Fault) -> Result<&'a [u8]> {
    let word = words.word(*at).ok_or(syntax)?;
    *at = at.saturating_add(1);
    Ok(word)
}
