//! The last request of a command, and what its words meant.
//!
//! Those who call a limit say nearly always the same behind the key: `500 60`, thousands of times a second. Words that are
//! the last ones again are not read again. Short words only, so that a comparison is two numbers'.

use crate::fault::Result;
use crate::grammar::limit::Request;
use crate::grammar::words::Words;

/// Where the words begin that are compared: behind the name of the command and the key.
const FIRST: usize = 2;
/// How many there may be: limit, window or capacity, refill, period.
const MOST: usize = 3;

/// See the head of this file.
#[derive(Debug)]
pub struct Recent {
    /// How many words there were in all; 0 where there is no last request.
    count: usize,
    words: [Short; MOST],
    request: Option<Request>,
}

/// A word of at most eight bytes: those and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Short(u64, usize);

impl Short {
    const EMPTY: Self = Self(0, 0);

    #[inline(always)]
    fn new(word: &[u8]) -> Option<Self> {
        let bytes = if let (Some(first), Some(last)) = (word.first_chunk::<4>(), word.last_chunk::<4>()) {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
        } else {
            // Of three, two or one byte these are all of them.
            let at = |index: usize| word.get(index).copied().unwrap_or_default();
            u64::from(u32::from_le_bytes([at(0), at(1), at(2), 0]))
        };
        (word.len() <= 8).then_some(Self(bytes, word.len()))
    }
}

impl Recent {
    /// Nothing was asked yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { count: 0, words: [Short::EMPTY; MOST], request: None }
    }

    /// What `read` makes of the words. It reads what stands behind the key and nothing else.
    ///
    /// # Errors
    /// Those of `read`.
    #[inline]
    pub fn read<W: Words + ?Sized>(
        &mut self,
        words: &W,
        read: impl FnOnce(&W) -> Result<Request>,
    ) -> Result<&Request> {
        if words.count() != self.count || !self.is_last(words) {
            self.replace(words, read(words)?);
        }
        self.request.as_ref().ok_or(crate::fault::Fault::SlideSyntax) // not reached: it was put there
    }

    /// Whether so many words are the last ones.
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
        self.count = 0; // unless all of them are short
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

impl Default for Recent {
    fn default() -> Self {
        Self::new()
    }
}
