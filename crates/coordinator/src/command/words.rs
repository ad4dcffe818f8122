//! The words of a command in one buffer, and the request that was read from them.
#![allow(clippy::mem_forget, reason = "the macro of self_cell moves its parts so")]

use rl_core::grammar::Words;
use rl_core::grammar::request::Request;
use self_cell::self_cell;
use smallvec::SmallVec;

/// The words of a command: its name, the key, and what follows.
#[derive(Debug)]
pub(super) struct WordList {
    bytes: Vec<u8>,
    /// Where each word ends.
    ends: SmallVec<[usize; 16]>,
}

impl WordList {
    /// No words.
    pub(super) fn new() -> Self {
        Self { bytes: Vec::with_capacity(128), ends: SmallVec::new() }
    }

    /// Adds a word.
    pub(super) fn push(&mut self, word: &[u8]) {
        self.bytes.extend_from_slice(word);
        self.ends.push(self.bytes.len());
    }
}

impl Words for WordList {
    fn word(&self, index: usize) -> Option<&[u8]> {
        let begin = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(begin..*self.ends.get(index)?)
    }

    fn count(&self) -> usize {
        self.ends.len()
    }
}

self_cell!(
    /// Words, and the request that borrows from them.
    pub(super) struct Read {
        owner: WordList,
        #[not_covariant]
        dependent: Request,
    }

    impl {Debug}
);
