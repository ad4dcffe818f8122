//! A cache of the last request of a one-limit command, to skip parsing repeated words.
//!
//! It compares short words only, so that comparing two words is comparing two numbers.

use crate::fault::Result;
use crate::grammar::limit::Request;
use crate::grammar::words::Words;

/// The index of the first compared word, after the command and the key.
const FIRST: usize = 2;
/// The largest number of compared words: limit and window, or capacity, refill and period.
const MOST: usize = 3;

/// The last request of a one-limit command.
#[derive(Debug)]
pub struct LimitCache {
    /// The number of its words in all. 0 if there is no last request.
    count: usize,
    words: [Short; MOST],
    request: Option<Request>,
}

/// A word of at most eight bytes: its bytes and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Short(u64, usize);

impl Short {
    const EMPTY: Self = Self(0, 0);

    #[inline(always)]
    fn new(word: &[u8]) -> Option<Self> {
        let bytes = if let (Some(first), Some(last)) = (word.first_chunk::<4>(), word.last_chunk::<4>()) {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
        } else {
            // A word of at most three bytes.
            let at = |index: usize| word.get(index).copied().unwrap_or_default();
            u64::from(u32::from_le_bytes([at(0), at(1), at(2), 0]))
        };
        (word.len() <= 8).then_some(Self(bytes, word.len()))
    }
}

impl LimitCache {
    /// Makes an empty cache.
    #[must_use]
    pub const fn new() -> Self {
        Self { count: 0, words: [Short::EMPTY; MOST], request: None }
    }

    /// Parses the words with `read`, unless they equal those of the last request.
    ///
    /// `read` must use only the words after the key.
    ///
    /// # Errors
    /// The errors of `read`.
    #[inline]
    pub fn read<W: Words + ?Sized>(
        &mut self,
        words: &W,
        read: impl FnOnce(&W) -> Result<Request>,
    ) -> Result<&Request> {
        if words.count() != self.count || !self.is_last(words) {
            self.replace(words, read(words)?);
        }
        self.request.as_ref().ok_or(crate::fault::Fault::SlideSyntax) // not reached: it was set above
    }

    /// Returns whether the words equal those of the last request. Their number must be the same.
    #[inline(always)]
    fn is_last<W: Words + ?Sized>(&self, words: &W) -> bool {
        for (at, known) in (FIRST..self.count).zip(&self.words) {
            if words.word(at).and_then(Short::new) != Some(*known) {
                return false;
            }
        }
        true
    }

    fn replace<W: Words + ?Sized>(&mut self, words: &W, request: Request) {
        self.request = Some(request);
        self.count = 0; // until all words prove short
        let count = words.count();
        if count > FIRST.saturating_add(MOST) {
            return;
        }
        for (at, place) in (FIRST..count).zip(&mut self.words) {
            let Some(word) = words.word(at).and_then(Short::new) else { return };
            *place = word;
        }
        self.count = count;
    }
}

impl Default for LimitCache {
    fn default() -> Self {
        Self::new()
    }
}
