//! The words of a command in one buffer, and the request that was read from them.
#![allow(clippy::mem_forget, reason = "the macro of self_cell moves its parts so")]

use rl_core::grammar::Words;
use rl_core::grammar::request::Request;
use self_cell::self_cell;
use smallvec::SmallVec;

/// The words of a command: its name, the key, and what follows.
#[derive(Debug)]
pub(crate) struct WordList {
    name: &'static str,
    /// The words after the name.
    bytes: Vec<u8>,
    /// Where each of them ends.
    ends: SmallVec<[usize; 16]>,
}

impl WordList {
    /// A name only.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, bytes: Vec::with_capacity(128), ends: SmallVec::new() }
    }

    /// The same words with another name.
    pub(super) fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// Adds a word.
    pub(crate) fn push(&mut self, word: &[u8]) {
        self.bytes.extend_from_slice(word);
        self.ends.push(self.bytes.len());
    }
}

impl Words for WordList {
    fn word(&self, index: usize) -> Option<&[u8]> {
        let Some(at) = index.checked_sub(1) else { return Some(self.name.as_bytes()) };
        let begin = match at.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(begin..*self.ends.get(at)?)
    }

    fn count(&self) -> usize {
        self.ends.len().saturating_add(1)
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
