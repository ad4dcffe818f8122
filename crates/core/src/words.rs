//! The words of a command, read one after another.

use crate::fault::{Fault, Result};

/// A command's words. The command's own name is the first.
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

/// Returns whether the word at `at` is `keyword`, in lower or upper case.
pub(crate) fn is<W: Words + ?Sized>(words: &W, at: usize, keyword: &[u8]) -> bool {
    words.word(at).is_some_and(|word| word.eq_ignore_ascii_case(keyword))
}

/// Takes a word whose presence the command's arity guarantees, and moves `at` past it.
#[inline]
pub(crate) fn required<'a, W: Words + ?Sized>(words: &'a W, at: &mut usize) -> &'a [u8] {
    let word = words.word(*at).unwrap_or_default();
    *at = at.saturating_add(1);
    word
}

/// Takes the word at `at` and moves `at` past it.
///
/// # Errors
/// `syntax` if there is no such word.
pub(crate) fn next<'a, W: Words + ?Sized>(words: &'a W, at: &mut usize, syntax: Fault) -> Result<&'a [u8]> {
    let word = words.word(*at).ok_or(syntax)?;
    *at = at.saturating_add(1);
    Ok(word)
}
